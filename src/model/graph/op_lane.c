#include "model/graph/op_lane.h"

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
    }
    return false;
}

static const enum hn_element element_of[] = {
    [HN_LANE_F32] = HN_EL_F32,
    [HN_LANE_F64] = HN_EL_F64,
    [HN_LANE_I32] = HN_EL_I32,
    [HN_LANE_I64] = HN_EL_I64,
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

void hn_lane_product(enum hn_lane lane, size_t m, size_t n, size_t k, const void *a, size_t lda,
                     const void *b, size_t ldb, void *c, size_t ldc)
{
    switch (lane) {
    case HN_LANE_F32: product_f32(m, n, k, a, lda, b, ldb, c, ldc); break;
    case HN_LANE_F64: product_f64(m, n, k, a, lda, b, ldb, c, ldc); break;
    case HN_LANE_I32: product_i32(m, n, k, a, lda, b, ldb, c, ldc); break;
    case HN_LANE_I64: product_i64(m, n, k, a, lda, b, ldb, c, ldc); break;
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
