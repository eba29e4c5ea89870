/* Monotonic time. */
#ifndef HN_BASE_CLOCK_H
#define HN_BASE_CLOCK_H

#include <stdint.h>

/* Nanoseconds from an arbitrary start; never goes back. */
uint64_t hn_clock_ns(void);

/* Seconds between two readings of hn_clock_ns. */
static inline double hn_clock_seconds(uint64_t from, uint64_t to)
{
    return (double)(to - from) * 1e-9;
}

#endif
