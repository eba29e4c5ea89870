/* String views and a growable byte buffer. */
#ifndef HN_BASE_STR_H
#define HN_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/status.h"

/* A view of bytes, not owned, not NUL-terminated. For printf: "%.*s" with HN_FMT(s). */
struct hn_str {
    const char *p;
    size_t n;
};

#define HN_STR(literal) ((struct hn_str){"" literal, sizeof(literal) - 1})
#define HN_FMT(s)       (int)((s).n > 200 ? 200 : (s).n), (s).p

static inline struct hn_str hn_str_from(const char *text)
{
    return (struct hn_str){text, strlen(text)};
}

static inline bool hn_str_eq(struct hn_str a, struct hn_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool hn_str_is(struct hn_str a, const char *text)
{
    return hn_str_eq(a, hn_str_from(text));
}

static inline bool hn_str_starts(struct hn_str a, struct hn_str prefix)
{
    return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

static inline bool hn_str_ends(struct hn_str a, struct hn_str suffix)
{
    return a.n >= suffix.n &&
           (suffix.n == 0 || memcmp(a.p + a.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* FNV-1a; for tables whose keys an attacker may choose, pass a random seed. */
uint64_t hn_str_hash(struct hn_str s, uint64_t seed);

/* What the first n characters are as hexadecimal digits, at most 8. False: they are none, or fewer. */
bool hn_str_hex(struct hn_str s, size_t n, uint32_t *out);
/* The character behind a "\u" of JSON: four digits, or the two halves of a pair, "D83D\uDE00". Returns how many
 * bytes say so; 0: digits are missing, or a half is alone. */
size_t hn_str_unicode(struct hn_str s, uint32_t *out);

/* A growable buffer. Zero-initialised is empty and valid. Always NUL-terminated once non-empty, the
 * NUL not counted. Appending past `limit` (0 = none) fails with HN_E_LIMIT; a failed append leaves
 * the content as it was and marks the buffer failed, so a run of appends may be checked once. */
struct hn_buf {
    char *p;
    size_t n;
    size_t cap;
    size_t limit;
    enum hn_status failed;
};

enum hn_status hn_buf_add(struct hn_buf *buf, const void *bytes, size_t n);
enum hn_status hn_buf_str(struct hn_buf *buf, struct hn_str s);
enum hn_status hn_buf_text(struct hn_buf *buf, const char *text);
enum hn_status hn_buf_char(struct hn_buf *buf, char c);
enum hn_status hn_buf_printf(struct hn_buf *buf, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Makes room for n more bytes without changing the content. */
enum hn_status hn_buf_reserve(struct hn_buf *buf, size_t n);
/* Empties, keeping the memory and the limit. */
void hn_buf_clear(struct hn_buf *buf);
void hn_buf_free(struct hn_buf *buf);

static inline struct hn_str hn_buf_view(const struct hn_buf *buf)
{
    return (struct hn_str){buf->p ? buf->p : "", buf->n};
}

#endif
