/* Operators of com.microsoft that quantized files hold, as ONNX Runtime's tools write them. */
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/op_list.h"
#include "model/graph/op_quantized.h"

static bool has_input(const struct hn_op *op, size_t i)
{
    return i < op->n_in && op->in[i];
}

/* ---- element by element ---- */

/* How numbers of an array were quantized: inputs `i` and `i + 1`, scale and zero point, of one element each. */
struct grade {
    enum hn_element type;
    double scale, zero;
};

static enum hn_status grade_of(struct hn_op *op, size_t i, enum hn_element type, struct grade *out)
{
    *out = (struct grade){.type = type, .scale = 1};
    if (!hn_element_is_byte(type))
        return hn_op_fail(op, HN_E_ARG, "what is quantized is int8 or uint8");
    const struct hn_array *scale = has_input(op, i) ? op->in[i] : NULL;
    const struct hn_array *zero = has_input(op, i + 1) ? op->in[i + 1] : NULL;
    if (!scale || scale->n != 1 || !hn_element_is_float(scale->type) ||
        (zero && (zero->n != 1 || zero->type != type)))
        return hn_op_fail(op, HN_E_ARG, "scale %zu or its zero point does not fit", i);
    out->scale = hn_array_real(scale, 0);
    if (zero) out->zero = hn_array_real(zero, 0);
    return HN_OK;
}

static double wide(const struct grade *g, const struct hn_array *a, size_t at)
{
    const double q =
        g->type == HN_EL_I8 ? ((const int8_t *)a->data)[at] : ((const uint8_t *)a->data)[at];
    return (q - g->zero) * g->scale;
}

static void narrow(const struct grade *g, struct hn_array *out, size_t at, double value)
{
    const bool low = g->type == HN_EL_I8;
    const double q = hn_quantized(value / g->scale, g->zero, low ? -128 : 0, low ? 127 : 255);
    if (low) ((int8_t *)out->data)[at] = (int8_t)q;
    else ((uint8_t *)out->data)[at] = (uint8_t)q;
}

/* The element of an array that goes with element `at` of `shape`, to which it broadcasts. */
static size_t broadcast_at(const struct hn_array *a, const size_t *shape, size_t n_dims, size_t at)
{
    size_t out = 0, step = 1;
    for (size_t d = n_dims, from = a->n_dims; from-- > 0; step *= a->shape[from]) {
        d--;
        if (a->shape[from] != 1) out += at % shape[d] * step;
        at /= shape[d];
    }
    return out;
}

static struct hn_byte_scale scale_of(const struct grade *g)
{
    struct hn_byte_scale s = {.scale = (float)g->scale, .zero = (int32_t)g->zero};
    hn_byte_range(g->type, &s.low, &s.high);
    return s;
}

/* Bytes of one shape, some at a time. */
struct sums {
    const struct hn_kernels *kernels;
    struct hn_byte_sum sum;
    size_t n;
};

enum { PART = 8192 };

static void sum_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct sums *s = arg;
    const size_t first = tile * PART;
    struct hn_byte_sum part = s->sum;
    part.a = (const char *)part.a + first;
    part.b = (const char *)part.b + first;
    part.y = (char *)part.y + first;
    s->kernels->byte_sum(&part, hn_min(PART, s->n - first));
}

static enum hn_status qlinear_pair(struct hn_op *op, bool times)
{
    if (!has_input(op, 3)) return hn_op_fail(op, HN_E_ARG, "B is missing");
    const struct hn_array *a = op->in[0], *b = op->in[3];
    struct grade ga, gb, gc;
    HN_TRY(grade_of(op, 1, a->type, &ga));
    HN_TRY(grade_of(op, 4, b->type, &gb));
    HN_TRY(grade_of(op, 6, a->type, &gc));
    size_t shape[HN_ARRAY_DIMS], n_dims = a->n_dims;
    memcpy(shape, a->shape, sizeof shape);
    HN_TRY(hn_op_broadcast(op, shape, &n_dims, b));
    if (!hn_op_out(op, 0, a->type, shape, n_dims)) return hn_op_failed(op);
    if (!times && a->n == op->out[0].n && b->n == a->n) {
        struct sums s = {.kernels = op->kernels, .n = a->n};
        s.sum = (struct hn_byte_sum){a->data,       b->data,       op->out[0].data,
                                     scale_of(&ga), scale_of(&gb), scale_of(&gc)};
        hn_op_parallel(op, hn_div_up(a->n, PART), sum_tile, &s);
        return HN_OK;
    }
    for (size_t i = 0; i < op->out[0].n; i++) {
        const double x = wide(&ga, a, broadcast_at(a, shape, n_dims, i));
        const double y = wide(&gb, b, broadcast_at(b, shape, n_dims, i));
        narrow(&gc, &op->out[0], i, times ? x * y : x + y);
    }
    return HN_OK;
}

