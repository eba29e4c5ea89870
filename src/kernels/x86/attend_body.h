/* Attention over one KV page and the writers of its rows, for any v16: included by attend_<isa>.c. */
#include <math.h>
#include <string.h>

#include "kernels/layout.h"
#include "kernels/list.h"
#include "kernels/x86/v16_math.h"

/* The functions below take the KV type as a constant, so that each use becomes a loop of its own. */
#define FOR_TYPE static inline __attribute__((always_inline))

/* Sixteen elements of a row from element i on, a multiple of 16. */
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

/* The page's dot products become weights relative to the running maximum; those outside [first, last)
 * weigh nothing. Returns the factor by which earlier sums shrink. */
static inline float weigh(float scores[HN_KV_PAGE], const struct hn_attend_args *args)
{
    v16 s[HN_KV_PAGE / 16];
    v16 max = v_set1(-INFINITY);
    for (size_t i = 0; i < HN_KV_PAGE / 16; i++) {
        s[i] = v_mul(v_load(scores + 16 * i), v_set1(args->scale));
        if (args->softcap > 0) {
            const v16 cap = v_set1(args->softcap);
            s[i] = v_mul(cap, v_tanh(v_div(s[i], cap)));
        }
        s[i] = v_keep(s[i], lanes_below(args->first, 16 * i), lanes_below(args->last, 16 * i),
                      -INFINITY);
        max = v_max(s[i], max);
    }
    float top = v_largest(max);
    if (!(top > args->state->m)) top = args->state->m;
    /* With nothing but -infinity so far, 0 in its place makes every weight 0 and none NaN. */
    const v16 base = v_set1(top == -INFINITY ? 0 : top);
    const v16 keep = v_exp(v_sub(v_set1(args->state->m), base));
    v16 total = v_zero();
    for (size_t i = 0; i < HN_KV_PAGE / 16; i++) {
        const v16 weight = v_exp(v_sub(s[i], base));
        v_store(scores + 16 * i, weight);
        total = v_add(total, weight);
    }
    const float factor = _mm_cvtss_f32(_mm256_castps256_ps128(v_low(keep)));
    args->state->m = top;
    args->state->l = args->state->l * factor + v_sum(total);
    return factor;
}

/* Four sums at once, each in the order of one tree. */
static inline __m128 sum_four(v16 a, v16 b, v16 c, v16 d)
{
    const __m256 ab =
        _mm256_hadd_ps(_mm256_add_ps(v_low(a), v_high(a)), _mm256_add_ps(v_low(b), v_high(b)));
    const __m256 cd =
        _mm256_hadd_ps(_mm256_add_ps(v_low(c), v_high(c)), _mm256_add_ps(v_low(d), v_high(d)));
    const __m256 abcd = _mm256_hadd_ps(ab, cd);
    return _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1));
}

/* scores[j] = q . k_j, four keys at a time: up to three rows beside [first, last) are read too, which
 * the page has. */
FOR_TYPE void dot_keys(enum hn_kv_type type, float *scores, const struct hn_attend_args *args)
{
    const size_t n = args->dim_k, bytes = hn_kv_row_bytes(type, n);
    const size_t whole = n / 16 * 16, end = (args->last + 3) / 4 * 4;
    for (size_t j = args->first / 4 * 4; j < end; j += 4) {
        const char *k = (const char *)args->k + j * bytes;
        v16 dot[4] = {v_zero(), v_zero(), v_zero(), v_zero()};
        for (size_t i = 0; i < whole; i += 16) {
            const v16 q = v_load(args->q + i);
            for (size_t m = 0; m < 4; m++)
                dot[m] = v_fma(q, load(type, k + m * bytes, i), dot[m]);
        }
        if (whole < n) {
            const v16 q = v_load_part(args->q + whole, n - whole);
            for (size_t m = 0; m < 4; m++)
                dot[m] = v_fma(q, load_part(type, k + m * bytes, whole, n - whole), dot[m]);
        }
        _mm_storeu_ps(scores + j, sum_four(dot[0], dot[1], dot[2], dot[3]));
    }
}

enum { WIDE = 4 }; /* vectors of the output that stay in registers through one pass over the keys */

/* acc = acc * factor + sum of weight_j v_j, key after key. */
FOR_TYPE void add_values(enum hn_kv_type type, const float *weights, v16 factor,
                         const struct hn_attend_args *args)
{
    const size_t n = args->dim_v, bytes = hn_kv_row_bytes(type, n);
    const char *const rows = args->v;
    size_t i = 0;
    for (; i + 16 * WIDE <= n; i += 16 * WIDE) {
        v16 acc[WIDE];
        for (size_t m = 0; m < WIDE; m++)
            acc[m] = v_mul(v_load(args->acc + i + 16 * m), factor);
        for (size_t j = args->first; j < args->last; j++)
            for (size_t m = 0; m < WIDE; m++)
                acc[m] =
                    v_fma(v_set1(weights[j]), load(type, rows + j * bytes, i + 16 * m), acc[m]);
        for (size_t m = 0; m < WIDE; m++)
            v_store(args->acc + i + 16 * m, acc[m]);
    }
    for (; i + 16 <= n; i += 16) {
        v16 acc = v_mul(v_load(args->acc + i), factor);
        for (size_t j = args->first; j < args->last; j++)
            acc = v_fma(v_set1(weights[j]), load(type, rows + j * bytes, i), acc);
        v_store(args->acc + i, acc);
    }
    if (i == n) return;
    v16 acc = v_mul(v_load_part(args->acc + i, n - i), factor);
    for (size_t j = args->first; j < args->last; j++)
        acc = v_fma(v_set1(weights[j]), load_part(type, rows + j * bytes, i, n - i), acc);
    v_store_part(args->acc + i, acc, n - i);
}

FOR_TYPE void attend(enum hn_kv_type type, const struct hn_attend_args *args)
{
    float scores[HN_KV_PAGE] = {0};
    dot_keys(type, scores, args);
    const float factor = weigh(scores, args);
    add_values(type, scores, v_set1(factor), args);
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
