/* Shapes through graphs in graphs: what comes out of a branch or a loop is what all of its ways say alike. */
#include <stdlib.h>

#include "model/graph/shape.h"

enum {
    MOST_ROUNDS = 4,      /* of a loop, until nothing changes any more; each round forgets */
    MOST_LOOKS = 1 << 20, /* at nodes of graphs in graphs: loops in loops multiply */
};

static struct hn_body *body_of(const struct hn_node *node, const char *name)
{
    const struct hn_attr *attr = hn_node_attr(node, name);
    return attr && attr->bodies && attr->value->n ? attr->bodies[0] : NULL;
}

/* What both know. The lists are shared, unless they differ. */
static enum hn_status agree(struct hn_shaper *s, const struct hn_fact *a, const struct hn_fact *b,
                            struct hn_fact *out)
{
    const struct hn_fact x = *a, y = *b;
    *out = (struct hn_fact){.known_type = x.known_type && y.known_type && x.type == y.type,
                            .type = x.type};
    if (!x.known_rank || !y.known_rank || x.n_dims != y.n_dims) return HN_OK;
    int64_t *dims = hn_arena_alloc(&s->arena, x.n_dims, sizeof *dims);
    if (!dims) return hn_fail_nomem(s->err, "shapes", x.n_dims * sizeof *dims);
    for (size_t d = 0; d < x.n_dims; d++)
        dims[d] = x.dims[d] == y.dims[d] ? x.dims[d] : HN_DIM_ANY;
    out->known_rank = true;
    out->n_dims = x.n_dims;
    out->dims = dims;
    if (x.values != y.values) return HN_OK;
    out->values = x.values;
    out->n_values = x.n_values;
    return HN_OK;
}

static bool same(const struct hn_fact *a, const struct hn_fact *b)
{
    return a->known_type == b->known_type && a->known_rank == b->known_rank &&
           a->values == b->values && a->n_dims == b->n_dims &&
           (!a->n_dims || memcmp(a->dims, b->dims, a->n_dims * sizeof *a->dims) == 0);
}

static enum hn_status look_inside(struct hn_shaper *s, const struct hn_shaper *around,
                                  const struct hn_fact *in, struct hn_fact *out)
{
    const struct hn_body *body = s->body;
    for (size_t i = 0; i < body->n_captures; i++)
        s->facts[body->captures[i].inner] = around->facts[body->captures[i].outer];
    for (size_t i = 0; i < body->n_inputs; i++)
        s->facts[body->inputs[i]] = in[i];
    for (size_t i = 0; i < body->n_nodes; i++)
        HN_TRY(hn_shape_look(s, &body->nodes[i]));
    for (size_t i = 0; i < body->n_outputs; i++)
        if (body->outputs[i] != HN_NO_SLOT) HN_TRY(hn_shape_of_slot(s, body->outputs[i], &out[i]));
    return HN_OK;
}

/* Facts of a body's outputs, [n_outputs], from those of its inputs. It may never run: what cannot be in it is no
 * error, and nothing is known then. */
static enum hn_status look_into(struct hn_shaper *s, struct hn_body *body, const struct hn_fact *in,
                                struct hn_fact **out)
{
    struct hn_error err;
    struct hn_shaper inner = *s;
    *out = hn_arena_alloc(&s->arena, body->n_outputs, sizeof **out);
    if (!*out) return hn_fail_nomem(s->err, "shapes", body->n_outputs * sizeof **out);
    s->n_looks += body->n_nodes + 1;
    if (s->n_looks > MOST_LOOKS) return HN_OK;
    inner.n_looks = s->n_looks;
    inner.arena = s->arena;
    inner.body = body;
    inner.err = &err;
    inner.facts = calloc(body->n_slots + 1, sizeof *inner.facts);
    if (!inner.facts) return hn_fail_nomem(s->err, "shapes", body->n_slots * sizeof *inner.facts);
    enum hn_status status = look_inside(&inner, s, in, *out);
    free(inner.facts);
    s->arena = inner.arena;
    s->n_looks = inner.n_looks;
    if (status == HN_E_NOMEM) return hn_fail_nomem(s->err, "shapes", body->n_slots);
    for (size_t i = 0; status < 0 && i < body->n_outputs; i++)
        (*out)[i] = (struct hn_fact){0};
    return HN_OK;
}

enum hn_status hn_shape_branches(struct hn_shaper *s)
{
    struct hn_body *yes = body_of(s->node, "then_branch"), *no = body_of(s->node, "else_branch");
    struct hn_fact *if_yes, *if_no;
    if (!yes || !no || yes->n_inputs || no->n_inputs || yes->n_outputs < s->node->n_out ||
        no->n_outputs < s->node->n_out)
        return HN_OK;
    const struct hn_array *condition = hn_body_constant(s->body, s->node->in[0]);
    const bool known = condition && condition->type == HN_EL_BOOL && condition->n == 1;
    const bool takes_yes = known && *(const uint8_t *)condition->data;
    HN_TRY(look_into(s, known && !takes_yes ? no : yes, NULL, &if_yes));
    if_no = if_yes;
    if (!known) HN_TRY(look_into(s, no, NULL, &if_no));
    for (size_t i = 0; i < s->node->n_out; i++)
        HN_TRY(agree(s, &if_yes[i], &if_no[i], hn_shape_out(s, i)));
    return HN_OK;
}

/* A body whose values in[first..first + n) are what its outputs out[begin..begin + n) were the round before.
 * In the end in and *out hold for every round. */
