#include "model/graph/fast_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/graph/op_lane.h"

enum {
    ROWS = 64,       /* of a tile */
    COLUMNS = 256,   /* that are summed before they are finished */
    ALONE = 1 << 18, /* multiply-adds below which an operator stays on its thread */
};

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
    const uint8_t *at = from, flip = is_signed ? 0x80 : 0;
    for (size_t i = 0; i < n; i++)
        to[i] = at[i] ^ flip;
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
    int8_t *at = to->panels + j / HN_PANEL * to->pitch * HN_PANEL + j % HN_PANEL * 4;
    const uint8_t *data = from->data, flip = from->type == HN_EL_U8 ? 0x80 : 0;
    int32_t sum = 0;
    for (size_t i = 0; i < to->k; i++) {
        const int8_t value =
            j < to->n ? (int8_t)(data[i * from->step_k + j * from->step_n] ^ flip) : 1;
        at[i / 4 * HN_PANEL * 4 + i % 4] = value;
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
    to->pitch = hn_round_up(from->k, HN_BYTES_STEP);
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

/* --- running --- */

struct run {
    const struct hn_byte_product *product;
    const struct hn_kernels *kernels;
    const int32_t *bias; /* with the left side's zero point */
    size_t columns;      /* of a tile */
    size_t n_rows;       /* tiles along the rows */
    char *scratch;
    size_t scratch_bytes; /* of a thread: gathered rows, then sums */
    bool in_place;        /* rows of a need no gathering */
};

static const uint8_t *left_rows(const struct run *r, uint8_t *room, size_t row, size_t m)
{
    const struct hn_byte_product *p = r->product;
    const size_t k = p->b->k, pitch = p->b->pitch;
    const uint8_t *a = p->a;
    if (r->in_place) return a + row * k;
    if (!a) {
        p->gather(p->arg, room, pitch, row, m);
        return room;
    }
    for (size_t i = 0; i < m; i++) {
        hn_bytes_as_unsigned(room + i * pitch, a + (row + i) * k, p->a_signed, k);
        memset(room + i * pitch + k, 0, pitch - k);
    }
    return room;
}

/* One row of `n` sums from column `column` on. */
static void finish(const struct run *r, const int32_t *sums, int32_t left, size_t row,
                   size_t column, size_t n)
{
    const struct hn_byte_product *p = r->product;
    const struct hn_byte_matrix *b = p->b;
    const size_t at = row * b->n + column;
    const struct hn_byte_finish f = {.scale = p->scale ? p->scale + column : NULL,
                                     .bias = r->bias + column,
                                     .zeros = b->zeros ? b->zeros + column : NULL,
                                     .add = p->add ? p->add + column : NULL,
                                     .zero = p->zero,
                                     .low = p->low,
                                     .high = p->high};
    if (p->result == HN_BYTE_BYTES) {
        r->kernels->finish_bytes((uint8_t *)p->y + at, sums, left, n, &f);
        return;
    }
    if (p->result == HN_BYTE_FLOATS) {
        r->kernels->finish_floats((float *)p->y + at, sums, left, n, &f);
        return;
    }
    uint32_t *y = (uint32_t *)p->y + at;
    for (size_t j = 0; j < n; j++) {
        y[j] = (uint32_t)sums[j] + (uint32_t)f.bias[j];
        if (f.zeros) y[j] -= (uint32_t)f.zeros[j] * (uint32_t)left;
    }
    if (!p->a_zeros) return;
    const uint32_t zero = (uint32_t)p->a_zeros[row] + (p->a_signed ? 128 : 0);
    for (size_t j = 0; j < n; j++)
        y[j] -= zero * (uint32_t)b->sums[column + j];
}

/* The rows' own sums, which stand in the column after the last. */
static void sum_rows(const struct run *r, const uint8_t *a, size_t lda, size_t m, int32_t *left)
{
    const struct hn_byte_matrix *b = r->product->b;
    int32_t sums[ROWS * HN_PANEL];
    const struct hn_byte_gemm gemm = {.a = a,
                                      .lda = lda,
                                      .b = b->panels + b->n / HN_PANEL * HN_PANEL * b->pitch,
                                      .k = b->pitch,
                                      .n = HN_PANEL,
                                      .y = sums,
                                      .ldy = HN_PANEL};
    r->kernels->bytes(&gemm, m);
    for (size_t i = 0; i < m; i++)
        left[i] = sums[i * HN_PANEL + b->n % HN_PANEL];
}

static void run_tile(void *arg, size_t tile, unsigned worker)
{
    const struct run *r = arg;
    const struct hn_byte_product *p = r->product;
    const struct hn_byte_matrix *b = p->b;
    const size_t row = tile % r->n_rows * ROWS, first = tile / r->n_rows * r->columns;
    const size_t m = hn_min(ROWS, p->rows - row), end = hn_min(b->n, first + r->columns);
    uint8_t *room = (uint8_t *)r->scratch + worker * r->scratch_bytes;
    int32_t *sums = (int32_t *)(void *)(room + (r->in_place ? 0 : ROWS * b->pitch)), left[ROWS];
    const uint8_t *a = left_rows(r, room, row, m);
    if (b->zeros) sum_rows(r, a, b->pitch, m, left);
    for (size_t column = first; column < end; column += COLUMNS) {
        const size_t n = hn_min(COLUMNS, end - column);
        const struct hn_byte_gemm gemm = {.a = a,
                                          .lda = b->pitch,
                                          .b = b->panels + column * b->pitch,
                                          .k = b->pitch,
                                          .n = n,
                                          .y = sums,
                                          .ldy = COLUMNS};
        r->kernels->bytes(&gemm, m);
        for (size_t i = 0; i < m; i++)
            finish(r, sums + i * COLUMNS, b->zeros ? left[i] : 0, row + i, column, n);
    }
}

/* bias - a_zero times the columns' sums, with the left side as unsigned bytes. */
static const int32_t *bias_of(struct hn_op *op, const struct hn_byte_product *p)
{
    int32_t *bias = hn_op_scratch(op, p->b->n, sizeof *bias);
    const uint32_t zero = p->a_zeros ? 0 : (uint32_t)(p->a_zero + (p->a_signed ? 128 : 0));
    for (size_t j = 0; bias && j < p->b->n; j++)
        bias[j] = (int32_t)((p->bias ? (uint32_t)p->bias[j] : 0) - zero * (uint32_t)p->b->sums[j]);
    return bias;
}

enum hn_status hn_byte_product_run(struct hn_op *op, const struct hn_byte_product *p)
{
    if (p->rows == 0) return HN_OK;
    const struct hn_byte_matrix *b = p->b;
    struct run r = {.product = p, .kernels = op->kernels, .columns = hn_round_up(b->n, COLUMNS)};
    if (!(r.bias = bias_of(op, p))) return hn_op_failed(op);
    r.in_place = p->a && !p->a_signed && b->k == b->pitch;
    r.n_rows = hn_div_up(p->rows, ROWS);
    const size_t threads = hn_op_workers(op);
    const bool alone = (double)p->rows * (double)b->n * (double)b->k < ALONE;
    /* Few rows: columns are cut too. */
    if (!alone && threads > 1 && r.n_rows < 2 * threads) r.columns = COLUMNS;
    const size_t tiles = r.n_rows * hn_div_up(b->n, r.columns);
    r.scratch_bytes = (r.in_place ? 0 : ROWS * b->pitch) + ROWS * COLUMNS * sizeof(int32_t);
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
