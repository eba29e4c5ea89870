/* Stacks of matrix products, as MatMul and its quantised forms define them. */
#ifndef HN_MODEL_GRAPH_OP_MATMUL_H
#define HN_MODEL_GRAPH_OP_MATMUL_H

#include "model/graph/op_lane.h"

/* Products of [m, k] and [k, n] for every index of the leading dimensions, which broadcast. */
struct hn_stack {
    size_t n_batch; /* leading dimensions of the result */
    size_t batch[HN_ARRAY_DIMS];
    size_t a_step[HN_ARRAY_DIMS], b_step[HN_ARRAY_DIMS]; /* matrices; 0 where one side repeats */
    size_t count;                                        /* matrices of the result */
    size_t m, n, k;
    size_t shape[HN_ARRAY_DIMS], n_dims; /* of the result */
};

/* By NumPy's rules for matmul; an error where shapes do not fit. */
enum hn_status hn_stack_of(struct hn_op *op, const struct hn_array *a, const struct hn_array *b,
                           struct hn_stack *out);
/* out, which is cleared first, = a x b, spread over the operator's pool. */
enum hn_status hn_stack_product(struct hn_op *op, const struct hn_stack *stack, enum hn_lane lane,
                                const void *a, const void *b, void *out);
/* The same of floats, k > 0, by fast kernels (fast_stack.c). */
enum hn_status hn_stack_floats(struct hn_op *op, const struct hn_stack *stack, const float *a,
                               const float *b, float *out);
/* The matrix of a (or b, by its steps) that goes into matrix i of the result. */
size_t hn_stack_at(const struct hn_stack *stack, const size_t *step, size_t i);

#endif
