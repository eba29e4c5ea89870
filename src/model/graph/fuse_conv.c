/* Convolutions and what stands between them keep their channels last: values are turned where they enter such
 * a region and where they leave it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/fuse_impl.h"

/* FLAT: channels last, of three dimensions: an image of one row. */
enum layout { FIRST, LAST, FLAT };

struct layouts {
    struct hn_fuse *f;
    struct hn_node *nodes; /* the new list */
    size_t n, room;
    unsigned char *of; /* of every slot */
    int32_t *turned;   /* the same value in the other layout, or HN_NO_SLOT */
    size_t slots;      /* that `of` and `turned` have room for */
};

static enum hn_status know_slots(struct layouts *l)
{
    const size_t n = l->f->body->n_slots;
    if (n <= l->slots) return HN_OK;
    const size_t room = 2 * n;
    unsigned char *of = realloc(l->of, room);
    if (of) l->of = of;
    int32_t *turned = realloc(l->turned, room * sizeof *turned);
    if (turned) l->turned = turned;
    if (!of || !turned) return hn_fail_nomem(l->f->err, "values", room * sizeof *turned);
    for (size_t i = l->slots; i < room; i++) {
        of[i] = FIRST;
        turned[i] = HN_NO_SLOT;
    }
    l->slots = room;
    return HN_OK;
}

static enum hn_status push(struct layouts *l, const struct hn_node *node)
{
    if (l->n == l->room) {
        const size_t room = 2 * l->room + 64;
        struct hn_node *nodes = realloc(l->nodes, room * sizeof *nodes);
        if (!nodes) return hn_fail_nomem(l->f->err, "nodes", room * sizeof *nodes);
        l->nodes = nodes;
        l->room = room;
    }
    l->nodes[l->n++] = *node;
    return HN_OK;
}

/* The slot that holds the value of `slot` in the layout wanted; turned by a node of its own when need be. */
static enum hn_status in_layout(struct layouts *l, int32_t *slot, enum layout want)
{
    if (*slot == HN_NO_SLOT || l->of[*slot] == want) return HN_OK;
    if (l->turned[*slot] == HN_NO_SLOT) {
        const int32_t from = *slot;
        struct hn_node node = {.opset = 1, .n_out = 1, .name = l->f->body->slots[from].name};
        HN_TRY(hn_body_slot(l->f->body, hn_str_from(""), &node.first_out, l->f->err));
        HN_TRY(know_slots(l));
        HN_TRY(hn_fuse_become(l->f, &node, want == FIRST ? &hn_fast_to_first : &hn_fast_to_last,
                              &from, 1));
        if (want == FLAT || l->of[from] == FLAT)
            HN_TRY(hn_fuse_set_int(l->f, &node, HN_FAST_FLAT, 1));
        HN_TRY(push(l, &node));
        l->of[node.first_out] = (unsigned char)want;
        l->turned[from] = node.first_out;
        l->turned[node.first_out] = from;
    }
    *slot = l->turned[*slot];
    return HN_OK;
}

/* --- what keeps channels last --- */

static bool takes_conv(const struct hn_fuse *f, const struct hn_node *node)
{
    if (!hn_fuse_is(node, "Conv") || node->n_in < 2 ||
        (!hn_fuse_floats(f, node->in[1], 4) && !hn_fuse_floats(f, node->in[1], 3)))
        return false;
    const size_t *w = hn_fuse_constant(f, node->in[1])->shape;
    const int64_t groups = hn_node_int(node, "group", 1);
    const int32_t bias = hn_node_in(node, 2);
    if (bias != HN_NO_SLOT && (!hn_fuse_floats(f, bias, 1) || hn_fuse_constant(f, bias)->n != w[0]))
        return false;
    return groups == 1 || (groups > 1 && (size_t)groups == w[0] && w[1] == 1);
}

/* The node's output has channels last. */
static enum hn_status made_last(struct layouts *l, struct hn_node *node, enum layout as)
{
    l->of[node->first_out] = (unsigned char)as;
    return as == FLAT ? hn_fuse_set_int(l->f, node, HN_FAST_FLAT, 1) : HN_OK;
}

