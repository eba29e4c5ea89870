#include "model/graph/shape.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"

/* --- what rules ask --- */

const struct hn_fact *hn_shape_in(const struct hn_shaper *s, size_t i)
{
    static const struct hn_fact nothing;
    return hn_shape_has(s, i) ? &s->facts[s->node->in[i]] : &nothing;
}

bool hn_shape_has(const struct hn_shaper *s, size_t i)
{
    return hn_node_in(s->node, i) != HN_NO_SLOT;
}

struct hn_fact *hn_shape_out(struct hn_shaper *s, size_t i)
{
    /* The place past the last slot's. */
    return &s->facts[i < s->node->n_out ? (size_t)s->node->first_out + i : s->body->n_slots];
}

enum hn_status hn_shape_set(struct hn_shaper *s, size_t i, const int64_t *dims, size_t n)
{
    struct hn_fact *fact = hn_shape_out(s, i);
    if (n > HN_ARRAY_DIMS) return HN_OK; /* for the run to refuse */
    int64_t *copy = hn_arena_alloc(&s->arena, n, sizeof *copy);
    if (!copy) return hn_fail_nomem(s->err, "shapes", n * sizeof *copy);
    for (size_t d = 0; d < n; d++) /* so are negative numbers */
        copy[d] = hn_dim_is_number(dims[d]) && dims[d] < 0 ? HN_DIM_ANY : dims[d];
    fact->dims = copy;
    fact->known_rank = true;
    fact->n_dims = n;
    return HN_OK;
}

enum hn_status hn_shape_set_values(struct hn_shaper *s, size_t i, const int64_t *values, size_t n)
{
    struct hn_fact *fact = hn_shape_out(s, i);
    if (n > HN_SHAPE_VALUES) return HN_OK;
    int64_t *copy = hn_arena_alloc(&s->arena, n, sizeof *copy);
    if (!copy) return hn_fail_nomem(s->err, "shapes", n * sizeof *copy);
    if (n) memcpy(copy, values, n * sizeof *copy);
    fact->values = copy;
    fact->n_values = n;
    return HN_OK;
}

enum hn_status hn_shape_fail(struct hn_shaper *s, const char *fmt, ...)
{
    char text[200];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return hn_fail(s->err, HN_E_FORMAT, "node '%.*s' (%.*s): %s", HN_FMT(s->node->name),
                   HN_FMT(s->node->op), text);
}

bool hn_shape_ints(const struct hn_shaper *s, size_t i, const char *name, const int64_t **out,
                   size_t *n)
{
    *out = NULL;
    *n = 0;
    if (hn_shape_has(s, i)) {
        const struct hn_fact *fact = hn_shape_in(s, i);
        for (size_t k = 0; k < fact->n_values; k++)
            if (!hn_dim_is_number(fact->values[k])) return false;
        *out = fact->values;
        *n = fact->n_values;
        return fact->values != NULL;
    }
    const struct hn_onnx_attr *attr = hn_node_attr_of(s->node, name, HN_ONNX_INTS);
    if (!attr) return true;
    static const int64_t none;
    *out = attr->n ? attr->ints : &none;
    *n = attr->n;
    return attr->n <= HN_SHAPE_VALUES;
}

enum hn_status hn_shape_axis(struct hn_shaper *s, int64_t axis, size_t rank, size_t *out)
{
    const int64_t n = (int64_t)rank;
    if (axis < -n || axis >= n) return hn_shape_fail(s, "axis %lld of %zu", (long long)axis, rank);
    *out = (size_t)(axis < 0 ? axis + n : axis);
    return HN_OK;
}

int64_t hn_dim_times(int64_t a, int64_t b)
{
    int64_t product;
    if (a == 1) return b;
    if (b == 1) return a;
    if (!hn_dim_is_number(a) || !hn_dim_is_number(b) || __builtin_mul_overflow(a, b, &product))
        return HN_DIM_ANY;
    return hn_dim_is_number(product) ? product : HN_DIM_ANY;
}

int64_t hn_dim_plus(int64_t a, int64_t b)
{
    int64_t sum;
    if (a == 0) return b;
    if (b == 0) return a;
    if (!hn_dim_is_number(a) || !hn_dim_is_number(b) || __builtin_add_overflow(a, b, &sum))
        return HN_DIM_ANY;
    return hn_dim_is_number(sum) ? sum : HN_DIM_ANY;
}

