/* The linear operation and the packing of every type, at every level of this machine: against the
 * decoded weights in double precision, and bit for bit across token counts, threads and groups. */
#include "../unit/unit.h"

#include "backend/cpu/linear.h"
#include "base/bits.h"
#include "kernels/layout.h"
#include "sample.h"

enum { TOKENS = 70 };

static struct hn_pool *pool;

static struct hn_tensor make_tensor(struct sample *s, enum hn_dtype type, size_t rows, size_t cols)
{
    struct hn_tensor t = {.name = HN_STR("w"), .type = type, .n_dims = 2, .ne = {cols, rows, 1, 1}};
    ck_assert(hn_dtype_bytes(type, rows * cols, &t.bytes));
    unsigned char *data = malloc(t.bytes + 1);
    ck_assert_ptr_nonnull(data);
    sample_weights(s, type, data + 1, rows * cols); /* files promise no alignment */
    t.data = data + 1;
    return t;
}

static void free_tensor(const struct hn_tensor *t)
{
    free((unsigned char *)t->data - 1);
}

static void *aligned(size_t bytes)
{
    void *p = aligned_alloc(64, hn_round_up(bytes, 64));
    ck_assert_ptr_nonnull(p);
    return p;
}

/* x as a kernel of this kind sees it. */
static void seen_by(enum hn_act_kind kind, float *seen, const float *x, size_t n)
{
    const struct hn_kernels *ref = hn_kernels_for(HN_CPU_REF);
    for (size_t i = 0; i < n; i++)
        seen[i] = kind == HN_ACT_BF16 ? hn_bf16_to_f32(hn_f32_to_bf16(x[i])) : x[i];
    if (kind != HN_ACT_Q8) return;
    for (size_t b = 0; b < n / HN_ACT_BLOCK; b++) {
        int8_t q[HN_ACT_BLOCK];
        float d;
        int16_t sums[2];
        ref->act_q8(q, &d, sums, x + b * HN_ACT_BLOCK, HN_ACT_BLOCK, 1);
        for (size_t i = 0; i < HN_ACT_BLOCK; i++)
            seen[b * HN_ACT_BLOCK + i] = d * (float)q[i];
    }
}

/* Compares y[tokens][ldy] with the decoded rows of one part times x. */
static void check_part(const struct hn_kernels *kernels, const struct hn_tensor *t, const float *y,
                       size_t ldy, const float *bias, const float *x, size_t ldx, size_t tokens)
{
    const size_t cols = t->ne[0], rows = t->ne[1];
    const enum hn_act_kind kind = kernels->matmul[hn_pack_for(t->type)].act;
    float *w = malloc(rows * cols * sizeof *w);
    float *seen = malloc(cols * sizeof *seen);
    hn_decode(t->type, t->data, w, rows * cols);
    for (size_t i = 0; i < tokens; i++) {
        seen_by(kind, seen, x + i * ldx, cols);
        for (size_t r = 0; r < rows; r++) {
            double sum = bias ? (double)bias[r] : 0, size = fabs(sum);
            for (size_t k = 0; k < cols; k++) {
                const double product = (double)w[r * cols + k] * (double)seen[k];
                sum += product;
                size += fabs(product);
            }
            /* Minimums are subtracted sum by sum, so cancellation is against the parts' size. */
            const double bound = 1e-5 * size + 1e-5 * sqrt((double)cols);
            const double got = (double)y[i * ldy + r];
            expect(fabs(got - sum) <= bound, "%s, %s: %zu x %zu, token %zu, row %zu: %g, not %g",
                   hn_cpu_level_name(kernels->level), hn_dtype_info(t->type)->name, rows, cols, i,
                   r, got, sum);
        }
    }
    free(seen);
    free(w);
}

