/* Convolutions with channels last, in the form that their shape asks for. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/memory.h"
#include "model/graph/fast_conv.h"

static void free_conv(struct hn_op_state *state)
{
    struct hn_packed_conv *c = (struct hn_packed_conv *)(void *)state;
    free(c->w.panels);
    free(c->taps);
    free(c->bias);
    free(c);
}

/* --- loading --- */

/* One panel; weights are read in the order of the file, from any address. */
static void pack_panel(const struct hn_packed_conv *c, const char *w, const char *scale,
                       size_t panel)
{
    const size_t taps = c->kernel[0] * c->kernel[1], first = panel * HN_PANEL;
    const size_t n = hn_min(HN_PANEL, c->out - first), row = c->in * taps;
    float *to = c->w.panels + first * row, by[HN_PANEL] = {0};
    for (size_t l = 0; l < n; l++)
        by[l] = scale ? hn_float_at(scale, first + l) : 1;
    w += first * row * sizeof(float);
    for (size_t i = 0; i < c->in; i++)
        for (size_t t = 0; t < taps; t++) {
            float *at = to + (t * c->in + i) * HN_PANEL;
            for (size_t l = 0; l < HN_PANEL; l++)
                at[l] = l < n ? hn_float_at(w, l * row + i * taps + t) * by[l] : 0;
        }
}

static enum hn_status pack(struct hn_op *op, struct hn_packed_conv *c)
{
    const char *w = op->in[1]->data;
    const char *scale = op->in[4] ? op->in[4]->data : NULL;
    const size_t taps = c->kernel[0] * c->kernel[1];
    size_t floats = taps * c->out;
    if (op->in[1]->shape[1] == 1 && c->in > 1) {
        c->taps = malloc(floats * sizeof *c->taps + 1);
        if (!c->taps) return hn_fail_nomem(op->err, "weights", floats * sizeof *c->taps);
        for (size_t o = 0; o < c->out; o++)
            for (size_t t = 0; t < taps; t++)
                c->taps[t * c->out + o] =
                    hn_float_at(w, o * taps + t) * (scale ? hn_float_at(scale, o) : 1);
    } else {
        c->w = (struct hn_packed){.k = taps * c->in, .n = c->out};
        if (!hn_packed_size(c->w.k, c->w.n, &floats))
            return hn_op_fail(op, HN_E_LIMIT, "weights are too large");
        c->w.panels = hn_memory_take(floats * sizeof(float));
        if (!c->w.panels) return hn_fail_nomem(op->err, "weights", floats * sizeof(float));
        for (size_t i = 0; i < hn_div_up(c->out, HN_PANEL); i++)
            pack_panel(c, w, scale, i);
    }
    c->state.bytes += floats * sizeof(float);
    return HN_OK;
}

enum hn_status hn_fast_conv_prepare(struct hn_op *op, struct hn_op_state **out)
{
    const struct hn_array *w = op->in[1], *bias = op->in[2];
    struct hn_packed_conv *c = calloc(1, sizeof *c);
    if (!c) return hn_fail_nomem(op->err, "weights", sizeof *c);
    c->state = (struct hn_op_state){.free = free_conv, .bytes = sizeof *c};
    *out = &c->state;
    c->out = w->shape[0];
    c->in = w->shape[1] * (size_t)hn_op_int(op, "group", 1);
    const bool flat = w->n_dims == 3;
    c->kernel[0] = flat ? 1 : w->shape[2];
    c->kernel[1] = w->shape[flat ? 2 : 3];
    c->epilogue = hn_fast_epilogue(op);
    HN_TRY(pack(op, c));
    hn_op_release(op, 1);
    if (op->in[4]) hn_op_release(op, 4);
    if (!bias) return HN_OK;
    c->bias = malloc(c->out * sizeof *c->bias + 1);
    if (!c->bias) return hn_fail_nomem(op->err, "weights", c->out * sizeof *c->bias);
    memcpy(c->bias, bias->data, c->out * sizeof *c->bias);
    c->epilogue.bias = c->bias;
    c->state.bytes += c->out * sizeof *c->bias;
    hn_op_release(op, 2);
    return HN_OK;
}

/* --- rows of what windows see --- */

struct view {
    const struct hn_convolution *c;
    size_t piece; /* taps of a kernel row that lie side by side in x */
};

