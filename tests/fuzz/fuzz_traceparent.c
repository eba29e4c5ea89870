#include "fuzz.h"

#include "meter/traceparent.h"

/* Whatever a client sent: what goes on has the ids of a valid header. */
void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_traceparent trace, again;
    char text[HN_TRACEPARENT_TEXT];
    const bool theirs = hn_traceparent_begin((struct hn_str){(const char *)data, n}, &trace);
    hn_traceparent_text(&trace, text);
    if (!hn_traceparent_begin(hn_str_from(text), &again) || strcmp(trace.trace, again.trace))
        __builtin_trap();
    if (theirs && (n < sizeof text - 1 || memcmp(trace.trace, data + 3, 32))) __builtin_trap();
}
