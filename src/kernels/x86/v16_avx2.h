/* Sixteen floats in two registers: v16_avx512.h's vocabulary in AVX2, FMA and F16C. */
#ifndef HN_KERNELS_X86_V16_AVX2_H
#define HN_KERNELS_X86_V16_AVX2_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    __m256 a, b;
} v16;
typedef struct {
    __m256i a, b;
} v16i;

enum { V16_REGISTERS = 8 }; /* vectors that fit */

/* All ones in the lanes of [from, from + 8) that lie below n. */
static inline __m256i v_mask(size_t n, int from)
{
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - from), lanes);
}

static inline v16 v_load(const float *p)
{
    return (v16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

static inline v16 v_hold(v16 x)
{
    __asm__("" : "+x"(x.a), "+x"(x.b));
    return x;
}

static inline v16 v_load_part(const float *p, size_t n)
{
    return (v16){_mm256_maskload_ps(p, v_mask(n, 0)), _mm256_maskload_ps(p + 8, v_mask(n, 8))};
}

static inline void v_store(float *p, v16 x)
{
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}

static inline void v_store_part(float *p, v16 x, size_t n)
{
    _mm256_maskstore_ps(p, v_mask(n, 0), x.a);
    _mm256_maskstore_ps(p + 8, v_mask(n, 8), x.b);
}

static inline v16 v_load_f16(const void *p)
{
    const __m128i *q = p;
    return (v16){_mm256_cvtph_ps(_mm_loadu_si128(q)), _mm256_cvtph_ps(_mm_loadu_si128(q + 1))};
}

static inline __m256 v_widen_bf16(__m128i x)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}

static inline v16 v_load_bf16(const void *p)
{
    const __m128i *q = p;
    return (v16){v_widen_bf16(_mm_loadu_si128(q)), v_widen_bf16(_mm_loadu_si128(q + 1))};
}

static inline __m256 v_pairs_half(__m256i pairs, size_t odd)
{
    const __m256i high = _mm256_set1_epi32((int)0xffff0000u);
    return _mm256_castsi256_ps(odd ? _mm256_and_si256(pairs, high) : _mm256_slli_epi32(pairs, 16));
}

static inline v16 v_half_of_pairs(const void *p, size_t odd)
{
    const __m256i *q = p;
    return (v16){v_pairs_half(_mm256_loadu_si256(q), odd),
                 v_pairs_half(_mm256_loadu_si256(q + 1), odd)};
}

static inline v16 v_load_i8(const int8_t *p)
{
    return (v16){
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p))),
        _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(p + 8))))};
}

static inline __m256i v_to_f16(v16 x)
{
    return _mm256_set_m128i(_mm256_cvtps_ph(x.b, _MM_FROUND_TO_NEAREST_INT),
                            _mm256_cvtps_ph(x.a, _MM_FROUND_TO_NEAREST_INT));
}

static inline v16 v_set1(float x)
{
    return (v16){_mm256_set1_ps(x), _mm256_set1_ps(x)};
}

static inline v16 v_zero(void)
{
    return (v16){_mm256_setzero_ps(), _mm256_setzero_ps()};
}

static inline v16 v_add(v16 a, v16 b)
{
    return (v16){_mm256_add_ps(a.a, b.a), _mm256_add_ps(a.b, b.b)};
}

static inline v16 v_sub(v16 a, v16 b)
{
    return (v16){_mm256_sub_ps(a.a, b.a), _mm256_sub_ps(a.b, b.b)};
}

static inline v16 v_mul(v16 a, v16 b)
{
    return (v16){_mm256_mul_ps(a.a, b.a), _mm256_mul_ps(a.b, b.b)};
}

static inline v16 v_div(v16 a, v16 b)
{
    return (v16){_mm256_div_ps(a.a, b.a), _mm256_div_ps(a.b, b.b)};
}

static inline v16 v_fma(v16 a, v16 b, v16 c)
{
    return (v16){_mm256_fmadd_ps(a.a, b.a, c.a), _mm256_fmadd_ps(a.b, b.b, c.b)};
}

static inline v16 v_fnma(v16 a, v16 b, v16 c)
{
    return (v16){_mm256_fnmadd_ps(a.a, b.a, c.a), _mm256_fnmadd_ps(a.b, b.b, c.b)};
}

static inline v16 v_max(v16 a, v16 b)
{
    return (v16){_mm256_max_ps(a.a, b.a), _mm256_max_ps(a.b, b.b)};
}

static inline v16 v_min(v16 a, v16 b)
{
    return (v16){_mm256_min_ps(a.a, b.a), _mm256_min_ps(a.b, b.b)};
}