static void check_shape(const struct hn_kernels *kernels, enum hn_dtype type, size_t rows,
                        size_t cols)
{
    struct sample s = {.seed = type + 100 * rows + cols};
    const struct hn_tensor t = make_tensor(&s, type, rows, cols);
    const struct hn_tensor *part = &t;
    const size_t bytes = hn_matrix_bytes(type, rows, cols);
    void *memory = aligned(bytes), *scratch = aligned(hn_linear_scratch(cols, TOKENS));
    struct hn_matrix w;
    ck_assert_int_eq(hn_matrix_pack(&w, &part, 1, memory, pool, NULL), HN_OK);
    ck_assert_uint_eq(w.bytes, bytes);

    const size_t ldx = cols + 3, ldy = rows + 5;
    float *x = malloc(TOKENS * ldx * sizeof *x), *bias = malloc(rows * sizeof *bias);
    float *y = malloc(TOKENS * ldy * sizeof *y), *one = malloc(ldy * sizeof *one);
    sample_floats(&s, x, TOKENS * ldx, 2);
    sample_floats(&s, bias, rows, 1);
    for (size_t i = 0; i < TOKENS * ldy; i++)
        y[i] = 12345;
    hn_linear(pool, kernels, y, ldy, &w, bias, x, ldx, TOKENS, scratch);
    check_part(kernels, &t, y, ldy, bias, x, ldx, 3);
    for (size_t i = 0; i < TOKENS; i++)
        for (size_t r = rows; r < ldy; r++)
            expect(y[i * ldy + r] == 12345, "writes past the rows");

    /* Every count of tokens gives the bits of one token at a time. */
    float *again = malloc(TOKENS * ldy * sizeof *again);
    for (size_t i = 0; i < TOKENS; i++) {
        hn_linear(pool, kernels, one, ldy, &w, bias, x + i * ldx, ldx, 1, scratch);
        expect(!memcmp(one, y + i * ldy, rows * sizeof *one), "%s, %s: bits of token %zu",
               hn_cpu_level_name(kernels->level), hn_dtype_info(type)->name, i);
    }
    for (size_t n = 2; n <= 33; n++) {
        hn_linear(pool, kernels, again, ldy, &w, bias, x, ldx, n, scratch);
        for (size_t i = 0; i < n; i++)
            expect(!memcmp(again + i * ldy, y + i * ldy, rows * sizeof *y),
                   "%s, %s: bits of token %zu of %zu", hn_cpu_level_name(kernels->level),
                   hn_dtype_info(type)->name, i, n);
    }
    free(again);
    free(one);
    free(y);
    free(bias);
    free(x);
    free(scratch);
    free(memory);
    free_tensor(&t);
}

START_TEST(every_type_at_every_level)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    for (int type = 0; type < HN_DTYPES; type++) {
        const size_t block = hn_dtype_info((enum hn_dtype)type)->block;
        check_shape(kernels, (enum hn_dtype)type, 37, block * 3);
        check_shape(kernels, (enum hn_dtype)type, 16, block);
        check_shape(kernels, (enum hn_dtype)type, 83, block * (block < 256 ? 7 : 2));
        if (block <= 32) check_shape(kernels, (enum hn_dtype)type, 5, 1184);
        if (block == 1) check_shape(kernels, (enum hn_dtype)type, 18, 173);
    }
}
END_TEST

/* q, k of one type and v of another, with odd row counts: as if done one by one. */
START_TEST(parts_of_different_types)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    const enum hn_dtype types[] = {HN_Q4_K, HN_F16, HN_Q6_K};
    const size_t rows[] = {40, 7, 35}, cols = 512, tokens = 9, total = 82;
    struct sample s = {.seed = 7};
    struct hn_tensor tensors[3];
    const struct hn_tensor *parts[3];
    size_t bytes = 0;
    for (size_t i = 0; i < 3; i++) {
        tensors[i] = make_tensor(&s, types[i], rows[i], cols);
        parts[i] = &tensors[i];
        bytes += hn_matrix_bytes(types[i], rows[i], cols);
    }
    void *memory = aligned(bytes), *scratch = aligned(hn_linear_scratch(cols, tokens));
    struct hn_matrix w;
    ck_assert_int_eq(hn_matrix_pack(&w, parts, 3, memory, pool, NULL), HN_OK);
    ck_assert_uint_eq(w.bytes, bytes);
    ck_assert_uint_eq(w.rows, total);
    float x[9 * 512], y[9 * 82], bias[82];
    sample_floats(&s, x, HN_COUNT(x), 1);
    sample_floats(&s, bias, HN_COUNT(bias), 1);
    hn_linear(pool, kernels, y, total, &w, bias, x, cols, tokens, scratch);
    size_t row = 0;
    for (size_t i = 0; i < 3; row += rows[i++])
        check_part(kernels, &tensors[i], y + row, total, bias + row, x, cols, tokens);
    free(memory);
    free(scratch);
    for (size_t i = 0; i < 3; i++)
        free_tensor(&tensors[i]);
}
END_TEST

