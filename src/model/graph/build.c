/* From the file's graph to bodies: every name becomes a slot, every operator a row, and every call of a
 * function its nodes. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/bits.h"
#include "model/graph/lower.h"

struct name {
    struct hn_str name;
    int32_t slot;
    bool used;
};

/* What names mean: in a body, or in a function that is written out into one. */
struct names {
    struct names *outer; /* of the body around; NULL in the model's own and in functions */
    struct hn_body *body;
    struct name *table;
    size_t n, room; /* a power of two */
    const struct hn_onnx_opset *opsets;
    size_t n_opsets;
    const struct hn_onnx_function *function; /* whose attributes may be referred to, or NULL */
    const struct hn_attr *args;              /* those that the call gives */
    size_t n_args;
    unsigned depth;
};

/* --- names --- */

static struct name *place_of(const struct names *names, struct hn_str name)
{
    size_t at = hn_str_hash(name, 0) & (names->room - 1);
    while (names->table[at].used && !hn_str_eq(names->table[at].name, name))
        at = (at + 1) & (names->room - 1);
    return &names->table[at];
}

static enum hn_status add_name(struct names *names, struct hn_str name, int32_t slot,
                               struct hn_error *err)
{
    if (2 * names->n >= names->room) {
        struct names more = *names;
        more.room = names->room ? 2 * names->room : 64;
        more.table = calloc(more.room, sizeof *more.table);
        if (!more.table) return hn_fail_nomem(err, "names", more.room * sizeof *more.table);
        for (size_t i = 0; i < names->room; i++)
            if (names->table[i].used) *place_of(&more, names->table[i].name) = names->table[i];
        free(names->table);
        names->table = more.table;
        names->room = more.room;
    }
    struct name *at = place_of(names, name);
    if (at->used) return hn_fail(err, HN_E_FORMAT, "two values are called '%.*s'", HN_FMT(name));
    *at = (struct name){name, slot, true};
    names->n++;
    return HN_OK;
}

#define GROW(list, n, room, what)                                                                  \
    do {                                                                                           \
        if ((n) < (room)) break;                                                                   \
        const size_t more_ = (room) ? 2 * (room) : 8;                                              \
        void *grown_ = realloc(list, more_ * sizeof *(list));                                      \
        if (!grown_) return hn_fail_nomem(err, what, more_ * sizeof *(list));                      \
        (list) = grown_;                                                                           \
        (room) = more_;                                                                            \
    } while (0)

enum hn_status hn_body_slot(struct hn_body *body, struct hn_str name, int32_t *out,
                            struct hn_error *err)
{
    if (body->graph->n_values++ >= HN_GRAPH_VALUES)
        return hn_fail(err, HN_E_LIMIT, "more than %d values", HN_GRAPH_VALUES);
    GROW(body->slots, body->n_slots, body->slots_room, "values");
    body->slots[body->n_slots] = (struct hn_slot){.name = name};
    *out = (int32_t)body->n_slots++;
    return HN_OK;
}

static enum hn_status define(struct names *names, struct hn_str name, int32_t *out,
                             struct hn_error *err)
{
    HN_TRY(hn_body_slot(names->body, name, out, err));
    return name.n ? add_name(names, name, *out, err) : HN_OK;
}

/* The slot of a name, taken over from the body around where it is that one's. */
static enum hn_status resolve(struct names *names, struct hn_str name, int32_t *out,
                              struct hn_error *err)
{
    if (names->room) {
        const struct name *at = place_of(names, name);
        if (at->used) {
            *out = at->slot;
            return HN_OK;
        }
    }
    if (!names->outer)
        return hn_fail(err, HN_E_FORMAT, "'%.*s' is not there before it is read", HN_FMT(name));
    struct hn_body *body = names->body;
    int32_t outer;
    HN_TRY(resolve(names->outer, name, &outer, err));
    if (outer == HN_NO_SLOT) {
        *out = HN_NO_SLOT;
        return HN_OK;
    }
    HN_TRY(define(names, name, out, err));
    GROW(body->captures, body->n_captures, body->captures_room, "captures");
    body->captures[body->n_captures++] = (struct hn_capture){outer, *out};
    return HN_OK;
}

