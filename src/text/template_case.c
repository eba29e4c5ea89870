#include "text/template_case.h"

#include "text/template_text.h"

/* A capital sigma that ends a word: a letter before it, none after it. */
static bool is_final(struct hn_str s, size_t at, size_t length, bool after_cased)
{
    size_t unused;
    return after_cased &&
           (at + length >= s.n || !hn_text_is_cased(hn_text_at(s, at + length, &unused)));
}

static size_t swap(uint32_t cp, bool final, char out[12])
{
    char lower[12];
    const size_t n = hn_text_lower(cp, final, lower);
    size_t length;
    const bool is_lower = hn_utf8_decode(lower, n, &(uint32_t){0}) == n &&
                          hn_text_at((struct hn_str){lower, n}, 0, &length) == cp;
    if (is_lower) return hn_text_upper(cp, out);
    memcpy(out, lower, n);
    return n;
}

static bool splits_title(uint32_t cp)
{
    return cp == '-' || cp == '(' || cp == '{' || cp == '[' || cp == '<' || hn_text_is_space(cp);
}

static bool put_cased(struct hn_str s, enum hn_case_mode mode, struct hn_buf *out)
{
    bool after_cased = false, first = true;
    size_t length;
    char text[12];
    for (size_t at = 0; at < s.n; at += length) {
        const uint32_t cp = hn_text_at(s, at, &length);
        const bool final = cp == 0x3A3 && is_final(s, at, length, after_cased);
        size_t n;
        if (mode == HN_CASE_UPPER) n = hn_text_upper(cp, text);
        else if (mode == HN_CASE_SWAP) n = swap(cp, final, text);
        else if (mode == HN_CASE_WORDS && first) n = hn_text_upper(cp, text);
        else if ((mode == HN_CASE_CAPITAL && first) || (mode == HN_CASE_TITLE && !after_cased))
            n = hn_text_title(cp, text);
        else n = hn_text_lower(cp, final, text);
        if (hn_buf_add(out, text, n) < 0) return false;
        after_cased = hn_text_is_cased(cp);
        first = mode == HN_CASE_WORDS && splits_title(cp);
    }
    return true;
}

bool hn_text_case(struct hn_render *r, struct hn_str s, enum hn_case_mode mode, struct hn_str *out)
{
    struct hn_buf buf = hn_render_buf(r);
    if (!hn_render_step(r, s.n / 4)) return false;
    const bool ok = put_cased(s, mode, &buf) || hn_render_fail_buf(r, &buf);
    return hn_render_take(r, &buf, ok, out);
}

bool hn_text_is_case(struct hn_str s, bool upper)
{
    bool cased = false;
    size_t length;
    for (size_t at = 0; at < s.n; at += length) {
        const uint32_t cp = hn_text_at(s, at, &length);
        char text[12];
        if (!hn_text_is_cased(cp)) continue;
        const size_t n = upper ? hn_text_lower(cp, false, text) : hn_text_upper(cp, text);
        /* A capital letter is one that has a small form, and the other way round. */
        const bool changes = n != length || memcmp(text, s.p + at, n) != 0;
        char back[12];
        const size_t m = upper ? hn_text_upper(cp, back) : hn_text_lower(cp, false, back);
        if (m != length || memcmp(back, s.p + at, m) != 0) return false;
        cased |= changes || !upper;
    }
    return cased;
}
