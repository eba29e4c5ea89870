/* What lower.h promises to the functions that write operators out. */
#include "model/graph/lower.h"

#include <stdlib.h>

void hn_lower_fail(struct hn_lower *l, enum hn_status status, const char *what)
{
    if (l->status >= 0) l->status = hn_fail(l->err, status, "%s", what);
}

static void *take(struct hn_lower *l, size_t n, size_t size)
{
    void *at = l->status >= 0 ? hn_arena_alloc(&l->body->graph->arena, n, size) : NULL;
    if (!at && l->status >= 0) l->status = hn_fail_nomem(l->err, "a node", n * size);
    return at;
}

/* --- the call --- */

int32_t hn_lower_in(const struct hn_lower *l, size_t i)
{
    return hn_node_in(l->call, i);
}

/* --- attributes --- */

static void put(struct hn_lower *l, const char *name, const struct hn_onnx_attr *value)
{
    struct hn_onnx_attr *copy = take(l, 1, sizeof *copy);
    if (!copy) return;
    *copy = *value;
    l->attrs[l->n_attrs++] = (struct hn_attr){.name = hn_str_from(name), .value = copy};
}

void hn_lower_int(struct hn_lower *l, const char *name, int64_t value)
{
    put(l, name, &(struct hn_onnx_attr){.type = HN_ONNX_INT, .i = value});
}

void hn_lower_float(struct hn_lower *l, const char *name, float value)
{
    put(l, name, &(struct hn_onnx_attr){.type = HN_ONNX_FLOAT, .f = value});
}

void hn_lower_text(struct hn_lower *l, const char *name, const char *value)
{
    put(l, name, &(struct hn_onnx_attr){.type = HN_ONNX_STRING, .s = hn_str_from(value)});
}

void hn_lower_ints(struct hn_lower *l, const char *name, const int64_t *values, size_t n)
{
    int64_t *copy = take(l, n, sizeof *copy);
    if (!copy) return;
    memcpy(copy, values, n * sizeof *copy);
    put(l, name, &(struct hn_onnx_attr){.type = HN_ONNX_INTS, .n = n, .ints = copy});
}

void hn_lower_keep(struct hn_lower *l, const char *const *names)
{
    for (; *names; names++) {
        const struct hn_attr *attr = hn_node_attr(l->call, *names);
        if (attr) l->attrs[l->n_attrs++] = *attr;
    }
}

void hn_lower_keep_conv(struct hn_lower *l)
{
    HN_LOWER_KEEP(l, "auto_pad", "dilations", "group", "pads", "kernel_shape", "strides");
}

/* --- nodes --- */

static int32_t new_slot(struct hn_lower *l)
{
    int32_t slot = HN_NO_SLOT;
    if (l->status >= 0) l->status = hn_body_slot(l->body, hn_str_from(""), &slot, l->err);
    return slot;
}

int32_t hn_lower_node(struct hn_lower *l, const char *domain, const char *op, size_t n_out,
                      const int32_t *in, size_t n_in)
{
    struct hn_node node = {.name = l->call->name,
                           .op = hn_str_from(op),
                           .domain = hn_str_from(domain),
                           .opset = *domain ? 1 : l->opset,
                           .n_in = n_in,
                           .n_out = n_out,
                           .n_attrs = l->n_attrs,
                           .first_out = HN_NO_SLOT};
    node.row = hn_op_find(node.domain, node.op, node.opset);
    for (size_t i = 0; i < node.row->in_min; i++)
        if (i >= n_in || in[i] == HN_NO_SLOT)
            hn_lower_fail(l, HN_E_FORMAT, "an input that it needs is missing");
    node.in = take(l, n_in, sizeof *node.in);
    node.attrs = take(l, l->n_attrs, sizeof *node.attrs);
    if (l->status < 0) return HN_NO_SLOT;
    memcpy(node.in, in, n_in * sizeof *in);
    memcpy(node.attrs, l->attrs, l->n_attrs * sizeof *node.attrs);
    l->n_attrs = 0;
    l->opset = HN_LOWER_OPSET;
    for (size_t i = 0; i < n_out; i++) {
        const int32_t slot = new_slot(l);
        if (i == 0) node.first_out = slot;
    }
    if (l->status >= 0) l->status = hn_body_node(l->body, &node, l->err);
    return node.first_out;
}