enum hn_status hn_op_qlinear_add(struct hn_op *op)
{
    return qlinear_pair(op, false);
}

enum hn_status hn_op_qlinear_mul(struct hn_op *op)
{
    return qlinear_pair(op, true);
}

/* What becomes of each of the 256 bytes, and then of all. */
static enum hn_status qlinear_map(struct hn_op *op, double (*fn)(double x, double alpha),
                                  double alpha)
{
    const struct hn_array *x = op->in[0];
    struct grade from, to;
    HN_TRY(grade_of(op, 1, x->type, &from));
    HN_TRY(grade_of(op, 3, x->type, &to));
    uint8_t *y = hn_op_out(op, 0, x->type, x->shape, x->n_dims), bytes[256], become[256];
    if (!y) return hn_op_failed(op);
    const struct hn_array all = {.type = x->type, .n = 256, .data = bytes};
    struct hn_array out = {.type = x->type, .n = 256, .data = become};
    for (size_t i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)i;
        narrow(&to, &out, i, fn(wide(&from, &all, i), alpha));
    }
    for (size_t i = 0; i < x->n; i++)
        y[i] = become[((const uint8_t *)x->data)[i]];
    return HN_OK;
}

static double sigmoid(double x, double alpha)
{
    (void)alpha;
    return 1 / (1 + exp(-x));
}

static double leaky_relu(double x, double alpha)
{
    return x >= 0 ? x : alpha * x;
}

enum hn_status hn_op_qlinear_sigmoid(struct hn_op *op)
{
    return qlinear_map(op, sigmoid, 0);
}

enum hn_status hn_op_qlinear_leaky_relu(struct hn_op *op)
{
    return qlinear_map(op, leaky_relu, (double)hn_op_float(op, "alpha", 0.01f));
}

/* One image: sums of the bytes of each channel. */
static void sum_channels(const struct hn_array *x, size_t image, size_t channels, size_t each,
                         bool last, int64_t *sums)
{
    const size_t first = image * channels * each;
    for (size_t c = 0; c < channels; c++)
        sums[c] = 0;
    for (size_t o = 0; o < (last ? each : channels); o++)
        for (size_t i = 0; i < (last ? channels : each); i++)
            sums[last ? i : o] += hn_byte_at(x, first + o * (last ? channels : each) + i);
}

static enum hn_status global_pool(struct hn_op *op, bool last)
{
    const struct hn_array *x = op->in[0];
    struct grade from, to;
    HN_TRY(grade_of(op, 1, x->type, &from));
    HN_TRY(grade_of(op, 3, x->type, &to));
    if (x->n_dims < 3) return hn_op_fail(op, HN_E_ARG, "the input has no spatial dimensions");
    const size_t batch = x->shape[0], channels = x->shape[last ? x->n_dims - 1 : 1];
    size_t shape[HN_ARRAY_DIMS];
    for (size_t d = 0; d < x->n_dims; d++)
        shape[d] = 1;
    shape[0] = batch;
    shape[last ? x->n_dims - 1 : 1] = channels;
    if (!hn_op_out(op, 0, x->type, shape, x->n_dims)) return hn_op_failed(op);
    const size_t each = x->n ? x->n / batch / channels : 0;
    int64_t *sums = hn_op_scratch(op, channels, sizeof *sums);
    if (!sums) return hn_op_failed(op);
    for (size_t image = 0; image < batch; image++) {
        sum_channels(x, image, channels, each, last, sums);
        for (size_t c = 0; c < channels; c++) {
            const double sum = ((double)sums[c] - (double)each * from.zero) * from.scale;
            narrow(&to, &op->out[0], image * channels + c, each ? sum / (double)each : 0);
        }
    }
    return HN_OK;
}

