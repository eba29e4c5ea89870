#include <immintrin.h>
#include <math.h>

#include "kernels/list.h"

/* --- bytes of thresholds ------------------------------------------------------------------------- */

/* Every sixteenth threshold, behind the last NaN, which nothing has passed: which sixteen a value falls
 * into is found in a register. */
static __m512 pivots_f32(const float *thresholds, size_t n)
{
    const __m512i at =
        _mm512_setr_epi32(15, 31, 47, 63, 79, 95, 111, 127, 143, 159, 175, 191, 207, 223, 239, 255);
    const __mmask16 there = (__mmask16)((1u << n / 16) - 1);
    return _mm512_mask_i32gather_ps(_mm512_set1_ps(NAN), there, at, thresholds, 4);
}

/* How many of n thresholds each x has passed. */
static inline __m512i count_f32(__m512 x, __m512 pivots, const float *thresholds, __m512i last)
{
    __m512i at = _mm512_setzero_si512();
    for (int step = 8; step > 0; step /= 2) {
        const __m512i next = _mm512_add_epi32(at, _mm512_set1_epi32(step));
        const __m512 t =
            _mm512_permutexvar_ps(_mm512_sub_epi32(next, _mm512_set1_epi32(1)), pivots);
        at = _mm512_mask_mov_epi32(at, _mm512_cmp_ps_mask(t, x, _CMP_LE_OQ), next);
    }
    at = _mm512_slli_epi32(at, 4);
    for (int step = 8; step > 0; step /= 2) {
        const __m512i next = _mm512_add_epi32(at, _mm512_set1_epi32(step));
        const __mmask16 there = _mm512_cmple_epi32_mask(next, last);
        const __m512 t = _mm512_mask_i32gather_ps(x, there, next, thresholds - 1, 4);
        at = _mm512_mask_mov_epi32(at, _mm512_mask_cmp_ps_mask(there, t, x, _CMP_LE_OQ), next);
    }
    return at;
}

void hn_tree_bin_f32_avx512(uint8_t *right, uint8_t *left, const float *x, size_t rows,
                            const float *thresholds, size_t n)
{
    const __m512 pivots = pivots_f32(thresholds, n);
    const __m512i last = _mm512_set1_epi32((int)n);
    for (size_t i = 0; i < rows; i += 16) {
        const __m512 v = _mm512_loadu_ps(x + i);
        const __mmask16 missing = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
        const __m512i count = count_f32(v, pivots, thresholds, last);
        if (right)
            _mm_storeu_si128((__m128i *)(right + i), _mm512_cvtepi32_epi8(_mm512_mask_mov_epi32(
                                                         count, missing, _mm512_set1_epi32(255))));
        if (left)
            _mm_storeu_si128((__m128i *)(left + i), _mm512_cvtepi32_epi8(_mm512_maskz_mov_epi32(
                                                        (__mmask16)~missing, count)));
    }
}

static inline __m512i count_f64(__m512d x, const double *thresholds, __m512i last)
{
    __m512i at = _mm512_setzero_si512();
    for (int step = 128; step > 0; step /= 2) {
        const __m512i next = _mm512_add_epi64(at, _mm512_set1_epi64(step));
        const __mmask8 there = _mm512_cmple_epi64_mask(next, last);
        const __m512d t = _mm512_mask_i64gather_pd(x, there, next, thresholds - 1, 8);
        at = _mm512_mask_mov_epi64(at, _mm512_mask_cmp_pd_mask(there, t, x, _CMP_LE_OQ), next);
    }
    return at;
}

void hn_tree_bin_f64_avx512(uint8_t *right, uint8_t *left, const double *x, size_t rows,
                            const double *thresholds, size_t n)
{
    const __m512i last = _mm512_set1_epi64((long long)n);
    for (size_t i = 0; i < rows; i += 8) {
        const __m512d v = _mm512_loadu_pd(x + i);
        const __mmask8 missing = _mm512_cmp_pd_mask(v, v, _CMP_UNORD_Q);
        const __m512i count = count_f64(v, thresholds, last);
        if (right)
            _mm_storel_epi64((__m128i *)(right + i), _mm512_cvtepi64_epi8(_mm512_mask_mov_epi64(
                                                         count, missing, _mm512_set1_epi64(255))));
        if (left)
            _mm_storel_epi64((__m128i *)(left + i), _mm512_cvtepi64_epi8(_mm512_maskz_mov_epi64(
                                                        (__mmask8)~missing, count)));
    }
}

