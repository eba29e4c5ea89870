/* RNN, GRU and LSTM: one walk through the sequence, three kinds of cells. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/graph/op_list.h"
#include "model/graph/op_matmul.h"
#include "model/graph/op_recurrent.h"

const struct hn_cell_form hn_cell_forms[] = {
    [HN_CELL_RNN] = {1, 1, {"Tanh"}},
    [HN_CELL_GRU] = {3, 2, {"Sigmoid", "Tanh"}},
    [HN_CELL_LSTM] = {4, 3, {"Sigmoid", "Tanh", "Tanh"}},
};

/* ---- what the node says ---- */

static enum hn_status read_activations(struct hn_op *op, struct hn_recurrent *r)
{
    const struct hn_cell_form *form = &hn_cell_forms[r->cell];
    const size_t n = form->acts;
    size_t n_names, n_alpha, n_beta;
    const struct hn_str *names = hn_op_texts(op, "activations", &n_names);
    const float *alpha = hn_op_floats(op, "activation_alpha", &n_alpha);
    const float *beta = hn_op_floats(op, "activation_beta", &n_beta);
    if (n_names && n_names != n * r->directions)
        return hn_op_fail(op, HN_E_ARG, "%zu activations, not %zu", n_names, n * r->directions);
    for (size_t i = 0; i < n * r->directions; i++) {
        const struct hn_str name = n_names ? names[i] : hn_str_from(form->usual[i % n]);
        HN_TRY(hn_cell_activation_named(op, name, &alpha, &n_alpha, &beta, &n_beta,
                                        &r->acts[i / n][i % n]));
    }
    return HN_OK;
}

static enum hn_status expect_shape(struct hn_op *op, size_t i, const size_t *shape, size_t n_dims)
{
    const struct hn_array *a = op->in[i];
    if (a->n_dims == n_dims && !memcmp(a->shape, shape, n_dims * sizeof *shape)) return HN_OK;
    char got[120], wanted[120];
    return hn_op_fail(op, HN_E_ARG, "input %zu is %s, not %s", i,
                      hn_shape_text(a->shape, a->n_dims, got, sizeof got),
                      hn_shape_text(shape, n_dims, wanted, sizeof wanted));
}

static bool has_input(const struct hn_op *op, size_t i)
{
    return i < op->n_in && op->in[i];
}

static enum hn_status read_lengths(struct hn_op *op, struct hn_recurrent *r)
{
    r->lengths = hn_op_scratch(op, r->batch, sizeof *r->lengths);
    if (!r->lengths) return hn_op_failed(op);
    const int64_t *given = NULL;
    size_t n = r->batch;
    if (has_input(op, 4)) HN_TRY(hn_op_ints_of(op, 4, &given, &n));
    if (n != r->batch)
        return hn_op_fail(op, HN_E_ARG, "%zu sequence lengths for %zu sequences", n, r->batch);
    for (size_t i = 0; i < n; i++) {
        const int64_t length = given ? given[i] : (int64_t)r->steps;
        if (length < 0 || (size_t)length > r->steps)
            return hn_op_fail(op, HN_E_ARG, "a sequence of %lld steps of %zu", (long long)length,
                              r->steps);
        r->lengths[i] = (int32_t)length;
    }
    return HN_OK;
}

/* Sizes and switches; shapes of X, W, R and B are as they should be afterwards. */
static enum hn_status read_node(struct hn_op *op, enum hn_cell cell, struct hn_recurrent *r)
{
    const struct hn_array *x = op->in[0], *w = op->in[1];
    *r = (struct hn_recurrent){.cell = cell,
                               .lane = x->type == HN_EL_F64 ? HN_LANE_F64 : HN_LANE_F32};
    if (x->n_dims != 3 || w->n_dims != 3 || op->in[2]->n_dims != 3)
        return hn_op_fail(op, HN_E_ARG, "X, W and R have three dimensions");
    if (w->type != x->type || op->in[2]->type != x->type)
        return hn_op_fail_type(op, w->type != x->type ? 1 : 2);
    r->batch_first = hn_op_int(op, "layout", 0) != 0;
    r->steps = x->shape[r->batch_first ? 1 : 0];
    r->batch = x->shape[r->batch_first ? 0 : 1];
    r->inputs = x->shape[2];
    r->hidden = op->in[2]->shape[2];
    if (r->steps > INT32_MAX || r->hidden > INT32_MAX)
        return hn_op_fail(op, HN_E_LIMIT, "the sequence is too long");
    const struct hn_str direction = hn_op_text(op, "direction", "forward");
    r->backward = hn_str_is(direction, "reverse");
    r->directions = hn_str_is(direction, "bidirectional") ? 2 : 1;
    if (r->directions == 1 && !r->backward && !hn_str_is(direction, "forward"))
        return hn_op_fail(op, HN_E_ARG, "direction is unknown");
    const size_t rows = hn_cell_forms[cell].gates * r->hidden;
    HN_TRY(expect_shape(op, 1, (size_t[]){r->directions, rows, r->inputs}, 3));
    HN_TRY(expect_shape(op, 2, (size_t[]){r->directions, rows, r->hidden}, 3));
    if (has_input(op, 3)) HN_TRY(expect_shape(op, 3, (size_t[]){r->directions, 2 * rows}, 2));
    if (hn_op_int(op, "hidden_size", (int64_t)r->hidden) != (int64_t)r->hidden)
        return hn_op_fail(op, HN_E_ARG, "hidden_size is not that of R");
    r->linear_before_reset = hn_op_int(op, "linear_before_reset", 0) != 0;
    r->input_forget = hn_op_int(op, "input_forget", 0) != 0;
    r->clip = (double)hn_op_float(op, "clip", 0);
    HN_TRY(read_activations(op, r));
    return read_lengths(op, r);
}

