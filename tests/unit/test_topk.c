/* The search for the best vectors against brute force: the same items in the same order, on vectors of
 * every nasty kind, for every level, with and without threads, alone and together, with filters. */
#include "unit.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "base/rng.h"
#include "model/recommend/vectors.h"

enum { BLOCKS = 3, ITEMS = BLOCKS * HN_VECTORS, QUERIES = 21, DIMS_MAX = 128 };

static struct hn_vectors *blocks[BLOCKS];
static bool there[ITEMS];
static uint64_t drawn;

static float draw(void) /* [-1, 1) */
{
    uint32_t out[4];
    hn_philox(7, drawn++, 0, out);
    return (float)out[0] * 0x1p-31f - 1;
}

/* Kinds of vectors: each fills one. */
static void uniform(float *x, size_t dims, size_t i)
{
    (void)i;
    for (size_t j = 0; j < dims; j++)
        x[j] = draw();
}
static void equal(float *x, size_t dims, size_t i)
{
    (void)i;
    for (size_t j = 0; j < dims; j++)
        x[j] = (float)j / 7 - 3;
}
static void near_equal(float *x, size_t dims, size_t i)
{
    equal(x, dims, i);
    x[i % dims] = nextafterf(x[i % dims], i % 3 ? 9.0f : -9.0f);
}
static void zero(float *x, size_t dims, size_t i)
{
    (void)i;
    memset(x, 0, dims * sizeof *x);
}
static void huge(float *x, size_t dims, size_t i)
{
    for (size_t j = 0; j < dims; j++)
        x[j] = i % 5 ? draw() * 1e-3f : draw() * FLT_MAX;
}
static void tiny(float *x, size_t dims, size_t i)
{
    for (size_t j = 0; j < dims; j++)
        x[j] = draw() * (i % 3 ? FLT_MIN : i % 2 ? 1e-29f : 20 * FLT_TRUE_MIN);
}
static void scales(float *x, size_t dims, size_t i)
{
    const float scale = ldexpf(1, (int)(i * 37 % 240) - 125);
    for (size_t j = 0; j < dims; j++)
        x[j] = draw() * scale;
}
static void sparse(float *x, size_t dims, size_t i)
{
    zero(x, dims, i);
    x[i % dims] = i % 2 ? 1.0f : -1.0f;
}

static void (*const kinds[])(float *, size_t, size_t) = {uniform, equal, near_equal, zero,
                                                         huge,    tiny,  scales,     sparse};

static void make_blocks(size_t kind, size_t dims)
{
    struct hn_error err;
    float x[DIMS_MAX];
    for (size_t b = 0; b < BLOCKS; b++) {
        ck_assert_int_eq(hn_vectors_new(dims, &blocks[b], &err), HN_OK);
        for (size_t i = 0; i < HN_VECTORS; i++) {
            const size_t item = b * HN_VECTORS + i;
            there[item] = item % 11 != 3 && item < ITEMS - 200;
            if (!there[item]) continue;
            kinds[kind](x, dims, item);
            hn_vectors_put(blocks[b], i, x);
        }
        hn_vectors_pack(blocks[b], UINT64_MAX);
    }
}

static void free_blocks(void)
{
    for (size_t b = 0; b < BLOCKS; b++)
        hn_vectors_free(blocks[b]);
}

/* A filter: every third item, told roughly for blocks 0 and 1. */
static void third_panels(const void *ctx, size_t block, uint16_t allowed[HN_SCREEN_PANELS])
{
    (void)ctx;
    if (block == 2) memset(allowed, 0, HN_SCREEN_PANELS * sizeof *allowed);
    for (size_t i = 0; block == 0 && i < HN_VECTORS; i++)
        if (i % 3) allowed[i / HN_PANEL] &= (uint16_t) ~(1u << i % HN_PANEL);
}
static bool third_item(const void *ctx, size_t item)
{
    (void)ctx;
    return item % 3 == 0 && item < 2 * HN_VECTORS;
}
static const struct hn_top_filter third = {third_panels, third_item, NULL};
static const struct hn_top_filter third_late = {NULL, third_item, NULL};

static int best_first(const void *a, const void *b)
{
    const struct hn_top_hit *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->item < y->item ? -1 : 1;
}

static size_t brute(const struct hn_top_query *query, size_t dims, struct hn_top_hit *out)
{
    size_t n = 0;
    for (size_t i = 0; i < ITEMS; i++)
        if (there[i] && (!query->filter || third_item(NULL, i)))
            out[n++] = (struct hn_top_hit){
                i, hn_kernels_for(HN_CPU_REF)
                       ->product(blocks[i / HN_VECTORS]->floats + i % HN_VECTORS * dims, query->x,
                                 dims)};
    qsort(out, n, sizeof *out, best_first);
    return hn_min(n, query->k);
}

