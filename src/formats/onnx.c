#include "formats/onnx.h"

#include <stdlib.h>

#include "base/bits.h"
#include "formats/onnx_tensor.h"
#include "formats/onnx_wire.h"

/* --- memory for protobuf-c, bounded by what the file can ask for --- */

struct meter {
    size_t left;
};

static void *take(void *data, size_t size)
{
    struct meter *meter = data;
    if (size > meter->left) return NULL;
    meter->left -= size;
    return malloc(size ? size : 1);
}

static void give(void *data, void *pointer)
{
    (void)data;
    free(pointer);
}

static enum hn_status unpack(struct hn_onnx_store *store, struct hn_str bytes,
                             const ProtobufCMessageDescriptor *kind, ProtobufCMessage **out,
                             struct hn_error *err)
{
    if (store->n_messages == store->messages_room) {
        const size_t room = 2 * store->messages_room + 16;
        void *more = realloc(store->messages, room * sizeof *store->messages);
        if (!more) return hn_fail_nomem(err, "the list of messages", room);
        store->messages = more;
        store->messages_room = room;
    }
    struct hn_buf slim = {0};
    size_t messages = HN_ONNX_MESSAGES;
    const enum hn_status status = hn_wire_slim(bytes, kind, HN_ONNX_DEPTH, &messages, &slim, err);
    if (status < 0) {
        hn_buf_free(&slim);
        return hn_fail_in(err, status, "%s", store->name);
    }
    /* The structs of a message take up to 200 times its shortest form. */
    struct meter meter = {slim.n > (SIZE_MAX >> 9) ? SIZE_MAX : 256 * slim.n + (1 << 20)};
    ProtobufCAllocator allocator = {take, give, &meter};
    *out = protobuf_c_message_unpack(kind, &allocator, slim.n, (const uint8_t *)slim.p);
    hn_buf_free(&slim);
    if (!*out) return hn_fail(err, HN_E_FORMAT, "%s: not a well-formed ONNX file", store->name);
    store->messages[store->n_messages++] = *out;
    return HN_OK;
}

/* --- messages to structs --- */

static void *many(struct hn_onnx_store *store, size_t n, size_t size, struct hn_error *err)
{
    void *p = hn_arena_alloc(&store->arena, n, size);
    if (!p) (void)hn_fail_nomem(err, "an ONNX file", n * size);
    return p;
}

/* n structs of a repeated message, each filled by `read`. */
#define EACH(to, count, messages, read)                                                            \
    do {                                                                                           \
        to = many(store, count, sizeof *to, err);                                                  \
        if (!to) return HN_E_NOMEM;                                                                \
        for (size_t each = 0; each < (count); each++)                                              \
            HN_TRY(read(store, (messages)[each], &to[each], err));                                 \
    } while (0)

static struct hn_str text(const char *p)
{
    return hn_str_from(p ? p : "");
}

/* "ai.onnx" is the long name of the standard domain. */
static struct hn_str domain_of(const char *p)
{
    return p && strcmp(p, "ai.onnx") == 0 ? HN_STR("") : text(p);
}

static enum hn_status read_name(struct hn_onnx_store *store, const char *from, struct hn_str *out,
                                struct hn_error *err)
{
    (void)store, (void)err;
    *out = text(from);
    return HN_OK;
}

static enum hn_status read_bytes(struct hn_onnx_store *store, ProtobufCBinaryData from,
                                 struct hn_str *out, struct hn_error *err)
{
    (void)store, (void)err;
    *out = (struct hn_str){from.data ? (const char *)from.data : "", from.len};
    return HN_OK;
}

static enum hn_status read_shape(struct hn_onnx_store *store, const Onnx__TensorShapeProto *from,
                                 struct hn_onnx_type *out, struct hn_error *err)
{
    if (!from) return HN_OK;
    if (from->n_dim > HN_ARRAY_DIMS)
        return hn_fail(err, HN_E_LIMIT, "%s: a type of %zu dimensions", store->name, from->n_dim);
    int64_t *shape = many(store, from->n_dim, sizeof *shape, err);
    struct hn_str *names = many(store, from->n_dim, sizeof *names, err);
    if (!shape || !names) return HN_E_NOMEM;
    for (size_t i = 0; i < from->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = from->dim[i];
        shape[i] = -1;
        names[i] = HN_STR("");
        if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
            dim->dim_value >= 0)
            shape[i] = dim->dim_value;
        if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM)
            names[i] = text(dim->dim_param);
    }
    out->known_rank = true;
    out->n_dims = from->n_dim;
    out->shape = shape;
    out->dim_names = names;
    return HN_OK;
}