enum hn_status hn_shape_broadcast(struct hn_shaper *s, int64_t *dims, size_t *n,
                                  const int64_t *with, size_t n_with)
{
    const size_t rank = hn_max(*n, n_with);
    int64_t out[HN_ARRAY_DIMS];
    for (size_t i = 1; i <= rank; i++) {
        const int64_t a = i <= *n ? dims[*n - i] : 1, b = i <= n_with ? with[n_with - i] : 1;
        int64_t *to = &out[rank - i];
        if (a == b || b == 1) *to = a;
        else if (a == 1) *to = b;
        else if (hn_dims_differ(a, b))
            return hn_shape_fail(s, "dimensions %lld and %lld do not fit", (long long)a,
                                 (long long)b);
        /* Of a number and a symbol the latter is the number, or 1. */
        else *to = hn_dim_is_number(a) ? a : hn_dim_is_number(b) ? b : HN_DIM_ANY;
    }
    memcpy(dims, out, rank * sizeof *dims);
    *n = rank;
    return HN_OK;
}

static void set_type(struct hn_shaper *s, enum hn_op_type type)
{
    static const enum hn_element plain[] = {
        [HN_OP_TYPE_BOOL] = HN_EL_BOOL, [HN_OP_TYPE_I32] = HN_EL_I32,
        [HN_OP_TYPE_I64] = HN_EL_I64,   [HN_OP_TYPE_U8] = HN_EL_U8,
        [HN_OP_TYPE_F32] = HN_EL_F32,   [HN_OP_TYPE_TEXT] = HN_EL_STRING};
    struct hn_fact *out = hn_shape_out(s, 0);
    if (type == HN_OP_TYPE_UNTOLD) return;
    if (type >= HN_OP_TYPE_BOOL) {
        out->known_type = true;
        out->type = plain[type];
        return;
    }
    const struct hn_fact *in = hn_shape_in(s, type - HN_OP_TYPE_FIRST);
    out->known_type = in->known_type;
    out->type = in->type;
}

/* --- all of a graph --- */

/* What is known of a constant: everything, of short lists also what is in them. */
static enum hn_status know_constant(struct hn_shaper *s, const struct hn_array *a,
                                    struct hn_fact *fact)
{
    int64_t *dims = hn_arena_alloc(&s->arena, a->n_dims, sizeof *dims);
    if (!dims) return hn_fail_nomem(s->err, "shapes", a->n_dims);
    for (size_t i = 0; i < a->n_dims; i++)
        dims[i] = (int64_t)a->shape[i];
    *fact = (struct hn_fact){
        .known_type = true, .known_rank = true, .type = a->type, .n_dims = a->n_dims, .dims = dims};
    if ((a->type != HN_EL_I64 && a->type != HN_EL_I32) || a->n_dims > 1 || a->n > HN_SHAPE_VALUES)
        return HN_OK;
    int64_t *values = hn_arena_alloc(&s->arena, a->n, sizeof *values);
    if (!values) return hn_fail_nomem(s->err, "shapes", a->n);
    for (size_t i = 0; i < a->n; i++) {
        values[i] =
            a->type == HN_EL_I64 ? ((const int64_t *)a->data)[i] : ((const int32_t *)a->data)[i];
        if (!hn_dim_is_number(values[i])) return HN_OK;
    }
    fact->values = values;
    fact->n_values = a->n;
    return HN_OK;
}

enum { MOST_SYMBOLS = 256, MOST_VALUES = 1 << 20 };

/* The file's word on an input. Each name is a symbol, that of the first dimension that is called so. */
static enum hn_status know_input(struct hn_shaper *s, size_t i, struct hn_str *names,
                                 struct hn_fact *fact)
{
    const struct hn_onnx_type *type = &s->body->graph->inputs[i].type;
    if (type->kind != HN_ONNX_IS_TENSOR) return HN_OK;
    fact->known_type = type->known_element;
    fact->type = type->element;
    if (!type->known_rank) return HN_OK;
    int64_t *dims = hn_arena_alloc(&s->arena, type->n_dims, sizeof *dims);
    if (!dims) return hn_fail_nomem(s->err, "shapes", type->n_dims);
    for (size_t d = 0; d < type->n_dims; d++) {
        const struct hn_str name = type->dim_names[d];
        dims[d] = type->shape[d];
        if (dims[d] >= 0) continue;
        size_t at = 0;
        while (at < s->n_symbols && !(name.n && hn_str_eq(names[at], name)))
            at++;
        dims[d] = HN_DIM_ANY;
        if (at == MOST_SYMBOLS) continue;
        if (at == s->n_symbols) names[s->n_symbols++] = name;
        dims[d] += 1 + (int64_t)at;
    }
    fact->dims = dims;
    fact->known_rank = true;
    fact->n_dims = type->n_dims;
    return HN_OK;
}

enum hn_status hn_shape_of_slot(struct hn_shaper *s, int32_t slot, struct hn_fact *out)
{
    const struct hn_array *constant = s->body->slots[slot].constant;
    if (constant && !s->facts[slot].known_rank) HN_TRY(know_constant(s, constant, &s->facts[slot]));
    *out = s->facts[slot];
    return HN_OK;
}

