/* Norms of rows, which exporters write as their formulas. */
#include <math.h>

#include "model/graph/fast.h"
#include "model/graph/fuse_impl.h"

static bool near(const struct hn_fuse *f, int32_t slot, float want)
{
    float value;
    return hn_fuse_scalar(f, slot, &value) && fabsf(value - want) <= 1e-6f * want;
}

/* ReduceMean over the last dimension, kept. */
static bool means_rows(const struct hn_fuse *f, const struct hn_node *node)
{
    if (!node || hn_node_int(node, "keepdims", 1) != 1) return false;
    const struct hn_onnx_attr *told = hn_node_attr_of(node, "axes", HN_ONNX_INTS);
    const struct hn_array *axes = hn_fuse_constant(f, hn_node_in(node, 1));
    const int64_t *axis = NULL;
    if (node->n_in == 1) axis = told && told->n == 1 ? told->ints : NULL;
    else if (axes && axes->type == HN_EL_I64 && axes->n == 1) axis = axes->data;
    const int64_t rank = f->body->slots[node->in[0]].rank; /* and one */
    return axis && (*axis == -1 || (rank > 1 && *axis == rank - 2));
}

/* x - mean(x): x. */
static int32_t centred(const struct hn_fuse *f, int32_t slot)
{
    const struct hn_node *sub = hn_fuse_maker(f, slot);
    if (!hn_fuse_is(sub, "Sub")) return HN_NO_SLOT;
    const struct hn_node *mean = hn_fuse_maker(f, sub->in[1]);
    if (!hn_fuse_is(mean, "ReduceMean") || !means_rows(f, mean) || mean->in[0] != sub->in[0])
        return HN_NO_SLOT;
    return sub->in[0];
}

/* sqrt(mean(d^2) + epsilon) of d. */
static bool deviation_of(const struct hn_fuse *f, int32_t slot, int32_t d, float *epsilon)
{
    const struct hn_node *root = hn_fuse_only(f, slot, "Sqrt");
    const struct hn_node *add = root ? hn_fuse_only(f, root->in[0], "Add") : NULL;
    if (!add) return false;
    const size_t side = hn_fuse_scalar(f, add->in[0], epsilon);
    if (!hn_fuse_scalar(f, add->in[!side], epsilon)) return false;
    const struct hn_node *mean = hn_fuse_only(f, add->in[side], "ReduceMean");
    if (!mean || !means_rows(f, mean)) return false;
    const struct hn_node *square = hn_fuse_only(f, mean->in[0], "Pow");
    if (square) return square->in[0] == d && near(f, square->in[1], 2);
    square = hn_fuse_only(f, mean->in[0], "Mul");
    return square && square->in[0] == d && square->in[1] == d;
}

/* norm(x) weight + bias: the node is the last addition. */
static enum hn_status take_norm(struct hn_fuse *f, struct hn_node *node)
{
    for (size_t side = 0; side < 2; side++) {
        const struct hn_node *mul = hn_fuse_only(f, node->in[side], "Mul");
        if (!mul || !hn_fuse_floats(f, node->in[!side], 1)) continue;
        for (size_t of = 0; of < 2; of++) {
            const struct hn_node *div = hn_fuse_only(f, mul->in[of], "Div");
            if (!div || !hn_fuse_floats(f, mul->in[!of], 1)) continue;
            const int32_t x = centred(f, div->in[0]);
            float epsilon;
            const size_t width = hn_fuse_constant(f, mul->in[!of])->n;
            if (x == HN_NO_SLOT || !deviation_of(f, div->in[1], div->in[0], &epsilon) ||
                width < 2 || width != hn_fuse_constant(f, node->in[!side])->n)
                continue;
            const int32_t in[] = {x, mul->in[!of], node->in[!side]};
            HN_TRY(hn_fuse_become(f, node, &hn_fast_layer_norm, in, 3));
            return hn_fuse_set_float(f, node, "epsilon", epsilon);
        }
    }
    return HN_OK;
}

/* x / sqrt(mean(x^2) + epsilon): x. */
static int32_t by_root(const struct hn_fuse *f, int32_t slot, float *epsilon)
{
    const struct hn_node *node = hn_fuse_only(f, slot, "Div");
    if (node && deviation_of(f, node->in[1], node->in[0], epsilon)) return node->in[0];
    node = hn_fuse_only(f, slot, "Mul");
    for (size_t side = 0; node && side < 2; side++) {
        const struct hn_node *inverse = hn_fuse_only(f, node->in[side], "Reciprocal");
        int32_t root = inverse ? inverse->in[0] : HN_NO_SLOT;
        if (!inverse && (inverse = hn_fuse_only(f, node->in[side], "Div")) &&
            near(f, inverse->in[0], 1))
            root = inverse->in[1];
        if (root != HN_NO_SLOT && deviation_of(f, root, node->in[!side], epsilon))
            return node->in[!side];
    }
    return HN_NO_SLOT;
}

/* That times weights. */
static enum hn_status take_rms_norm(struct hn_fuse *f, struct hn_node *node)
{
    static const struct hn_str name = HN_STR("RMSNormalization");
    for (size_t side = 0; side < 2; side++) {
        float epsilon;
        const int32_t w = node->in[side];
        const int32_t x = hn_fuse_floats(f, w, 1) ? by_root(f, node->in[!side], &epsilon) : -1;
        if (x == HN_NO_SLOT) continue;
        node->n_attrs = 0;
        HN_TRY(hn_fuse_become(f, node, hn_op_find(HN_STR(""), name, 23), (int32_t[]){x, w}, 2));
        node->opset = 23;
        return hn_fuse_set_float(f, node, "epsilon", epsilon);
    }
    return HN_OK;
}

enum hn_status hn_fuse_norms(struct hn_fuse *f)
{
    for (size_t i = 0; i < f->body->n_nodes; i++) {
        struct hn_node *node = &f->body->nodes[i];
        if (hn_fuse_is(node, "Add") && node->n_in == 2) HN_TRY(take_norm(f, node));
    }
    /* A layer norm has one of these in it, of what is centred. */
    for (size_t i = 0; i < f->body->n_nodes; i++) {
        struct hn_node *node = &f->body->nodes[i];
        if (hn_fuse_is(node, "Mul") && node->n_in == 2) HN_TRY(take_rms_norm(f, node));
    }
    return HN_OK;
}
