/* Whether requests may be stacked: dimension 0 of every input and output counts rows, and each row of a
 * result is a function of that row alone. What is not known to be so is not so. */
#include <stdlib.h>

#include "base/bits.h"
#include "model/graph/graph_impl.h"

enum how {
    MIXED,  /* rows may have met, or nothing is known */
    SHARED, /* the same for all rows */
    ROWS,   /* dimension 0 counts the rows */
    COUNTS, /* numbers, of which some are how many rows there are; the others the same for all */
};

struct fact {
    enum how how;
    size_t rank;      /* UNKNOWN: not below that of anything */
    size_t first;     /* SHARED: its dimension 0 where that is known, else 0 */
    uint32_t rows_at; /* COUNTS: a bit for each number that counts rows */
};

enum { UNKNOWN = HN_ARRAY_DIMS + 1, MOST_COUNTS = 32 };

static struct fact fact_of(const struct hn_body *body, const struct fact *facts, int32_t slot)
{
    const struct hn_array *constant = body->slots[slot].constant;
    if (!constant) return facts[slot];
    return (struct fact){SHARED, constant->n_dims, constant->n_dims ? constant->shape[0] : 1, 0};
}

/* A list: input j where it is constant, else the attribute. NULL: not known, or not there. */
static const int64_t *ints_of(const struct hn_body *body, const struct hn_node *node, size_t j,
                              const char *name, size_t *n)
{
    if (j < node->n_in && node->in[j] != HN_NO_SLOT) {
        const struct hn_array *a = body->slots[node->in[j]].constant;
        *n = a ? a->n : 0;
        return a && a->type == HN_EL_I64 ? a->data : NULL;
    }
    const struct hn_attr *attr = hn_node_attr(node, name);
    *n = attr ? attr->value->n : 0;
    return attr ? attr->value->ints : NULL;
}

/* The axis is known and not the rows'. */
static bool beside_rows(int64_t axis, size_t rank)
{
    return axis != 0 && axis != -(int64_t)rank && axis > -(int64_t)rank && axis < (int64_t)rank;
}

static struct fact each(const struct hn_node *node, const struct fact *in)
{
    struct fact out = {SHARED, 0, 0, 0};
    if (in[0].how == COUNTS && (hn_str_is(node->op, "Cast") || hn_str_is(node->op, "Identity")))
        return in[0];
    for (size_t i = 0; i < node->n_in; i++) {
        if (node->in[i] == HN_NO_SLOT) continue;
        if (in[i].how == MIXED || in[i].how == COUNTS) return (struct fact){0};
        if (in[i].how == ROWS && out.how == ROWS && in[i].rank != out.rank) return (struct fact){0};
        if (in[i].how == ROWS) out = (struct fact){ROWS, in[i].rank, 0, 0};
        else if (out.how == SHARED && in[i].rank > out.rank) out.rank = in[i].rank;
    }
    /* What is the same for all must not reach dimension 0, but as a single row. */
    for (size_t i = 0; i < node->n_in && out.how == ROWS; i++)
        if (node->in[i] != HN_NO_SLOT && in[i].how == SHARED &&
            (in[i].rank > out.rank || (in[i].rank == out.rank && in[i].first != 1)))
            return (struct fact){0};
    return out;
}

static struct fact matmul(const struct fact *in)
{
    const struct fact a = in[0], b = in[1];
    if (a.how == ROWS && b.how == SHARED && a.rank >= 2 &&
        (b.rank == 2 || (b.rank && a.rank > b.rank)))
        return (struct fact){ROWS, b.rank == 1 ? a.rank - 1 : a.rank, 0, 0};
    if (a.how == ROWS && b.how == ROWS && a.rank == b.rank && a.rank >= 3) return a;
    return (struct fact){0};
}

static struct fact gemm(const struct hn_node *node, const struct fact *in)
{
    if (in[0].how != ROWS || in[1].how != SHARED || hn_node_int(node, "transA", 0))
        return (struct fact){0};
    const bool bias = node->n_in > 2 && node->in[2] != HN_NO_SLOT;
    if (bias && (in[2].how != SHARED || (in[2].rank == 2 && in[2].first != 1)))
        return (struct fact){0};
    return (struct fact){ROWS, 2, 0, 0};
}

