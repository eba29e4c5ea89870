/* MatMul and Gemm with constant weights, and what follows them. */
#include "model/graph/fast.h"
#include "model/graph/fuse_impl.h"

/* --- products --- */

/* As x w, w [n][k] where it is transposed. */
static enum hn_status become(struct hn_fuse *f, struct hn_node *node, int32_t w, int32_t bias,
                             bool transposed, float alpha)
{
    const int32_t in[] = {node->in[0], w, bias, HN_NO_SLOT, HN_NO_SLOT};
    HN_TRY(hn_fuse_become(f, node, &hn_fast_linear, in, 5));
    HN_TRY(hn_fuse_set_int(f, node, "transposed", transposed));
    /* Rows of w may be read out of what is packed, where it holds them as they are. */
    if (transposed && alpha == 1) f->body->slots[w].packs = true;
    return hn_fuse_set_float(f, node, "alpha", alpha);
}

/* A constant matrix that is turned by a node of its own. */
static int32_t turned(const struct hn_fuse *f, int32_t slot)
{
    static const int64_t swapped[] = {1, 0};
    const struct hn_node *node = hn_fuse_maker(f, slot);
    if (!hn_fuse_is(node, "Transpose") || !hn_fuse_floats(f, node->in[0], 2) ||
        !hn_fuse_ints_are(node, "perm", swapped, 2))
        return HN_NO_SLOT;
    return node->in[0];
}

static enum hn_status take_matmul(struct hn_fuse *f, struct hn_node *node)
{
    if (node->n_in != 2) return HN_OK;
    if (hn_fuse_floats(f, node->in[1], 2))
        return become(f, node, node->in[1], HN_NO_SLOT, false, 1);
    const int32_t w = turned(f, node->in[1]);
    return w == HN_NO_SLOT ? HN_OK : become(f, node, w, HN_NO_SLOT, true, 1);
}

/* Rows of a matrix that is packed as columns anyway. */
static enum hn_status take_gather(struct hn_fuse *f, struct hn_node *node)
{
    if (!hn_fuse_is(node, "Gather") || hn_node_int(node, "axis", 0) != 0 ||
        !hn_fuse_floats(f, node->in[0], 2) || !f->body->slots[node->in[0]].packs)
        return HN_OK;
    f->body->slots[node->in[0]].gathers = true;
    return hn_fuse_become(f, node, &hn_fast_gather, node->in, 2);
}

static enum hn_status take_gemm(struct hn_fuse *f, struct hn_node *node)
{
    const int32_t bias = hn_node_in(node, 2);
    const bool transposed = hn_node_int(node, "transB", 0);
    if (node->n_in < 2 || !hn_fuse_floats(f, node->in[1], 2) || hn_node_int(node, "transA", 0))
        return HN_OK;
    const size_t n = hn_fuse_constant(f, node->in[1])->shape[!transposed];
    if (bias != HN_NO_SLOT && (hn_node_float(node, "beta", 1) != 1 || !hn_fuse_floats(f, bias, 1) ||
                               hn_fuse_constant(f, bias)->n != n))
        return HN_OK;
    return become(f, node, node->in[1], bias, transposed, hn_node_float(node, "alpha", 1));
}

enum hn_status hn_fuse_linear(struct hn_fuse *f)
{
    for (size_t i = 0; i < f->body->n_nodes; i++) {
        struct hn_node *node = &f->body->nodes[i];
        if (hn_fuse_is(node, "MatMul")) HN_TRY(take_matmul(f, node));
        else if (hn_fuse_is(node, "Gemm")) HN_TRY(take_gemm(f, node));
    }
    for (size_t i = 0; i < f->body->n_nodes; i++)
        HN_TRY(take_gather(f, &f->body->nodes[i]));
    return HN_OK;
}

/* --- what follows --- */

/* A node with an epilogue that has no activation yet, read by one alone. */
static struct hn_node *open_end(const struct hn_fuse *f, int32_t slot)
{
    struct hn_node *node = hn_fuse_maker(f, slot);
    if (!node || (node->row != &hn_fast_linear && node->row != &hn_fast_conv)) return NULL;
    const struct hn_slot *it = &f->body->slots[slot];
    if (it->readers != 1 || it->output || hn_node_attr(node, HN_FAST_ACTIVATION)) return NULL;
    return node;
}

