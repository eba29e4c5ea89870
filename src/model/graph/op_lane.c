#include "model/graph/op_lane.h"

#include <string.h>

enum hn_lane hn_lane_of(enum hn_element type)
{
    if (type == HN_EL_F64) return HN_LANE_F64;
    if (type == HN_EL_I64 || type == HN_EL_U64) return HN_LANE_I64;
    return hn_element_is_float(type) ? HN_LANE_F32 : HN_LANE_I32;
}

size_t hn_lane_bytes(enum hn_lane lane)
{
    return lane == HN_LANE_F64 || lane == HN_LANE_I64 ? 8 : 4;
}

/* Whether an array of this type is already what the lane computes with. */
static bool is_lane(enum hn_element type, enum hn_lane lane)
{
    switch (lane) {
    case HN_LANE_F32: return type == HN_EL_F32;
    case HN_LANE_F64: return type == HN_EL_F64;
    case HN_LANE_I32: return type == HN_EL_I32 || type == HN_EL_U32;
    case HN_LANE_I64: return type == HN_EL_I64 || type == HN_EL_U64;
    case HN_LANE_BYTE: break;
    }
    return false;
}

static const enum hn_element element_of[] = {
    [HN_LANE_F32] = HN_EL_F32, [HN_LANE_F64] = HN_EL_F64,  [HN_LANE_I32] = HN_EL_I32,
    [HN_LANE_I64] = HN_EL_I64, [HN_LANE_BYTE] = HN_EL_F32,
};
static const struct hn_convert as_cast = {.saturate = true};

const void *hn_op_lane_in(struct hn_op *op, size_t i, enum hn_lane lane)
{
    const struct hn_array *a = op->in[i];
    if (is_lane(a->type, lane)) return a->data;
    void *wide = hn_op_scratch(op, a->n, hn_lane_bytes(lane));
    if (wide && !hn_element_convert(element_of[lane], wide, a->type, a->data, a->n, as_cast)) {
        (void)hn_op_fail_type(op, i);
        return NULL;
    }
    return wide;
}

void *hn_op_lane_out(struct hn_op *op, size_t i, enum hn_element type, const size_t *shape,
                     size_t n_dims, enum hn_lane lane)
{
    void *out = hn_op_out(op, i, type, shape, n_dims);
    if (!out || is_lane(type, lane)) return out;
    return hn_op_scratch(op, op->out[i].n, hn_lane_bytes(lane));
}

void hn_op_lane_done(struct hn_op *op, size_t i, enum hn_lane lane, const void *computed)
{
    const struct hn_array *out = &op->out[i];
    if (is_lane(out->type, lane)) return;
    (void)hn_element_convert(out->type, out->data, element_of[lane], computed, out->n, as_cast);
}

/* A tile of MR x NR sums stays in registers while k runs. */
enum { MR = 4 };

#define PRODUCT(name, T, NR)                                                                       \
    static void name##_tile(size_t k, const T *restrict a, size_t lda, const T *restrict b,        \
                            size_t ldb, T *restrict c, size_t ldc)                                 \
    {                                                                                              \
        T sum[MR][NR];                                                                             \
        for (size_t i = 0; i < MR; i++)                                                            \
            for (size_t j = 0; j < (NR); j++)                                                      \
                sum[i][j] = c[i * ldc + j];                                                        \
        for (size_t p = 0; p < k; p++)                                                             \
            for (size_t i = 0; i < MR; i++)                                                        \
                for (size_t j = 0; j < (NR); j++)                                                  \
                    sum[i][j] += a[i * lda + p] * b[p * ldb + j];                                  \
        for (size_t i = 0; i < MR; i++)                                                            \
            for (size_t j = 0; j < (NR); j++)                                                      \
                c[i * ldc + j] = sum[i][j];                                                        \
    }                                                                                              \
    static void name##_edge(size_t m, size_t n, size_t k, const T *restrict a, size_t lda,         \
                            const T *restrict b, size_t ldb, T *restrict c, size_t ldc)            \
    {                                                                                              \
        for (size_t i = 0; i < m; i++)                                                             \
            for (size_t p = 0; p < k; p++) {                                                       \
                const T x = a[i * lda + p];                                                        \
                for (size_t j = 0; j < n; j++)                                                     \
                    c[i * ldc + j] += x * b[p * ldb + j];                                          \
            }                                                                                      \
    }                                                                                              \
    static void name(size_t m, size_t n, size_t k, const T *a, size_t lda, const T *b, size_t ldb, \
                     T *c, size_t ldc)                                                             \
    {                                                                                              \
        const size_t tall = m - m % MR, wide = n - n % (NR);                                       \
        for (size_t j = 0; j < wide; j += (NR))                                                    \
            for (size_t i = 0; i < tall; i += MR)                                                  \
                name##_tile(k, a + i * lda, lda, b + j, ldb, c + i * ldc + j, ldc);                \
        if (wide < n) name##_edge(tall, n - wide, k, a, lda, b + wide, ldb, c + wide, ldc);        \
        name##_edge(m - tall, n, k, a + tall * lda, lda, b, ldb, c + tall * ldc, ldc);             \
    }