static void check(const struct hn_kernels *kernels, struct hn_pool *pool, size_t kind, size_t dims,
                  size_t n)
{
    static float x[QUERIES][DIMS_MAX];
    static struct hn_top_hit got[QUERIES][ITEMS], want[ITEMS];
    static const size_t ks[] = {1, 10, 100, ITEMS};
    struct hn_top_query queries[QUERIES];
    struct hn_error err;
    for (size_t i = 0; i < n; i++) {
        kinds[i % 2 ? kind : i % HN_COUNT(kinds)](x[i], dims, i);
        queries[i] = (struct hn_top_query){
            .x = x[i],
            .k = ks[i % HN_COUNT(ks)],
            .filter = i % 5 == 3   ? &third
                      : i % 5 == 4 ? &third_late
                                   : NULL,
            .hits = got[i],
        };
    }
    ck_assert_int_eq(hn_top(kernels, pool, blocks, BLOCKS, queries, n, &err), HN_OK);
    for (size_t i = 0; i < n; i++) {
        const size_t n_want = brute(&queries[i], dims, want);
        ck_assert_msg(queries[i].n_hits == n_want, "kind %zu, query %zu: %zu hits, not %zu", kind,
                      i, queries[i].n_hits, n_want);
        for (size_t h = 0; h < n_want; h++)
            if (got[i][h].item != want[h].item || got[i][h].score != want[h].score)
                ck_abort_msg(
                    "%s, kind %zu, dims %zu, query %zu of %zu: place %zu has %zu (%g), not "
                    "%zu (%g)",
                    hn_cpu_level_name(kernels->level), kind, dims, i, n, h, got[i][h].item,
                    got[i][h].score, want[h].item, want[h].score);
    }
}

START_TEST(test_as_brute_force)
{
    static const size_t dims[] = {1, 7, 64, 100};
    struct hn_pool *pool;
    struct hn_error err;
    ck_assert_int_eq(hn_pool_create(3, &pool, &err), HN_OK);
    for (size_t d = 0; d < HN_COUNT(dims); d++) {
        make_blocks((size_t)_i, dims[d]);
        for (int level = HN_CPU_REF; level <= (int)hn_cpu_detect(); level++) {
            const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)level);
            check(kernels, NULL, (size_t)_i, dims[d], 1);
            check(kernels, NULL, (size_t)_i, dims[d], QUERIES);
            check(kernels, pool, (size_t)_i, dims[d], QUERIES);
        }
        free_blocks();
    }
    hn_pool_destroy(pool);
}
END_TEST

/* A vector that is changed or removed is found or not found as it is now, also in a copy. */
START_TEST(test_changes)
{
    const struct hn_kernels *kernels = hn_kernels_for(hn_cpu_detect());
    struct hn_error err;
    struct hn_vectors *copy, *old;
    float x[7] = {0, 9, 0, 0, 0, 0, 0};
    make_blocks(0, 7);
    ck_assert_int_eq(hn_vectors_copy(blocks[1], &copy, &err), HN_OK);
    hn_vectors_put(copy, 100, x);
    hn_vectors_put(copy, 200, NULL);
    hn_vectors_pack(copy, 1ull << 100 / HN_PANEL | 1ull << 200 / HN_PANEL);
    old = blocks[1];
    blocks[1] = copy;
    there[HN_VECTORS + 100] = true;
    there[HN_VECTORS + 200] = false;
    check(kernels, NULL, 0, 7, QUERIES);
    struct hn_top_hit hit;
    struct hn_top_query query = {.x = x, .k = 1, .hits = &hit};
    ck_assert_int_eq(hn_top(kernels, NULL, blocks, BLOCKS, &query, 1, &err), HN_OK);
    ck_assert_uint_eq(hit.item, HN_VECTORS + 100);
    ck_assert(hit.score == 81);
    hn_vectors_free(old);
    free_blocks();
}
END_TEST

START_TEST(test_nothing_to_find)
{
    struct hn_error err;
    struct hn_top_hit hit;
    const float x = 1;
    struct hn_top_query query = {.x = &x, .k = 1, .hits = &hit, .n_hits = 9};
    ck_assert_int_eq(hn_top(hn_kernels_for(HN_CPU_REF), NULL, blocks, 0, &query, 1, &err), HN_OK);
    ck_assert_uint_eq(query.n_hits, 0);
    struct hn_vectors *empty;
    ck_assert_int_eq(hn_vectors_new(1, &empty, &err), HN_OK);
    ck_assert_int_eq(hn_top(hn_kernels_for(hn_cpu_detect()), NULL, &empty, 1, &query, 1, &err),
                     HN_OK);
    ck_assert_uint_eq(query.n_hits, 0);
    hn_vectors_free(empty);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("topk");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_as_brute_force, 0, (int)HN_COUNT(kinds));
    tcase_add_test(tcase, test_changes);
    tcase_add_test(tcase, test_nothing_to_find);
    return run_unit("topk", tcase);
}
