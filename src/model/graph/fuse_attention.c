/* Attention, which exporters write as transpositions, two products and a softmax. */
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

/* Keys may be turned at once or in two steps. */
static int32_t keys_of(const struct hn_fuse *f, int32_t slot)
{
    const int32_t once = transposed(f, slot, keys_last);
    if (once != HN_NO_SLOT) return once;
    const int32_t half = transposed(f, slot, swapped);
    return half == HN_NO_SLOT ? HN_NO_SLOT : transposed(f, half, heads_first);
}

/* Scores: q k, divided or multiplied by a number on the way. */
static bool scores_of(const struct hn_fuse *f, int32_t slot, int32_t *q, int32_t *k, float *scale)
{
    const struct hn_node *node = hn_fuse_only(f, slot, "Div");
    *scale = 1;
    if (node) {
        if (!hn_fuse_scalar(f, node->in[1], scale)) return false;
        *scale = 1 / *scale;
        slot = node->in[0];
    } else if ((node = hn_fuse_only(f, slot, "Mul"))) {
        const size_t side = hn_fuse_scalar(f, node->in[0], scale);
        if (!side && !hn_fuse_scalar(f, node->in[1], scale)) return false;
        slot = node->in[side];
    }
    const struct hn_node *product = hn_fuse_only(f, slot, "MatMul");
    if (!product) return false;
    *q = transposed(f, product->in[0], heads_first);
    *k = keys_of(f, product->in[1]);
    return *q != HN_NO_SLOT && *k != HN_NO_SLOT;
}

static bool masked_scores(const struct hn_fuse *f, int32_t slot, int32_t in[4], float *scale)
{
    in[3] = HN_NO_SLOT;
    if (scores_of(f, slot, &in[0], &in[1], scale)) return true;
    const struct hn_node *add = hn_fuse_only(f, slot, "Add");
    for (size_t side = 0; add && side < 2; side++) {
        in[3] = add->in[!side];
        if (scores_of(f, add->in[side], &in[0], &in[1], scale)) return true;
    }
    return false;
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
        int32_t in[4];
        float scale;
        if (!softmax || !over_keys(softmax) || !masked_scores(f, softmax->in[0], in, &scale))
            continue;
        in[2] = transposed(f, mixed->in[1], heads_first);
        if (in[2] == HN_NO_SLOT) continue;
        HN_TRY(hn_fuse_become(f, node, &hn_fast_attention, in, 4));
        HN_TRY(hn_fuse_set_float(f, node, "scale", scale));
    }
    return HN_OK;
}