PRODUCT(product_f32, float, 8)
PRODUCT(product_f64, double, 4)
PRODUCT(product_i32, uint32_t, 8)
PRODUCT(product_i64, uint64_t, 4)

/* Whole numbers as floats: 256 products of 2^8 x 2^8 at most are summed without rounding, and multiplying
 * floats is faster than multiplying 32-bit integers. */
enum { EXACT = 256, BYTE_COLUMNS = 8, BYTE_ROW = 256 };

static void add_sums(const float *sums, size_t n, uint32_t *c)
{
    for (size_t j = 0; j < n; j++)
        c[j] += (uint32_t)(int32_t)sums[j];
}

/* c [MR, BYTE_COLUMNS] += a [MR, k] x b [k, BYTE_COLUMNS], k <= EXACT. */
static void byte_tile(size_t k, const float *restrict a, size_t lda, const float *restrict b,
                      size_t ldb, uint32_t *restrict c, size_t ldc)
{
    float sums[MR][BYTE_COLUMNS] = {0};
    for (size_t p = 0; p < k; p++)
        for (size_t i = 0; i < MR; i++)
            for (size_t j = 0; j < BYTE_COLUMNS; j++)
                sums[i][j] += a[i * lda + p] * b[p * ldb + j];
    for (size_t i = 0; i < MR; i++)
        add_sums(sums[i], BYTE_COLUMNS, c + i * ldc);
}

/* c [n] += a [k] x b [k, n], k <= EXACT. */
static void byte_row(size_t n, size_t k, const float *restrict a, const float *restrict b,
                     size_t ldb, uint32_t *restrict c)
{
    float sums[BYTE_ROW];
    for (size_t j = 0; j < n; j += BYTE_ROW) {
        const size_t run = n - j < BYTE_ROW ? n - j : BYTE_ROW;
        memset(sums, 0, run * sizeof *sums);
        for (size_t p = 0; p < k; p++)
            for (size_t i = 0; i < run; i++)
                sums[i] += a[p] * b[p * ldb + j + i];
        add_sums(sums, run, c + j);
    }
}

static void product_byte(size_t m, size_t n, size_t k, const float *a, size_t lda, const float *b,
                         size_t ldb, uint32_t *c, size_t ldc)
{
    const size_t tall = m - m % MR, wide = n - n % BYTE_COLUMNS;
    for (size_t p = 0; p < k; p += EXACT) {
        const size_t part = k - p < EXACT ? k - p : EXACT;
        for (size_t j = 0; j < wide; j += BYTE_COLUMNS)
            for (size_t i = 0; i < tall; i += MR)
                byte_tile(part, a + i * lda + p, lda, b + p * ldb + j, ldb, c + i * ldc + j, ldc);
        for (size_t i = 0; i < m; i++) {
            const size_t done = i < tall ? wide : 0;
            byte_row(n - done, part, a + i * lda + p, b + p * ldb + done, ldb, c + i * ldc + done);
        }
    }
}

void hn_lane_product(enum hn_lane lane, size_t m, size_t n, size_t k, const void *a, size_t lda,
                     const void *b, size_t ldb, void *c, size_t ldc)
{
    switch (lane) {
    case HN_LANE_F32: product_f32(m, n, k, a, lda, b, ldb, c, ldc); break;
    case HN_LANE_F64: product_f64(m, n, k, a, lda, b, ldb, c, ldc); break;
    case HN_LANE_I32: product_i32(m, n, k, a, lda, b, ldb, c, ldc); break;
    case HN_LANE_I64: product_i64(m, n, k, a, lda, b, ldb, c, ldc); break;
    case HN_LANE_BYTE: product_byte(m, n, k, a, lda, b, ldb, c, ldc); break;
    }
}

#define TRANSPOSE(T)                                                                               \
    for (size_t i = 0; i < m; i++)                                                                 \
        for (size_t j = 0; j < n; j++)                                                             \
            ((T *)to)[j * m + i] = ((const T *)from)[i * ld + j];

void hn_lane_transpose(enum hn_lane lane, size_t m, size_t n, const void *from, size_t ld, void *to)
{
    if (hn_lane_bytes(lane) == 4) {
        TRANSPOSE(uint32_t)
    } else {
        TRANSPOSE(uint64_t)
    }
}

int64_t hn_saturate(double x)
{
    if (x >= 0x1p63) return INT64_MAX;
    if (x < -0x1p63) return INT64_MIN;
    return x == x ? (int64_t)x : 0;
}

size_t hn_op_workers(const struct hn_op *op)
{
    return op->pool ? hn_pool_threads(op->pool) : 1;
}