/* --- attributes --- */

static enum hn_status build_body(struct hn_graph *graph, const struct hn_onnx_graph *file,
                                 struct names *outer, struct hn_body **out, struct hn_error *err);

static enum hn_status build_bodies(struct names *names, struct hn_attr *attr, struct hn_error *err)
{
    const struct hn_onnx_attr *value = attr->value;
    if (value->type != HN_ONNX_GRAPH && value->type != HN_ONNX_GRAPHS) return HN_OK;
    struct hn_graph *graph = names->body->graph;
    attr->bodies = hn_arena_alloc(&graph->arena, value->n, sizeof *attr->bodies);
    if (!attr->bodies) return hn_fail_nomem(err, "graphs", value->n);
    for (size_t i = 0; i < value->n; i++)
        HN_TRY(build_body(graph, &value->graphs[i], names, &attr->bodies[i], err));
    return HN_OK;
}

/* What a function's attribute stands for in this call; false: nothing. */
static bool referred(const struct names *names, struct hn_str ref, struct hn_attr *out)
{
    for (size_t i = 0; i < names->n_args; i++) {
        if (!hn_str_eq(names->args[i].name, ref)) continue;
        *out = names->args[i];
        return true;
    }
    for (size_t i = 0; names->function && i < names->function->n_defaults; i++) {
        const struct hn_onnx_attr *value = &names->function->defaults[i];
        if (!hn_str_eq(value->name, ref)) continue;
        *out = (struct hn_attr){.value = value};
        return true;
    }
    return false;
}

static enum hn_status build_attrs(struct names *names, const struct hn_onnx_node *node,
                                  struct hn_attr **out, size_t *n, struct hn_error *err)
{
    struct hn_attr *attrs =
        hn_arena_alloc(&names->body->graph->arena, node->n_attrs, sizeof *attrs);
    if (!attrs) return hn_fail_nomem(err, "attributes", node->n_attrs * sizeof *attrs);
    *n = 0;
    for (size_t i = 0; i < node->n_attrs; i++) {
        const struct hn_onnx_attr *value = &node->attrs[i];
        struct hn_attr *attr = &attrs[*n];
        *attr = (struct hn_attr){.value = value};
        if (value->ref.n && !referred(names, value->ref, attr)) continue;
        attr->name = value->name;
        if (!attr->bodies) HN_TRY(build_bodies(names, attr, err));
        else if (attr->value->n && attr->bodies[0]->outer != names->body)
            return hn_fail(err, HN_E_UNSUPPORTED, "a graph is handed into a function's graph");
        ++*n;
    }
    *out = attrs;
    return HN_OK;
}

/* --- nodes --- */

static int64_t opset_of(const struct names *names, struct hn_str domain)
{
    for (size_t i = 0; i < names->n_opsets; i++)
        if (hn_str_eq(names->opsets[i].domain, domain)) return names->opsets[i].version;
    return 1;
}

static const struct hn_onnx_function *function_of(const struct hn_onnx *file,
                                                  const struct hn_onnx_node *node)
{
    for (size_t i = 0; i < file->n_functions; i++) {
        const struct hn_onnx_function *f = &file->functions[i];
        if (hn_str_eq(f->name, node->op) && hn_str_eq(f->domain, node->domain) &&
            hn_str_eq(f->overload, node->overload))
            return f;
    }
    return NULL;
}

static enum hn_status add_node(struct names *names, const struct hn_onnx_node *from,
                               struct hn_error *err);