static inline v16 v_where_less(v16 a, v16 b, v16 x, v16 y)
{
    return (v16){_mm256_blendv_ps(y.a, x.a, _mm256_cmp_ps(a.a, b.a, _CMP_LT_OQ)),
                 _mm256_blendv_ps(y.b, x.b, _mm256_cmp_ps(a.b, b.b, _CMP_LT_OQ))};
}

static inline v16 v_abs(v16 x)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (v16){_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
}

static inline v16 v_copy_sign(v16 x, v16 s)
{
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return (v16){_mm256_or_ps(_mm256_andnot_ps(sign, x.a), _mm256_and_ps(sign, s.a)),
                 _mm256_or_ps(_mm256_andnot_ps(sign, x.b), _mm256_and_ps(sign, s.b))};
}

static inline v16 v_round(v16 x)
{
    return (v16){_mm256_round_ps(x.a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC),
                 _mm256_round_ps(x.b, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}

/* x * 2^n in two steps, of which only the second can round. */
static inline __m256 v_scale2_half(__m256 x, __m256 n)
{
    const __m256i bias = _mm256_set1_epi32(127);
    const __m256i whole = _mm256_cvtps_epi32(n);
    const __m256i half = _mm256_srai_epi32(whole, 1);
    const __m256i rest = _mm256_sub_epi32(whole, half);
    const __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    const __m256i second = _mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23);
    return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
}

static inline v16 v_scale2(v16 x, v16 n)
{
    return (v16){v_scale2_half(x.a, n.a), v_scale2_half(x.b, n.b)};
}

static inline v16 v_keep(v16 x, size_t first, size_t last, float other)
{
    const __m256 fill = _mm256_set1_ps(other);
    const __m256i a = _mm256_andnot_si256(v_mask(first, 0), v_mask(last, 0));
    const __m256i b = _mm256_andnot_si256(v_mask(first, 8), v_mask(last, 8));
    return (v16){_mm256_blendv_ps(fill, x.a, _mm256_castsi256_ps(a)),
                 _mm256_blendv_ps(fill, x.b, _mm256_castsi256_ps(b))};
}

static inline __m256 v_low(v16 x)
{
    return x.a;
}

static inline __m256 v_high(v16 x)
{
    return x.b;
}

static inline v16i v_bits(v16 x)
{
    return (v16i){_mm256_castps_si256(x.a), _mm256_castps_si256(x.b)};
}

static inline v16i v_max_bits(v16i a, v16i b)
{
    return (v16i){_mm256_max_epi32(a.a, b.a), _mm256_max_epi32(a.b, b.b)};
}

static inline __m256i v_low_bits(v16i x)
{
    return x.a;
}

static inline __m256i v_high_bits(v16i x)
{
    return x.b;
}

/* Two vectors of eight 32-bit integers to sixteen 16-bit ones, in order. */
static inline __m256i v_narrow(__m256i a, __m256i b)
{
    return _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
}

static inline __m128i v_to_i8(v16 x)
{
    const __m256i y = v_narrow(_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b));
    return _mm_packs_epi16(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
}

static inline __m256i v_round_bf16(__m256 x)
{
    const __m256i bits = _mm256_castps_si256(x);
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    /* The arithmetic shift keeps the signed narrowing from saturating. */
    return _mm256_srai_epi32(_mm256_blendv_epi8(up, quiet, nan), 16);
}

static inline __m256i v_to_bf16(v16 x)
{
    return v_narrow(v_round_bf16(x.a), v_round_bf16(x.b));
}

/* Even lanes of (a, b) in order; the odd ones with the other selector. */
static inline __m256 v_pick(__m256 a, __m256 b, int odd)
{
    const __m256 mixed = odd ? _mm256_shuffle_ps(a, b, 0xdd) : _mm256_shuffle_ps(a, b, 0x88);
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(mixed), 0xd8));
}

static inline void v_unzip(v16 a, v16 b, v16 *even, v16 *odd)
{
    *even = (v16){v_pick(a.a, a.b, 0), v_pick(b.a, b.b, 0)};
    *odd = (v16){v_pick(a.a, a.b, 1), v_pick(b.a, b.b, 1)};
}

static inline v16 v_zip_half(__m256 even, __m256 odd)
{
    const __m256 low = _mm256_unpacklo_ps(even, odd);
    const __m256 high = _mm256_unpackhi_ps(even, odd);
    return (v16){_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31)};
}

static inline void v_zip(v16 even, v16 odd, v16 *a, v16 *b)
{
    *a = v_zip_half(even.a, odd.a);
    *b = v_zip_half(even.b, odd.b);
}

#endif
