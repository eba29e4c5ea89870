/* Resize and Upsample: one axis after the other, each by a table of which elements an output takes and how much
 * of them. */
#include <math.h>
#include <string.h>

#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"

enum resize_mode { RESIZE_NEAREST, RESIZE_LINEAR, RESIZE_CUBIC };

/* What the node says, for all axes. */
struct resize {
    enum resize_mode mode;
    struct hn_str coordinates, nearest;
    bool antialias, exclude_outside;
    double cubic_a, extrapolation;
    size_t n_dims;
    size_t in[HN_ARRAY_DIMS], out[HN_ARRAY_DIMS];
    double scale[HN_ARRAY_DIMS];
    double start[HN_ARRAY_DIMS], end[HN_ARRAY_DIMS]; /* of the region of interest */
};

/* Of one axis: output x is the sum over k < width of weight[x * width + k] times element first[x] + k, the
 * nearest there is. */
struct table {
    size_t width;
    int64_t *first; /* beyond the input by `outside`: the extrapolation value alone */
    double *weight;
};

static const int64_t outside = INT64_MIN;

/* ---- where an output lies in the input ---- */

static double position(const struct resize *r, size_t d, double x)
{
    const double in = (double)r->in[d], scale = r->scale[d], size = scale * in; /* as a fraction */
    const struct hn_str c = r->coordinates;
    if (hn_str_is(c, "align_corners")) return size == 1 ? 0 : x * (in - 1) / (size - 1);
    if (hn_str_is(c, "asymmetric")) return x / scale;
    if (hn_str_is(c, "tf_half_pixel_for_nn")) return (x + 0.5) / scale;
    if (hn_str_is(c, "tf_crop_and_resize")) {
        const double length = (r->end[d] - r->start[d]) * (in - 1);
        return r->start[d] * (in - 1) + (size == 1 ? length / 2 : x * length / (size - 1));
    }
    if (hn_str_is(c, "pytorch_half_pixel") && size == 1) return -0.5;
    const double half = (x + 0.5) / scale - 0.5;
    if (hn_str_is(c, "half_pixel_symmetric")) return half + in / 2 * (1 - (double)r->out[d] / size);
    return half;
}