/* Some of the numbers, by constant indices. */
static struct fact pick(const struct hn_body *body, const struct hn_node *node,
                        const struct fact *in)
{
    const struct hn_array *at = body->slots[node->in[1]].constant;
    struct fact out = {COUNTS, in[1].rank, 1, 0};
    if (!at || at->n > MOST_COUNTS || !hn_element_is_integer(at->type) || in[1].rank > 1)
        return (struct fact){0};
    for (size_t i = 0; i < at->n; i++) {
        int64_t index = hn_array_integer(at, i);
        if (index < 0) index += (int64_t)in[0].first;
        if (index < 0 || index >= (int64_t)in[0].first) return (struct fact){0};
        out.rows_at |= (in[0].rows_at >> index & 1) << i;
    }
    out.first = at->n;
    if (!out.rows_at) out.how = SHARED;
    return out;
}

static struct fact gather(const struct hn_body *body, const struct hn_node *node,
                          const struct fact *in)
{
    const int64_t axis = hn_node_int(node, "axis", 0);
    const size_t rank = in[0].rank + in[1].rank - 1;
    if (in[0].how == COUNTS) return pick(body, node, in);
    if (in[0].how == SHARED && in[1].how == SHARED && in[0].rank && axis == 0)
        return (struct fact){SHARED, rank, in[1].rank ? in[1].first : 0, 0};
    if (in[0].how == SHARED && in[1].how == ROWS && in[0].rank && axis == 0)
        return (struct fact){ROWS, rank, 0, 0};
    if (in[0].how == ROWS && in[1].how == SHARED && beside_rows(axis, in[0].rank))
        return (struct fact){ROWS, rank, 0, 0};
    return (struct fact){0};
}

/* Numbers one after the other; how many each operand has must be known. */
static struct fact concat_counts(const struct hn_node *node, const struct fact *in)
{
    struct fact out = {SHARED, 1, 0, 0};
    for (size_t i = 0; i < node->n_in; i++) {
        if ((in[i].how != COUNTS && in[i].how != SHARED) || in[i].rank != 1 || !in[i].first ||
            out.first + in[i].first > MOST_COUNTS)
            return (struct fact){0};
        if (in[i].how == COUNTS) out.how = COUNTS, out.rows_at |= in[i].rows_at << out.first;
        out.first += in[i].first;
    }
    return out;
}

static struct fact concat(const struct hn_node *node, const struct fact *in)
{
    if (in[0].how != ROWS) return concat_counts(node, in);
    for (size_t i = 0; i < node->n_in; i++)
        if (in[i].how != ROWS || in[i].rank != in[0].rank) return (struct fact){0};
    return beside_rows(hn_node_int(node, "axis", 0), in[0].rank) ? in[0] : (struct fact){0};
}

/* [0, ...] or [rows, ...] keeps the rows; whatever else may not. */
static struct fact reshape(const struct hn_body *body, const struct hn_node *node,
                           const struct fact *in)
{
    size_t n;
    const int64_t *shape = ints_of(body, node, 1, "shape", &n);
    if (in[0].how == SHARED && in[1].how == SHARED)
        return (struct fact){SHARED, shape && n ? n : UNKNOWN, 0, 0};
    if (in[0].how != ROWS) return (struct fact){0};
    if (in[1].how == COUNTS && in[1].rank == 1 && in[1].rows_at == 1)
        return (struct fact){ROWS, in[1].first, 0, 0};
    if (!shape || n == 0 || shape[0] != 0 || hn_node_int(node, "allowzero", 0))
        return (struct fact){0};
    return (struct fact){ROWS, n, 0, 0};
}

static struct fact expand(const struct fact *in)
{
    if (in[1].how != COUNTS || in[1].rank != 1 || in[1].rows_at != 1) return (struct fact){0};
    const size_t n = in[1].first;
    const bool rows = in[0].how == ROWS && in[0].rank == n;
    const bool same =
        in[0].how == SHARED && (in[0].rank < n || (in[0].rank == n && in[0].first == 1));
    return rows || same ? (struct fact){ROWS, n, 0, 0} : (struct fact){0};
}

