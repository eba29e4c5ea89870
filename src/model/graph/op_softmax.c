/* Softmax and LogSoftmax. */
#include <math.h>

#include "base/bits.h"
#include "model/graph/fast.h"

#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"

/* `width` numbers, `step` apart. Also where all of them are -inf: then NaN, as the formula gives. */
static void softmax_row(const double *from, double *to, size_t width, size_t step, bool logarithm)
{
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < width; i++)
        if (from[i * step] > max) max = from[i * step];
    for (size_t i = 0; i < width; i++) {
        const double e = exp(from[i * step] - max);
        if (!logarithm) to[i * step] = e;
        sum += e;
    }
    const double log_sum = logarithm ? log(sum) : 0;
    for (size_t i = 0; i < width; i++)
        to[i * step] = logarithm ? from[i * step] - max - log_sum : to[i * step] / sum;
}

/* --- of floats --- */

enum { PART = 4096 }; /* elements or so that a task takes */

struct rows {
    const struct hn_kernels *kernels;
    const float *x;
    float *y;
    size_t n, width, inner, each; /* rows, their length and step; rows of a task */
    float *scratch;               /* of a thread: one row */
};

static void run_rows(void *arg, size_t task, unsigned worker)
{
    const struct rows *r = arg;
    const size_t end = hn_min((task + 1) * r->each, r->n);
    for (size_t row = task * r->each; row < end; row++) {
        const size_t first = row / r->inner * r->inner * r->width + row % r->inner;
        const float *x = r->x + first;
        float *y = r->inner == 1 ? r->y + first : r->scratch + worker * r->width;
        if (x != y)
            for (size_t i = 0; i < r->width; i++)
                y[i] = x[i * r->inner];
        r->kernels->softmax(y, r->width);
        for (size_t i = 0; r->inner > 1 && i < r->width; i++)
            r->y[first + i * r->inner] = y[i];
    }
}

static enum hn_status softmax_floats(struct hn_op *op, size_t width, size_t inner)
{
    const struct hn_array *x = op->in[0];
    struct rows r = {.kernels = op->kernels,
                     .x = x->data,
                     .n = x->n / hn_max(width, 1),
                     .width = width,
                     .inner = inner,
                     .each = hn_div_up(PART, hn_max(width, 1))};
    r.y = hn_op_out_like(op, 0, 0);
    if (r.y && inner > 1) r.scratch = hn_op_scratch(op, hn_op_workers(op) * width, sizeof(float));
    if (!r.y || (inner > 1 && !r.scratch)) return hn_op_failed(op);
    const size_t tasks = x->n ? hn_div_up(r.n, r.each) : 0;
    if (x->n >= HN_FAST_ALONE_ELEMENTS) hn_op_parallel(op, tasks, run_rows, &r);
    else
        for (size_t i = 0; i < tasks; i++)
            run_rows(&r, i, 0);
    return HN_OK;
}

/* --- of any type --- */

static enum hn_status softmax(struct hn_op *op, bool logarithm)
{
    const struct hn_array *x = op->in[0];
    /* Before opset 13 everything from the axis on was one row. */
    const bool flat = op->opset < 13;
    size_t axis = 0;
    if (x->n_dims || flat)
        HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", flat ? 1 : -1), x->n_dims + flat, &axis));
    size_t width = x->n_dims > axis ? x->shape[axis] : 1, inner = 1;
    for (size_t d = axis + 1; d < x->n_dims; d++)
        *(flat ? &width : &inner) *= x->shape[d];
    if (x->type == HN_EL_F32 && !logarithm) return softmax_floats(op, width, inner);

    const double *from = hn_op_reals(op, 0);
    double *to = from ? hn_op_lane_out(op, 0, x->type, x->shape, x->n_dims, HN_LANE_F64) : NULL;
    if (!to) return hn_op_failed(op);
    for (size_t row = 0; x->n && row < x->n / width; row++) {
        const size_t first = row / inner * inner * width + row % inner;
        softmax_row(from + first, to + first, width, inner, logarithm);
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

enum hn_status hn_op_softmax(struct hn_op *op)
{
    return softmax(op, false);
}

enum hn_status hn_op_log_softmax(struct hn_op *op)
{
    return softmax(op, true);
}
