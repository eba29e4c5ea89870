#include "text/unicode_form.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/bits.h"
#include "text/charclass.h"

/* Code points of one segment: a character and what may combine with it. */
struct segment {
    int32_t *p;
    size_t n, cap;
};

static bool is_combining_jamo(uint32_t cp)
{
    return cp >= 0x1160 && cp <= 0x11FF;
}

/* True when nothing from cp on combines with anything before cp: a segment may start here. Errs on
 * the side of false. */
static bool starts_segment(uint32_t cp)
{
    if (cp < 0x300) return true;
    const utf8proc_property_t *property = utf8proc_get_property((utf8proc_int32_t)cp);
    if (property->combining_class || property->decomp_seqindex != UINT16_MAX) return false;
    return !is_combining_jamo(cp) && !(hn_charclass_of(cp) & HN_CHAR_MARK);
}

/* True when cp alone is its own normal form. */
static bool is_inert(uint32_t cp, bool compose, bool compatible)
{
    if (cp < 0x80) return true;
    if (cp < 0x300 && compose && !compatible) return true;
    if (cp >= 0xAC00 && cp <= 0xD7A3) return compose;
    return utf8proc_get_property((utf8proc_int32_t)cp)->decomp_seqindex == UINT16_MAX;
}

static enum hn_status add_decomposed(struct segment *segment, uint32_t cp, bool compatible)
{
    enum { LONGEST = 32 }; /* the longest decomposition has 18 code points (U+FDFA) */
    if (segment->cap - segment->n < LONGEST) {
        size_t cap, bytes;
        if (!hn_mul(segment->cap + LONGEST, 2, &cap) || !hn_mul(cap, sizeof *segment->p, &bytes))
            return HN_E_NOMEM;
        int32_t *p = realloc(segment->p, bytes);
        if (!p) return HN_E_NOMEM;
        segment->p = p;
        segment->cap = cap;
    }
    const int options = UTF8PROC_DECOMPOSE | (compatible ? UTF8PROC_COMPAT : 0);
    int last_class = 0;
    const utf8proc_ssize_t n =
        utf8proc_decompose_char((utf8proc_int32_t)cp, segment->p + segment->n, LONGEST,
                                (utf8proc_option_t)options, &last_class);
    if (n < 0 || n > LONGEST) return HN_E_INTERNAL;
    segment->n += (size_t)n;
    return HN_OK;
}

static unsigned class_of(int32_t cp)
{
    return utf8proc_get_property(cp)->combining_class & 0xFFu;
}

/* Sorts a run of marks by combining class, keeping the order within a class. Counting, because a
 * hostile text may be one run of a million marks. */
static enum hn_status sort_marks(int32_t *p, size_t n)
{
    if (n < 16) {
        for (size_t i = 1; i < n; i++) {
            const int32_t cp = p[i];
            size_t j = i;
            for (; j > 0 && class_of(p[j - 1]) > class_of(cp); j--)
                p[j] = p[j - 1];
            p[j] = cp;
        }
        return HN_OK;
    }
    size_t start[257] = {0};
    int32_t *copy = malloc(n * sizeof *copy);
    if (!copy) return HN_E_NOMEM;
    memcpy(copy, p, n * sizeof *copy);
    for (size_t i = 0; i < n; i++)
        start[class_of(p[i]) + 1]++;
    for (size_t class = 0; class < 256; class ++)
        start[class + 1] += start[class];
    for (size_t i = 0; i < n; i++)
        p[start[class_of(copy[i])]++] = copy[i];
    free(copy);
    return HN_OK;
}

/* Orders, composes and appends the segment, then empties it. */
static enum hn_status finish_segment(struct segment *segment, bool compose, struct hn_buf *out)
{
    for (size_t i = 0; i < segment->n;) {
        size_t end = i;
        while (end < segment->n && class_of(segment->p[end]))
            end++;
        HN_TRY(sort_marks(segment->p + i, end - i));
        i = end + 1;
    }
    if (compose) {
        const utf8proc_ssize_t n =
            utf8proc_normalize_utf32(segment->p, (utf8proc_ssize_t)segment->n,
                                     (utf8proc_option_t)(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
        if (n < 0) return HN_E_INTERNAL;
        segment->n = (size_t)n;
    }
    for (size_t i = 0; i < segment->n; i++) {
        char bytes[4];
        HN_TRY(hn_buf_add(out, bytes, hn_utf8_encode((uint32_t)segment->p[i], bytes)));
    }
    segment->n = 0;
    return HN_OK;
}

enum hn_status hn_unicode_form(struct hn_str text, bool compose, bool compatible,
                               struct hn_buf *out)
{
    const unsigned char *p = (const unsigned char *)text.p;
    struct segment segment = {0};
    enum hn_status status = HN_OK;
    size_t copied = 0; /* what is in `out`; up to `at` is unchanged text */
    size_t length, next_length;
    for (size_t at = 0; at < text.n && status >= 0;) {
        uint32_t cp = hn_utf8_peek(p + at, &length);
        const size_t next = at + length;
        const bool alone = next == text.n || starts_segment(hn_utf8_peek(p + next, &next_length));
        if (alone && is_inert(cp, compose, compatible)) {
            at = next;
            continue;
        }
        status = hn_buf_add(out, text.p + copied, at - copied);
        do {
            if (status >= 0) status = add_decomposed(&segment, cp, compatible);
            at += length;
            if (at < text.n) cp = hn_utf8_peek(p + at, &length);
        } while (status >= 0 && at < text.n && !starts_segment(cp));
        if (status >= 0) status = finish_segment(&segment, compose, out);
        copied = at;
    }
    if (status >= 0) status = hn_buf_add(out, text.p + copied, text.n - copied);
    free(segment.p);
    return status;
}