/* ---- weights, turned so that sums run over rows ---- */

struct turned {
    struct hn_op_state state;
    void *w, *r;
};

static void free_turned(struct hn_op_state *state)
{
    struct turned *t = (struct turned *)state;
    free(t->w);
    free(t->r);
    free(t);
}

/* Weights [directions, rows, columns] as [directions, columns, rows]. */
static void turn(const struct hn_array *weights, enum hn_lane lane, const char *from, char *to)
{
    const size_t each = weights->shape[1] * weights->shape[2] * hn_lane_bytes(lane);
    for (size_t d = 0; d < weights->shape[0]; d++)
        hn_lane_transpose(lane, weights->shape[1], weights->shape[2], from + d * each,
                          weights->shape[2], to + d * each);
}

static enum hn_status prepare(struct hn_op *op, enum hn_cell cell, struct hn_op_state **out)
{
    HN_TRY(hn_plain_cells_prepare(op, cell, out));
    if (*out) return HN_OK;
    const struct hn_array *w = op->in[1], *r = op->in[2];
    if (!w || !r || w->n_dims != 3 || r->n_dims != 3 || w->type != r->type) return HN_OK;
    const enum hn_lane lane = w->type == HN_EL_F64 ? HN_LANE_F64 : HN_LANE_F32;
    const void *from_w = hn_op_lane_in(op, 1, lane),
               *from_r = from_w ? hn_op_lane_in(op, 2, lane) : NULL;
    if (!from_r) return hn_op_failed(op);
    struct turned *t = calloc(1, sizeof *t);
    if (!t) return hn_fail_nomem(op->err, "weights", sizeof *t);
    t->state.free = free_turned;
    t->state.bytes = (w->n + r->n) * hn_lane_bytes(lane);
    t->w = malloc(w->n * hn_lane_bytes(lane) + 1);
    t->r = malloc(r->n * hn_lane_bytes(lane) + 1);
    if (!t->w || !t->r) {
        free_turned(&t->state);
        return hn_fail_nomem(op->err, "weights", (w->n + r->n) * hn_lane_bytes(lane));
    }
    turn(w, lane, from_w, t->w);
    turn(r, lane, from_r, t->r);
    hn_op_release(op, 1);
    hn_op_release(op, 2);
    *out = &t->state;
    return HN_OK;
}

static enum hn_status turned_weights(struct hn_op *op, struct hn_recurrent *r)
{
    const struct turned *t = op->state;
    if (t) {
        r->w = t->w;
        r->r = t->r;
        return HN_OK;
    }
    char *to[2];
    for (size_t i = 0; i < 2; i++) {
        const void *from = hn_op_lane_in(op, i + 1, r->lane);
        to[i] = from ? hn_op_scratch(op, op->in[i + 1]->n, hn_lane_bytes(r->lane)) : NULL;
        if (!to[i]) return hn_op_failed(op);
        turn(op->in[i + 1], r->lane, from, to[i]);
    }
    r->w = to[0];
    r->r = to[1];
    return HN_OK;
}

/* ---- cells: from the sums of the gates and the state to the new state, one row ---- */

static double activate(const struct hn_recurrent *r, const struct hn_cell_activation *act, double x)
{
    if (r->clip > 0) x = fmin(fmax(x, -r->clip), r->clip);
    return act->fn(x, act->alpha, act->beta);
}