static struct fact shape_of(const struct hn_node *node, const struct fact *in)
{
    if (hn_node_attr(node, "start") || hn_node_attr(node, "end")) return (struct fact){0};
    if (in[0].how == ROWS && in[0].rank && in[0].rank <= MOST_COUNTS)
        return (struct fact){COUNTS, 1, in[0].rank, 1};
    return (struct fact){0};
}

static struct fact transpose(const struct hn_body *body, const struct hn_node *node,
                             const struct fact *in)
{
    size_t n;
    const int64_t *perm = ints_of(body, node, node->n_in, "perm", &n);
    return in[0].how == ROWS && perm && n && perm[0] == 0 ? in[0] : (struct fact){0};
}

static struct fact reduce(const struct hn_body *body, const struct hn_node *node,
                          const struct fact *in)
{
    size_t n;
    const int64_t *axes = ints_of(body, node, 1, "axes", &n);
    if (in[0].how != ROWS || !axes || n == 0) return (struct fact){0};
    for (size_t i = 0; i < n; i++)
        if (!beside_rows(axes[i], in[0].rank)) return (struct fact){0};
    const bool keep = hn_node_int(node, "keepdims", 1) != 0;
    if (!keep && n >= in[0].rank) return (struct fact){0};
    return (struct fact){ROWS, keep ? in[0].rank : in[0].rank - n, 0, 0};
}

static struct fact change_axes(const struct hn_body *body, const struct hn_node *node,
                               const struct fact *in)
{
    size_t n;
    const int64_t *axes = ints_of(body, node, 1, "axes", &n);
    const bool more = hn_str_is(node->op, "Unsqueeze");
    if (axes && n == 1 && axes[0] == 0 && (in[0].how == COUNTS || in[0].how == SHARED)) {
        /* A number as a list of one, and back; whatever is the same for all as a single row. */
        if (more && in[0].rank == 0) return (struct fact){in[0].how, 1, 1, in[0].rows_at};
        if (!more && in[0].rank == 1) return (struct fact){in[0].how, 0, 1, in[0].rows_at};
        if (more && in[0].how == SHARED) return (struct fact){SHARED, in[0].rank + 1, 1, 0};
    }
    if (in[0].how != ROWS || !axes || (!more && n >= in[0].rank)) return (struct fact){0};
    const size_t rank = more ? in[0].rank + n : in[0].rank;
    for (size_t i = 0; i < n; i++)
        if (!beside_rows(axes[i], rank)) return (struct fact){0};
    return (struct fact){ROWS, more ? rank : rank - n, 0, 0};
}

static struct fact table(const struct hn_node *node, const struct fact *in)
{
    for (size_t i = 0; i < node->n_in; i++)
        if (in[i].how != ROWS || in[i].rank != 2) return (struct fact){0};
    return in[0];
}