/* `node` takes over what `from` does, and its own output stays. */
static enum hn_status replace(struct hn_fuse *f, struct hn_node *node, const struct hn_node *from,
                              int32_t bias, int32_t add, const struct hn_epilogue *epilogue)
{
    const int32_t in[] = {from->in[0], from->in[1], bias, add, hn_node_in(from, 4)};
    node->attrs = from->attrs;
    node->n_attrs = from->n_attrs;
    HN_TRY(hn_fuse_become(f, node, from->row, in, from->n_in));
    return hn_fuse_set_activation(f, node, epilogue);
}

/* Columns of a linear node's output. */
static size_t columns_of(const struct hn_fuse *f, const struct hn_node *node)
{
    return hn_fuse_constant(f, node->in[1])->shape[!hn_node_int(node, "transposed", 0)];
}

/* x w + constant [n]. */
static enum hn_status take_bias(struct hn_fuse *f, struct hn_node *node, bool *done)
{
    for (size_t side = 0; side < 2; side++) {
        struct hn_node *from = open_end(f, node->in[side]);
        const int32_t bias = node->in[!side];
        if (!from || from->row != &hn_fast_linear || from->in[2] != HN_NO_SLOT ||
            from->in[3] != HN_NO_SLOT || !hn_fuse_floats(f, bias, 1) ||
            hn_fuse_constant(f, bias)->n != columns_of(f, from))
            continue;
        *done = true;
        return replace(f, node, from, bias, HN_NO_SLOT, &(struct hn_epilogue){0});
    }
    return HN_OK;
}

/* BatchNormalization of [batch, n] scales the columns of w. */
static enum hn_status take_batch_norm(struct hn_fuse *f, struct hn_node *node)
{
    struct hn_node *from = open_end(f, node->in[0]);
    if (!from || from->row != &hn_fast_linear || from->in[3] != HN_NO_SLOT ||
        from->in[4] != HN_NO_SLOT || node->n_in != 5 || node->n_out != 1 ||
        hn_node_int(node, "training_mode", 0) || f->body->slots[node->in[0]].rank != 2 + 1 ||
        f->body->slots[from->in[1]].gathers)
        return HN_OK;
    int32_t scale, bias;
    bool done;
    HN_TRY(hn_fuse_batch_norm(f, node, columns_of(f, from), from->in[2], &scale, &bias, &done));
    if (!done) return HN_OK;
    const struct hn_node linear = *from;
    const int32_t in[] = {linear.in[0], linear.in[1], bias, HN_NO_SLOT, scale};
    node->attrs = linear.attrs;
    node->n_attrs = linear.n_attrs;
    return hn_fuse_become(f, node, &hn_fast_linear, in, 5);
}

/* x w + another value; the node stands where both are there. */
static enum hn_status take_add(struct hn_fuse *f, struct hn_node *node)
{
    for (size_t side = 2; side-- > 0;) {
        struct hn_node *from = open_end(f, node->in[side]);
        const int32_t add = node->in[!side];
        if (!from || from->in[3] != HN_NO_SLOT || hn_fuse_constant(f, add)) continue;
        return replace(f, node, from, from->in[2], add, &(struct hn_epilogue){0});
    }
    return HN_OK;
}

enum hn_status hn_fuse_tails(struct hn_fuse *f)
{
    for (size_t i = 0; i < f->body->n_nodes; i++) {
        struct hn_node *node = &f->body->nodes[i];
        struct hn_epilogue epilogue;
        if (hn_fuse_is(node, "Add") && node->n_in == 2 && node->in[0] != node->in[1]) {
            bool done = false;
            HN_TRY(take_bias(f, node, &done));
            if (!done) HN_TRY(take_add(f, node));
        } else if (hn_fuse_is(node, "BatchNormalization")) {
            HN_TRY(take_batch_norm(f, node));
        } else if (hn_fuse_activation(f, node, &epilogue)) {
            const struct hn_node *from = open_end(f, node->in[0]);
            if (from) HN_TRY(replace(f, node, from, from->in[2], from->in[3], &epilogue));
        }
    }
    return HN_OK;
}
