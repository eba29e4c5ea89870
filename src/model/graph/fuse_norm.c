/* Layer norms and GELU, which exporters write as their formulas. */
#include <math.h>

#include "model/graph/fast.h"
#include "model/graph/fuse_impl.h"

/* --- GELU: x / 2 (1 + erf(x / sqrt 2)), the factors in any order --- */

static bool near(const struct hn_fuse *f, int32_t slot, float want)
{
    float value;
    return hn_fuse_scalar(f, slot, &value) && fabsf(value - want) <= 1e-6f * want;
}

/* The other factor of a product by a constant of about `want`, read by one alone; or HN_NO_SLOT. */
static int32_t times(const struct hn_fuse *f, const struct hn_node *mul, float want)
{
    for (size_t side = 0; side < 2; side++)
        if (near(f, mul->in[side], want)) return mul->in[!side];
    return HN_NO_SLOT;
}

/* x of 1 + erf(x / sqrt 2). */
static int32_t one_and_erf(const struct hn_fuse *f, int32_t slot)
{
    const struct hn_node *add = hn_fuse_only(f, slot, "Add");
    if (!add || add->n_in != 2) return HN_NO_SLOT;
    for (size_t side = 0; side < 2; side++) {
        if (!near(f, add->in[side], 1)) continue;
        const struct hn_node *erf = hn_fuse_only(f, add->in[!side], "Erf");
        if (!erf) return HN_NO_SLOT;
        const struct hn_node *div = hn_fuse_only(f, erf->in[0], "Div");
        if (div && near(f, div->in[1], 0x1.6a09e6p+0f)) return div->in[0];
        const struct hn_node *mul = hn_fuse_only(f, erf->in[0], "Mul");
        return mul ? times(f, mul, 0x1.6a09e6p-1f) : HN_NO_SLOT;
    }
    return HN_NO_SLOT;
}

/* a (1 + erf(x / sqrt 2)): x, and a in *rest. */
static int32_t gate(const struct hn_fuse *f, const struct hn_node *mul, int32_t *rest)
{
    for (size_t side = 0; side < 2; side++) {
        const int32_t x = one_and_erf(f, mul->in[side]);
        *rest = mul->in[!side];
        if (x != HN_NO_SLOT) return x;
    }
    return HN_NO_SLOT;
}

static int32_t gelu(const struct hn_fuse *f, const struct hn_node *node)
{
    int32_t rest;
    /* (x (1 + erf)) / 2 */
    const int32_t whole = times(f, node, 0.5f);
    const struct hn_node *mul = hn_fuse_only(f, whole, "Mul");
    if (mul) {
        const int32_t x = gate(f, mul, &rest);
        if (x != HN_NO_SLOT && rest == x) return x;
    }
    /* (x / 2) (1 + erf) */
    const int32_t x = gate(f, node, &rest);
    mul = x == HN_NO_SLOT ? NULL : hn_fuse_only(f, rest, "Mul");
    if (mul && times(f, mul, 0.5f) == x) return x;
    /* x ((1 + erf) / 2) */
    for (size_t side = 0; side < 2; side++) {
        mul = hn_fuse_only(f, node->in[side], "Mul");
        const int32_t half = mul ? times(f, mul, 0.5f) : HN_NO_SLOT;
        if (half != HN_NO_SLOT && one_and_erf(f, half) == node->in[!side]) return node->in[!side];
    }
    return HN_NO_SLOT;
}

/* x sigmoid(x) */
static int32_t silu(const struct hn_fuse *f, const struct hn_node *node)
{
    for (size_t side = 0; side < 2; side++) {
        const struct hn_node *sigmoid = hn_fuse_only(f, node->in[side], "Sigmoid");
        if (sigmoid && sigmoid->in[0] == node->in[!side]) return node->in[!side];
    }
    return HN_NO_SLOT;
}

/* --- layer norm --- */

/* ReduceMean over the last dimension, kept. */
static bool means_rows(const struct hn_fuse *f, const struct hn_node *node)
{
    if (!node || hn_node_int(node, "keepdims", 1) != 1) return false;
    const int64_t last = -1;
    const struct hn_array *axes = hn_fuse_constant(f, hn_node_in(node, 1));
    if (node->n_in == 1)
        return hn_node_attr(node, "axes") && hn_fuse_ints_are(node, "axes", &last, 1);
    return axes && axes->type == HN_EL_I64 && axes->n == 1 && *(const int64_t *)axes->data == -1;
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

enum hn_status hn_fuse_norms(struct hn_fuse *f)
{
    for (size_t i = 0; i < f->body->n_nodes; i++) {
        struct hn_node *node = &f->body->nodes[i];
        if (hn_fuse_is(node, "Add") && node->n_in == 2) HN_TRY(take_norm(f, node));
        if (!hn_fuse_is(node, "Mul") || node->n_in != 2) continue;
        struct hn_epilogue as = {.activation = HN_GELU};
        int32_t x = gelu(f, node);
        if (x == HN_NO_SLOT) {
            as.activation = HN_SILU;
            x = silu(f, node);
        }
        if (x == HN_NO_SLOT) continue;
        HN_TRY(hn_fuse_become(f, node, &hn_fast_activation, &x, 1));
        HN_TRY(hn_fuse_set_activation(f, node, &as));
    }
    return HN_OK;
}
