/* x w + bias + add with an activation; the activation alone; layer norm. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/memory.h"
#include "model/graph/fast.h"

struct hn_epilogue hn_fast_epilogue(const struct hn_op *op)
{
    return (struct hn_epilogue){
        .activation = (enum hn_activation)hn_op_int(op, HN_FAST_ACTIVATION, HN_LINEAR),
        .low = hn_op_float(op, HN_FAST_LOW, 0),
        .high = hn_op_float(op, HN_FAST_HIGH, 0),
    };
}

const struct hn_array *hn_fast_place(struct hn_op *op, size_t i, const char *parameter,
                                     struct hn_array *room)
{
    const struct hn_array *x = op->in[i];
    const int64_t place = x ? hn_op_int(op, parameter, -1) : -1;
    if (place < 0) return x;
    if (x->type != HN_EL_F32 || x->n_dims != 3 || (uint64_t)place >= x->shape[1]) {
        (void)hn_op_fail(op, HN_E_ARG, "place %lld of no such sequence", (long long)place);
        return NULL;
    }
    const size_t rows = x->shape[0], width = x->shape[2], step = x->shape[1] * width;
    *room = (struct hn_array){
        .type = HN_EL_F32, .n_dims = 2, .shape = {rows, width}, .n = rows * width};
    float *to = hn_op_scratch(op, room->n, sizeof *to);
    room->data = to;
    if (!to) return NULL;
    const float *from = (const float *)x->data + (size_t)place * width;
    for (size_t row = 0; row < rows; row++)
        memcpy(to + row * width, from + row * step, width * sizeof *to);
    return room;
}

/* --- sums of different shapes --- */

/* Elements between steps along each dimension of `shape`; 0 where `a` repeats. */
static void steps_of(const struct hn_array *a, const size_t *shape, size_t n_dims, size_t *steps)
{
    size_t step = 1;
    for (size_t i = n_dims, j = a->n_dims; i-- > 0;) {
        const size_t d = j > 0 ? a->shape[--j] : 1;
        steps[i] = d == 1 && shape[i] != 1 ? 0 : step;
        step *= d;
    }
}

