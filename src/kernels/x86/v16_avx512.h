/* Sixteen floats in one register: the vocabulary that the *_body.h files are written in, here in
 * AVX-512; v16_avx2.h says the same with two registers, so both give the same bits. */
#ifndef HN_KERNELS_X86_V16_AVX512_H
#define HN_KERNELS_X86_V16_AVX512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef __m512 v16;
typedef __m512i v16i;

enum { V16_REGISTERS = 32 }; /* vectors that fit */

static inline __mmask16 v_first(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

static inline v16 v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

/* x in a register: compilers read what is used several times from memory each time. */
static inline v16 v_hold(v16 x)
{
    __asm__("" : "+v"(x));
    return x;
}

/* The first n < 16 lanes; the others are zero and not read. */
static inline v16 v_load_part(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(v_first(n), p);
}

static inline void v_store(float *p, v16 x)
{
    _mm512_storeu_ps(p, x);
}

static inline void v_store_part(float *p, v16 x, size_t n)
{
    _mm512_mask_storeu_ps(p, v_first(n), x);
}

static inline v16 v_load_f16(const void *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256(p));
}

static inline v16 v_load_bf16(const void *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(p)), 16));
}

/* The even (0) or odd (1) elements of sixteen pairs of bf16. */
static inline v16 v_half_of_pairs(const void *p, size_t odd)
{
    const __m512i pairs = _mm512_loadu_si512(p);
    const __m512i high = _mm512_set1_epi32((int)0xffff0000u);
    return _mm512_castsi512_ps(odd ? _mm512_and_si512(pairs, high) : _mm512_slli_epi32(pairs, 16));
}

static inline v16 v_load_i8(const int8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

static inline __m256i v_to_f16(v16 x)
{
    return _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT);
}

static inline v16 v_set1(float x)
{
    return _mm512_set1_ps(x);
}

static inline v16 v_zero(void)
{
    return _mm512_setzero_ps();
}

static inline v16 v_add(v16 a, v16 b)
{
    return _mm512_add_ps(a, b);
}

static inline v16 v_sub(v16 a, v16 b)
{
    return _mm512_sub_ps(a, b);
}

static inline v16 v_mul(v16 a, v16 b)
{
    return _mm512_mul_ps(a, b);
}

static inline v16 v_div(v16 a, v16 b)
{
    return _mm512_div_ps(a, b);
}

/* a * b + c, rounded once. */
static inline v16 v_fma(v16 a, v16 b, v16 c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* c - a * b */
static inline v16 v_fnma(v16 a, v16 b, v16 c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

/* These give b where either is NaN. */
static inline v16 v_max(v16 a, v16 b)
{
    return _mm512_max_ps(a, b);
}

static inline v16 v_min(v16 a, v16 b)
{
    return _mm512_min_ps(a, b);
}

/* a < b ? x : y, lane by lane; false for NaN. */
static inline v16 v_where_less(v16 a, v16 b, v16 x, v16 y)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}

static inline v16 v_abs(v16 x)
{
    return _mm512_abs_ps(x);
}

/* The magnitude of x with the sign of s. */
static inline v16 v_copy_sign(v16 x, v16 s)
{
    const __m512i sign = _mm512_set1_epi32((int)0x80000000u);
    return _mm512_castsi512_ps(
        _mm512_ternarylogic_epi32(sign, _mm512_castps_si512(s), _mm512_castps_si512(x), 0xca));
}

static inline v16 v_round(v16 x)
{
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* x * 2^n for whole n in -160..160, rounded once. */
static inline v16 v_scale2(v16 x, v16 n)
{
    return _mm512_scalef_ps(x, n);
}

/* Lanes below `first` and from `last` on become `other`. */
static inline v16 v_keep(v16 x, size_t first, size_t last, float other)
{
    const __mmask16 keep = (__mmask16)(v_first(last) & ~(unsigned)v_first(first));
    return _mm512_mask_blend_ps(keep, _mm512_set1_ps(other), x);
}

static inline __m256 v_low(v16 x)
{
    return _mm512_castps512_ps256(x);
}

static inline __m256 v_high(v16 x)
{
    return _mm512_extractf32x8_ps(x, 1);
}

static inline v16i v_bits(v16 x)
{
    return _mm512_castps_si512(x);
}

static inline v16i v_max_bits(v16i a, v16i b)
{
    return _mm512_max_epi32(a, b);
}

static inline __m256i v_low_bits(v16i x)
{
    return _mm512_castsi512_si256(x);
}

static inline __m256i v_high_bits(v16i x)
{
    return _mm512_extracti64x4_epi64(x, 1);
}

/* Rounds to the nearest integer, ties to even; saturates to int8. */
static inline __m128i v_to_i8(v16 x)
{
    return _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(x));
}

/* Rounds to bf16, ties to even; NaN stays NaN. */
static inline __m256i v_to_bf16(v16 x)
{
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_mask_blend_epi32(nan, up, quiet), 16));
}

/* The even and the odd lanes of (a, b), and back. */
static inline void v_unzip(v16 a, v16 b, v16 *even, v16 *odd)
{
    const __m512i evens =
        _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *even = _mm512_permutex2var_ps(a, evens, b);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(evens, _mm512_set1_epi32(1)), b);
}

static inline void v_zip(v16 even, v16 odd, v16 *a, v16 *b)
{
    const __m512i first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *a = _mm512_permutex2var_ps(even, first, odd);
    *b = _mm512_permutex2var_ps(even, _mm512_add_epi32(first, _mm512_set1_epi32(8)), odd);
}

#endif
