/* Attention over one KV page and the writers of its rows, for any v16: included by attend_<isa>.c. */
#include <math.h>
#include <string.h>

#include "kernels/layout.h"
#include "kernels/list.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/v16_math.h"

/* The functions below take the KV type as a constant, so that each use becomes a loop of its own. */
#define FOR_TYPE static inline __attribute__((always_inline))

/* Queries share what is loaded of keys and values, up to so many at a time, and each has so many
 * vectors of keys, or of a value's elements, as then have their sums in registers. */
enum { QUERIES = 6 };
FOR_TYPE size_t wide(size_t n)
{
    return V16_REGISTERS > 8 || n == 1 ? 4 : n == 2 ? 2 : 1;
}

/* Element i of the sixteen keys from slot j on. */
FOR_TYPE v16 load_keys(enum hn_kv_type type, const void *keys, size_t i, size_t j)
{
    const size_t at = i * HN_KV_PAGE + j;
    const struct hn_kv_q8_keys *block = (const struct hn_kv_q8_keys *)keys + i / HN_ACT_BLOCK;
    switch (type) {
    case HN_KV_F32: return v_load((const float *)keys + at);
    case HN_KV_F16: return v_load_f16((const uint16_t *)keys + at);
    case HN_KV_BF16: return v_load_bf16((const uint16_t *)keys + at);
    default: return v_mul(v_load_i8(block->q[i % HN_ACT_BLOCK] + j), v_load_f16(block->d + j));
    }
}

/* Sixteen elements of a row of values from element i on, a multiple of 16. */
FOR_TYPE v16 load(enum hn_kv_type type, const void *row, size_t i)
{
    const struct hn_kv_q8 *block = (const struct hn_kv_q8 *)row + i / HN_ACT_BLOCK;
    switch (type) {
    case HN_KV_F32: return v_load((const float *)row + i);
    case HN_KV_F16: return v_load_f16((const uint16_t *)row + i);
    case HN_KV_BF16: return v_load_bf16((const uint16_t *)row + i);
    default: return v_mul(v_load_i8(block->q + i % HN_ACT_BLOCK), v_set1(_cvtsh_ss(block->d)));
    }
}

/* The last n < 16 elements; Q8_0 rows end in whole blocks. */
FOR_TYPE v16 load_part(enum hn_kv_type type, const void *row, size_t i, size_t n)
{
    uint16_t rest[16] = {0};
    switch (type) {
    case HN_KV_F32: return v_load_part((const float *)row + i, n);
    case HN_KV_F16: memcpy(rest, (const uint16_t *)row + i, n * sizeof *rest); break;
    case HN_KV_BF16: memcpy(rest, (const uint16_t *)row + i, n * sizeof *rest); break;
    default: return load(type, row, i);
    }
    return load(type, rest, 0);
}

/* The part of lanes [from, from + 16) that lies below n. */
static inline size_t lanes_below(size_t n, size_t from)
{
    return n <= from ? 0 : n - from < 16 ? n - from : 16;
}

/* What the distance of the slots from `first` on takes from their scores. */
static inline v16 fall(const struct hn_attend_query *query, size_t first)
{
    static const float lanes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const v16 start = v_set1((float)first - query->at);
    return v_mul(v_abs(v_add(v_load(lanes), start)), v_set1(query->slope));
}

/* The page's dot products become weights relative to the running maximum; those outside [first, last)
 * weigh nothing. Returns the factor by which earlier sums shrink. */
