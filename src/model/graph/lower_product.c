/* com.microsoft: products and convolutions with what follows them. */
#include "model/graph/lower.h"

void hn_lower_fused_matmul(struct hn_lower *l)
{
    if (hn_node_int(l->call, "transBatchA", 0) || hn_node_int(l->call, "transBatchB", 0))
        hn_lower_fail(l, HN_E_UNSUPPORTED, "transBatchA and transBatchB are not supported");
    int32_t a = hn_lower_in(l, 0), b = hn_lower_in(l, 1);
    if (hn_node_int(l->call, "transA", 0)) a = hn_lower_turned(l, a);
    if (hn_node_int(l->call, "transB", 0)) b = hn_lower_turned(l, b);
    l->out[0] = hn_lower_scaled(l, HN_LOWER(l, "MatMul", a, b), hn_node_float(l->call, "alpha", 1));
}

/* Activations whose parameters stand in attributes of their own. */
void hn_lower_fused_gemm(struct hn_lower *l)
{
    const float params[] = {hn_node_float(l->call, "activation_alpha", 0),
                            hn_node_float(l->call, "activation_beta", 0)};
    const size_t n = hn_node_attr(l->call, "activation_beta")    ? 2
                     : hn_node_attr(l->call, "activation_alpha") ? 1
                                                                 : 0;
    HN_LOWER_KEEP(l, "alpha", "beta", "transA", "transB");
    const int32_t y = HN_LOWER(l, "Gemm", hn_lower_in(l, 0), hn_lower_in(l, 1), hn_lower_in(l, 2));
    l->out[0] = hn_lower_activation(l, y, hn_node_text(l->call, "activation", ""), params, n);
}

void hn_lower_gemm_fast_gelu(struct hn_lower *l)
{
    const int32_t product = HN_LOWER(l, "MatMul", hn_lower_in(l, 0), hn_lower_in(l, 1));
    const int32_t y = hn_lower_plus(l, product, hn_lower_in(l, 2));
    hn_lower_text(l, "approximate", "tanh");
    l->out[0] = HN_LOWER(l, "Gelu", y);
}

static int32_t conv(struct hn_lower *l, int32_t x)
{
    hn_lower_keep_conv(l);
    return HN_LOWER(l, "Conv", x, hn_lower_in(l, 1), hn_lower_in(l, 2));
}

static int32_t activated(struct hn_lower *l, int32_t y)
{
    const struct hn_onnx_attr *params =
        hn_node_attr_of(l->call, "activation_params", HN_ONNX_FLOATS);
    return hn_lower_activation(l, y, hn_node_text(l->call, "activation", ""),
                               params ? params->floats : NULL, params ? params->n : 0);
}

void hn_lower_fused_conv(struct hn_lower *l)
{
    l->out[0] = activated(l, hn_lower_plus(l, conv(l, hn_lower_in(l, 0)), hn_lower_in(l, 3)));
}

/* Channels last, but the weights as always. */
void hn_lower_nhwc_fused_conv(struct hn_lower *l)
{
    const int32_t add = hn_lower_in(l, 3);
    int32_t y = conv(l, hn_lower_to_first(l, hn_lower_in(l, 0)));
    if (add != HN_NO_SLOT) y = hn_lower_plus(l, y, hn_lower_to_first(l, add));
    l->out[0] = hn_lower_to_last(l, activated(l, y));
}
