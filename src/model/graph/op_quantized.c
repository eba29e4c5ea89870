/* Products and convolutions of quantized numbers: integers less their zero points, summed in 32 bits, then
 * scaled and quantized again. */
#include "model/graph/op_quantized.h"

#include <string.h>

#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/fast_byte_conv.h"
#include "model/graph/op_conv.h"
#include "model/graph/op_list.h"
#include "model/graph/op_matmul.h"

static bool has_input(const struct hn_op *op, size_t i)
{
    return i < op->n_in && op->in[i];
}

/* Input i as floats, in memory of its own. */
static float *own(struct hn_op *op, size_t i)
{
    const struct hn_array *a = op->in[i];
    float *to = hn_op_scratch(op, a->n, sizeof *to);
    const struct hn_convert how = {.saturate = false};
    if (to && !hn_element_convert(HN_EL_F32, to, a->type, a->data, a->n, how)) {
        (void)hn_op_fail_type(op, i);
        return NULL;
    }
    return to;
}

/* A number of input i (scale or zero point) for each of `n` things in each of `count` matrices: one for all, one
 * for each thing, or one for each thing of each matrix. */
struct each {
    const double *values;
    size_t n; /* of `values` */
};

static enum hn_status each_of(struct hn_op *op, size_t i, size_t n, size_t count, struct each *out)
{
    *out = (struct each){NULL, 0};
    if (!has_input(op, i)) return HN_OK;
    out->n = op->in[i]->n;
    if (!out->n) return HN_OK; /* as where nothing is to be computed */
    if (out->n != 1 && out->n != n && out->n != n * count)
        return hn_op_fail(op, HN_E_ARG, "input %zu has %zu elements, not 1 or %zu", i, out->n, n);
    out->values = hn_op_reals(op, i);
    return out->values ? HN_OK : hn_op_failed(op);
}

/* Likewise zero points, of the type of input `of`. */
static enum hn_status zeros_of(struct hn_op *op, size_t i, size_t of, size_t n, size_t count,
                               struct each *out)
{
    if (has_input(op, i) && op->in[i]->type != op->in[of]->type) return hn_op_fail_type(op, i);
    return each_of(op, i, n, count, out);
}

static double each_at(const struct each *e, size_t i, double fallback)
{
    return e->values ? e->values[i % e->n] : fallback;
}

/* values[(outer * along + i) * inner ...] less the zero point of (outer, i). */
static void center(float *values, size_t outer, size_t along, size_t inner, const struct each *zero)
{
    for (size_t row = 0; zero->values && row < outer * along; row++) {
        const float z = (float)each_at(zero, row, 0);
        for (size_t i = row * inner; i < (row + 1) * inner; i++)
            values[i] -= z;
    }
}

/* ---- products ---- */

struct product {
    struct hn_stack stack;
    enum hn_lane lane;
    size_t a_count, b_count; /* matrices */
    void *sums;              /* in the lane */
};

enum { EXACT = 256 }; /* products of bytes less zero points whose sum a float holds exactly */

/* By the fast product of floats: the sums of x [rows, k] y [k, n]. */
static enum hn_status packed_sums(struct hn_op *op, const struct hn_stack *s, size_t rows,
                                  const float *x, const float *y, uint32_t *sums)
{
    size_t size;
    struct hn_packed packed = {.n = s->n};
    if (!hn_packed_size(EXACT, s->n, &size))
        return hn_op_fail(op, HN_E_LIMIT, "the matrix is too large");
    float *part = hn_op_scratch(op, rows, s->n * sizeof *part);
    if (!part || !(packed.panels = hn_op_scratch(op, size, sizeof *packed.panels)))
        return hn_op_failed(op);
    for (size_t first = 0; first < s->k; first += EXACT) {
        packed.k = hn_min(EXACT, s->k - first);
        hn_pack_matrix(&packed, y + first * s->n, s->n, 1, 1);
        const struct hn_product product = {
            .a = x + first, .lda = s->k, .rows = rows, .b = &packed, .y = part, .ldy = s->n};
        HN_TRY(hn_product_run(op, &product));
        for (size_t i = 0; i < rows * s->n; i++)
            sums[i] = (first ? sums[i] : 0) + (uint32_t)(int32_t)part[i];
    }
    return HN_OK;
}

