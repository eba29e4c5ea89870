/* Probability mass as integers. The weight of a logit x is exp((x - max) / temperature), rounded to a
 * whole number of 2^-shift: sums of weights are then exact in any order, and what is drawn depends on
 * the logits alone, not on the machine, the instruction set, or how a sum was split. The exponential
 * and the logarithm are this file's own for the same reason.
 *
 * With the shift of hn_mass_shift a sum over n tokens stays below 2^63, and rounding moves less than
 * n * 2^-(shift + 1) of the mass: 5e-9 for 152,000 tokens. */
#ifndef HN_ENGINE_MASS_H
#define HN_ENGINE_MASS_H

#include <stddef.h>
#include <stdint.h>

enum { HN_MASS_BLOCK = 64 }; /* logits that are weighed at a time */

struct hn_mass {
    double max;  /* the largest logit: its weight is exactly 2^shift */
    double rate; /* log2(e) / temperature */
    int shift;
};

/* The largest shift, at most 51, with which n weights can be added. n >= 1. */
int hn_mass_shift(size_t n);

/* Weighs logits that are at most `max`, for a temperature above 0. */
struct hn_mass hn_mass_init(float max, double temperature, size_t n);

/* weights[i] of n <= HN_MASS_BLOCK logits (none NaN; minus infinity weighs 0); returns their sum. */
uint64_t hn_mass_block(const struct hn_mass *mass, const float *x, size_t n,
                       uint64_t weights[HN_MASS_BLOCK]);

static inline uint64_t hn_mass_one(const struct hn_mass *mass, float x)
{
    uint64_t weights[HN_MASS_BLOCK];
    return hn_mass_block(mass, &x, 1, weights);
}

/* Natural logarithm of x > 0 (normal); relative error below 1e-15. */
double hn_mass_log(double x);

#endif
