/* Plain recurrent cells on floats: what the inputs bring is one product over all steps; every step then is a
 * product of the states of the batch and the weights, and functions of whole rows. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/op_args.h"
#include "model/graph/op_recurrent.h"

enum {
    COLUMNS = 128,   /* of a step's product that a tile takes */
    ALONE = 1 << 18, /* multiply-adds of a step below which one thread does it */
};

struct cells {
    struct hn_op_state state;
    enum hn_cell cell;
    struct hn_packed w[2], r[2]; /* of each direction: [inputs or hidden][gates x hidden] */
    struct hn_packed last[2]; /* R of GRU's last gate by itself, where the reset comes before it */
};

/* --- loading --- */

static void free_cells(struct hn_op_state *state)
{
    struct cells *c = (struct cells *)(void *)state;
    for (size_t d = 0; d < 2; d++) {
        free(c->w[d].panels);
        free(c->r[d].panels);
        free(c->last[d].panels);
    }
    free(c);
}

bool hn_plain_cells(const struct hn_op *op)
{
    const struct hn_op_state *state = op->state;
    return state && state->free == free_cells;
}

/* Rows [first, first + n) of the weights of direction d, [directions][rows][k], as columns. */
static enum hn_status pack(struct hn_op *op, struct cells *c, size_t in, size_t d, size_t first,
                           size_t n, struct hn_packed *to)
{
    const struct hn_array *w = op->in[in];
    const size_t k = w->shape[2];
    size_t floats;
    *to = (struct hn_packed){.k = k, .n = n};
    if (!hn_packed_size(k, n, &floats)) return hn_op_fail(op, HN_E_LIMIT, "weights are too large");
    to->panels = aligned_alloc(64, hn_round_up(floats * sizeof(float) + 1, 64));
    if (!to->panels) return hn_fail_nomem(op->err, "weights", floats * sizeof(float));
    hn_pack_matrix(to, (const float *)w->data + (d * w->shape[1] + first) * k, 1, k, 1);
    c->state.bytes += floats * sizeof(float);
    return HN_OK;
}

/* What the node names is what it would be anyway. */
static bool usual(const struct hn_op *op, enum hn_cell cell)
{
    const struct hn_cell_form *form = &hn_cell_forms[cell];
    size_t n;
    const struct hn_str *given = hn_op_texts(op, "activations", &n);
    for (size_t i = 0; i < n; i++)
        if (!hn_str_is(given[i], form->usual[i % form->acts])) return false;
    return !hn_op_has(op, "clip") && !hn_op_int(op, "input_forget", 0) && !hn_op_given(op, 7);
}

enum hn_status hn_plain_cells_prepare(struct hn_op *op, enum hn_cell cell, struct hn_op_state **out)
{
    const struct hn_array *w = op->in[1], *r = op->in[2];
    if (!w || !r || w->type != HN_EL_F32 || r->type != HN_EL_F32 || w->n_dims != 3 ||
        r->n_dims != 3 || !w->n || !r->n || !usual(op, cell))
        return HN_OK;
    const size_t n = r->shape[2], rows = hn_cell_forms[cell].gates * n;
    if (w->shape[0] > 2 || r->shape[0] != w->shape[0] || w->shape[1] != rows || r->shape[1] != rows)
        return HN_OK;
    struct cells *c = calloc(1, sizeof *c);
    if (!c) return hn_fail_nomem(op->err, "weights", sizeof *c);
    c->state = (struct hn_op_state){.free = free_cells, .bytes = sizeof *c};
    c->cell = cell;
    *out = &c->state;
    const bool apart = cell == HN_CELL_GRU && !hn_op_int(op, "linear_before_reset", 0);
    for (size_t d = 0; d < w->shape[0]; d++) {
        HN_TRY(pack(op, c, 1, d, 0, rows, &c->w[d]));
        HN_TRY(pack(op, c, 2, d, 0, apart ? 2 * n : rows, &c->r[d]));
        if (apart) HN_TRY(pack(op, c, 2, d, 2 * n, n, &c->last[d]));
    }
    hn_op_release(op, 1);
    hn_op_release(op, 2);
    return HN_OK;
}

/* --- one direction --- */