/* `sums` are in the order of the weights: i, o, f, c. `c` is the cell's own state. */
static void lstm_cell(const struct hn_recurrent *r, size_t d, const double *sums, double *h,
                      double *c)
{
    const size_t n = r->hidden;
    const struct hn_cell_activation *acts = r->acts[d];
    const double *p = r->peepholes ? r->peepholes + d * 3 * n : NULL;
    for (size_t j = 0; j < n; j++) {
        const double in = activate(r, &acts[0], sums[j] + (p ? p[j] * c[j] : 0));
        const double forget =
            r->input_forget
                ? 1 - in
                : activate(r, &acts[0], sums[2 * n + j] + (p ? p[2 * n + j] * c[j] : 0));
        c[j] = forget * c[j] + in * activate(r, &acts[1], sums[3 * n + j]);
        const double out = activate(r, &acts[0], sums[n + j] + (p ? p[n + j] * c[j] : 0));
        h[j] = out * acts[2].fn(c[j], acts[2].alpha, acts[2].beta);
    }
}

static void get_row(enum hn_lane lane, const void *from, size_t n, double *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] = lane == HN_LANE_F64 ? ((const double *)from)[i] : (double)((const float *)from)[i];
}

static void put_row(enum hn_lane lane, const double *from, size_t n, void *to)
{
    for (size_t i = 0; i < n; i++) {
        if (lane == HN_LANE_F64) ((double *)to)[i] = from[i];
        else ((float *)to)[i] = (float)from[i];
    }
}

/* The state of one direction while it runs, rows of `hidden` for every sequence of the batch. */
struct state {
    double *h, *c;
    char *sums;  /* [batch, gates x hidden] in the lane */
    char *h_row; /* h in the lane */
    char *
        reset; /* GRU: [batch, hidden] in the lane, reset gate times state; then [batch, hidden] sums */
    char *x_sums; /* [steps x batch, gates x hidden]: what the inputs bring, biases with them */
};

/* GRU: sums of z and r are complete, those of h hold the inputs' part alone. Leaves the gates in `sums`, and in
 * `reset` what R's last third is to be multiplied with. */
static void gru_gates(const struct hn_recurrent *r, size_t d, const struct state *s, size_t row)
{
    const size_t n = r->hidden, bytes = hn_lane_bytes(r->lane);
    char *sums = s->sums + row * 3 * n * bytes;
    get_row(r->lane, sums, 2 * n, r->gates);
    for (size_t j = 0; j < 2 * n; j++)
        r->gates[j] = activate(r, &r->acts[d][0], r->gates[j]);
    put_row(r->lane, r->gates, 2 * n, sums);
    for (size_t j = 0; j < n; j++)
        r->carry[j] =
            r->linear_before_reset ? s->h[row * n + j] : r->gates[n + j] * s->h[row * n + j];
    put_row(r->lane, r->carry, n, s->reset + row * n * bytes);
}

/* Then with `last`, the state's part of h's sums. */
static void gru_finish(const struct hn_recurrent *r, size_t d, const struct state *s, size_t row,
                       const char *last)
{
    const size_t n = r->hidden;
    const double *bias = r->b ? r->b + d * 6 * n + 5 * n : NULL; /* R's for h */
    get_row(r->lane, s->sums + row * 3 * n * hn_lane_bytes(r->lane), 3 * n, r->gates);
    get_row(r->lane, last + row * n * hn_lane_bytes(r->lane), n, r->carry);
    for (size_t j = 0; j < n; j++) {
        double from_state = r->carry[j] + (bias ? bias[j] : 0);
        if (r->linear_before_reset) from_state *= r->gates[n + j];
        const double h = activate(r, &r->acts[d][1], r->gates[2 * n + j] + from_state);
        const double z = r->gates[j];
        s->h[row * n + j] = (1 - z) * h + z * s->h[row * n + j];
    }
}

