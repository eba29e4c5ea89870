/* What com.microsoft's MultiHeadAttention and GroupQueryAttention share: heads of queries, keys and values, keys
 * that were there before, and what is added to scores. */
#ifndef HN_MODEL_GRAPH_OP_HEADS_H
#define HN_MODEL_GRAPH_OP_HEADS_H

#include "model/graph/fast.h"
#include "model/graph/op.h"

/* Rows of heads as floats: [batch][length][heads][size] with steps in floats. */
struct hn_head_rows {
    const float *data;
    size_t batch, length, heads, size;
    size_t steps[3]; /* along batch, length, heads */
};

static inline const float *hn_head_row(const struct hn_head_rows *r, size_t batch, size_t row,
                                       size_t head)
{
    return r->data + batch * r->steps[0] + row * r->steps[1] + head * r->steps[2];
}

/* Queries, keys and values, what is added to their products, and where they go. */
struct hn_heads {
    struct hn_head_rows q, k, v;
    size_t past; /* keys before the new ones */
    struct hn_attend attend;
};

/* A number of heads, attribute `name`. */
enum hn_status hn_heads_count(struct hn_op *op, const char *name, size_t *out);
/* Input i: [batch, length, heads x size], or [batch, heads, length, size]. */
enum hn_status hn_heads_read(struct hn_op *op, size_t i, size_t heads, struct hn_head_rows *r);
/* That queries, keys and values fit each other. */
enum hn_status hn_heads_check(struct hn_op *op, const struct hn_heads *h);
/* The same rows one after another, [batch][length][heads][size], in memory of the operator's own. NULL: return
 * hn_op_failed(op). */
float *hn_heads_own(struct hn_op *op, struct hn_head_rows *r);

/* Keys in input `in` and values in the next that were there before; they come together. */
enum hn_status hn_heads_past(struct hn_op *op, struct hn_heads *h, size_t in);
/* Rows `r` after the first `before` of those in input `in` (or none), [batch, heads, all, size], as output
 * `out` or in scratch; `before` may differ by batch (GroupQueryAttention): then starts[b] instead. */
enum hn_status hn_heads_append(struct hn_op *op, struct hn_head_rows *r, size_t in, size_t before,
                               const size_t *starts, size_t all, size_t out);

/* What is added to scores, [batch or 1][heads or 1][queries][keys] of floats. */
struct hn_score_mask {
    size_t shape[4];
    float *values;
};

/* Room for a mask, one for each of the batch where `by_batch`, with input `bias` (or none), which broadcasts, in
 * it. */
enum hn_status hn_mask_make(struct hn_op *op, const struct hn_heads *h, size_t bias, bool by_batch,
                            struct hn_score_mask *m);
/* One row of scores, of a query; and which of the batch it is of. */
float *hn_mask_row(const struct hn_score_mask *m, size_t i);
size_t hn_mask_batch(const struct hn_score_mask *m, size_t i);
void hn_mask_set(const struct hn_score_mask *m, struct hn_attend *a);

/* Attends: output 0 is [batch, queries, heads x size of values]. */
enum hn_status hn_heads_finish(struct hn_op *op, struct hn_heads *h);

#endif
