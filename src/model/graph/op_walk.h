/* Copies between layouts of the same elements: what transposing, slicing, padding, repeating and joining
 * arrays comes down to. */
#ifndef HN_MODEL_GRAPH_OP_WALK_H
#define HN_MODEL_GRAPH_OP_WALK_H

#include <stddef.h>

#include "tensor/array.h"

enum { HN_WALK_DIMS = 2 * HN_ARRAY_DIMS };

/* One element after the other of `shape`, the last dimension fastest. Steps are in elements, and may be
 * zero (an element repeated) or negative. */
struct hn_walk {
    size_t n_dims;
    size_t shape[HN_WALK_DIMS];
    ptrdiff_t to[HN_WALK_DIMS];
    ptrdiff_t from[HN_WALK_DIMS];
};

/* Elements of `bytes` (1, 2, 4, 8 or 16) from `from` to `to`; both point at the element whose indices
 * are all zero. The two do not overlap. */
void hn_walk_copy(const struct hn_walk *walk, size_t bytes, void *to, const void *from);

/* n times the same element. */
void hn_walk_fill(void *to, size_t n, size_t bytes, const void *value);

/* Steps of an array in C order. */
void hn_walk_steps(const size_t *shape, size_t n_dims, ptrdiff_t *steps);

#endif
