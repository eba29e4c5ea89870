/* The vocabulary of matmul_blocks_body.h in AVX-512: a vector holds all sixteen rows of a panel. With
 * VNNI a four-byte dot product is one instruction. lanes_avx2.h says the same for half panels. */
#ifndef HN_KERNELS_X86_LANES_AVX512_H
#define HN_KERNELS_X86_LANES_AVX512_H

#include <immintrin.h>
#include <stdint.h>

enum { LANES = 16, TILE_MAX = 12 };

typedef __m512 vf;
typedef __m512i vi;

static inline vf f_zero(void)
{
    return _mm512_setzero_ps();
}

static inline vf f_set1(float x)
{
    return _mm512_set1_ps(x);
}

static inline vf f_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void f_store(float *p, vf x)
{
    _mm512_storeu_ps(p, x);
}

static inline vf f_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

static inline vf f_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* c - a * b */
static inline vf f_fnma(vf a, vf b, vf c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

static inline vf f_from_ints(vi x)
{
    return _mm512_cvtepi32_ps(x);
}

/* One value per row: half floats, unsigned bytes, signed bytes. */
static inline vf f_halves(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p));
}

static inline vf f_bytes(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

static inline vf f_signed_bytes(const int8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)));
}

static inline vi i_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline vi i_set1(int32_t x)
{
    return _mm512_set1_epi32(x);
}

static inline vi i_and(vi a, vi b)
{
    return _mm512_and_si512(a, b);
}

static inline vi i_or(vi a, vi b)
{
    return _mm512_or_si512(a, b);
}

static inline vi i_left(vi x, int by)
{
    return _mm512_slli_epi16(x, by);
}

static inline vi i_right(vi x, int by)
{
    return _mm512_srli_epi16(x, by);
}

/* The sums of the four products of unsigned bytes w and signed bytes x in every lane, and of those of w2
 * and x2. BITS is how many bits the weights have: 4, 6 or 8. The form for 8 takes w less 128, so that no
 * sum saturates. */
#if defined(__AVX512VNNI__)
enum { DOT_SIGNED = 0 };

static inline vi dot_start(int bits, int32_t seed)
{
    (void)bits;
    return _mm512_set1_epi32(seed);
}

static inline vi dot_add(int bits, vi sum, vi w, vi x, vi w2, vi x2)
{
    (void)bits;
    return _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(sum, w, x), w2, x2);
}

static inline vi dot_end(int bits, vi sum, int32_t seed)
{
    (void)bits;
    (void)seed;
    return sum;
}
#else
enum { DOT_SIGNED = 1 };

static inline vi dot_start(int bits, int32_t seed)
{
    return bits == 4 ? _mm512_setzero_si512() : _mm512_set1_epi32(seed);
}

/* |w| times x with the sign of w: at most 128 * 127 * 2. */
static inline vi dot_pairs(vi w, vi x)
{
    const vi value = _mm512_xor_si512(w, _mm512_set1_epi8((char)0x80));
    x = _mm512_mask_sub_epi8(x, _mm512_movepi8_mask(value), _mm512_setzero_si512(), x);
    return _mm512_maddubs_epi16(_mm512_abs_epi8(value), x);
}

static inline vi dot_add(int bits, vi sum, vi w, vi x, vi w2, vi x2)
{
    const vi ones = _mm512_set1_epi16(1);
    if (bits == 8) {
        sum = _mm512_add_epi32(sum, _mm512_madd_epi16(dot_pairs(w, x), ones));
        return _mm512_add_epi32(sum, _mm512_madd_epi16(dot_pairs(w2, x2), ones));
    }
    const vi pair = _mm512_maddubs_epi16(w, x), pair2 = _mm512_maddubs_epi16(w2, x2);
    /* 15 * 127 * 2 products * 8 groups fit 16 bits: widened once, at the end. */
    if (bits == 4) return _mm512_add_epi16(_mm512_add_epi16(sum, pair), pair2);
    /* 63 * 127 * 2 products * 2 groups fit, too. */
    return _mm512_add_epi32(sum, _mm512_madd_epi16(_mm512_add_epi16(pair, pair2), ones));
}

static inline vi dot_end(int bits, vi sum, int32_t seed)
{
    if (bits != 4) return sum;
    return _mm512_add_epi32(_mm512_set1_epi32(seed), _mm512_madd_epi16(sum, _mm512_set1_epi16(1)));
}
#endif

#endif