static enum hn_status take_conv(struct layouts *l, struct hn_node *node)
{
    const bool flat = hn_fuse_constant(l->f, node->in[1])->n_dims == 3;
    HN_TRY(in_layout(l, &node->in[0], flat ? FLAT : LAST));
    const int32_t in[] = {node->in[0], node->in[1], hn_node_in(node, 2), HN_NO_SLOT, HN_NO_SLOT};
    HN_TRY(hn_fuse_become(l->f, node, &hn_fast_conv, in, 5));
    return made_last(l, node, flat ? FLAT : LAST);
}

/* A convolution of bytes. */
static bool takes_bytes(const struct hn_fuse *f, const struct hn_node *node)
{
    return node->row == &hn_fast_byte_conv || hn_fuse_packs_byte_conv(f, node);
}

static enum hn_status take_bytes(struct layouts *l, struct hn_node *node)
{
    HN_TRY(in_layout(l, &node->in[0], LAST));
    HN_TRY(hn_fuse_become(l->f, node, &hn_fast_byte_conv, node->in, node->n_in));
    HN_TRY(hn_fuse_set_int(l->f, node, HN_FAST_LAST, 1));
    return made_last(l, node, LAST);
}

static bool is_last(const struct layouts *l, const struct hn_node *node, size_t i)
{
    return i < node->n_in && node->in[i] != HN_NO_SLOT && l->of[node->in[i]] != FIRST;
}

/* Means of whole images, which keep their dimensions. */
static bool means_images(const struct hn_fuse *f, const struct hn_node *node, enum layout as)
{
    if (!hn_fuse_is(node, "ReduceMean") || hn_node_int(node, "keepdims", 1) != 1) return false;
    const struct hn_onnx_attr *told = hn_node_attr_of(node, "axes", HN_ONNX_INTS);
    const struct hn_array *list = hn_fuse_constant(f, hn_node_in(node, 1));
    const int64_t rank = as == FLAT ? 3 : 4, *axes = told ? told->ints : NULL;
    size_t n = told ? told->n : 0;
    if (list && list->type == HN_EL_I64) axes = list->data, n = list->n;
    if (!axes || n != (size_t)rank - 2) return false;
    int64_t seen = 0;
    for (size_t i = 0; i < n; i++)
        seen |=
            axes[i] >= -rank && axes[i] < rank ? 1 << (axes[i] < 0 ? axes[i] + rank : axes[i]) : 0;
    return seen == (as == FLAT ? 1 << 2 : 1 << 2 | 1 << 3);
}

static bool is_of(const struct hn_node *node, const char *domain, const char *op)
{
    return hn_str_is(node->domain, domain) && hn_str_is(node->op, op);
}

/* Pools whose plain forms fast.h has. */
static const struct hn_op_row *pool_row(const struct layouts *l, const struct hn_node *node)
{
    if (node->n_out == 1 && means_images(l->f, node, l->of[node->in[0]]))
        return &hn_fast_global_pool;
    if (hn_node_int(node, "ceil_mode", 0) || node->n_out != 1) return NULL;
    if (hn_fuse_is(node, "MaxPool") && !hn_node_int(node, "storage_order", 0))
        return &hn_fast_max_pool;
    if (hn_fuse_is(node, "AveragePool")) return &hn_fast_average_pool;
    if (is_of(node, "com.microsoft", "QLinearGlobalAveragePool") && l->of[node->in[0]] == LAST &&
        !hn_node_int(node, "channels_last", 0))
        return &hn_fast_byte_global_pool;
    return hn_fuse_is(node, "GlobalAveragePool") ? &hn_fast_global_pool : NULL;
}

/* A constant that has a number for each channel, [channels, 1, 1]: as [channels]; else HN_NO_SLOT. */
static enum hn_status by_channel(struct layouts *l, int32_t slot, enum layout as, int32_t *out)
{
    const struct hn_array *a = hn_fuse_constant(l->f, slot);
    const size_t spatial = as == FLAT ? 1 : 2;
    *out = HN_NO_SLOT;
    if (!a || a->type != HN_EL_F32 || a->n_dims <= spatial || a->n_dims > spatial + 2 || !a->n)
        return HN_OK;
    const size_t channels = a->shape[a->n_dims - 1 - spatial];
    if (a->n != channels) return HN_OK; /* the other dimensions are 1 */
    float *data = hn_fuse_new_constant(l->f, HN_EL_F32, &channels, 1, out);
    if (!data) return hn_fail_nomem(l->f->err, "constants", channels * sizeof *data);
    for (size_t i = 0; i < channels; i++)
        data[i] = hn_float_at(a->data, i);
    return know_slots(l);
}