enum hn_status hn_byte_sums(struct hn_op *op, const struct hn_stack *s, bool one_right,
                            const float *x, const float *y, int32_t *sums)
{
    /* Enough rows for packing to be worth it; what comes out is the same either way. */
    const size_t rows = s->count * s->m;
    if (one_right && rows >= 8 && s->n >= 8 && s->k >= 8 && s->k <= 64 * EXACT)
        return packed_sums(op, s, rows, x, y, (uint32_t *)sums);
    return hn_stack_product(op, s, HN_LANE_BYTE, x, y, sums);
}

/* Inputs a and b with their zero points. */
static enum hn_status product_of(struct hn_op *op, size_t a, size_t a_zero, size_t b, size_t b_zero,
                                 struct product *p)
{
    const struct hn_array *left = op->in[a], *right = op->in[b];
    HN_TRY(hn_stack_of(op, left, right, &p->stack));
    const struct hn_stack *s = &p->stack;
    p->lane = hn_element_is_float(left->type) && hn_element_is_float(right->type) ? HN_LANE_F32
                                                                                  : HN_LANE_BYTE;
    if (p->lane == HN_LANE_BYTE &&
        (!hn_element_is_byte(left->type) || !hn_element_is_byte(right->type)))
        return hn_op_fail_type(op, hn_element_is_byte(left->type) ? b : a);
    p->a_count = s->m && s->k ? left->n / (s->m * s->k) : 0;
    p->b_count = s->n && s->k ? right->n / (s->n * s->k) : 0;
    struct each zero_a, zero_b;
    HN_TRY(zeros_of(op, a_zero, a, s->m, p->a_count, &zero_a));
    HN_TRY(zeros_of(op, b_zero, b, s->n, p->b_count, &zero_b));
    float *x = own(op, a), *y = x ? own(op, b) : NULL;
    if (!y) return hn_op_failed(op);
    center(x, p->a_count, s->m, s->k, &zero_a);
    /* Of columns: every row of b takes the same n zero points, those of its matrix where there are more. */
    for (size_t row = 0; row < p->b_count * s->k; row++) {
        struct each zero = zero_b;
        if (zero.n > s->n) zero = (struct each){zero_b.values + row / s->k * s->n, s->n};
        center(y + row * s->n, 1, s->n, 1, &zero);
    }
    size_t n;
    if (!hn_shape_count(s->shape, s->n_dims, 8, &n))
        return hn_op_fail(op, HN_E_LIMIT, "the result is too large");
    if (!(p->sums = hn_op_scratch(op, n, hn_lane_bytes(p->lane)))) return hn_op_failed(op);
    if (p->lane == HN_LANE_BYTE)
        return hn_byte_sums(op, s, p->b_count == 1 && p->a_count == s->count, x, y, p->sums);
    return hn_stack_product(op, s, p->lane, x, y, p->sums);
}

static double sum_at(const void *sums, enum hn_lane lane, size_t i)
{
    return lane == HN_LANE_BYTE ? (double)((const int32_t *)sums)[i]
                                : (double)((const float *)sums)[i];
}

/* ---- products with weights that were packed at load ---- */

enum hn_status hn_packed_left(struct hn_op *op, size_t a, struct hn_byte_product *p, size_t *shape)
{
    const struct hn_byte_weights *w = op->state;
    const struct hn_array *left = op->in[a];
    if (!hn_element_is_byte(left->type)) return hn_op_fail_type(op, a);
    if (!left->n_dims || left->shape[left->n_dims - 1] != w->matrix.k)
        return hn_op_fail(op, HN_E_ARG, "A's rows do not have %zu elements", w->matrix.k);
    *p = (struct hn_byte_product){.b = &w->matrix,
                                  .a = left->data,
                                  .a_signed = left->type == HN_EL_I8,
                                  .rows = left->n / w->matrix.k};
    memcpy(shape, left->shape, sizeof left->shape);
    shape[left->n_dims - 1] = w->matrix.n;
    return HN_OK;
}