/* One step of every sequence that is still running. */
static void step(const struct hn_recurrent *r, size_t d, const struct state *s, size_t at)
{
    const size_t n = r->hidden, bytes = hn_lane_bytes(r->lane),
                 rows = hn_cell_forms[r->cell].gates * n;
    const char *weights = r->r + d * n * rows * bytes;
    const bool backward = d || r->backward, gru = r->cell == HN_CELL_GRU;
    for (size_t b = 0; b < r->batch; b++) {
        const size_t length = (size_t)r->lengths[b];
        const size_t t = at >= length ? 0 : backward ? length - 1 - at : at;
        const size_t row = r->batch_first ? b * r->steps + t : t * r->batch + b;
        memcpy(s->sums + b * rows * bytes, s->x_sums + row * rows * bytes, rows * bytes);
        put_row(r->lane, s->h + b * n, n, s->h_row + b * n * bytes);
    }
    hn_lane_product(r->lane, r->batch, gru ? 2 * n : rows, n, s->h_row, n, weights, rows, s->sums,
                    rows);
    char *last = s->reset + r->batch * n * bytes;
    if (gru) {
        for (size_t b = 0; b < r->batch; b++)
            gru_gates(r, d, s, b);
        memset(last, 0, r->batch * n * bytes);
        hn_lane_product(r->lane, r->batch, n, n, s->reset, n, weights + 2 * n * bytes, rows, last,
                        n);
    }
    for (size_t b = 0; b < r->batch; b++) {
        if (at >= (size_t)r->lengths[b]) continue;
        if (gru) {
            gru_finish(r, d, s, b, last);
        } else {
            get_row(r->lane, s->sums + b * rows * bytes, rows, r->gates);
            if (r->cell == HN_CELL_LSTM) lstm_cell(r, d, r->gates, s->h + b * n, s->c + b * n);
            else
                for (size_t j = 0; j < n; j++)
                    s->h[b * n + j] = activate(r, &r->acts[d][0], r->gates[j]);
        }
        if (!r->y) continue;
        const size_t t = backward ? (size_t)r->lengths[b] - 1 - at : at;
        const size_t row = r->batch_first ? (b * r->steps + t) * r->directions + d
                                          : (t * r->directions + d) * r->batch + b;
        put_row(r->lane, s->h + b * n, n, r->y + row * n * bytes);
    }
}

/* ---- a whole node ---- */

/* x_sums of direction d: inputs times weights, and the biases; R's bias of GRU's last gate comes later. */
static enum hn_status sum_inputs(struct hn_op *op, const struct hn_recurrent *r, size_t d,
                                 const struct state *s)
{
    const size_t bytes = hn_lane_bytes(r->lane), gates = hn_cell_forms[r->cell].gates,
                 rows = gates * r->hidden;
    const struct hn_stack stack = {.count = 1, .m = r->steps * r->batch, .n = rows, .k = r->inputs};
    HN_TRY(hn_stack_product(op, &stack, r->lane, r->x, r->w + d * r->inputs * rows * bytes,
                            s->x_sums));
    if (!r->b) return HN_OK;
    const double *b = r->b + d * 2 * rows;
    for (size_t i = 0; i < stack.m; i++) {
        char *row = s->x_sums + i * rows * bytes;
        get_row(r->lane, row, rows, r->gates);
        for (size_t j = 0; j < rows; j++) {
            const bool later = r->cell == HN_CELL_GRU && j >= 2 * r->hidden;
            r->gates[j] += b[j] + (later ? 0 : b[rows + j]);
        }
        put_row(r->lane, r->gates, rows, row);
    }
    return HN_OK;
}

/* The initial state from input i, or zeros. */
static enum hn_status initial(struct hn_op *op, const struct hn_recurrent *r, size_t i, size_t d,
                              double *to)
{
    memset(to, 0, r->batch * r->hidden * sizeof *to);
    if (!has_input(op, i)) return HN_OK;
    const size_t by_batch[] = {r->batch, r->directions, r->hidden},
                 by_direction[] = {r->directions, r->batch, r->hidden};
    HN_TRY(expect_shape(op, i, r->batch_first ? by_batch : by_direction, 3));
    const double *from = hn_op_reals(op, i);
    if (!from) return hn_op_failed(op);
    for (size_t b = 0; b < r->batch; b++)
        memcpy(to + b * r->hidden, from + hn_state_row(r, d, b) * r->hidden,
               r->hidden * sizeof *to);
    return HN_OK;
}

static enum hn_status scratch_of(struct hn_op *op, struct hn_recurrent *r, struct state *s)
{
    const size_t bytes = hn_lane_bytes(r->lane), n = r->hidden,
                 rows = hn_cell_forms[r->cell].gates * n;
    size_t all;
    if (__builtin_mul_overflow(r->steps, r->batch, &all))
        return hn_op_fail(op, HN_E_LIMIT, "the batch is too large");
    if (!(r->gates = hn_op_scratch(op, rows, sizeof *r->gates)) ||
        !(r->carry = hn_op_scratch(op, n, sizeof *r->carry)) ||
        !(s->h = hn_op_scratch(op, r->batch, n * sizeof *s->h)) ||
        !(s->c = hn_op_scratch(op, r->batch, n * sizeof *s->c)) ||
        !(s->sums = hn_op_scratch(op, r->batch, rows * bytes)) ||
        !(s->h_row = hn_op_scratch(op, r->batch, n * bytes)) ||
        !(s->reset = hn_op_scratch(op, r->batch, 2 * n * bytes)) ||
        !(s->x_sums = hn_op_scratch(op, all, rows * bytes)))
        return hn_op_failed(op);
    return HN_OK;
}