/* Two operands of which one has channels last: so has the other, or it is a number, or has one for each
 * channel. */
static enum hn_status take_pair(struct layouts *l, struct hn_node *node, bool *done)
{
    static const char *const pairs[] = {"Add", "Sub", "Mul", "Div", "PRelu"};
    bool is = false;
    for (size_t i = 0; i < HN_COUNT(pairs); i++)
        is = is || hn_fuse_is(node, pairs[i]);
    if (!is || node->n_in != 2) return HN_OK;
    const size_t side = is_last(l, node, 0) ? 0 : 1;
    if (!is_last(l, node, side)) return HN_OK;
    const enum layout as = l->of[node->in[side]];
    int32_t *other = &node->in[!side], turned;
    float number;
    if (is_last(l, node, !side) ? l->of[*other] != as : !hn_fuse_scalar(l->f, *other, &number)) {
        if (*other == HN_NO_SLOT) return HN_OK;
        HN_TRY(by_channel(l, *other, as, &turned));
        if (turned == HN_NO_SLOT) return HN_OK;
        *other = turned;
    }
    l->of[node->first_out] = (unsigned char)as;
    *done = true;
    return HN_OK;
}

/* Functions of each element alone, whatever the layout. */
static bool elementwise(const struct layouts *l, const struct hn_node *node)
{
    static const char *const singles[] = {"Exp", "Softplus", "Softsign"};
    struct hn_epilogue ignored;
    if (!is_last(l, node, 0)) return false;
    if (is_of(node, "com.microsoft", "QLinearAdd") || is_of(node, "com.microsoft", "QLinearMul"))
        return is_last(l, node, 3) && l->of[node->in[3]] == l->of[node->in[0]];
    if (is_of(node, "com.microsoft", "QLinearSigmoid") ||
        is_of(node, "com.microsoft", "QLinearLeakyRelu"))
        return true;
    if (hn_str_is(node->op, "QuantizeLinear") || hn_str_is(node->op, "DequantizeLinear")) {
        const struct hn_array *scale = hn_fuse_constant(l->f, node->in[1]);
        return scale && scale->n == 1 && scale->n_dims <= 1;
    }
    if (hn_fuse_activation(l->f, node, &ignored)) return true;
    for (size_t i = 0; i < HN_COUNT(singles); i++)
        if (hn_fuse_is(node, singles[i])) return true;
    return false;
}

/* Channels of several, one after the other. */
static enum hn_status take_concat(struct layouts *l, struct hn_node *node, bool *done)
{
    const int64_t axis = hn_node_int(node, "axis", 0);
    if (!hn_fuse_is(node, "Concat") || !is_last(l, node, 0)) return HN_OK;
    const enum layout as = l->of[node->in[0]];
    for (size_t i = 0; i < node->n_in; i++)
        if (!is_last(l, node, i) || l->of[node->in[i]] != as) return HN_OK;
    if (axis != 1 && axis != (as == FLAT ? -2 : -3)) return HN_OK;
    node->n_attrs = 0;
    HN_TRY(hn_fuse_become(l->f, node, node->row, node->in, node->n_in));
    HN_TRY(hn_fuse_set_int(l->f, node, "axis", 3));
    l->of[node->first_out] = (unsigned char)as;
    *done = true;
    return HN_OK;
}

enum hn_status hn_fuse_batch_norm(struct hn_fuse *f, const struct hn_node *node, size_t n,
                                  int32_t bias, int32_t *scale, int32_t *new_bias, bool *done)
{
    const float *of[5];
    *done = false;
    for (size_t i = 1; i < 5; i++) {
        if (!hn_fuse_floats(f, node->in[i], 1) || hn_fuse_constant(f, node->in[i])->n != n)
            return HN_OK;
        of[i] = hn_fuse_constant(f, node->in[i])->data;
    }
    const struct hn_array *old = hn_fuse_constant(f, bias);
    float *by = hn_fuse_new_constant(f, HN_EL_F32, &n, 1, scale);
    float *plus = by ? hn_fuse_new_constant(f, HN_EL_F32, &n, 1, new_bias) : NULL;
    if (!plus) return hn_fail_nomem(f->err, "constants", n * sizeof(float));
    const float epsilon = hn_node_float(node, "epsilon", 1e-5f);
    for (size_t i = 0; i < n; i++) {
        by[i] = of[1][i] / sqrtf(of[4][i] + epsilon);
        plus[i] = of[2][i] + ((old ? ((const float *)old->data)[i] : 0) - of[3][i]) * by[i];
    }
    *done = true;
    return HN_OK;
}