static enum hn_status read_type(struct hn_onnx_store *store, const Onnx__TypeProto *from,
                                struct hn_onnx_type *out, struct hn_error *err)
{
    *out = (struct hn_onnx_type){0};
    if (!from) return HN_OK;
    const Onnx__TypeProto *inner = NULL;
    const Onnx__TensorShapeProto *shape = NULL;
    int32_t element = 0;
    switch (from->value_case) {
    case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE:
        out->kind = HN_ONNX_IS_TENSOR;
        element = from->tensor_type->elem_type;
        shape = from->tensor_type->shape;
        break;
    case ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE:
        out->kind = HN_ONNX_IS_SPARSE;
        element = from->sparse_tensor_type->elem_type;
        shape = from->sparse_tensor_type->shape;
        break;
    case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
        out->kind = HN_ONNX_IS_SEQUENCE;
        inner = from->sequence_type->elem_type;
        break;
    case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
        out->kind = HN_ONNX_IS_OPTIONAL;
        inner = from->optional_type->elem_type;
        break;
    case ONNX__TYPE_PROTO__VALUE_MAP_TYPE:
        out->kind = HN_ONNX_IS_MAP;
        element = from->map_type->key_type;
        inner = from->map_type->value_type;
        break;
    default: return HN_OK;
    }
    out->known_element = hn_element_from_onnx(element, &out->element);
    HN_TRY(read_shape(store, shape, out, err));
    if (!inner) return HN_OK;
    struct hn_onnx_type *made = many(store, 1, sizeof *made, err);
    if (!made) return HN_E_NOMEM;
    out->inner = made;
    return read_type(store, inner, made, err);
}

static enum hn_status read_graph(struct hn_onnx_store *store, const Onnx__GraphProto *from,
                                 struct hn_onnx_graph *out, struct hn_error *err);

/* A constant that anybody may read. */
static enum hn_status read_settled(struct hn_onnx_store *store, Onnx__TensorProto *from,
                                   struct hn_onnx_tensor *out, struct hn_error *err)
{
    HN_TRY(hn_onnx_tensor_read(store, from, out, err));
    return hn_onnx_tensor_settle(store, out, err);
}

/* Old files do not say the type: it is that of the only field that is there. */
static int attr_type(const Onnx__AttributeProto *a)
{
    if (a->has_type && a->type) return (int)a->type;
    if (a->has_f) return HN_ONNX_FLOAT;
    if (a->has_i) return HN_ONNX_INT;
    if (a->has_s) return HN_ONNX_STRING;
    if (a->t) return HN_ONNX_TENSOR;
    if (a->g) return HN_ONNX_GRAPH;
    if (a->n_floats) return HN_ONNX_FLOATS;
    if (a->n_strings) return HN_ONNX_STRINGS;
    if (a->n_tensors) return HN_ONNX_TENSORS;
    if (a->n_graphs) return HN_ONNX_GRAPHS;
    return HN_ONNX_INTS;
}

