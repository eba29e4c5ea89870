/* com.microsoft: attention whose projections are part of the operator. */
#include "model/graph/lower.h"

/* Past keys (at 0) or values (at 1) of [2, batch, heads, length, size]. */
static int32_t past_of(struct hn_lower *l, int32_t past, int64_t at)
{
    if (past == HN_NO_SLOT) return past;
    const int32_t index = hn_lower_list(l, &at, 1);
    const int32_t axis = hn_lower_list(l, (const int64_t[]){0}, 1);
    return HN_LOWER(l, "Squeeze", HN_LOWER(l, "Gather", past, index), axis);
}

/* Queries, keys and values side by side in `projected`. */
static void attend(struct hn_lower *l, int32_t projected, int32_t mask, int32_t bias, int32_t past)
{
    if (hn_node_int(l->call, "do_rotary", 0) ||
        hn_node_int(l->call, "past_present_share_buffer", 0))
        hn_lower_fail(l, HN_E_UNSUPPORTED,
                      "do_rotary and past_present_share_buffer are not supported");
    const struct hn_onnx_attr *sizes = hn_node_attr_of(l->call, "qkv_hidden_sizes", HN_ONNX_INTS);
    int32_t parts[] = {projected, HN_NO_SLOT};
    hn_lower_int(l, "axis", -1);
    if (sizes && sizes->n == 3) parts[1] = hn_lower_list(l, sizes->ints, 3);
    else hn_lower_int(l, "num_outputs", 3);
    const int32_t q = hn_lower_node(l, "", "Split", 3, parts, 2);
    const int32_t in[] = {
        q, q + 1, q + 2, HN_NO_SLOT, mask, bias, past_of(l, past, 0), past_of(l, past, 1),
    };
    HN_LOWER_KEEP(l, "num_heads", "scale", "mask_filter_value", "unidirectional");
    const int32_t y = hn_lower_node(l, "com.microsoft", "MultiHeadAttention", 3, in, 8);
    l->out[0] = y;
    if (!l->wanted[1]) return;
    const int32_t axis = hn_lower_list(l, (const int64_t[]){0}, 1);
    const int32_t keys = HN_LOWER(l, "Unsqueeze", y + 1, axis),
                  values = HN_LOWER(l, "Unsqueeze", y + 2, axis);
    hn_lower_int(l, "axis", 0);
    l->out[1] = HN_LOWER(l, "Concat", keys, values);
}

void hn_lower_attention(struct hn_lower *l)
{
    const int32_t product = HN_LOWER(l, "MatMul", hn_lower_in(l, 0), hn_lower_in(l, 1));
    attend(l, hn_lower_plus(l, product, hn_lower_in(l, 2)), hn_lower_in(l, 3), hn_lower_in(l, 5),
           hn_lower_in(l, 4));
}

/* (x, w, bias, their scales, mask, their zero points, past) */
void hn_lower_qattention(struct hn_lower *l)
{
    const int32_t in[] = {hn_lower_in(l, 0), hn_lower_in(l, 1), hn_lower_in(l, 3),
                          hn_lower_in(l, 4), hn_lower_in(l, 6), hn_lower_in(l, 7),
                          hn_lower_in(l, 2)};
    const int32_t projected = hn_lower_node(l, "com.microsoft", "MatMulIntegerToFloat", 1, in, 7);
    attend(l, projected, hn_lower_in(l, 5), HN_NO_SLOT, hn_lower_in(l, 8));
}
