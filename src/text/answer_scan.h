/* One JSON value (RFC 8259), byte by byte: where it ends, and whether it is one. */
#ifndef HN_TEXT_ANSWER_SCAN_H
#define HN_TEXT_ANSWER_SCAN_H

#include <stdbool.h>
#include <stdint.h>

enum { HN_SCAN_DEPTH = 256 }; /* of nested lists and objects */

enum hn_scan_result {
    HN_SCAN_MORE,
    HN_SCAN_DONE,   /* the value ends with this byte */
    HN_SCAN_BEFORE, /* a number ended before this byte, which is not part of it */
    HN_SCAN_BAD,    /* this byte cannot follow, or it nests too deep */
};

/* Zero-initialised: at the start of a value. Plain data. */
struct hn_scan {
    uint8_t state;
    uint8_t left;        /* hexadecimal digits still to come */
    bool key;            /* the string is a key */
    uint16_t depth;      /* open lists and objects */
    const char *literal; /* what is still to come of true, false, null */
    uint64_t objects[HN_SCAN_DEPTH / 64];
};

/* Takes the next byte. Control characters in strings are let through, as models write them; whoever
 * hands the value on escapes them (hn_scan_in_string tells where). Space before the value is skipped. */
enum hn_scan_result hn_scan_byte(struct hn_scan *scan, char c);

/* Whether the next byte lies within a string and outside an escape. */
bool hn_scan_in_string(const struct hn_scan *scan);

#endif
