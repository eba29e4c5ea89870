/* Matrix products cut into tiles for threads. No cut changes a bit (kernels/gemm.h). */
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/op_lane.h"

enum {
    PANEL_BYTES =
        512 << 10, /* of the right matrix that a tile reads again and again: of a second cache */
    ROWS_MIN = 32,
    COLUMNS_MIN = 64,
    TILES_PER_THREAD = 2,
};

bool hn_packed_size(size_t k, size_t n, size_t *out)
{
    size_t columns;
    if (!hn_add(n, HN_PANEL - 1, &columns)) return false;
    columns = columns / HN_PANEL * HN_PANEL;
    return hn_mul(k, columns, out) && *out <= PTRDIFF_MAX / sizeof(float);
}

/* A panel of all its columns, which is what nearly all are: the compiler knows how many. */
static void pack_panel(float *at, const char *from, size_t k, size_t step_k, size_t step_n,
                       float scale)
{
    for (size_t i = 0; i < k; i++, at += HN_PANEL)
        if (step_n == 1) {
            float row[HN_PANEL];
            memcpy(row, from + i * step_k * sizeof *row, sizeof row);
            for (size_t l = 0; l < HN_PANEL; l++)
                at[l] = row[l] * scale;
        } else {
            for (size_t l = 0; l < HN_PANEL; l++)
                at[l] = hn_float_at(from, i * step_k + l * step_n) * scale;
        }
}

static void pack_columns(float *at, const char *from, size_t k, size_t n, size_t step_k,
                         size_t step_n, float scale)
{
    for (size_t i = 0; i < k; i++, at += HN_PANEL)
        for (size_t l = 0; l < HN_PANEL; l++)
            at[l] = l < n ? hn_float_at(from, i * step_k + l * step_n) * scale : 0;
}

void hn_pack_matrix(struct hn_packed *to, const void *from, size_t step_k, size_t step_n,
                    float scale)
{
    float *at = to->panels;
    for (size_t j = 0; j < to->n; j += HN_PANEL, at += to->k * HN_PANEL) {
        const char *columns = (const char *)from + j * step_n * sizeof(float);
        if (to->n - j >= HN_PANEL) pack_panel(at, columns, to->k, step_k, step_n, scale);
        else pack_columns(at, columns, to->k, to->n - j, step_k, step_n, scale);
    }
}

void hn_gemm_whole(const struct hn_kernels *kernels, bool many, struct hn_gemm gemm, size_t m)
{
    for (size_t left = gemm.k; left; left -= gemm.k) {
        gemm.k = hn_min(HN_GEMM_K, left);
        (many ? kernels->gemm_many : kernels->gemm)(&gemm, m);
        gemm.a += gemm.k;
        gemm.b += gemm.k * HN_PANEL;
        gemm.more = true;
    }
}

struct tiling {
    const struct hn_product *product;
    const struct hn_kernels *kernels;
    char *scratch;
    size_t scratch_bytes; /* of a thread: the kernel's, then gathered rows */
    size_t rows, columns; /* of a tile */
    size_t n_rows;        /* tiles along the rows */
};

static void run_tile(void *arg, size_t tile, unsigned worker)
{
    const struct tiling *t = arg;
    const struct hn_product *p = t->product;
    const size_t row = tile % t->n_rows * t->rows, column = tile / t->n_rows * t->columns;
    const size_t m = hn_min(t->rows, p->rows - row), k = p->b->k;
    char *scratch = t->scratch + worker * t->scratch_bytes;
    float *gathered = (float *)(void *)(scratch + HN_GEMM_SCRATCH);
    struct hn_epilogue epilogue = p->epilogue;
    if (epilogue.bias) epilogue.bias += column;
    if (epilogue.add) epilogue.add += row * epilogue.ld_add + column;
    for (size_t at = 0; at < k || at == 0; at += HN_GEMM_K) {
        const size_t part = hn_min(HN_GEMM_K, k - at);
        if (!p->a) p->gather(p->arg, gathered, HN_GEMM_PITCH, row, m, at, part);
        const struct hn_gemm gemm = {
            .a = p->a ? p->a + row * p->lda + at : gathered,
            .lda = p->a ? p->lda : HN_GEMM_PITCH,
            .b = p->b->panels + (column * k + at * HN_PANEL),
            .ldb = k * HN_PANEL,
            .k = part,
            .n = hn_min(t->columns, p->b->n - column),
            .y = p->y + row * p->ldy + column,
            .ldy = p->ldy,
            .more = at > 0,
            .epilogue = at + part < k ? NULL : &epilogue,
            .scratch = scratch,
        };
        (hn_fast_many(p->each, p->b->n, k) ? t->kernels->gemm_many : t->kernels->gemm)(&gemm, m);
    }
}

/* Tiles large enough to use what they read often, and enough of them for all threads. */
static void choose_tiles(struct tiling *t, size_t threads)
{
    const struct hn_product *p = t->product;
    const size_t k = hn_max(1, hn_min(p->b->k, HN_GEMM_K));
    t->rows = hn_min(HN_GEMM_ROWS, p->rows);
    t->columns = hn_min(PANEL_BYTES / (k * sizeof(float)), hn_round_up(p->b->n, HN_PANEL));
    t->columns = hn_round_up(t->columns, 2 * HN_PANEL);
    const bool alone = (double)p->rows * (double)p->b->n * (double)p->b->k < HN_FAST_ALONE;
    for (;;) {
        const size_t tiles = hn_div_up(p->rows, t->rows) * hn_div_up(p->b->n, t->columns);
        if (threads < 2 || alone || tiles >= threads * TILES_PER_THREAD) return;
        if (t->rows > ROWS_MIN) t->rows = hn_max(ROWS_MIN, hn_div_up(t->rows, 2));
        else if (t->columns > COLUMNS_MIN)
            t->columns = hn_max(COLUMNS_MIN, hn_round_up(t->columns / 2, 2 * HN_PANEL));
        else return;
    }
}

enum hn_status hn_product_run(struct hn_op *op, const struct hn_product *product)
{
    if (product->rows == 0 || product->b->n == 0) return HN_OK;
    const size_t threads = hn_op_workers(op);
    struct tiling t = {.product = product, .kernels = op->kernels};
    choose_tiles(&t, threads);
    t.n_rows = hn_div_up(product->rows, t.rows);
    t.scratch_bytes = HN_GEMM_SCRATCH;
    if (!product->a) t.scratch_bytes += t.rows * HN_GEMM_PITCH * sizeof(float);
    const size_t tiles = t.n_rows * hn_div_up(product->b->n, t.columns);
    t.scratch = hn_op_scratch(op, tiles > 1 ? threads : 1, t.scratch_bytes);
    if (!t.scratch) return hn_op_failed(op);
    const bool alone =
        (double)product->rows * (double)product->b->n * (double)product->b->k < HN_FAST_ALONE;
    if (alone)
        for (size_t i = 0; i < tiles; i++)
            run_tile(&t, i, 0);
    else hn_op_parallel(op, tiles, run_tile, &t);
    return HN_OK;
}