/* Floats [first, first + n) of a piece of `taps` taps whose first lies at column `column` of a row of x;
 * zeros beyond the row's ends. */
static void copy_piece(float *to, const float *row, int64_t column, size_t taps, size_t width,
                       size_t channels, size_t first, size_t n)
{
    const size_t before = column < 0 ? hn_min((size_t)-column, taps) : 0;
    const int64_t room = (int64_t)width - column;
    const size_t after = room <= 0 ? 0 : hn_min((size_t)room, taps);
    const size_t end = first + n;
    const size_t low = hn_min(hn_max(before * channels, first), end);
    const size_t high = hn_max(hn_min(after * channels, end), low);
    for (size_t i = first; i < low; i++)
        to[i - first] = 0;
    if (high > low)
        memcpy(to + (low - first), row + column * (int64_t)channels + (int64_t)low,
               (high - low) * sizeof *to);
    for (size_t i = high; i < end; i++)
        to[i - first] = 0;
}

static void gather_row(const struct view *v, float *to, size_t point, size_t first, size_t n)
{
    const struct hn_window *w = v->c->window;
    const size_t channels = v->c->in, batch = point / w->n_out, o = point % w->n_out;
    const size_t piece = v->piece * channels, pieces = w->kernel[1] / v->piece;
    for (size_t at = first; at < first + n;) {
        const size_t p = at / piece, from = at % piece, m = hn_min(piece - from, first + n - at);
        const int64_t y = hn_window_at(w, 0, o / w->out[1], p / pieces);
        const int64_t x = hn_window_at(w, 1, o % w->out[1], p % pieces * v->piece);
        if (y < 0 || y >= (int64_t)w->in[0]) memset(to, 0, m * sizeof *to);
        else
            copy_piece(to, v->c->x + (batch * w->in[0] + (size_t)y) * w->in[1] * channels, x,
                       v->piece, w->in[1], channels, from, m);
        to += m;
        at += m;
    }
}

static void gather(const void *arg, float *to, size_t ld, size_t row, size_t m, size_t first,
                   size_t n)
{
    for (size_t i = 0; i < m; i++)
        gather_row(arg, to + i * ld, row + i, first, n);
}

/* --- running --- */

/* As one product of matrices. */
static enum hn_status by_product(struct hn_op *op, const struct hn_convolution *c)
{
    const struct hn_window *w = c->window;
    const struct view view = {.c = c, .piece = w->dilation[1] == 1 ? w->kernel[1] : 1};
    const struct hn_product product = {.a = hn_rows_plain(w) ? c->x : NULL,
                                       .lda = c->in,
                                       .gather = gather,
                                       .arg = &view,
                                       .rows = c->batch * w->n_out,
                                       .each = w->n_out,
                                       .b = c->w,
                                       .y = c->y,
                                       .ldy = c->out,
                                       .epilogue = c->epilogue};
    return hn_product_run(op, &product);
}

/* Which form is taken depends on one image alone. */
enum hn_status hn_convolve(struct hn_op *op, const struct hn_convolution *c)
{
    const struct hn_window *w = c->window;
    if (!c->taps) {
        if (hn_winograd_suits(c)) return hn_winograd_run(op, c);
        if (hn_rows_plain(w) && hn_fast_many(w->n_out, c->out, c->w->k)) return by_product(op, c);
    }
    return c->taps || hn_rows_suit(c) ? hn_rows_run_all(op, c) : by_product(op, c);
}

/* A window along one dimension as one of a single row. */
static void add_row(struct hn_window *w)
{
    w->n_dims = 2;
    w->in[1] = w->in[0];
    w->kernel[1] = w->kernel[0];
    w->out[1] = w->out[0];
    w->stride[1] = w->stride[0];
    w->dilation[1] = w->dilation[0];
    w->begin[1] = w->begin[0];
    w->end[1] = w->end[0];
    w->in[0] = w->kernel[0] = w->out[0] = 1;
    w->stride[0] = w->dilation[0] = 1;
    w->begin[0] = w->end[0] = 0;
}