static enum hn_status read_attr(struct hn_onnx_store *store, const Onnx__AttributeProto *from,
                                struct hn_onnx_attr *out, struct hn_error *err)
{
    *out = (struct hn_onnx_attr){.name = text(from->name), .ref = text(from->ref_attr_name)};
    out->type = (enum hn_onnx_attr_type)attr_type(from);
    out->f = from->f;
    out->i = from->i;
    out->s = from->has_s ? (struct hn_str){(const char *)from->s.data, from->s.len} : text("");
    if (!out->s.p) out->s.p = "";
    if (out->ref.n) return HN_OK;
    switch (out->type) {
    case HN_ONNX_FLOATS: out->floats = from->floats, out->n = from->n_floats; break;
    case HN_ONNX_INTS: out->ints = from->ints, out->n = from->n_ints; break;
    case HN_ONNX_STRINGS: {
        struct hn_str *strings;
        EACH(strings, from->n_strings, from->strings, read_bytes);
        out->strings = strings, out->n = from->n_strings;
        break;
    }
    case HN_ONNX_TENSOR:
        out->n = from->t != NULL;
        EACH(out->tensors, out->n, &from->t, read_settled);
        break;
    case HN_ONNX_TENSORS:
        out->n = from->n_tensors;
        EACH(out->tensors, out->n, from->tensors, read_settled);
        break;
    case HN_ONNX_SPARSE:
        out->type = HN_ONNX_TENSOR;
        out->n = from->sparse_tensor != NULL;
        EACH(out->tensors, out->n, &from->sparse_tensor, hn_onnx_sparse_read);
        break;
    case HN_ONNX_GRAPH:
        out->n = from->g != NULL;
        EACH(out->graphs, out->n, &from->g, read_graph);
        break;
    case HN_ONNX_GRAPHS:
        out->n = from->n_graphs;
        EACH(out->graphs, out->n, from->graphs, read_graph);
        break;
    case HN_ONNX_TYPE:
        out->n = from->tp != NULL;
        EACH(out->types, out->n, &from->tp, read_type);
        break;
    default: break;
    }
    const bool single =
        out->type == HN_ONNX_TENSOR || out->type == HN_ONNX_GRAPH || out->type == HN_ONNX_TYPE;
    if (single && out->n == 0)
        return hn_fail(err, HN_E_FORMAT, "%s: attribute '%.*s' is empty", store->name,
                       HN_FMT(out->name));
    return HN_OK;
}

/* The text of a field that the schema does not know; views the message. */
static struct hn_str unknown_text(const ProtobufCMessage *message, uint32_t id)
{
    struct hn_str found = HN_STR("");
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &message->unknown_fields[i];
        if (field->tag != id || field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) continue;
        size_t skip = 0; /* its length stands before it */
        while (skip < field->len && field->data[skip] & 0x80)
            skip++;
        if (skip < field->len)
            found = (struct hn_str){(const char *)field->data + skip + 1, field->len - skip - 1};
    }
    return found;
}

enum { NODE_OVERLOAD = 8, FUNCTION_DEFAULTS = 11, FUNCTION_OVERLOAD = 13 };

static enum hn_status read_node(struct hn_onnx_store *store, const Onnx__NodeProto *from,
                                struct hn_onnx_node *out, struct hn_error *err)
{
    *out = (struct hn_onnx_node){.name = text(from->name),
                                 .op = text(from->op_type),
                                 .domain = domain_of(from->domain),
                                 .overload = unknown_text(&from->base, NODE_OVERLOAD),
                                 .n_in = from->n_input,
                                 .n_out = from->n_output,
                                 .n_attrs = from->n_attribute};
    struct hn_str *in, *outs;
    struct hn_onnx_attr *attrs;
    EACH(in, out->n_in, from->input, read_name);
    EACH(outs, out->n_out, from->output, read_name);
    EACH(attrs, out->n_attrs, from->attribute, read_attr);
    out->in = in, out->out = outs, out->attrs = attrs;
    return HN_OK;
}

static enum hn_status read_value(struct hn_onnx_store *store, const Onnx__ValueInfoProto *from,
                                 struct hn_onnx_value *out, struct hn_error *err)
{
    out->name = text(from->name);
    return read_type(store, from->type, &out->type, err);
}

static enum hn_status read_graph(struct hn_onnx_store *store, const Onnx__GraphProto *from,
                                 struct hn_onnx_graph *out, struct hn_error *err)
{
    *out = (struct hn_onnx_graph){.name = text(from->name),
                                  .n_nodes = from->n_node,
                                  .n_inputs = from->n_input,
                                  .n_outputs = from->n_output,
                                  .n_tensors = from->n_initializer + from->n_sparse_initializer};
    struct hn_onnx_node *nodes;
    struct hn_onnx_value *inputs, *outputs;
    out->tensors = many(store, out->n_tensors, sizeof *out->tensors, err);
    if (!out->tensors) return HN_E_NOMEM;
    for (size_t i = 0; i < from->n_initializer; i++)
        HN_TRY(hn_onnx_tensor_read(store, from->initializer[i], &out->tensors[i], err));
    for (size_t i = 0; i < from->n_sparse_initializer; i++)
        HN_TRY(hn_onnx_sparse_read(store, from->sparse_initializer[i],
                                   &out->tensors[from->n_initializer + i], err));
    EACH(nodes, out->n_nodes, from->node, read_node);
    EACH(inputs, out->n_inputs, from->input, read_value);
    EACH(outputs, out->n_outputs, from->output, read_value);
    out->nodes = nodes, out->inputs = inputs, out->outputs = outputs;
    return HN_OK;
}