/* The zero points of A, input i: one, or one for each row. */
static enum hn_status packed_zeros(struct hn_op *op, size_t i, struct hn_byte_product *p)
{
    struct each zeros;
    const size_t rows = op->in[0]->n_dims > 1 ? op->in[0]->shape[op->in[0]->n_dims - 2] : 1;
    HN_TRY(zeros_of(op, i, 0, rows, rows ? p->rows / rows : 0, &zeros));
    if (zeros.n <= 1) {
        p->a_zero = zeros.n ? hn_byte_zero(op->in[i]) : 0;
        return HN_OK;
    }
    int32_t *each = hn_op_scratch(op, p->rows, sizeof *each);
    if (!each) return hn_op_failed(op);
    for (size_t row = 0; row < p->rows; row++)
        each[row] = (int32_t)each_at(&zeros, row, 0);
    p->a_zeros = each;
    return HN_OK;
}

static enum hn_status packed_integers(struct hn_op *op)
{
    struct hn_byte_product p;
    size_t shape[HN_ARRAY_DIMS];
    HN_TRY(hn_packed_left(op, 0, &p, shape));
    HN_TRY(packed_zeros(op, 2, &p));
    p.y = hn_op_out(op, 0, HN_EL_I32, shape, op->in[0]->n_dims);
    return p.y ? hn_byte_product_run(op, &p) : hn_op_failed(op);
}

enum hn_status hn_op_prepare_matmul_integer(struct hn_op *op, struct hn_op_state **out)
{
    return hn_byte_weights_prepare(op, 1, 3, false, out);
}

enum hn_status hn_op_matmul_integer(struct hn_op *op)
{
    if (op->state) return packed_integers(op);
    struct product p;
    HN_TRY(product_of(op, 0, 2, 1, 3, &p));
    if (p.lane != HN_LANE_BYTE) return hn_op_fail_type(op, 0);
    int32_t *to = hn_op_out(op, 0, HN_EL_I32, p.stack.shape, p.stack.n_dims);
    if (!to) return hn_op_failed(op);
    for (size_t i = 0; i < op->out[0].n; i++)
        to[i] = ((const int32_t *)p.sums)[i];
    return HN_OK;
}

/* What sums become: the range of the output's type, its zero point. */
struct requantize {
    enum hn_element type;
    bool whole; /* an integer type */
    double low, high, zero;
};

static enum hn_status requantize_of(struct hn_op *op, size_t i_zero, enum hn_element fallback,
                                    struct requantize *out)
{
    *out = (struct requantize){.type = fallback};
    if (has_input(op, i_zero)) {
        if (op->in[i_zero]->n != 1)
            return hn_op_fail(op, HN_E_ARG, "the result has one zero point");
        out->type = op->in[i_zero]->type;
        if (!hn_element_is_number(out->type)) return hn_op_fail_type(op, i_zero);
        out->zero = hn_array_real(op->in[i_zero], 0);
    }
    out->whole = hn_element_is_byte(out->type);
    out->low = out->type == HN_EL_I8 ? -128 : 0;
    out->high = out->type == HN_EL_I8 ? 127 : 255;
    if (!out->whole && !hn_element_is_float(out->type)) return hn_op_fail_type(op, i_zero);
    return HN_OK;
}

static double requantized(const struct requantize *r, double value)
{
    return r->whole ? hn_quantized(value, r->zero, r->low, r->high) : value + r->zero;
}

/* Weights are packed where all of the left side and of the result have one scale and zero point, which are
 * constant too, and the weights one or `n` scales. */
static bool may_pack(const struct hn_op *op, size_t n)
{
    static const size_t single[] = {1, 2, 6, 7};
    const struct hn_array *scale = op->in[4];
    for (size_t i = 0; i < HN_COUNT(single); i++)
        if (!op->in[single[i]] || op->in[single[i]]->n != 1) return false;
    return scale && (scale->n == 1 || scale->n == n) && hn_element_is_byte(op->in[2]->type) &&
           hn_element_is_byte(op->in[7]->type);
}

