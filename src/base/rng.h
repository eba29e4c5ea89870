/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a counter
 * based generator. A draw depends on (seed, counter) alone, so a request resumed, preempted or
 * verified speculatively draws the same numbers on every machine. */
#ifndef HN_BASE_RNG_H
#define HN_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Four independent 32-bit draws for (seed, counter, stream). */
void hn_philox(uint64_t seed, uint64_t counter, uint64_t stream, uint32_t out[4]);

/* Uniform in [0, 1) with 53 bits, from two 32-bit draws. */
static inline double hn_uniform(uint32_t hi, uint32_t lo)
{
    return (double)((((uint64_t)hi << 32) | lo) >> 11) * 0x1p-53;
}

/* Bytes that nobody can guess, from the kernel: for secrets and ids. */
enum hn_status hn_random_bytes(void *out, size_t n, struct hn_error *err);

#endif