static bool is_norm(const struct layouts *l, const struct hn_node *node)
{
    return hn_fuse_is(node, "BatchNormalization") && node->n_in == 5 && node->n_out == 1 &&
           !hn_node_int(node, "training_mode", 0) && is_last(l, node, 0);
}

/* BatchNormalization of a convolution's output becomes the convolution's scale and bias. */
static enum hn_status take_norm(struct layouts *l, struct hn_node *node, bool *done)
{
    struct hn_fuse *f = l->f;
    if (!is_norm(l, node) || l->n == 0) return HN_OK;
    struct hn_node *conv = NULL; /* turned values may lie between */
    for (size_t i = l->n; i-- > 0 && !conv;)
        if (l->nodes[i].first_out == node->in[0]) conv = &l->nodes[i];
    const struct hn_slot *made = &f->body->slots[node->in[0]];
    if (!conv || conv->row != &hn_fast_conv || made->readers != 1 || made->output ||
        conv->in[4] != HN_NO_SLOT)
        return HN_OK;
    int32_t scale, bias;
    const size_t n = hn_fuse_constant(f, conv->in[1])->shape[0];
    HN_TRY(hn_fuse_batch_norm(f, node, n, conv->in[2], &scale, &bias, done));
    if (!*done) return HN_OK;
    conv->in[4] = scale;
    conv->in[2] = bias;
    HN_TRY(know_slots(l));
    conv->first_out = node->first_out;
    conv->n_out = 1;
    l->of[node->first_out] = l->of[node->in[0]];
    return HN_OK;
}

/* Any other BatchNormalization is a convolution by channels, of one tap. */
static enum hn_status take_lone_norm(struct layouts *l, struct hn_node *node, bool *done)
{
    struct hn_fuse *f = l->f;
    int32_t in[] = {node->in[0], HN_NO_SLOT, HN_NO_SLOT, HN_NO_SLOT, HN_NO_SLOT};
    if (!is_norm(l, node) || !hn_fuse_floats(f, node->in[1], 1)) return HN_OK;
    const size_t n = hn_fuse_constant(f, node->in[1])->n;
    const enum layout as = l->of[in[0]];
    HN_TRY(hn_fuse_batch_norm(f, node, n, HN_NO_SLOT, &in[4], &in[2], done));
    if (!*done) return HN_OK;
    const size_t shape[] = {n, 1, 1, 1};
    float *ones = hn_fuse_new_constant(f, HN_EL_F32, shape, as == FLAT ? 3 : 4, &in[1]);
    if (!ones) return hn_fail_nomem(f->err, "constants", n * sizeof *ones);
    for (size_t i = 0; i < n; i++)
        ones[i] = 1;
    HN_TRY(know_slots(l));
    node->n_attrs = 0;
    HN_TRY(hn_fuse_become(f, node, &hn_fast_conv, in, 5));
    HN_TRY(hn_fuse_set_int(f, node, "group", (int64_t)n));
    return made_last(l, node, as);
}

