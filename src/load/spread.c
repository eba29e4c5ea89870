#include "load/spread.h"

#include <math.h>

static const uint64_t most = UINT64_C(1) << 40;

/* Below FINE the value itself; above, its 8 leading bits say the bucket. */
static size_t bucket_of(uint64_t value)
{
    if (value < HN_SPREAD_FINE) return (size_t)value;
    const int shift = 63 - __builtin_clzll(value) - 7;
    return (size_t)(shift * HN_SPREAD_FINE) + (size_t)(value >> shift);
}

double hn_spread_value(size_t bucket)
{
    if (bucket < 2 * HN_SPREAD_FINE) return (double)bucket;
    const int shift = (int)(bucket / HN_SPREAD_FINE) - 1;
    const double low = (double)(bucket % HN_SPREAD_FINE + HN_SPREAD_FINE);
    return ldexp(low + 0.5, shift) - 0.5; /* of whole numbers */
}

void hn_spread_add(struct hn_spread *s, uint64_t value)
{
    if (value >= most) value = most - 1;
    if (!s->n || value < s->min) s->min = value;
    if (value > s->max) s->max = value;
    s->n++;
    s->sum += (double)value;
    s->buckets[bucket_of(value)]++;
}

double hn_spread_at(const struct hn_spread *s, double share)
{
    if (!s->n) return 0;
    const double rank = ceil(share * (double)s->n);
    if (rank <= 1) return (double)s->min;
    if (rank >= (double)s->n) return (double)s->max;
    uint64_t before = 0;
    size_t bucket = 0;
    while ((double)(before += s->buckets[bucket]) < rank)
        bucket++;
    return fmin(fmax(hn_spread_value(bucket), (double)s->min), (double)s->max);
}

double hn_spread_mean(const struct hn_spread *s)
{
    return s->n ? s->sum / (double)s->n : 0;
}