static enum hn_status read_opset(struct hn_onnx_store *store, const Onnx__OperatorSetIdProto *from,
                                 struct hn_onnx_opset *out, struct hn_error *err)
{
    (void)store, (void)err;
    *out = (struct hn_onnx_opset){domain_of(from->domain), from->version};
    return HN_OK;
}

/* Attributes with values came after the schema: they are unknown fields of the message. */
static enum hn_status read_defaults(struct hn_onnx_store *store, const ProtobufCMessage *from,
                                    struct hn_onnx_function *out, struct hn_error *err)
{
    struct hn_onnx_attr *defaults = many(store, from->n_unknown_fields, sizeof *defaults, err);
    if (!defaults) return HN_E_NOMEM;
    for (unsigned i = 0; i < from->n_unknown_fields; i++) {
        const ProtobufCMessage one = {.n_unknown_fields = 1,
                                      .unknown_fields = &from->unknown_fields[i]};
        const struct hn_str bytes = unknown_text(&one, FUNCTION_DEFAULTS);
        if (bytes.n == 0) continue;
        ProtobufCMessage *attr;
        HN_TRY(unpack(store, bytes, &onnx__attribute_proto__descriptor, &attr, err));
        HN_TRY(read_attr(store, (Onnx__AttributeProto *)attr, &defaults[out->n_defaults], err));
        out->n_defaults++;
    }
    out->defaults = defaults;
    return HN_OK;
}

static enum hn_status read_function(struct hn_onnx_store *store, const Onnx__FunctionProto *from,
                                    struct hn_onnx_function *out, struct hn_error *err)
{
    *out = (struct hn_onnx_function){.name = text(from->name),
                                     .domain = domain_of(from->domain),
                                     .overload = unknown_text(&from->base, FUNCTION_OVERLOAD),
                                     .n_inputs = from->n_input,
                                     .n_outputs = from->n_output,
                                     .n_attrs = from->n_attribute,
                                     .n_nodes = from->n_node,
                                     .n_opsets = from->n_opset_import};
    struct hn_str *inputs, *outputs, *attrs;
    struct hn_onnx_node *nodes;
    struct hn_onnx_opset *opsets;
    EACH(inputs, out->n_inputs, from->input, read_name);
    EACH(outputs, out->n_outputs, from->output, read_name);
    EACH(attrs, out->n_attrs, from->attribute, read_name);
    EACH(nodes, out->n_nodes, from->node, read_node);
    EACH(opsets, out->n_opsets, from->opset_import, read_opset);
    out->inputs = inputs, out->outputs = outputs, out->attrs = attrs;
    out->nodes = nodes, out->opsets = opsets;
    return read_defaults(store, &from->base, out, err);
}

static enum hn_status read_model(struct hn_onnx_store *store, const Onnx__ModelProto *from,
                                 struct hn_onnx *out, struct hn_error *err)
{
    if (!from->graph)
        return hn_fail(err, HN_E_FORMAT, "%s: an ONNX file without a graph", store->name);
    out->ir_version = from->ir_version;
    out->n_opsets = from->n_opset_import;
    out->n_functions = from->n_functions;
    struct hn_onnx_opset *opsets;
    struct hn_onnx_function *functions;
    EACH(opsets, out->n_opsets, from->opset_import, read_opset);
    EACH(functions, out->n_functions, from->functions, read_function);
    out->opsets = opsets, out->functions = functions;
    return read_graph(store, from->graph, &out->graph, err);
}

/* --- doors --- */

static struct hn_onnx *create(const char *name, const char *folder, struct hn_error *err)
{
    struct hn_onnx *model = calloc(1, sizeof *model);
    struct hn_onnx_store *store = calloc(1, sizeof *store);
    if (!model || !store) {
        free(model);
        free(store);
        (void)hn_fail_nomem(err, "an ONNX file", sizeof *model + sizeof *store);
        return NULL;
    }
    model->store = store;
    store->name = name;
    store->folder = folder;
    return model;
}

/* Names that were the caller's are gone afterwards. */
static enum hn_status finish(struct hn_onnx *model, enum hn_status status, struct hn_onnx **out)
{
    model->store->name = model->store->folder = NULL;
    if (status < 0) {
        hn_onnx_close(model);
        return status;
    }
    *out = model;
    return HN_OK;
}