static enum hn_status run_direction(struct hn_op *op, const struct hn_recurrent *r,
                                    const struct state *s, size_t d, double *last_h, double *last_c)
{
    HN_TRY(initial(op, r, 5, d, s->h));
    if (r->cell == HN_CELL_LSTM) HN_TRY(initial(op, r, 6, d, s->c));
    HN_TRY(sum_inputs(op, r, d, s));
    for (size_t at = 0; at < r->steps; at++) {
        HN_TRY(hn_op_check(op));
        step(r, d, s, at);
    }
    for (size_t b = 0; b < r->batch; b++) {
        const size_t row = hn_state_row(r, d, b) * r->hidden;
        if (last_h) memcpy(last_h + row, s->h + b * r->hidden, r->hidden * sizeof *last_h);
        if (last_c) memcpy(last_c + row, s->c + b * r->hidden, r->hidden * sizeof *last_c);
    }
    return HN_OK;
}

static enum hn_status run_cells(struct hn_op *op, enum hn_cell cell)
{
    struct hn_recurrent r;
    struct state s = {0};
    HN_TRY(read_node(op, cell, &r));
    if (hn_plain_cells(op)) return hn_plain_cells_run(op, &r);
    HN_TRY(turned_weights(op, &r));
    HN_TRY(scratch_of(op, &r, &s));
    if (!(r.x = hn_op_lane_in(op, 0, r.lane))) return hn_op_failed(op);
    if (has_input(op, 3) && !(r.b = hn_op_reals(op, 3))) return hn_op_failed(op);
    if (cell == HN_CELL_LSTM && has_input(op, 7)) {
        HN_TRY(expect_shape(op, 7, (size_t[]){r.directions, 3 * r.hidden}, 2));
        if (!(r.peepholes = hn_op_reals(op, 7))) return hn_op_failed(op);
    }
    const enum hn_element type = op->in[0]->type;
    if (op->n_out && op->wanted[0]) {
        const size_t by_batch[] = {r.batch, r.steps, r.directions, r.hidden};
        const size_t by_step[] = {r.steps, r.directions, r.batch, r.hidden};
        r.y = hn_op_lane_out(op, 0, type, r.batch_first ? by_batch : by_step, 4, r.lane);
        if (!r.y) return hn_op_failed(op);
        memset(r.y, 0, op->out[0].n * hn_lane_bytes(r.lane));
    }
    double *last[2] = {NULL, NULL};
    for (size_t i = 1; i < op->n_out && i < 3; i++) {
        if (!op->wanted[i]) continue;
        const size_t by_batch[] = {r.batch, r.directions, r.hidden},
                     by_direction[] = {r.directions, r.batch, r.hidden};
        last[i - 1] =
            hn_op_lane_out(op, i, type, r.batch_first ? by_batch : by_direction, 3, HN_LANE_F64);
        if (!last[i - 1]) return hn_op_failed(op);
    }
    for (size_t d = 0; d < r.directions; d++)
        HN_TRY(run_direction(op, &r, &s, d, last[0], last[1]));
    if (r.y) hn_op_lane_done(op, 0, r.lane, r.y);
    for (size_t i = 1; i < 3; i++)
        if (last[i - 1]) hn_op_lane_done(op, i, HN_LANE_F64, last[i - 1]);
    return HN_OK;
}

enum hn_status hn_op_rnn(struct hn_op *op)
{
    return run_cells(op, HN_CELL_RNN);
}

enum hn_status hn_op_gru(struct hn_op *op)
{
    return run_cells(op, HN_CELL_GRU);
}

enum hn_status hn_op_lstm(struct hn_op *op)
{
    return run_cells(op, HN_CELL_LSTM);
}

enum hn_status hn_op_prepare_rnn(struct hn_op *op, struct hn_op_state **out)
{
    return prepare(op, HN_CELL_RNN, out);
}

enum hn_status hn_op_prepare_gru(struct hn_op *op, struct hn_op_state **out)
{
    return prepare(op, HN_CELL_GRU, out);
}

enum hn_status hn_op_prepare_lstm(struct hn_op *op, struct hn_op_state **out)
{
    return prepare(op, HN_CELL_LSTM, out);
}
