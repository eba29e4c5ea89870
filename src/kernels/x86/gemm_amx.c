/* Products of float matrices by tiles, which multiply pairs of BF16 and add them to floats.
 *
 * A float is the sum of three BF16, exactly: what is cut off leaves eight bits less each time. Of the nine
 * products of parts the six largest are taken, the rest lies below the last bit of a float. A row is added
 * up chunk by chunk, in one order for any cut of rows and columns. */
#include <string.h>

#include "base/bits.h"
#include "kernels/layout.h"
#include "kernels/list.h"
#include "kernels/x86/tiles_amx.h"
#include "kernels/x86/unroll.h"
#include "kernels/x86/v16_avx512.h"
#include "kernels/x86/epilogue_body.h"

enum {
    CHUNK = 32,          /* elements of a row that a tile holds */
    LOT = 16,            /* rows of a tile */
    PART = LOT * CHUNK,  /* BF16 of one part of a chunk of a lot, or of a panel */
    UNIT = 3 * PART,     /* of all three */
    PAIR = 2 * HN_PANEL, /* columns at a time */
    ROW = CHUNK * sizeof(uint16_t),
};

/* The upper halves of the words of two vectors, and what they leave. */
static inline __m512 leave(__m512 x)
{
    const __m512i mask = _mm512_set1_epi32((int)0xffff0000u);
    return _mm512_sub_ps(x, _mm512_castsi512_ps(_mm512_and_si512(_mm512_castps_si512(x), mask)));
}