static enum hn_status look_around(struct hn_shaper *s, struct hn_body *body, struct hn_fact *in,
                                  size_t first, size_t n, size_t begin, struct hn_fact **out)
{
    for (int round = 0;; round++) {
        bool changed = false;
        HN_TRY(look_into(s, body, in, out));
        for (size_t i = 0; i < n; i++) {
            const struct hn_fact before = in[first + i];
            HN_TRY(agree(s, &before, &(*out)[begin + i], &in[first + i]));
            if (round == MOST_ROUNDS - 2) in[first + i] = (struct hn_fact){0};
            changed = changed || !same(&before, &in[first + i]);
        }
        if (!changed) return HN_OK;
    }
}

/* Output i: so many of those at `axis`. */
static enum hn_status set_pile(struct hn_shaper *s, size_t i, const struct hn_fact *each,
                               int64_t count, int64_t axis)
{
    struct hn_fact *out = hn_shape_out(s, i);
    int64_t dims[HN_ARRAY_DIMS + 1];
    size_t at;
    out->known_type = each->known_type;
    out->type = each->type;
    if (!each->known_rank || each->n_dims >= HN_ARRAY_DIMS) return HN_OK;
    HN_TRY(hn_shape_axis(s, axis, each->n_dims + 1, &at));
    for (size_t d = 0, from = 0; d <= each->n_dims; d++)
        dims[d] = d == at ? count : each->dims[from++];
    return hn_shape_set(s, i, dims, each->n_dims + 1);
}

enum hn_status hn_shape_loop(struct hn_shaper *s)
{
    const struct hn_node *node = s->node;
    struct hn_body *body = body_of(node, "body");
    const size_t n = node->n_in > 2 ? node->n_in - 2 : 0;
    if (!body || body->n_inputs != 2 + n || body->n_outputs < 1 + n ||
        node->n_out > body->n_outputs - 1)
        return HN_OK;
    struct hn_fact *in = hn_arena_alloc(&s->arena, body->n_inputs, sizeof *in), *out;
    if (!in) return hn_fail_nomem(s->err, "shapes", body->n_inputs * sizeof *in);
    in[0] = (struct hn_fact){.known_type = true, .known_rank = true, .type = HN_EL_I64};
    in[1] = (struct hn_fact){.known_type = true, .known_rank = true, .type = HN_EL_BOOL};
    for (size_t i = 0; i < n; i++)
        in[2 + i] = *hn_shape_in(s, 2 + i);
    HN_TRY(look_around(s, body, in, 2, n, 1, &out));
    for (size_t i = 0; i < node->n_out && i < n; i++)
        *hn_shape_out(s, i) = in[2 + i];
    for (size_t i = n; i < node->n_out; i++)
        HN_TRY(set_pile(s, i, &out[1 + i], HN_DIM_ANY, 0));
    return HN_OK;
}

/* One of a scanned input's slices, and how many there are. */
static enum hn_status slice(struct hn_shaper *s, const struct hn_fact *whole, int64_t axis,
                            struct hn_fact *out, int64_t *count)
{
    size_t at;
    *out = (struct hn_fact){.known_type = whole->known_type, .type = whole->type};
    if (!whole->known_rank) return HN_OK;
    HN_TRY(hn_shape_axis(s, axis, whole->n_dims, &at));
    int64_t *dims = hn_arena_alloc(&s->arena, whole->n_dims, sizeof *dims);
    if (!dims) return hn_fail_nomem(s->err, "shapes", whole->n_dims * sizeof *dims);
    for (size_t d = 0; d < whole->n_dims; d++)
        if (d != at) dims[out->n_dims++] = whole->dims[d];
    out->known_rank = true;
    out->dims = dims;
    *count = hn_dim_both(*count, whole->dims[at]);
    return HN_OK;
}

static int64_t listed(const struct hn_node *node, const char *name, size_t i)
{
    const struct hn_onnx_attr *list = hn_node_attr_of(node, name, HN_ONNX_INTS);
    return list && i < list->n ? list->ints[i] : 0;
}

enum hn_status hn_shape_scan(struct hn_shaper *s)
{
    const struct hn_node *node = s->node;
    struct hn_body *body = body_of(node, "body");
    const int64_t n_scans = hn_node_int(node, "num_scan_inputs", 0);
    if (!body || n_scans < 1 || (size_t)n_scans > node->n_in || body->n_inputs != node->n_in)
        return HN_OK;
    const size_t n = node->n_in - (size_t)n_scans;
    int64_t count = HN_DIM_ANY;
    if (body->n_outputs < n || node->n_out > body->n_outputs) return HN_OK;
    struct hn_fact *in = hn_arena_alloc(&s->arena, node->n_in, sizeof *in), *out;
    if (!in) return hn_fail_nomem(s->err, "shapes", node->n_in * sizeof *in);
    for (size_t i = 0; i < n; i++)
        in[i] = *hn_shape_in(s, i);
    for (size_t i = n; i < node->n_in; i++)
        HN_TRY(slice(s, hn_shape_in(s, i), listed(node, "scan_input_axes", i - n), &in[i], &count));
    HN_TRY(look_around(s, body, in, 0, n, 0, &out));
    for (size_t i = 0; i < node->n_out && i < n; i++)
        *hn_shape_out(s, i) = in[i];
    for (size_t i = n; i < node->n_out; i++)
        HN_TRY(set_pile(s, i, &out[i], count, listed(node, "scan_output_axes", i - n)));
    return HN_OK;
}