static enum hn_status rewrite(struct layouts *l, struct hn_node *node)
{
    struct hn_fuse *f = l->f;
    const struct hn_op_row *pool;
    bool done = false;
    HN_TRY(take_norm(l, node, &done));
    if (done) return HN_OK;
    HN_TRY(take_lone_norm(l, node, &done));
    if (!done) HN_TRY(take_pair(l, node, &done));
    if (!done) HN_TRY(take_concat(l, node, &done));
    if (!done && takes_conv(f, node)) {
        HN_TRY(take_conv(l, node));
    } else if (!done && takes_bytes(f, node)) {
        HN_TRY(take_bytes(l, node));
    } else if (!done && is_last(l, node, 0) && (pool = pool_row(l, node))) {
        const enum layout as = l->of[node->in[0]];
        const bool scales = pool == &hn_fast_byte_global_pool;
        HN_TRY(hn_fuse_become(f, node, pool, node->in, scales ? node->n_in : 1));
        HN_TRY(made_last(l, node, as));
    } else if (!done && elementwise(l, node)) {
        l->of[node->first_out] = l->of[node->in[0]];
    } else if (!done) {
        for (size_t i = 0; i < node->n_in; i++)
            HN_TRY(in_layout(l, &node->in[i], FIRST));
    }
    return push(l, node);
}

static enum hn_status rewrite_all(struct layouts *l)
{
    struct hn_body *body = l->f->body;
    HN_TRY(know_slots(l));
    for (size_t i = 0; i < body->n_nodes; i++) {
        struct hn_node node = body->nodes[i];
        HN_TRY(rewrite(l, &node));
    }
    for (size_t i = 0; i < body->n_outputs; i++)
        HN_TRY(in_layout(l, &body->outputs[i], FIRST));
    return HN_OK;
}

/* Not where graphs in graphs read values: those expect them as they were. */
static bool worth_it(const struct hn_fuse *f)
{
    bool some = false;
    if (f->body->graph->n_bodies > 1) return false;
    for (size_t i = 0; i < f->body->n_nodes; i++)
        some = some || takes_conv(f, &f->body->nodes[i]) || takes_bytes(f, &f->body->nodes[i]);
    return some;
}

enum hn_status hn_fuse_convolutions(struct hn_fuse *f)
{
    if (!worth_it(f)) return HN_OK;
    struct layouts l = {.f = f};
    const enum hn_status status = rewrite_all(&l);
    if (status >= 0) {
        struct hn_body *body = f->body;
        free(body->nodes);
        body->nodes = l.nodes;
        body->n_nodes = l.n;
        body->nodes_room = l.room;
        l.nodes = NULL;
    }
    free(l.nodes);
    free(l.of);
    free(l.turned);
    return status;
}

/* --- one after the other --- */

/* The convolution that makes the slot for one reader, adding nothing. */
static const struct hn_node *made_by(const struct hn_fuse *f, int32_t slot, bool by_channels)
{
    const struct hn_node *node = hn_fuse_maker(f, slot);
    if (!node || node->row != &hn_fast_conv || node->in[3] != HN_NO_SLOT) return NULL;
    const struct hn_slot *it = &f->body->slots[slot];
    const bool is = hn_node_int(node, "group", 1) > 1;
    return it->readers == 1 && !it->output && is == by_channels ? node : NULL;
}

static enum hn_status take_chain(struct hn_fuse *f, struct hn_node *node)
{
    const size_t *w = hn_fuse_constant(f, node->in[1])->shape;
    if (w[2] != 1 || w[3] != 1 || hn_node_int(node, "group", 1) > 1) return HN_OK;
    const struct hn_node *channels = made_by(f, node->in[0], true);
    if (!channels) return HN_OK;
    const struct hn_node *first = made_by(f, channels->in[0], false);
    struct hn_node *before = hn_arena_alloc(&f->body->graph->arena, 2, sizeof *before);
    if (!before) return hn_fail_nomem(f->err, "a node", 2 * sizeof *before);
    size_t n = 0;
    if (first) before[n++] = *first;
    before[n++] = *channels;
    int32_t in[5 + 2 * 4] = {before[0].in[0]};
    memcpy(in + 1, node->in + 1, 4 * sizeof *in);
    for (size_t i = 0; i < n; i++)
        memcpy(in + 5 + 4 * i, before[i].in + 1, 4 * sizeof *in);
    HN_TRY(hn_fuse_become(f, node, &hn_fast_conv_chain, in, 5 + 4 * n));
    node->before = before;
    node->n_before = n;
    return HN_OK;
}

enum hn_status hn_fuse_conv_chains(struct hn_fuse *f)
{
    for (size_t i = 0; i < f->body->n_nodes; i++)
        if (f->body->nodes[i].row == &hn_fast_conv) HN_TRY(take_chain(f, &f->body->nodes[i]));
    return HN_OK;
}