static enum hn_status read_inputs(struct names *names, const struct hn_onnx_node *from, int32_t *in,
                                  struct hn_error *err)
{
    for (size_t i = 0; i < from->n_in; i++) {
        in[i] = HN_NO_SLOT;
        if (from->in[i].n) HN_TRY(resolve(names, from->in[i], &in[i], err));
    }
    return HN_OK;
}

static enum hn_status write_out_nodes(struct names *names, struct names *inside,
                                      const struct hn_onnx_node *call, const int32_t *in,
                                      struct hn_error *err)
{
    const struct hn_onnx_function *f = inside->function;
    for (size_t i = 0; i < f->n_inputs; i++)
        HN_TRY(add_name(inside, f->inputs[i], i < call->n_in ? in[i] : HN_NO_SLOT, err));
    for (size_t i = 0; i < f->n_nodes; i++)
        HN_TRY(add_node(inside, &f->nodes[i], err));
    for (size_t i = 0; i < call->n_out; i++) {
        int32_t slot;
        if (call->out[i].n == 0) continue;
        HN_TRY(resolve(inside, f->outputs[i], &slot, err));
        HN_TRY(add_name(names, call->out[i], slot, err));
    }
    return HN_OK;
}

/* A call of a function, as the function's nodes. */
static enum hn_status write_out(struct names *names, const struct hn_onnx_node *call,
                                const struct hn_onnx_function *f, struct hn_error *err)
{
    if (names->depth >= HN_GRAPH_DEPTH)
        return hn_fail(err, HN_E_LIMIT, "functions are nested more than %d deep", HN_GRAPH_DEPTH);
    if (call->n_in > f->n_inputs || call->n_out > f->n_outputs)
        return hn_fail(err, HN_E_FORMAT, "function %.*s has %zu inputs and %zu outputs",
                       HN_FMT(f->name), f->n_inputs, f->n_outputs);
    struct names inside = {.body = names->body,
                           .opsets = f->n_opsets ? f->opsets : names->opsets,
                           .n_opsets = f->n_opsets ? f->n_opsets : names->n_opsets,
                           .function = f,
                           .depth = names->depth + 1};
    struct hn_attr *args;
    HN_TRY(build_attrs(names, call, &args, &inside.n_args, err));
    inside.args = args;
    int32_t *in = hn_arena_alloc(&names->body->graph->arena, call->n_in, sizeof *in);
    if (!in) return hn_fail_nomem(err, "a function", call->n_in * sizeof *in);
    HN_TRY(read_inputs(names, call, in, err));
    const enum hn_status status = write_out_nodes(names, &inside, call, in, err);
    free(inside.table);
    return status;
}

static enum hn_status check_counts(const struct hn_op_row *row, const struct hn_onnx_node *from,
                                   struct hn_error *err)
{
    if (from->n_in < row->in_min || (row->in_max != HN_OP_ANY && from->n_in > row->in_max))
        return hn_fail(err, HN_E_FORMAT, "%zu inputs, not %d to %d", from->n_in, row->in_min,
                       row->in_max);
    if (from->n_out < row->out_min || (row->out_max != HN_OP_ANY && from->n_out > row->out_max))
        return hn_fail(err, HN_E_FORMAT, "%zu outputs, not %d to %d", from->n_out, row->out_min,
                       row->out_max);
    for (size_t i = 0; i < row->in_min; i++)
        if (from->in[i].n == 0) return hn_fail(err, HN_E_FORMAT, "input %zu is missing", i);
    return HN_OK;
}

enum hn_status hn_body_node(struct hn_body *body, const struct hn_node *node, struct hn_error *err)
{
    if (body->graph->n_nodes++ >= HN_GRAPH_NODES)
        return hn_fail(err, HN_E_LIMIT, "more than %d nodes", HN_GRAPH_NODES);
    GROW(body->nodes, body->n_nodes, body->nodes_room, "nodes");
    body->nodes[body->n_nodes++] = *node;
    return HN_OK;
}