/* --- constants --- */

static int32_t constant(struct hn_lower *l, enum hn_element type, const void *from, size_t n,
                        size_t n_dims, size_t bytes)
{
    void *data = take(l, n, bytes);
    struct hn_array *array = take(l, 1, sizeof *array);
    const int32_t slot = new_slot(l);
    if (l->status < 0) return HN_NO_SLOT;
    memcpy(data, from, n * bytes);
    *array = (struct hn_array){.type = type, .n_dims = n_dims, .n = n, .data = data};
    array->shape[0] = n;
    l->body->slots[slot].constant = array;
    return slot;
}

int32_t hn_lower_list(struct hn_lower *l, const int64_t *values, size_t n)
{
    return constant(l, HN_EL_I64, values, n, 1, sizeof *values);
}

int32_t hn_lower_real(struct hn_lower *l, float value)
{
    return constant(l, HN_EL_F32, &value, 1, 0, sizeof value);
}

int32_t hn_lower_real_as(struct hn_lower *l, float value, int32_t as)
{
    return HN_LOWER(l, "CastLike", hn_lower_real(l, value), as);
}

/* --- what several have --- */

int32_t hn_lower_scaled(struct hn_lower *l, int32_t x, float by)
{
    return by == 1 ? x : HN_LOWER(l, "Mul", x, hn_lower_real_as(l, by, x));
}

int32_t hn_lower_plus(struct hn_lower *l, int32_t x, int32_t y)
{
    return y == HN_NO_SLOT ? x : HN_LOWER(l, "Add", x, y);
}

int32_t hn_lower_to_first(struct hn_lower *l, int32_t x)
{
    hn_lower_ints(l, "perm", (const int64_t[]){0, 3, 1, 2}, 4);
    return HN_LOWER(l, "Transpose", x);
}

int32_t hn_lower_to_last(struct hn_lower *l, int32_t x)
{
    hn_lower_ints(l, "perm", (const int64_t[]){0, 2, 3, 1}, 4);
    return HN_LOWER(l, "Transpose", x);
}

int32_t hn_lower_turned(struct hn_lower *l, int32_t x)
{
    hn_lower_text(l, "equation", "...ij->...ji");
    return HN_LOWER(l, "Einsum", x);
}

int32_t hn_lower_activation(struct hn_lower *l, int32_t x, struct hn_str name, const float *params,
                            size_t n)
{
    static const struct {
        const char *name, *first, *second;
    } known[] = {
        {"Relu", NULL, NULL},
        {"Sigmoid", NULL, NULL},
        {"Tanh", NULL, NULL},
        {"Elu", "alpha", NULL},
        {"HardSwish", NULL, NULL},
        {"LeakyRelu", "alpha", NULL},
        {"Softplus", NULL, NULL},
        {"ThresholdedRelu", "alpha", NULL},
        {"HardSigmoid", "alpha", "beta"},
    };
    if (!name.n) return x;
    if (hn_str_is(name, "Clip") && n == 2)
        return HN_LOWER(l, "Clip", x, hn_lower_real(l, params[0]), hn_lower_real(l, params[1]));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!hn_str_is(name, known[i].name)) continue;
        if (known[i].first && n > 0) hn_lower_float(l, known[i].first, params[0]);
        if (known[i].second && n > 1) hn_lower_float(l, known[i].second, params[1]);
        return HN_LOWER(l, known[i].name, x);
    }
    hn_lower_fail(l, HN_E_UNSUPPORTED, "the activation is unknown");
    return HN_NO_SLOT;
}
