/* Arguments that several operators take in the same form. */
#ifndef HN_MODEL_GRAPH_OP_ARGS_H
#define HN_MODEL_GRAPH_OP_ARGS_H

#include "model/graph/op.h"

/* Input i, or NULL where the node has none. */
static inline const struct hn_array *hn_op_in(const struct hn_op *op, size_t i)
{
    return i < op->n_in ? op->in[i] : NULL;
}

/* Is output i asked for? */
static inline bool hn_op_wants(const struct hn_op *op, size_t i)
{
    return i < op->n_out && (!op->wanted || op->wanted[i]);
}

/* The integers that are an attribute in old versions of an operator and its input i in newer ones. *out
 * is NULL where neither is there. */
enum hn_status hn_op_ints_either(struct hn_op *op, const char *name, size_t i, const int64_t **out,
                                 size_t *n);

/* The one integer in input i. */
enum hn_status hn_op_one_int(struct hn_op *op, size_t i, int64_t *out);

/* Axes of an array of that rank, each named at most once, as one flag for each; `order` (may be NULL)
 * gets them as numbers in [0, rank), in the order given. */
enum hn_status hn_op_axes(struct hn_op *op, const int64_t *axes, size_t n, size_t rank,
                          bool mask[HN_ARRAY_DIMS], size_t order[HN_ARRAY_DIMS]);

/* Products of the dimensions before and after an axis. */
static inline size_t hn_dims_before(const struct hn_array *a, size_t axis)
{
    size_t n = 1;
    for (size_t i = 0; i < axis; i++)
        n *= a->shape[i];
    return n;
}

static inline size_t hn_dims_after(const struct hn_array *a, size_t axis)
{
    size_t n = 1;
    for (size_t i = axis + 1; i < a->n_dims; i++)
        n *= a->shape[i];
    return n;
}

/* The number in [0, n) that an index in [-n, n) stands for; false outside. */
static inline bool hn_index(int64_t index, size_t n, size_t *out)
{
    if (index < 0) index += (int64_t)n;
    *out = (size_t)index;
    return index >= 0 && *out < n;
}

#endif
