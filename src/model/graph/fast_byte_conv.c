/* Convolutions of bytes: packing, and the layouts of images around what fast_byte_images.c does. */
#include "model/graph/fast_byte_conv.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"

static void free_packed(struct hn_op_state *state)
{
    struct hn_packed_byte_conv *p = (struct hn_packed_byte_conv *)(void *)state;
    hn_byte_matrix_free(&p->w);
    free(p->taps);
    free(p->scale);
    free(p);
}

/* --- loading --- */

static enum hn_status pack_taps(struct hn_op *op, const struct hn_array *w,
                                const struct hn_array *zero, struct hn_packed_byte_conv *p)
{
    const size_t taps = p->kernel[0] * p->kernel[1];
    const size_t lots = hn_round_up(p->out, HN_BYTE_CHANNELS), n = hn_round_up(taps, 2) * lots;
    p->w = (struct hn_byte_matrix){.k = taps, .n = p->out, .columns = p->out};
    p->w.sums = calloc(p->out, sizeof *p->w.sums);
    p->taps = calloc(n, sizeof *p->taps);
    if (!p->taps || !p->w.sums) return hn_fail_nomem(op->err, "weights", n * sizeof *p->taps);
    for (size_t i = 0; i < w->n; i++) {
        const size_t c = i / taps, t = i % taps;
        const int32_t less = zero ? hn_byte_at(zero, zero->n == 1 ? 0 : c) : 0;
        const int32_t value = hn_byte_at(w, i) - less;
        p->taps[(t / 2 * lots + c) * 2 + t % 2] = (int16_t)value;
        p->w.sums[c] += value;
    }
    p->state.bytes += n * sizeof *p->taps + p->out * sizeof *p->w.sums;
    return HN_OK;
}

/* Weights as rows of kernel places and channels: [out][taps][in]. */
static enum hn_status pack_dense(struct hn_op *op, const struct hn_array *w,
                                 const struct hn_byte_source *form, struct hn_packed_byte_conv *p)
{
    const size_t taps = p->kernel[0] * p->kernel[1], row = p->kernel[1] * p->in;
    uint8_t *turned = hn_op_scratch(op, w->n, 1);
    if (!turned) return hn_op_failed(op);
    const uint8_t *at = w->data;
    for (size_t o = 0; o < p->out; o++)
        for (size_t c = 0; c < p->in; c++)
            for (size_t t = 0; t < taps; t++)
                turned[(o * taps + t) * p->in + c] = *at++;
    struct hn_byte_source from = *form;
    from.data = turned;
    /* Kernel rows are read where they lie in an image, unless filling them up costs too much. */
    if (hn_round_up(row, HN_BYTES_STEP) * p->kernel[0] * 3 <=
        hn_round_up(from.k, HN_BYTES_STEP) * 4)
        from.piece = row;
    HN_TRY(hn_byte_matrix_make(op, &from, &p->w));
    p->state.bytes += p->w.bytes;
    return HN_OK;
}

enum hn_status hn_byte_conv_prepare(struct hn_op *op, size_t w, size_t w_zero,
                                    struct hn_op_state **out)
{
    const struct hn_array *weights = op->in[w], *zero = NULL;
    if (hn_op_given(op, w_zero) && !(zero = op->in[w_zero])) return HN_OK;
    const int64_t groups = hn_op_int(op, "group", 1);
    if (!weights || !hn_byte_conv_fits(weights, zero, groups)) return HN_OK;
    const size_t *shape = weights->shape, k = shape[1] * shape[2] * shape[3];
    const struct hn_byte_source from = {
        .type = weights->type, .k = k, .n = shape[0], .step_k = 1, .step_n = k, .zero = zero};
    struct hn_packed_byte_conv *p = calloc(1, sizeof *p);
    if (!p) return hn_fail_nomem(op->err, "weights", sizeof *p);
    p->state = (struct hn_op_state){.free = free_packed, .bytes = sizeof *p};
    *out = &p->state;
    p->out = shape[0];
    p->in = shape[1] * (size_t)groups;
    p->kernel[0] = shape[2];
    p->kernel[1] = shape[3];
    HN_TRY(groups > 1 ? pack_taps(op, weights, zero, p) : pack_dense(op, weights, &from, p));
    hn_op_release(op, w);
    return HN_OK;
}

bool hn_byte_conv_fits(const struct hn_array *w, const struct hn_array *zero, int64_t groups)
{
    if (w->n_dims != 4 || !w->n || groups < 1) return false;
    const size_t *shape = w->shape, taps = shape[2] * shape[3];
    const struct hn_byte_source from = {
        .type = w->type, .k = shape[1] * taps, .n = shape[0], .zero = zero};
    if (groups > 1 && ((size_t)groups != shape[0] || shape[1] != 1 || taps > HN_BYTE_TAPS))
        return false;
    return hn_byte_source_fits(&from);
}

