/* The linear operation over the worker pool: y = W x + bias. */
#ifndef HN_BACKEND_CPU_LINEAR_H
#define HN_BACKEND_CPU_LINEAR_H

#include "backend/cpu/pack.h"
#include "base/pool.h"
#include "kernels/kernels.h"

/* Bytes of scratch for the activations of n_tokens rows; SIZE_MAX when they cannot be counted. */
size_t hn_linear_scratch(size_t cols, size_t n_tokens);

/* y[t * ldy + r] = W[r] . x[t] + bias[r] for the matrix's rows r; bias may be NULL. Writes nothing
 * past the matrix's rows. Scratch: hn_linear_scratch bytes, 64-byte aligned. */
void hn_linear(struct hn_pool *pool, const struct hn_kernels *kernels, float *y, size_t ldy,
               const struct hn_matrix *w, const float *bias, const float *x, size_t ldx,
               size_t n_tokens, void *scratch);

/* One expert and the rows it works on: [first, first + n) of the whole call. */
struct hn_linear_group {
    const struct hn_matrix *w;
    const float *bias; /* or NULL */
    size_t first;
    size_t n;
    size_t tiles; /* set by hn_linear_grouped */
};

/* Several matrices of equal shape in one parallel region: y[i] = W_g x[x_rows[i]] + bias_g for every
 * row i of group g; x_rows NULL: row i itself. The groups cover rows 0.. without gaps, in order. Each
 * result has the bits that hn_linear gives. Scratch as for all rows of the call together. */
void hn_linear_grouped(struct hn_pool *pool, const struct hn_kernels *kernels, float *y, size_t ldy,
                       struct hn_linear_group *groups, size_t n_groups, const float *x, size_t ldx,
                       const int32_t *x_rows, void *scratch);

#endif