struct walk {
    const struct hn_recurrent *r;
    const struct hn_kernels *kernels;
    struct hn_op *op;
    size_t d, rows; /* rows: gates x hidden */
    bool backward;
    float *x_sums;       /* [steps x batch][rows]: what inputs bring, biases with them */
    float *bias;         /* of the recurrent part of GRU's last gate, [hidden] */
    float *h, *c, *sums; /* [batch][hidden], and [batch][rows] */
    float *spare;        /* [batch][hidden] */
    char *scratch;       /* HN_GEMM_SCRATCH bytes for each thread */
    float *y;
};

/* Where step `at` of a sequence of the batch stands among the inputs; false when it is over. */
static bool place(const struct walk *w, size_t b, size_t at, size_t *t)
{
    const size_t length = (size_t)w->r->lengths[b];
    *t = w->backward ? length - 1 - at : at;
    return at < length;
}

static size_t x_row(const struct hn_recurrent *r, size_t t, size_t b)
{
    return r->batch_first ? b * r->steps + t : t * r->batch + b;
}

struct step_product {
    const struct walk *w;
    const float *a;
    const struct hn_packed *b;
    float *y; /* [batch][rows], what the product is added to */
};

static void product_tile(void *arg, size_t tile, unsigned worker)
{
    const struct step_product *p = arg;
    const struct hn_recurrent *r = p->w->r;
    const size_t column = tile * COLUMNS, k = p->b->k;
    for (size_t row = 0; row < r->batch; row += HN_GEMM_ROWS)
        for (size_t at = 0; at < k; at += HN_GEMM_K) {
            const struct hn_gemm gemm = {
                .a = p->a + row * k + at,
                .lda = k,
                .b = p->b->panels + column * k + at * HN_PANEL,
                .ldb = k * HN_PANEL,
                .k = hn_min(HN_GEMM_K, k - at),
                .n = hn_min(COLUMNS, p->b->n - column),
                .y = p->y + row * p->w->rows + column,
                .ldy = p->w->rows,
                .more = true,
                .scratch = p->w->scratch + worker * HN_GEMM_SCRATCH,
            };
            p->w->kernels->gemm(&gemm, hn_min(HN_GEMM_ROWS, r->batch - row));
        }
}

/* y += a b for the rows of the batch. */
static void add_product(const struct walk *w, const float *a, const struct hn_packed *b, float *y)
{
    struct step_product p = {w, a, b, y};
    const size_t tiles = hn_div_up(b->n, COLUMNS);
    if (w->r->batch * b->n * b->k < ALONE)
        for (size_t i = 0; i < tiles; i++)
            product_tile(&p, i, 0);
    else hn_op_parallel(w->op, tiles, product_tile, &p);
}

static void activate(const struct walk *w, float *x, size_t n, enum hn_activation activation)
{
    const struct hn_epilogue epilogue = {.activation = activation};
    w->kernels->epilogue(x, n, 1, n, &epilogue);
}

/* From the sums of the gates i, o, f, c to the new states. */
static void lstm_row(const struct walk *w, float *sums, float *h, float *c)
{
    const size_t n = w->r->hidden;
    const float *in = sums, *out = sums + n, *forget = sums + 2 * n, *new = sums + 3 * n;
    activate(w, sums, 3 * n, HN_SIGMOID);
    activate(w, sums + 3 * n, n, HN_TANH);
    for (size_t j = 0; j < n; j++)
        h[j] = c[j] = forget[j] * c[j] + in[j] * new[j];
    activate(w, h, n, HN_TANH);
    for (size_t j = 0; j < n; j++)
        h[j] *= out[j];
}

/* From the gates z, r and the last one's value to the new state. */
static void gru_mix(const struct walk *w, const float *sums, float *h)
{
    const size_t n = w->r->hidden;
    for (size_t j = 0; j < n; j++)
        h[j] = (1 - sums[j]) * sums[2 * n + j] + sums[j] * h[j];
}

/* GRU's last gate; `sums` of z and r are complete. Where the reset comes after the product, those of the last
 * hold the recurrent part alone, and what the inputs bring is added here. */
