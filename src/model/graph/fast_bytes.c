#include "model/graph/fast_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/graph/op_lane.h"

enum { ALONE = 1 << 18 }; /* multiply-adds below which an operator stays on its thread */

int32_t hn_byte_at(const struct hn_array *a, size_t i)
{
    return a->type == HN_EL_I8 ? ((const int8_t *)a->data)[i] : ((const uint8_t *)a->data)[i];
}

int32_t hn_byte_zero(const struct hn_array *zero)
{
    return zero && zero->n ? hn_byte_at(zero, 0) : 0;
}

void hn_byte_range(enum hn_element type, int32_t *low, int32_t *high)
{
    *low = type == HN_EL_I8 ? -128 : 0;
    *high = type == HN_EL_I8 ? 127 : 255;
}

void hn_bytes_as_unsigned(uint8_t *to, const void *from, bool is_signed, size_t n)
{
    const uint8_t *at = from;
    if (!is_signed) memmove(to, from, n);
    for (size_t i = 0; is_signed && i < n; i++)
        to[i] = at[i] ^ 0x80;
}

/* --- packing --- */

bool hn_byte_source_fits(const struct hn_byte_source *from)
{
    const struct hn_array *z = from->zero;
    return hn_element_is_byte(from->type) && from->k > 0 && from->n > 0 && from->k <= HN_BYTES_K &&
           from->n < INT32_MAX && (!z || (z->type == from->type && (z->n == 1 || z->n == from->n)));
}

void hn_byte_matrix_free(struct hn_byte_matrix *matrix)
{
    free(matrix->panels);
    free(matrix->zeros);
    free(matrix->sums);
}

/* Of signed bytes: unsigned ones are 128 less. */
static int32_t zero_of(const struct hn_byte_source *from, size_t column)
{
    const struct hn_array *z = from->zero;
    const int32_t shift = from->type == HN_EL_U8 ? 128 : 0;
    return (z ? hn_byte_at(z, z->n == 1 ? 0 : column) : 0) - shift;
}

static void fill_column(const struct hn_byte_source *from, size_t j, struct hn_byte_matrix *to)
{
    int8_t *panel = to->panels + j / HN_PANEL * to->pitch * HN_PANEL + j % HN_PANEL * 4;
    const uint8_t *data = from->data, flip = from->type == HN_EL_U8 ? 0x80 : 0;
    const size_t piece = from->piece ? from->piece : from->k;
    int32_t sum = 0;
    for (size_t first = 0, at = 0; first < to->k; first += piece, at += to->piece)
        for (size_t i = 0; i < piece; i++) {
            const size_t l = at + i, e = (first + i) * from->step_k + j * from->step_n;
            const int8_t value = j < to->n ? (int8_t)(data[e] ^ flip) : 1;
            panel[l / 4 * HN_PANEL * 4 + l % 4] = value;
            sum += value;
        }
    if (j >= to->n) return;
    to->zeros[j] = zero_of(from, j);
    to->sums[j] = (int32_t)((uint32_t)sum - (uint32_t)to->zeros[j] * (uint32_t)to->k);
}

enum hn_status hn_byte_matrix_make(struct hn_op *op, const struct hn_byte_source *from,
                                   struct hn_byte_matrix *to)
{
    *to = (struct hn_byte_matrix){.k = from->k, .n = from->n, .columns = from->n};
    const size_t piece = from->piece ? from->piece : from->k;
    to->piece = hn_round_up(piece, HN_BYTES_STEP);
    to->pitch = from->k / piece * to->piece;
    for (size_t j = 0; j < from->n; j++)
        if (zero_of(from, j)) to->columns = from->n + 1;
    size_t n;
    if (!hn_mul(hn_round_up(to->columns, HN_PANEL), to->pitch, &n))
        return hn_op_fail(op, HN_E_LIMIT, "weights are too large");
    to->panels = aligned_alloc(64, n);
    to->zeros = malloc(from->n * sizeof *to->zeros);
    to->sums = malloc(from->n * sizeof *to->sums);
    if (!to->panels || !to->zeros || !to->sums) return hn_fail_nomem(op->err, "weights", n);
    memset(to->panels, 0, n);
    for (size_t j = 0; j < to->columns; j++)
        fill_column(from, j, to);
    if (to->columns == to->n) {
        free(to->zeros);
        to->zeros = NULL;
    }
    to->bytes = n + from->n * 2 * sizeof *to->sums;
    return HN_OK;
}

/* --- parts --- */