/* Thirty-two elements of a row, side by side: three times one row of a tile. */
static inline void split_row(uint16_t *to, __m512 a, __m512 b)
{
    const __m512i uppers =
        _mm512_set_epi16(63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33, 31, 29, 27,
                         25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
    UNROLL for (size_t part = 0; part < 3; part++)
    {
        _mm512_store_si512(
            to + part * PART,
            _mm512_permutex2var_epi16(_mm512_castps_si512(a), uppers, _mm512_castps_si512(b)));
        a = leave(a);
        b = leave(b);
    }
}

/* Two rows of a panel, of elements k and k + 1: three times one row of a tile of weights. */
static inline void split_pair(uint16_t *to, __m512 even, __m512 odd)
{
    UNROLL for (size_t part = 0; part < 3; part++)
    {
        const __m512i low = _mm512_srli_epi32(_mm512_castps_si512(even), 16);
        _mm512_store_si512(to + part * PART,
                           _mm512_mask_blend_epi16(0xaaaaaaaa, low, _mm512_castps_si512(odd)));
        even = leave(even);
        odd = leave(odd);
    }
}

/* Lots of rows, [lot][chunk][part][16][32], zeros beyond the last row and the last element. */
static void split_rows(uint16_t *to, const struct hn_gemm *g, size_t m, size_t chunks)
{
    for (size_t lot = 0; lot * LOT < m; lot++)
        for (size_t i = 0; i < LOT; i++) {
            const size_t row = lot * LOT + i;
            const float *a = g->a + row * g->lda;
            uint16_t *at = to + lot * chunks * UNIT + i * CHUNK;
            for (size_t c = 0; c < chunks; c++, at += UNIT) {
                const size_t n = row < m ? hn_min(CHUNK, g->k - c * CHUNK) : 0;
                const float *x = a + c * CHUNK;
                if (n == CHUNK) split_row(at, v_load(x), v_load(x + 16));
                else if (n > 16) split_row(at, v_load(x), v_load_part(x + 16, n - 16));
                else split_row(at, n == 16 ? v_load(x) : v_load_part(x, n), v_zero());
            }
        }
}

/* One panel, [chunk][part][16 pairs][16][2], with room for another between chunks. */
static void split_panel(uint16_t *to, const float *panel, size_t k, size_t chunks)
{
    for (size_t c = 0; c < chunks; c++, to += 2 * UNIT)
        for (size_t i = 0; i < CHUNK; i += 2) {
            const size_t at = c * CHUNK + i;
            split_pair(to + i * HN_PANEL, at < k ? v_load(panel + at * HN_PANEL) : v_zero(),
                       at + 1 < k ? v_load(panel + (at + 1) * HN_PANEL) : v_zero());
        }
}

/* Two lots by two panels over all chunks; sums in tiles 0 (lot 0, panel 0) to 3 (lot 1, panel 1). Each step
 * changes one side alone: parts low by high, middle by high, middle by middle, high by middle, high by low,
 * high by high. */
static inline void add_chunks(const uint16_t *a, const uint16_t *b, size_t chunks)
{
    const uint16_t *a2 = a + chunks * UNIT;
#define DOTS                                                                                       \
    TILE_DOT_BF16(0, 4, 6);                                                                        \
    TILE_DOT_BF16(1, 4, 7);                                                                        \
    TILE_DOT_BF16(2, 5, 6);                                                                        \
    TILE_DOT_BF16(3, 5, 7)
#define LEFT(part)                                                                                 \
    TILE_LOAD(4, a + (part)*PART, ROW);                                                            \
    TILE_LOAD(5, a2 + (part)*PART, ROW)
#define RIGHT(part)                                                                                \
    TILE_LOAD(6, b + (part)*PART, ROW);                                                            \
    TILE_LOAD(7, b + UNIT + (part)*PART, ROW)
    for (size_t c = 0; c < chunks; c++, a += UNIT, a2 += UNIT, b += 2 * UNIT) {
        LEFT(2);
        RIGHT(0);
        DOTS;
        LEFT(1);
        DOTS;
        RIGHT(1);
        DOTS;
        LEFT(0);
        DOTS;
        RIGHT(2);
        DOTS;
        RIGHT(0);
        DOTS;
    }
#undef DOTS
#undef LEFT
#undef RIGHT
}

/* Rows and columns that are there, between y and whole tiles. */
static void copy_block(float *to, size_t ld_to, const float *from, size_t ld_from, size_t m,
                       size_t n)
{
    for (size_t i = 0; i < m; i++)
        memcpy(to + i * ld_to, from + i * ld_from, n * sizeof *to);
}

static void run_block(const struct hn_gemm *g, const uint16_t *a, const uint16_t *b, size_t chunks,
                      float *y, size_t m, size_t n)
{
    _Alignas(64) float room[2 * LOT * PAIR];
    const bool whole = m == 2 * LOT && n == PAIR;
    float *at = whole ? y : room;
    const size_t ld = whole ? g->ldy : PAIR;
    if (g->more) {
        if (!whole) {
            memset(room, 0, sizeof room);
            copy_block(room, PAIR, y, g->ldy, m, n);
        }
        TILE_LOAD(0, at, ld * sizeof *at);
        TILE_LOAD(1, at + HN_PANEL, ld * sizeof *at);
        TILE_LOAD(2, at + LOT * ld, ld * sizeof *at);
        TILE_LOAD(3, at + LOT * ld + HN_PANEL, ld * sizeof *at);
    } else {
        TILE_ZERO(0);
        TILE_ZERO(1);
        TILE_ZERO(2);
        TILE_ZERO(3);
    }
    add_chunks(a, b, chunks);
    TILE_STORE(0, at, ld * sizeof *at);
    TILE_STORE(1, at + HN_PANEL, ld * sizeof *at);
    TILE_STORE(2, at + LOT * ld, ld * sizeof *at);
    TILE_STORE(3, at + LOT * ld + HN_PANEL, ld * sizeof *at);
    if (!whole) copy_block(y, g->ldy, room, PAIR, m, n);
}

void hn_gemm_f32_amx(const struct hn_gemm *g, size_t m)
{
    const size_t chunks = hn_div_up(g->k, CHUNK), lots = hn_round_up(hn_div_up(m, LOT), 2);
    uint16_t *a = g->scratch, *b = a + HN_GEMM_ROWS * HN_GEMM_K * 3;
    split_rows(a, g, m, chunks);
    if (hn_div_up(m, LOT) < lots)
        memset(a + (lots - 1) * chunks * UNIT, 0, chunks * UNIT * sizeof *a);
    tiles_begin(LOT, ROW);
    for (size_t column = 0; column < g->n; column += PAIR) {
        const float *panel = g->b + column / HN_PANEL * g->ldb;
        const size_t n = hn_min(PAIR, g->n - column);
        split_panel(b, panel, g->k, chunks);
        if (n > HN_PANEL) split_panel(b + UNIT, panel + g->ldb, g->k, chunks);
        for (size_t row = 0; row < m; row += 2 * LOT) {
            const size_t rows = hn_min(2 * LOT, m - row);
            float *y = g->y + row * g->ldy + column;
            run_block(g, a + row / LOT * chunks * UNIT, b, chunks, y, rows, n);
            if (!g->epilogue) continue;
            struct hn_epilogue epilogue = *g->epilogue;
            if (epilogue.add) epilogue.add += row * epilogue.ld_add;
            epilogue_block(y, g->ldy, rows, n, &epilogue, column);
        }
    }
    tiles_end();
}
