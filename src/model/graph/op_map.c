/* Maps, from features or classes to numbers: a map is a row of a table here, its keys are the labels of the
 * table's columns. ONNX lets maps come in through inputs of the model (for DictVectorizer and CastMap) and go
 * out through its outputs (from ZipMap): nothing inside of a graph needs another form. */
#include "model/graph/graph_impl.h"

enum {
    MOST_KEYS = 1 << 20, /* of a CastMap */
    FAR = 8,             /* nodes between scores and the output that shows them */
};

static bool is_ml(const struct hn_node *node, const char *op)
{
    return hn_str_is(node->domain, "ai.onnx.ml") && hn_str_is(node->op, op);
}

/* --- labels of inputs --- */

static struct hn_column_labels list_of(const struct hn_node *node, const char *texts,
                                       const char *numbers)
{
    const struct hn_onnx_attr *t = hn_node_attr_of(node, texts, HN_ONNX_STRINGS);
    const struct hn_onnx_attr *i = hn_node_attr_of(node, numbers, HN_ONNX_INTS);
    if (t && t->n) return (struct hn_column_labels){.n = t->n, .texts = t->strings};
    if (i && i->n) return (struct hn_column_labels){.n = i->n, .numbers = i->ints};
    return (struct hn_column_labels){0};
}

static struct hn_column_labels vocabulary_of(const struct hn_node *node)
{
    return list_of(node, "string_vocabulary", "int64_vocabulary");
}

/* The keys that a CastMap has a place for, unless it packs them as they come. */
static enum hn_status keys_of(struct hn_graph *graph, const struct hn_node *node,
                              struct hn_column_labels *out, struct hn_error *err)
{
    const int64_t n = hn_node_int(node, "max_map", 1);
    *out = (struct hn_column_labels){0};
    if (!hn_str_is(hn_node_text(node, "map_form", "DENSE"), "SPARSE")) return HN_OK;
    if (n < 1 || n > MOST_KEYS) return hn_fail(err, HN_E_LIMIT, "a map of %lld keys", (long long)n);
    int64_t *keys = hn_arena_alloc(&graph->arena, (size_t)n, sizeof *keys);
    if (!keys) return hn_fail_nomem(err, "keys", (size_t)n * sizeof *keys);
    for (int64_t i = 0; i < n; i++)
        keys[i] = i;
    *out = (struct hn_column_labels){.n = (size_t)n, .numbers = keys};
    return HN_OK;
}

static bool same_labels(const struct hn_column_labels *a, const struct hn_column_labels *b)
{
    if (a->n != b->n || !a->texts != !b->texts) return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->texts ? !hn_str_eq(a->texts[i], b->texts[i]) : a->numbers[i] != b->numbers[i])
            return false;
    return true;
}

/* A table in the place of maps to `values`. */
static enum hn_status make_table(struct hn_graph *graph, const struct hn_onnx_type *values,
                                 size_t n_labels, struct hn_onnx_type *out, struct hn_error *err)
{
    int64_t *shape = hn_arena_alloc(&graph->arena, 2, sizeof *shape);
    struct hn_str *names = hn_arena_alloc(&graph->arena, 2, sizeof *names);
    if (!shape || !names) return hn_fail_nomem(err, "a map", 2 * sizeof *names);
    shape[0] = -1;
    shape[1] = n_labels ? (int64_t)n_labels : -1;
    *out = (struct hn_onnx_type){.kind = HN_ONNX_IS_TENSOR,
                                 .known_element = values && values->known_element,
                                 .element = values ? values->element : HN_EL_F32,
                                 .known_rank = true,
                                 .n_dims = 2,
                                 .shape = shape,
                                 .dim_names = names};
    return HN_OK;
}

/* What every reader of input i makes of its keys. */
static enum hn_status take_map(struct hn_graph *graph, size_t i, struct hn_error *err)
{
    const struct hn_body *body = graph->bodies[0];
    struct hn_column_labels *labels = &graph->input_labels[i];
    bool found = false;
    for (size_t k = 0; k < body->n_nodes; k++) {
        const struct hn_node *node = &body->nodes[k];
        struct hn_column_labels keys = vocabulary_of(node);
        const bool cast = is_ml(node, "CastMap");
        if (hn_node_in(node, 0) != body->inputs[i] || !(cast || is_ml(node, "DictVectorizer")))
            continue;
        if (cast) HN_TRY(keys_of(graph, node, &keys, err));
        if (found && !same_labels(labels, &keys))
            return hn_fail(err, HN_E_UNSUPPORTED, "two nodes take different keys of the map '%.*s'",
                           HN_FMT(graph->inputs[i].name));
        found = true;
        *labels = keys;
    }
    if (!found)
        return hn_fail(err, HN_E_UNSUPPORTED,
                       "the input '%.*s' is a map, which neither DictVectorizer nor CastMap takes",
                       HN_FMT(graph->inputs[i].name));
    return make_table(graph, graph->inputs[i].type.inner, labels->n, &graph->inputs[i].type, err);
}

