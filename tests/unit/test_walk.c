/* What operators of graphs stand on: copies between layouts against copies element by element, and keys
 * whose order is that of the elements. */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "model/graph/op_key.h"
#include "model/graph/op_walk.h"

enum { ROOM = 1 << 14 };

static uint64_t drawn;

static size_t draw(size_t n)
{
    uint32_t out[4];
    hn_philox(11, drawn++, 0, out);
    return out[0] % n;
}

/* The same walk, one element at a time. */
static void copy_plainly(const struct hn_walk *w, size_t bytes, unsigned char *to,
                         const unsigned char *from)
{
    size_t n = 1;
    for (size_t d = 0; d < w->n_dims; d++)
        n *= w->shape[d];
    for (size_t i = 0; i < n; i++) {
        ptrdiff_t t = 0, f = 0;
        for (size_t d = w->n_dims, rest = i; d-- > 0; rest /= w->shape[d]) {
            t += (ptrdiff_t)(rest % w->shape[d]) * w->to[d];
            f += (ptrdiff_t)(rest % w->shape[d]) * w->from[d];
        }
        memcpy(to + t * (ptrdiff_t)bytes, from + f * (ptrdiff_t)bytes, bytes);
    }
}

/* A walk over dimensions in any order, some of them backwards, repeated, of one element or empty. Returns
 * where its source starts. */
static size_t draw_walk(struct hn_walk *w)
{
    size_t start = 0, order[5];
    ptrdiff_t step = 1;
    *w = (struct hn_walk){.n_dims = draw(6)};
    for (size_t d = 0; d < w->n_dims; d++) {
        w->shape[d] = draw(20) == 0 ? 0 : 1 + draw(w->n_dims < 3 ? 40 : 6);
        order[d] = d;
    }
    for (size_t d = w->n_dims; d > 1; d--) {
        const size_t other = draw(d), place = order[d - 1];
        order[d - 1] = order[other], order[other] = place;
    }
    for (size_t i = 0; i < w->n_dims; i++) {
        const size_t d = order[i];
        const size_t how = draw(6);
        w->from[d] = how == 0 ? 0 : how == 1 ? -step : step;
        if (how == 1 && w->shape[d]) start += (w->shape[d] - 1) * (size_t)step;
        if (how != 0) step *= (ptrdiff_t)(w->shape[d] ? w->shape[d] : 1);
    }
    hn_walk_steps(w->shape, w->n_dims, w->to);
    return start;
}

START_TEST(test_copies)
{
    static _Alignas(16) unsigned char from[ROOM * 16], to[ROOM * 16], want[ROOM * 16];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (unsigned char)(i * 7 + i / 251);
    for (size_t round = 0; round < 2000; round++) {
        struct hn_walk w;
        const size_t start = draw_walk(&w), bytes = (size_t)1 << draw(5);
        memset(to, 0xAA, sizeof to);
        memset(want, 0xAA, sizeof want);
        hn_walk_copy(&w, bytes, to, from + start * bytes);
        copy_plainly(&w, bytes, want, from + start * bytes);
        ck_assert_msg(memcmp(to, want, sizeof to) == 0, "round %zu, %zu bytes", round, bytes);
    }
}
END_TEST

START_TEST(test_fills)
{
    uint16_t to[9] = {0};
    hn_walk_fill(to + 1, 7, sizeof *to, &(const uint16_t){513});
    ck_assert_uint_eq(to[0], 0);
    ck_assert_uint_eq(to[1], 513);
    ck_assert_uint_eq(to[7], 513);
    ck_assert_uint_eq(to[8], 0);
    hn_walk_fill(NULL, 0, sizeof *to, to);
}
END_TEST

/* Elements that ascend strictly. */
static void check_order(enum hn_element type, const void *data, size_t n)
{
    const struct hn_array a = {.type = type, .n = n, .data = (void *)(uintptr_t)data};
    uint64_t keys[8];
    ck_assert(hn_key_type(type));
    hn_keys(&a, 0, n, 1, keys);
    for (size_t i = 1; i < n; i++)
        ck_assert_msg(keys[i - 1] < keys[i], "%s, element %zu", hn_element_info(type)->name, i);
}

START_TEST(test_key_order)
{
    check_order(HN_EL_F32, (const float[]){-INFINITY, -2, -1e-40f, 0, 1e-40f, 3, INFINITY, NAN}, 8);
    check_order(HN_EL_F64, (const double[]){-INFINITY, -2, -1e-310, 0, 1e-310, 3, INFINITY, NAN},
                8);
    check_order(HN_EL_F16, (const uint16_t[]){0xFC00, 0xBC00, 0x8001, 0, 1, 0x3C00, 0x7C00, 0x7E00},
                8);
    check_order(HN_EL_BF16,
                (const uint16_t[]){0xFF80, 0xBF80, 0x8001, 0, 1, 0x3F80, 0x7F80, 0x7FC0}, 8);
    check_order(HN_EL_I8, (const int8_t[]){-128, -1, 0, 127}, 4);
    check_order(HN_EL_I16, (const int16_t[]){INT16_MIN, -1, 0, INT16_MAX}, 4);
    check_order(HN_EL_I32, (const int32_t[]){INT32_MIN, -1, 0, INT32_MAX}, 4);
    check_order(HN_EL_I64, (const int64_t[]){INT64_MIN, -1, 0, INT64_MAX}, 4);
    check_order(HN_EL_U64, (const uint64_t[]){0, 1, INT64_MAX, UINT64_MAX}, 4);
    check_order(HN_EL_BOOL, (const uint8_t[]){0, 1}, 2);
}
END_TEST

START_TEST(test_key_equals)
{
    float x[] = {0, -0.0f, NAN, -NAN};
    const struct hn_array a = {.type = HN_EL_F32, .n = 4, .data = x};
    uint64_t keys[4];
    hn_keys(&a, 0, 2, 1, keys);
    ck_assert_uint_eq(keys[0], keys[1]);
    hn_keys(&a, 2, 2, 1, keys);
    ck_assert_uint_eq(keys[0], keys[1]);
    hn_keys(&a, 1, 2, 2, keys); /* every other one */
    ck_assert(keys[0] < keys[1]);
    ck_assert(!hn_key_type(HN_EL_STRING) && !hn_key_type(HN_EL_C64));
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("walk");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_copies);
    tcase_add_test(tcase, test_fills);
    tcase_add_test(tcase, test_key_order);
    tcase_add_test(tcase, test_key_equals);
    return run_unit("walk", tcase);
}