enum hn_status hn_op_qlinear_global_average_pool(struct hn_op *op)
{
    return global_pool(op, hn_op_int(op, "channels_last", 0) != 0);
}

static enum hn_status global_pool_last(struct hn_op *op)
{
    return global_pool(op, true);
}

const struct hn_op_row hn_fast_byte_global_pool = {
    .domain = "hence", .name = "ByteGlobalAveragePool", .fn = global_pool_last};

/* (y scale, y zero point, then x, scale and zero point of each). */
enum hn_status hn_op_qlinear_concat(struct hn_op *op)
{
    const size_t n = (op->n_in - 2) / 3;
    const struct hn_array *first = has_input(op, 2) ? op->in[2] : NULL;
    if (!first || n * 3 + 2 != op->n_in) return hn_op_fail(op, HN_E_ARG, "inputs are missing");
    struct grade to;
    HN_TRY(grade_of(op, 0, first->type, &to));
    size_t axis, shape[HN_ARRAY_DIMS], inner = 1;
    HN_TRY(hn_op_axis(op, hn_op_int(op, "axis", 0), first->n_dims, &axis));
    memcpy(shape, first->shape, sizeof shape);
    shape[axis] = 0;
    for (size_t i = 0; i < n; i++) {
        const struct hn_array *x = op->in[2 + 3 * i];
        bool fits = x && x->n_dims == first->n_dims && x->type == first->type;
        for (size_t d = 0; fits && d < x->n_dims; d++)
            fits = d == axis || x->shape[d] == shape[d];
        if (!fits || !hn_add(shape[axis], x->shape[axis], &shape[axis]))
            return hn_op_fail(op, HN_E_ARG, "input %zu does not fit the first", 2 + 3 * i);
    }
    if (!hn_op_out(op, 0, first->type, shape, first->n_dims)) return hn_op_failed(op);
    if (!op->out[0].n) return HN_OK;
    for (size_t d = axis + 1; d < first->n_dims; d++)
        inner *= shape[d];
    size_t before = 0; /* along the axis */
    for (size_t i = 0; i < n; i++) {
        const struct hn_array *x = op->in[2 + 3 * i];
        struct grade from;
        HN_TRY(grade_of(op, 3 + 3 * i, x->type, &from));
        const size_t row = x->shape[axis] * inner;
        for (size_t e = 0; e < x->n; e++)
            narrow(&to, &op->out[0], (e / row * shape[axis] + before) * inner + e % row,
                   wide(&from, x, e));
        before += x->shape[axis];
    }
    return HN_OK;
}

/* ---- products ---- */

/* Input i, a stack of [k, n] bytes, less the zero points in input `zero`: one, or one for each column. */
static float *right_side(struct hn_op *op, size_t i, size_t zero, size_t n)
{
    const struct hn_array *b = op->in[i], *z = has_input(op, zero) ? op->in[zero] : NULL;
    if (!hn_element_is_byte(b->type) ||
        (z && (z->type != b->type || !z->n || (z->n != 1 && z->n != n)))) {
        (void)hn_op_fail(op, HN_E_ARG, "input %zu or its zero point does not fit", i);
        return NULL;
    }
    float *to = hn_op_scratch(op, b->n, sizeof *to);
    for (size_t e = 0; to && e < b->n; e++) {
        const double less = z ? hn_array_real(z, z->n == 1 ? 0 : e % n) : 0;
        to[e] = (float)(hn_array_real(b, e) - less);
    }
    return to;
}

/* Output 0 = sums times scales, one for a row of numbers or one for each column, plus the bias. */
static enum hn_status scaled_sums(struct hn_op *op, const struct hn_stack *s, const int32_t *sums,
                                  double scale, size_t i_scale, size_t i_bias)
{
    const struct hn_array *scales = op->in[i_scale],
                          *bias = has_input(op, i_bias) ? op->in[i_bias] : NULL;
    if (!hn_element_is_float(scales->type) || !scales->n || (scales->n != 1 && scales->n != s->n) ||
        (bias && (bias->n != s->n || !hn_element_is_float(bias->type))))
        return hn_op_fail(op, HN_E_ARG, "scales or bias do not fit %zu columns", s->n);
    float *to = hn_op_out(op, 0, HN_EL_F32, s->shape, s->n_dims);
    if (!to) return hn_op_failed(op);
    for (size_t i = 0; i < op->out[0].n; i++) {
        const double by = scale * hn_array_real(scales, scales->n == 1 ? 0 : i % s->n);
        to[i] = (float)(sums[i] * by + (bias ? hn_array_real(bias, i % s->n) : 0));
    }
    return HN_OK;
}

