/* Operators between DequantizeLinear and QuantizeLinear become those of whole numbers: their weights stay
 * bytes, and sums are exact. */
#include <math.h>

#include "base/bits.h"
#include "model/graph/fast_byte_conv.h"
#include "model/graph/fuse_impl.h"
#include "model/graph/op_quantized.h"

/* How a value is quantized: slots of the bytes, one scale (or one for each of `axis`) and zero points. */
struct grade {
    int32_t value, scale, zero;
    const struct hn_node *node;
};

/* What bytes are within. */
struct bounds {
    int32_t low, high;
    bool narrow; /* more so than their type */
};

static bool is_byte(const struct hn_array *a)
{
    return a && hn_element_is_byte(a->type);
}

/* The scale and zero point of a QuantizeLinear or DequantizeLinear, constants both. */
static bool grade_of(const struct hn_fuse *f, const struct hn_node *node, struct grade *out)
{
    if (!node || node->n_in < 3 || hn_node_attr(node, "block_size") ||
        hn_node_attr(node, "output_dtype"))
        return false;
    const struct hn_array *scale = hn_fuse_constant(f, node->in[1]),
                          *zero = hn_fuse_constant(f, node->in[2]);
    if (!scale || scale->type != HN_EL_F32 || !is_byte(zero) || zero->n != scale->n) return false;
    *out = (struct grade){node->in[0], node->in[1], node->in[2], node};
    return true;
}

static bool whole_tensor(const struct hn_fuse *f, const struct grade *g)
{
    return hn_fuse_constant(f, g->scale)->n == 1;
}

/* What the value in a slot is dequantized from, with one scale. */
static bool from_bytes(const struct hn_fuse *f, int32_t slot, struct grade *out)
{
    const struct hn_node *node = hn_fuse_maker(f, slot);
    return hn_fuse_is(node, "DequantizeLinear") && grade_of(f, node, out) && whole_tensor(f, out);
}

/* Weights: constant, with one scale or one along the axis. */
static bool from_weights(const struct hn_fuse *f, int32_t slot, int64_t axis, struct grade *out)
{
    const struct hn_node *node = hn_fuse_maker(f, slot);
    if (!hn_fuse_is(node, "DequantizeLinear") || !grade_of(f, node, out)) return false;
    const struct hn_array *w = hn_fuse_constant(f, out->value);
    if (!is_byte(w)) return false;
    const int64_t given = hn_node_int(node, "axis", 1), rank = (int64_t)w->n_dims;
    return whole_tensor(f, out) || given == axis || given + rank == axis;
}

/* A bias of 32-bit sums, whose scales are products of the others'. */
static bool from_sums(const struct hn_fuse *f, int32_t slot, const struct grade *x,
                      const struct grade *w, int32_t *out)
{
    const struct hn_node *node = hn_fuse_maker(f, slot);
    if (!hn_fuse_is(node, "DequantizeLinear")) return false;
    const struct hn_array *bias = hn_fuse_constant(f, node->in[0]),
                          *scale = hn_fuse_constant(f, node->in[1]),
                          *zero = hn_fuse_constant(f, hn_node_in(node, 2)),
                          *by = hn_fuse_constant(f, w->scale);
    if (!bias || bias->type != HN_EL_I32 || !scale || scale->type != HN_EL_F32 ||
        (scale->n != by->n && scale->n != 1))
        return false;
    for (size_t i = 0; zero && i < zero->n; i++)
        if (hn_array_real(zero, i) != 0) return false;
    const float first = *(const float *)hn_fuse_constant(f, x->scale)->data;
    for (size_t i = 0; i < by->n; i++) {
        const float want = first * ((const float *)by->data)[i];
        const float got = ((const float *)scale->data)[scale->n == 1 ? 0 : i];
        if (!(fabsf(got - want) <= 1e-5f * fabsf(want))) return false;
    }
    *out = node->in[0];
    return true;
}

