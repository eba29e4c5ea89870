/* Products of bytes by tiles: two lots of rows by two panels. */
#include "kernels/x86/bytes_vnni.h"
#include "kernels/x86/tiles_amx.h"

enum {
    LOT = 16,       /* rows of a tile */
    WORTH_TILES = 4 /* rows; fewer are faster by vectors */
};

/* One or two lots by one or two panels; the second lot's rows follow the first's. */
static inline void tiles_block(const struct hn_byte_gemm *g, const uint8_t *a, const int8_t *b,
                               int32_t *y, bool two_lots, bool two_panels)
{
    const int8_t *b2 = b + HN_PANEL * g->k;
    const uint8_t *a2 = a + LOT * g->lda;
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    for (size_t first = 0; first < g->k; first += g->piece, a += g->apart, a2 += g->apart)
        for (size_t l = 0; l < g->piece; l += HN_BYTES_STEP) {
            const size_t at = (first + l) * HN_PANEL;
            TILE_LOAD(6, b + at, HN_PANEL * 4);
            TILE_LOAD(4, a + l, g->lda);
            TILE_DOT_U8(0, 4, 6);
            if (two_panels) {
                TILE_LOAD(7, b2 + at, HN_PANEL * 4);
                TILE_DOT_U8(1, 4, 7);
            }
            if (two_lots) {
                TILE_LOAD(5, a2 + l, g->lda);
                TILE_DOT_U8(2, 5, 6);
                if (two_panels) TILE_DOT_U8(3, 5, 7);
            }
        }
    const size_t pitch = g->ldy * sizeof *y;
    TILE_STORE(0, y, pitch);
    if (two_panels) TILE_STORE(1, y + HN_PANEL, pitch);
    if (two_lots) TILE_STORE(2, y + LOT * g->ldy, pitch);
    if (two_lots && two_panels) TILE_STORE(3, y + LOT * g->ldy + HN_PANEL, pitch);
}

/* Lots of rows from `row` on, one or two, by all panels. */
static void tiles_rows(const struct hn_byte_gemm *g, size_t row, bool two_lots)
{
    for (size_t j = 0; j < g->n; j += 2 * HN_PANEL)
        tiles_block(g, g->a + row * g->lda, g->b + j * g->k, g->y + row * g->ldy + j, two_lots,
                    j + HN_PANEL < g->n);
}

void hn_bytes_u8_amx(const struct hn_byte_gemm *g, size_t m)
{
    if (m < WORTH_TILES) {
        vnni_gemm(g, m);
        return;
    }
    size_t i = 0;
    if (m >= LOT) tiles_begin(LOT, HN_BYTES_STEP);
    for (; i + 2 * LOT <= m; i += 2 * LOT)
        tiles_rows(g, i, true);
    for (; i + LOT <= m; i += LOT)
        tiles_rows(g, i, false);
    if (i < m) {
        tiles_begin(m - i, HN_BYTES_STEP);
        tiles_rows(g, i, false);
    }
    tiles_end();
}