/* x: input 0 as floats less its zero point; scale: of it. */
static enum hn_status float_product(struct hn_op *op, const float *x, double scale, size_t b_scale,
                                    size_t b_zero, size_t bias)
{
    struct hn_stack s;
    size_t n;
    HN_TRY(hn_stack_of(op, op->in[0], op->in[1], &s));
    const float *y = right_side(op, 1, b_zero, s.n);
    if (!y) return hn_op_failed(op);
    if (!hn_shape_count(s.shape, s.n_dims, sizeof(int32_t), &n))
        return hn_op_fail(op, HN_E_LIMIT, "too large");
    int32_t *sums = hn_op_scratch(op, n, sizeof *sums);
    if (!sums) return hn_op_failed(op);
    HN_TRY(hn_byte_sums(op, &s, op->in[1]->n_dims <= 2, x, y, sums));
    return scaled_sums(op, &s, sums, scale, b_scale, bias);
}

/* A product with packed weights: floats by `a_scale` and those in input `scales`, and the bias. */
static enum hn_status packed_floats(struct hn_op *op, struct hn_byte_product *p, float a_scale,
                                    size_t scales, size_t bias, const size_t *shape)
{
    const size_t n = p->b->n;
    const struct hn_array *by = op->in[scales], *add = has_input(op, bias) ? op->in[bias] : NULL;
    if (!hn_element_is_float(by->type) || (by->n != 1 && by->n != n) ||
        (add && (add->n != n || !hn_element_is_float(add->type))))
        return hn_op_fail(op, HN_E_ARG, "scales or bias do not fit %zu columns", n);
    float *scale = hn_op_scratch(op, n, sizeof *scale);
    if (!scale || (add && !(p->add = hn_op_lane_in(op, bias, HN_LANE_F32))))
        return hn_op_failed(op);
    for (size_t j = 0; j < n; j++)
        scale[j] = a_scale * (float)hn_array_real(by, by->n == 1 ? 0 : j);
    p->scale = scale;
    p->result = HN_BYTE_FLOATS;
    p->y = hn_op_out(op, 0, HN_EL_F32, shape, op->in[0]->n_dims);
    return p->y ? hn_byte_product_run(op, p) : hn_op_failed(op);
}

/* A is quantized by its own range. */
static enum hn_status packed_dynamic(struct hn_op *op)
{
    const struct hn_byte_weights *w = op->state;
    const struct hn_array *a = op->in[0];
    if (!a->n_dims || a->shape[a->n_dims - 1] != w->matrix.k || !hn_element_is_float(a->type))
        return hn_op_fail(op, HN_E_ARG, "A's rows are not %zu floats", w->matrix.k);
    const float *from = hn_op_lane_in(op, 0, HN_LANE_F32);
    uint8_t *bytes = from ? hn_op_scratch(op, a->n, 1) : NULL;
    if (!bytes) return hn_op_failed(op);
    float scale, zero;
    hn_quantize_range(op->kernels, from, a->n, &scale, &zero);
    const struct hn_byte_scale how = {.scale = scale, .zero = (int32_t)zero, .high = 255};
    op->kernels->quantize(bytes, from, a->n, &how);
    struct hn_byte_product p = {
        .b = &w->matrix, .a = bytes, .rows = a->n / w->matrix.k, .a_zero = how.zero};
    size_t shape[HN_ARRAY_DIMS];
    memcpy(shape, a->shape, sizeof shape);
    shape[a->n_dims - 1] = w->matrix.n;
    return packed_floats(op, &p, scale, 2, 4, shape);
}

enum hn_status hn_op_prepare_dynamic_quantize_matmul(struct hn_op *op, struct hn_op_state **out)
{
    return hn_byte_weights_prepare(op, 1, 3, false, out);
}