enum hn_status hn_fast_add(struct hn_op *op, const struct hn_array *x, const struct hn_array *y,
                           const struct hn_epilogue *epilogue)
{
    size_t shape[HN_ARRAY_DIMS], n_dims = x->n_dims, at[HN_ARRAY_DIMS] = {0};
    size_t x_steps[HN_ARRAY_DIMS], y_steps[HN_ARRAY_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    HN_TRY(hn_op_broadcast(op, shape, &n_dims, y));
    float *out = hn_op_out(op, 0, HN_EL_F32, shape, n_dims);
    if (!out) return hn_op_failed(op);
    steps_of(x, shape, n_dims, x_steps);
    steps_of(y, shape, n_dims, y_steps);
    const size_t n = op->out[0].n;
    for (size_t i = 0, j = 0, k = 0; i < n; i++) {
        out[i] = ((const float *)x->data)[j] + ((const float *)y->data)[k];
        for (size_t d = n_dims; d-- > 0;) {
            j += x_steps[d];
            k += y_steps[d];
            if (++at[d] < shape[d]) break;
            j -= x_steps[d] * shape[d];
            k -= y_steps[d] * shape[d];
            at[d] = 0;
        }
    }
    op->kernels->epilogue(out, n, 1, n, epilogue);
    return HN_OK;
}

static bool same_shape(const struct hn_array *a, const size_t *shape, size_t n_dims)
{
    return a->n_dims == n_dims && memcmp(a->shape, shape, n_dims * sizeof *shape) == 0;
}

/* --- linear --- */

struct linear {
    struct hn_op_state state;
    struct hn_packed w;
    float *bias; /* [n] or NULL */
    struct hn_epilogue epilogue;
};

static void free_linear(struct hn_op_state *state)
{
    struct linear *l = (struct linear *)(void *)state;
    free(l->w.panels);
    free(l->bias);
    free(l);
}

static void scale_columns(const struct hn_packed *w, const float *by)
{
    for (size_t j = 0; j < w->n; j++) {
        float *at = w->panels + j / HN_PANEL * w->k * HN_PANEL + j % HN_PANEL;
        for (size_t i = 0; i < w->k; i++)
            at[i * HN_PANEL] *= by[j];
    }
}

static enum hn_status prepare_linear(struct hn_op *op, struct hn_op_state **out)
{
    const bool transposed = hn_op_int(op, "transposed", 0);
    const struct hn_array *w = op->in[1], *bias = op->in[2];
    const size_t k = w->shape[transposed], n = w->shape[!transposed];
    struct linear *l = calloc(1, sizeof *l);
    if (!l) return hn_fail_nomem(op->err, "weights", sizeof *l);
    l->state.free = free_linear;
    *out = &l->state;
    size_t floats;
    if (!hn_packed_size(k, n, &floats)) return hn_op_fail(op, HN_E_LIMIT, "weights are too large");
    l->w = (struct hn_packed){.k = k, .n = n};
    l->w.panels = hn_memory_take(floats * sizeof(float));
    if (!l->w.panels) return hn_fail_nomem(op->err, "weights", floats * sizeof(float));
    hn_pack_matrix(&l->w, w->data, transposed ? 1 : n, transposed ? k : 1,
                   hn_op_float(op, "alpha", 1));
    if (op->in[4]) {
        scale_columns(&l->w, op->in[4]->data);
        hn_op_release(op, 4);
    }
    l->state.bytes = sizeof *l + floats * sizeof(float);
    if (!op->in[4]) hn_op_share_packed(op, 1, &l->w);
    l->epilogue = hn_fast_epilogue(op);
    if (bias) {
        l->bias = malloc(n * sizeof *l->bias + 1);
        if (!l->bias) return hn_fail_nomem(op->err, "weights", n * sizeof *l->bias);
        memcpy(l->bias, bias->data, n * sizeof *l->bias);
        l->epilogue.bias = l->bias;
        l->state.bytes += n * sizeof *l->bias;
        hn_op_release(op, 2);
    }
    hn_op_release(op, 1);
    return HN_OK;
}

static enum hn_status run_linear(struct hn_op *op)
{
    const struct linear *l = (const void *)op->state;
    struct hn_array x_room, add_room;
    const struct hn_array *x = hn_fast_place(op, 0, HN_FAST_PLACE_X, &x_room);
    const struct hn_array *add = hn_fast_place(op, 3, HN_FAST_PLACE_ADD, &add_room);
    if (!x || (op->in[3] && !add)) return hn_op_failed(op);
    if (x->type != HN_EL_F32) return hn_op_fail_type(op, 0);
    if (add && add->type != HN_EL_F32) return hn_op_fail_type(op, 3);
    if (x->n_dims == 0 || x->shape[x->n_dims - 1] != l->w.k)
        return hn_op_fail(op, HN_E_ARG, "rows of %zu elements, not %zu",
                          x->n_dims ? x->shape[x->n_dims - 1] : 0, l->w.k);
    struct hn_array own = {.type = HN_EL_F32, .n_dims = x->n_dims};
    memcpy(own.shape, x->shape, sizeof own.shape);
    own.shape[x->n_dims - 1] = l->w.n;
    size_t rows = 1, each = 1; /* of all, of an element of the batch */
    for (size_t i = 0; i + 1 < x->n_dims; i++) {
        rows *= x->shape[i];
        if (i > 0) each *= x->shape[i];
    }
    const bool together = !add || same_shape(add, own.shape, own.n_dims);
    if (!hn_shape_count(own.shape, own.n_dims, sizeof(float), &own.n))
        return hn_op_fail(op, HN_E_LIMIT, "an output with too many elements");
    own.data = together ? hn_op_out(op, 0, HN_EL_F32, own.shape, own.n_dims)
                        : hn_op_scratch(op, own.n, sizeof(float));
    if (!own.data) return hn_op_failed(op);
    struct hn_product product = {.a = x->data,
                                 .lda = l->w.k,
                                 .rows = rows,
                                 .each = each,
                                 .b = &l->w,
                                 .y = own.data,
                                 .ldy = l->w.n,
                                 .epilogue = l->epilogue};
    if (!together) product.epilogue.activation = HN_LINEAR;
    else if (add) product.epilogue.add = add->data, product.epilogue.ld_add = l->w.n;
    HN_TRY(hn_product_run(op, &product));
    if (together) return HN_OK;
    struct hn_epilogue after = l->epilogue;
    after.bias = NULL;
    return hn_fast_add(op, &own, add, &after);
}

const struct hn_op_row hn_fast_linear = {.domain = "hence",
                                         .name = "Linear",
                                         .fn = run_linear,
                                         .prepare = prepare_linear,
                                         .flags = HN_OP_LOOSE_1};

/* --- rows of packed weights --- */

static enum hn_status prepare_gather(struct hn_op *op, struct hn_op_state **out)
{
    (void)out;
    hn_op_release(op, 0);
    return HN_OK;
}

static enum hn_status run_gather(struct hn_op *op)
{
    const struct hn_packed *w = hn_op_packed(op, 0);
    const struct hn_array *at = op->in[1];
    const int64_t *rows;
    size_t n, shape[HN_ARRAY_DIMS];
    HN_TRY(hn_op_ints_of(op, 1, &rows, &n));
    if (at->n_dims == HN_ARRAY_DIMS) return hn_op_fail(op, HN_E_LIMIT, "too many dimensions");
    memcpy(shape, at->shape, at->n_dims * sizeof *shape);
    shape[at->n_dims] = w->k;
    float *y = hn_op_out(op, 0, HN_EL_F32, shape, at->n_dims + 1);
    if (!y) return hn_op_failed(op);
    for (size_t i = 0; i < n; i++, y += w->k) {
        const int64_t all = (int64_t)w->n, row = rows[i] < 0 ? rows[i] + all : rows[i];
        if (row < 0 || row >= all)
            return hn_op_fail(op, HN_E_ARG, "index %lld of %zu", (long long)rows[i], w->n);
        const float *x =
            w->panels + (size_t)row / HN_PANEL * w->k * HN_PANEL + (size_t)row % HN_PANEL;
        for (size_t j = 0; j < w->k; j++)
            y[j] = x[j * HN_PANEL];
    }
    return HN_OK;
}

const struct hn_op_row hn_fast_gather = {.domain = "hence",
                                         .name = "Rows",
                                         .fn = run_gather,
                                         .prepare = prepare_gather,
                                         .flags = HN_OP_LOOSE_0};

/* --- the activation alone --- */

enum { PART = 4096 }; /* elements or so that a tile takes */

struct rows {
    const struct hn_op *op;
    const float *x, *weight, *bias;
    float *y;
    size_t rows, width, each; /* `each` rows are a tile */
    float epsilon;
    bool rms;
    struct hn_epilogue epilogue;
};

static void run_activation_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct rows *r = arg;
    const size_t first = tile * PART, n = hn_min(PART, r->width - first);
    if (r->y != r->x) memcpy(r->y + first, r->x + first, n * sizeof *r->y);
    r->op->kernels->epilogue(r->y + first, n, 1, n, &r->epilogue);
}