static inline float weigh(float scores[HN_KV_PAGE], struct hn_attend_query *query,
                          const struct hn_attend_args *args)
{
    struct hn_attend_state *state = &query->state;
    v16 s[HN_KV_PAGE / 16];
    v16 max = v_set1(-INFINITY);
    for (size_t i = 0; i < HN_KV_PAGE / 16; i++) {
        s[i] = v_mul(v_load(scores + 16 * i), v_set1(args->scale));
        if (args->softcap > 0) {
            const v16 cap = v_set1(args->softcap);
            s[i] = v_mul(cap, v_tanh(v_div(s[i], cap)));
        }
        if (query->slope > 0) s[i] = v_sub(s[i], fall(query, 16 * i));
        if (query->bias) s[i] = v_add(s[i], v_load(query->bias + 16 * i));
        s[i] = v_keep(s[i], lanes_below(args->first, 16 * i), lanes_below(args->last, 16 * i),
                      -INFINITY);
        max = v_max(s[i], max);
    }
    float top = v_largest(max);
    if (!(top > state->m)) top = state->m;
    /* With nothing but -infinity so far, 0 in its place makes every weight 0 and none NaN. */
    const v16 base = v_set1(top == -INFINITY ? 0 : top);
    const v16 keep = v_exp(v_sub(v_set1(state->m), base));
    v16 total = v_zero();
    for (size_t i = 0; i < HN_KV_PAGE / 16; i++) {
        const v16 weight = v_exp(v_sub(s[i], base));
        v_store(scores + 16 * i, weight);
        total = v_add(total, weight);
    }
    const float factor = _mm_cvtss_f32(_mm256_castps256_ps128(v_low(keep)));
    state->m = top;
    state->l = state->l * factor + v_sum(total);
    return factor;
}

/* scores[t][j] = q_t . k_j, element after element, of n queries; whole vectors of keys, of which at
 * least one is wanted. The others are zeros. */
FOR_TYPE void dot_keys(enum hn_kv_type type, size_t n, float (*scores)[HN_KV_PAGE],
                       const struct hn_attend_query *queries, const struct hn_attend_args *args)
{
    for (size_t j = 0; j < HN_KV_PAGE; j += 16 * wide(n)) {
        v16 dot[QUERIES][4];
        UNROLL for (size_t t = 0; t < n; t++) UNROLL for (size_t m = 0; m < wide(n); m++)
            dot[t][m] = v_zero();
        const size_t dims = j < args->last && j + 16 * wide(n) > args->first ? args->dim_k : 0;
        for (size_t i = 0; i < dims; i++) {
            v16 k[4];
            UNROLL for (size_t m = 0; m < wide(n); m++) k[m] =
                load_keys(type, args->k, i, j + 16 * m);
            UNROLL for (size_t t = 0; t < n; t++)
            {
                const v16 q = v_set1(queries[t].q[i]);
                UNROLL for (size_t m = 0; m < wide(n); m++) dot[t][m] = v_fma(q, k[m], dot[t][m]);
            }
        }
        UNROLL for (size_t t = 0; t < n; t++) UNROLL for (size_t m = 0; m < wide(n); m++)
            v_store(scores[t] + j + 16 * m, dot[t][m]);
    }
}

/* acc_t = acc_t * factor_t + sum of weight_tj v_j, key after key: `width` vectors from element i on. */
FOR_TYPE void add_values(enum hn_kv_type type, size_t n, size_t width, size_t i,
                         float (*weights)[HN_KV_PAGE], const float *factors,
                         const struct hn_attend_query *queries, const struct hn_attend_args *args)
{
    const size_t bytes = hn_kv_row_bytes(type, args->dim_v);
    const char *const rows = args->v;
    v16 acc[QUERIES][4];
    UNROLL for (size_t t = 0; t < n; t++) UNROLL for (size_t m = 0; m < width; m++) acc[t][m] =
        v_mul(v_load(queries[t].acc + i + 16 * m), v_set1(factors[t]));
    for (size_t j = args->first; j < args->last; j++)
        UNROLL for (size_t m = 0; m < width; m++)
        {
            const v16 v = load(type, rows + j * bytes, i + 16 * m);
            UNROLL for (size_t t = 0; t < n; t++) acc[t][m] =
                v_fma(v_set1(weights[t][j]), v, acc[t][m]);
        }
    UNROLL for (size_t t = 0; t < n; t++) UNROLL for (size_t m = 0; m < width; m++)
        v_store(queries[t].acc + i + 16 * m, acc[t][m]);
}

