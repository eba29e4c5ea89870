/* Functions of one number, and activations. Half floats are computed as floats (hn_op_map). */
#include <tgmath.h>

#include "model/graph/elementwise.h"
#include "model/graph/fast.h"

/* Parameters of activations, already in the type that computes. */
struct alpha {
    double a, b;
};

/* x -> expression, for float and double; `a` and `b` are parameters. */
#define MAP(name, type, result, expression)                                                        \
    static void name(size_t n, const void *in, void *out, const void *arg)                         \
    {                                                                                              \
        const struct alpha *alpha = arg;                                                           \
        const type a = (type)alpha->a, b = (type)alpha->b;                                         \
        const type *p = in;                                                                        \
        result *o = out;                                                                           \
        (void)a, (void)b;                                                                          \
        HN_EACH_ALONE for (size_t i = 0; i < n; i++)                                               \
        {                                                                                          \
            const type x = p[i];                                                                   \
            o[i] = (result)(expression);                                                           \
        }                                                                                          \
    }

static enum hn_status floats(struct hn_op *op, hn_map_fn *f32, hn_map_fn *f64, double a, double b)
{
    const struct alpha alpha = {a, b};
    const enum hn_element type = op->in[0]->type;
    switch (type) {
    case HN_EL_F32:
    case HN_EL_F16:
    case HN_EL_BF16: return hn_op_map(op, f32, &alpha, type);
    case HN_EL_F64: return hn_op_map(op, f64, &alpha, type);
    default: return hn_op_fail_type(op, 0);
    }
}

