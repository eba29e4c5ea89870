/* Packing of weight matrices into the kernels' layouts, once at load. */
#ifndef HN_BACKEND_CPU_PACK_H
#define HN_BACKEND_CPU_PACK_H

#include "backend/matrix.h"
#include "base/pool.h"
#include "tensor/weights.h"

/* How a stored type is packed. */
enum hn_pack hn_pack_for(enum hn_dtype type);

/* Bytes of one packed part, a multiple of 64; SIZE_MAX when they cannot be counted. Those of a matrix
 * are the sum over its parts. */
size_t hn_matrix_bytes(enum hn_dtype type, size_t rows, size_t cols);

/* Packs the parts (2-D, [cols, rows_i], at most HN_MATRIX_PARTS) into `memory`: 64-byte aligned,
 * hn_matrix_bytes of the parts together, owned by the caller for the matrix's life. HN_E_FORMAT for
 * parts that do not fit together. */
enum hn_status hn_matrix_pack(struct hn_matrix *out, const struct hn_tensor *const *parts,
                              size_t n_parts, void *memory, struct hn_pool *pool,
                              struct hn_error *err);

#endif
