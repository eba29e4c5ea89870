/* lanes_avx512.h's vocabulary in AVX2: a vector holds eight rows, half a panel. */
#ifndef HN_KERNELS_X86_LANES_AVX2_H
#define HN_KERNELS_X86_LANES_AVX2_H

#include <immintrin.h>
#include <stdint.h>

enum { LANES = 8, TILE_MAX = 4, DOT_SIGNED = 1 };

typedef __m256 vf;
typedef __m256i vi;

static inline vf f_zero(void)
{
    return _mm256_setzero_ps();
}

static inline vf f_set1(float x)
{
    return _mm256_set1_ps(x);
}

static inline vf f_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void f_store(float *p, vf x)
{
    _mm256_storeu_ps(p, x);
}

static inline vf f_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}

static inline vf f_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vf f_fnma(vf a, vf b, vf c)
{
    return _mm256_fnmadd_ps(a, b, c);
}

static inline vf f_from_ints(vi x)
{
    return _mm256_cvtepi32_ps(x);
}

static inline vf f_halves(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p));
}

static inline vf f_bytes(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

static inline vf f_signed_bytes(const int8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

static inline vi i_load(const void *p)
{
    return _mm256_loadu_si256(p);
}

static inline vi i_set1(int32_t x)
{
    return _mm256_set1_epi32(x);
}

static inline vi i_and(vi a, vi b)
{
    return _mm256_and_si256(a, b);
}

static inline vi i_or(vi a, vi b)
{
    return _mm256_or_si256(a, b);
}

static inline vi i_left(vi x, int by)
{
    return _mm256_slli_epi16(x, by);
}

static inline vi i_right(vi x, int by)
{
    return _mm256_srli_epi16(x, by);
}

static inline vi dot_start(int bits, int32_t seed)
{
    return bits == 4 ? _mm256_setzero_si256() : _mm256_set1_epi32(seed);
}

static inline vi dot_pairs(vi w, vi x)
{
    const vi value = _mm256_xor_si256(w, _mm256_set1_epi8((char)0x80));
    return _mm256_maddubs_epi16(_mm256_abs_epi8(value), _mm256_sign_epi8(x, value));
}

static inline vi dot_add(int bits, vi sum, vi w, vi x, vi w2, vi x2)
{
    const vi ones = _mm256_set1_epi16(1);
    if (bits == 8) {
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(dot_pairs(w, x), ones));
        return _mm256_add_epi32(sum, _mm256_madd_epi16(dot_pairs(w2, x2), ones));
    }
    const vi pair = _mm256_maddubs_epi16(w, x), pair2 = _mm256_maddubs_epi16(w2, x2);
    if (bits == 4) return _mm256_add_epi16(_mm256_add_epi16(sum, pair), pair2);
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_add_epi16(pair, pair2), ones));
}

static inline vi dot_end(int bits, vi sum, int32_t seed)
{
    if (bits != 4) return sum;
    return _mm256_add_epi32(_mm256_set1_epi32(seed), _mm256_madd_epi16(sum, _mm256_set1_epi16(1)));
}

#endif