static void gru_rows(const struct walk *w, const struct cells *cells, size_t at)
{
    const struct hn_recurrent *r = w->r;
    const size_t n = r->hidden;
    for (size_t b = 0; b < r->batch; b++) {
        float *sums = w->sums + b * w->rows, *last = sums + 2 * n, *reset = sums + n;
        size_t t;
        activate(w, sums, 2 * n, HN_SIGMOID);
        if (!r->linear_before_reset) {
            for (size_t j = 0; j < n; j++)
                w->spare[b * n + j] = reset[j] * w->h[b * n + j];
        } else if (place(w, b, at, &t)) {
            const float *x = w->x_sums + x_row(r, t, b) * w->rows + 2 * n;
            for (size_t j = 0; j < n; j++)
                last[j] = x[j] + reset[j] * last[j];
        }
    }
    if (!r->linear_before_reset) add_product(w, w->spare, &cells->last[w->d], w->sums + 2 * n);
    for (size_t b = 0; b < r->batch; b++)
        activate(w, w->sums + b * w->rows + 2 * n, n, HN_TANH);
}

static void begin_sums(const struct walk *w, size_t at)
{
    const struct hn_recurrent *r = w->r;
    const bool later = r->cell == HN_CELL_GRU && r->linear_before_reset;
    for (size_t b = 0; b < r->batch; b++) {
        float *sums = w->sums + b * w->rows;
        size_t t;
        if (!place(w, b, at, &t)) {
            memset(sums, 0, w->rows * sizeof *sums);
            continue;
        }
        memcpy(sums, w->x_sums + x_row(r, t, b) * w->rows, w->rows * sizeof *sums);
        if (later) memcpy(sums + 2 * r->hidden, w->bias, r->hidden * sizeof *sums);
    }
}

static void step(const struct walk *w, const struct cells *cells, size_t at)
{
    const struct hn_recurrent *r = w->r;
    const size_t n = r->hidden;
    begin_sums(w, at);
    add_product(w, w->h, &cells->r[w->d], w->sums);
    if (r->cell == HN_CELL_GRU) gru_rows(w, cells, at);
    for (size_t b = 0; b < r->batch; b++) {
        float *sums = w->sums + b * w->rows, *h = w->h + b * n;
        size_t t;
        if (!place(w, b, at, &t)) continue;
        if (r->cell == HN_CELL_LSTM) {
            lstm_row(w, sums, h, w->c + b * n);
        } else if (r->cell == HN_CELL_GRU) {
            gru_mix(w, sums, h);
        } else {
            activate(w, sums, n, HN_TANH);
            memcpy(h, sums, n * sizeof *h);
        }
        if (!w->y) continue;
        const size_t row = r->batch_first ? (b * r->steps + t) * r->directions + w->d
                                          : (t * r->directions + w->d) * r->batch + b;
        memcpy(w->y + row * n, h, n * sizeof *h);
    }
}

/* --- a whole node --- */

/* What the inputs bring to every step of a direction. */
static enum hn_status sum_inputs(struct hn_op *op, const struct walk *w, const struct cells *cells,
                                 const float *x)
{
    const struct hn_recurrent *r = w->r;
    float *bias = NULL;
    if (hn_op_in(op, 3)) {
        const float *b = hn_op_lane_in(op, 3, HN_LANE_F32);
        bias = b ? hn_op_scratch(op, w->rows, sizeof *bias) : NULL;
        if (!bias) return hn_op_failed(op);
        b += w->d * 2 * w->rows;
        for (size_t j = 0; j < w->rows; j++) {
            const bool later =
                r->cell == HN_CELL_GRU && r->linear_before_reset && j >= 2 * r->hidden;
            bias[j] = b[j] + (later ? 0 : b[w->rows + j]);
            if (later) w->bias[j - 2 * r->hidden] = b[w->rows + j];
        }
    }
    const struct hn_product product = {.a = x,
                                       .lda = r->inputs,
                                       .rows = r->steps * r->batch,
                                       .each = r->steps,
                                       .b = &cells->w[w->d],
                                       .y = w->x_sums,
                                       .ldy = w->rows,
                                       .epilogue = {.bias = bias}};
    return hn_product_run(op, &product);
}

