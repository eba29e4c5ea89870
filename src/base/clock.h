/* Monotonic time, and the time of day. */
#ifndef HN_BASE_CLOCK_H
#define HN_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Nanoseconds from an arbitrary start; never goes back. */
uint64_t hn_clock_ns(void);

/* Nanoseconds of processor time that the calling thread has used. */
uint64_t hn_clock_thread_ns(void);

/* Seconds between two readings of one of these clocks. */
static inline double hn_clock_seconds(uint64_t from, uint64_t to)
{
    return (double)(to - from) / 1e9; /* the number nearest to so many decimals: it prints short */
}

/* Milliseconds since 1970, UTC; may jump when somebody sets the clock. */
int64_t hn_clock_wall_ms(void);

enum { HN_CLOCK_TEXT = 25 }; /* bytes of such a text, the NUL included */

/* "2026-11-25T23:29:55Z", or with milliseconds "...55.123Z". Years 1970 to 9999. */
void hn_clock_text(int64_t wall_ms, bool milliseconds, char out[HN_CLOCK_TEXT]);
/* Reads the form without milliseconds back; -1 for anything else. */
int64_t hn_clock_parse(const char *text);

#endif
