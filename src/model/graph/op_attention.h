/* Scores and weighted values of attention, head by head, for the operators that have them. */
#ifndef HN_MODEL_GRAPH_OP_ATTENTION_H
#define HN_MODEL_GRAPH_OP_ATTENTION_H

#include "model/graph/op_lane.h"

/* Where the rows of heads lie, in elements. */
struct hn_heads {
    size_t batch, heads, length, size;
    size_t head, row; /* from one to the next */
};

struct hn_attention {
    struct hn_heads q, k, v; /* keys and values with those of the past */
    size_t past;             /* keys before the new ones */
    enum hn_lane lane;       /* F32 or F64, of all below */
    const void *query, *key, *value;
    double scale; /* of the dot products */
};

/* From inputs 0 to 2; keys and values with the past ones (or NULL) before them, as outputs 1 and 2. */
enum hn_status hn_attention_of(struct hn_op *op, const struct hn_array *past_key,
                               const struct hn_array *past_value, struct hn_attention *out);
/* Of the result, with 3 or 4 dimensions as the queries have. */
size_t hn_attention_shape(const struct hn_attention *a, size_t n_dims, size_t *shape);

/* Bytes of scratch that turn_keys and scores share. */
size_t hn_attention_scratch(const struct hn_attention *a);
/* Once per head: its keys as columns. */
void hn_attention_turn_keys(const struct hn_attention *a, size_t batch, size_t head, void *scratch);
/* [n, keys], for queries first .. first + n - 1 (n <= 64). */
void hn_attention_scores(const struct hn_attention *a, size_t batch, size_t head, size_t first,
                         size_t n, void *scratch, void *scores);
/* Their rows of the result, of shape hn_attention_shape. */
void hn_attention_apply(const struct hn_attention *a, size_t batch, size_t head, size_t first,
                        size_t n, const void *probabilities, void *out, size_t out_dims);
void hn_attention_softmax(double *row, size_t n);

#endif