/* The last elements of a row, fewer than 16. */
FOR_TYPE void add_last_values(enum hn_kv_type type, size_t i, const float *weights, float factor,
                              const struct hn_attend_query *query,
                              const struct hn_attend_args *args)
{
    const size_t n = args->dim_v, bytes = hn_kv_row_bytes(type, n);
    v16 acc = v_mul(v_load_part(query->acc + i, n - i), v_set1(factor));
    for (size_t j = args->first; j < args->last; j++)
        acc = v_fma(v_set1(weights[j]),
                    load_part(type, (const char *)args->v + j * bytes, i, n - i), acc);
    v_store_part(query->acc + i, acc, n - i);
}

FOR_TYPE void attend_tile(enum hn_kv_type type, size_t n, struct hn_attend_query *queries,
                          const struct hn_attend_args *args)
{
    float scores[QUERIES][HN_KV_PAGE], factors[QUERIES];
    dot_keys(type, n, scores, queries, args);
    for (size_t t = 0; t < n; t++)
        factors[t] = weigh(scores[t], &queries[t], args);
    size_t i = 0;
    for (; i + 16 * wide(n) <= args->dim_v; i += 16 * wide(n))
        add_values(type, n, wide(n), i, scores, factors, queries, args);
    for (; i + 16 <= args->dim_v; i += 16)
        add_values(type, n, 1, i, scores, factors, queries, args);
    for (size_t t = 0; t < n && i < args->dim_v; t++)
        add_last_values(type, i, scores[t], factors[t], &queries[t], args);
}

FOR_TYPE void attend(enum hn_kv_type type, const struct hn_attend_args *args)
{
    size_t t = 0;
#define TILES(size)                                                                                \
    for (; t + (size) <= args->n; t += (size))                                                     \
    attend_tile(type, size, args->queries + t, args)
    TILES(6);
    TILES(3);
    TILES(2);
    TILES(1);
#undef TILES
}

void KERNEL_NAME(attend_f32)(const struct hn_attend_args *args)
{
    attend(HN_KV_F32, args);
}

void KERNEL_NAME(attend_f16)(const struct hn_attend_args *args)
{
    attend(HN_KV_F16, args);
}

void KERNEL_NAME(attend_bf16)(const struct hn_attend_args *args)
{
    attend(HN_KV_BF16, args);
}

void KERNEL_NAME(attend_q8_0)(const struct hn_attend_args *args)
{
    attend(HN_KV_Q8_0, args);
}

void KERNEL_NAME(kv_store_f32)(void *dst, const float *src, size_t n)
{
    memcpy(dst, src, n * sizeof *src);
}

void KERNEL_NAME(kv_store_f16)(void *dst, const float *src, size_t n)
{
    uint16_t *y = dst, rest[16];
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(y + i), v_to_f16(v_load(src + i)));
    if (i == n) return;
    _mm256_storeu_si256((__m256i *)rest, v_to_f16(v_load_part(src + i, n - i)));
    memcpy(y + i, rest, (n - i) * sizeof *y);
}

void KERNEL_NAME(kv_store_bf16)(void *dst, const float *src, size_t n)
{
    KERNEL_NAME(act_bf16)(dst, src, n);
}

void KERNEL_NAME(kv_store_q8_0)(void *dst, const float *src, size_t n)
{
    struct hn_kv_q8 *y = dst;
    for (size_t b = 0; b < n / HN_ACT_BLOCK; b++) {
        float d;
        int16_t sums[2];
        KERNEL_NAME(act_q8)(y[b].q, &d, sums, src + b * HN_ACT_BLOCK, HN_ACT_BLOCK, 1);
        y[b].d = _cvtss_sh(d, _MM_FROUND_TO_NEAREST_INT);
    }
}
