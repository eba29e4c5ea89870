#include "fuzz.h"

#include <stdlib.h>

#include "model/graph/graph.h"
#include "tensor/element.h"

enum { MAX_BYTES = 1 << 20, MAX_NODES = 2000, MAX_VALUES = 16 };

static void touch_value(const struct hn_value *value)
{
    for (size_t i = 0; value->kind == HN_VALUE_SEQUENCE && i < value->n; i++)
        touch_value(&value->items[i]);
    if (value->kind != HN_VALUE_TENSOR) return;
    const struct hn_array *a = &value->array;
    fuzz_touch(a->data, a->n * hn_element_info(a->type)->bytes);
    for (size_t i = 0; a->type == HN_EL_STRING && i < a->n; i++)
        fuzz_touch(((const struct hn_str *)a->data)[i].p, ((const struct hn_str *)a->data)[i].n);
}

/* Something of the declared type and shape; 2 where the dimension is open. False: none. */
static bool make_input(const struct hn_onnx_type *type, struct hn_value *out)
{
    struct hn_array *a = &out->array;
    *out = (struct hn_value){.kind = HN_VALUE_NONE};
    if (type->kind == HN_ONNX_IS_OPTIONAL) return true;
    if (type->kind == HN_ONNX_IS_SEQUENCE) return out->kind = HN_VALUE_SEQUENCE, true;
    if (type->kind != HN_ONNX_IS_TENSOR) return false;
    a->type = type->known_element ? type->element : HN_EL_F32;
    a->n_dims = type->n_dims;
    for (size_t i = 0; i < type->n_dims; i++)
        a->shape[i] = type->shape[i] < 0 ? 2 : (size_t)type->shape[i];
    if (!hn_shape_count(a->shape, a->n_dims, 16, &a->n) || a->n > 4096) return false;
    a->data = malloc(16 * a->n + 1);
    if (!a->data) return false;
    out->kind = HN_VALUE_TENSOR;
    for (size_t i = 0; i < a->n; i++) {
        if (a->type == HN_EL_STRING) ((struct hn_str *)a->data)[i] = HN_STR("ab c");
        else if (hn_element_is_number(a->type)) hn_array_set_real(a, i, (double)(i % 5) - 1);
        else
            memset((char *)a->data + i * hn_element_info(a->type)->bytes, 0,
                   hn_element_info(a->type)->bytes);
    }
    return true;
}

static void run(struct hn_graph *graph)
{
    struct hn_value in[MAX_VALUES] = {0}, out[MAX_VALUES];
    struct hn_error err;
    struct hn_run *run;
    const size_t n_in = hn_graph_inputs(graph), n_out = hn_graph_outputs(graph);
    if (n_in > MAX_VALUES || n_out > MAX_VALUES) return;
    if (hn_run_create(graph, NULL, &run, &err) < 0) return;
    bool made = true;
    for (size_t i = 0; i < n_in && made; i++)
        made = make_input(&hn_graph_input(graph, i)->type, &in[i]);
    for (int round = 0; round < 2 && made; round++) {
        if (hn_run_go(run, in, out, NULL, &err) < 0) continue;
        for (size_t i = 0; i < n_out; i++)
            touch_value(&out[i]);
    }
    hn_run_destroy(run);
    for (size_t i = 0; i < n_in; i++)
        free(in[i].array.data);
}

void fuzz_one(const uint8_t *data, size_t n)
{
    const struct hn_str bytes = {(const char *)data, n};
    const struct hn_predictor_options options = {.run_bytes = MAX_BYTES, .run_nodes = MAX_NODES};
    struct hn_onnx *file;
    struct hn_graph *graph;
    struct hn_error err;
    if (hn_onnx_parse_tensor(bytes, "input", &file, &err) >= 0) hn_onnx_close(file);
    if (hn_onnx_parse(bytes, "input", NULL, &file, &err) < 0) return;
    if (hn_graph_load(file, "input", &options, &graph, &err) < 0) return;
    run(graph);
    hn_graph_close(graph);
}