enum hn_status hn_byte_conv_prepare_qlinear(struct hn_op *op, struct hn_op_state **out)
{
    HN_TRY(hn_byte_conv_prepare(op, 3, 5, out));
    struct hn_packed_byte_conv *p = (struct hn_packed_byte_conv *)(void *)*out;
    if (!p) return HN_OK;
    p->scale = malloc(p->out * sizeof *p->scale);
    if (!p->scale) return hn_fail_nomem(op->err, "scales", p->out * sizeof *p->scale);
    const struct hn_array *w = op->in[4];
    for (size_t j = 0; j < p->out; j++)
        p->scale[j] = (float)hn_array_real(op->in[1], 0) *
                      (float)hn_array_real(w, w->n == 1 ? 0 : j) /
                      (float)hn_array_real(op->in[6], 0);
    p->state.bytes += p->out * sizeof *p->scale;
    return HN_OK;
}

/* --- running --- */

enum hn_status hn_byte_conv_run(struct hn_op *op, const struct hn_byte_conv *conv)
{
    const struct hn_packed_byte_conv *p = op->state;
    const struct hn_array *x = op->in[0];
    if (!hn_element_is_byte(x->type)) return hn_op_fail_type(op, 0);
    if (x->n_dims != 4 || x->shape[conv->last ? 3 : 1] != p->in)
        return hn_op_fail(op, HN_E_ARG, "X is not images of %zu channels", p->in);
    struct hn_window w;
    HN_TRY(conv->last ? hn_window_last(op, p->kernel, &w) : hn_window_of(op, 0, p->kernel, &w));
    const size_t batch = x->shape[0], out = p->out, first[] = {batch, out, w.out[0], w.out[1]},
                 last[] = {batch, w.out[0], w.out[1], out};
    void *y = hn_op_out(op, 0, conv->type, conv->last ? last : first, 4);
    if (!y) return hn_op_failed(op);
    const size_t n = op->out[0].n, each = conv->result == HN_BYTE_SUMS ? sizeof(int32_t) : 1;
    if (!n) return HN_OK;
    struct hn_byte_product product = {.b = &p->w,
                                      .a_signed = x->type == HN_EL_I8,
                                      .rows = batch * w.n_out,
                                      .a_zero = conv->x_zero,
                                      .bias = conv->bias,
                                      .result = conv->result,
                                      .scale = p->scale,
                                      .zero = conv->zero,
                                      .low = conv->low,
                                      .high = conv->high,
                                      .y = y};
    if (conv->last) return hn_byte_images_run(op, p, &w, x->data, batch, &product);
    uint8_t *turned = hn_op_scratch(op, x->n, 1);
    product.y = turned ? hn_op_scratch(op, n, each) : NULL;
    if (!product.y) return hn_op_failed(op);
    hn_turn(op, x->data, turned, batch, p->in, w.n_in, 1);
    HN_TRY(hn_byte_images_run(op, p, &w, turned, batch, &product));
    hn_turn(op, product.y, y, batch, w.n_out, out, each);
    return HN_OK;
}

static enum hn_status run_qlinear(struct hn_op *op, bool last, const int32_t *bounds)
{
    if (op->in[2]->type != op->in[0]->type) return hn_op_fail_type(op, 2);
    struct hn_byte_conv conv = {.last = last,
                                .x_zero = hn_byte_zero(op->in[2]),
                                .result = HN_BYTE_BYTES,
                                .type = op->in[7]->type,
                                .bias = op->n_in > 8 && op->in[8] ? op->in[8]->data : NULL,
                                .zero = hn_byte_zero(op->in[7])};
    hn_byte_range(conv.type, &conv.low, &conv.high);
    if (bounds) {
        conv.low = bounds[0];
        conv.high = bounds[1];
    }
    return hn_byte_conv_run(op, &conv);
}

enum hn_status hn_byte_conv_qlinear(struct hn_op *op)
{
    return run_qlinear(op, false, NULL);
}

static enum hn_status run_byte_conv(struct hn_op *op)
{
    if (!op->state) return hn_op_fail(op, HN_E_ARG, "weights do not fit");
    const int32_t bounds[] = {(int32_t)hn_op_int(op, HN_FAST_LOW, -128),
                              (int32_t)hn_op_int(op, HN_FAST_HIGH, 255)};
    const bool bounded = hn_op_has(op, HN_FAST_LOW);
    return run_qlinear(op, hn_op_int(op, HN_FAST_LAST, 0) != 0, bounded ? bounds : NULL);
}

const struct hn_op_row hn_fast_byte_conv = {.domain = "hence",
                                            .name = "ByteConv",
                                            .fn = run_byte_conv,
                                            .prepare = hn_op_prepare_qlinear_conv};