/* Nothing else gives them a map. */
static enum hn_status check_takers(const struct hn_graph *graph, const struct hn_body *body,
                                   struct hn_error *err)
{
    for (size_t k = 0; k < body->n_nodes; k++) {
        const struct hn_node *node = &body->nodes[k];
        bool given = !is_ml(node, "CastMap") && !is_ml(node, "DictVectorizer");
        for (size_t i = 0; body == graph->bodies[0] && i < body->n_inputs; i++)
            if (body->inputs[i] == hn_node_in(node, 0))
                given |= graph->inputs[i].type.kind == HN_ONNX_IS_MAP;
        if (!given)
            return hn_fail(err, HN_E_UNSUPPORTED,
                           "node '%.*s' (%.*s): it takes a map that is an input of the model",
                           HN_FMT(node->name), HN_FMT(node->op));
    }
    return HN_OK;
}

/* --- labels of outputs --- */

static const struct hn_node *maker_of(const struct hn_body *body, int32_t slot)
{
    for (size_t i = 0; i < body->n_nodes; i++) {
        const struct hn_node *node = &body->nodes[i];
        if (slot >= node->first_out && (size_t)(slot - node->first_out) < node->n_out) return node;
    }
    return NULL;
}

/* The classes whose scores are in a slot, through what keeps columns apart. */
static struct hn_column_labels classes_of(const struct hn_body *body, int32_t slot)
{
    for (int i = 0; i < FAR && slot != HN_NO_SLOT; i++) {
        const struct hn_node *node = maker_of(body, slot);
        if (!node) break;
        const char *numbers = is_ml(node, "LinearClassifier") || is_ml(node, "SVMClassifier")
                                  ? "classlabels_ints"
                                  : "classlabels_int64s";
        const struct hn_column_labels classes = list_of(node, "classlabels_strings", numbers);
        if (is_ml(node, "ZipMap") || (classes.n && slot == node->first_out + 1)) return classes;
        if (!is_ml(node, "Normalizer") && !hn_str_is(node->op, "Identity") &&
            !hn_str_is(node->op, "Cast") && !hn_str_is(node->op, "Softmax"))
            break;
        slot = node->in[0];
    }
    return (struct hn_column_labels){0};
}

/* --- all --- */

enum hn_status hn_graph_tabulate(struct hn_graph *graph, struct hn_error *err)
{
    const struct hn_body *body = graph->bodies[0];
    struct hn_arena *arena = &graph->arena;
    graph->input_labels = hn_arena_alloc(arena, graph->n_inputs, sizeof *graph->input_labels);
    graph->output_labels = hn_arena_alloc(arena, body->n_outputs, sizeof *graph->output_labels);
    if (!graph->input_labels || !graph->output_labels) return hn_fail_nomem(err, "labels", 1);
    for (size_t b = 0; b < graph->n_bodies; b++)
        HN_TRY(check_takers(graph, graph->bodies[b], err));
    for (size_t i = 0; i < graph->n_inputs; i++)
        if (graph->inputs[i].type.kind == HN_ONNX_IS_MAP) HN_TRY(take_map(graph, i, err));
    for (size_t i = 0; i < body->n_outputs; i++) {
        struct hn_onnx_type *type = &graph->outputs[i].type;
        graph->output_labels[i] = classes_of(body, body->outputs[i]);
        if (type->kind != HN_ONNX_IS_SEQUENCE || !type->inner ||
            type->inner->kind != HN_ONNX_IS_MAP)
            continue;
        HN_TRY(make_table(graph, type->inner->inner, graph->output_labels[i].n, type, err));
    }
    return HN_OK;
}

/* --- the operators --- */

/* The table itself, which has as many columns as there are labels. */
static enum hn_status pass_table(struct hn_op *op, size_t n_labels)
{
    const struct hn_array *x = op->in[0];
    const size_t width = x->n_dims ? x->shape[x->n_dims - 1] : 1;
    if (width != n_labels)
        return hn_op_fail(op, HN_E_FORMAT, "%zu labels for %zu columns", n_labels, width);
    return hn_op_alias(op, 0, 0, x->shape, x->n_dims);
}

enum hn_status hn_op_dict_vectorizer(struct hn_op *op)
{
    return pass_table(op, vocabulary_of(op->node).n);
}

enum hn_status hn_op_zip_map(struct hn_op *op)
{
    return pass_table(op, list_of(op->node, "classlabels_strings", "classlabels_int64s").n);
}
