#include "text/template_text.h"

#include <utf8proc.h>

#include "base/bits.h"
#include "text/charclass.h"

size_t hn_text_length(struct hn_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

size_t hn_text_offset(struct hn_str s, size_t index)
{
    size_t at = 0;
    while (index-- > 0 && at < s.n)
        at += hn_utf8_length((unsigned char)s.p[at]);
    return at;
}

bool hn_text_is_space(uint32_t cp)
{
    if (cp < 0x80) return cp == ' ' || (cp >= 9 && cp <= 13) || (cp >= 0x1C && cp <= 0x1F);
    return cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

bool hn_text_is_line_break(uint32_t cp)
{
    return (cp >= 10 && cp <= 13) || (cp >= 0x1C && cp <= 0x1E) || cp == 0x85 || cp == 0x2028 ||
           cp == 0x2029;
}

bool hn_text_is_word(uint32_t cp)
{
    if (cp == '_') return true;
    return (hn_charclass_of(cp) & (HN_CHAR_LETTER | HN_CHAR_NUMBER)) != 0;
}

bool hn_text_is_printable(uint32_t cp)
{
    if (cp < 0x7F) return cp >= 0x20;
    switch (utf8proc_category((utf8proc_int32_t)cp)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_ZS: return false;
    default: return true;
    }
}

bool hn_text_is_identifier(struct hn_str s)
{
    size_t length;
    for (size_t at = 0; at < s.n; at += length) {
        const uint32_t cp = hn_text_at(s, at, &length);
        const uint16_t class = hn_charclass_of(cp);
        if (cp == '_' || (class & HN_CHAR_LETTER)) continue;
        if (at == 0 || !(class & (HN_CHAR_NUMBER | HN_CHAR_MARK))) return false;
    }
    return s.n > 0;
}

int hn_text_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'z') return c - 'a' + 10;
    if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
    return 99;
}

struct hn_str hn_text_strip_left(struct hn_str s)
{
    size_t length;
    while (s.n && hn_text_is_space(hn_text_at(s, 0, &length))) {
        s.p += length;
        s.n -= length;
    }
    return s;
}

/* The last character of s, which is not empty. */
static uint32_t last_of(struct hn_str s, size_t *length)
{
    size_t at = s.n - 1;
    while (at > 0 && ((unsigned char)s.p[at] & 0xC0) == 0x80)
        at--;
    return hn_text_at(s, at, length);
}

struct hn_str hn_text_strip_right(struct hn_str s)
{
    size_t length;
    while (s.n && hn_text_is_space(last_of(s, &length)))
        s.n -= length;
    return s;
}

static bool has_char(struct hn_str chars, uint32_t cp)
{
    size_t length;
    for (size_t at = 0; at < chars.n; at += length)
        if (hn_text_at(chars, at, &length) == cp) return true;
    return false;
}

struct hn_str hn_text_strip_chars(struct hn_str s, struct hn_str chars, bool left, bool right)
{
    size_t length;
    while (left && s.n && has_char(chars, hn_text_at(s, 0, &length))) {
        s.p += length;
        s.n -= length;
    }
    while (right && s.n && has_char(chars, last_of(s, &length)))
        s.n -= length;
    return s;
}

size_t hn_text_find(struct hn_str s, struct hn_str part)
{
    if (part.n == 0) return 0;
    if (part.n > s.n) return SIZE_MAX;
    const char *p = memmem(s.p, s.n, part.p, part.n);
    return p ? (size_t)(p - s.p) : SIZE_MAX;
}

bool hn_text_line(struct hn_str s, size_t *at, struct hn_str *line, size_t *end)
{
    if (*at >= s.n) return false;
    size_t i = *at, length = 0;
    uint32_t cp = 0;
    for (; i < s.n; i += length) {
        cp = hn_text_at(s, i, &length);
        if (hn_text_is_line_break(cp)) break;
    }
    *line = (struct hn_str){s.p + *at, i - *at};
    *end = i < s.n ? length : 0;
    if (cp == '\r' && i + 1 < s.n && s.p[i + 1] == '\n') *end = 2;
    *at = i + *end;
    return true;
}

