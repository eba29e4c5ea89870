/* UTF-8: strict decoding (RFC 3629: no overlong forms, no surrogates), trusted decoding of text that
 * was checked before, and repair. */
#ifndef HN_TEXT_UTF8_H
#define HN_TEXT_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define HN_UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/* Bytes of the valid character at p (n > 0 bytes readable), its code point in *cp; 0 when the bytes
 * are not a whole valid character. */
size_t hn_utf8_decode(const char *p, size_t n, uint32_t *cp);

/* Length of the longest prefix of s that is valid UTF-8. */
size_t hn_utf8_valid(struct hn_str s);

/* Appends s with every byte that is part of no valid character replaced by U+FFFD. */
enum hn_status hn_utf8_repair(struct hn_str s, struct hn_buf *out);

/* Writes cp (a Unicode scalar value) and returns its length, 1 to 4. */
size_t hn_utf8_encode(uint32_t cp, char out[4]);

/* Length of the character that starts with `first`, in text known to be valid. */
static inline size_t hn_utf8_length(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* Code point at p in text known to be valid; *length gets its bytes. */
static inline uint32_t hn_utf8_peek(const unsigned char *p, size_t *length)
{
    const uint32_t first = p[0];
    if (first < 0x80) {
        *length = 1;
        return first;
    }
    if (first < 0xE0) {
        *length = 2;
        return (first & 0x1F) << 6 | (p[1] & 0x3Fu);
    }
    if (first < 0xF0) {
        *length = 3;
        return (first & 0x0F) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    }
    *length = 4;
    return (first & 0x07) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
}

/* Bytes still missing at the end of s for its last character to be whole; 0 when s ends with a whole
 * character or with bytes no character can start with. *start is where that character begins. */
size_t hn_utf8_missing(struct hn_str s, size_t *start);

#endif
