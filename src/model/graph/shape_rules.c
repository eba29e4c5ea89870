/* Shapes of what is computed element by element, reduced, or made out of little; and of scores. */
#include <string.h>

#include "base/bits.h"
#include "model/graph/shape.h"

/* Nothing but the type is known. */
enum hn_status hn_shape_untold(struct hn_shaper *s)
{
    (void)s;
    return HN_OK;
}

enum hn_status hn_shape_like(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    if (!x->known_rank) return HN_OK;
    HN_TRY(hn_shape_set(s, 0, x->dims, x->n_dims));
    const bool same = hn_str_is(s->node->op, "Identity");
    return same && x->values ? hn_shape_set_values(s, 0, x->values, x->n_values) : HN_OK;
}

/* Sums, differences and products of lists of the same length, or of one number and a list. */
static enum hn_status compute(struct hn_shaper *s)
{
    const struct hn_fact *a = hn_shape_in(s, 0), *b = hn_shape_in(s, 1);
    const struct hn_str op = s->node->op;
    const size_t n = hn_max(a->n_values, b->n_values);
    int64_t out[HN_SHAPE_VALUES];
    if (s->node->n_in != 2 || !a->values || !b->values || hn_shape_out(s, 0)->type == HN_EL_BOOL ||
        (a->n_values != n && a->n_values != 1) || (b->n_values != n && b->n_values != 1))
        return HN_OK;
    for (size_t i = 0; i < n; i++) {
        const int64_t x = a->values[a->n_values == 1 ? 0 : i],
                      y = b->values[b->n_values == 1 ? 0 : i];
        out[i] = HN_DIM_ANY;
        if (hn_str_is(op, "Mul")) out[i] = hn_dim_times(x, y);
        else if (hn_str_is(op, "Add")) out[i] = hn_dim_plus(x, y);
        else if (hn_str_is(op, "Sub") && hn_dim_is_number(y)) out[i] = hn_dim_plus(x, -y);
        else if (hn_str_is(op, "Div") && y == 1) out[i] = x;
        else if (hn_str_is(op, "Div") && y > 1 && x >= 0) out[i] = x / y;
    }
    return hn_shape_set_values(s, 0, out, n);
}

enum hn_status hn_shape_broadcasts(struct hn_shaper *s)
{
    int64_t dims[HN_ARRAY_DIMS];
    size_t n = 0;
    if (s->node->opset < 7) return hn_shape_like(s); /* the second operand's fit into the first's */
    for (size_t i = 0; i < s->node->n_in; i++) {
        const struct hn_fact *x = hn_shape_in(s, i);
        if (!x->known_rank) return HN_OK;
        HN_TRY(hn_shape_broadcast(s, dims, &n, x->dims, x->n_dims));
    }
    HN_TRY(hn_shape_set(s, 0, dims, n));
    return compute(s);
}

/* --- reductions --- */

/* Without the dimensions marked, or with ones in their places. */
static enum hn_status set_reduced(struct hn_shaper *s, const bool *gone)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    const bool keep = hn_node_int(s->node, "keepdims", 1) != 0;
    int64_t dims[HN_ARRAY_DIMS];
    size_t n = 0;
    for (size_t i = 0; i < x->n_dims; i++)
        if (!gone[i] || keep) dims[n++] = gone[i] ? 1 : x->dims[i];
    return hn_shape_set(s, 0, dims, n);
}

enum hn_status hn_shape_reduce(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    const int64_t *axes;
    size_t n;
    bool gone[HN_ARRAY_DIMS] = {false};
    if (!x->known_rank || !hn_shape_ints(s, 1, "axes", &axes, &n)) return HN_OK;
    if (n == 0 && !hn_node_int(s->node, "noop_with_empty_axes", 0)) memset(gone, true, sizeof gone);
    for (size_t i = 0; i < n; i++) {
        size_t axis;
        HN_TRY(hn_shape_axis(s, axes[i], x->n_dims, &axis));
        gone[axis] = true;
    }
    return set_reduced(s, gone);
}

enum hn_status hn_shape_arg(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    bool gone[HN_ARRAY_DIMS] = {false};
    size_t axis;
    if (!x->known_rank) return HN_OK;
    HN_TRY(hn_shape_axis(s, hn_node_int(s->node, "axis", 0), x->n_dims, &axis));
    gone[axis] = true;
    return set_reduced(s, gone);
}

/* --- types, and tensors out of little --- */

enum hn_status hn_shape_cast(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    struct hn_fact *out = hn_shape_out(s, 0);
    out->known_type = hn_element_from_onnx(hn_node_int(s->node, "to", 0), &out->type);
    HN_TRY(hn_shape_like(s));
    if (!x->values || (out->type != HN_EL_I64 && out->type != HN_EL_I32)) return HN_OK;
    return hn_shape_set_values(s, 0, x->values, x->n_values);
}

enum hn_status hn_shape_constant_of_shape(struct hn_shaper *s)
{
    const struct hn_fact *shape = hn_shape_in(s, 0);
    const struct hn_onnx_attr *value = hn_node_attr_of(s->node, "value", HN_ONNX_TENSOR);
    struct hn_fact *out = hn_shape_out(s, 0);
    out->known_type = true;
    out->type = value ? value->tensors[0].array.type : HN_EL_F32;
    return shape->values ? hn_shape_set(s, 0, shape->values, shape->n_values) : HN_OK;
}