/* What the sums of each of `n` columns or channels are multiplied with. */
static enum hn_status packed_scale(struct hn_op *op, size_t n, const float **out)
{
    struct each x, w, y;
    HN_TRY(each_of(op, 1, 1, 1, &x));
    HN_TRY(each_of(op, 4, n, 1, &w));
    HN_TRY(each_of(op, 6, 1, 1, &y));
    float *scale = hn_op_scratch(op, n, sizeof *scale);
    if (!scale) return hn_op_failed(op);
    for (size_t j = 0; j < n; j++)
        scale[j] = (float)each_at(&x, 0, 1) * (float)each_at(&w, j, 1) / (float)each_at(&y, 0, 1);
    *out = scale;
    return HN_OK;
}

enum hn_status hn_op_prepare_qlinear_matmul(struct hn_op *op, struct hn_op_state **out)
{
    const struct hn_array *w = op->in[3];
    if (!w || w->n_dims != 2 || !may_pack(op, w->shape[1])) return HN_OK;
    return hn_byte_weights_prepare(op, 3, 5, false, out);
}

static enum hn_status packed_qlinear(struct hn_op *op)
{
    struct hn_byte_product p;
    size_t shape[HN_ARRAY_DIMS];
    HN_TRY(hn_packed_left(op, 0, &p, shape));
    if (op->in[2]->type != op->in[0]->type) return hn_op_fail_type(op, 2);
    HN_TRY(packed_scale(op, p.b->n, &p.scale));
    p.y = hn_op_out(op, 0, op->in[7]->type, shape, op->in[0]->n_dims);
    if (!p.y) return hn_op_failed(op);
    p.result = HN_BYTE_BYTES;
    p.a_zero = hn_byte_zero(op->in[2]);
    p.zero = hn_byte_zero(op->in[7]);
    hn_byte_range(op->in[7]->type, &p.low, &p.high);
    return hn_byte_product_run(op, &p);
}

