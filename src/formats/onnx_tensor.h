/* TensorProto to arrays. */
#ifndef HN_FORMATS_ONNX_TENSOR_H
#define HN_FORMATS_ONNX_TENSOR_H

#include "base/file.h"
#include "formats/onnx.h"
#include "formats/onnx.pb-c.h"

/* The model's file or one of external data, mapped once. */
struct hn_onnx_file {
    struct hn_onnx_file *next;
    struct hn_str path; /* as tensors call it; of the model's none */
    struct hn_map map;
    size_t views; /* tensors whose elements are in it */
};

/* What the structs of a model lie in. */
struct hn_onnx_store {
    struct hn_arena arena;
    ProtobufCMessage **messages; /* whose text the structs point into */
    size_t n_messages, messages_room;
    const char *name;         /* of the file, for errors */
    const char *folder;       /* of external data, or NULL */
    struct hn_onnx_file file; /* the model's, when it is mapped */
    struct hn_onnx_file *files;
    size_t dense;                    /* bytes that sparse tensors have been made into */
    struct hn_onnx_tensor **tensors; /* those with memory of their own */
    size_t n_tensors, tensors_room;
};

/* The message has been through hn_wire_slim. Views the model's file where it is mapped. */
enum hn_status hn_onnx_tensor_read(struct hn_onnx_store *store, Onnx__TensorProto *from,
                                   struct hn_onnx_tensor *out, struct hn_error *err);
enum hn_status hn_onnx_tensor_settle(struct hn_onnx_store *store, struct hn_onnx_tensor *tensor,
                                     struct hn_error *err);
enum hn_status hn_onnx_sparse_read(struct hn_onnx_store *store, Onnx__SparseTensorProto *from,
                                   struct hn_onnx_tensor *out, struct hn_error *err);

#endif