/* An operator that is written out as others. */
static enum hn_status lower(struct names *names, const struct hn_onnx_node *from,
                            const struct hn_node *call, struct hn_error *err)
{
    struct hn_lower l = {
        .body = names->body, .call = call, .opset = HN_LOWER_OPSET, .status = HN_OK, .err = err};
    for (size_t i = 0; i < HN_LOWER_OUTS; i++) {
        l.out[i] = HN_NO_SLOT;
        l.wanted[i] = i < from->n_out && from->out[i].n;
    }
    call->row->lower(&l);
    if (l.status < 0) return l.status;
    for (size_t i = 0; i < from->n_out; i++) {
        if (!from->out[i].n) continue;
        if (i >= HN_LOWER_OUTS || l.out[i] == HN_NO_SLOT)
            return hn_fail(err, HN_E_UNSUPPORTED, "output %zu is not supported", i);
        HN_TRY(add_name(names, from->out[i], l.out[i], err));
    }
    return HN_OK;
}

static enum hn_status add_operator(struct names *names, const struct hn_onnx_node *from,
                                   struct hn_error *err)
{
    struct hn_body *body = names->body;
    const int64_t opset = opset_of(names, from->domain);
    const struct hn_op_row *row = hn_op_find(from->domain, from->op, opset);
    if (!row)
        return hn_fail(err, HN_E_UNSUPPORTED,
                       "%s%.*s has no such operator in opset %" PRId64 ", or it is not supported",
                       from->domain.n ? "" : "ai.onnx", HN_FMT(from->domain), opset);
    HN_TRY(check_counts(row, from, err));
    struct hn_node node = {.row = row,
                           .name = from->name,
                           .op = from->op,
                           .domain = from->domain,
                           .opset = (int)hn_min((size_t)opset, INT32_MAX),
                           .n_in = from->n_in,
                           .n_out = from->n_out};
    node.in = hn_arena_alloc(&body->graph->arena, node.n_in, sizeof *node.in);
    if (!node.in) return hn_fail_nomem(err, "a node", node.n_in * sizeof *node.in);
    HN_TRY(read_inputs(names, from, node.in, err));
    HN_TRY(build_attrs(names, from, &node.attrs, &node.n_attrs, err));
    if (row->lower) return lower(names, from, &node, err);
    node.first_out = (int32_t)body->n_slots;
    for (size_t i = 0; i < from->n_out; i++) {
        int32_t slot;
        HN_TRY(define(names, from->out[i], &slot, err));
    }
    return hn_body_node(body, &node, err);
}

static enum hn_status add_node(struct names *names, const struct hn_onnx_node *from,
                               struct hn_error *err)
{
    const struct hn_onnx_function *f = function_of(names->body->graph->file, from);
    const enum hn_status status =
        f ? write_out(names, from, f, err) : add_operator(names, from, err);
    /* Of functions in functions the innermost node and the outermost call are enough. */
    if (status >= 0 || (f && names->depth)) return status;
    return hn_fail_in(err, status, "node '%.*s' (%.*s)", HN_FMT(from->name), HN_FMT(from->op));
}

/* --- bodies --- */

static enum hn_status add_inputs(struct names *names, const struct hn_onnx_graph *file,
                                 struct hn_error *err)
{
    struct hn_body *body = names->body;
    struct hn_graph *graph = body->graph;
    const bool own = body->outer == NULL;
    body->inputs = hn_arena_alloc(&graph->arena, file->n_inputs, sizeof *body->inputs);
    if (own) graph->inputs = hn_arena_alloc(&graph->arena, file->n_inputs, sizeof *graph->inputs);
    if (!body->inputs || !graph->inputs) return hn_fail_nomem(err, "inputs", file->n_inputs);
    for (size_t i = 0; i < file->n_inputs; i++) {
        const struct hn_str name = file->inputs[i].name;
        const struct name *known = names->room && name.n ? place_of(names, name) : NULL;
        const bool constant = known && known->used;
        /* Old files list their initialisers among the inputs. */
        if (constant && own && body->slots[known->slot].constant) continue;
        if (constant || name.n == 0)
            return hn_fail(err, HN_E_FORMAT, "input '%.*s' has no name of its own", HN_FMT(name));
        if (own) graph->inputs[graph->n_inputs++] = file->inputs[i];
        HN_TRY(define(names, name, &body->inputs[body->n_inputs++], err));
    }
    return HN_OK;
}