static bool known_coordinates(struct hn_str c)
{
    static const char *const names[] = {
        "half_pixel",         "align_corners",        "asymmetric",          "tf_crop_and_resize",
        "pytorch_half_pixel", "half_pixel_symmetric", "tf_half_pixel_for_nn"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (hn_str_is(c, names[i])) return true;
    return false;
}

/* An axis that stays as it is, whatever the coordinates. */
static bool untouched(const struct resize *r, size_t d)
{
    return r->in[d] == r->out[d] && fabs(r->scale[d] - 1) <= 1e-9 &&
           (!hn_str_is(r->coordinates, "tf_crop_and_resize") ||
            (r->start[d] == 0 && r->end[d] == 1));
}

/* ---- tables ---- */

static double cubic(double x, double a)
{
    x = fabs(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static double weight_of(const struct resize *r, double distance)
{
    return r->mode == RESIZE_CUBIC ? cubic(distance, r->cubic_a) : fmax(1 - fabs(distance), 0);
}

static double nearest(const struct resize *r, double x)
{
    if (hn_str_is(r->nearest, "floor")) return floor(x);
    if (hn_str_is(r->nearest, "ceil")) return ceil(x);
    return hn_str_is(r->nearest, "round_prefer_ceil") ? floor(x + 0.5) : ceil(x - 0.5);
}

/* Weights of one output around position x; they are made to sum to 1 where some are left out or stretched. */
static void weigh(const struct resize *r, size_t d, double x, double stretch, struct table *t,
                  size_t at)
{
    double *weight = t->weight + at * t->width, sum = 0;
    const double first = floor(x) - (double)(t->width / 2 - 1);
    t->first[at] = (int64_t)first;
    for (size_t k = 0; k < t->width; k++) {
        const double element = first + (double)k;
        weight[k] = weight_of(r, (element - x) * stretch);
        if (r->exclude_outside && (element < 0 || element >= (double)r->in[d])) weight[k] = 0;
        sum += weight[k];
    }
    if ((r->exclude_outside || r->antialias) && sum != 0)
        for (size_t k = 0; k < t->width; k++)
            weight[k] /= sum;
}

static enum hn_status make_table(struct hn_op *op, const struct resize *r, size_t d,
                                 struct table *t)
{
    const size_t in = r->in[d], out = r->out[d];
    if (!in && out) return hn_op_fail(op, HN_E_ARG, "dimension %zu is empty", d);
    const double stretch = r->antialias && r->scale[d] < 1 ? r->scale[d] : 1;
    const double half = ceil((r->mode == RESIZE_CUBIC ? 2 : 1) / stretch);
    if (half > (double)(1 << 30)) return hn_op_fail(op, HN_E_LIMIT, "the scale is too small");
    t->width = r->mode == RESIZE_NEAREST ? 1 : 2 * (size_t)half;
    t->first = hn_op_scratch(op, out, sizeof *t->first);
    t->weight = t->first ? hn_op_scratch(op, out, t->width * sizeof *t->weight) : NULL;
    if (!t->weight) return hn_op_failed(op);
    const bool crop = hn_str_is(r->coordinates, "tf_crop_and_resize");
    for (size_t x = 0; x < out; x++) {
        double at = untouched(r, d) ? (double)x : position(r, d, (double)x);
        if (crop && !(at >= 0 && at <= (double)in - 1)) {
            t->first[x] = outside;
            memset(t->weight + x * t->width, 0, t->width * sizeof *t->weight);
            continue;
        }
        /* Far beyond, all is the border. */
        at = fmin(fmax(at, -1e15), 1e15);
        if (r->mode == RESIZE_NEAREST) {
            /* Scales are floats: 3 / 0.6f, a little less than 5 in double, is meant to be 5. */
            t->first[x] = (int64_t)nearest(r, (double)(float)at);
            t->weight[x] = 1;
        } else {
            weigh(r, d, at, stretch, t, x);
        }
    }
    return HN_OK;
}

static size_t clamped(int64_t at, size_t n)
{
    if (at < 0) return 0;
    return (size_t)at < n ? (size_t)at : n - 1;
}

/* ---- applying them ---- */

/* [outer, in, inner] to [outer, out, inner]. */
struct pass {
    const struct table *table;
    size_t in, out, inner;
    double extrapolation;
    const double *from;
    double *to;
};

/* Of the last dimension. */
static void pass_row(const struct pass *p, const double *from, double *to)
{
    const struct table *t = p->table;
    for (size_t x = 0; x < p->out; x++) {
        double sum = 0;
        for (size_t k = 0; k < t->width && t->first[x] != outside; k++) {
            const double weight = t->weight[x * t->width + k];
            if (weight != 0) sum += weight * from[clamped(t->first[x] + (int64_t)k, p->in)];
        }
        to[x] = t->first[x] == outside ? p->extrapolation : sum;
    }
}

static void pass_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct pass *p = arg;
    const struct table *t = p->table;
    const double *from = p->from + tile * p->in * p->inner;
    double *to = p->to + tile * p->out * p->inner;
    if (p->inner == 1) {
        pass_row(p, from, to);
        return;
    }
    for (size_t x = 0; x < p->out; x++, to += p->inner) {
        const bool beyond = t->first[x] == outside;
        for (size_t i = 0; i < p->inner; i++)
            to[i] = beyond ? p->extrapolation : 0;
        for (size_t k = 0; k < t->width && !beyond; k++) {
            const double weight = t->weight[x * t->width + k];
            const double *row = from + clamped(t->first[x] + (int64_t)k, p->in) * p->inner;
            for (size_t i = 0; weight != 0 && i < p->inner; i++)
                to[i] += weight * row[i];
        }
    }
}

static size_t count_of(const size_t *shape, size_t from, size_t to)
{
    size_t n = 1;
    for (size_t d = from; d < to; d++)
        n *= shape[d];
    return n;
}

/* By weights, in double. */
static enum hn_status resize_smooth(struct hn_op *op, const struct resize *r)
{
    const struct hn_array *x = op->in[0];
    const double *from = hn_op_reals(op, 0);
    if (!from) return hn_op_failed(op);
    size_t shape[HN_ARRAY_DIMS];
    memcpy(shape, r->in, r->n_dims * sizeof *shape);
    for (size_t d = 0; d < r->n_dims; d++) {
        if (untouched(r, d)) continue;
        struct table table;
        HN_TRY(make_table(op, r, d, &table));
        shape[d] = r->out[d];
        size_t n;
        if (!hn_shape_count(shape, r->n_dims, sizeof(double), &n))
            return hn_op_fail(op, HN_E_LIMIT, "too large");
        double *to = hn_op_scratch(op, n, sizeof *to);
        if (!to) return hn_op_failed(op);
        struct pass pass = {.table = &table,
                            .in = r->in[d],
                            .out = r->out[d],
                            .inner = count_of(shape, d + 1, r->n_dims),
                            .extrapolation = r->extrapolation,
                            .from = from,
                            .to = to};
        if (n) hn_op_parallel(op, count_of(shape, 0, d), pass_tile, &pass);
        from = to;
    }
    double *to = hn_op_lane_out(op, 0, x->type, r->out, r->n_dims, HN_LANE_F64);
    if (!to) return hn_op_failed(op);
    const bool whole = !hn_element_is_float(x->type);
    for (size_t i = 0; i < op->out[0].n; i++)
        to[i] = whole ? rint(from[i]) : from[i];
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

/* A row of the last dimension, elements as they are; constant sizes are what makes copies fast. */
static void pick_row(const struct resize *r, const struct table *t, size_t bytes, const char *from,
                     char *to)
{
    const size_t last = r->n_dims - 1, in = r->in[last], out = r->out[last];
    if (bytes == sizeof(float))
        for (size_t i = 0; i < out; i++)
            memcpy(to + i * sizeof(float), from + clamped(t->first[i], in) * sizeof(float),
                   sizeof(float));
    else
        for (size_t i = 0; i < out; i++)
            memcpy(to + i * bytes, from + clamped(t->first[i], in) * bytes, bytes);
}

/* Elements as they are, of any type. */
static enum hn_status resize_nearest(struct hn_op *op, const struct resize *r)
{
    const struct hn_array *x = op->in[0];
    const size_t bytes = hn_element_info(x->type)->bytes;
    struct table table[HN_ARRAY_DIMS];
    for (size_t d = 0; d < r->n_dims; d++)
        HN_TRY(make_table(op, r, d, &table[d]));
    char *to = hn_op_out(op, 0, x->type, r->out, r->n_dims);
    if (!to) return hn_op_failed(op);
    size_t at[HN_ARRAY_DIMS] = {0};
    const size_t last = r->n_dims - 1;
    for (size_t e = 0; e < op->out[0].n; e += r->out[last]) {
        /* A row of the last axis; `at` are the others' coordinates. */
        size_t row = 0;
        bool beyond = false;
        for (size_t d = 0; d < last; d++) {
            const int64_t first = table[d].first[at[d]];
            beyond = beyond || first == outside;
            row = row * r->in[d] + clamped(first, r->in[d]);
        }
        if (!beyond)
            pick_row(r, &table[last], bytes, (const char *)x->data + row * r->in[last] * bytes,
                     to + e * bytes);
        for (size_t i = 0; i < r->out[last]; i++)
            if (beyond || table[last].first[i] == outside)
                hn_array_set_real(&op->out[0], e + i, r->extrapolation);
        for (size_t d = last; d-- > 0;) {
            if (++at[d] < r->out[d]) break;
            at[d] = 0;
        }
    }
    return HN_OK;
}

/* ---- reading the node ---- */

/* Which axis the i-th of scales, sizes and the region is for. */
static enum hn_status read_axes(struct hn_op *op, const struct resize *r, size_t *axes, size_t *n)
{
    const int64_t *given = hn_op_ints(op, "axes", n);
    if (!given) *n = r->n_dims;
    if (*n > r->n_dims) return hn_op_fail(op, HN_E_ARG, "%zu axes", *n);
    for (size_t i = 0; i < *n; i++) {
        axes[i] = i;
        if (given) HN_TRY(hn_op_axis(op, given[i], r->n_dims, &axes[i]));
    }
    return HN_OK;
}

static enum hn_status by_scales(struct hn_op *op, struct resize *r, const double *scales, size_t n,
                                const size_t *axes, size_t n_axes)
{
    if (n != n_axes) return hn_op_fail(op, HN_E_ARG, "%zu scales for %zu axes", n, n_axes);
    for (size_t i = 0; i < n; i++) {
        if (!(scales[i] > 0)) return hn_op_fail(op, HN_E_ARG, "a scale of %g", scales[i]);
        const size_t d = axes[i];
        r->scale[d] = scales[i];
        const double out = floor(scales[i] * (double)r->in[d]);
        if (out > 0x1p40) return hn_op_fail(op, HN_E_LIMIT, "a dimension of %g", out);
        r->out[d] = (size_t)out;
    }
    return HN_OK;
}

static enum hn_status by_sizes(struct hn_op *op, struct resize *r, size_t i_sizes,
                               const size_t *axes, size_t n_axes)
{
    const int64_t *sizes;
    size_t n;
    HN_TRY(hn_op_ints_of(op, i_sizes, &sizes, &n));
    if (n != n_axes) return hn_op_fail(op, HN_E_ARG, "%zu sizes for %zu axes", n, n_axes);
    const struct hn_str policy = hn_op_text(op, "keep_aspect_ratio_policy", "stretch");
    const bool smaller = hn_str_is(policy, "not_larger"), larger = hn_str_is(policy, "not_smaller");
    double common = smaller ? INFINITY : 0;
    for (size_t i = 0; i < n; i++) {
        const size_t d = axes[i];
        if (sizes[i] < 0 || sizes[i] > ((int64_t)1 << 40))
            return hn_op_fail(op, HN_E_ARG, "a size of %lld", (long long)sizes[i]);
        r->out[d] = (size_t)sizes[i];
        r->scale[d] = r->in[d] ? (double)sizes[i] / (double)r->in[d] : 1;
        common = smaller ? fmin(common, r->scale[d]) : fmax(common, r->scale[d]);
    }
    for (size_t i = 0; i < n && (smaller || larger); i++) {
        const double out = floor(common * (double)r->in[axes[i]] + 0.5);
        if (out > 0x1p40) return hn_op_fail(op, HN_E_LIMIT, "a dimension of %g", out);
        r->scale[axes[i]] = common;
        r->out[axes[i]] = (size_t)out;
    }
    return HN_OK;
}

static enum hn_status read_region(struct hn_op *op, struct resize *r, size_t i_roi,
                                  const size_t *axes, size_t n_axes)
{
    const double *roi = hn_op_reals(op, i_roi);
    if (!roi) return hn_op_failed(op);
    if (op->in[i_roi]->n != 2 * n_axes)
        return hn_op_fail(op, HN_E_ARG, "the region has %zu numbers", op->in[i_roi]->n);
    for (size_t i = 0; i < n_axes; i++) {
        r->start[axes[i]] = roi[i];
        r->end[axes[i]] = roi[n_axes + i];
    }
    return HN_OK;
}

static enum hn_status read_mode(struct hn_op *op, struct resize *r)
{
    const struct hn_str mode = hn_op_text(op, "mode", "nearest");
    if (hn_str_is(mode, "nearest")) r->mode = RESIZE_NEAREST;
    else if (hn_str_is(mode, "linear") || hn_str_is(mode, "bilinear")) r->mode = RESIZE_LINEAR;
    else if (hn_str_is(mode, "cubic")) r->mode = RESIZE_CUBIC;
    else return hn_op_fail(op, HN_E_ARG, "mode is unknown");
    return HN_OK;
}

static bool has_numbers(const struct hn_op *op, size_t i)
{
    return i < op->n_in && op->in[i] && op->in[i]->n;
}

static enum hn_status resize_of(struct hn_op *op, struct resize *r)
{
    const struct hn_array *x = op->in[0];
    *r = (struct resize){.n_dims = x->n_dims};
    memcpy(r->in, x->shape, sizeof r->in);
    memcpy(r->out, x->shape, sizeof r->out);
    for (size_t d = 0; d < r->n_dims; d++)
        r->scale[d] = r->end[d] = 1;
    return read_mode(op, r);
}

static enum hn_status resize_run(struct hn_op *op, const struct resize *r)
{
    if (!r->n_dims) return hn_op_alias(op, 0, 0, op->in[0]->shape, 0);
    return r->mode == RESIZE_NEAREST ? resize_nearest(op, r) : resize_smooth(op, r);
}

/* Until opset 10: scales alone, asymmetric coordinates, the element below. */
static enum hn_status resize_old(struct hn_op *op, const double *scales, size_t n)
{
    struct resize r;
    HN_TRY(resize_of(op, &r));
    r.coordinates = HN_STR("asymmetric");
    r.nearest = HN_STR("floor");
    size_t axes[HN_ARRAY_DIMS];
    for (size_t d = 0; d < r.n_dims; d++)
        axes[d] = d;
    HN_TRY(by_scales(op, &r, scales, n, axes, r.n_dims));
    return resize_run(op, &r);
}

enum hn_status hn_op_upsample(struct hn_op *op)
{
    if (op->n_in > 1) {
        const double *scales = op->in[1] ? hn_op_reals(op, 1) : NULL;
        return scales ? resize_old(op, scales, op->in[1]->n) : hn_op_failed(op);
    }
    size_t n;
    const float *scales = hn_op_floats(op, "scales", &n);
    if (n > HN_ARRAY_DIMS || !scales) return hn_op_fail(op, HN_E_ARG, "scales are missing");
    double wide[HN_ARRAY_DIMS];
    for (size_t i = 0; i < n; i++)
        wide[i] = (double)scales[i];
    return resize_old(op, wide, n);
}

enum hn_status hn_op_resize(struct hn_op *op)
{
    if (op->opset < 11) return hn_op_upsample(op);
    struct resize r;
    HN_TRY(resize_of(op, &r));
    r.coordinates = hn_op_text(op, "coordinate_transformation_mode", "half_pixel");
    r.nearest = hn_op_text(op, "nearest_mode", "round_prefer_floor");
    if (!known_coordinates(r.coordinates))
        return hn_op_fail(op, HN_E_ARG, "coordinate_transformation_mode is unknown");
    r.antialias = hn_op_int(op, "antialias", 0) != 0;
    r.exclude_outside = hn_op_int(op, "exclude_outside", 0) != 0;
    r.cubic_a = (double)hn_op_float(op, "cubic_coeff_a", -0.75f);
    r.extrapolation = (double)hn_op_float(op, "extrapolation_value", 0);
    const bool crop = hn_str_is(r.coordinates, "tf_crop_and_resize");
    if (crop && !hn_element_is_number(op->in[0]->type)) return hn_op_fail_type(op, 0);
    size_t axes[HN_ARRAY_DIMS], n_axes;
    HN_TRY(read_axes(op, &r, axes, &n_axes));
    const bool scales = has_numbers(op, 2), sizes = has_numbers(op, 3);
    if (scales == sizes && n_axes)
        return hn_op_fail(op, HN_E_ARG, "either scales or sizes are needed");
    if (scales) {
        const double *values = hn_op_reals(op, 2);
        if (!values) return hn_op_failed(op);
        HN_TRY(by_scales(op, &r, values, op->in[2]->n, axes, n_axes));
    } else if (sizes) {
        HN_TRY(by_sizes(op, &r, 3, axes, n_axes));
    }
    if (crop && has_numbers(op, 1)) HN_TRY(read_region(op, &r, 1, axes, n_axes));
    return resize_run(op, &r);
}
