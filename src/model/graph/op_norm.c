/* Normalizations: numbers brought to a mean of 0 and a variance of 1, or to a length of 1, along some of the
 * dimensions. In double, whatever the type. */
#include <math.h>
#include <string.h>

#include "model/graph/fast.h"
#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"

/* Values that broadcast to an array: element e of the array meets values[e / apart % n]. */
struct spread {
    const double *values;
    size_t n, apart;
};

/* Input i, broadcast to `shape`. What is not a part of the last dimensions is written out. */
static enum hn_status spread_of(struct hn_op *op, size_t i, const struct hn_array *to,
                                struct spread *out)
{
    const struct hn_array *a = op->in[i];
    const double *values = hn_op_reals(op, i);
    if (!values) return hn_op_failed(op);
    *out = (struct spread){.values = values, .n = a->n, .apart = 1};
    size_t lead = 0; /* dimensions of 1 in front */
    while (lead < a->n_dims && a->shape[lead] == 1)
        lead++;
    const size_t n_dims = a->n_dims - lead, *shape = a->shape + lead;
    if (n_dims > to->n_dims)
        return hn_op_fail(op, HN_E_ARG, "input %zu does not broadcast to X", i);
    const size_t before = to->n_dims - n_dims;
    if (!memcmp(shape, to->shape + before, n_dims * sizeof *shape)) return HN_OK;

    size_t step[HN_ARRAY_DIMS] = {0}, n = 1;
    for (size_t d = n_dims; d-- > 0; n *= shape[d]) {
        if (shape[d] != 1 && shape[d] != to->shape[before + d])
            return hn_op_fail(op, HN_E_ARG, "input %zu does not broadcast to X", i);
        step[before + d] = shape[d] == 1 ? 0 : n;
    }
    double *all = hn_op_scratch(op, to->n, sizeof *all);
    if (!all) return hn_op_failed(op);
    for (size_t e = 0; e < to->n; e++) {
        size_t at = 0, rest = e;
        for (size_t d = to->n_dims; d-- > 0; rest /= to->shape[d])
            at += rest % to->shape[d] * step[d];
        all[e] = values[at];
    }
    *out = (struct spread){.values = all, .n = to->n, .apart = 1};
    return HN_OK;
}

static inline double spread_at(const struct spread *s, size_t e)
{
    return s->values[e / s->apart % s->n];
}

/* Inputs of one number per channel, or per group of channels. */
static enum hn_status per_channel(struct hn_op *op, size_t i, size_t n, size_t apart,
                                  struct spread *out)
{
    if (op->in[i]->n != n)
        return hn_op_fail(op, HN_E_ARG, "input %zu has %zu elements, not %zu", i, op->in[i]->n, n);
    *out = (struct spread){.values = hn_op_reals(op, i), .n = n, .apart = apart};
    return out->values ? HN_OK : hn_op_failed(op);
}

/* Mean and 1 / sqrt(variance + epsilon) of `width` numbers; with `rms` about 0 instead of the mean. */
static void moments(const double *x, size_t width, double epsilon, bool rms, double *mean,
                    double *scale)
{
    double sum = 0, squares = 0;
    for (size_t i = 0; i < width && !rms; i++)
        sum += x[i];
    *mean = rms ? 0 : sum / (double)width;
    for (size_t i = 0; i < width; i++)
        squares += (x[i] - *mean) * (x[i] - *mean);
    *scale = 1 / sqrt(squares / (double)width + epsilon);
}