/* Of the model's own body, for what is found out about them. */
static enum hn_status copy_outputs(const struct hn_body *body, struct hn_error *err)
{
    struct hn_graph *graph = body->graph;
    const struct hn_onnx_graph *file = body->file;
    if (body->outer) return HN_OK;
    graph->outputs = hn_arena_alloc(&graph->arena, file->n_outputs, sizeof *graph->outputs);
    if (!graph->outputs) return hn_fail_nomem(err, "outputs", file->n_outputs);
    if (file->n_outputs)
        memcpy(graph->outputs, file->outputs, file->n_outputs * sizeof *graph->outputs);
    return HN_OK;
}

static enum hn_status fill_body(struct names *names, const struct hn_onnx_graph *file,
                                struct hn_error *err)
{
    struct hn_body *body = names->body;
    for (size_t i = 0; i < file->n_tensors; i++) {
        int32_t slot = HN_NO_SLOT;
        HN_TRY(define(names, file->tensors[i].name, &slot, err));
        body->slots[slot].constant = &file->tensors[i].array;
        body->slots[slot].tensor = &file->tensors[i];
        file->tensors[i].users++;
    }
    HN_TRY(add_inputs(names, file, err));
    for (size_t i = 0; i < file->n_nodes; i++)
        HN_TRY(add_node(names, &file->nodes[i], err));
    body->outputs = hn_arena_alloc(&body->graph->arena, file->n_outputs, sizeof *body->outputs);
    if (!body->outputs) return hn_fail_nomem(err, "outputs", file->n_outputs);
    HN_TRY(copy_outputs(body, err));
    for (size_t i = 0; i < file->n_outputs; i++) {
        HN_TRY(resolve(names, file->outputs[i].name, &body->outputs[i], err));
        body->n_outputs++;
    }
    return HN_OK;
}

static enum hn_status build_body(struct hn_graph *graph, const struct hn_onnx_graph *file,
                                 struct names *outer, struct hn_body **out, struct hn_error *err)
{
    if (outer && outer->depth >= HN_GRAPH_DEPTH)
        return hn_fail(err, HN_E_LIMIT, "graphs are nested more than %d deep", HN_GRAPH_DEPTH);
    struct hn_body *body = hn_arena_alloc(&graph->arena, 1, sizeof *body);
    if (!body) return hn_fail_nomem(err, "a graph", sizeof *body);
    GROW(graph->bodies, graph->n_bodies, graph->bodies_room, "graphs");
    *body = (struct hn_body){.graph = graph, .file = file, .index = graph->n_bodies};
    graph->bodies[graph->n_bodies++] = body;
    struct names names = {.body = body, .outer = outer};
    if (outer) {
        body->outer = outer->body;
        names.opsets = outer->opsets, names.n_opsets = outer->n_opsets;
        names.function = outer->function;
        names.args = outer->args, names.n_args = outer->n_args;
        names.depth = outer->depth + 1;
    } else {
        names.opsets = graph->file->opsets, names.n_opsets = graph->file->n_opsets;
    }
    const enum hn_status status = fill_body(&names, file, err);
    free(names.table);
    *out = body;
    return status;
}

enum hn_status hn_graph_build(struct hn_graph *graph, struct hn_error *err)
{
    struct hn_body *body;
    return build_body(graph, &graph->file->graph, NULL, &body, err);
}
