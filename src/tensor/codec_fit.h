/* Finding good integers for a block: the search behind the encoders. Room-internal. */
#ifndef HN_TENSOR_CODEC_FIT_H
#define HN_TENSOR_CODEC_FIT_H

#include <stdbool.h>
#include <stddef.h>

#include "tensor/codec.h"

/* What a block format can represent. */
struct hn_fit_shape {
    size_t block;       /* elements */
    size_t group;       /* elements that share one scale */
    int lo, hi;         /* the integers, both included */
    int sub_lo, sub_hi; /* the integer scale of a group; 1, 1 where the block has one float scale */
    int min_hi;         /* the largest integer minimum of a group; 0 where there is no minimum */
    bool any_min;       /* the minimum may be negative */
    const int8_t *book; /* the 16 ascending values of a code book instead of lo..hi, or NULL */
};

/* Chooses d, dmin, sub, sub_min and q for the elements x[shape->block] so that the sum over i of
 * w[i] * (x[i] - value)^2 is small; d and dmin are exact half floats. Whatever x and w hold, the
 * result stays within the shape. */
void hn_fit_block(const struct hn_fit_shape *shape, const float *x, const float *w,
                  struct hn_block_ints *out);

#endif