enum hn_status hn_fast_activate(struct hn_op *op, const struct hn_epilogue *epilogue)
{
    const struct hn_array *x = op->in[0];
    struct rows r = {.op = op, .x = x->data, .width = x->n, .epilogue = *epilogue};
    r.y = hn_op_out_like(op, 0, 0);
    if (!r.y) return hn_op_failed(op);
    const size_t tiles = hn_div_up(r.width, PART);
    if (r.width >= HN_FAST_ALONE_ELEMENTS) hn_op_parallel(op, tiles, run_activation_tile, &r);
    else
        for (size_t i = 0; i < tiles; i++)
            run_activation_tile(&r, i, 0);
    return HN_OK;
}

static enum hn_status run_activation(struct hn_op *op)
{
    const struct hn_epilogue epilogue = hn_fast_epilogue(op);
    if (op->in[0]->type != HN_EL_F32) return hn_op_fail_type(op, 0);
    return hn_fast_activate(op, &epilogue);
}

const struct hn_op_row hn_fast_activation = {
    .domain = "hence", .name = "Activation", .fn = run_activation};

/* --- norms of rows --- */

static void run_norm_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct rows *r = arg;
    const struct hn_kernels *kernels = r->op->kernels;
    const size_t end = hn_min((tile + 1) * r->each, r->rows);
    for (size_t i = tile * r->each; i < end; i++) {
        float *y = r->y + i * r->width;
        const float *x = r->x + i * r->width;
        if (r->rms) kernels->rms_norm(y, x, r->weight, r->width, r->epsilon);
        else kernels->layer_norm(y, x, r->weight, r->bias, r->width, r->epsilon);
    }
}

enum hn_status hn_fast_norm_rows(struct hn_op *op, const struct hn_array *x, const float *weight,
                                 const float *bias, float epsilon, bool rms)
{
    const size_t width = x->n_dims ? x->shape[x->n_dims - 1] : 0;
    struct rows r = {.op = op,
                     .x = x->data,
                     .weight = weight,
                     .bias = bias,
                     .width = width,
                     .rows = width ? x->n / width : 0,
                     .each = width ? hn_div_up(PART, width) : 1,
                     .epsilon = epsilon,
                     .rms = rms};
    if (!bias && !rms) {
        float *zeros = hn_op_scratch(op, width, sizeof *zeros);
        if (!zeros) return hn_op_failed(op);
        memset(zeros, 0, width * sizeof *zeros);
        r.bias = zeros;
    }
    r.y = x == op->in[0] ? hn_op_out_like(op, 0, 0)
                         : hn_op_out(op, 0, HN_EL_F32, x->shape, x->n_dims);
    if (!r.y) return hn_op_failed(op);
    const size_t tiles = hn_div_up(r.rows, r.each);
    if (x->n >= HN_FAST_ALONE_ELEMENTS) hn_op_parallel(op, tiles, run_norm_tile, &r);
    else
        for (size_t i = 0; i < tiles; i++)
            run_norm_tile(&r, i, 0);
    return HN_OK;
}

static enum hn_status run_layer_norm(struct hn_op *op)
{
    struct hn_array room;
    const struct hn_array *x = hn_fast_place(op, 0, HN_FAST_PLACE_X, &room);
    const struct hn_array *weight = op->in[1], *bias = op->in[2];
    if (!x) return hn_op_failed(op);
    if (x->type != HN_EL_F32) return hn_op_fail_type(op, 0);
    const size_t width = x->n_dims ? x->shape[x->n_dims - 1] : 0;
    if (width != weight->n || width != bias->n)
        return hn_op_fail(op, HN_E_ARG, "rows of %zu elements, not %zu", width, weight->n);
    return hn_fast_norm_rows(op, x, weight->data, bias->data, hn_op_float(op, "epsilon", 0), false);
}

const struct hn_op_row hn_fast_layer_norm = {
    .domain = "hence", .name = "LayerNorm", .fn = run_layer_norm};
