/* QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: per tensor, along an axis, or in blocks. */
#include <math.h>

#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"
#include "model/graph/op_quantized.h"

/* Which scale an element has: x is [outer, along, inner]. */
struct grain {
    size_t outer, along, inner;
    size_t block;   /* elements of the axis that share a scale; 0: not blocked */
    size_t n_along; /* scales along the axis: 1 for the whole tensor */
};

static enum hn_status grain_of(struct hn_op *op, struct grain *out)
{
    const struct hn_array *x = op->in[0], *scale = op->in[1];
    *out = (struct grain){.outer = 1, .along = x->n, .inner = 1, .n_along = 1};
    if (scale->n == 1 && scale->n_dims <= 1) {
        out->along = 1;
        out->inner = x->n;
        return HN_OK;
    }
    const int64_t block = hn_op_int(op, "block_size", 0);
    size_t axis = 0;
    /* One dimension needs no axis to be named. */
    if (x->n_dims != 1) HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", 1), x->n_dims, &axis));
    out->outer = 1;
    for (size_t d = 0; d < axis; d++)
        out->outer *= x->shape[d];
    out->along = x->shape[axis];
    for (size_t d = axis + 1; d < x->n_dims; d++)
        out->inner *= x->shape[d];
    if (!block) {
        if (scale->n_dims != 1 || scale->n != out->along)
            return hn_op_fail(op, HN_E_ARG, "%zu scales for %zu elements of the axis", scale->n,
                              out->along);
        out->n_along = out->along;
        return HN_OK;
    }
    if (block < 0 || scale->n_dims != x->n_dims)
        return hn_op_fail(op, HN_E_ARG, "block_size does not fit the scales");
    out->block = (size_t)block;
    out->n_along = out->along / out->block + (out->along % out->block != 0);
    for (size_t d = 0; d < x->n_dims; d++)
        if (scale->shape[d] != (d == axis ? out->n_along : x->shape[d]))
            return hn_op_fail(op, HN_E_ARG, "the scales do not fit blocks of %zu", out->block);
    return HN_OK;
}

/* The scale of the first element of a row (outer, along); within, they change with blocks alone. */
static size_t grain_at(const struct grain *g, size_t row)
{
    if (g->block) return (row / g->along * g->n_along + row % g->along / g->block) * g->inner;
    return g->n_along == 1 ? 0 : row % g->along;
}

/* Zero points, or NULL. */
static enum hn_status zero_points(struct hn_op *op, const double **out)
{
    *out = NULL;
    if (op->n_in < 3 || !op->in[2]) return HN_OK;
    if (op->in[2]->n != op->in[1]->n)
        return hn_op_fail(op, HN_E_ARG, "as many zero points as scales are needed");
    *out = hn_op_reals(op, 2);
    return *out ? HN_OK : hn_op_failed(op);
}

/* The range of a quantized integer type; false for others. */
static bool range_of(enum hn_element type, double *low, double *high)
{
    static const struct {
        enum hn_element type;
        double low, high;
    } ranges[] = {{HN_EL_U8, 0, 255},         {HN_EL_I8, -128, 127}, {HN_EL_U16, 0, 65535},
                  {HN_EL_I16, -32768, 32767}, {HN_EL_U4, 0, 15},     {HN_EL_I4, -8, 7},
                  {HN_EL_U2, 0, 3},           {HN_EL_I2, -2, 1}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        if (ranges[i].type != type) continue;
        *low = ranges[i].low;
        *high = ranges[i].high;
        return true;
    }
    return false;
}

static double rounded(double value, enum hn_element type)
{
    if (type == HN_EL_F32) return (double)(float)value;
    double cell; /* room for any type */
    struct hn_array one = {.type = type, .n = 1, .data = &cell};
    hn_array_set_real(&one, 0, value);
    return hn_array_real(&one, 0);
}

double hn_quantized(double value, double zero, double low, double high)
{
    const double q = rint(value) + zero;
    if (q > high) return high;
    return q > low ? q : low; /* also of NaN */
}

static enum hn_status quantize_type(struct hn_op *op, enum hn_element *type,
                                    enum hn_element *precision)
{
    *type = HN_EL_U8;
    const int64_t named = hn_op_int(op, "output_dtype", 0), exact = hn_op_int(op, "precision", 0);
    if (named && !hn_element_from_onnx(named, type))
        return hn_op_fail(op, HN_E_ARG, "output_dtype is unknown");
    if (op->n_in > 2 && op->in[2]) {
        if (named && *type != op->in[2]->type)
            return hn_op_fail(op, HN_E_ARG, "output_dtype is not the zero point's");
        *type = op->in[2]->type;
    }
    double low, high;
    if (!range_of(*type, &low, &high) &&
        (!hn_element_is_float(*type) || hn_element_info(*type)->bytes > 1))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "there is no quantizing to %s",
                          hn_element_info(*type)->name);
    *precision = op->in[1]->type;
    if (exact && (!hn_element_from_onnx(exact, precision) || !hn_element_is_float(*precision)))
        return hn_op_fail(op, HN_E_ARG, "precision is not a float type");
    /* Powers of two and integers divide as floats do. */
    if (hn_element_info(*precision)->bytes == 1 || !hn_element_is_float(*precision))
        *precision = HN_EL_F32;
    return HN_OK;
}

/* The scale and zero point of row `at`, of bytes. */
static struct hn_byte_scale row_scale(const struct hn_op *op, enum hn_element type,
                                      const double *zero, size_t at)
{
    struct hn_byte_scale s = {.scale = ((const float *)op->in[1]->data)[at],
                              .zero = zero ? (int32_t)zero[at] : 0};
    hn_byte_range(type, &s.low, &s.high);
    return s;
}

