/* Products of bytes by sums of pairs of 16 bits: those of bytes themselves would saturate. */
#include <immintrin.h>
#include <string.h>

#include "base/bits.h"
#include "kernels/list.h"
#include "kernels/x86/unroll.h"

#define BYTES(name) hn_##name##_avx2
#include "kernels/ref/bytes_loops.h"

enum { ROWS = 2, QUARTERS = 4 }; /* four columns of a panel each */

/* One panel for `rows` rows. */
static inline __attribute__((always_inline)) void block(const struct hn_byte_gemm *g,
                                                        const uint8_t *a, const int8_t *b,
                                                        int32_t *y, size_t rows)
{
    __m256i sums[ROWS][QUARTERS];
    UNROLL for (size_t i = 0; i < rows; i++) UNROLL for (size_t q = 0; q < QUARTERS; q++)
        sums[i][q] = _mm256_setzero_si256();
    for (size_t first = 0; first < g->k; first += g->piece, a += g->apart)
        for (size_t l = 0; l < g->piece; l += 4, b += HN_PANEL * 4) {
            __m256i left[ROWS];
            UNROLL for (size_t i = 0; i < rows; i++)
            {
                int32_t four;
                memcpy(&four, a + i * g->lda + l, sizeof four);
                left[i] = _mm256_cvtepu8_epi16(_mm_set1_epi32(four));
            }
            UNROLL for (size_t q = 0; q < QUARTERS; q++)
            {
                const __m256i right = _mm256_cvtepi8_epi16(
                    _mm_loadu_si128((const __m128i *)(const void *)(b + 16 * q)));
                UNROLL for (size_t i = 0; i < rows; i++) sums[i][q] =
                    _mm256_add_epi32(sums[i][q], _mm256_madd_epi16(left[i], right));
            }
        }
    UNROLL for (size_t i = 0; i < rows; i++) UNROLL for (size_t q = 0; q < QUARTERS; q += 2)
    {
        const __m256i both = _mm256_hadd_epi32(sums[i][q], sums[i][q + 1]);
        _mm256_storeu_si256((__m256i *)(void *)(y + i * g->ldy + 4 * q),
                            _mm256_permute4x64_epi64(both, 0xd8));
    }
}

void hn_bytes_u8_avx2(const struct hn_byte_gemm *g, size_t m)
{
    for (size_t j = 0; j < g->n; j += HN_PANEL) {
        const int8_t *b = g->b + j * g->k;
        size_t i = 0;
        for (; i + ROWS <= m; i += ROWS)
            block(g, g->a + i * g->lda, b, g->y + i * g->ldy + j, ROWS);
        if (i < m) block(g, g->a + i * g->lda, b, g->y + i * g->ldy + j, 1);
    }
}

/* The vocabulary of bytes_body.h for sixteen channels. */
enum { LOT = 16 };
typedef __m256i words;

static inline words w_channels(const uint8_t *x)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)x));
}

static inline void w_weights(const int16_t *w, words *low, words *high)
{
    const words a = _mm256_loadu_si256((const words *)(const void *)w),
                b = _mm256_loadu_si256((const words *)(const void *)(w + 16));
    *low = _mm256_permute2x128_si256(a, b, 0x20);
    *high = _mm256_permute2x128_si256(a, b, 0x31);
}

static inline void w_add(words *low, words *high, words x0, words x1, words w_low, words w_high)
{
    *low = _mm256_add_epi32(*low, _mm256_madd_epi16(_mm256_unpacklo_epi16(x0, x1), w_low));
    *high = _mm256_add_epi32(*high, _mm256_madd_epi16(_mm256_unpackhi_epi16(x0, x1), w_high));
}

static inline void w_store(int32_t *y, words low, words high)
{
    _mm256_storeu_si256((words *)(void *)y, _mm256_permute2x128_si256(low, high, 0x20));
    _mm256_storeu_si256((words *)(void *)(y + 8), _mm256_permute2x128_si256(low, high, 0x31));
}

static inline words w_zero(void)
{
    return _mm256_setzero_si256();
}

#include "kernels/x86/bytes_body.h"