START_TEST(groups_give_the_same_bits)
{
    const struct hn_kernels *kernels = hn_kernels_for((enum hn_cpu_level)_i);
    enum { ROWS = 50, COLS = 96, EXPERTS = 4, PAIRS = 150, INPUTS = 20 };
    const enum hn_dtype types[] = {HN_Q8_0, HN_BF16, HN_F32};
    for (size_t type = 0; type < HN_COUNT(types); type++) {
        struct sample s = {.seed = 9};
        struct hn_tensor tensors[EXPERTS];
        struct hn_matrix w[EXPERTS];
        void *memory[EXPERTS];
        struct hn_linear_group groups[EXPERTS];
        const size_t counts[EXPERTS] = {1, 0, 130, 19};
        float x[INPUTS * COLS], bias[ROWS], one[ROWS], y[PAIRS * ROWS];
        int32_t rows[PAIRS];
        sample_floats(&s, x, HN_COUNT(x), 1);
        sample_floats(&s, bias, ROWS, 1);
        for (size_t i = 0; i < PAIRS; i++)
            rows[i] = (int32_t)(sample_bits(&s) % INPUTS);
        for (size_t e = 0, first = 0; e < EXPERTS; first += counts[e++]) {
            tensors[e] = make_tensor(&s, types[type], ROWS, COLS);
            const struct hn_tensor *part = &tensors[e];
            memory[e] = aligned(hn_matrix_bytes(types[type], ROWS, COLS));
            ck_assert_int_eq(hn_matrix_pack(&w[e], &part, 1, memory[e], pool, NULL), HN_OK);
            groups[e] = (struct hn_linear_group){
                .w = &w[e], .bias = e % 2 ? NULL : bias, .first = first, .n = counts[e]};
        }
        void *scratch = aligned(hn_linear_scratch(COLS, PAIRS));
        hn_linear_grouped(pool, kernels, y, ROWS, groups, EXPERTS, x, COLS, rows, scratch);
        for (size_t e = 0; e < EXPERTS; e++)
            for (size_t i = groups[e].first; i < groups[e].first + groups[e].n; i++) {
                hn_linear(pool, kernels, one, ROWS, &w[e], groups[e].bias, x + rows[i] * COLS, COLS,
                          1, scratch);
                expect(!memcmp(one, y + i * ROWS, sizeof one), "expert %zu, row %zu", e, i);
            }
        free(scratch);
        for (size_t e = 0; e < EXPERTS; e++) {
            free(memory[e]);
            free_tensor(&tensors[e]);
        }
    }
}
END_TEST

START_TEST(refuses_parts_that_do_not_fit)
{
    struct sample s = {.seed = 1};
    struct hn_tensor a = make_tensor(&s, HN_F32, 4, 64), b = make_tensor(&s, HN_F32, 4, 32);
    const struct hn_tensor *parts[5] = {&a, &b, &a, &a, &a};
    void *memory = aligned(1 << 16);
    struct hn_matrix w;
    struct hn_error err = {0};
    ck_assert_int_eq(hn_matrix_pack(&w, parts, 2, memory, pool, &err), HN_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(err.text, "w: 4 rows of 32"));
    ck_assert_int_eq(hn_matrix_pack(&w, parts, 5, memory, pool, NULL), HN_E_ARG);
    a.bytes--;
    ck_assert_int_eq(hn_matrix_pack(&w, parts, 1, memory, pool, NULL), HN_E_FORMAT);
    ck_assert_uint_eq(hn_matrix_bytes(HN_F32, SIZE_MAX / 2, 1000), SIZE_MAX);
    ck_assert_uint_eq(hn_matrix_bytes(HN_Q8_0, 1, SIZE_MAX - 31), SIZE_MAX);
    ck_assert_uint_eq(hn_linear_scratch(SIZE_MAX / 17, 99), SIZE_MAX);
    free(memory);
    free_tensor(&a);
    free_tensor(&b);
}
END_TEST

static void start_pool(void)
{
    ck_assert_int_eq(hn_pool_create(3, &pool, NULL), HN_OK);
}

static void stop_pool(void)
{
    hn_pool_destroy(pool);
}

int main(void)
{
    const int levels = (int)hn_cpu_detect() + 1;
    TCase *tcase = tcase_create("linear");
    tcase_set_timeout(tcase, 110);
    tcase_add_checked_fixture(tcase, start_pool, stop_pool);
    tcase_add_loop_test(tcase, every_type_at_every_level, 0, levels);
    tcase_add_loop_test(tcase, parts_of_different_types, 0, levels);
    tcase_add_loop_test(tcase, groups_give_the_same_bits, 0, levels);
    tcase_add_test(tcase, refuses_parts_that_do_not_fit);
    return run_unit("linear", tcase);
}