enum hn_status hn_shape_range(struct hn_shaper *s)
{
    const struct hn_fact *start = hn_shape_in(s, 0), *end = hn_shape_in(s, 1),
                         *step = hn_shape_in(s, 2);
    int64_t n = HN_DIM_ANY;
    /* From 0 by ones, as positions are counted. */
    if (start->n_values == 1 && end->n_values == 1 && step->n_values == 1 &&
        start->values[0] == 0 && step->values[0] == 1 &&
        (end->values[0] >= 0 || !hn_dim_is_number(end->values[0])))
        n = end->values[0];
    return hn_shape_set(s, 0, &n, 1);
}

enum hn_status hn_shape_one_hot(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0), *depth = hn_shape_in(s, 1);
    int64_t dims[HN_ARRAY_DIMS + 1];
    size_t axis;
    if (!x->known_rank) return HN_OK;
    HN_TRY(hn_shape_axis(s, hn_node_int(s->node, "axis", -1), x->n_dims + 1, &axis));
    for (size_t i = 0, j = 0; i <= x->n_dims; i++)
        dims[i] = i != axis ? x->dims[j++] : depth->n_values == 1 ? depth->values[0] : HN_DIM_ANY;
    return hn_shape_set(s, 0, dims, x->n_dims + 1);
}

enum hn_status hn_shape_non_zero(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0);
    const int64_t dims[] = {x->known_rank ? (int64_t)x->n_dims : HN_DIM_ANY, HN_DIM_ANY};
    return x->known_rank && x->n_dims == 0 ? HN_OK : hn_shape_set(s, 0, dims, 2);
}

enum hn_status hn_shape_top_k(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0), *k = hn_shape_in(s, 1);
    int64_t dims[HN_ARRAY_DIMS];
    size_t axis;
    struct hn_fact *places = hn_shape_out(s, 1);
    places->known_type = true;
    places->type = HN_EL_I64;
    if (!x->known_rank) return HN_OK;
    HN_TRY(hn_shape_axis(s, hn_node_int(s->node, "axis", -1), x->n_dims, &axis));
    memcpy(dims, x->dims, x->n_dims * sizeof *dims);
    dims[axis] = k->n_values == 1 ? k->values[0] : HN_DIM_ANY;
    if (!hn_shape_has(s, 1)) dims[axis] = hn_node_int(s->node, "k", HN_DIM_ANY);
    HN_TRY(hn_shape_set(s, 0, dims, x->n_dims));
    return hn_shape_set(s, 1, dims, x->n_dims);
}

/* Y [time, directions, batch, hidden], or [batch, time, ..]; and its last step, and a cell's. */
enum hn_status hn_shape_recurrent(struct hn_shaper *s)
{
    const struct hn_fact *x = hn_shape_in(s, 0), *r = hn_shape_in(s, 2);
    const bool batch_first = hn_node_int(s->node, "layout", 0) != 0;
    if (!x->known_rank || x->n_dims != 3 || !r->known_rank || r->n_dims != 3) return HN_OK;
    const int64_t time = x->dims[batch_first], batch = x->dims[!batch_first];
    const int64_t directions = r->dims[0], hidden = r->dims[2];
    const int64_t all[] = {time, directions, batch, hidden}, last[] = {directions, batch, hidden};
    const int64_t all_1[] = {batch, time, directions, hidden},
                  last_1[] = {batch, directions, hidden};
    HN_TRY(hn_shape_set(s, 0, batch_first ? all_1 : all, 4));
    for (size_t i = 1; i < 3; i++) {
        HN_TRY(hn_shape_set(s, i, batch_first ? last_1 : last, 3));
        hn_shape_out(s, i)->known_type = x->known_type;
        hn_shape_out(s, i)->type = x->type;
    }
    return HN_OK;
}

/* --- scores of ai.onnx.ml --- */

static int64_t rows_of(const struct hn_fact *x)
{
    if (!x->known_rank || x->n_dims == 0) return HN_DIM_ANY;
    return x->n_dims == 1 ? 1 : x->dims[0];
}

enum hn_status hn_shape_targets(struct hn_shaper *s)
{
    const char *name = hn_str_is(s->node->op, "LinearRegressor") ? "targets" : "n_targets";
    const int64_t dims[] = {rows_of(hn_shape_in(s, 0)), hn_node_int(s->node, name, 1)};
    return hn_shape_set(s, 0, dims, 2);
}

enum hn_status hn_shape_scores(struct hn_shaper *s)
{
    const struct hn_onnx_attr *numbers =
        hn_node_attr_of(s->node, "classlabels_int64s", HN_ONNX_INTS);
    const struct hn_onnx_attr *texts =
        hn_node_attr_of(s->node, "classlabels_strings", HN_ONNX_STRINGS);
    struct hn_fact *labels = hn_shape_out(s, 0), *scores = hn_shape_out(s, 1);
    if (!numbers) numbers = hn_node_attr_of(s->node, "classlabels_ints", HN_ONNX_INTS);
    labels->known_type = scores->known_type = true;
    labels->type = texts && texts->n ? HN_EL_STRING : HN_EL_I64;
    scores->type = HN_EL_F32;
    const struct hn_onnx_attr *classes = texts && texts->n ? texts : numbers;
    const int64_t dims[] = {rows_of(hn_shape_in(s, 0)),
                            classes && classes->n > 1 ? (int64_t)classes->n : HN_DIM_ANY};
    HN_TRY(hn_shape_set(s, 0, dims, 1));
    return hn_shape_set(s, 1, dims, 2);
}