/* Floats to bytes or back by whole rows, which have one scale each: `row` is 0 or one of the axis. */
static bool by_rows(const struct hn_op *op, const struct grain *g, enum hn_element bytes,
                    enum hn_element floats)
{
    return hn_element_is_byte(bytes) && floats == HN_EL_F32 && op->in[1]->type == HN_EL_F32 &&
           !g->block;
}

enum hn_status hn_op_quantize_linear(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    struct grain g;
    enum hn_element type, precision;
    const double *zero;
    HN_TRY(grain_of(op, &g));
    HN_TRY(quantize_type(op, &type, &precision));
    HN_TRY(zero_points(op, &zero));
    if (by_rows(op, &g, type, x->type) && precision == HN_EL_F32) {
        uint8_t *bytes = hn_op_out(op, 0, type, x->shape, x->n_dims);
        if (!bytes) return hn_op_failed(op);
        for (size_t row = 0; x->n && row < g.outer * g.along; row++) {
            const struct hn_byte_scale s = row_scale(op, type, zero, grain_at(&g, row));
            op->kernels->quantize(bytes + row * g.inner, (const float *)x->data + row * g.inner,
                                  g.inner, &s);
        }
        return HN_OK;
    }
    const float *from = hn_op_lane_in(op, 0, HN_LANE_F32);
    const double *scale = from ? hn_op_reals(op, 1) : NULL;
    void *out = scale ? hn_op_out(op, 0, type, x->shape, x->n_dims) : NULL;
    float *to = out ? hn_op_scratch(op, g.inner, sizeof *to) : NULL;
    if (!to) return hn_op_failed(op);
    double low = 0, high = 0;
    const bool whole = range_of(type, &low, &high);
    const struct hn_convert how = {.saturate = hn_op_int(op, "saturate", 1) != 0};
    const size_t bytes = hn_element_info(type)->bytes;
    for (size_t row = 0; x->n && row < g.outer * g.along; row++) {
        const size_t at = grain_at(&g, row);
        for (size_t i = 0; i < g.inner; i++) {
            const size_t s = g.block ? at + i : at;
            const double value = rounded((double)from[row * g.inner + i] / scale[s], precision);
            const double offset = zero ? zero[s] : 0;
            to[i] = (float)(whole ? hn_quantized(value, offset, low, high) : value + offset);
        }
        (void)hn_element_convert(type, (char *)out + row * g.inner * bytes, HN_EL_F32, to, g.inner,
                                 how);
    }
    return HN_OK;
}

enum hn_status hn_op_dequantize_linear(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    struct grain g;
    const double *zero;
    enum hn_element type = op->in[1]->type;
    const int64_t named = hn_op_int(op, "output_dtype", 0);
    if (named && !hn_element_from_onnx(named, &type))
        return hn_op_fail(op, HN_E_ARG, "output_dtype is unknown");
    if (!hn_element_is_float(type)) return hn_op_fail_type(op, 1);
    HN_TRY(grain_of(op, &g));
    HN_TRY(zero_points(op, &zero));
    if (by_rows(op, &g, x->type, type)) {
        float *to = hn_op_out(op, 0, type, x->shape, x->n_dims);
        if (!to) return hn_op_failed(op);
        for (size_t row = 0; x->n && row < g.outer * g.along; row++) {
            const struct hn_byte_scale s = row_scale(op, x->type, zero, grain_at(&g, row));
            op->kernels->dequantize(to + row * g.inner, (const uint8_t *)x->data + row * g.inner,
                                    g.inner, &s);
        }
        return HN_OK;
    }
    const float *from = hn_op_lane_in(op, 0, HN_LANE_F32);
    const double *scale = from ? hn_op_reals(op, 1) : NULL;
    float *to = scale ? hn_op_lane_out(op, 0, type, x->shape, x->n_dims, HN_LANE_F32) : NULL;
    if (!to) return hn_op_failed(op);
    for (size_t row = 0; x->n && row < g.outer * g.along; row++) {
        const size_t at = grain_at(&g, row);
        for (size_t i = 0; i < g.inner; i++) {
            const size_t s = g.block ? at + i : at;
            const size_t e = row * g.inner + i;
            to[e] = (from[e] - (float)(zero ? zero[s] : 0)) * (float)scale[s];
        }
    }
    hn_op_lane_done(op, 0, HN_LANE_F32, to);
    return HN_OK;
}

void hn_quantize_range(const struct hn_kernels *kernels, const float *x, size_t n, float *scale,
                       float *zero)
{
    float low, high;
    kernels->extent(x, n, &low, &high);
    *scale = (high == low ? 1 : high - low) / 255;
    *zero = rintf(fminf(fmaxf(-low / *scale, 0), 255));
}

enum hn_status hn_op_dynamic_quantize_linear(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    const float *from = hn_op_lane_in(op, 0, HN_LANE_F32);
    if (!from) return hn_op_failed(op);
    float scale, zero;
    hn_quantize_range(op->kernels, from, x->n, &scale, &zero);
    uint8_t *to = hn_op_out(op, 0, HN_EL_U8, x->shape, x->n_dims);
    float *out_scale = to ? hn_op_out(op, 1, HN_EL_F32, NULL, 0) : NULL;
    uint8_t *out_zero = out_scale ? hn_op_out(op, 2, HN_EL_U8, NULL, 0) : NULL;
    if (!out_zero) return hn_op_failed(op);
    const struct hn_byte_scale how = {.scale = scale, .zero = (int32_t)zero, .high = 255};
    op->kernels->quantize(to, from, x->n, &how);
    *out_scale = scale;
    *out_zero = (uint8_t)zero;
    return HN_OK;
}
