/* com.microsoft: operators of quantized numbers whose results are those of the numbers they stand for. */
#include "model/graph/lower.h"

/* The numbers that inputs i, i + 1 (scale) and i + 2 (zero point) stand for. */
static int32_t widened(struct hn_lower *l, size_t i)
{
    return HN_LOWER(l, "DequantizeLinear", hn_lower_in(l, i), hn_lower_in(l, i + 1),
                    hn_lower_in(l, i + 2));
}

/* Quantized by inputs i and i + 1. Without a zero point: of the type of x's, or of its own. */
static int32_t narrowed(struct hn_lower *l, int32_t y, size_t i)
{
    int32_t zero = hn_lower_in(l, i + 1);
    if (zero == HN_NO_SLOT) zero = HN_LOWER(l, "CastLike", hn_lower_real(l, 0), hn_lower_in(l, 0));
    return HN_LOWER(l, "QuantizeLinear", y, hn_lower_in(l, i), zero);
}

void hn_lower_qlinear_average_pool(struct hn_lower *l)
{
    const bool last = hn_node_int(l->call, "channels_last", 0) != 0;
    int32_t x = widened(l, 0);
    if (last) x = hn_lower_to_first(l, x);
    HN_LOWER_KEEP(l, "auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads",
                  "strides");
    x = HN_LOWER(l, "AveragePool", x);
    if (last) x = hn_lower_to_last(l, x);
    l->out[0] = narrowed(l, x, 3);
}

void hn_lower_qlinear_reduce_mean(struct hn_lower *l)
{
    const int32_t x = widened(l, 0);
    HN_LOWER_KEEP(l, "axes", "keepdims");
    l->opset = 13;
    l->out[0] = narrowed(l, HN_LOWER(l, "ReduceMean", x), 3);
}

/* As the Softmax of opset "opset". */
void hn_lower_qlinear_softmax(struct hn_lower *l)
{
    const int64_t opset = hn_node_int(l->call, "opset", 13);
    const int32_t x = widened(l, 0);
    HN_LOWER_KEEP(l, "axis");
    l->opset = opset < 13 ? 11 : 13;
    l->out[0] = narrowed(l, HN_LOWER(l, "Softmax", x), 3);
}

/* (condition, x, y, z: each with scale and zero point) */
void hn_lower_qlinear_where(struct hn_lower *l)
{
    const int32_t x = widened(l, 1), y = widened(l, 4);
    const int32_t z = HN_LOWER(l, "Where", hn_lower_in(l, 0), x, y);
    l->out[0] = HN_LOWER(l, "QuantizeLinear", z, hn_lower_in(l, 7), hn_lower_in(l, 8));
}

void hn_lower_qlinear_conv(struct hn_lower *l)
{
    const bool last = hn_node_int(l->call, "channels_last", 0) != 0;
    int32_t in[9];
    for (size_t i = 0; i < 9; i++)
        in[i] = hn_lower_in(l, i);
    if (last) in[0] = hn_lower_to_first(l, in[0]);
    hn_lower_keep_conv(l);
    const int32_t y = hn_lower_node(l, "", "QLinearConv", 1, in, 9);
    l->out[0] = last ? hn_lower_to_last(l, y) : y;
}

void hn_lower_nhwc_max_pool(struct hn_lower *l)
{
    const int32_t x = hn_lower_to_first(l, hn_lower_in(l, 0));
    HN_LOWER_KEEP(l, "auto_pad", "ceil_mode", "dilations", "pads", "kernel_shape", "strides");
    l->out[0] = hn_lower_to_last(l, HN_LOWER(l, "MaxPool", x));
}

void hn_lower_reduce_sum_integer(struct hn_lower *l)
{
    hn_lower_int(l, "to", 6);
    const int32_t x = HN_LOWER(l, "Cast", hn_lower_in(l, 0));
    HN_LOWER_KEEP(l, "axes", "keepdims");
    l->opset = 11;
    l->out[0] = HN_LOWER(l, "ReduceSum", x);
}

/* (x, w, r, bias, lengths, h, c, peepholes, then scale and zero point of w and of r): the weights of every
 * direction are turned, [inputs, gates]. */
static int32_t weights(struct hn_lower *l, size_t i, size_t scale)
{
    const struct hn_array *by = hn_body_constant(l->body, hn_lower_in(l, scale));
    const struct hn_array *w = hn_body_constant(l->body, hn_lower_in(l, i));
    if (!by || !w || w->n_dims != 3)
        hn_lower_fail(l, HN_E_UNSUPPORTED, "weights that are not constant");
    if (l->status < 0) return HN_NO_SLOT;
    /* One scale for each direction, or one for each of its columns. */
    const int64_t shape[] = {(int64_t)w->shape[0], 1, -1};
    const int32_t to = hn_lower_list(l, shape, 3);
    hn_lower_int(l, "to", 1);
    const int32_t wide = HN_LOWER(l, "Cast", hn_lower_in(l, i));
    hn_lower_int(l, "to", 1);
    const int32_t zero = HN_LOWER(l, "Reshape", HN_LOWER(l, "Cast", hn_lower_in(l, scale + 1)), to);
    const int32_t factor = HN_LOWER(l, "Reshape", hn_lower_in(l, scale), to);
    const int32_t real = HN_LOWER(l, "Mul", HN_LOWER(l, "Sub", wide, zero), factor);
    hn_lower_ints(l, "perm", (const int64_t[]){0, 2, 1}, 3);
    return HN_LOWER(l, "Transpose", real);
}

/* With the numbers that the weights stand for; inputs and states are not quantized. */
void hn_lower_dynamic_quantize_lstm(struct hn_lower *l)
{
    int32_t in[8];
    for (size_t i = 0; i < 8; i++)
        in[i] = i == 1 ? weights(l, 1, 8) : i == 2 ? weights(l, 2, 10) : hn_lower_in(l, i);
    HN_LOWER_KEEP(l, "activation_alpha", "activation_beta", "activations", "clip", "direction",
                  "hidden_size", "input_forget");
    const int32_t y = hn_lower_node(l, "", "LSTM", 3, in, 8);
    for (int32_t i = 0; i < 3; i++)
        l->out[i] = y + i;
}

/* Sums wrap around. */
void hn_lower_matmul_integer_16(struct hn_lower *l)
{
    int32_t side[2];
    for (size_t i = 0; i < 2; i++) {
        hn_lower_int(l, "to", 6);
        side[i] = HN_LOWER(l, "Cast", hn_lower_in(l, i));
    }
    l->out[0] = HN_LOWER(l, "MatMul", side[0], side[1]);
}
