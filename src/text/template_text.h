/* What Python's strings know: their characters, classes and cases. All text is valid UTF-8. */
#ifndef HN_TEXT_TEMPLATE_TEXT_H
#define HN_TEXT_TEMPLATE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "text/utf8.h"

/* The character at byte `at`; *length gets its bytes. */
static inline uint32_t hn_text_at(struct hn_str s, size_t at, size_t *length)
{
    return hn_utf8_peek((const unsigned char *)s.p + at, length);
}

/* Characters in s, and the byte where character `index` (at most that many) begins. */
size_t hn_text_length(struct hn_str s);
size_t hn_text_offset(struct hn_str s, size_t index);

bool hn_text_is_space(uint32_t cp);      /* str.isspace */
bool hn_text_is_line_break(uint32_t cp); /* where splitlines cuts */
bool hn_text_is_word(uint32_t cp);       /* \w */
bool hn_text_is_printable(uint32_t cp);  /* str.isprintable */
bool hn_text_is_decimal(uint32_t cp);    /* str.isdecimal, isdigit, isnumeric */
bool hn_text_is_digit(uint32_t cp);
bool hn_text_is_numeric(uint32_t cp);
bool hn_text_is_identifier(struct hn_str s);
int hn_text_digit(char c); /* 0 to 35; 99 for what is no digit */

struct hn_str hn_text_strip_left(struct hn_str s);
struct hn_str hn_text_strip_right(struct hn_str s);
/* Without the characters of `chars` at its ends. */
struct hn_str hn_text_strip_chars(struct hn_str s, struct hn_str chars, bool left, bool right);

/* First place of `part` in s, in bytes; SIZE_MAX when it is not there. */
size_t hn_text_find(struct hn_str s, struct hn_str part);
/* The line that begins at *at, without its end; *at moves to the next one, *end gets the bytes of the
 * line's end. False at the end of the text. */
bool hn_text_line(struct hn_str s, size_t *at, struct hn_str *line, size_t *end);

/* How str.upper, lower, title, capitalize and swapcase change one character: writes at most 12 bytes
 * and returns how many. `final` of a capital sigma: it ends a word. */
size_t hn_text_upper(uint32_t cp, char out[12]);
size_t hn_text_lower(uint32_t cp, bool final, char out[12]);
size_t hn_text_title(uint32_t cp, char out[12]);
bool hn_text_is_cased(uint32_t cp);

/* Resolves a string literal's escapes into `out` (2 * n + 1 bytes are enough). Returns NULL, or what is
 * wrong. */
const char *hn_text_unescape(struct hn_str s, char *out, size_t *n);

#endif