/* The full mappings of SpecialCasing.txt that text in templates may meet; others map one to one. */
static const struct {
    uint32_t cp;
    uint16_t upper[3], title[3];
} special_cases[] = {
    {0xDF, {'S', 'S'}, {'S', 's'}},
    {0x149, {0x2BC, 'N'}, {0x2BC, 'N'}},
    {0x1F0, {'J', 0x30C}, {'J', 0x30C}},
    {0x390, {0x399, 0x308, 0x301}, {0x399, 0x308, 0x301}},
    {0x3B0, {0x3A5, 0x308, 0x301}, {0x3A5, 0x308, 0x301}},
    {0x587, {0x535, 0x552}, {0x535, 0x582}},
    {0x1E96, {'H', 0x331}, {'H', 0x331}},
    {0x1E97, {'T', 0x308}, {'T', 0x308}},
    {0x1E98, {'W', 0x30A}, {'W', 0x30A}},
    {0x1E99, {'Y', 0x30A}, {'Y', 0x30A}},
    {0x1E9A, {'A', 0x2BE}, {'A', 0x2BE}},
    {0xFB00, {'F', 'F'}, {'F', 'f'}},
    {0xFB01, {'F', 'I'}, {'F', 'i'}},
    {0xFB02, {'F', 'L'}, {'F', 'l'}},
    {0xFB03, {'F', 'F', 'I'}, {'F', 'f', 'i'}},
    {0xFB04, {'F', 'F', 'L'}, {'F', 'f', 'l'}},
    {0xFB05, {'S', 'T'}, {'S', 't'}},
    {0xFB06, {'S', 'T'}, {'S', 't'}},
};

static size_t encode_all(const uint16_t cps[3], char out[12])
{
    size_t n = 0;
    for (int i = 0; i < 3 && cps[i]; i++)
        n += hn_utf8_encode(cps[i], out + n);
    return n;
}

size_t hn_text_upper(uint32_t cp, char out[12])
{
    if (cp < 0x80) {
        out[0] = (char)(cp >= 'a' && cp <= 'z' ? cp - 32 : cp);
        return 1;
    }
    for (size_t i = 0; i < HN_COUNT(special_cases); i++)
        if (special_cases[i].cp == cp) return encode_all(special_cases[i].upper, out);
    return hn_utf8_encode((uint32_t)utf8proc_toupper((utf8proc_int32_t)cp), out);
}

size_t hn_text_title(uint32_t cp, char out[12])
{
    if (cp < 0x80) return hn_text_upper(cp, out);
    for (size_t i = 0; i < HN_COUNT(special_cases); i++)
        if (special_cases[i].cp == cp) return encode_all(special_cases[i].title, out);
    return hn_utf8_encode((uint32_t)utf8proc_totitle((utf8proc_int32_t)cp), out);
}

size_t hn_text_lower(uint32_t cp, bool final, char out[12])
{
    if (cp < 0x80) {
        out[0] = (char)(cp >= 'A' && cp <= 'Z' ? cp + 32 : cp);
        return 1;
    }
    if (cp == 0x130) return encode_all((const uint16_t[3]){'i', 0x307}, out);
    if (cp == 0x3A3) return hn_utf8_encode(final ? 0x3C2 : 0x3C3, out);
    return hn_utf8_encode((uint32_t)utf8proc_tolower((utf8proc_int32_t)cp), out);
}

bool hn_text_is_cased(uint32_t cp)
{
    const utf8proc_category_t c = utf8proc_category((utf8proc_int32_t)cp);
    return c == UTF8PROC_CATEGORY_LU || c == UTF8PROC_CATEGORY_LL || c == UTF8PROC_CATEGORY_LT ||
           (cp >= 0x2160 && cp <= 0x217F) || (cp >= 0x24B6 && cp <= 0x24E9) || cp == 0xAA ||
           cp == 0xBA || (cp >= 0x2B0 && cp <= 0x2B8) || (cp >= 0x1D2C && cp <= 0x1D6A);
}