/* Rows of `width` normalized each by itself, then scaled and shifted. `means` and `scales` may be NULL. */
static enum hn_status norm_rows(struct hn_op *op, size_t width, bool rms, enum hn_element type,
                                const struct spread *scale, const struct spread *shift,
                                double *means, double *scales)
{
    const struct hn_array *x = op->in[0];
    const double epsilon = (double)hn_op_float(op, "epsilon", 1e-5f);
    const double *from = hn_op_reals(op, 0);
    if (!from) return hn_op_failed(op);
    double *to = hn_op_lane_out(op, 0, type, x->shape, x->n_dims, HN_LANE_F64);
    if (!to) return hn_op_failed(op);
    for (size_t row = 0; width && row < x->n / width; row++) {
        double mean, by;
        moments(from + row * width, width, epsilon, rms, &mean, &by);
        if (means) means[row] = mean;
        if (scales) scales[row] = by;
        for (size_t e = row * width; e < (row + 1) * width; e++) {
            double value = (from[e] - mean) * by;
            if (scale->values) value *= spread_at(scale, e);
            if (shift->values) value += spread_at(shift, e);
            to[e] = value;
        }
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

/* The optional outputs Mean and InvStdDev: [d0, ..., d(axis-1), 1, ..., 1] of the type that stash_type says. */
static double *moments_out(struct hn_op *op, size_t i, size_t axis)
{
    const struct hn_array *x = op->in[0];
    size_t shape[HN_ARRAY_DIMS];
    for (size_t d = 0; d < x->n_dims; d++)
        shape[d] = d < axis ? x->shape[d] : 1;
    enum hn_element type;
    if (!hn_element_from_onnx(hn_op_int(op, "stash_type", 1), &type) ||
        !hn_element_is_float(type)) {
        (void)hn_op_fail(op, HN_E_ARG, "stash_type is not a float type");
        return NULL;
    }
    return hn_op_lane_out(op, i, type, shape, x->n_dims, HN_LANE_F64);
}

static size_t product_from(const struct hn_array *a, size_t axis)
{
    size_t n = 1;
    for (size_t d = axis; d < a->n_dims; d++)
        n *= a->shape[d];
    return n;
}

/* Whether input i is absent or a float for each element of a row of floats, the last dimension alone. */
static bool fits_rows(const struct hn_op *op, size_t i, size_t axis)
{
    const struct hn_array *x = op->in[0], *a = i < op->n_in ? op->in[i] : NULL;
    if (x->type != HN_EL_F32 || axis + 1 != x->n_dims) return false;
    return !a || (a->type == HN_EL_F32 && a->n_dims == 1 && a->n == x->shape[axis] && a->n > 0);
}

enum hn_status hn_op_layer_normalization(struct hn_op *op)
{
    size_t axis;
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", -1), op->in[0]->n_dims, &axis));
    const bool alone = !(op->n_out > 1 && op->wanted[1]) && !(op->n_out > 2 && op->wanted[2]);
    if (alone && fits_rows(op, 1, axis) && fits_rows(op, 2, axis))
        return hn_fast_norm_rows(op, op->in[0], op->in[1]->data,
                                 op->n_in > 2 && op->in[2] ? op->in[2]->data : NULL,
                                 hn_op_float(op, "epsilon", 1e-5f), false);
    struct spread scale = {0}, shift = {0};
    HN_TRY(spread_of(op, 1, op->in[0], &scale));
    if (op->n_in > 2 && op->in[2]) HN_TRY(spread_of(op, 2, op->in[0], &shift));
    double *moment[2] = {NULL, NULL};
    for (size_t i = 1; i < op->n_out && i <= 2; i++) {
        if (!op->wanted[i]) continue;
        if (!(moment[i - 1] = moments_out(op, i, axis))) return hn_op_failed(op);
    }
    HN_TRY(norm_rows(op, product_from(op->in[0], axis), false, op->in[0]->type, &scale, &shift,
                     moment[0], moment[1]));
    for (size_t i = 1; i <= 2; i++)
        if (moment[i - 1]) hn_op_lane_done(op, i, HN_LANE_F64, moment[i - 1]);
    return HN_OK;
}

enum hn_status hn_op_rms_normalization(struct hn_op *op)
{
    size_t axis;
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", -1), op->in[0]->n_dims, &axis));
    if (fits_rows(op, 1, axis))
        return hn_fast_norm_rows(op, op->in[0], op->in[1]->data, NULL,
                                 hn_op_float(op, "epsilon", 1e-5f), true);
    struct spread scale = {0}, shift = {0};
    HN_TRY(spread_of(op, 1, op->in[0], &scale));
    return norm_rows(op, product_from(op->in[0], axis), true, op->in[1]->type, &scale, &shift, NULL,
                     NULL);
}

/* Rows of floats, each of `parts` that have a scale and a shift of their own. */
struct float_rows {
    const float *x, *scale, *shift;
    float *y;
    size_t parts, part, n; /* of a row; elements of a part; scales, which repeat */
    double epsilon;
};

enum { SUMS = 8 }; /* side by side: an order that is always the same */

static void norm_float_row(void *arg, size_t row, unsigned worker)
{
    (void)worker;
    const struct float_rows *r = arg;
    const size_t width = r->parts * r->part;
    const float *x = r->x + row * width;
    float *y = r->y + row * width;
    double sums[SUMS] = {0}, squares[SUMS] = {0}, sum = 0, square = 0;
    for (size_t i = 0; i + SUMS <= width; i += SUMS)
        for (size_t l = 0; l < SUMS; l++)
            sums[l] += (double)x[i + l];
    for (size_t i = width / SUMS * SUMS; i < width; i++)
        sum += (double)x[i];
    for (size_t l = 0; l < SUMS; l++)
        sum += sums[l];
    const double mean = sum / (double)width;
    for (size_t i = 0; i + SUMS <= width; i += SUMS)
        for (size_t l = 0; l < SUMS; l++) {
            const double d = (double)x[i + l] - mean;
            squares[l] += d * d;
        }
    for (size_t i = width / SUMS * SUMS; i < width; i++)
        square += ((double)x[i] - mean) * ((double)x[i] - mean);
    for (size_t l = 0; l < SUMS; l++)
        square += squares[l];
    const double by = 1 / sqrt(square / (double)width + r->epsilon);
    for (size_t p = 0; p < r->parts; p++) {
        const size_t c = (row * r->parts + p) % r->n;
        const float scale = (float)((double)r->scale[c] * by), shift = r->shift[c];
        const float middle = (float)mean;
        for (size_t i = p * r->part; i < (p + 1) * r->part; i++)
            y[i] = (x[i] - middle) * scale + shift;
    }
}

/* `n` scales: one for every `part` elements, repeating. */
static enum hn_status norm_float_groups(struct hn_op *op, size_t rows, size_t parts, size_t part,
                                        size_t n)
{
    struct float_rows r = {.x = op->in[0]->data,
                           .scale = op->in[1]->data,
                           .shift = op->in[2]->data,
                           .parts = parts,
                           .part = part,
                           .n = n,
                           .epsilon = (double)hn_op_float(op, "epsilon", 1e-5f)};
    r.y = hn_op_out_like(op, 0, 0);
    if (!r.y) return hn_op_failed(op);
    if (op->in[0]->n >= HN_FAST_ALONE_ELEMENTS) hn_op_parallel(op, rows, norm_float_row, &r);
    else
        for (size_t i = 0; i < rows; i++)
            norm_float_row(&r, i, 0);
    return HN_OK;
}

/* [batch, channels, ...]: groups of channels of each image; scale and shift for each channel, or group. */
static enum hn_status norm_groups(struct hn_op *op, size_t groups, bool per_group)
{
    const struct hn_array *x = op->in[0];
    if (x->n_dims < 2) return hn_op_fail(op, HN_E_ARG, "the input has no channels");
    const size_t channels = x->shape[1];
    if (!groups || channels % groups)
        return hn_op_fail(op, HN_E_ARG, "%zu channels in %zu groups", channels, groups);
    const size_t width = product_from(x, 2) * (channels / groups);
    const size_t n = per_group ? groups : channels;
    const bool floats =
        x->type == HN_EL_F32 && op->in[1]->type == HN_EL_F32 && op->in[2]->type == HN_EL_F32;
    if (floats && x->n && op->in[1]->n == n && op->in[2]->n == n)
        return norm_float_groups(op, x->n / width, n / groups, width * groups / n, n);
    struct spread scale, shift;
    HN_TRY(per_channel(op, 1, n, n ? width * groups / n : 0, &scale));
    HN_TRY(per_channel(op, 2, n, n ? width * groups / n : 0, &shift));
    return norm_rows(op, width, false, x->type, &scale, &shift, NULL, NULL);
}

enum hn_status hn_op_instance_normalization(struct hn_op *op)
{
    if (op->in[0]->n_dims >= 2 && !op->in[0]->shape[1])
        return hn_op_alias(op, 0, 0, op->in[0]->shape, op->in[0]->n_dims);
    return norm_groups(op, op->in[0]->n_dims < 2 ? 1 : op->in[0]->shape[1], false);
}

enum hn_status hn_op_group_normalization(struct hn_op *op)
{
    const int64_t groups = hn_op_int(op, "num_groups", 0);
    return norm_groups(op, groups > 0 ? (size_t)groups : 0, op->opset < 21);
}

/* Mean and variance of every channel over all images, and with them the running ones. */
static void batch_moments(const double *x, size_t batch, size_t channels, size_t inner,
                          double momentum, double *mean, double *variance, double *running_mean,
                          double *running_variance)
{
    const double n = (double)batch * (double)inner;
    for (size_t c = 0; c < channels; c++) {
        double sum = 0, squares = 0;
        for (size_t b = 0; b < batch; b++)
            for (size_t i = 0; i < inner; i++)
                sum += x[(b * channels + c) * inner + i];
        mean[c] = sum / n;
        for (size_t b = 0; b < batch; b++)
            for (size_t i = 0; i < inner; i++) {
                const double off = x[(b * channels + c) * inner + i] - mean[c];
                squares += off * off;
            }
        variance[c] = squares / n;
        running_mean[c] = running_mean[c] * momentum + mean[c] * (1 - momentum);
        running_variance[c] = running_variance[c] * momentum + variance[c] * (1 - momentum);
    }
}

/* The outputs of training: running (1, 2) and, before opset 14, current statistics (3, 4). */
static enum hn_status batch_training(struct hn_op *op, const double *x, size_t batch,
                                     size_t channels, size_t inner, const double **mean,
                                     const double **variance)
{
    double *stat[4];
    for (size_t i = 0; i < 4; i++) {
        if (!(stat[i] = hn_op_scratch(op, channels, sizeof **stat))) return hn_op_failed(op);
        if (i < 2) memcpy(stat[i], i ? *variance : *mean, channels * sizeof **stat);
    }
    batch_moments(x, batch, channels, inner, (double)hn_op_float(op, "momentum", 0.9f), stat[2],
                  stat[3], stat[0], stat[1]);
    for (size_t i = 1; i < op->n_out && i <= 4; i++) {
        if (!op->wanted[i]) continue;
        double *out = hn_op_lane_out(op, i, op->in[i % 2 ? 3 : 4]->type, &channels, 1, HN_LANE_F64);
        if (!out) return hn_op_failed(op);
        memcpy(out, stat[i - 1], channels * sizeof *out);
        hn_op_lane_done(op, i, HN_LANE_F64, out);
    }
    *mean = stat[2];
    *variance = stat[3];
    return HN_OK;
}

enum hn_status hn_op_batch_normalization(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    if (!x->n_dims) return hn_op_fail(op, HN_E_ARG, "the input is a scalar");
    /* Before opset 9 every place of an image could have statistics of its own. */
    const bool everywhere = op->opset < 9 && !hn_op_int(op, "spatial", 1);
    const size_t batch = x->shape[0];
    const size_t channels = x->n_dims < 2 ? 1 : everywhere ? product_from(x, 1) : x->shape[1];
    const size_t inner = everywhere ? 1 : product_from(x, 2);
    struct spread scale, shift, mean, variance;
    HN_TRY(per_channel(op, 1, channels, inner, &scale));
    HN_TRY(per_channel(op, 2, channels, inner, &shift));
    HN_TRY(per_channel(op, 3, channels, inner, &mean));
    HN_TRY(per_channel(op, 4, channels, inner, &variance));
    const double *from = hn_op_reals(op, 0);
    if (!from) return hn_op_failed(op);
    if (op->opset >= 14 ? hn_op_int(op, "training_mode", 0) != 0 : op->n_out > 1)
        HN_TRY(batch_training(op, from, batch, channels, inner, &mean.values, &variance.values));

    double *to = hn_op_lane_out(op, 0, x->type, x->shape, x->n_dims, HN_LANE_F64);
    if (!to) return hn_op_failed(op);
    const double epsilon = (double)hn_op_float(op, "epsilon", 1e-5f);
    for (size_t row = 0; x->n && row < x->n / inner; row++) {
        const size_t c = row % channels;
        const double by = scale.values[c] / sqrt(variance.values[c] + epsilon);
        for (size_t e = row * inner; e < (row + 1) * inner; e++)
            to[e] = (from[e] - mean.values[c]) * by + shift.values[c];
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

enum hn_status hn_op_mean_variance_normalization(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    static const int64_t usual[] = {0, 2, 3};
    size_t n_axes = 0;
    const int64_t *axes = hn_op_ints(op, "axes", &n_axes);
    if (!axes) axes = usual, n_axes = 3;
    bool reduced[HN_ARRAY_DIMS] = {false};
    for (size_t i = 0; i < n_axes; i++) {
        size_t axis;
        HN_TRY(hn_op_axis(op, axes[i], x->n_dims, &axis));
        reduced[axis] = true;
    }
    size_t step[HN_ARRAY_DIMS] = {0}, groups = 1;
    for (size_t d = x->n_dims; d-- > 0;) {
        if (reduced[d]) continue;
        step[d] = groups;
        groups *= x->shape[d];
    }
    const double *from = hn_op_reals(op, 0);
    double *to = from ? hn_op_lane_out(op, 0, x->type, x->shape, x->n_dims, HN_LANE_F64) : NULL;
    double *sums = to ? hn_op_scratch(op, groups, 2 * sizeof *sums) : NULL;
    if (!sums) return hn_op_failed(op);
    memset(sums, 0, groups * 2 * sizeof *sums);
    const double n = groups ? (double)(x->n / groups) : 1;
    /* Sums, sums of squares of what is left, then the values. */
    for (int pass = 0; pass < 3; pass++)
        for (size_t e = 0; e < x->n; e++) {
            size_t group = 0, rest = e;
            for (size_t d = x->n_dims; d-- > 0; rest /= x->shape[d])
                group += rest % x->shape[d] * step[d];
            double *sum = sums + 2 * group;
            const double off = from[e] - sum[0] / n;
            if (pass == 0) sum[0] += from[e];
            if (pass == 1) sum[1] += off * off;
            if (pass == 2) to[e] = off / (sqrt(sum[1] / n) + 1e-9);
        }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

enum hn_status hn_op_lp_normalization(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    size_t axis;
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", -1), x->n_dims, &axis));
    const int64_t p = hn_op_int(op, "p", 2);
    if (p != 1 && p != 2) return hn_op_fail(op, HN_E_ARG, "p is %lld", (long long)p);
    const double *from = hn_op_reals(op, 0);
    double *to = from ? hn_op_lane_out(op, 0, x->type, x->shape, x->n_dims, HN_LANE_F64) : NULL;
    if (!to) return hn_op_failed(op);
    const size_t inner = product_from(x, axis + 1), width = x->shape[axis];
    for (size_t row = 0; x->n && row < x->n / width; row++) {
        const size_t first = row / inner * inner * width + row % inner;
        double length = 0;
        for (size_t i = 0; i < width; i++) {
            const double value = from[first + i * inner];
            length += p == 1 ? fabs(value) : value * value;
        }
        if (p == 2) length = sqrt(length);
        for (size_t i = 0; i < width; i++)
            to[first + i * inner] = length == 0 ? 0 : from[first + i * inner] / length;
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

enum hn_status hn_op_lrn(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    if (x->n_dims < 2) return hn_op_fail(op, HN_E_ARG, "the input has no channels");
    const int64_t size = hn_op_int(op, "size", 0);
    if (size < 1) return hn_op_fail(op, HN_E_ARG, "size is %lld", (long long)size);
    const double alpha = (double)hn_op_float(op, "alpha", 1e-4f),
                 beta = (double)hn_op_float(op, "beta", 0.75f);
    const double bias = (double)hn_op_float(op, "bias", 1);
    const double *from = hn_op_reals(op, 0);
    double *to = from ? hn_op_lane_out(op, 0, x->type, x->shape, x->n_dims, HN_LANE_F64) : NULL;
    if (!to) return hn_op_failed(op);
    const size_t channels = x->shape[1], inner = product_from(x, 2);
    const size_t before = (size_t)(size - 1) / 2, after = (size_t)size - 1 - before;
    for (size_t e = 0; e < x->n; e++) {
        const size_t c = e / inner % channels;
        const size_t first = c > before ? c - before : 0;
        const size_t last = after < channels - 1 - c ? c + after : channels - 1;
        double squares = 0;
        for (size_t i = first; i <= last; i++) {
            const double value = from[e - c * inner + i * inner];
            squares += value * value;
        }
        to[e] = from[e] / pow(bias + alpha / (double)size * squares, beta);
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}