enum hn_status hn_window_last(struct hn_op *op, const size_t *kernel, struct hn_window *out)
{
    const struct hn_array *x = op->in[0];
    if (x->n_dims != 4) return hn_op_fail(op, HN_E_ARG, "%zu dimensions, not 4", x->n_dims);
    struct hn_array turned = *x;
    turned.shape[1] = x->shape[3];
    turned.shape[2] = x->shape[1];
    turned.shape[3] = x->shape[2];
    const struct hn_array *in[] = {&turned};
    struct hn_op view = *op;
    view.in = in;
    if (!hn_op_int(op, HN_FAST_FLAT, 0)) return hn_window_of(&view, 0, kernel, out);
    if (x->shape[1] != 1) return hn_op_fail(op, HN_E_ARG, "%zu rows, not 1", x->shape[1]);
    turned.n_dims = 3;
    turned.shape[2] = x->shape[2];
    HN_TRY(hn_window_of(&view, 0, kernel ? kernel + 1 : NULL, out));
    add_row(out);
    return HN_OK;
}

enum hn_status hn_fast_conv_of(struct hn_op *op, const struct hn_packed_conv *conv,
                               const struct hn_array *x, struct hn_window *window,
                               struct hn_convolution *out)
{
    const struct hn_array *in[] = {x};
    struct hn_op view = *op;
    view.in = in;
    if (x->type != HN_EL_F32) return hn_op_fail_type(op, 0);
    HN_TRY(hn_window_last(&view, conv->kernel, window));
    if (x->shape[3] != conv->in)
        return hn_op_fail(op, HN_E_ARG, "%zu channels, not %zu", x->shape[3], conv->in);
    *out = (struct hn_convolution){.x = x->data,
                                   .batch = x->shape[0],
                                   .in = conv->in,
                                   .out = conv->out,
                                   .window = window,
                                   .w = &conv->w,
                                   .taps = conv->taps,
                                   .epilogue = conv->epilogue};
    return HN_OK;
}

enum hn_status hn_fast_conv_shape(struct hn_op *op, const struct hn_convolution *c,
                                  struct hn_array *y)
{
    *y = (struct hn_array){.type = HN_EL_F32,
                           .n_dims = 4,
                           .shape = {c->batch, c->window->out[0], c->window->out[1], c->out}};
    if (!hn_shape_count(y->shape, 4, sizeof(float), &y->n))
        return hn_op_fail(op, HN_E_LIMIT, "an output with too many elements");
    return HN_OK;
}

enum hn_status hn_fast_conv_begin(struct hn_op *op, struct hn_convolution *c, struct hn_array *y,
                                  bool *apart)
{
    const struct hn_array *add = op->in[3];
    HN_TRY(hn_fast_conv_shape(op, c, y));
    if (add && add->type != HN_EL_F32) return hn_op_fail_type(op, 3);
    *apart = add && (add->n_dims != 4 || memcmp(add->shape, y->shape, 4 * sizeof *y->shape));
    y->data =
        *apart ? hn_op_scratch(op, y->n, sizeof(float)) : hn_op_out(op, 0, HN_EL_F32, y->shape, 4);
    if (!y->data) return hn_op_failed(op);
    c->y = y->data;
    if (*apart) c->epilogue.activation = HN_LINEAR;
    else if (add) c->epilogue.add = add->data, c->epilogue.ld_add = c->out;
    return HN_OK;
}

enum hn_status hn_fast_conv_end(struct hn_op *op, const struct hn_packed_conv *conv,
                                const struct hn_array *y, bool apart)
{
    if (!apart) return HN_OK;
    struct hn_epilogue epilogue = conv->epilogue;
    epilogue.bias = NULL;
    return hn_fast_add(op, y, op->in[3], &epilogue);
}

static enum hn_status run_conv(struct hn_op *op)
{
    const struct hn_packed_conv *conv = (const void *)op->state;
    struct hn_window window;
    struct hn_convolution c;
    struct hn_array y;
    bool apart;
    HN_TRY(hn_fast_conv_of(op, conv, op->in[0], &window, &c));
    HN_TRY(hn_fast_conv_begin(op, &c, &y, &apart));
    if (y.n) HN_TRY(hn_convolve(op, &c));
    return hn_fast_conv_end(op, conv, &y, apart);
}

const struct hn_op_row hn_fast_conv = {.domain = "hence",
                                       .name = "Conv",
                                       .fn = run_conv,
                                       .prepare = hn_fast_conv_prepare,
                                       .flags = HN_OP_LOOSE_ALL};
