#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t read_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t hn_clock_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t hn_clock_thread_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t hn_clock_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void hn_clock_text(int64_t wall_ms, bool milliseconds, char out[HN_CLOCK_TEXT])
{
    const int64_t last = INT64_C(253402300799999); /* of the year 9999 */
    wall_ms = wall_ms < 0 ? 0 : wall_ms > last ? last : wall_ms;
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    const size_t n = strftime(out, HN_CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
    if (milliseconds) snprintf(out + n, HN_CLOCK_TEXT - n, ".%03dZ", (int)(wall_ms % 1000));
    else snprintf(out + n, HN_CLOCK_TEXT - n, "Z");
}

int64_t hn_clock_parse(const char *text)
{
    struct tm tm = {0};
    char again[HN_CLOCK_TEXT];
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
               &tm.tm_min, &tm.tm_sec) != 6)
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    const time_t seconds = timegm(&tm);
    if (seconds < 0) return -1;
    hn_clock_text((int64_t)seconds * 1000, false, again); /* refuses the 31st of February */
    return strcmp(again, text) == 0 ? (int64_t)seconds * 1000 : -1;
}