/* bias - a_zero times the columns' sums, with the left side as unsigned bytes. */
enum hn_status hn_byte_work_begin(struct hn_op *op, const struct hn_byte_product *p,
                                  struct hn_byte_work *out)
{
    int32_t *bias = hn_op_scratch(op, p->b->n, sizeof *bias);
    if (!bias) return hn_op_failed(op);
    const uint32_t zero = p->a_zeros ? 0 : (uint32_t)(p->a_zero + (p->a_signed ? 128 : 0));
    for (size_t j = 0; j < p->b->n; j++)
        bias[j] = (int32_t)((p->bias ? (uint32_t)p->bias[j] : 0) - zero * (uint32_t)p->b->sums[j]);
    *out = (struct hn_byte_work){p, op->kernels, bias};
    return HN_OK;
}

/* Sums of 32 bits as they are. */
static void finish_sums(const struct hn_byte_work *work, const struct hn_byte_finish *f, size_t m,
                        size_t row, size_t column)
{
    const struct hn_byte_product *p = work->product;
    for (size_t i = 0; i < m; i++) {
        const int32_t *sums = f->sums + i * f->lds;
        uint32_t *y = (uint32_t *)f->y + i * f->ldy;
        for (size_t j = 0; j < f->n; j++) {
            y[j] = (uint32_t)sums[j] + (uint32_t)f->bias[j];
            if (f->zeros) y[j] -= (uint32_t)f->zeros[j] * (uint32_t)f->rows[i];
        }
        if (!p->a_zeros) continue;
        const uint32_t zero = (uint32_t)p->a_zeros[row + i] + (p->a_signed ? 128 : 0);
        for (size_t j = 0; j < f->n; j++)
            y[j] -= zero * (uint32_t)p->b->sums[column + j];
    }
}

void hn_byte_finish(const struct hn_byte_work *work, const int32_t *sums, size_t lds,
                    const int32_t *left, size_t m, size_t row, size_t column, size_t n)
{
    const struct hn_byte_product *p = work->product;
    const struct hn_byte_matrix *b = p->b;
    const size_t size = p->result == HN_BYTE_BYTES ? 1 : sizeof(int32_t);
    const struct hn_byte_finish f = {.sums = sums,
                                     .lds = lds,
                                     .rows = left,
                                     .n = n,
                                     .y = (char *)p->y + (row * b->n + column) * size,
                                     .ldy = b->n,
                                     .scale = p->scale ? p->scale + column : NULL,
                                     .bias = work->bias + column,
                                     .zeros = b->zeros ? b->zeros + column : NULL,
                                     .add = p->add ? p->add + column : NULL,
                                     .zero = p->zero,
                                     .low = p->low,
                                     .high = p->high};
    if (p->result == HN_BYTE_BYTES) work->kernels->finish_bytes(&f, m);
    else if (p->result == HN_BYTE_FLOATS) work->kernels->finish_floats(&f, m);
    else finish_sums(work, &f, m, row, column);
}

static struct hn_byte_gemm gemm_of(const struct hn_byte_rows *rows, const struct hn_byte_matrix *b,
                                   size_t column, size_t n, int32_t *y, size_t ldy)
{
    return (struct hn_byte_gemm){.a = rows->a,
                                 .lda = rows->lda,
                                 .piece = b->piece,
                                 .apart = rows->apart,
                                 .b = b->panels + column * b->pitch,
                                 .k = b->pitch,
                                 .n = n,
                                 .y = y,
                                 .ldy = ldy};
}

/* The rows' own sums, which stand in the column after the last. */
static void sum_rows(const struct hn_byte_work *work, const struct hn_byte_rows *rows,
                     int32_t *left)
{
    const struct hn_byte_matrix *b = work->product->b;
    int32_t sums[HN_BYTE_ROWS * HN_PANEL];
    const struct hn_byte_gemm gemm =
        gemm_of(rows, b, b->n / HN_PANEL * HN_PANEL, HN_PANEL, sums, HN_PANEL);
    work->kernels->bytes(&gemm, rows->m);
    for (size_t i = 0; i < rows->m; i++)
        left[i] = sums[i * HN_PANEL + b->n % HN_PANEL];
}

void hn_byte_rows_run(const struct hn_byte_work *work, const struct hn_byte_rows *rows,
                      size_t column, size_t end, int32_t *sums)
{
    const struct hn_byte_matrix *b = work->product->b;
    int32_t left[HN_BYTE_ROWS];
    if (b->zeros) sum_rows(work, rows, left);
    for (; column < end; column += HN_BYTE_COLUMNS) {
        const size_t n = hn_min(HN_BYTE_COLUMNS, end - column);
        const size_t lds = hn_round_up(n, HN_PANEL);
        const struct hn_byte_gemm gemm = gemm_of(rows, b, column, n, sums, lds);
        work->kernels->bytes(&gemm, rows->m);
        for (size_t i = 0; i < rows->m;) {
            const size_t number = rows->first + i, at = number % rows->wide;
            const size_t there = hn_min(rows->m - i, rows->wide - at);
            if (at < rows->points)
                hn_byte_finish(work, sums + i * lds, lds, b->zeros ? left + i : NULL,
                               hn_min(there, rows->points - at),
                               rows->row + number / rows->wide * rows->points + at, column, n);
            i += there;
        }
    }
}

