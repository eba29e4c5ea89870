/* Rotary positions. */
#ifndef HN_MODEL_GRAPH_OP_ROTARY_H
#define HN_MODEL_GRAPH_OP_ROTARY_H

#include <stdbool.h>
#include <stddef.h>

/* Turns the pairs (j, j + half) of x, or (2 j, 2 j + 1) where interleaved, by their angles. */
void hn_rotary_turn(float *x, const float *cosines, const float *sines, size_t half,
                    bool interleaved);

#endif
