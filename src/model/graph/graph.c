#include "model/graph/graph.h"

#include <stdlib.h>

#include "base/memory.h"
#include "model/graph/graph_impl.h"

static const struct hn_op_row rows[] = {
#define ROW(domain, name, since, fn, prepare, in_min, in_max, out_min, out_max, flags, shape,      \
            type, rows)                                                                            \
    {domain,                                                                                       \
     name,                                                                                         \
     since,                                                                                        \
     fn,                                                                                           \
     prepare,                                                                                      \
     NULL,                                                                                         \
     in_min,                                                                                       \
     in_max,                                                                                       \
     out_min,                                                                                      \
     out_max,                                                                                      \
     flags,                                                                                        \
     hn_shape_##shape,                                                                             \
     HN_OP_TYPE_##type,                                                                            \
     HN_OP_ROWS_##rows},
#define OP(domain, name, since, fn, ...) ROW(domain, name, since, hn_op_##fn, NULL, __VA_ARGS__)
#define OP_PREPARED(domain, name, since, fn, ...)                                                  \
    ROW(domain, name, since, hn_op_##fn, hn_op_prepare_##fn, __VA_ARGS__)
#define OP_LOWERED(domain, name, since, fn, in_min, in_max, out_min, out_max)                      \
    {domain,  name, since, NULL, NULL, hn_lower_##fn, in_min, in_max, out_min,                     \
     out_max, 0,    NULL,  0,    0},
#define ANY     HN_OP_ANY
#define TENSORS HN_OP_TENSORS
#define VALUES  HN_OP_VALUES
#define RANDOM  HN_OP_RANDOM
#define CALLS   HN_OP_CALLS
#define LOOSE_0 HN_OP_LOOSE_0
#include "model/graph/ops.def"
#undef ROW
#undef OP
#undef OP_PREPARED
#undef OP_LOWERED
#undef ANY
#undef TENSORS
#undef VALUES
#undef RANDOM
#undef CALLS
#undef LOOSE_0
};

const struct hn_op_row *hn_op_rows(size_t *n)
{
    *n = sizeof rows / sizeof rows[0];
    return rows;
}

const struct hn_op_row *hn_op_find(struct hn_str domain, struct hn_str name, int64_t opset)
{
    const struct hn_op_row *best = NULL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct hn_op_row *row = &rows[i];
        if (row->since > opset || (best && row->since < best->since)) continue;
        if (hn_str_is(name, row->name) && hn_str_is(domain, row->domain)) best = row;
    }
    return best;
}

const struct hn_attr *hn_node_attr(const struct hn_node *node, const char *name)
{
    for (size_t i = 0; i < node->n_attrs; i++)
        if (hn_str_is(node->attrs[i].name, name)) return &node->attrs[i];
    return NULL;
}

const struct hn_onnx_attr *hn_node_attr_of(const struct hn_node *node, const char *name,
                                           enum hn_onnx_attr_type type)
{
    const struct hn_attr *attr = hn_node_attr(node, name);
    return attr && attr->value->type == type ? attr->value : NULL;
}

int64_t hn_node_int(const struct hn_node *node, const char *name, int64_t fallback)
{
    const struct hn_onnx_attr *a = hn_node_attr_of(node, name, HN_ONNX_INT);
    return a ? a->i : fallback;
}

float hn_node_float(const struct hn_node *node, const char *name, float fallback)
{
    const struct hn_onnx_attr *a = hn_node_attr_of(node, name, HN_ONNX_FLOAT);
    return a ? a->f : fallback;
}

struct hn_str hn_node_text(const struct hn_node *node, const char *name, const char *fallback)
{
    const struct hn_onnx_attr *a = hn_node_attr_of(node, name, HN_ONNX_STRING);
    return a ? a->s : hn_str_from(fallback);
}

int32_t hn_node_in(const struct hn_node *node, size_t i)
{
    return i < node->n_in ? node->in[i] : HN_NO_SLOT;
}

const struct hn_array *hn_body_constant(const struct hn_body *body, int32_t slot)
{
    return slot == HN_NO_SLOT ? NULL : body->slots[slot].constant;
}

