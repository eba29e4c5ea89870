/* Sampling images at places that a grid says. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"

#include <math.h>

#include "base/bits.h"

enum { MAX_AXES = 4, MAX_TAPS = 4, MAX_PICKS = 256 /* MAX_TAPS for each of MAX_AXES */ };
enum mode { NEAREST, LINEAR, CUBIC };
enum padding { ZEROS, BORDER, REFLECTION };

struct sampler {
    enum mode mode;
    enum padding padding;
    bool align;
    size_t n_axes, taps; /* taps: elements per axis that count for a sample */
    size_t dims[MAX_AXES], steps[MAX_AXES];
};

/* What counts along one axis: offsets (-1: nothing is there) and how much each. */
struct tap {
    ptrdiff_t offset[MAX_TAPS];
    double weight[MAX_TAPS];
};

/* Folds x back at the borders until it is between them. */
static float reflect(float x, float low, float high)
{
    const float range = high - low;
    if (x >= low && x <= high) return x;
    if (!(range > 0)) return low;
    const float over = x < low ? low - x : x - high;
    const float n = floorf(over / range), rest = over - n * range;
    const bool even = fmodf(n, 2) == 0;
    return (x < low) == even ? low + rest : high - rest;
}

/* The element at i of an axis, or -1. */
static ptrdiff_t element_at(const struct sampler *s, long i, size_t dim)
{
    const long n = (long)dim;
    if (i >= 0 && i < n) return i;
    if (s->padding == ZEROS || dim == 0) return -1;
    if (s->padding == REFLECTION) {
        const float half = s->align ? 0 : 0.5f;
        i = (long)reflect((float)i, -half, (float)n - 1 + half);
    }
    return i < 0 ? 0 : i >= n ? n - 1 : i;
}

/* Keys' cubic convolution for the four elements around a place x past the second. */
static void cubic_weights(double x, double w[MAX_TAPS])
{
    const double a = -0.75;
    const double near[2] = {x, 1 - x}, far[2] = {1 + x, 2 - x};
    for (size_t i = 0; i < 2; i++) {
        const double n = near[i], f = far[i];
        w[1 + i] = ((a + 2) * n - (a + 3)) * n * n + 1;
        w[3 * i] = ((a * f - 5 * a) * f + 8 * a) * f - 4 * a;
    }
}

/* Along an axis of `dim` elements, at `place` in [-1, 1]. */
static void find_taps(const struct sampler *s, float place, size_t axis, struct tap *t)
{
    const float n = (float)s->dims[axis], half = s->align ? 0 : 0.5f;
    float x = s->align ? (place + 1) / 2 * (n - 1) : ((place + 1) * n - 1) / 2;
    if (s->mode == NEAREST) x = rintf(x);
    if (x < -half || x > n - 1 + half) {
        if (s->padding == BORDER) x = x < 0 ? 0 : n - 1;
        if (s->padding == REFLECTION) x = reflect(x, -half, n - 1 + half);
    }
    const float far = 1e9f; /* from any image; also what is no number */
    if (!(x > -far && x < far)) x = x > 0 ? far : -far;
    const long first = (long)floorf(x) - (s->mode == CUBIC);
    const double part = (double)x - floor((double)x);
    if (s->mode == CUBIC) cubic_weights(part, t->weight);
    else t->weight[0] = s->mode == LINEAR ? 1 - part : 1, t->weight[1] = part;
    for (size_t i = 0; i < s->taps; i++) {
        const ptrdiff_t at = element_at(s, first + (long)i, s->dims[axis]);
        t->offset[i] = at < 0 ? -1 : at * (ptrdiff_t)s->steps[axis];
    }
}

/* Elements of an image that a sample is the weighted sum of. */
struct picks {
    size_t n;
    size_t at[MAX_PICKS];
    double weight[MAX_PICKS];
};

/* Every combination of the axes' taps. */
static void combine_taps(const struct sampler *s, const struct tap *taps, struct picks *p)
{
    p->n = 1, p->at[0] = 0, p->weight[0] = 1;
    for (size_t axis = 0; axis < s->n_axes; axis++) {
        struct picks all = {.n = 0};
        for (size_t i = 0; i < p->n; i++)
            for (size_t k = 0; k < s->taps; k++) {
                const double weight = p->weight[i] * taps[axis].weight[k];
                if (taps[axis].offset[k] < 0 || weight == 0) continue;
                all.at[all.n] = p->at[i] + (size_t)taps[axis].offset[k];
                all.weight[all.n++] = weight;
            }
        p->n = all.n;
        memcpy(p->at, all.at, all.n * sizeof *p->at);
        memcpy(p->weight, all.weight, all.n * sizeof *p->weight);
    }
}

static void give_sample(const struct picks *p, const struct hn_array *x, size_t from,
                        struct hn_array *y, size_t to)
{
    double sum = 0;
    if (x->type == HN_EL_F32) {
        const float *image = (const float *)x->data + from;
        for (size_t i = 0; i < p->n; i++)
            sum += p->weight[i] * (double)image[p->at[i]];
        ((float *)y->data)[to] = (float)sum;
        return;
    }
    for (size_t i = 0; i < p->n; i++)
        sum += p->weight[i] * hn_array_real(x, from + p->at[i]);
    hn_array_set_real(y, to, sum);
}

