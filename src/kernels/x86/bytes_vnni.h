/* Products of bytes, four at a time into 32 bits. */
#ifndef HN_KERNELS_X86_BYTES_VNNI_H
#define HN_KERNELS_X86_BYTES_VNNI_H

#include <immintrin.h>
#include <string.h>

#include "kernels/list.h"
#include "kernels/x86/unroll.h"

enum { VNNI_ROWS = 8, VNNI_PANELS = 3 };

/* `panels` panels for `rows` rows. */
static inline __attribute__((always_inline)) void vnni_block(const struct hn_byte_gemm *g,
                                                             const uint8_t *a, const int8_t *b,
                                                             int32_t *y, size_t rows, size_t panels)
{
    __m512i sums[VNNI_ROWS][VNNI_PANELS];
    UNROLL for (size_t i = 0; i < rows; i++) UNROLL for (size_t p = 0; p < panels; p++) sums[i][p] =
        _mm512_setzero_si512();
    for (size_t first = 0; first < g->k; first += g->piece, a += g->apart)
        for (size_t l = 0; l < g->piece; l += 4) {
            __m512i right[VNNI_PANELS];
            UNROLL for (size_t p = 0; p < panels; p++) right[p] =
                _mm512_loadu_si512(b + (p * g->k + first + l) * HN_PANEL);
            UNROLL for (size_t i = 0; i < rows; i++)
            {
                int32_t four;
                memcpy(&four, a + i * g->lda + l, sizeof four);
                const __m512i left = _mm512_set1_epi32(four);
                UNROLL for (size_t p = 0; p < panels; p++) sums[i][p] =
                    _mm512_dpbusd_epi32(sums[i][p], left, right[p]);
            }
        }
    UNROLL for (size_t i = 0; i < rows; i++) UNROLL for (size_t p = 0; p < panels; p++)
        _mm512_storeu_si512(y + i * g->ldy + p * HN_PANEL, sums[i][p]);
}

/* Rows from `first` on, of panels from column `j` on. */
#define VNNI_COLUMNS(panels)                                                                       \
    do {                                                                                           \
        size_t i = 0;                                                                              \
        for (; i + VNNI_ROWS <= m; i += VNNI_ROWS)                                                 \
            vnni_block(g, g->a + i * g->lda, b, g->y + i * g->ldy + j, VNNI_ROWS, panels);         \
        for (; i + 2 <= m; i += 2)                                                                 \
            vnni_block(g, g->a + i * g->lda, b, g->y + i * g->ldy + j, 2, panels);                 \
        if (i < m) vnni_block(g, g->a + i * g->lda, b, g->y + i * g->ldy + j, 1, panels);          \
    } while (0)

static inline void vnni_gemm(const struct hn_byte_gemm *g, size_t m)
{
    size_t j = 0;
    for (; j + (VNNI_PANELS - 1) * HN_PANEL < g->n; j += VNNI_PANELS * HN_PANEL) {
        const int8_t *b = g->b + j * g->k;
        VNNI_COLUMNS(VNNI_PANELS);
    }
    for (; j < g->n; j += HN_PANEL) {
        const int8_t *b = g->b + j * g->k;
        VNNI_COLUMNS(1);
    }
}

#endif
