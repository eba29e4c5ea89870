/* The ways between bytes and floats, and channels by themselves, in wider vectors. */
#include <immintrin.h>

#include "base/bits.h"
#include "kernels/list.h"
#include "kernels/x86/unroll.h"

#define BYTES(name) hn_##name##_avx512
#define BYTES_FINISHED
#include "kernels/ref/bytes_loops.h"

/* Sixteen sums less their zero points, scaled; at most `high`, and that where they are no numbers. Rounded after
 * that, which is the same since `high` is whole. */
static inline __attribute__((always_inline)) __m512i finish_sixteen(const struct hn_byte_finish *f,
                                                                    size_t row, size_t column,
                                                                    __mmask16 some, __m512i bias,
                                                                    __m512 scale, __m512 high)
{
    const int32_t *at = f->sums + row * f->lds + column;
    __m512i sum = _mm512_add_epi32(_mm512_maskz_loadu_epi32(some, at), bias);
    if (f->zeros)
        sum = _mm512_sub_epi32(sum,
                               _mm512_mullo_epi32(_mm512_maskz_loadu_epi32(some, f->zeros + column),
                                                  _mm512_set1_epi32(f->rows[row])));
    return _mm512_cvtps_epi32(_mm512_min_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale), high));
}

/* `vectors` times sixteen columns, the last of them `some`, of all rows. Packing saturates, and what is too low
 * for 32 bits is the least of them. */
static inline __attribute__((always_inline)) void finish_columns(const struct hn_byte_finish *f,
                                                                 size_t m, size_t column,
                                                                 size_t vectors, __mmask16 some,
                                                                 bool is_signed)
{
    const __m512i zero = _mm512_set1_epi16((short)f->zero), low = _mm512_set1_epi8((char)f->low);
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512 high = _mm512_set1_ps((float)f->high - (float)f->zero);
    __mmask16 masks[4] = {0};
    __m512 scale[4];
    __m512i bias[4];
    UNROLL for (size_t v = 0; v < vectors; v++)
    {
        masks[v] = v + 1 < vectors ? 0xffff : some;
        scale[v] = _mm512_maskz_loadu_ps(masks[v], f->scale + column + 16 * v);
        bias[v] = _mm512_maskz_loadu_epi32(masks[v], f->bias + column + 16 * v);
    }
    const __mmask64 written =
        (__mmask64)some << (16 * (vectors - 1)) | (((__mmask64)1 << (16 * (vectors - 1))) - 1);
    for (size_t i = 0; i < m; i++) {
        __m512i x[4];
        UNROLL for (size_t v = 0; v < 4; v++) x[v] =
            v < vectors ? finish_sixteen(f, i, column + 16 * v, masks[v], bias[v], scale[v], high)
                        : _mm512_setzero_si512();
        const __m512i a = _mm512_adds_epi16(_mm512_packs_epi32(x[0], x[1]), zero);
        const __m512i b = _mm512_adds_epi16(_mm512_packs_epi32(x[2], x[3]), zero);
        const __m512i bytes = is_signed ? _mm512_max_epi8(_mm512_packs_epi16(a, b), low)
                                        : _mm512_max_epu8(_mm512_packus_epi16(a, b), low);
        _mm512_mask_storeu_epi8((uint8_t *)f->y + i * f->ldy + column, written,
                                _mm512_permutexvar_epi32(order, bytes));
    }
}

static inline __attribute__((always_inline)) void finish_all(const struct hn_byte_finish *f,
                                                             size_t m, bool is_signed)
{
    size_t j = 0;
    for (; j + 64 <= f->n; j += 64)
        finish_columns(f, m, j, 4, 0xffff, is_signed);
    const size_t left = f->n - j;
    const __mmask16 some = (__mmask16)(0xffff >> (15 - (left - 1) % 16));
    if (left > 48) finish_columns(f, m, j, 4, some, is_signed);
    else if (left > 32) finish_columns(f, m, j, 3, some, is_signed);
    else if (left > 16) finish_columns(f, m, j, 2, some, is_signed);
    else if (left > 0) finish_columns(f, m, j, 1, some, is_signed);
}

void hn_finish_bytes_avx512(const struct hn_byte_finish *f, size_t m)
{
    if (f->low < 0) finish_all(f, m, true);
    else finish_all(f, m, false);
}

/* The vocabulary of bytes_body.h for 32 channels. */
enum { LOT = 32 };
typedef __m512i words;

static inline words w_channels(const uint8_t *x)
{
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)x));
}

static inline void w_weights(const int16_t *w, words *low, words *high)
{
    const words a = _mm512_loadu_si512(w), b = _mm512_loadu_si512(w + 32);
    *low = _mm512_shuffle_i32x4(a, b, 0x88);
    *high = _mm512_shuffle_i32x4(a, b, 0xdd);
}

static inline void w_add(words *low, words *high, words x0, words x1, words w_low, words w_high)
{
    *low = _mm512_add_epi32(*low, _mm512_madd_epi16(_mm512_unpacklo_epi16(x0, x1), w_low));
    *high = _mm512_add_epi32(*high, _mm512_madd_epi16(_mm512_unpackhi_epi16(x0, x1), w_high));
}

/* low: channels 0-3, 8-11, 16-19, 24-27. */
static inline void w_store(int32_t *y, words low, words high)
{
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11),
                  second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    _mm512_storeu_si512(y, _mm512_permutex2var_epi64(low, first, high));
    _mm512_storeu_si512(y + 16, _mm512_permutex2var_epi64(low, second, high));
}

static inline words w_zero(void)
{
    return _mm512_setzero_si512();
}

#include "kernels/x86/bytes_body.h"
