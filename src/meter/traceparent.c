#include "meter/traceparent.h"

#include <stdio.h>

#include "base/rng.h"

enum { TRACE = 32, SPAN = 16, AT_TRACE = 3, AT_PARENT = 36, AT_FLAGS = 53, LENGTH = 55 };

static bool is_hex(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!p[i] || !strchr("0123456789abcdef", p[i])) return false;
    return true;
}

static bool all_zero(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != '0') return false;
    return true;
}

/* Version 00 ends here; a later one may have more behind another dash, and ff is none. */
static bool version_fits(struct hn_str s)
{
    if (!is_hex(s.p, 2) || memcmp(s.p, "ff", 2) == 0) return false;
    if (memcmp(s.p, "00", 2) == 0) return s.n == LENGTH;
    return s.n == LENGTH || s.p[LENGTH] == '-';
}

static bool is_valid(struct hn_str s)
{
    if (s.n < LENGTH || !version_fits(s)) return false;
    if (s.p[AT_TRACE - 1] != '-' || s.p[AT_PARENT - 1] != '-' || s.p[AT_FLAGS - 1] != '-')
        return false;
    return is_hex(s.p + AT_TRACE, TRACE) && !all_zero(s.p + AT_TRACE, TRACE) &&
           is_hex(s.p + AT_PARENT, SPAN) && !all_zero(s.p + AT_PARENT, SPAN) &&
           is_hex(s.p + AT_FLAGS, 2);
}

static uint8_t digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

bool hn_traceparent_begin(struct hn_str header, struct hn_traceparent *out)
{
    uint64_t random[3] = {1, 1,
                          1}; /* an id is never 0, without a source of random numbers either */
    (void)hn_random_bytes(random, sizeof random, NULL);
    *out = (struct hn_traceparent){0};
    snprintf(out->span, sizeof out->span, "%016llx", (unsigned long long)random[0]);
    if (header.p && is_valid(header)) {
        memcpy(out->trace, header.p + AT_TRACE, TRACE);
        memcpy(out->parent, header.p + AT_PARENT, SPAN);
        out->flags = (uint8_t)(digit(header.p[AT_FLAGS]) << 4 | digit(header.p[AT_FLAGS + 1]));
        return true;
    }
    snprintf(out->trace, sizeof out->trace, "%016llx%016llx", (unsigned long long)random[1],
             (unsigned long long)random[2]);
    return false;
}

void hn_traceparent_text(const struct hn_traceparent *trace, char out[HN_TRACEPARENT_TEXT])
{
    /* Of the flags only the first has a meaning to hand on. */
    snprintf(out, HN_TRACEPARENT_TEXT, "00-%s-%s-%02x", trace->trace, trace->span,
             trace->flags & 1u);
}