enum hn_status hn_shape_look(struct hn_shaper *s, const struct hn_node *node)
{
    struct hn_fact ignored;
    s->node = node;
    for (size_t i = 0; i < node->n_in; i++)
        if (node->in[i] != HN_NO_SLOT) HN_TRY(hn_shape_of_slot(s, node->in[i], &ignored));
    set_type(s, node->row->type);
    return node->row->shape(s);
}

/* The file's word on an output where nothing has been found; exporters may be wrong, and names are theirs. */
static enum hn_status complete(struct hn_shaper *s, const struct hn_fact *fact,
                               const struct hn_str *names, struct hn_onnx_type *type)
{
    if (type->kind != HN_ONNX_IS_TENSOR && type->kind != HN_ONNX_NO_KIND) return HN_OK;
    if (fact->known_type) {
        type->kind = HN_ONNX_IS_TENSOR;
        type->known_element = true;
        type->element = fact->type;
    }
    if (!fact->known_rank) return HN_OK;
    struct hn_arena *arena = &s->body->graph->arena;
    int64_t *shape = hn_arena_alloc(arena, fact->n_dims, sizeof *shape);
    struct hn_str *called = hn_arena_alloc(arena, fact->n_dims, sizeof *called);
    if (!shape || !called) return hn_fail_nomem(s->err, "shapes", fact->n_dims * sizeof *called);
    const bool told = type->known_rank && type->n_dims == fact->n_dims;
    for (size_t d = 0; d < fact->n_dims; d++) {
        const int64_t dim = fact->dims[d];
        shape[d] = hn_dim_is_number(dim) ? dim : told ? type->shape[d] : -1;
        called[d] = told ? type->dim_names[d] : HN_STR("");
        if (shape[d] >= 0) called[d] = HN_STR("");
        else if (called[d].n == 0 && dim != HN_DIM_ANY) called[d] = names[dim - HN_DIM_ANY - 1];
    }
    type->kind = HN_ONNX_IS_TENSOR;
    type->known_rank = true;
    type->n_dims = fact->n_dims;
    type->shape = shape;
    type->dim_names = called;
    return HN_OK;
}

static enum hn_status infer(struct hn_shaper *s, struct hn_str *names)
{
    struct hn_body *body = s->body;
    for (size_t i = 0; i < body->n_inputs; i++)
        HN_TRY(know_input(s, i, names, &s->facts[body->inputs[i]]));
    for (size_t i = 0; i < body->n_nodes; i++)
        HN_TRY(hn_shape_look(s, &body->nodes[i]));
    for (size_t i = 0; i < body->n_outputs; i++) {
        if (body->outputs[i] == HN_NO_SLOT) continue;
        struct hn_fact fact;
        HN_TRY(hn_shape_of_slot(s, body->outputs[i], &fact));
        HN_TRY(complete(s, &fact, names, &body->graph->outputs[i].type));
    }
    return HN_OK;
}

static enum hn_status keep_dims(struct hn_graph *graph, const struct hn_fact *fact,
                                const int64_t **out, struct hn_error *err)
{
    int64_t *dims = hn_arena_alloc(&graph->arena, fact->n_dims, sizeof *dims);
    if (!dims) return hn_fail_nomem(err, "shapes", fact->n_dims * sizeof *dims);
    for (size_t d = 0; d < fact->n_dims; d++)
        dims[d] = hn_dim_is_number(fact->dims[d]) ? fact->dims[d] : -1;
    *out = dims;
    return HN_OK;
}

enum hn_status hn_graph_infer(struct hn_graph *graph, struct hn_error *err)
{
    struct hn_body *body = graph->bodies[0];
    struct hn_str names[MOST_SYMBOLS];
    struct hn_shaper s = {.body = body, .err = err};
    if (body->n_slots > MOST_VALUES) return HN_OK;
    s.facts = calloc(body->n_slots + 1, sizeof *s.facts);
    if (!s.facts) return hn_fail_nomem(err, "shapes", body->n_slots * sizeof *s.facts);
    enum hn_status status = infer(&s, names);
    for (size_t i = 0; i < body->n_slots; i++) {
        const struct hn_fact *fact = &s.facts[i];
        body->slots[i].floats = fact->known_type && fact->type == HN_EL_F32;
        if (fact->known_rank) body->slots[i].rank = (uint8_t)(fact->n_dims + 1);
        if (status >= 0 && fact->known_rank && (fact->n_dims == 3 || fact->n_dims == 4))
            status = keep_dims(graph, fact, &body->slots[i].dims, err);
    }
    hn_arena_free(&s.arena);
    free(s.facts);
    return status;
}