/* The initial state in input i, or zeros. */
static enum hn_status initial(struct hn_op *op, const struct walk *w, size_t i, float *to)
{
    const struct hn_recurrent *r = w->r;
    const struct hn_array *a = hn_op_in(op, i);
    memset(to, 0, r->batch * r->hidden * sizeof *to);
    if (!a) return HN_OK;
    const size_t first = r->batch_first ? r->batch : r->directions,
                 second = r->batch_first ? r->directions : r->batch;
    if (a->n_dims != 3 || a->shape[0] != first || a->shape[1] != second || a->shape[2] != r->hidden)
        return hn_op_fail(op, HN_E_ARG, "input %zu is not a state of this batch", i);
    const float *from = hn_op_lane_in(op, i, HN_LANE_F32);
    if (!from) return hn_op_failed(op);
    for (size_t b = 0; b < r->batch; b++)
        memcpy(to + b * r->hidden, from + hn_state_row(r, w->d, b) * r->hidden,
               r->hidden * sizeof *to);
    return HN_OK;
}

static enum hn_status walk_direction(struct hn_op *op, struct walk *w, const struct cells *cells,
                                     const float *x, float *last[2])
{
    const struct hn_recurrent *r = w->r;
    HN_TRY(initial(op, w, 5, w->h));
    if (r->cell == HN_CELL_LSTM) HN_TRY(initial(op, w, 6, w->c));
    HN_TRY(sum_inputs(op, w, cells, x));
    for (size_t at = 0; at < r->steps; at++) {
        if (at % 16 == 0) HN_TRY(hn_op_check(op));
        step(w, cells, at);
    }
    for (size_t i = 0; i < 2; i++)
        for (size_t b = 0; last[i] && b < r->batch; b++)
            memcpy(last[i] + hn_state_row(r, w->d, b) * r->hidden,
                   (i ? w->c : w->h) + b * r->hidden, r->hidden * sizeof(float));
    return HN_OK;
}

static enum hn_status scratch_of(struct hn_op *op, const struct hn_recurrent *r, struct walk *w)
{
    size_t all;
    if (!hn_mul(r->steps, r->batch, &all))
        return hn_op_fail(op, HN_E_LIMIT, "the batch is too large");
    const size_t states = r->hidden * sizeof(float), sums = w->rows * sizeof(float);
    if (!(w->x_sums = hn_op_scratch(op, all, sums)) || !(w->bias = hn_op_scratch(op, 1, states)) ||
        !(w->h = hn_op_scratch(op, r->batch, states)) ||
        !(w->c = hn_op_scratch(op, r->batch, states)) ||
        !(w->spare = hn_op_scratch(op, r->batch, states)) ||
        !(w->sums = hn_op_scratch(op, r->batch, sums)) ||
        !(w->scratch = hn_op_scratch(op, hn_op_workers(op), HN_GEMM_SCRATCH)))
        return hn_op_failed(op);
    memset(w->bias, 0, states);
    return HN_OK;
}

enum hn_status hn_plain_cells_run(struct hn_op *op, const struct hn_recurrent *r)
{
    const struct cells *cells = op->state;
    struct walk w = {
        .r = r, .kernels = op->kernels, .op = op, .rows = hn_cell_forms[r->cell].gates * r->hidden};
    HN_TRY(scratch_of(op, r, &w));
    float *last[2] = {NULL, NULL};
    for (size_t i = 0; i < op->n_out && i < 3; i++) {
        const size_t by_batch[] = {r->batch, r->steps, r->directions, r->hidden},
                     by_step[] = {r->steps, r->directions, r->batch, r->hidden},
                     states[] = {r->batch_first ? r->batch : r->directions,
                                 r->batch_first ? r->directions : r->batch, r->hidden};
        if (!op->wanted[i]) continue;
        float *to = i ? hn_op_out(op, i, HN_EL_F32, states, 3)
                      : hn_op_out(op, i, HN_EL_F32, r->batch_first ? by_batch : by_step, 4);
        if (!to) return hn_op_failed(op);
        memset(to, 0, op->out[i].n * sizeof *to);
        if (i) last[i - 1] = to;
        else w.y = to;
    }
    for (w.d = 0; w.d < r->directions; w.d++) {
        w.backward = w.d || r->backward;
        HN_TRY(walk_direction(op, &w, cells, op->in[0]->data, last));
    }
    return HN_OK;
}
