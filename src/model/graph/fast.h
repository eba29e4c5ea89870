/* Operators that stand for several of a file's, made by fuse.c: on floats, with weights packed at load.
 * Their rows are in no table, so a file cannot name them; what a run gives them is checked all the same.
 * Numbers that a row calls parameters are attributes of the node. */
#ifndef HN_MODEL_GRAPH_FAST_H
#define HN_MODEL_GRAPH_FAST_H

#include <string.h>

#include "model/graph/op_list.h"

/* Names of parameters. */
#define HN_FAST_ACTIVATION "activation" /* enum hn_activation, with ... */
#define HN_FAST_LOW        "low"
#define HN_FAST_HIGH       "high"
#define HN_FAST_FLAT       "flat" /* of convolutions and what belongs to them, in one dimension */
#define HN_FAST_LAST       "last" /* channels are */

/* In place of a sequence [batch, length, width] this place of it, [batch, width]; of attention, the query there. */
#define HN_FAST_PLACE_X   "x_place"
#define HN_FAST_PLACE_ADD "add_place"

/* (x, w, bias or absent, add or absent, scale or absent): activation(x w + bias + add). w is constant [k, n], or
 * [n, k] with "transposed", times "alpha" and, column by column, scale; bias and scale are constant [n]. */
extern const struct hn_op_row hn_fast_linear;
/* (w, indices): rows of a constant w that a linear node has packed as its columns, "transposed". */
extern const struct hn_op_row hn_fast_gather;
/* (x): the activation alone. */
extern const struct hn_op_row hn_fast_activation;
/* (x, weight, bias): over the last dimension, "epsilon"; both constant, of its length. */
extern const struct hn_op_row hn_fast_layer_norm;
/* (q, k, v, masks or absent): softmax(q k * "scale" + masks) v of [batch, length, heads, width] each, or [length,
 * heads, width], or, with a parameter named in hn_fast_parts, that one of [batch, length, parts, heads, width]; masks
 * broadcast to [batch, heads, length, length]. */
extern const struct hn_op_row hn_fast_attention;
extern const char *const hn_fast_parts[3]; /* of q, k, v */
/* Rows of floats, the last dimension of input 0, normalized; bias or NULL; `rms`: about 0, without a bias. */
enum hn_status hn_fast_norm_rows(struct hn_op *op, const struct hn_array *x, const float *weight,
                                 const float *bias, float epsilon, bool rms);
/* From [batch, channels, height, width] to channels last, and back, of floats or bytes; with "flat", from
 * [batch, channels, length] to one row. */
extern const struct hn_op_row hn_fast_to_last;
extern const struct hn_op_row hn_fast_to_first;
/* Conv with channels last: (x, w, bias or absent, add or absent), with the parameters of Conv; w and bias
 * are constant as in a file, groups are 1 or as many as channels in and out. */
extern const struct hn_op_row hn_fast_conv;
/* The same, of what convolutions before it make that nobody else reads: the one by channels and, before it, a
 * dense one or none. Their inputs 1 and on follow those of the last, five of it and four of each. */
extern const struct hn_op_row hn_fast_conv_chain;
/* QLinearConv whose weights, scales and zero points are constant, of images; with "last", and within "low" and
 * "high" where these are given. */
extern const struct hn_op_row hn_fast_byte_conv;
/* com.microsoft's QLinearGlobalAveragePool with channels last. */
extern const struct hn_op_row hn_fast_byte_global_pool;
/* MaxPool, of bytes, too, AveragePool, GlobalAveragePool with channels last, with their parameters. */
extern const struct hn_op_row hn_fast_max_pool;
extern const struct hn_op_row hn_fast_average_pool;
extern const struct hn_op_row hn_fast_global_pool;

/* --- matrix products, for these operators and others --- */

/* A matrix [k][n] in panels (kernels/gemm.h). */
struct hn_packed {
    float *panels;
    size_t k, n;
};