static enum hn_status become(struct hn_fuse *f, struct hn_node *node, const char *domain,
                             const char *op, const struct hn_node *from, const int32_t *in,
                             size_t n_in)
{
    const int opset = *domain ? 1 : 21;
    node->attrs = from ? from->attrs : NULL;
    node->n_attrs = from ? from->n_attrs : 0;
    node->opset = opset;
    return hn_fuse_become(f, node, hn_op_find(hn_str_from(domain), hn_str_from(op), opset), in,
                          n_in);
}

bool hn_fuse_packs_byte_conv(const struct hn_fuse *f, const struct hn_node *node)
{
    static const size_t single[] = {1, 2, 6, 7};
    if (!hn_fuse_is(node, "QLinearConv") || node->n_in < 8) return false;
    for (size_t i = 0; i < HN_COUNT(single); i++) {
        const struct hn_array *a = hn_fuse_constant(f, node->in[single[i]]);
        if (!a || a->n != 1 || (single[i] % 5 == 2 && !is_byte(a))) return false;
    }
    const struct hn_array *w = hn_fuse_constant(f, node->in[3]),
                          *scale = hn_fuse_constant(f, node->in[4]),
                          *zero = hn_fuse_constant(f, node->in[5]);
    if (!is_byte(w) || !scale || (node->in[5] != HN_NO_SLOT && !is_byte(zero)) ||
        !hn_byte_conv_fits(w, zero, hn_node_int(node, "group", 1)) ||
        (scale->n != 1 && scale->n != w->shape[0]))
        return false;
    const int32_t bias = hn_node_in(node, 8);
    const struct hn_array *add = hn_fuse_constant(f, bias);
    return bias == HN_NO_SLOT || (add && add->type == HN_EL_I32 && add->n == w->shape[0]);
}

static enum hn_status take_conv(struct hn_fuse *f, struct hn_node *node, const struct grade *y,
                                const struct hn_node *conv, const struct bounds *bounds)
{
    struct grade x, w;
    int32_t bias = hn_node_in(conv, 2);
    if (!from_bytes(f, conv->in[0], &x) || !from_weights(f, conv->in[1], 0, &w) ||
        (bias != HN_NO_SLOT && !from_sums(f, bias, &x, &w, &bias)))
        return HN_OK;
    const int32_t in[] = {x.value, x.scale,  x.zero,  w.value, w.scale,
                          w.zero,  y->scale, y->zero, bias};
    const size_t n_in = bias == HN_NO_SLOT ? 8 : 9;
    const struct hn_node before = *node;
    HN_TRY(become(f, node, "", "QLinearConv", conv, in, n_in));
    if (!bounds->narrow) return HN_OK;
    if (!hn_fuse_packs_byte_conv(f, node)) {
        *node = before;
        return HN_OK;
    }
    HN_TRY(hn_fuse_become(f, node, &hn_fast_byte_conv, in, n_in));
    HN_TRY(hn_fuse_set_int(f, node, HN_FAST_LOW, bounds->low));
    return hn_fuse_set_int(f, node, HN_FAST_HIGH, bounds->high);
}

static enum hn_status take_matmul(struct hn_fuse *f, struct hn_node *node, const struct grade *y,
                                  const struct hn_node *product)
{
    struct grade x, w;
    if (!from_bytes(f, product->in[0], &x) || !from_weights(f, product->in[1], 1, &w) ||
        hn_fuse_constant(f, w.value)->n_dims != 2)
        return HN_OK;
    if (!y) {
        const int32_t in[] = {x.value, w.value, x.scale, w.scale, x.zero, w.zero};
        return become(f, node, "com.microsoft", "MatMulIntegerToFloat", NULL, in, 6);
    }
    const int32_t in[] = {x.value, x.scale, x.zero, w.value, w.scale, w.zero, y->scale, y->zero};
    return become(f, node, "", "QLinearMatMul", NULL, in, 8);
}

