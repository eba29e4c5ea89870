/* Arithmetic on quantized numbers. */
#ifndef HN_MODEL_GRAPH_OP_QUANTIZED_H
#define HN_MODEL_GRAPH_OP_QUANTIZED_H

#include "model/graph/fast_bytes.h"
#include "model/graph/op_matmul.h"

/* value, rounded to even, plus the zero point, within [low, high]; low for NaN. */
double hn_quantized(double value, double zero, double low, double high);

/* Scale and zero point (of floats within 0 to 255) that take in all of x, and 0. */
void hn_quantize_range(const struct hn_kernels *kernels, const float *x, size_t n, float *scale,
                       float *zero);

/* sums = x y, of bytes less their zero points, as floats. `one_right`: y is one matrix for all of x's. */
enum hn_status hn_byte_sums(struct hn_op *op, const struct hn_stack *s, bool one_right,
                            const float *x, const float *y, int32_t *sums);

/* Input `a`, of bytes, as the left side of the matrix that the row prepared; the shape of the product. */
enum hn_status hn_packed_left(struct hn_op *op, size_t a, struct hn_byte_product *p, size_t *shape);

#endif