static struct fact apply(const struct hn_body *body, const struct hn_node *node,
                         const struct fact *in)
{
    switch (node->row->rows) {
    case HN_OP_ROWS_MIXED: return (struct fact){0};
    case HN_OP_ROWS_EACH: return each(node, in);
    case HN_OP_ROWS_ALONG:
        /* MaxPool's indices count whole batches, statistics of training are of them. */
        if (node->n_out > 1 || hn_node_int(node, "training_mode", 0)) return (struct fact){0};
        for (size_t i = 1; i < node->n_in; i++)
            if (node->in[i] != HN_NO_SLOT && in[i].how != SHARED) return (struct fact){0};
        return in[0].how == ROWS ? in[0] : (struct fact){0};
    case HN_OP_ROWS_MATMUL: return matmul(in);
    case HN_OP_ROWS_GEMM: return gemm(node, in);
    case HN_OP_ROWS_NORM:
        for (size_t i = 1; i < node->n_in; i++)
            if (node->in[i] != HN_NO_SLOT && (in[i].how != SHARED || in[i].rank >= in[0].rank))
                return (struct fact){0};
        return in[0].how == ROWS && beside_rows(hn_node_int(node, "axis", -1), in[0].rank)
                   ? in[0]
                   : (struct fact){0};
    case HN_OP_ROWS_SOFTMAX:
        return in[0].how == ROWS &&
                       beside_rows(hn_node_int(node, "axis", node->opset < 13 ? 1 : -1), in[0].rank)
                   ? in[0]
                   : (struct fact){0};
    case HN_OP_ROWS_GATHER: return gather(body, node, in);
    case HN_OP_ROWS_CONCAT: return concat(node, in);
    case HN_OP_ROWS_FLATTEN:
        return in[0].how == ROWS && hn_node_int(node, "axis", 1) == 1 ? (struct fact){ROWS, 2, 0, 0}
                                                                      : (struct fact){0};
    case HN_OP_ROWS_RESHAPE: return reshape(body, node, in);
    case HN_OP_ROWS_TRANSPOSE: return transpose(body, node, in);
    case HN_OP_ROWS_REDUCE: return reduce(body, node, in);
    case HN_OP_ROWS_AXES: return change_axes(body, node, in);
    case HN_OP_ROWS_SHAPE: return shape_of(node, in);
    case HN_OP_ROWS_EXPAND: return expand(in);
    case HN_OP_ROWS_RANGE:
        return in[0].how == SHARED && in[1].how == SHARED && in[2].how == SHARED
                   ? (struct fact){SHARED, 1, 0, 0}
                   : (struct fact){0};
    case HN_OP_ROWS_PICK:
        return in[0].how == ROWS && in[0].rank > 1 && in[1].how == SHARED ? in[0]
                                                                          : (struct fact){0};
    case HN_OP_ROWS_TABLE: return table(node, in);
    case HN_OP_ROWS_CLASSIFY:
        return table(node, in).how == ROWS ? (struct fact){ROWS, 1, 0, 0} : (struct fact){0};
    case HN_OP_ROWS_ONE_HOT:
        return in[0].how == ROWS ? (struct fact){ROWS, in[0].rank + 1, 0, 0} : (struct fact){0};
    }
    return (struct fact){0};
}

/* Dimensions 0 that are open, and not called by different names. */
static bool same_rows(const struct hn_onnx_type *first, const struct hn_onnx_type *type)
{
    return type->kind == HN_ONNX_IS_TENSOR && type->known_rank && type->n_dims &&
           type->shape[0] < 0 && first->n_dims &&
           hn_str_eq(first->dim_names[0], type->dim_names[0]);
}

enum { MOST_INPUTS = 64 };

/* Facts of the node's outputs, which know nothing yet. */
static void look_at(const struct hn_body *body, struct fact *facts, const struct hn_node *node)
{
    struct fact in[MOST_INPUTS] = {0};
    if (node->n_in > MOST_INPUTS || node->n_in == 0) return;
    if (hn_node_int(node, "training_mode", 0)) return; /* statistics of the batch */
    for (size_t i = 0; i < node->n_in; i++)
        if (node->in[i] != HN_NO_SLOT) in[i] = fact_of(body, facts, node->in[i]);
    struct fact *out = &facts[node->first_out];
    out[0] = apply(body, node, in);
    if (node->row->rows == HN_OP_ROWS_CLASSIFY && node->n_out > 1 && out[0].how == ROWS)
        out[1] = (struct fact){ROWS, 2, 0, 0};
}

bool hn_graph_rows_apart(const struct hn_graph *graph)
{
    const struct hn_body *body = graph->bodies[0];
    struct fact *facts = calloc(body->n_slots + 1, sizeof *facts);
    if (!facts) return false;
    bool good = body->n_inputs && body->n_outputs;
    for (size_t i = 0; i < body->n_inputs && good; i++) {
        const struct hn_onnx_type *type = &graph->inputs[i].type;
        good = same_rows(&graph->inputs[0].type, type);
        facts[body->inputs[i]] = (struct fact){ROWS, type->n_dims, 0, 0};
    }
    for (size_t i = 0; i < body->n_nodes && good; i++)
        look_at(body, facts, &body->nodes[i]);
    for (size_t i = 0; i < body->n_outputs && good; i++)
        good = body->outputs[i] != HN_NO_SLOT && fact_of(body, facts, body->outputs[i]).how == ROWS;
    free(facts);
    return good;
}
