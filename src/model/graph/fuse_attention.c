/* Attention, which exporters write as transpositions, two products and a softmax. */
#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/fuse_impl.h"

/* The input of a Transpose that nobody else reads. */
static int32_t transposed(const struct hn_fuse *f, int32_t slot, const int64_t perm[4])
{
    const struct hn_node *node = hn_fuse_only(f, slot, "Transpose");
    if (!node || !hn_node_attr(node, "perm") || !hn_fuse_ints_are(node, "perm", perm, 4))
        return HN_NO_SLOT;
    return node->in[0];
}

static const int64_t heads_first[] = {0, 2, 1, 3}, keys_last[] = {0, 2, 3, 1},
                     swapped[] = {0, 1, 3, 2};

/* Queries, keys or values: rows of heads of their own, or one part of such as lie beside each other. */
struct rows {
    int32_t slot;
    int64_t part; /* -1: of their own */
};

/* Whether the node has a list [n] of one number, which is `want`: as an input or, in old files, an attribute. */
static bool axis_is(const struct hn_fuse *f, const struct hn_node *node, int64_t want)
{
    if (hn_node_in(node, 1) == HN_NO_SLOT)
        return hn_node_attr(node, "axes") && hn_fuse_ints_are(node, "axes", &want, 1);
    const struct hn_array *axes = hn_fuse_constant(f, node->in[1]);
    return axes && axes->type == HN_EL_I64 && axes->n == 1 && *(const int64_t *)axes->data == want;
}

/* [parts, batch, heads, length, width] in a slot, turned from [batch, length, parts, heads, width]: that one. */
static int32_t parts_of(const struct hn_fuse *f, int32_t slot)
{
    static const int64_t parts_first[] = {2, 0, 3, 1, 4};
    const struct hn_node *node = hn_fuse_maker(f, slot);
    if (!hn_fuse_is(node, "Transpose") || !hn_node_attr(node, "perm") ||
        !hn_fuse_ints_are(node, "perm", parts_first, 5))
        return HN_NO_SLOT;
    return node->in[0];
}

/* One of three parts: split off, or gathered. */
static bool part_of(const struct hn_fuse *f, int32_t slot, struct rows *out)
{
    const struct hn_node *node = hn_fuse_only(f, slot, "Gather");
    if (node) {
        const struct hn_array *at = hn_fuse_constant(f, node->in[1]);
        if (hn_node_int(node, "axis", 0) != 0 || !at || at->type != HN_EL_I64 || at->n_dims != 0)
            return false;
        out->part = *(const int64_t *)at->data;
    } else {
        const struct hn_node *squeeze = hn_fuse_only(f, slot, "Squeeze");
        node = squeeze && axis_is(f, squeeze, 0) ? hn_fuse_maker(f, squeeze->in[0]) : NULL;
        if (!hn_fuse_is(node, "Split") || hn_node_int(node, "axis", 0) != 0) return false;
        out->part = squeeze->in[0] - node->first_out; /* each is one, or could not be squeezed */
    }
    out->slot = parts_of(f, node->in[0]);
    return out->part >= 0 && out->slot != HN_NO_SLOT;
}

static bool rows_of(const struct hn_fuse *f, int32_t slot, struct rows *out)
{
    *out = (struct rows){transposed(f, slot, heads_first), -1};
    return out->slot != HN_NO_SLOT || part_of(f, slot, out);
}

/* Keys may be turned at once or in two steps. */
static bool keys_of(const struct hn_fuse *f, int32_t slot, struct rows *out)
{
    *out = (struct rows){transposed(f, slot, keys_last), -1};
    if (out->slot != HN_NO_SLOT) return true;
    const int32_t half = transposed(f, slot, swapped);
    return half != HN_NO_SLOT && rows_of(f, half, out);
}

/* What becomes one node. */
struct attention {
    struct rows q, k, v;
    int32_t masks[HN_ATTEND_MASKS]; /* in the order in which they are added */
    float scale;
};

/* Scores: q k, divided or multiplied by a number on the way. */
static bool scores_of(const struct hn_fuse *f, int32_t slot, struct attention *a)
{
    const struct hn_node *node = hn_fuse_only(f, slot, "Div");
    a->scale = 1;
    if (node) {
        if (!hn_fuse_scalar(f, node->in[1], &a->scale)) return false;
        a->scale = 1 / a->scale;
        slot = node->in[0];
    } else if ((node = hn_fuse_only(f, slot, "Mul"))) {
        const size_t side = hn_fuse_scalar(f, node->in[0], &a->scale);
        if (!side && !hn_fuse_scalar(f, node->in[1], &a->scale)) return false;
        slot = node->in[side];
    }
    const struct hn_node *product = hn_fuse_only(f, slot, "MatMul");
    return product && rows_of(f, product->in[0], &a->q) && keys_of(f, product->in[1], &a->k);
}

/* The same with `n` masks and no fewer. */
static bool masked_scores(const struct hn_fuse *f, int32_t slot, size_t n, struct attention *a)
{
    if (n == 0) return scores_of(f, slot, a);
    const struct hn_node *add = hn_fuse_only(f, slot, "Add");
    for (size_t side = 0; add && side < 2; side++) {
        a->masks[n - 1] = add->in[!side];
        if (masked_scores(f, add->in[side], n - 1, a)) return true;
    }
    return false;
}

static bool scores_with_masks(const struct hn_fuse *f, int32_t slot, struct attention *a)
{
    for (size_t n = 0; n <= HN_ATTEND_MASKS; n++) {
        for (size_t i = 0; i < HN_ATTEND_MASKS; i++)
            a->masks[i] = HN_NO_SLOT;
        if (masked_scores(f, slot, n, a)) return true;
    }
    return false;
}

static enum hn_status become(struct hn_fuse *f, struct hn_node *node, const struct attention *a)
{
    const struct rows *rows[] = {&a->q, &a->k, &a->v};
    const int32_t in[] = {a->q.slot, a->k.slot, a->v.slot, a->masks[0], a->masks[1]};
    HN_TRY(hn_fuse_become(f, node, &hn_fast_attention, in, HN_COUNT(in)));
    for (size_t i = 0; i < HN_COUNT(rows); i++)
        if (rows[i]->part >= 0) HN_TRY(hn_fuse_set_int(f, node, hn_fast_parts[i], rows[i]->part));
    return hn_fuse_set_float(f, node, "scale", a->scale);
}

/* Softmax over the last of four dimensions; before opset 13 only -1 and 3 say so. */
static bool over_keys(const struct hn_node *softmax)
{
    const int64_t axis = hn_node_int(softmax, "axis", softmax->opset < 13 ? 1 : -1);
    return axis == -1 || axis == 3;
}

enum hn_status hn_fuse_attention(struct hn_fuse *f)
{
    for (size_t i = 0; i < f->body->n_nodes; i++) {
        struct hn_node *node = &f->body->nodes[i];
        if (!hn_fuse_is(node, "Transpose") || !hn_node_attr(node, "perm") ||
            !hn_fuse_ints_are(node, "perm", heads_first, 4))
            continue;
        const struct hn_node *mixed = hn_fuse_only(f, node->in[0], "MatMul");
        const struct hn_node *softmax = mixed ? hn_fuse_only(f, mixed->in[0], "Softmax") : NULL;
        struct attention a;
        if (softmax && over_keys(softmax) && scores_with_masks(f, softmax->in[0], &a) &&
            rows_of(f, mixed->in[1], &a.v))
            HN_TRY(become(f, node, &a));
    }
    return HN_OK;
}