/* --- all of it --- */

struct run {
    struct hn_byte_work work;
    size_t columns; /* of a tile */
    size_t n_rows;  /* tiles along the rows */
    char *scratch;
    size_t room_bytes,
        scratch_bytes; /* of a thread: rows that do not lie as they should; with sums */
};

static void run_tile(void *arg, size_t tile, unsigned worker)
{
    const struct run *r = arg;
    const struct hn_byte_product *p = r->work.product;
    const size_t k = p->b->k, pitch = p->b->pitch;
    const size_t row = tile % r->n_rows * HN_BYTE_ROWS, first = tile / r->n_rows * r->columns;
    const size_t m = hn_min(HN_BYTE_ROWS, p->rows - row), end = hn_min(p->b->n, first + r->columns);
    uint8_t *room = (uint8_t *)r->scratch + worker * r->scratch_bytes;
    struct hn_byte_rows rows = {.a = room,
                                .lda = pitch,
                                .apart = p->b->piece,
                                .m = m,
                                .wide = p->rows,
                                .points = p->rows,
                                .row = row};
    const uint8_t *a = p->a;
    if (!a) {
        p->gather(p->arg, room, pitch, row, m);
    } else if (!p->a_signed && (row + m) * k + (pitch - k) <= p->rows * k) {
        /* Whole steps are read, of the next rows, too. */
        rows.a = a + row * k;
        rows.lda = k;
    } else {
        for (size_t i = 0; i < m; i++) {
            hn_bytes_as_unsigned(room + i * pitch, a + (row + i) * k, p->a_signed, k);
            memset(room + i * pitch + k, 0, pitch - k);
        }
    }
    hn_byte_rows_run(&r->work, &rows, first, end, (int32_t *)(void *)(room + r->room_bytes));
}

enum hn_status hn_byte_product_run(struct hn_op *op, const struct hn_byte_product *p)
{
    if (p->rows == 0) return HN_OK;
    const struct hn_byte_matrix *b = p->b;
    struct run r = {.columns = hn_round_up(b->n, HN_BYTE_COLUMNS)};
    HN_TRY(hn_byte_work_begin(op, p, &r.work));
    r.n_rows = hn_div_up(p->rows, HN_BYTE_ROWS);
    const size_t threads = hn_op_workers(op);
    const bool alone = (double)p->rows * (double)b->n * (double)b->k < ALONE;
    /* Few rows: columns are cut too. */
    if (!alone && threads > 1 && r.n_rows < 2 * threads) r.columns = HN_BYTE_COLUMNS;
    const size_t tiles = r.n_rows * hn_div_up(b->n, r.columns);
    if (!p->a || p->a_signed || b->k != b->pitch) r.room_bytes = HN_BYTE_ROWS * b->pitch;
    r.scratch_bytes = r.room_bytes + HN_BYTE_ROWS * HN_BYTE_COLUMNS * sizeof(int32_t);
    r.scratch = hn_op_scratch(op, alone ? 1 : threads, r.scratch_bytes);
    if (!r.scratch) return hn_op_failed(op);
    if (alone)
        for (size_t i = 0; i < tiles; i++)
            run_tile(&r, i, 0);
    else hn_op_parallel(op, tiles, run_tile, &r);
    return HN_OK;
}

/* --- states --- */

static void free_weights(struct hn_op_state *state)
{
    struct hn_byte_weights *w = (struct hn_byte_weights *)(void *)state;
    hn_byte_matrix_free(&w->matrix);
    free(w);
}

enum hn_status hn_byte_weights_prepare(struct hn_op *op, size_t i, size_t zero, bool turned,
                                       struct hn_op_state **out)
{
    const struct hn_array *w = op->in[i];
    const bool has_zero = hn_op_given(op, zero);
    if (!w || w->n_dims != 2 || (has_zero && !op->in[zero])) return HN_OK;
    const size_t k = w->shape[turned ? 1 : 0], n = w->shape[turned ? 0 : 1];
    const struct hn_byte_source from = {.data = w->data,
                                        .type = w->type,
                                        .k = k,
                                        .n = n,
                                        .step_k = turned ? 1 : n,
                                        .step_n = turned ? k : 1,
                                        .zero = has_zero ? op->in[zero] : NULL};
    if (!hn_byte_source_fits(&from)) return HN_OK;
    struct hn_byte_weights *to = calloc(1, sizeof *to);
    if (!to) return hn_fail_nomem(op->err, "weights", sizeof *to);
    to->state.free = free_weights;
    *out = &to->state;
    HN_TRY(hn_byte_matrix_make(op, &from, &to->matrix));
    to->state.bytes = sizeof *to + to->matrix.bytes;
    hn_op_release(op, i);
    return HN_OK;
}
