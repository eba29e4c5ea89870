/* How values are spread: counts in buckets that widen with the value, so that any number of them takes
 * the same memory and a percentile is off by less than one in a hundred. */
#ifndef HN_LOAD_SPREAD_H
#define HN_LOAD_SPREAD_H

#include <stddef.h>
#include <stdint.h>

enum {
    HN_SPREAD_FINE = 128, /* buckets of a doubling; values below it have one each */
    HN_SPREAD_DOUBLINGS = 33,
    HN_SPREAD_BUCKETS = HN_SPREAD_FINE * (1 + HN_SPREAD_DOUBLINGS),
};

/* Zero-initialised is empty. The unit is the user's: microseconds, tokens. */
struct hn_spread {
    uint64_t n, min, max;
    double sum;
    uint64_t buckets[HN_SPREAD_BUCKETS];
};

/* Values past 2^40 count as that. */
void hn_spread_add(struct hn_spread *s, uint64_t value);

/* The least value that `share` of them (0 to 1) do not exceed, by nearest rank; 0 when there are none.
 * The least and the greatest are exact. */
double hn_spread_at(const struct hn_spread *s, double share);
double hn_spread_mean(const struct hn_spread *s);

/* The middle of a bucket, where its values are taken to be. */
double hn_spread_value(size_t bucket);

#endif