static enum hn_status load(struct hn_graph *graph, const char *cpu, struct hn_error *err)
{
    enum hn_cpu_level level;
    HN_TRY(hn_cpu_choose(cpu, &level, err));
    graph->kernels = hn_kernels_for(level);
    HN_TRY(hn_graph_build(graph, err));
    HN_TRY(hn_graph_finish(graph, err));
    HN_TRY(hn_graph_tabulate(graph, err));
    HN_TRY(hn_graph_fold(graph, err));
    HN_TRY(hn_graph_finish(graph, err));
    HN_TRY(hn_graph_infer(graph, err));
    graph->bytes_done = true;
    if (graph->has_bytes) HN_TRY(hn_graph_fuse_bytes(graph, err));
    graph->stacks = hn_graph_rows_apart(graph);
    HN_TRY(hn_graph_fuse(graph, err));
    hn_graph_release_unread(graph);
    HN_TRY(hn_graph_prepare(graph, err));
    hn_onnx_rest(graph->file);
    return HN_OK;
}

enum hn_status hn_graph_load(struct hn_onnx *file, const char *name,
                             const struct hn_predictor_options *options, struct hn_graph **out,
                             struct hn_error *err)
{
    *out = NULL;
    struct hn_graph *graph = calloc(1, sizeof *graph);
    if (!graph) {
        hn_onnx_close(file);
        return hn_fail_nomem(err, "a graph", sizeof *graph);
    }
    graph->file = file;
    graph->run_bytes =
        options && options->run_bytes ? options->run_bytes : hn_memory_available() / 2;
    graph->run_nodes = options && options->run_nodes ? options->run_nodes : (uint64_t)1 << 32;
    const enum hn_status status = load(graph, options ? options->cpu : NULL, err);
    if (status < 0) {
        hn_graph_close(graph);
        return hn_fail_in(err, status, "%s", name);
    }
    *out = graph;
    return HN_OK;
}

enum hn_status hn_graph_open(const char *path, const struct hn_predictor_options *options,
                             struct hn_graph **out, struct hn_error *err)
{
    struct hn_onnx *file;
    *out = NULL;
    HN_TRY(hn_onnx_open(path, &file, err));
    return hn_graph_load(file, path, options, out, err);
}

void hn_graph_close(struct hn_graph *graph)
{
    if (!graph) return;
    for (size_t b = 0; b < graph->n_bodies; b++) {
        struct hn_body *body = graph->bodies[b];
        for (size_t i = 0; i < body->n_nodes; i++)
            if (body->nodes[i].state) body->nodes[i].state->free(body->nodes[i].state);
        for (size_t i = 0; i < body->n_slots; i++)
            free(body->slots[i].own);
        free(body->nodes);
        free(body->slots);
        free(body->captures);
    }
    free(graph->bodies);
    hn_onnx_close(graph->file);
    hn_arena_free(&graph->arena);
    free(graph);
}

const struct hn_onnx_value *hn_graph_input(const struct hn_graph *graph, size_t i)
{
    return &graph->inputs[i];
}

const struct hn_onnx_value *hn_graph_output(const struct hn_graph *graph, size_t i)
{
    return &graph->outputs[i];
}

size_t hn_graph_inputs(const struct hn_graph *graph)
{
    return graph->n_inputs;
}

size_t hn_graph_outputs(const struct hn_graph *graph)
{
    return graph->file->graph.n_outputs;
}

const struct hn_column_labels *hn_graph_input_labels(const struct hn_graph *graph, size_t i)
{
    return &graph->input_labels[i];
}

const struct hn_column_labels *hn_graph_output_labels(const struct hn_graph *graph, size_t i)
{
    return &graph->output_labels[i];
}

bool hn_graph_stacks(const struct hn_graph *graph)
{
    return graph->stacks;
}

size_t hn_graph_bytes(const struct hn_graph *graph)
{
    size_t bytes = graph->arena.used + graph->folded_bytes + graph->state_bytes;
    for (size_t b = 0; b < graph->n_bodies; b++) {
        const struct hn_body *body = graph->bodies[b];
        bytes += body->nodes_room * sizeof *body->nodes + body->slots_room * sizeof *body->slots;
        for (size_t i = 0; i < body->file->n_tensors; i++) {
            const struct hn_onnx_tensor *t = &body->file->tensors[i];
            if (t->own || t->file) bytes += t->array.n * hn_element_info(t->array.type)->bytes;
        }
    }
    return bytes;
}
