/* What is asked of one place of a sequence alone is computed for that place alone: a model that foretells what
 * comes next, or sums a text up in its first token, needs the others as keys and values only. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/fuse_impl.h"

enum demand { NOTHING, ONE_PLACE, ALL };

struct places {
    struct hn_fuse *f;
    uint8_t *demand; /* [slots], an enum demand each */
    int64_t place, length;
};

/* Dimension `d` of a value of three or four; -1: not known. */
static int64_t dim_of(const struct hn_fuse *f, int32_t slot, size_t n_dims, size_t d)
{
    if (slot == HN_NO_SLOT || (size_t)slot >= f->slots) return -1;
    const struct hn_slot *it = &f->body->slots[slot];
    return it->rank == n_dims + 1 && it->dims ? it->dims[d] : -1;
}

/* Whether it is [batch, length, width]. */
static bool is_sequence(const struct places *p, int32_t slot)
{
    return dim_of(p->f, slot, 3, 1) == p->length;
}

/* Whether the node takes one place of such; false: it does not, or another one. */
static bool picks(const struct places *p, const struct hn_node *node)
{
    if (!hn_fuse_is(node, "Gather") || !is_sequence(p, node->in[0])) return false;
    const struct hn_array *at = hn_fuse_constant(p->f, node->in[1]);
    const int64_t axis = hn_node_int(node, "axis", 0);
    if (!at || at->type != HN_EL_I64 || at->n_dims != 0 || (axis != 1 && axis != -2)) return false;
    const int64_t place = *(const int64_t *)at->data;
    return (place < 0 ? place + p->length : place) == p->place;
}

/* Attention whose heads the node lays side by side, [batch, length, heads width], for nobody else. */
static struct hn_node *attention_of(const struct places *p, const struct hn_node *node)
{
    if (!hn_fuse_is(node, "Reshape") || !is_sequence(p, node->first_out)) return NULL;
    const struct hn_array *shape = hn_fuse_constant(p->f, node->in[1]);
    struct hn_node *attention = hn_fuse_maker(p->f, node->in[0]);
    if (!shape || shape->type != HN_EL_I64 || shape->n != 3 || !attention ||
        attention->row != &hn_fast_attention)
        return NULL;
    const struct hn_slot *it = &p->f->body->slots[node->in[0]];
    const int64_t heads = dim_of(p->f, node->in[0], 4, 2), width = dim_of(p->f, node->in[0], 4, 3);
    const bool same = dim_of(p->f, node->in[0], 4, 1) == p->length && heads > 0 && width > 0 &&
                      dim_of(p->f, node->first_out, 3, 2) == heads * width;
    return same && it->readers == 1 && !it->output ? attention : NULL;
}

/* Names of the parameters by which a node that works row by row takes a place of its inputs; NULL: it is none. */
static const char *const *row_inputs(const struct places *p, const struct hn_node *node)
{
    static const char *const one[4] = {HN_FAST_PLACE_X}, *const two[4] = {HN_FAST_PLACE_X, NULL,
                                                                          NULL, HN_FAST_PLACE_ADD};
    const bool linear = node->row == &hn_fast_linear;
    if (!linear && node->row != &hn_fast_layer_norm) return NULL;
    const int32_t add = linear ? hn_node_in(node, 3) : HN_NO_SLOT;
    if (!is_sequence(p, node->in[0]) || !is_sequence(p, node->first_out)) return NULL;
    if (add == HN_NO_SLOT) return one;
    return is_sequence(p, add) ? two : NULL;
}

/* Whether one place of its output can be had by itself. */
static bool is_split(const struct places *p, const struct hn_node *node)
{
    return node && p->demand[node->first_out] == ONE_PLACE &&
           (row_inputs(p, node) || attention_of(p, node));
}

static void ask(struct places *p, int32_t slot, enum demand what)
{
    if (slot != HN_NO_SLOT && (size_t)slot < p->f->slots && p->demand[slot] < what)
        p->demand[slot] = (uint8_t)what;
}

