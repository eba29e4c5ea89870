/* com.microsoft: early or almost equal forms of operators of ai.onnx. */
#include "model/graph/lower.h"

void hn_lower_expand_dims(struct hn_lower *l)
{
    const int32_t one = hn_lower_list(l, (const int64_t[]){1}, 1);
    const int32_t axis = HN_LOWER(l, "Reshape", hn_lower_in(l, 1), one);
    hn_lower_int(l, "to", 7);
    l->out[0] = HN_LOWER(l, "Unsqueeze", hn_lower_in(l, 0), HN_LOWER(l, "Cast", axis));
}

/* The padding may stand in a matrix of one row. */
void hn_lower_pad(struct hn_lower *l)
{
    const int32_t all = hn_lower_list(l, (const int64_t[]){-1}, 1);
    const int32_t pads = HN_LOWER(l, "Reshape", hn_lower_in(l, 1), all);
    int32_t value = hn_lower_in(l, 2);
    if (value != HN_NO_SLOT) value = HN_LOWER(l, "Reshape", value, all);
    HN_LOWER_KEEP(l, "mode");
    l->out[0] = HN_LOWER(l, "Pad", hn_lower_in(l, 0), pads, value);
}

void hn_lower_range(struct hn_lower *l)
{
    int32_t step = hn_lower_in(l, 2);
    if (step == HN_NO_SLOT) step = hn_lower_real_as(l, 1, hn_lower_in(l, 0));
    l->out[0] = HN_LOWER(l, "Range", hn_lower_in(l, 0), hn_lower_in(l, 1), step);
}

/* In the order in which they come; then where each element went, and how often each comes. */
void hn_lower_unique(struct hn_lower *l)
{
    const int32_t x = hn_lower_in(l, 0);
    hn_lower_int(l, "sorted", 0);
    const int32_t y = hn_lower_node(l, "", "Unique", 4, &x, 1);
    l->out[0] = y;
    l->out[1] = y + 2;
    l->out[2] = y + 3;
}

void hn_lower_grid_sample(struct hn_lower *l)
{
    HN_LOWER_KEEP(l, "mode", "padding_mode", "align_corners");
    l->opset = 16;
    l->out[0] = HN_LOWER(l, "GridSample", hn_lower_in(l, 0), hn_lower_in(l, 1));
}

void hn_lower_torch_embedding(struct hn_lower *l)
{
    l->out[0] = HN_LOWER(l, "Gather", hn_lower_in(l, 0), hn_lower_in(l, 1));
}