enum hn_status hn_op_qlinear_matmul(struct hn_op *op)
{
    if (op->state) return packed_qlinear(op);
    struct product p;
    struct requantize to_type;
    struct each a_scale, b_scale, y_scale;
    HN_TRY(product_of(op, 0, 2, 3, 5, &p));
    HN_TRY(requantize_of(op, 7, op->in[0]->type, &to_type));
    const struct hn_stack *s = &p.stack;
    HN_TRY(each_of(op, 1, s->m, p.a_count, &a_scale));
    HN_TRY(each_of(op, 4, s->n, p.b_count, &b_scale));
    HN_TRY(each_of(op, 6, 1, 1, &y_scale));
    double *to = hn_op_lane_out(op, 0, to_type.type, s->shape, s->n_dims, HN_LANE_F64);
    if (!to) return hn_op_failed(op);
    for (size_t i = 0; i < op->out[0].n; i++) {
        const size_t matrix = i / (s->m * s->n), row = i / s->n % s->m, column = i % s->n;
        const double by_a = each_at(&a_scale, hn_stack_at(s, s->a_step, matrix) * s->m + row, 1);
        const double by_b = each_at(&b_scale, hn_stack_at(s, s->b_step, matrix) * s->n + column, 1);
        const float by = (float)by_a * (float)by_b / (float)each_at(&y_scale, 0, 1);
        to[i] = requantized(&to_type, sum_at(p.sums, p.lane, i) * (double)by);
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

/* ---- convolutions ---- */

/* x and w less their zero points; y of 32-bit sums in scratch, or output 0 where `direct`. */
static enum hn_status conv_sums(struct hn_op *op, size_t x, size_t x_zero, size_t w, size_t w_zero,
                                bool direct, struct hn_conv *conv)
{
    conv->lane = HN_LANE_BYTE;
    if (!hn_element_is_byte(op->in[x]->type) || !hn_element_is_byte(op->in[w]->type))
        return hn_op_fail_type(op, hn_element_is_byte(op->in[x]->type) ? w : x);
    struct each zero_x, zero_w;
    HN_TRY(zeros_of(op, x_zero, x, 1, 1, &zero_x));
    HN_TRY(zeros_of(op, w_zero, w, conv->out, 1, &zero_w));
    float *image = own(op, x), *weights = image ? own(op, w) : NULL;
    if (!weights) return hn_op_failed(op);
    center(image, 1, 1, op->in[x]->n, &zero_x);
    center(weights, 1, conv->out, conv->out ? op->in[w]->n / conv->out : 0, &zero_w);
    conv->x = image;
    conv->w = weights;
    size_t shape[HN_ARRAY_DIMS], n;
    const size_t n_dims = hn_conv_shape(conv, shape);
    if (!hn_shape_count(shape, n_dims, 8, &n))
        return hn_op_fail(op, HN_E_LIMIT, "the result is too large");
    conv->y =
        direct ? hn_op_out(op, 0, HN_EL_I32, shape, n_dims) : hn_op_scratch(op, n, sizeof(int32_t));
    if (!conv->y) return hn_op_failed(op);
    return hn_conv_run(op, conv);
}

enum hn_status hn_op_prepare_conv_integer(struct hn_op *op, struct hn_op_state **out)
{
    /* One zero point, if any, is known to come. */
    if (hn_op_given(op, 2) && (!op->in[2] || op->in[2]->n != 1)) return HN_OK;
    return hn_byte_conv_prepare(op, 1, 3, out);
}

enum hn_status hn_op_conv_integer(struct hn_op *op)
{
    struct hn_conv conv;
    if (op->state) {
        if (has_input(op, 2) && op->in[2]->type != op->in[0]->type) return hn_op_fail_type(op, 2);
        const struct hn_byte_conv fast = {.x_zero =
                                              hn_byte_zero(has_input(op, 2) ? op->in[2] : NULL),
                                          .result = HN_BYTE_SUMS,
                                          .type = HN_EL_I32};
        return hn_byte_conv_run(op, &fast);
    }
    HN_TRY(hn_conv_of(op, 0, 1, &conv));
    return conv_sums(op, 0, 2, 1, 3, true, &conv);
}

enum hn_status hn_op_prepare_qlinear_conv(struct hn_op *op, struct hn_op_state **out)
{
    const struct hn_array *w = op->in[3], *bias = op->n_in > 8 ? op->in[8] : NULL;
    if (!w || !w->n_dims || !may_pack(op, w->shape[0])) return HN_OK;
    if (hn_op_given(op, 8) && (!bias || bias->type != HN_EL_I32 || bias->n != w->shape[0]))
        return HN_OK;
    return hn_byte_conv_prepare_qlinear(op, out);
}

enum hn_status hn_op_qlinear_conv(struct hn_op *op)
{
    if (op->state) return hn_byte_conv_qlinear(op);
    struct hn_conv conv;
    struct requantize to_type;
    struct each x_scale, w_scale, y_scale;
    HN_TRY(hn_conv_of(op, 0, 3, &conv));
    if (has_input(op, 8)) {
        if (op->in[8]->n != conv.out)
            return hn_op_fail(op, HN_E_ARG, "the bias has %zu elements", op->in[8]->n);
        if (!(conv.bias = hn_op_lane_in(op, 8, HN_LANE_I32))) return hn_op_failed(op);
    }
    HN_TRY(requantize_of(op, 7, op->in[0]->type, &to_type));
    HN_TRY(each_of(op, 1, 1, 1, &x_scale));
    HN_TRY(each_of(op, 4, conv.out, 1, &w_scale));
    HN_TRY(each_of(op, 6, 1, 1, &y_scale));
    HN_TRY(conv_sums(op, 0, 2, 3, 5, false, &conv));
    size_t shape[HN_ARRAY_DIMS];
    const size_t n_dims = hn_conv_shape(&conv, shape);
    float *to = hn_op_lane_out(op, 0, to_type.type, shape, n_dims, HN_LANE_F32);
    if (!to) return hn_op_failed(op);
    for (size_t i = 0; i < op->out[0].n; i++) {
        const size_t channel = i / conv.window.n_out % conv.out;
        const float by = (float)each_at(&x_scale, 0, 1) * (float)each_at(&w_scale, channel, 1) /
                         (float)each_at(&y_scale, 0, 1);
        to[i] = (float)requantized(&to_type, sum_at(conv.y, HN_LANE_BYTE, i) * (double)by);
    }
    hn_op_lane_done(op, 0, HN_LANE_F32, to);
    return HN_OK;
}