static enum hn_status take_sum(struct hn_fuse *f, struct hn_node *node, const struct grade *y,
                               const struct hn_node *sum)
{
    struct grade a, b;
    if (!from_bytes(f, sum->in[0], &a) || !from_bytes(f, sum->in[1], &b)) return HN_OK;
    const enum hn_element type = hn_fuse_constant(f, y->zero)->type;
    if (hn_fuse_constant(f, a.zero)->type != type || hn_fuse_constant(f, b.zero)->type != type)
        return HN_OK;
    const int32_t in[] = {a.value, a.scale, a.zero, b.value, b.scale, b.zero, y->scale, y->zero};
    return become(f, node, "com.microsoft", "QLinearAdd", NULL, in, 8);
}

static bool same_byte(const struct hn_fuse *f, int32_t a, int32_t b)
{
    const struct hn_array *x = hn_fuse_constant(f, a), *y = hn_fuse_constant(f, b);
    return x->type == y->type && hn_array_real(x, 0) == hn_array_real(y, 0);
}

/* The greatest of bytes is that of what they stand for. */
static enum hn_status take_pool(struct hn_fuse *f, struct hn_node *node, const struct grade *y,
                                const struct hn_node *pool)
{
    struct grade x;
    if (pool->n_out != 1 || !from_bytes(f, pool->in[0], &x) || !same_byte(f, x.zero, y->zero) ||
        *(const float *)hn_fuse_constant(f, x.scale)->data !=
            *(const float *)hn_fuse_constant(f, y->scale)->data)
        return HN_OK;
    return become(f, node, "", "MaxPool", pool, &x.value, 1);
}

/* The slot under a Relu or Clip: bytes within what its ends are quantized to. */
static int32_t under_bounds(const struct hn_fuse *f, const struct grade *y, struct bounds *out)
{
    static const char *const names[] = {"Relu", "Clip"};
    const struct hn_array *zero = hn_fuse_constant(f, y->zero);
    const float scale = *(const float *)hn_fuse_constant(f, y->scale)->data;
    struct hn_epilogue ends;
    *out = (struct bounds){.narrow = false};
    hn_byte_range(zero->type, &out->low, &out->high);
    for (size_t i = 0; i < HN_COUNT(names); i++) {
        const struct hn_node *node = hn_fuse_only(f, y->value, names[i]);
        if (!node || !(scale > 0) || !hn_fuse_activation(f, node, &ends)) continue;
        if (ends.activation == HN_RELU) ends.low = 0, ends.high = INFINITY;
        const struct bounds all = *out;
        const double at = hn_array_real(zero, 0);
        out->low = (int32_t)hn_quantized((double)(ends.low / scale), at, all.low, all.high);
        out->high = (int32_t)hn_quantized((double)(ends.high / scale), at, all.low, all.high);
        out->narrow = out->low > all.low || out->high < all.high;
        return node->in[0];
    }
    return y->value;
}

static enum hn_status take_quantized(struct hn_fuse *f, struct hn_node *node)
{
    struct grade y;
    struct bounds bounds;
    if (!grade_of(f, node, &y) || !whole_tensor(f, &y)) return HN_OK;
    const int32_t slot = under_bounds(f, &y, &bounds);
    const struct hn_node *from;
    if ((from = hn_fuse_only(f, slot, "Conv"))) return take_conv(f, node, &y, from, &bounds);
    if (bounds.narrow) return HN_OK;
    if ((from = hn_fuse_only(f, slot, "MatMul"))) return take_matmul(f, node, &y, from);
    if ((from = hn_fuse_only(f, slot, "Add"))) return take_sum(f, node, &y, from);
    if ((from = hn_fuse_only(f, slot, "MaxPool"))) return take_pool(f, node, &y, from);
    return HN_OK;
}

enum hn_status hn_fuse_bytes(struct hn_fuse *f)
{
    for (size_t i = 0; i < f->body->n_nodes; i++)
        if (hn_fuse_is(&f->body->nodes[i], "QuantizeLinear"))
            HN_TRY(take_quantized(f, &f->body->nodes[i]));
    /* Products that stay floats. Those before a QuantizeLinear are read by nobody now. */
    for (size_t i = 0; i < f->body->n_nodes; i++)
        if (hn_fuse_is(&f->body->nodes[i], "MatMul"))
            HN_TRY(take_matmul(f, &f->body->nodes[i], NULL, &f->body->nodes[i]));
    return HN_OK;
}