#define FLOATS(name, expression)                                                                   \
    MAP(name##_f32, float, float, expression)                                                      \
    MAP(name##_f64, double, double, expression)

#define FUNCTION(name, expression)                                                                 \
    FLOATS(name, expression)                                                                       \
    enum hn_status hn_op_##name(struct hn_op *op)                                                  \
    {                                                                                              \
        return floats(op, name##_f32, name##_f64, 0, 0);                                           \
    }

FUNCTION(acos, acos(x))
FUNCTION(acosh, acosh(x))
FUNCTION(asin, asin(x))
FUNCTION(asinh, asinh(x))
FUNCTION(atan, atan(x))
FUNCTION(atanh, atanh(x))
FUNCTION(ceil, ceil(x))
FUNCTION(cos, cos(x))
FUNCTION(cosh, cosh(x))
FUNCTION(exp, exp(x))
FUNCTION(floor, floor(x))
FUNCTION(log, log(x))
FUNCTION(reciprocal, 1 / x)
FUNCTION(round, rint(x))
FUNCTION(sin, sin(x))
FUNCTION(sinh, sinh(x))
FUNCTION(softplus, (x > 0 ? x : 0) + log1p(exp(-fabs(x))))
FUNCTION(softsign, x / (1 + fabs(x)))
FUNCTION(sqrt, sqrt(x))
FUNCTION(tan, tan(x))

/* --- that kernels know --- */

static enum hn_status activation(struct hn_op *op, hn_map_fn *f32, hn_map_fn *f64,
                                 enum hn_activation kind, double a, double b)
{
    if (op->in[0]->type != HN_EL_F32) return floats(op, f32, f64, a, b);
    return hn_fast_activate(
        op, &(struct hn_epilogue){.activation = kind, .low = (float)a, .high = (float)b});
}

#define KNOWN(name, kind, first, second, expression)                                               \
    FLOATS(name, expression)                                                                       \
    enum hn_status hn_op_##name(struct hn_op *op)                                                  \
    {                                                                                              \
        return activation(op, name##_f32, name##_f64, kind, first, second);                        \
    }

#define ALPHA(fallback) (double)hn_op_float(op, "alpha", fallback)

KNOWN(elu, HN_ELU, ALPHA(1), 1, x > 0 ? x : a * expm1(x))
KNOWN(erf, HN_ERF, 0, 0, erf(x))
KNOWN(hard_sigmoid, HN_HARD_SIGMOID, ALPHA(0.2f), (double)hn_op_float(op, "beta", 0.5f),
      a *x + b < 0    ? 0
      : a * x + b > 1 ? 1
                      : a * x + b)
KNOWN(hard_swish, HN_HARD_SWISH, 0, 0, x <= -3 ? 0 * x : x >= 3 ? x : x * (x / 6 + 0.5f))
KNOWN(leaky_relu, HN_LEAKY_RELU, ALPHA(0.01f), 0, x < 0 ? a * x : x)
KNOWN(mish, HN_MISH, 0, 0, x *tanh((x > 0 ? x : 0) + log1p(exp(-fabs(x)))))
KNOWN(quick_gelu, HN_SILU, ALPHA(1.702f), 0, x / (1 + exp(-a * x)))
KNOWN(selu, HN_ELU, ALPHA(1.67326319217681884765625f),
      (double)hn_op_float(op, "gamma", 1.05070102214813232421875f), b *(x > 0 ? x : a * expm1(x)))
KNOWN(sigmoid, HN_SIGMOID, 0, 0, 1 / (1 + exp(-x)))
KNOWN(swish, HN_SILU, ALPHA(1), 0, x / (1 + exp(-a * x)))
KNOWN(tanh, HN_TANH, 0, 0, tanh(x))

FLOATS(gelu, x * 0.5f * (1 + erf(x * b)))
FLOATS(gelu_tanh, 0.5f * x * (1 + tanh(b * (x + a * x * x * x))))

enum hn_status hn_op_gelu(struct hn_op *op)
{
    if (hn_str_is(hn_op_text(op, "approximate", "none"), "tanh"))
        return activation(op, gelu_tanh_f32, gelu_tanh_f64, HN_GELU_TANH, 0.044715,
                          M_2_SQRTPI * M_SQRT1_2);
    return activation(op, gelu_f32, gelu_f64, HN_GELU, 0, M_SQRT1_2);
}

/* --- with parameters --- */

#define ACTIVATION(name, first, second, expression)                                                \
    FLOATS(name, expression)                                                                       \
    enum hn_status hn_op_##name(struct hn_op *op)                                                  \
    {                                                                                              \
        return floats(op, name##_f32, name##_f64, first, second);                                  \
    }

ACTIVATION(celu, ALPHA(1), 0, (x > 0 ? x : 0) + (x < 0 ? a * (exp(x / a) - 1) : x - x))
ACTIVATION(shrink, (double)hn_op_float(op, "lambd", 0.5f), (double)hn_op_float(op, "bias", 0),
           x<-a ? x + b : x> a ? x - b : 0)
ACTIVATION(thresholded_relu, ALPHA(1), 0, x > a ? x : 0)

/* --- of integers too --- */

#define INTEGERS(name, expression)                                                                 \
    MAP(name##_i8, int8_t, int8_t, expression)                                                     \
    MAP(name##_i16, int16_t, int16_t, expression)                                                  \
    MAP(name##_i32, int32_t, int32_t, expression)                                                  \
    MAP(name##_i64, int64_t, int64_t, expression)

/* Those without a sign stay what they are, or become what `unsigned_fn` makes of them. */
static enum hn_status numbers(struct hn_op *op, hn_map_fn *const signed_fns[4], hn_map_fn *f32,
                              hn_map_fn *f64)
{
    static const struct alpha none;
    const struct hn_array *in = op->in[0];
    switch (in->type) {
    case HN_EL_I8: return hn_op_map(op, signed_fns[0], &none, in->type);
    case HN_EL_I16: return hn_op_map(op, signed_fns[1], &none, in->type);
    case HN_EL_I32: return hn_op_map(op, signed_fns[2], &none, in->type);
    case HN_EL_I64: return hn_op_map(op, signed_fns[3], &none, in->type);
    case HN_EL_U8:
    case HN_EL_U16:
    case HN_EL_U32:
    case HN_EL_U64: return hn_op_alias(op, 0, 0, in->shape, in->n_dims);
    default: return floats(op, f32, f64, 0, 0);
    }
}

#define NUMBERS(name, real, integer)                                                               \
    FLOATS(name, real)                                                                             \
    INTEGERS(name, integer)                                                                        \
    enum hn_status hn_op_##name(struct hn_op *op)                                                  \
    {                                                                                              \
        static hn_map_fn *const fns[] = {name##_i8, name##_i16, name##_i32, name##_i64};           \
        return numbers(op, fns, name##_f32, name##_f64);                                           \
    }

/* The smallest integer has no opposite: it wraps. */
NUMBERS(abs, fabs(x), x < 0 ? (int64_t)(0 - (uint64_t)x) : x)
NUMBERS(neg, -x, (int64_t)(0 - (uint64_t)x))
FLOATS(relu, x < 0 ? 0 : x)
INTEGERS(relu, x < 0 ? 0 : x)

enum hn_status hn_op_relu(struct hn_op *op)
{
    static hn_map_fn *const fns[] = {relu_i8, relu_i16, relu_i32, relu_i64};
    if (op->in[0]->type == HN_EL_F32)
        return hn_fast_activate(op, &(struct hn_epilogue){.activation = HN_RELU});
    return numbers(op, fns, relu_f32, relu_f64);
}

FLOATS(sign, x > 0 ? 1 : x < 0 ? -1 : x)
INTEGERS(sign, (x > 0) - (x < 0))
MAP(sign_u8, uint8_t, uint8_t, x != 0)
MAP(sign_u16, uint16_t, uint16_t, x != 0)
MAP(sign_u32, uint32_t, uint32_t, x != 0)
MAP(sign_u64, uint64_t, uint64_t, x != 0)

enum hn_status hn_op_sign(struct hn_op *op)
{
    static hn_map_fn *const fns[] = {sign_i8, sign_i16, sign_i32, sign_i64};
    static const struct alpha none;
    const enum hn_element type = op->in[0]->type;
    switch (type) {
    case HN_EL_U8: return hn_op_map(op, sign_u8, &none, type);
    case HN_EL_U16: return hn_op_map(op, sign_u16, &none, type);
    case HN_EL_U32: return hn_op_map(op, sign_u32, &none, type);
    case HN_EL_U64: return hn_op_map(op, sign_u64, &none, type);
    default: return numbers(op, fns, sign_f32, sign_f64);
    }
}

/* --- bits and truths --- */

MAP(not, uint8_t, uint8_t, !x)
MAP(bitwise_not, uint8_t, uint8_t, ~x)

enum hn_status hn_op_not(struct hn_op *op)
{
    static const struct alpha none;
    if (op->in[0]->type != HN_EL_BOOL) return hn_op_fail_type(op, 0);
    return hn_op_map(op, not, &none, HN_EL_BOOL);
}

enum hn_status hn_op_bitwise_not(struct hn_op *op)
{
    static const struct alpha none;
    const struct hn_array *in = op->in[0];
    const size_t bytes = in->n * hn_element_info(in->type)->bytes;
    const void *from = in->data;
    if (!hn_element_is_integer(in->type)) return hn_op_fail_type(op, 0);
    void *to = hn_op_out_like(op, 0, 0);
    if (!to) return hn_op_failed(op);
    bitwise_not(bytes, from, to, &none);
    return HN_OK;
}

MAP(is_nan_f32, float, uint8_t, x != x)
MAP(is_nan_f64, double, uint8_t, x != x)
MAP(is_inf_f32, float, uint8_t, (a != 0 && x == INFINITY) || (b != 0 && x == -INFINITY))
MAP(is_inf_f64, double, uint8_t, (a != 0 && x == INFINITY) || (b != 0 && x == -INFINITY))

/* Floats of a byte go through double, one by one. */
static enum hn_status truth(struct hn_op *op, hn_map_fn *f32, hn_map_fn *f64, struct alpha alpha)
{
    const struct hn_array *in = op->in[0];
    switch (in->type) {
    case HN_EL_F32:
    case HN_EL_F16:
    case HN_EL_BF16: return hn_op_map(op, f32, &alpha, HN_EL_BOOL);
    case HN_EL_F64: return hn_op_map(op, f64, &alpha, HN_EL_BOOL);
    default: break;
    }
    if (!hn_element_is_float(in->type)) return hn_op_fail_type(op, 0);
    uint8_t *out = hn_op_out(op, 0, HN_EL_BOOL, in->shape, in->n_dims);
    if (!out) return hn_op_failed(op);
    for (size_t i = 0; i < in->n; i++) {
        const double x = hn_array_real(in, i);
        f64(1, &x, &out[i], &alpha);
    }
    return HN_OK;
}

enum hn_status hn_op_is_nan(struct hn_op *op)
{
    return truth(op, is_nan_f32, is_nan_f64, (struct alpha){0});
}

enum hn_status hn_op_is_inf(struct hn_op *op)
{
    return truth(op, is_inf_f32, is_inf_f64,
                 (struct alpha){(double)hn_op_int(op, "detect_positive", 1),
                                (double)hn_op_int(op, "detect_negative", 1)});
}
