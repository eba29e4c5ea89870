#include "text/utf8.h"

#include "base/bits.h"

/* The second byte of a character is narrower than 80..BF after some first bytes (Unicode, table 3-7). */
static bool second_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xE0: return second >= 0xA0 && second <= 0xBF;
    case 0xED: return second >= 0x80 && second <= 0x9F;
    case 0xF0: return second >= 0x90 && second <= 0xBF;
    case 0xF4: return second >= 0x80 && second <= 0x8F;
    default: return (second & 0xC0) == 0x80;
    }
}

/* 0 for bytes that start no character. */
static size_t announced_length(unsigned char first)
{
    if (first < 0x80) return 1;
    if (first < 0xC2) return 0;
    return first < 0xF5 ? hn_utf8_length(first) : 0;
}

size_t hn_utf8_decode(const char *text, size_t n, uint32_t *cp)
{
    const unsigned char *p = (const unsigned char *)text;
    const size_t length = announced_length(p[0]);
    if (length == 0 || length > n) return 0;
    if (length > 1 && !second_fits(p[0], p[1])) return 0;
    for (size_t i = 2; i < length; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    size_t same;
    *cp = hn_utf8_peek(p, &same);
    return length;
}

size_t hn_utf8_valid(struct hn_str s)
{
    size_t at = 0;
    while (at < s.n) {
        while (s.n - at >= 8 && !(hn_load_u64(s.p + at) & 0x8080808080808080u))
            at += 8;
        if (at == s.n) break;
        uint32_t cp;
        const size_t length = hn_utf8_decode(s.p + at, s.n - at, &cp);
        if (!length) return at;
        at += length;
    }
    return at;
}

enum hn_status hn_utf8_repair(struct hn_str s, struct hn_buf *out)
{
    while (s.n) {
        const size_t good = hn_utf8_valid(s);
        HN_TRY(hn_buf_add(out, s.p, good));
        if (good == s.n) break;
        HN_TRY(hn_buf_text(out, HN_UTF8_REPLACEMENT));
        s = (struct hn_str){s.p + good + 1, s.n - good - 1};
    }
    return HN_OK;
}

size_t hn_utf8_encode(uint32_t cp, char out[4])
{
    if (cp < 0x80) {
        out[0] = (char)cp;
        return 1;
    }
    if (cp < 0x800) {
        out[0] = (char)(0xC0 | cp >> 6);
        out[1] = (char)(0x80 | (cp & 0x3F));
        return 2;
    }
    if (cp < 0x10000) {
        out[0] = (char)(0xE0 | cp >> 12);
        out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
        out[2] = (char)(0x80 | (cp & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | cp >> 18);
    out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
    out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
    out[3] = (char)(0x80 | (cp & 0x3F));
    return 4;
}

size_t hn_utf8_missing(struct hn_str s, size_t *start)
{
    for (size_t back = 1; back <= 3 && back <= s.n; back++) {
        const size_t at = s.n - back;
        const unsigned char first = (unsigned char)s.p[at];
        if ((first & 0xC0) == 0x80) continue;
        const size_t length = announced_length(first);
        *start = at;
        if (length <= back) return 0;
        if (back > 1 && !second_fits(first, (unsigned char)s.p[at + 1])) return 0;
        return length - back;
    }
    return 0;
}