static enum hn_status read_sampler(struct hn_op *op, struct sampler *s)
{
    const struct hn_array *x = op->in[0], *grid = op->in[1];
    const struct hn_str mode = hn_op_text(op, "mode", "linear");
    const struct hn_str padding = hn_op_text(op, "padding_mode", "zeros");
    *s = (struct sampler){.mode = LINEAR, .taps = 2};
    if (hn_str_is(mode, "nearest")) s->mode = NEAREST, s->taps = 1;
    else if (hn_str_is(mode, "cubic") || hn_str_is(mode, "bicubic")) s->mode = CUBIC, s->taps = 4;
    else if (!hn_str_is(mode, "linear") && !hn_str_is(mode, "bilinear"))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "mode '%.*s'", HN_FMT(mode));
    if (hn_str_is(padding, "border")) s->padding = BORDER;
    else if (hn_str_is(padding, "reflection")) s->padding = REFLECTION;
    else if (!hn_str_is(padding, "zeros"))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "padding_mode '%.*s'", HN_FMT(padding));
    s->align = hn_op_int(op, "align_corners", 0) != 0;
    if (!hn_element_is_number(x->type) && x->type != HN_EL_BOOL) return hn_op_fail_type(op, 0);
    if (!hn_element_is_float(grid->type)) return hn_op_fail_type(op, 1);
    s->n_axes = x->n_dims - 2;
    if (x->n_dims < 3 || s->n_axes > MAX_AXES || grid->n_dims != x->n_dims ||
        grid->shape[0] != x->shape[0] || grid->shape[grid->n_dims - 1] != s->n_axes)
        return hn_op_fail(op, HN_E_FORMAT, "an input of %zu and a grid of %zu dimensions",
                          x->n_dims, grid->n_dims);
    for (size_t i = 0; i < s->n_axes; i++) {
        s->dims[i] = x->shape[2 + i];
        s->steps[i] = hn_dims_after(x, 2 + i);
    }
    return HN_OK;
}

enum hn_status hn_op_grid_sample(struct hn_op *op)
{
    const struct hn_array *x = op->in[0], *grid = op->in[1];
    struct sampler s;
    size_t shape[HN_ARRAY_DIMS];
    HN_TRY(read_sampler(op, &s));
    shape[0] = x->shape[0], shape[1] = x->shape[1];
    for (size_t i = 0; i < s.n_axes; i++)
        shape[2 + i] = grid->shape[1 + i];
    if (!hn_op_out(op, 0, x->type, shape, x->n_dims)) return hn_op_failed(op);
    struct hn_array *y = &op->out[0];
    if (y->n == 0) return HN_OK;
    const size_t channels = x->shape[1], size = hn_dims_after(x, 1), places = hn_dims_after(y, 1);
    for (size_t i = 0; i < x->shape[0] * places; i++) {
        struct tap taps[MAX_AXES];
        struct picks picks;
        HN_TRY(hn_op_check(op));
        /* A place's coordinates begin with the last axis. */
        for (size_t d = 0; d < s.n_axes; d++)
            find_taps(&s, (float)hn_array_real(grid, (i + 1) * s.n_axes - 1 - d), d, &taps[d]);
        combine_taps(&s, taps, &picks);
        for (size_t c = 0; c < channels; c++) {
            const size_t image = i / places * channels + c;
            give_sample(&picks, x, image * size, y, image * places + i % places);
        }
    }
    return HN_OK;
}

/* Element i of n positions from -1 to 1: the first and last elements' centres, or their outer edges. */
static double position(size_t i, size_t n, bool align)
{
    if (align) return n > 1 ? 2 * (double)i / (double)(n - 1) - 1 : 0;
    return (2 * (double)i + 1) / (double)n - 1;
}

enum hn_status hn_op_affine_grid(struct hn_op *op)
{
    const struct hn_array *theta = op->in[0];
    const bool align = hn_op_int(op, "align_corners", 0) != 0;
    const int64_t *size;
    size_t n, shape[5];
    HN_TRY(hn_op_ints_of(op, 1, &size, &n));
    const size_t axes = n - 2; /* two or three */
    if (!hn_element_is_float(theta->type)) return hn_op_fail_type(op, 0);
    if (n < 4 || n > 5 || theta->n_dims != 3 || theta->shape[1] != axes ||
        theta->shape[2] != axes + 1 || size[0] < 0 || (size_t)size[0] != theta->shape[0])
        return hn_op_fail(op, HN_E_FORMAT, "a size of %zu dimensions does not fit theta", n);
    shape[0] = theta->shape[0], shape[axes + 1] = axes;
    for (size_t i = 0; i < axes; i++) {
        if (size[2 + i] < 0)
            return hn_op_fail(op, HN_E_FORMAT, "a size of %lld", (long long)size[2 + i]);
        shape[1 + i] = (size_t)size[2 + i];
    }
    if (!hn_op_out(op, 0, theta->type, shape, axes + 2)) return hn_op_failed(op);
    struct hn_array *y = &op->out[0];
    if (y->n == 0) return HN_OK;
    const size_t places = hn_dims_after(y, 0) / axes;
    for (size_t i = 0; i < y->n / axes; i++) {
        double at[4] = {0}; /* x, y, (z,) 1 */
        at[axes] = 1;
        for (size_t d = axes, rest = i; d-- > 0; rest /= shape[1 + d])
            at[axes - 1 - d] = position(rest % shape[1 + d], shape[1 + d], align);
        for (size_t r = 0; r < axes; r++) {
            double sum = 0;
            for (size_t k = 0; k <= axes; k++)
                sum += at[k] * hn_array_real(theta, (i / places * axes + r) * (axes + 1) + k);
            hn_array_set_real(y, i * axes + r, sum);
        }
    }
    return HN_OK;
}