/* (A, B, B's scale, zero point, bias) */
enum hn_status hn_op_dynamic_quantize_matmul(struct hn_op *op)
{
    if (op->state) return packed_dynamic(op);
    const struct hn_array *a = op->in[0];
    const float *from = hn_op_lane_in(op, 0, HN_LANE_F32);
    float *x = from ? hn_op_scratch(op, a->n, sizeof *x) : NULL, scale, zero;
    if (!x) return hn_op_failed(op);
    hn_quantize_range(op->kernels, from, a->n, &scale, &zero);
    for (size_t i = 0; i < a->n; i++)
        x[i] = (float)hn_quantized((double)(from[i] / scale), (double)zero, 0, 255) - zero;
    return float_product(op, x, (double)scale, 2, 3, 4);
}

enum hn_status hn_op_prepare_matmul_integer_to_float(struct hn_op *op, struct hn_op_state **out)
{
    return hn_byte_weights_prepare(op, 1, 5, false, out);
}

/* (A, B, their scales, their zero points, bias) */
enum hn_status hn_op_matmul_integer_to_float(struct hn_op *op)
{
    const struct hn_array *scale = op->in[2];
    if (scale->n != 1 || !hn_element_is_float(scale->type))
        return hn_op_fail(op, HN_E_ARG, "A has one scale");
    if (has_input(op, 4) && op->in[4]->n != 1)
        return hn_op_fail(op, HN_E_ARG, "A has one zero point");
    if (op->state) {
        struct hn_byte_product p;
        size_t shape[HN_ARRAY_DIMS];
        HN_TRY(hn_packed_left(op, 0, &p, shape));
        if (has_input(op, 4) && op->in[4]->type != op->in[0]->type) return hn_op_fail_type(op, 4);
        p.a_zero = hn_byte_zero(has_input(op, 4) ? op->in[4] : NULL);
        return packed_floats(op, &p, (float)hn_array_real(scale, 0), 3, 6, shape);
    }
    const float *x = right_side(op, 0, 4, 1);
    return x ? float_product(op, x, hn_array_real(scale, 0), 3, 5, 6) : hn_op_failed(op);
}

/* A matrix of bytes less its zero points (one, or one for each column of what comes out), turned if asked. */
static float *gemm_side(struct hn_op *op, size_t i, size_t zero, bool turned,
                        struct hn_array *shape)
{
    const struct hn_array *a = op->in[i], *z = has_input(op, zero) ? op->in[zero] : NULL;
    if (!a || a->n_dims != 2 || !hn_element_is_byte(a->type)) {
        (void)hn_op_fail(op, HN_E_ARG, "input %zu is not a matrix of bytes", i);
        return NULL;
    }
    const size_t rows = a->shape[turned ? 1 : 0], columns = a->shape[turned ? 0 : 1];
    *shape = (struct hn_array){
        .type = a->type, .n_dims = 2, .shape = {rows, columns}, .n = a->n, .data = a->data};
    if (z && (z->type != a->type || (z->n != 1 && z->n != columns) || !z->n)) {
        (void)hn_op_fail(op, HN_E_ARG, "input %zu has %zu zero points", i, z->n);
        return NULL;
    }
    float *to = hn_op_scratch(op, a->n, sizeof *to);
    for (size_t e = 0; to && e < a->n; e++) {
        const size_t row = e / columns, column = e % columns;
        const double less = z ? hn_array_real(z, z->n == 1 ? 0 : column) : 0;
        to[e] = (float)(hn_array_real(a, turned ? column * rows + row : e) - less);
    }
    return to;
}

enum hn_status hn_op_prepare_qgemm(struct hn_op *op, struct hn_op_state **out)
{
    const struct hn_array *b = op->in[3], *scale = op->in[4], *c = op->n_in > 6 ? op->in[6] : NULL;
    const bool turned = hn_op_int(op, "transB", 0) != 0;
    if (!b || b->n_dims != 2 || !scale || hn_op_int(op, "transA", 0)) return HN_OK;
    const size_t n = b->shape[turned ? 0 : 1];
    if ((scale->n != 1 && scale->n != n) || !hn_element_is_float(scale->type)) return HN_OK;
    if (hn_op_given(op, 6) && (!c || c->type != HN_EL_I32 || c->n != n)) return HN_OK;
    return hn_byte_weights_prepare(op, 3, 5, turned, out);
}

