#include <immintrin.h>

#include "kernels/list.h"

/* How many of n thresholds each x has passed: halves of 256, those behind the last out of reach. */
static inline __m256i count_f32(__m256 x, const float *thresholds, __m256i behind)
{
    __m256i at = _mm256_setzero_si256();
    for (int step = 128; step > 0; step /= 2) {
        const __m256i next = _mm256_add_epi32(at, _mm256_set1_epi32(step));
        const __m256 there = _mm256_castsi256_ps(_mm256_cmpgt_epi32(behind, next));
        const __m256 t = _mm256_mask_i32gather_ps(x, thresholds - 1, next, there, 4);
        const __m256 passed = _mm256_and_ps(there, _mm256_cmp_ps(t, x, _CMP_LE_OQ));
        at = _mm256_blendv_epi8(at, next, _mm256_castps_si256(passed));
    }
    return at;
}

/* Eight counts below 256 as bytes. */
static inline void store_counts(uint8_t *out, __m256i count)
{
    const __m256i pick =
        _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 4, 8, 12,
                         -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i packed = _mm256_shuffle_epi8(count, pick);
    const __m128i both =
        _mm_unpacklo_epi32(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1));
    _mm_storel_epi64((__m128i *)out, both);
}

void hn_tree_bin_f32_avx2(uint8_t *right, uint8_t *left, const float *x, size_t rows,
                          const float *thresholds, size_t n)
{
    const __m256i behind = _mm256_set1_epi32((int)n + 1);
    for (size_t i = 0; i < rows; i += 8) {
        const __m256 v = _mm256_loadu_ps(x + i);
        const __m256i missing = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
        const __m256i count = count_f32(v, thresholds, behind);
        if (right)
            store_counts(right + i, _mm256_blendv_epi8(count, _mm256_set1_epi32(255), missing));
        if (left) store_counts(left + i, _mm256_andnot_si256(missing, count));
    }
}

static inline __m256i count_f64(__m256d x, const double *thresholds, __m256i behind)
{
    __m256i at = _mm256_setzero_si256();
    for (int step = 128; step > 0; step /= 2) {
        const __m256i next = _mm256_add_epi64(at, _mm256_set1_epi64x(step));
        const __m256d there = _mm256_castsi256_pd(_mm256_cmpgt_epi64(behind, next));
        const __m256d t = _mm256_mask_i64gather_pd(x, thresholds - 1, next, there, 8);
        const __m256d passed = _mm256_and_pd(there, _mm256_cmp_pd(t, x, _CMP_LE_OQ));
        at = _mm256_blendv_epi8(at, next, _mm256_castpd_si256(passed));
    }
    return at;
}

/* Four counts below 256 as bytes. */
static inline void store_wide_counts(uint8_t *out, __m256i count)
{
    const __m256i pick =
        _mm256_setr_epi8(0, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0, 8, -1, -1,
                         -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i packed = _mm256_shuffle_epi8(count, pick);
    const __m128i both =
        _mm_unpacklo_epi16(_mm256_castsi256_si128(packed), _mm256_extracti128_si256(packed, 1));
    _mm_storeu_si32(out, both);
}

void hn_tree_bin_f64_avx2(uint8_t *right, uint8_t *left, const double *x, size_t rows,
                          const double *thresholds, size_t n)
{
    const __m256i behind = _mm256_set1_epi64x((long long)n + 1);
    for (size_t i = 0; i < rows; i += 4) {
        const __m256d v = _mm256_loadu_pd(x + i);
        const __m256i missing = _mm256_castpd_si256(_mm256_cmp_pd(v, v, _CMP_UNORD_Q));
        const __m256i count = count_f64(v, thresholds, behind);
        if (right)
            store_wide_counts(right + i,
                              _mm256_blendv_epi8(count, _mm256_set1_epi64x(255), missing));
        if (left) store_wide_counts(left + i, _mm256_andnot_si256(missing, count));
    }
}

void hn_tree_steps_u8_avx2(uint8_t *slots, const uint8_t *columns, size_t rows,
                           const struct hn_tree_step *steps, size_t n)
{
    for (const struct hn_tree_step *s = steps; s < steps + n; s++) {
        const __m256i bin = _mm256_set1_epi8((char)s->bin);
        const __m256i *column = (const __m256i *)(columns + (size_t)s->column * rows);
        const __m256i *a = (const __m256i *)(slots + (size_t)s->a * rows);
        const __m256i *b = (const __m256i *)(slots + (size_t)s->b * rows);
        __m256i *out = (__m256i *)(slots + (size_t)s->out * rows);
        for (size_t half = 0; half < rows / 32; half++) {
            const __m256i passed = _mm256_loadu_si256(column + half);
            const __m256i left = _mm256_cmpeq_epi8(_mm256_min_epu8(passed, bin), passed);
            _mm256_storeu_si256(out + half, _mm256_blendv_epi8(_mm256_loadu_si256(b + half),
                                                               _mm256_loadu_si256(a + half), left));
        }
    }
}

void hn_tree_add_f32_avx2(float *sums, const uint8_t *leaves, size_t rows, const float *values,
                          size_t n)
{
    (void)n;
    for (size_t i = 0; i < rows; i += 8) {
        const __m256i leaf = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(leaves + i)));
        const __m256 value = _mm256_i32gather_ps(values, leaf, 4);
        _mm256_storeu_ps(sums + i, _mm256_add_ps(_mm256_loadu_ps(sums + i), value));
    }
}

void hn_tree_add_f64_avx2(double *sums, const uint8_t *leaves, size_t rows, const double *values,
                          size_t n)
{
    (void)n;
    for (size_t i = 0; i < rows; i += 4) {
        const __m128i leaf = _mm_cvtepu8_epi32(_mm_loadu_si32(leaves + i));
        const __m256d value = _mm256_i32gather_pd(values, leaf, 8);
        _mm256_storeu_pd(sums + i, _mm256_add_pd(_mm256_loadu_pd(sums + i), value));
    }
}