/* \x, \u, \U with their digits at `at`; *used gets how many digits those are. */
static const char *unescape_hex(struct hn_str s, size_t at, char kind, char *out, size_t *n,
                                size_t *used)
{
    uint32_t cp;
    *used = kind == 'x' ? 2 : kind == 'u' ? 4 : 8;
    if (!hn_str_hex((struct hn_str){s.p + at, s.n - at}, *used, &cp))
        return kind == 'x'   ? "truncated \\xXX escape"
               : kind == 'u' ? "truncated \\uXXXX escape"
                             : "truncated \\UXXXXXXXX escape";
    if (cp > 0x10FFFF) return "illegal Unicode character";
    if (cp >= 0xD800 && cp < 0xE000) return "an escape that stands for half of a character";
    *n += hn_utf8_encode(cp, out + *n);
    return NULL;
}

/* Python turns what is not ASCII into escapes first, so that a backslash before it stands for itself and
 * takes the backslash of that escape along. */
static size_t unescape_other(uint32_t cp, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const int n = cp < 0x100 ? 2 : cp < 0x10000 ? 4 : 8;
    out[0] = '\\';
    out[1] = cp < 0x100 ? 'x' : cp < 0x10000 ? 'u' : 'U';
    for (int i = 0; i < n; i++)
        out[2 + i] = digits[cp >> (4 * (n - 1 - i)) & 15];
    return (size_t)n + 2;
}

static size_t unescape_octal(struct hn_str s, size_t at, char *out, size_t *used)
{
    uint32_t cp = 0;
    for (*used = 0; *used < 3 && at + *used < s.n && hn_text_digit(s.p[at + *used]) < 8; ++*used)
        cp = cp * 8 + (uint32_t)hn_text_digit(s.p[at + *used]);
    return hn_utf8_encode(cp, out);
}

const char *hn_text_unescape(struct hn_str s, char *out, size_t *n)
{
    static const char from[] = "\\'\"abfnrtv", to[] = "\\'\"\a\b\f\n\r\t\v";
    *n = 0;
    for (size_t at = 0; at < s.n;) {
        if (s.p[at] != '\\') {
            out[(*n)++] = s.p[at++];
            continue;
        }
        if (++at == s.n) return "\\ at end of string";
        size_t used = 1;
        const char c = s.p[at];
        const char *simple = c ? strchr(from, c) : NULL;
        if (simple) {
            out[(*n)++] = to[simple - from];
        } else if (c == 'x' || c == 'u' || c == 'U') {
            const char *wrong = unescape_hex(s, at + 1, c, out, n, &used);
            if (wrong) return wrong;
            used++;
        } else if (c >= '0' && c < '8') {
            *n += unescape_octal(s, at, out + *n, &used);
        } else if (c == 'N') {
            return "characters by name (\\N) are not supported";
        } else if ((unsigned char)c >= 0x80) {
            *n += unescape_other(hn_text_at(s, at, &used), out + *n);
        } else if (c != '\n') {
            out[(*n)++] = '\\';
            out[(*n)++] = c;
        }
        at += used;
    }
    return NULL;
}

bool hn_text_is_decimal(uint32_t cp)
{
    return utf8proc_category((utf8proc_int32_t)cp) == UTF8PROC_CATEGORY_ND;
}

bool hn_text_is_digit(uint32_t cp)
{
    /* Digits that are no decimals: superscripts, circled and the like. */
    return hn_text_is_decimal(cp) || cp == 0xB2 || cp == 0xB3 || cp == 0xB9 || cp == 0x2070 ||
           (cp >= 0x2074 && cp <= 0x2079) || (cp >= 0x2080 && cp <= 0x2089) ||
           (cp >= 0x2460 && cp <= 0x2468) || (cp >= 0x2474 && cp <= 0x247C) ||
           (cp >= 0x2488 && cp <= 0x2490) || cp == 0x24EA || (cp >= 0x24F5 && cp <= 0x24FD) ||
           cp == 0x24FF || (cp >= 0x2776 && cp <= 0x277E) || (cp >= 0x2780 && cp <= 0x2788) ||
           (cp >= 0x278A && cp <= 0x2792);
}

bool hn_text_is_numeric(uint32_t cp)
{
    return (hn_charclass_of(cp) & HN_CHAR_NUMBER) != 0;
}
