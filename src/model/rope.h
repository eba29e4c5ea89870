/* Rotary positions: the frequency of every pair. */
#ifndef HN_MODEL_ROPE_H
#define HN_MODEL_ROPE_H

#include "model/config.h"

/* freqs[i] (half = dim / 2 of them): the angle of pair i at position p is p * freqs[i]. `factors`
 * (half values, or NULL) divide them (llama3, longrope). Returns what cosines and sines are
 * multiplied by.
 *
 * Linear: positions divided by the factor (Chen et al. 2023). YaRN: a ramp between the pairs that
 * turn often within the original context, which stay, and those that do not, which are scaled, and
 * attention tempered by 0.1 ln(factor) + 1 (Peng et al. 2023). `exact` leaves the ends of the ramp
 * unrounded, as gpt-oss has it. */
float hn_rope_freqs(const struct hn_rope_config *rope, size_t dim, bool exact, const float *factors,
                    double *freqs);

#endif
