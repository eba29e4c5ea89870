/* The arithmetic behind operators that take every numeric type: they compute in one of four machine types
 * ("lanes"), into which other types are widened. Also the product of matrices in each of them. */
#ifndef HN_MODEL_GRAPH_OP_LANE_H
#define HN_MODEL_GRAPH_OP_LANE_H

#include "model/graph/op.h"

enum hn_lane {
    HN_LANE_F32,
    HN_LANE_F64,
    HN_LANE_I32, /* wraps around as unsigned arithmetic does */
    HN_LANE_I64,
    HN_LANE_BYTE, /* products alone: factors are whole numbers of at most 9 bits as floats, sums are I32 */
};

/* The lane a type is computed in: double and 64-bit integers in their own, other floats in F32, other
 * integers in I32. */
enum hn_lane hn_lane_of(enum hn_element type);
size_t hn_lane_bytes(enum hn_lane lane);

/* Input i in the lane's type: its own data where that is the type, else widened into scratch memory.
 * NULL: no memory, or not a type of numbers (hn_op_failed). */
const void *hn_op_lane_in(struct hn_op *op, size_t i, enum hn_lane lane);
/* Output i of the given type, to be computed in a lane: its own memory or scratch; then hn_op_lane_done
 * narrows what was computed to the type. */
void *hn_op_lane_out(struct hn_op *op, size_t i, enum hn_element type, const size_t *shape,
                     size_t n_dims, enum hn_lane lane);
void hn_op_lane_done(struct hn_op *op, size_t i, enum hn_lane lane, const void *computed);

/* The most common lane of slow operators. */
static inline const double *hn_op_reals(struct hn_op *op, size_t i)
{
    return hn_op_lane_in(op, i, HN_LANE_F64);
}

/* c [m, n] += a [m, k] x b [k, n]; rows are lda, ldb, ldc elements apart. Every element of c sums over k in
 * order, whatever the sizes. On the calling thread. */
void hn_lane_product(enum hn_lane lane, size_t m, size_t n, size_t k, const void *a, size_t lda,
                     const void *b, size_t ldb, void *c, size_t ldc);
/* to [n, m] = from [m, n], whose rows are `ld` elements apart. */
void hn_lane_transpose(enum hn_lane lane, size_t m, size_t n, const void *from, size_t ld,
                       void *to);

/* The whole number nearest to zero from x; INT64_MAX or INT64_MIN beyond them, 0 for NaN. */
int64_t hn_saturate(double x);

/* Threads that hn_op_parallel may use at once: the bound of `worker`. */
size_t hn_op_workers(const struct hn_op *op);

#endif
