/* Elements of any ordered type as numbers whose order is theirs: what searching and sorting compare. */
#ifndef HN_MODEL_GRAPH_OP_KEY_H
#define HN_MODEL_GRAPH_OP_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tensor/array.h"

/* Numbers up to 64 bits and truth values: not strings, complex numbers, or floats of 8 bits and less. */
bool hn_key_type(enum hn_element type);

/* Keys of n elements, `step` apart, from element `at` on. Zeros of either sign are one; NaNs are one, and
 * greater than everything. */
void hn_keys(const struct hn_array *a, size_t at, size_t n, size_t step, uint64_t *keys);

#endif
