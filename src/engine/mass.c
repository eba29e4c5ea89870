#include "engine/mass.h"

#include <string.h>

#define LOG2E 1.4426950408889634074
#define LN2   0.69314718055994530942

/* ln(2)^i / i!: the series of 2^f. At |f| <= 1/2 the first term left out is below 7e-15. */
static const double exp2_series[] = {
    1.0,
    0.69314718055994530942,
    0.24022650695910071233,
    0.055504108664821579953,
    0.0096181291076284771619,
    0.0013333558146428443423,
    1.5403530393381609954e-4,
    1.5252733804059840280e-5,
    1.3215486790144309488e-6,
    1.0178086009239699728e-7,
    7.0549116208011233299e-9,
    4.4455382718708114976e-10,
};
enum { TERMS = sizeof exp2_series / sizeof exp2_series[0] };

int hn_mass_shift(size_t n)
{
    const int bits = 64 - __builtin_clzll((unsigned long long)n);
    return bits < 11 ? 51 : 62 - bits;
}

struct hn_mass hn_mass_init(float max, double temperature, size_t n)
{
    return (struct hn_mass){(double)max, LOG2E / temperature, hn_mass_shift(n)};
}

static inline double from_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline uint64_t to_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* 2^e rounded to an integer, for e <= 51. Adding 1.5 * 2^52 leaves the nearest integer in the low bits
 * of a double; below e = -2 everything rounds to 0, and the clamp keeps the exponent in range. */
static inline uint64_t weigh(double e)
{
    e = e > -2.0 ? e : -2.0;
    const double moved = e + 0x1.8p52;
    const double f = e - (moved - 0x1.8p52);
    double p = exp2_series[TERMS - 1];
#pragma GCC unroll 16
    for (int i = TERMS - 2; i >= 0; i--)
        p = p * f + exp2_series[i];
    const double value = from_bits(to_bits(p) + (to_bits(moved) << 52));
    return to_bits(value + 0x1p52) & 0xFFFFFFFFFFFFF;
}

uint64_t hn_mass_block(const struct hn_mass *mass, const float *x, size_t n,
                       uint64_t weights[HN_MASS_BLOCK])
{
    const double max = mass->max, rate = mass->rate, shift = mass->shift;
    uint64_t sum = 0;
    if (n == HN_MASS_BLOCK) { /* a constant count, for the vectoriser */
        for (size_t i = 0; i < HN_MASS_BLOCK; i++)
            weights[i] = weigh(((double)x[i] - max) * rate + shift);
        for (size_t i = 0; i < HN_MASS_BLOCK; i++)
            sum += weights[i];
        return sum;
    }
    for (size_t i = 0; i < n; i++)
        sum += weights[i] = weigh(((double)x[i] - max) * rate + shift);
    return sum;
}

/* x = 2^e * m with m in [sqrt(1/2), sqrt(2)); log m = 2 atanh((m - 1) / (m + 1)). */
double hn_mass_log(double x)
{
    const uint64_t bits = to_bits(x);
    int e = (int)(bits >> 52) - 1023;
    double m = from_bits((bits & 0xFFFFFFFFFFFFF) | (uint64_t)1023 << 52);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        e++;
    }
    const double s = (m - 1) / (m + 1), s2 = s * s;
    double sum = 0;
    for (int i = 23; i >= 1; i -= 2)
        sum = sum * s2 + 1.0 / i;
    return e * LN2 + 2 * s * sum;
}
