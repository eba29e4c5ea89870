/* What the files that put several nodes into one share. A node is rewritten where the last of them stood;
 * the others go because nobody reads them any more. */
#ifndef HN_MODEL_GRAPH_FUSE_IMPL_H
#define HN_MODEL_GRAPH_FUSE_IMPL_H

#include "kernels/gemm.h"
#include "model/graph/graph_impl.h"

struct hn_fuse {
    struct hn_body *body;
    int32_t *makers; /* of every slot the node that makes it, or -1 */
    size_t slots;    /* that makers has */
    struct hn_error *err;
};

/* The node that makes the slot; NULL for inputs, constants and absent ones. */
struct hn_node *hn_fuse_maker(const struct hn_fuse *f, int32_t slot);
/* That, when it is an ai.onnx operator of this name with one reader; else NULL. */
struct hn_node *hn_fuse_only(const struct hn_fuse *f, int32_t slot, const char *op);
bool hn_fuse_is(const struct hn_node *node, const char *op);
/* The constant in a slot; NULL when it is none. In two or more dimensions it may be loose (formats/onnx.h):
 * only its shape is for passes to read. */
const struct hn_array *hn_fuse_constant(const struct hn_fuse *f, int32_t slot);
/* Whether the slot is a constant float scalar (one element); its value. */
bool hn_fuse_scalar(const struct hn_fuse *f, int32_t slot, float *out);
/* A constant of floats with these dimensions. */
bool hn_fuse_floats(const struct hn_fuse *f, int32_t slot, size_t n_dims);
/* The attribute is absent or these integers. */
bool hn_fuse_ints_are(const struct hn_node *node, const char *name, const int64_t *want, size_t n);

/* Makes the node another operator, with these inputs and, beside its attributes, room for parameters. */
enum hn_status hn_fuse_become(struct hn_fuse *f, struct hn_node *node, const struct hn_op_row *row,
                              const int32_t *in, size_t n_in);
/* Adds a parameter. */
enum hn_status hn_fuse_set_int(struct hn_fuse *f, struct hn_node *node, const char *name,
                               int64_t value);
enum hn_status hn_fuse_set_float(struct hn_fuse *f, struct hn_node *node, const char *name,
                                 float value);
/* What a node does to each element of its only tensor; false when it is no such node. */
bool hn_fuse_activation(const struct hn_fuse *f, const struct hn_node *node,
                        struct hn_epilogue *out);
enum hn_status hn_fuse_set_activation(struct hn_fuse *f, struct hn_node *node,
                                      const struct hn_epilogue *epilogue);
/* A constant of its own with the shape given; its elements. NULL when there is no memory. */
void *hn_fuse_new_constant(struct hn_fuse *f, enum hn_element type, const size_t *shape,
                           size_t n_dims, int32_t *slot);

/* BatchNormalization of n channels, after a sum with `bias` (constant, or HN_NO_SLOT), as constants: y scale +
 * new_bias. Not done where its numbers are not constant. */
enum hn_status hn_fuse_batch_norm(struct hn_fuse *f, const struct hn_node *node, size_t n,
                                  int32_t bias, int32_t *scale, int32_t *new_bias, bool *done);
/* Whether a node is a QLinearConv that hn_fast_byte_conv can take the place of. */
bool hn_fuse_packs_byte_conv(const struct hn_fuse *f, const struct hn_node *node);

/* The passes: each goes once over the body. That of bytes comes before their weights are folded. */
enum hn_status hn_fuse_bytes(struct hn_fuse *f);
enum hn_status hn_fuse_copies(struct hn_fuse *f);
enum hn_status hn_fuse_formulas(struct hn_fuse *f);
enum hn_status hn_fuse_norms(struct hn_fuse *f);
enum hn_status hn_fuse_attention(struct hn_fuse *f);
enum hn_status hn_fuse_linear(struct hn_fuse *f);
enum hn_status hn_fuse_tails(struct hn_fuse *f);
enum hn_status hn_fuse_convolutions(struct hn_fuse *f);
enum hn_status hn_fuse_conv_chains(struct hn_fuse *f);
enum hn_status hn_fuse_places(struct hn_fuse *f);

#endif