/* `map` is where the bytes are mapped, to be taken over, or empty. */
static enum hn_status parse(struct hn_str bytes, const char *name, const char *folder,
                            struct hn_map *map, struct hn_onnx **out, struct hn_error *err)
{
    struct hn_onnx *model = create(name, folder, err);
    if (!model) {
        hn_map_close(map);
        return HN_E_NOMEM;
    }
    model->store->file.map = *map;
    ProtobufCMessage *message;
    enum hn_status status =
        unpack(model->store, bytes, &onnx__model_proto__descriptor, &message, err);
    if (status >= 0)
        status = read_model(model->store, (const Onnx__ModelProto *)message, model, err);
    return finish(model, status, out);
}

enum hn_status hn_onnx_parse(struct hn_str bytes, const char *name, const char *folder,
                             struct hn_onnx **out, struct hn_error *err)
{
    struct hn_map none = {0};
    *out = NULL;
    return parse(bytes, name, folder, &none, out, err);
}

enum hn_status hn_onnx_parse_tensor(struct hn_str bytes, const char *name, struct hn_onnx **out,
                                    struct hn_error *err)
{
    *out = NULL;
    struct hn_onnx *model = create(name, NULL, err);
    if (!model) return HN_E_NOMEM;
    struct hn_onnx_store *store = model->store;
    ProtobufCMessage *message;
    enum hn_status status = unpack(store, bytes, &onnx__tensor_proto__descriptor, &message, err);
    model->graph.tensors = many(store, 1, sizeof *model->graph.tensors, err);
    if (status >= 0 && !model->graph.tensors) status = HN_E_NOMEM;
    if (status >= 0)
        status =
            hn_onnx_tensor_read(store, (Onnx__TensorProto *)message, model->graph.tensors, err);
    model->graph.n_tensors = status >= 0;
    return finish(model, status, out);
}

enum hn_status hn_onnx_open(const char *path, struct hn_onnx **out, struct hn_error *err)
{
    struct hn_map map;
    *out = NULL;
    HN_TRY(hn_map_open(path, &map, err));
    const char *slash = strrchr(path, '/');
    char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    if (!folder) {
        hn_map_close(&map);
        return hn_fail_nomem(err, path, strlen(path));
    }
    const struct hn_str bytes = hn_map_view(&map);
    const enum hn_status status = parse(bytes, path, folder, &map, out, err);
    free(folder);
    return status;
}

void hn_onnx_close(struct hn_onnx *model)
{
    if (!model) return;
    struct hn_onnx_store *store = model->store;
    for (size_t i = 0; i < store->n_tensors; i++)
        hn_onnx_release(store->tensors[i]);
    free(store->tensors);
    struct meter meter = {0};
    ProtobufCAllocator allocator = {take, give, &meter};
    for (size_t i = 0; i < store->n_messages; i++)
        protobuf_c_message_free_unpacked(store->messages[i], &allocator);
    free(store->messages);
    for (struct hn_onnx_file *file = store->files; file; file = file->next)
        hn_map_close(&file->map);
    hn_map_close(&store->file.map);
    hn_arena_free(&store->arena);
    free(store);
    free(model);
}

enum hn_status hn_onnx_settle(struct hn_onnx *model, struct hn_onnx_tensor *tensor,
                              struct hn_error *err)
{
    return hn_onnx_tensor_settle(model->store, tensor, err);
}

static void rest(struct hn_onnx_file *file)
{
    if (file->views) hn_map_rest(&file->map);
    else hn_map_close(&file->map);
}

void hn_onnx_rest(struct hn_onnx *model)
{
    for (struct hn_onnx_file *file = model->store->files; file; file = file->next)
        rest(file);
    rest(&model->store->file);
}

bool hn_onnx_sniff(struct hn_str head)
{
    /* ir_version, a small number, is the first field that writers write; others may come first. */
    struct hn_wire_field field;
    if (!hn_wire_next(&head, &field)) {
        /* The graph, cut off: its tag alone tells. */
        return head.n > 1 && (head.p[0] == 0x3a || head.p[0] == 0x42);
    }
    switch (field.id) {
    case 1: return field.wire == 0 && field.number > 0 && field.number < 1000;
    case 2:
    case 3:
    case 4:
    case 6:
    case 7:
    case 8:
    case 14: return field.wire == 2;
    default: return false;
    }
}
