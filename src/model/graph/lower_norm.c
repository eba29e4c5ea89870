/* com.microsoft: normalizations with the sums before them. */
#include "model/graph/lower.h"

/* Over the last dimension; means and deviations as outputs 1 and 2 where they are wanted. */
static void layer_norm(struct hn_lower *l, int32_t x, int32_t scale, int32_t bias)
{
    const size_t n = l->wanted[1] || l->wanted[2] ? 3 : 1;
    hn_lower_float(l, "epsilon", hn_node_float(l->call, "epsilon", 1e-12f));
    const int32_t y =
        hn_lower_node(l, "", "LayerNormalization", n, (const int32_t[]){x, scale, bias}, 3);
    l->out[0] = y;
    if (n > 1) l->out[1] = y + 1, l->out[2] = y + 2;
}

void hn_lower_skip_layer_norm(struct hn_lower *l)
{
    const int32_t both = HN_LOWER(l, "Add", hn_lower_in(l, 0), hn_lower_in(l, 1));
    const int32_t x = hn_lower_plus(l, both, hn_lower_in(l, 4));
    layer_norm(l, x, hn_lower_in(l, 2), hn_lower_in(l, 3));
    l->out[3] = x;
}

void hn_lower_skip_rms_norm(struct hn_lower *l)
{
    const int32_t both = HN_LOWER(l, "Add", hn_lower_in(l, 0), hn_lower_in(l, 1));
    const int32_t x = hn_lower_plus(l, both, hn_lower_in(l, 3));
    hn_lower_float(l, "epsilon", hn_node_float(l->call, "epsilon", 1e-12f));
    l->out[0] = HN_LOWER(l, "RMSNormalization", x, hn_lower_in(l, 2));
    l->out[3] = x;
}

void hn_lower_rms_norm(struct hn_lower *l)
{
    HN_LOWER_KEEP(l, "axis", "epsilon");
    l->out[0] = HN_LOWER(l, "RMSNormalization", hn_lower_in(l, 0), hn_lower_in(l, 1));
}

/* Rows of the table of positions: those named, or one for each token in order. */
static int32_t positions(struct hn_lower *l, int32_t ids, int32_t table, int32_t places)
{
    if (places != HN_NO_SLOT) return HN_LOWER(l, "Gather", table, places);
    hn_lower_int(l, "start", 1);
    const int32_t length = HN_LOWER(l, "Shape", ids);
    const int32_t zero = hn_lower_list(l, (const int64_t[]){0}, 1);
    return HN_LOWER(l, "Slice", table, zero, length, zero);
}

/* How many tokens of each row the mask leaves; 0 without a mask. */
static int32_t lengths(struct hn_lower *l, int32_t ids, int32_t mask)
{
    if (mask == HN_NO_SLOT) {
        hn_lower_int(l, "end", 1);
        const int32_t rows = HN_LOWER(l, "ConstantOfShape", HN_LOWER(l, "Shape", ids));
        hn_lower_int(l, "to", 6);
        return HN_LOWER(l, "Cast", rows);
    }
    hn_lower_int(l, "keepdims", 0);
    return HN_LOWER(l, "ReduceSum", mask, hn_lower_list(l, (const int64_t[]){1}, 1));
}

/* (ids, segments, their tables: words, positions, segments; scale, bias, mask, places) */
void hn_lower_embed_layer_norm(struct hn_lower *l)
{
    const int32_t ids = hn_lower_in(l, 0), segments = hn_lower_in(l, 1),
                  segment_table = hn_lower_in(l, 4);
    const int32_t words = HN_LOWER(l, "Gather", hn_lower_in(l, 2), ids);
    int32_t x = HN_LOWER(l, "Add", words, positions(l, ids, hn_lower_in(l, 3), hn_lower_in(l, 8)));
    if (segments != HN_NO_SLOT && segment_table != HN_NO_SLOT)
        x = hn_lower_plus(l, x, HN_LOWER(l, "Gather", segment_table, segments));
    const bool mask = l->wanted[1];
    l->wanted[1] = l->wanted[2] = false; /* other outputs than those of a norm */
    layer_norm(l, x, hn_lower_in(l, 5), hn_lower_in(l, 6));
    if (mask) l->out[1] = lengths(l, ids, hn_lower_in(l, 7));
    l->out[2] = x;
}

static int32_t groups(struct hn_lower *l, int32_t x)
{
    const bool last = hn_node_int(l->call, "channels_last", 1) != 0;
    if (last) x = hn_lower_to_first(l, x);
    hn_lower_int(l, "num_groups", hn_node_int(l->call, "groups", 0));
    HN_LOWER_KEEP(l, "epsilon");
    int32_t y = HN_LOWER(l, "GroupNormalization", x, hn_lower_in(l, 1), hn_lower_in(l, 2));
    if (hn_node_int(l->call, "activation", 0)) y = HN_LOWER(l, "Mul", y, HN_LOWER(l, "Sigmoid", y));
    return last ? hn_lower_to_last(l, y) : y;
}

void hn_lower_group_norm(struct hn_lower *l)
{
    l->out[0] = groups(l, hn_lower_in(l, 0));
}

/* (x, scale, bias, skip, its bias): the sum is the second output. */
void hn_lower_skip_group_norm(struct hn_lower *l)
{
    if (!hn_node_int(l->call, "channels_last", 1))
        hn_lower_fail(l, HN_E_UNSUPPORTED, "channels come last");
    l->out[1] = hn_lower_plus(l, HN_LOWER(l, "Add", hn_lower_in(l, 0), hn_lower_in(l, 3)),
                              hn_lower_in(l, 4));
    l->out[0] = groups(l, l->out[1]);
}
