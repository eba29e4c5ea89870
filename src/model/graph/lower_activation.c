/* com.microsoft: activations with the sums before them. */
#include "model/graph/lower.h"

void hn_lower_gelu(struct hn_lower *l)
{
    l->out[0] = HN_LOWER(l, "Gelu", hn_lower_in(l, 0));
}

void hn_lower_bias_gelu(struct hn_lower *l)
{
    l->out[0] = HN_LOWER(l, "Gelu", HN_LOWER(l, "Add", hn_lower_in(l, 0), hn_lower_in(l, 1)));
}

void hn_lower_fast_gelu(struct hn_lower *l)
{
    const int32_t x = hn_lower_plus(l, hn_lower_in(l, 0), hn_lower_in(l, 1));
    hn_lower_text(l, "approximate", "tanh");
    l->out[0] = HN_LOWER(l, "Gelu", x);
}

/* (x, bias, skip) */
void hn_lower_bias_add(struct hn_lower *l)
{
    l->out[0] = hn_lower_plus(l, HN_LOWER(l, "Add", hn_lower_in(l, 0), hn_lower_in(l, 1)),
                              hn_lower_in(l, 2));
}

/* Half of the channels times the gelu of the others. */
void hn_lower_bias_split_gelu(struct hn_lower *l)
{
    const int32_t x = HN_LOWER(l, "Add", hn_lower_in(l, 0), hn_lower_in(l, 1));
    hn_lower_int(l, "axis", -1);
    hn_lower_int(l, "num_outputs", 2);
    const int32_t half = hn_lower_node(l, "", "Split", 2, &x, 1);
    l->out[0] = HN_LOWER(l, "Mul", half, HN_LOWER(l, "Gelu", half + 1));
}

/* Everything from the axis on is one row, as Softmax had it before opset 13. */
void hn_lower_bias_softmax(struct hn_lower *l)
{
    const int32_t x = HN_LOWER(l, "Add", hn_lower_in(l, 0), hn_lower_in(l, 1));
    hn_lower_int(l, "axis", hn_node_int(l->call, "axis", 1));
    l->opset = 11;
    l->out[0] = HN_LOWER(l, "Softmax", x);
}

/* Nothing is dropped where nothing is trained. */
void hn_lower_bias_dropout(struct hn_lower *l)
{
    hn_lower_bias_add(l);
}
