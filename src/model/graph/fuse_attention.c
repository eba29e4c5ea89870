/* Attention, which exporters write as transpositions, two products and a softmax. */
#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/fuse_impl.h"

/* The input of a Transpose that nobody else reads. */
static int32_t transposed(const struct hn_fuse *f, int32_t slot, const int64_t *perm, size_t n)
{
    const struct hn_node *node = hn_fuse_only(f, slot, "Transpose");
    if (!node || !hn_node_attr(node, "perm") || !hn_fuse_ints_are(node, "perm", perm, n))
        return HN_NO_SLOT;
    return node->in[0];
}

/* How rows of heads are turned: of [batch, length, heads, width], and where each element of the batch has heads of
 * its own, of [length, heads, width]. */
static const struct form {
    size_t n_dims;
    int64_t heads_first[4], keys_last[4], swapped[4];
} forms[] = {{4, {0, 2, 1, 3}, {0, 2, 3, 1}, {0, 1, 3, 2}}, {3, {1, 0, 2}, {1, 2, 0}, {0, 2, 1}}};

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

static bool rows_of(const struct hn_fuse *f, const struct form *form, int32_t slot,
                    struct rows *out)
{
    *out = (struct rows){transposed(f, slot, form->heads_first, form->n_dims), -1};
    return out->slot != HN_NO_SLOT || (form->n_dims == 4 && part_of(f, slot, out));
}

/* x of x times or by numbers, which are multiplied into *scale. */
static int32_t unscaled(const struct hn_fuse *f, int32_t slot, float *scale)
{
    for (;;) {
        float by;
        const struct hn_node *node = hn_fuse_only(f, slot, "Div");
        if (node && hn_fuse_scalar(f, node->in[1], &by)) {
            *scale /= by;
            slot = node->in[0];
            continue;
        }
        node = hn_fuse_only(f, slot, "Mul");
        const size_t side = node && hn_fuse_scalar(f, node->in[0], &by);
        if (!node || (!side && !hn_fuse_scalar(f, node->in[1], &by))) return slot;
        *scale *= by;
        slot = node->in[side];
    }
}

/* Keys may be turned at once or in two steps. */
static bool keys_of(const struct hn_fuse *f, const struct form *form, int32_t slot,
                    struct rows *out, float *scale)
{
    slot = unscaled(f, slot, scale);
    *out = (struct rows){transposed(f, slot, form->keys_last, form->n_dims), -1};
    if (out->slot != HN_NO_SLOT) return true;
    const int32_t half = transposed(f, slot, form->swapped, form->n_dims);
    return half != HN_NO_SLOT && rows_of(f, form, unscaled(f, half, scale), out);
}

/* What becomes one node. */
struct attention {
    const struct form *form;
    struct rows q, k, v;
    int32_t masks[HN_ATTEND_MASKS]; /* in the order in which they are added */
    float scale;
};

/* Scores: q k, with factors on the way. */
static bool scores_of(const struct hn_fuse *f, int32_t slot, struct attention *a)
{
    a->scale = 1;
    const struct hn_node *product = hn_fuse_only(f, unscaled(f, slot, &a->scale), "MatMul");
    return product && rows_of(f, a->form, unscaled(f, product->in[0], &a->scale), &a->q) &&
           keys_of(f, a->form, product->in[1], &a->k, &a->scale);
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

/* Softmax over the last dimension: an axis that says so; before opset 13 others took more than that. */
static bool over_keys(const struct hn_node *softmax, const struct form *form)
{
    const int64_t axis = hn_node_int(softmax, "axis", softmax->opset < 13 ? 1 : -1);
    return axis == -1 || axis == (int64_t)form->n_dims - 1;
}

static enum hn_status take(struct hn_fuse *f, struct hn_node *node, const struct form *form)
{
    if (!hn_node_attr(node, "perm") ||
        !hn_fuse_ints_are(node, "perm", form->heads_first, form->n_dims))
        return HN_OK;
    const struct hn_node *mixed = hn_fuse_only(f, node->in[0], "MatMul");
    const struct hn_node *softmax = mixed ? hn_fuse_only(f, mixed->in[0], "Softmax") : NULL;
    struct attention a = {.form = form};
    if (softmax && over_keys(softmax, form) && scores_with_masks(f, softmax->in[0], &a) &&
        rows_of(f, form, mixed->in[1], &a.v))
        return become(f, node, &a);
    return HN_OK;
}

enum hn_status hn_fuse_attention(struct hn_fuse *f)
{
    for (size_t i = 0; i < f->body->n_nodes; i++)
        for (size_t form = 0; form < HN_COUNT(forms); form++) {
            struct hn_node *node = &f->body->nodes[i];
            if (hn_fuse_is(node, "Transpose")) HN_TRY(take(f, node, &forms[form]));
        }
    return HN_OK;
}