/* The same with B packed. */
static enum hn_status packed_qgemm(struct hn_op *op)
{
    struct hn_byte_product p;
    struct grade from, to = {.type = HN_EL_F32, .scale = 1};
    size_t shape[HN_ARRAY_DIMS];
    if (op->in[0]->n_dims != 2) return hn_op_fail(op, HN_E_ARG, "A is not a matrix");
    HN_TRY(hn_packed_left(op, 0, &p, shape));
    HN_TRY(grade_of(op, 1, op->in[0]->type, &from));
    const bool bytes = has_input(op, 7);
    if (bytes) HN_TRY(grade_of(op, 7, has_input(op, 8) ? op->in[8]->type : op->in[0]->type, &to));
    float *scale = hn_op_scratch(op, p.b->n, sizeof *scale);
    p.y = scale ? hn_op_out(op, 0, to.type, shape, 2) : NULL;
    if (!p.y) return hn_op_failed(op);
    const struct hn_array *by = op->in[4];
    const float left = hn_op_float(op, "alpha", 1) * (float)from.scale;
    for (size_t j = 0; j < p.b->n; j++)
        scale[j] = left * (float)hn_array_real(by, by->n == 1 ? 0 : j) / (float)to.scale;
    p.scale = scale;
    p.a_zero = (int32_t)from.zero;
    p.bias = has_input(op, 6) ? op->in[6]->data : NULL;
    p.zero = (int32_t)to.zero;
    p.result = bytes ? HN_BYTE_BYTES : HN_BYTE_FLOATS;
    if (bytes) hn_byte_range(to.type, &p.low, &p.high);
    return hn_byte_product_run(op, &p);
}

/* (A, scale, zero, B, scale, zero, C of 32-bit sums, Y's scale, zero): floats where Y has no scale. */
enum hn_status hn_op_qgemm(struct hn_op *op)
{
    if (op->state) return packed_qgemm(op);
    struct hn_array a, b;
    struct hn_stack s;
    const float *x = gemm_side(op, 0, 2, hn_op_int(op, "transA", 0) != 0, &a);
    const float *y = x ? gemm_side(op, 3, 5, hn_op_int(op, "transB", 0) != 0, &b) : NULL;
    if (!y) return hn_op_failed(op);
    HN_TRY(hn_stack_of(op, &a, &b, &s));
    const struct hn_array *a_scale = has_input(op, 1) ? op->in[1] : NULL,
                          *b_scale = has_input(op, 4) ? op->in[4] : NULL;
    const struct hn_array *c = has_input(op, 6) ? op->in[6] : NULL;
    if (!a_scale || !b_scale || a_scale->n != 1 || !b_scale->n ||
        (b_scale->n != 1 && b_scale->n != s.n) || !hn_element_is_float(a_scale->type) ||
        !hn_element_is_float(b_scale->type) ||
        (c && (c->type != HN_EL_I32 || (c->n != s.n && c->n != s.m * s.n))))
        return hn_op_fail(op, HN_E_ARG, "scales or C do not fit [%zu, %zu]", s.m, s.n);
    struct grade grade = {.type = HN_EL_F32};
    const bool bytes = has_input(op, 7);
    if (bytes) HN_TRY(grade_of(op, 7, has_input(op, 8) ? op->in[8]->type : a.type, &grade));
    size_t n;
    if (!hn_shape_count(s.shape, s.n_dims, sizeof(int32_t), &n))
        return hn_op_fail(op, HN_E_LIMIT, "too large");
    int32_t *sums = hn_op_scratch(op, n, sizeof *sums);
    if (!sums || !hn_op_out(op, 0, grade.type, s.shape, s.n_dims)) return hn_op_failed(op);
    HN_TRY(hn_byte_sums(op, &s, true, x, y, sums));
    const double scale = (double)hn_op_float(op, "alpha", 1) * hn_array_real(a_scale, 0);
    for (size_t i = 0; i < n; i++) {
        const double sum = (double)sums[i] + (c ? (double)((const int32_t *)c->data)[i % c->n] : 0);
        const double value = sum * scale * hn_array_real(b_scale, b_scale->n == 1 ? 0 : i % s.n);
        if (bytes) narrow(&grade, &op->out[0], i, value);
        else ((float *)op->out[0].data)[i] = (float)value;
    }
    return HN_OK;
}