/* Floats of a packed matrix; false when there are too many. */
bool hn_packed_size(size_t k, size_t n, size_t *out);
/* The float at index i of an array at any address. */
static inline float hn_float_at(const char *from, size_t i)
{
    float v;
    memcpy(&v, from + i * sizeof v, sizeof v);
    return v;
}
/* Element (i, j) is from[i * step_k + j * step_n] * scale; the floats may lie at any address. */
void hn_pack_matrix(struct hn_packed *to, const void *from, size_t step_k, size_t step_n,
                    float scale);

/* In `prepare`: the rows of constant input j are the columns of `packed`, which lives as long as the graph. What
 * has been said so. */
void hn_op_share_packed(struct hn_op *op, size_t j, const struct hn_packed *packed);
const struct hn_packed *hn_op_packed(const struct hn_op *op, size_t j);

/* Makes rows of the left matrix: columns [first, first + n) of m rows from `row` on, ld floats apart. */
typedef void hn_gather_fn(const void *arg, float *to, size_t ld, size_t row, size_t m, size_t first,
                          size_t n);

/* y = the epilogue of a b. */
struct hn_product {
    const float *a; /* [rows][lda], or NULL: from `gather` */
    size_t lda;
    hn_gather_fn *gather;
    const void *arg;
    size_t rows;
    /* Rows of one element of a batch: whether the form for many is taken must not depend on the batch. */
    size_t each;
    const struct hn_packed *b;
    float *y;
    size_t ldy;
    struct hn_epilogue epilogue;
};
/* On the operator's threads. */
enum hn_status hn_product_run(struct hn_op *op, const struct hn_product *product);

/* y [columns][rows] = x [rows][columns] for n matrices of elements of 1 or 4 bytes, on the operator's threads. */
void hn_turn(struct hn_op *op, const void *x, void *y, size_t n, size_t rows, size_t columns,
             size_t element);

/* --- attention --- */

/* out = softmax(softcap(q k scale) + mask) v, head by head. Steps are floats along batch, row, head. */
enum { HN_ATTEND_MASKS = 2 };
struct hn_attend_mask {
    const float *values; /* NULL: none, nor after it */
    size_t steps[4];     /* along batch, head, query, key: there 0 or 1 */
};
struct hn_attend {
    const float *q, *k, *v;
    struct hn_attend_mask masks[HN_ATTEND_MASKS]; /* added in turn */
    size_t q_steps[3], k_steps[3], v_steps[3];    /* 0 where one serves all */
    float *out;                                   /* [batch][queries][heads][width_v] */
    size_t batch, heads, kv_heads; /* kv_heads, a divisor: heads of keys and values */
    size_t queries, keys, width, width_v;
    float scale, softcap; /* softcap 0: none */
};
enum hn_status hn_attend_run(struct hn_op *op, const struct hn_attend *attend);

/* Input i, or the place of it that the parameter names, as an array in `room`. NULL: the error is set. */
const struct hn_array *hn_fast_place(struct hn_op *op, size_t i, const char *parameter,
                                     struct hn_array *room);

/* --- epilogues --- */

struct hn_epilogue hn_fast_epilogue(const struct hn_op *op);
/* Out 0 = activation(in 0), which is of floats. */
enum hn_status hn_fast_activate(struct hn_op *op, const struct hn_epilogue *epilogue);
/* Out 0 = activation(x + y) where shapes differ and broadcast; `x` is of floats. */
enum hn_status hn_fast_add(struct hn_op *op, const struct hn_array *x, const struct hn_array *y,
                           const struct hn_epilogue *epilogue);
/* Which form a product takes, by its rows for one element of a batch. */
static inline bool hn_fast_many(size_t each, size_t n, size_t k)
{
    return each >= 64 && n >= 64 && k >= 32;
}
/* One product of m rows, `many` of them or not, whose k may be more than a kernel takes; without an epilogue. */
void hn_gemm_whole(const struct hn_kernels *kernels, bool many, struct hn_gemm gemm, size_t m);
/* Below so many multiply-adds or elements an operator stays on its thread. */
enum { HN_FAST_ALONE = 1 << 18, HN_FAST_ALONE_ELEMENTS = 1 << 15 };

#endif
