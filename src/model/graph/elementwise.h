/* Two operands that broadcast to each other, element by element. */
#ifndef HN_MODEL_GRAPH_ELEMENTWISE_H
#define HN_MODEL_GRAPH_ELEMENTWISE_H

#include "model/graph/op_list.h"

/* Before a loop whose output may be an operand, but then the same element: nothing hinders vectors. */
#ifdef __clang__
#define HN_EACH_ALONE
#else
#define HN_EACH_ALONE _Pragma("GCC ivdep")
#endif

/* n elements: out[i] from a[i * sa] and b[i * sb]; strides are 0 or 1. `out` may be `a` or `b` where that
 * has stride 1 and elements of the same size. */
typedef void hn_pair_fn(size_t n, const void *a, size_t sa, const void *b, size_t sb, void *out);

/* Output 0 from inputs 0 and 1 through fn. Where inputs are float16 or bfloat16, fn is given floats; so is
 * its output then, when `out` is the inputs' type. */
enum hn_status hn_op_pair(struct hn_op *op, hn_pair_fn *fn, enum hn_element out);
/* Likewise for inputs of several types: fn works on `as`, its results become `out`. Slow. */
enum hn_status hn_op_pair_as(struct hn_op *op, hn_pair_fn *fn, enum hn_element as,
                             enum hn_element out);
/* From all inputs, one after the other: ((0, 1), 2), ... One input is copied. */
enum hn_status hn_op_fold_pairs(struct hn_op *op, hn_pair_fn *fn);

/* n elements; `out` may be `in` where elements have the same size. */
typedef void hn_map_fn(size_t n, const void *in, void *out, const void *arg);

/* Output 0 from input 0 through fn, which is given floats for float16 and bfloat16. */
enum hn_status hn_op_map(struct hn_op *op, hn_map_fn *fn, const void *arg, enum hn_element out);

#endif