/* From the last node to the first: what is asked of each value. */
static void find_demand(struct places *p)
{
    const struct hn_body *body = p->f->body;
    for (size_t i = 0; i < body->n_outputs; i++)
        ask(p, body->outputs[i], ALL);
    for (size_t i = body->n_nodes; i-- > 0;) {
        const struct hn_node *node = &body->nodes[i];
        const bool picked = picks(p, node);
        const char *const *names = is_split(p, node) ? row_inputs(p, node) : NULL;
        for (size_t j = 0; j < node->n_in; j++)
            ask(p, node->in[j],
                (picked && j == 0) || (names && j < 4 && names[j]) ? ONE_PLACE : ALL);
        for (size_t a = 0; a < node->n_attrs; a++)
            for (size_t b = 0; node->attrs[a].bodies && b < node->attrs[a].value->n; b++)
                for (size_t c = 0; c < node->attrs[a].bodies[b]->n_captures; c++)
                    ask(p, node->attrs[a].bodies[b]->captures[c].outer, ALL);
    }
}

/* [batch, length, width] as [batch, width]. */
static enum hn_status set_shape(struct places *p, struct hn_node *node)
{
    const int64_t *from = hn_fuse_constant(p->f, node->in[1])->data;
    const int64_t width = dim_of(p->f, node->first_out, 3, 2);
    const size_t n = 2;
    int64_t *to = hn_fuse_new_constant(p->f, HN_EL_I64, &n, 1, &node->in[1]);
    if (!to) return hn_fail_nomem(p->f->err, "a node", n * sizeof *to);
    to[0] = from[0];
    to[1] = width;
    return HN_OK;
}

static enum hn_status split(struct places *p, struct hn_node *node)
{
    struct hn_node *attention = attention_of(p, node);
    const char *const *names = row_inputs(p, node);
    if (attention) {
        HN_TRY(hn_fuse_set_int(p->f, attention, HN_FAST_PLACE_X, p->place));
        HN_TRY(set_shape(p, node));
        p->f->body->slots[node->in[0]].dims = NULL;
    }
    for (size_t j = 0; names && j < node->n_in && j < 4; j++)
        if (names[j] && node->in[j] != HN_NO_SLOT && !is_split(p, hn_fuse_maker(p->f, node->in[j])))
            HN_TRY(hn_fuse_set_int(p->f, node, names[j], p->place));
    struct hn_slot *out = &p->f->body->slots[node->first_out];
    out->rank = 2 + 1;
    out->dims = NULL;
    return HN_OK;
}

/* For the place that one node picks, and all that pick the same. */
static enum hn_status split_all(struct places *p)
{
    struct hn_body *body = p->f->body;
    memset(p->demand, NOTHING, p->f->slots);
    find_demand(p);
    /* From the last on: those before are still looked at as they were. */
    for (size_t i = body->n_nodes; i-- > 0;) {
        struct hn_node *node = &body->nodes[i];
        if (picks(p, node) && is_split(p, hn_fuse_maker(p->f, node->in[0])))
            HN_TRY(hn_fuse_become(
                p->f, node, hn_op_find(HN_STR(""), HN_STR("Identity"), node->opset), node->in, 1));
        else if (is_split(p, node)) HN_TRY(split(p, node));
    }
    return HN_OK;
}

enum hn_status hn_fuse_places(struct hn_fuse *f)
{
    struct places p = {.f = f, .demand = malloc(f->slots + 1)};
    if (!p.demand) return hn_fail_nomem(f->err, "values", f->slots);
    enum hn_status status = HN_OK;
    for (size_t i = f->body->n_nodes; i-- > 0 && status >= 0;) {
        const struct hn_node *node = &f->body->nodes[i];
        if (!hn_fuse_is(node, "Gather")) continue;
        const struct hn_array *at = hn_fuse_constant(f, node->in[1]);
        p.length = dim_of(f, node->in[0], 3, 1);
        p.place =
            at && at->type == HN_EL_I64 && at->n == 1 ? *(const int64_t *)at->data : -p.length - 1;
        if (p.place < 0) p.place += p.length;
        if (p.length > 0 && p.place >= 0 && p.place < p.length && picks(&p, node))
            status = split_all(&p);
    }
    free(p.demand);
    return status;
}
