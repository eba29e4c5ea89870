/* Operators on signals: transforms, windows, mel filters. */
#include <math.h>
#include <string.h>

#include "model/graph/op_fourier.h"
#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"

/* A scalar of any numeric type as input i. */
static enum hn_status scalar(struct hn_op *op, size_t i, double *out)
{
    const struct hn_array *a = op->in[i];
    if (a->n != 1) return hn_op_fail(op, HN_E_ARG, "input %zu has %zu elements", i, a->n);
    if (!hn_element_is_number(a->type)) return hn_op_fail_type(op, i);
    *out = hn_array_real(a, 0);
    return HN_OK;
}

/* One that counts something: in [min, 2^40]. */
static enum hn_status count(struct hn_op *op, size_t i, size_t min, size_t *out)
{
    double value = 0;
    HN_TRY(scalar(op, i, &value));
    if (!(value >= (double)min && value <= 0x1p40))
        return hn_op_fail(op, HN_E_ARG, "input %zu is %g", i, value);
    *out = (size_t)value;
    return HN_OK;
}

/* ---- DFT ---- */

static bool has_input(const struct hn_op *op, size_t i)
{
    return i < op->n_in && op->in[i];
}

static enum hn_status dft_axis(struct hn_op *op, size_t *axis)
{
    const struct hn_array *x = op->in[0];
    if (x->n_dims < 2 || x->shape[x->n_dims - 1] < 1 || x->shape[x->n_dims - 1] > 2)
        return hn_op_fail(op, HN_E_ARG, "the last dimension is not one of 1 or 2 parts");
    int64_t given = op->opset < 20 ? hn_op_int(op, "axis", 1) : -2;
    if (op->opset >= 20 && has_input(op, 2)) {
        double value = 0;
        HN_TRY(scalar(op, 2, &value));
        given = hn_saturate(value);
    }
    HN_TRY(hn_op_axis(op, given, x->n_dims, axis));
    if (*axis + 1 == x->n_dims)
        return hn_op_fail(op, HN_E_ARG, "the last axis holds the parts of numbers");
    return HN_OK;
}

/* Along the axis of [outer, n, inner, parts]. */
struct dft {
    size_t in, out, length, inner, parts;
    bool inverse, half;
};

/* What there is of the signal at index i, as a number; zeros after its end. */
static struct hn_complex dft_take(const struct dft *d, const double *from, size_t i)
{
    if (i >= d->in) return (struct hn_complex){0, 0};
    const double *at = from + i * d->inner * d->parts;
    return (struct hn_complex){at[0], d->parts == 2 ? at[1] : 0};
}

static void dft_line(const struct dft *d, const struct hn_fourier *f, const double *from,
                     double *to, struct hn_complex *line)
{
    const bool real_out = d->inverse && d->half;
    for (size_t i = 0; i < d->length; i++) {
        /* One-sided numbers: the other side is their mirror. */
        const bool mirrored = real_out && i > d->length / 2;
        line[i] = dft_take(d, from, mirrored ? d->length - i : i);
        if (mirrored) line[i].im = -line[i].im;
        if (real_out && (i == 0 || 2 * i == d->length)) line[i].im = 0;
    }
    hn_fourier_run(f, line);
    for (size_t i = 0; i < d->out; i++) {
        double *at = to + i * d->inner * (real_out ? 1 : 2);
        at[0] = line[i].re;
        if (!real_out) at[1] = line[i].im;
    }
}

