/* ONNX: protocol buffers (protobuf-c, the schema of Debian's libonnx-dev), tensors in them or in files
 * beside. Fields that newer schemas have are read where they matter. */
#ifndef HN_FORMATS_ONNX_H
#define HN_FORMATS_ONNX_H

#include "base/arena.h"
#include "tensor/array.h"

enum {
    HN_ONNX_DEPTH = 100,         /* messages in messages; a graph in a graph takes four */
    HN_ONNX_MESSAGES = 20000000, /* in one file */
};

struct hn_onnx_file;

/* A constant. The elements stand in memory of its own, in a mapped file, or nowhere once released. Loose ones
 * are mapped at an address that is none for their type: they are read byte by byte, or after hn_onnx_settle.
 * Only large initialisers of floats in two or more dimensions are ever loose. */
struct hn_onnx_tensor {
    struct hn_str name;
    struct hn_array array;
    void *own;                 /* what is to be freed, or NULL */
    struct hn_onnx_file *file; /* where they are mapped, or NULL */
    bool loose;
    unsigned users; /* that may release it: for who loads the model to count */
};

struct hn_onnx_graph;

enum hn_onnx_attr_type {
    HN_ONNX_FLOAT = 1,
    HN_ONNX_INT = 2,
    HN_ONNX_STRING = 3,
    HN_ONNX_TENSOR = 4,
    HN_ONNX_GRAPH = 5,
    HN_ONNX_FLOATS = 6,
    HN_ONNX_INTS = 7,
    HN_ONNX_STRINGS = 8,
    HN_ONNX_TENSORS = 9,
    HN_ONNX_GRAPHS = 10,
    HN_ONNX_SPARSE = 11, /* read as a TENSOR */
    HN_ONNX_SPARSES = 12,
    HN_ONNX_TYPE = 13,
    HN_ONNX_TYPES = 14,
};

enum hn_onnx_kind {
    HN_ONNX_NO_KIND, /* not said */
    HN_ONNX_IS_TENSOR,
    HN_ONNX_IS_SEQUENCE,
    HN_ONNX_IS_OPTIONAL,
    HN_ONNX_IS_MAP,
    HN_ONNX_IS_SPARSE,
};

struct hn_onnx_type {
    enum hn_onnx_kind kind;
    bool known_element;
    enum hn_element element; /* of tensors; of a map: of its keys */
    bool known_rank;
    size_t n_dims;
    const int64_t *shape; /* -1: any */
    const struct hn_str *dim_names;
    const struct hn_onnx_type *inner; /* what a sequence or an optional holds; a map's values */
};

/* Only what the type says is set; of TENSOR and GRAPH n is 1. */
struct hn_onnx_attr {
    struct hn_str name;
    struct hn_str ref; /* in a function: the function's attribute that it stands for; or empty */
    enum hn_onnx_attr_type type;
    float f;
    int64_t i;
    struct hn_str s;
    size_t n;
    const int64_t *ints;
    const float *floats;
    const struct hn_str *strings;
    struct hn_onnx_tensor *tensors;
    struct hn_onnx_graph *graphs;
    struct hn_onnx_type *types;
};

struct hn_onnx_value {
    struct hn_str name;
    struct hn_onnx_type type;
};

struct hn_onnx_node {
    struct hn_str name, op, domain, overload;
    size_t n_in, n_out, n_attrs;
    const struct hn_str *in, *out; /* empty: absent */
    const struct hn_onnx_attr *attrs;
};

struct hn_onnx_graph {
    struct hn_str name;
    size_t n_nodes, n_tensors, n_inputs, n_outputs;
    const struct hn_onnx_node *nodes;
    struct hn_onnx_tensor *tensors; /* initialisers, sparse ones made dense */
    const struct hn_onnx_value *inputs, *outputs;
};

struct hn_onnx_opset {
    struct hn_str domain; /* "ai.onnx" is "" */
    int64_t version;
};

struct hn_onnx_function {
    struct hn_str name, domain, overload;
    size_t n_inputs, n_outputs, n_attrs, n_defaults, n_nodes, n_opsets;
    const struct hn_str *inputs, *outputs, *attrs;
    const struct hn_onnx_attr
        *defaults; /* attributes that have a value where the caller gives none */
    const struct hn_onnx_node *nodes;
    const struct hn_onnx_opset *opsets;
};

struct hn_onnx {
    int64_t ir_version;
    size_t n_opsets, n_functions;
    const struct hn_onnx_opset *opsets;
    const struct hn_onnx_function *functions;
    struct hn_onnx_graph graph;
    struct hn_onnx_store *store; /* what all of it lies in */
};

/* Maps a file. Errors name it. External data must lie in the model's folder. */
enum hn_status hn_onnx_open(const char *path, struct hn_onnx **out, struct hn_error *err);
/* Likewise from memory; `bytes` may go afterwards. `folder` is where external data lie; NULL: none are
 * allowed. */
enum hn_status hn_onnx_parse(struct hn_str bytes, const char *name, const char *folder,
                             struct hn_onnx **out, struct hn_error *err);
void hn_onnx_close(struct hn_onnx *model);

/* One TensorProto (the .pb files of tests). Its model has that one initialiser and nothing else. */
enum hn_status hn_onnx_parse_tensor(struct hn_str bytes, const char *name, struct hn_onnx **out,
                                    struct hn_error *err);

/* The elements are needed no more. */
void hn_onnx_release(struct hn_onnx_tensor *tensor);
/* Copies those of a loose tensor to where their type may stand. */
enum hn_status hn_onnx_settle(struct hn_onnx *model, struct hn_onnx_tensor *tensor,
                              struct hn_error *err);
/* Gives the pages of mapped files back; those that are read again come again. */
void hn_onnx_rest(struct hn_onnx *model);

/* Whether the bytes begin as a ModelProto does; for telling files apart. */
bool hn_onnx_sniff(struct hn_str head);

#endif
