#include "model/rope.h"

#include <math.h>

/* The pair whose wave turns `rotations` times within the original context, as a real number. */
static double pair_of(const struct hn_rope_config *rope, size_t dim, float rotations)
{
    const double two_pi = 6.283185307179586;
    return (double)dim * log((double)rope->original / ((double)rotations * two_pi)) /
           (2 * log((double)rope->base));
}

float hn_rope_freqs(const struct hn_rope_config *rope, size_t dim, bool exact, const float *factors,
                    double *freqs)
{
    const double factor = (double)rope->factor;
    double low = 0, high = 0;
    if (rope->scaling == HN_ROPE_YARN) {
        low = pair_of(rope, dim, rope->beta_fast);
        high = pair_of(rope, dim, rope->beta_slow);
        if (!exact) low = floor(low), high = ceil(high);
        low = fmax(0, low);
        high = fmin((double)dim - 1, high);
    }
    for (size_t i = 0; i < dim / 2; i++) {
        double freq = pow((double)rope->base, -2.0 * (double)i / (double)dim);
        if (factors) freq /= (double)factors[i];
        freqs[i] = freq / factor;
        if (rope->scaling != HN_ROPE_YARN) continue;
        const double ramp = ((double)i - low) / fmax(0.001, high - low);
        const double keep = 1 - fmin(1, fmax(0, ramp));
        freqs[i] = freq / factor * (1 - keep) + freq * keep;
    }
    if (rope->scaling != HN_ROPE_YARN) return rope->attn_factor;
    return (float)((double)rope->attn_factor * (1 + 0.1 * log(factor)));
}
