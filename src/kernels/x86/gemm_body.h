/* Products of float matrices with what follows them, for any v16: included by gemm_<isa>.c, which says
 * how many rows (ROWS_MAX) by panels (PANELS) of sums fit the registers, and how many panels a single row
 * takes at once (WIDE) to hide the latency of its sums. */
#include <string.h>

#include "base/bits.h"
#include "kernels/layout.h"
#include "kernels/list.h"
#include "kernels/x86/epilogue_body.h"
#include "kernels/x86/unroll.h"

#define FOR_TILE static inline __attribute__((always_inline))

/* m rows by p panels, of which the last has `last` columns; rows of a lie `pitch` apart, a constant. */
FOR_TILE void tile(size_t m, size_t p, const struct hn_gemm *g, const float *a, size_t pitch,
                   const float *b, float *y, size_t last)
{
    v16 sums[ROWS_MAX][WIDE];
    UNROLL for (size_t i = 0; i < m; i++) UNROLL for (size_t j = 0; j < p; j++)
    {
        const float *at = y + i * g->ldy + j * HN_PANEL;
        sums[i][j] = !g->more                        ? v_zero()
                     : j == p - 1 && last < HN_PANEL ? v_load_part(at, last)
                                                     : v_load(at);
    }
    for (size_t k = 0; k < g->k; k++) {
        v16 w[WIDE];
        UNROLL for (size_t j = 0; j < p; j++) w[j] = v_load(b + j * g->ldb + k * HN_PANEL);
        UNROLL for (size_t i = 0; i < m; i++)
        {
            const v16 x = v_set1(a[i * pitch + k]);
            UNROLL for (size_t j = 0; j < p; j++) sums[i][j] = v_fma(x, w[j], sums[i][j]);
        }
    }
    UNROLL for (size_t i = 0; i < m; i++) UNROLL for (size_t j = 0; j < p; j++)
    {
        float *at = y + i * g->ldy + j * HN_PANEL;
        if (j == p - 1 && last < HN_PANEL) v_store_part(at, sums[i][j], last);
        else v_store(at, sums[i][j]);
    }
}

/* The same for m that is no constant. */
FOR_TILE void tile_of_rows(size_t m, size_t p, const struct hn_gemm *g, const float *a,
                           size_t pitch, const float *b, float *y, size_t last)
{
#define ROWS(n)                                                                                    \
    case n: tile(n, p, g, a, pitch, b, y, last); break
    switch (m) {
        ROWS(1);
        ROWS(2);
        ROWS(3);
        ROWS(4);
        ROWS(5);
        ROWS(6);
#if ROWS_MAX > 6
        ROWS(7);
        ROWS(8);
        ROWS(9);
        ROWS(10);
        ROWS(11);
        ROWS(12);
        ROWS(13);
        ROWS(14);
#endif
    }
#undef ROWS
}

/* `p` panels from column `first` on by m <= ROWS_MAX rows. */
FOR_TILE void run_panels(size_t p, const struct hn_gemm *g, const float *a, size_t m, size_t first)
{
    const float *b = g->b + first / HN_PANEL * g->ldb;
    float *y = g->y + first;
    const size_t columns = hn_min(p * HN_PANEL, g->n - first);
    const size_t last = columns - (p - 1) * HN_PANEL;
    tile_of_rows(m, p, g, a, HN_GEMM_PITCH, b, y, last);
    if (g->epilogue) epilogue_block(y, g->ldy, m, columns, g->epilogue, first);
}

/* One function each, which keeps the registers to itself. */
static __attribute__((noinline)) void run_one(const struct hn_gemm *g, const float *a, size_t m,
                                              size_t first)
{
    run_panels(1, g, a, m, first);
}

#if PANELS > 1
static __attribute__((noinline)) void run_two(const struct hn_gemm *g, const float *a, size_t m,
                                              size_t first)
{
    run_panels(2, g, a, m, first);
}
#endif

static __attribute__((noinline)) void run_wide(const struct hn_gemm *g, const float *a,
                                               size_t first)
{
    tile(1, WIDE, g, a, HN_GEMM_PITCH, g->b + first / HN_PANEL * g->ldb, g->y + first,
         hn_min(WIDE * HN_PANEL, g->n - first) - (WIDE - 1) * HN_PANEL);
    if (g->epilogue)
        epilogue_block(g->y + first, g->ldy, 1, hn_min(WIDE * HN_PANEL, g->n - first), g->epilogue,
                       first);
}

/* All columns for the m <= ROWS_MAX rows at a. */
static void run_rows(const struct hn_gemm *g, const float *a, size_t m)
{
    size_t first = 0;
    if (m == 1)
        for (; first + (WIDE - 1) * HN_PANEL < g->n; first += WIDE * HN_PANEL)
            run_wide(g, a, first);
#if PANELS > 1
    for (; first + HN_PANEL < g->n; first += 2 * HN_PANEL)
        run_two(g, a, m, first);
#endif
    for (; first < g->n; first += HN_PANEL)
        run_one(g, a, m, first);
}

void KERNEL_NAME(gemm_f32)(const struct hn_gemm *g, size_t m)
{
    float *rows = g->scratch;
    struct hn_epilogue epilogue;
    struct hn_gemm part = *g;
    if (g->epilogue) {
        epilogue = *g->epilogue;
        part.epilogue = &epilogue;
    }
    const size_t tiles = hn_div_up(m, ROWS_MAX);
    for (size_t i = 0, done = 0; i < tiles; i++) { /* of about the same size */
        const size_t n = (m - done) / (tiles - i);
        if (n == 1 || g->lda == HN_GEMM_PITCH) {
            run_rows(&part, part.a, n);
        } else {
            for (size_t r = 0; r < n; r++)
                memcpy(rows + r * HN_GEMM_PITCH, part.a + r * g->lda, g->k * sizeof *rows);
            run_rows(&part, rows, n);
        }
        part.a += n * g->lda;
        part.y += n * g->ldy;
        if (g->epilogue && epilogue.add) epilogue.add += n * epilogue.ld_add;
        done += n;
    }
}