/* --- trees --------------------------------------------------------------------------------------- */

/* `wide` vectors of rows share what is read of a step. */
static inline __attribute__((always_inline)) void run_steps(uint8_t *slots, const uint8_t *columns,
                                                            const struct hn_tree_step *steps,
                                                            size_t n, const size_t wide)
{
    for (const struct hn_tree_step *s = steps; s < steps + n; s++) {
        const __m512i bin = _mm512_set1_epi8((char)s->bin);
        const uint8_t *column = columns + s->column * wide * 64;
        const uint8_t *a = slots + s->a * wide * 64;
        const uint8_t *b = slots + s->b * wide * 64;
        uint8_t *out = slots + s->out * wide * 64;
#pragma GCC unroll 4
        for (size_t i = 0; i < wide * 64; i += 64) {
            const __mmask64 left = _mm512_cmple_epu8_mask(_mm512_loadu_si512(column + i), bin);
            _mm512_storeu_si512(out + i, _mm512_mask_blend_epi8(left, _mm512_loadu_si512(b + i),
                                                                _mm512_loadu_si512(a + i)));
        }
    }
}

void hn_tree_steps_u8_avx512(uint8_t *slots, const uint8_t *columns, size_t rows,
                             const struct hn_tree_step *steps, size_t n)
{
    if (rows == 256) run_steps(slots, columns, steps, n, 4);
    else if (rows == 128) run_steps(slots, columns, steps, n, 2);
    else run_steps(slots, columns, steps, n, 1);
}

/* --- leaves -------------------------------------------------------------------------------------- */

static inline __m512 load_values(const float *values, size_t n, size_t from)
{
    if (n >= from + 16) return _mm512_loadu_ps(values + from);
    return n > from ? _mm512_maskz_loadu_ps((__mmask16)((1u << (n - from)) - 1), values + from)
                    : _mm512_setzero_ps();
}

static inline __m512i load_leaves(const uint8_t *leaves, size_t i)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(leaves + i)));
}

static inline void add_at(float *sums, size_t i, __m512 value)
{
    _mm512_storeu_ps(sums + i, _mm512_add_ps(_mm512_loadu_ps(sums + i), value));
}

/* Up to 64 values stay in registers. */
void hn_tree_add_f32_avx512(float *sums, const uint8_t *leaves, size_t rows, const float *values,
                            size_t n)
{
    if (n > 64) {
        for (size_t i = 0; i < rows; i += 16)
            add_at(sums, i, _mm512_i32gather_ps(load_leaves(leaves, i), values, 4));
        return;
    }
    const __m512 a = load_values(values, n, 0);
    const __m512 b = load_values(values, n, 16);
    const __m512 c = load_values(values, n, 32);
    const __m512 d = load_values(values, n, 48);
    for (size_t i = 0; i < rows; i += 16) {
        const __m512i leaf = load_leaves(leaves, i);
        const __m512 low = _mm512_permutex2var_ps(a, leaf, b);
        const __m512 high = _mm512_permutex2var_ps(c, leaf, d);
        const __mmask16 far = _mm512_test_epi32_mask(leaf, _mm512_set1_epi32(32));
        add_at(sums, i, _mm512_mask_blend_ps(far, low, high));
    }
}

void hn_tree_add_f64_avx512(double *sums, const uint8_t *leaves, size_t rows, const double *values,
                            size_t n)
{
    (void)n;
    for (size_t i = 0; i < rows; i += 8) {
        const __m512i leaf = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(leaves + i)));
        const __m512d value = _mm512_i64gather_pd(leaf, values, 8);
        _mm512_storeu_pd(sums + i, _mm512_add_pd(_mm512_loadu_pd(sums + i), value));
    }
}
