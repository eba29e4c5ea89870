/* DeformConv: a convolution whose windows look where another input says. */
#include <math.h>

#include "model/graph/op_conv.h"
#include "model/graph/op_list.h"

struct deformed {
    size_t groups;        /* of channels that share offsets */
    const double *offset; /* [batch, groups, kernel, axes, out] */
    const double *mask;   /* [batch, groups, kernel, out], or NULL */
};

static double channel_at(const struct hn_conv *conv, size_t channel, size_t element)
{
    const size_t i = channel * conv->window.n_in + element;
    return conv->lane == HN_LANE_F64 ? ((const double *)conv->x)[i]
                                     : (double)((const float *)conv->x)[i];
}

/* Between the elements around `at`, zeros beyond the border (linear on every axis). */
static double sample(const struct hn_conv *conv, size_t channel, const double *at)
{
    const struct hn_window *w = &conv->window;
    double sum = 0;
    for (size_t corner = 0; corner < (size_t)1 << w->n_dims; corner++) {
        double weight = 1;
        size_t element = 0;
        for (size_t d = 0; d < w->n_dims; d++) {
            const double low = floor(at[d]), part = at[d] - low;
            const bool high = corner >> d & 1;
            const double place = low + high;
            weight *= high ? part : 1 - part;
            if (!(place >= 0 && place < (double)w->in[d])) weight = 0;
            if (weight == 0) break;
            element = element * w->in[d] + (size_t)place;
        }
        if (weight != 0) sum += weight * channel_at(conv, channel, element);
    }
    return sum;
}

static void fill(const struct hn_conv *conv, size_t batch, size_t group, size_t first, size_t n,
                 void *seen)
{
    const struct deformed *deformed = conv->arg;
    const struct hn_window *w = &conv->window;
    const size_t channels = conv->in / conv->groups;
    size_t at = 0; /* in `seen` */
    for (size_t c = 0; c < channels; c++) {
        const size_t channel = group * channels + c;
        const size_t offsets = batch * deformed->groups + channel / (conv->in / deformed->groups);
        for (size_t k = 0; k < w->n_kernel; k++) {
            size_t in_kernel[HN_ARRAY_DIMS], o[HN_ARRAY_DIMS];
            hn_window_split(k, w->kernel, w->n_dims, in_kernel);
            for (size_t i = first; i < first + n; i++) {
                double place[HN_ARRAY_DIMS];
                hn_window_split(i, w->out, w->n_dims, o);
                for (size_t d = 0; d < w->n_dims; d++)
                    place[d] =
                        (double)hn_window_at(w, d, o[d], in_kernel[d]) +
                        deformed
                            ->offset[((offsets * w->n_kernel + k) * w->n_dims + d) * w->n_out + i];
                double value = sample(conv, batch * conv->in + channel, place);
                if (deformed->mask)
                    value *= deformed->mask[(offsets * w->n_kernel + k) * w->n_out + i];
                if (conv->lane == HN_LANE_F64) ((double *)seen)[at++] = value;
                else ((float *)seen)[at++] = (float)value;
            }
        }
    }
}

/* [batch, per_place channels, as the output] */
static enum hn_status expect(struct hn_op *op, size_t i, const struct hn_conv *conv,
                             size_t channels)
{
    const struct hn_array *a = op->in[i];
    bool fits = a->n_dims == conv->window.n_dims + 2 && a->shape[0] == conv->batch &&
                a->shape[1] == channels;
    for (size_t d = 0; fits && d < conv->window.n_dims; d++)
        fits = a->shape[d + 2] == conv->window.out[d];
    return fits ? HN_OK : hn_op_fail(op, HN_E_ARG, "input %zu does not fit the windows", i);
}

enum hn_status hn_op_deform_conv(struct hn_op *op)
{
    struct hn_conv conv;
    HN_TRY(hn_conv_of(op, 0, 1, &conv));
    const enum hn_element type = op->in[0]->type;
    const struct hn_window *w = &conv.window;
    conv.lane = type == HN_EL_F64 ? HN_LANE_F64 : HN_LANE_F32;
    const int64_t groups = hn_op_int(op, "offset_group", 1);
    if (groups < 1 || conv.in % (size_t)groups || (size_t)groups > conv.in)
        return hn_op_fail(op, HN_E_ARG, "%zu channels in %lld groups of offsets", conv.in,
                          (long long)groups);
    struct deformed deformed = {.groups = (size_t)groups};
    const bool mask = op->n_in > 4 && op->in[4];
    HN_TRY(expect(op, 2, &conv, deformed.groups * w->n_kernel * w->n_dims));
    if (mask) HN_TRY(expect(op, 4, &conv, deformed.groups * w->n_kernel));
    if (!(conv.x = hn_op_lane_in(op, 0, conv.lane)) ||
        !(conv.w = hn_op_lane_in(op, 1, conv.lane)) || !(deformed.offset = hn_op_reals(op, 2)) ||
        (mask && !(deformed.mask = hn_op_reals(op, 4))))
        return hn_op_failed(op);
    if (op->n_in > 3 && op->in[3]) {
        if (op->in[3]->n != conv.out)
            return hn_op_fail(op, HN_E_ARG, "the bias has %zu elements", op->in[3]->n);
        if (!(conv.bias = hn_op_lane_in(op, 3, conv.lane))) return hn_op_failed(op);
    }
    size_t shape[HN_ARRAY_DIMS];
    const size_t n_dims = hn_conv_shape(&conv, shape);
    if (!(conv.y = hn_op_lane_out(op, 0, type, shape, n_dims, conv.lane))) return hn_op_failed(op);
    conv.fill = fill;
    conv.arg = &deformed;
    HN_TRY(hn_conv_run(op, &conv));
    hn_op_lane_done(op, 0, conv.lane, conv.y);
    return HN_OK;
}