enum hn_status hn_op_dft(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    size_t axis;
    HN_TRY(dft_axis(op, &axis));
    struct dft d = {.in = x->shape[axis], .inner = 1, .parts = x->shape[x->n_dims - 1]};
    d.inverse = hn_op_int(op, "inverse", 0) != 0;
    d.half = hn_op_int(op, "onesided", 0) != 0;
    d.length = d.inverse && d.half ? 2 * (d.in - (d.in > 0)) : d.in;
    if (has_input(op, 1)) HN_TRY(count(op, 1, 1, &d.length));
    d.out = d.half && !d.inverse ? d.length / 2 + 1 : d.length;
    struct hn_fourier f;
    HN_TRY(hn_fourier_of(op, d.length, d.inverse, &f));

    size_t shape[HN_ARRAY_DIMS];
    memcpy(shape, x->shape, sizeof shape);
    shape[axis] = d.out;
    shape[x->n_dims - 1] = d.inverse && d.half ? 1 : 2;
    const double *from = hn_op_reals(op, 0);
    double *to = from ? hn_op_lane_out(op, 0, x->type, shape, x->n_dims, HN_LANE_F64) : NULL;
    struct hn_complex *line = to ? hn_op_scratch(op, d.length, sizeof *line) : NULL;
    if (!line) return hn_op_failed(op);
    if (!op->out[0].n) return HN_OK;
    size_t outer = 1;
    for (size_t i = 0; i < axis; i++)
        outer *= shape[i];
    for (size_t i = axis + 1; i + 1 < x->n_dims; i++)
        d.inner *= shape[i];
    for (size_t i = 0; i < outer * d.inner; i++) {
        HN_TRY(hn_op_check(op));
        const size_t o = i / d.inner, k = i % d.inner;
        dft_line(&d, &f, from + (o * d.in * d.inner + k) * d.parts,
                 to + (o * d.out * d.inner + k) * shape[x->n_dims - 1], line);
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

/* ---- STFT ---- */

enum hn_status hn_op_stft(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    if ((x->n_dims != 2 && x->n_dims != 3) ||
        (x->n_dims == 3 && (x->shape[2] < 1 || x->shape[2] > 2)))
        return hn_op_fail(op, HN_E_ARG, "the signal is not [batch, length, 1 or 2]");
    const size_t batch = x->shape[0], length = x->shape[1],
                 parts = x->n_dims == 3 ? x->shape[2] : 1;
    size_t step, frame, window = 0;
    HN_TRY(count(op, 1, 1, &step));
    const double *weights = NULL;
    if (has_input(op, 2)) {
        if (!(weights = hn_op_reals(op, 2))) return hn_op_failed(op);
        window = op->in[2]->n;
    }
    frame = weights ? window : length;
    if (has_input(op, 3)) HN_TRY(count(op, 3, 1, &frame));
    if (!weights) window = frame;
    if (frame > length)
        return hn_op_fail(op, HN_E_ARG, "a frame of %zu in a signal of %zu", frame, length);
    const size_t frames = 1 + (length - frame) / step;
    const size_t bins = hn_op_int(op, "onesided", 1) ? frame / 2 + 1 : frame;
    struct hn_fourier f;
    HN_TRY(hn_fourier_of(op, frame, false, &f));
    const double *from = hn_op_reals(op, 0);
    double *to =
        from ? hn_op_lane_out(op, 0, x->type, (size_t[]){batch, frames, bins, 2}, 4, HN_LANE_F64)
             : NULL;
    struct hn_complex *line = to ? hn_op_scratch(op, frame, sizeof *line) : NULL;
    if (!line) return hn_op_failed(op);
    for (size_t i = 0; op->out[0].n && i < batch * frames; i++) {
        HN_TRY(hn_op_check(op));
        const size_t first = i % frames * step;
        for (size_t j = 0; j < frame; j++) {
            const bool there = j < window && first + j < length;
            const double *at = from + (i / frames * length + first + j) * parts;
            const double weight = there && weights ? weights[j] : 1;
            line[j] = (struct hn_complex){there ? at[0] * weight : 0,
                                          there && parts == 2 ? at[1] * weight : 0};
        }
        hn_fourier_run(&f, line);
        for (size_t j = 0; j < bins; j++) {
            to[(i * bins + j) * 2] = line[j].re;
            to[(i * bins + j) * 2 + 1] = line[j].im;
        }
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

/* ---- windows ---- */

static enum hn_status out_type(struct hn_op *op, enum hn_element *type)
{
    if (!hn_element_from_onnx(hn_op_int(op, "output_datatype", 1), type) ||
        !hn_element_is_number(*type))
        return hn_op_fail(op, HN_E_ARG, "output_datatype is not a type of numbers");
    return HN_OK;
}

/* Sums of a0 - a1 cos(x) + a2 cos(2 x) over one period. */
static enum hn_status window(struct hn_op *op, double a0, double a1, double a2)
{
    size_t n;
    enum hn_element type;
    HN_TRY(count(op, 0, 0, &n));
    HN_TRY(out_type(op, &type));
    const size_t period = hn_op_int(op, "periodic", 1) ? n : n - (n > 0);
    double *to = hn_op_lane_out(op, 0, type, &n, 1, HN_LANE_F64);
    if (!to) return hn_op_failed(op);
    for (size_t i = 0; i < n; i++) {
        const double x = period ? 2 * M_PI * (double)i / (double)period : M_PI;
        to[i] = a0 - a1 * cos(x) + a2 * cos(2 * x);
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

enum hn_status hn_op_hann_window(struct hn_op *op)
{
    return window(op, 0.5, 0.5, 0);
}

enum hn_status hn_op_hamming_window(struct hn_op *op)
{
    return window(op, 25.0 / 46, 21.0 / 46, 0);
}

enum hn_status hn_op_blackman_window(struct hn_op *op)
{
    return window(op, 0.42, 0.5, 0.08);
}

/* ---- mel filters ---- */

static double mel_of(double hertz)
{
    return 2595 * log10(1 + hertz / 700);
}

/* The bin of the spectrum where edge `i` of the triangles lies. */
static double mel_edge(size_t i, size_t n, double low, double high, double length, double rate)
{
    const double mel = low + (double)i * (high - low) / (double)(n + 2);
    return floor((length + 1) * (700 * (pow(10, mel / 2595) - 1)) / rate);
}

enum hn_status hn_op_mel_weight_matrix(struct hn_op *op)
{
    size_t n = 0, length = 0, rate = 0;
    double low = 0, high = 0;
    enum hn_element type;
    HN_TRY(count(op, 0, 0, &n));
    HN_TRY(count(op, 1, 0, &length));
    HN_TRY(count(op, 2, 1, &rate));
    HN_TRY(scalar(op, 3, &low));
    HN_TRY(scalar(op, 4, &high));
    HN_TRY(out_type(op, &type));
    if (!(low >= 0 && high >= low && high <= 0x1p40))
        return hn_op_fail(op, HN_E_ARG, "from %g to %g hertz", low, high);
    const size_t bins = length / 2 + 1;
    double *to = hn_op_lane_out(op, 0, type, (size_t[]){bins, n}, 2, HN_LANE_F64);
    if (!to) return hn_op_failed(op);
    memset(to, 0, op->out[0].n * sizeof *to);
    low = mel_of(low);
    high = mel_of(high);
    for (size_t i = 0; i < n; i++) {
        double edge[3];
        for (size_t j = 0; j < 3; j++)
            edge[j] = mel_edge(i + j, n, low, high, (double)length, (double)rate);
        if (edge[2] > (double)bins)
            return hn_op_fail(op, HN_E_ARG, "frequencies beyond the spectrum");
        for (size_t bin = (size_t)edge[0]; bin < (size_t)edge[2] || bin == (size_t)edge[1]; bin++) {
            if (bin >= bins) return hn_op_fail(op, HN_E_ARG, "frequencies beyond the spectrum");
            const double at = (double)bin;
            double value = 1;
            if (at < edge[1]) value = (at - edge[0]) / (edge[1] - edge[0]);
            else if (edge[2] > edge[1]) value = (edge[2] - at) / (edge[2] - edge[1]);
            to[bin * n + i] = value;
        }
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}
