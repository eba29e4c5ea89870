#include "base/json_read.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <utf8proc.h>

#include "base/json.h"

enum { MAX_NUMBER = 512 };

static enum hn_status fail_at(const struct hn_json_reader *r, const char *at, const char *why)
{
    size_t line = 1;
    const char *start = r->start;
    for (const char *p = r->start; p < at; p++)
        if (*p == '\n') {
            line++;
            start = p + 1;
        }
    return hn_fail(r->err, HN_E_FORMAT, "%s: line %zu, column %zu: %s", r->what, line,
                   (size_t)(at - start) + 1, why);
}

enum hn_status hn_json_wrong(const struct hn_json_reader *r, const char *why)
{
    return fail_at(r, r->p, why);
}

static enum hn_status fail_nomem(const struct hn_json_reader *r)
{
    return hn_fail(r->err, HN_E_NOMEM, "%s: out of memory at byte %zu", r->what,
                   (size_t)(r->p - r->start));
}

struct hn_json_reader hn_json_reader_of(struct hn_str text, const char *what, struct hn_error *err)
{
    return (struct hn_json_reader){
        .p = text.p, .end = text.p + text.n, .start = text.p, .what = what, .err = err};
}

static void skip_space(struct hn_json_reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\r' || *r->p == '\n'))
        r->p++;
}

/* The next byte, -1 at the end. */
static int next(const struct hn_json_reader *r)
{
    return r->p < r->end ? (unsigned char)*r->p : -1;
}

static bool accept(struct hn_json_reader *r, char c)
{
    if (r->p == r->end || *r->p != c) return false;
    r->p++;
    return true;
}

int hn_json_peek(struct hn_json_reader *r)
{
    skip_space(r);
    const int c = next(r);
    if (c == '-' || (c >= '0' && c <= '9')) return 0;
    if (r->loose && (c == 'N' || c == 'I')) return 0;
    return c > 0 && strchr("{[\"tfn", c) ? c : -1;
}

enum hn_status hn_json_enter(struct hn_json_reader *r, char bracket)
{
    skip_space(r);
    if (!accept(r, bracket))
        return hn_json_wrong(r, bracket == '{' ? "expected an object" : "expected an array");
    if (r->depth == HN_JSON_MAX_DEPTH) return hn_json_wrong(r, "nested too deeply");
    r->depth++;
    r->follows = false;
    return HN_OK;
}

enum hn_status hn_json_next(struct hn_json_reader *r, char bracket, bool *more)
{
    skip_space(r);
    *more = !accept(r, bracket);
    if (!*more) {
        r->depth--;
        r->follows = true;
    } else if (r->follows && !accept(r, ',')) {
        return hn_json_wrong(r, bracket == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
    }
    return HN_OK;
}

/* --- texts ------------------------------------------------------------------------------------- */

/* Behind "\u": one code point, from one escape or from a surrogate pair of two. */
static enum hn_status read_code_point(struct hn_json_reader *r)
{
    uint32_t c;
    const struct hn_str rest = {r->p, (size_t)(r->end - r->p)};
    const size_t taken = hn_str_unicode(rest, &c);
    if (!taken)
        return hn_json_wrong(r, hn_str_hex(rest, 4, &c) ? "half a surrogate pair"
                                                        : "\\u needs four hexadecimal digits");
    r->p += taken;
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)c, bytes);
    return hn_buf_add(&r->text, bytes, (size_t)n) < 0 ? fail_nomem(r) : HN_OK;
}

static enum hn_status read_escape(struct hn_json_reader *r)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const int c = next(r);
    if (c < 0) return hn_json_wrong(r, "the text ends inside a string");
    r->p++;
    if (c == 'u') return read_code_point(r);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found) return fail_at(r, r->p - 1, "unknown escape");
    return hn_buf_char(&r->text, to[found - from]) < 0 ? fail_nomem(r) : HN_OK;
}

/* Bytes that stand for themselves, up to the next quote or backslash. */
static enum hn_status read_run(struct hn_json_reader *r, struct hn_str *run)
{
    const char *start = r->p;
    for (;;) {
        const int c = next(r);
        if (c < 0) return hn_json_wrong(r, "the text ends inside a string");
        if (c == '"' || c == '\\') break;
        if (c < 0x20) return hn_json_wrong(r, "control character in a string");
        utf8proc_int32_t point;
        const utf8proc_ssize_t n =
            c < 0x80 ? 1 : utf8proc_iterate((const utf8proc_uint8_t *)r->p, r->end - r->p, &point);
        if (n < 1) return hn_json_wrong(r, "not UTF-8");
        r->p += n;
    }
    *run = (struct hn_str){start, (size_t)(r->p - start)};
    return HN_OK;
}

enum hn_status hn_json_read_text(struct hn_json_reader *r, struct hn_str *out)
{
    skip_space(r);
    if (!accept(r, '"')) return hn_json_wrong(r, "expected a text in quotes");
    r->follows = true;
    HN_TRY(read_run(r, out));
    if (accept(r, '"')) return HN_OK;
    hn_buf_clear(&r->text);
    for (;;) {
        struct hn_str run;
        if (hn_buf_str(&r->text, *out) < 0) return fail_nomem(r);
        if (accept(r, '"')) break;
        r->p++; /* the backslash */
        HN_TRY(read_escape(r));
        HN_TRY(read_run(r, &run));
        *out = run;
    }
    *out = hn_buf_view(&r->text);
    return HN_OK;
}

enum hn_status hn_json_read_key(struct hn_json_reader *r, struct hn_str *out)
{
    skip_space(r);
    const char *at = r->p;
    if (next(r) != '"') return hn_json_wrong(r, "expected a key in quotes");
    HN_TRY(hn_json_read_text(r, out));
    if (memchr(out->p, '\0', out->n)) return fail_at(r, at, "a key with a NUL");
    skip_space(r);
    return accept(r, ':') ? HN_OK : hn_json_wrong(r, "expected ':'");
}

enum hn_status hn_json_next_key(struct hn_json_reader *r, bool *more, struct hn_str *key)
{
    HN_TRY(hn_json_next(r, '}', more));
    return *more ? hn_json_read_key(r, key) : HN_OK;
}

/* --- numbers and words ------------------------------------------------------------------------- */

/* A number taken apart: whole x 10^exponent, where no digit was lost. */
struct decimal {
    uint64_t whole;
    int64_t exponent;
    bool exact;
};

/* Reads digits, which the number must have here. */
static bool read_digits(struct hn_json_reader *r, struct decimal *d, bool fraction)
{
    const char *start = r->p;
    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++) {
        const unsigned digit = (unsigned)(*r->p - '0');
        if (__builtin_mul_overflow(d->whole, 10u, &d->whole) ||
            __builtin_add_overflow(d->whole, digit, &d->whole))
            d->exact = false;
        d->exponent -= fraction;
    }
    return r->p > start;
}

static enum hn_status read_exponent(struct hn_json_reader *r, struct decimal *d)
{
    struct decimal e = {.exact = true};
    const bool negative = accept(r, '-');
    if (!negative) accept(r, '+');
    if (!read_digits(r, &e, false)) return hn_json_wrong(r, "digits must follow the exponent");
    if (!e.exact || e.whole > 10000) d->exact = false;
    else d->exponent += negative ? -(int64_t)e.whole : (int64_t)e.whole;
    return HN_OK;
}

/* The C library's rounding, for what is not exact in one step. */
static enum hn_status read_slowly(struct hn_json_reader *r, const char *start, double *out)
{
    char text[MAX_NUMBER];
    const size_t n = (size_t)(r->p - start);
    if (n >= sizeof text) return fail_at(r, start, "the number is too long");
    memcpy(text, start, n);
    text[n] = '\0';
    /* strtod wants the locale's point; a program around the library may have set one. */
    char *point = strchr(text, '.');
    if (point) *point = localeconv()->decimal_point[0];
    *out = strtod(text, NULL);
    return isfinite(*out) ? HN_OK : fail_at(r, start, "the number is out of range");
}

/* Both are exact as doubles, so that one operation rounds once. */
static bool read_quickly(const struct decimal *d, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (!d->exact || d->whole > UINT64_C(1) << 53 || d->exponent < -22 || d->exponent > 22)
        return false;
    const double whole = (double)d->whole;
    *out = d->exponent < 0 ? whole / powers[-d->exponent] : whole * powers[d->exponent];
    return true;
}

static bool accept_word(struct hn_json_reader *r, struct hn_str word)
{
    if (!hn_str_starts((struct hn_str){r->p, (size_t)(r->end - r->p)}, word)) return false;
    r->p += word.n;
    r->follows = true;
    return true;
}

/* A word for a number that JSON does not have. */
static bool accept_special(struct hn_json_reader *r, double *out)
{
    if (accept_word(r, HN_STR("NaN"))) *out = NAN;
    else if (accept_word(r, HN_STR("Infinity"))) *out = INFINITY;
    else if (accept_word(r, HN_STR("-Infinity"))) *out = -INFINITY;
    else return false;
    return true;
}

enum hn_status hn_json_read_number(struct hn_json_reader *r, struct hn_json_number *out)
{
    struct decimal d = {.exact = true};
    skip_space(r);
    const char *start = r->p;
    r->follows = true;
    *out = (struct hn_json_number){.integer = false};
    if (r->loose && accept_special(r, &out->real)) return HN_OK;
    *out = (struct hn_json_number){.integer = true, .negative = accept(r, '-')};
    if (!out->negative && hn_json_peek(r) > 0) return fail_at(r, start, "expected a number");
    if (!accept(r, '0') && !read_digits(r, &d, false)) return fail_at(r, start, "not a JSON value");
    if (accept(r, '.')) {
        out->integer = false;
        if (!read_digits(r, &d, true)) return hn_json_wrong(r, "digits must follow the point");
    }
    if (accept(r, 'e') || accept(r, 'E')) {
        out->integer = false;
        HN_TRY(read_exponent(r, &d));
    }
    out->integer = out->integer && d.exact;
    out->whole = d.whole;
    if (!read_quickly(&d, &out->real)) return read_slowly(r, start, &out->real);
    if (out->negative) out->real = -out->real;
    return HN_OK;
}

enum hn_status hn_json_read_bool(struct hn_json_reader *r, bool *out)
{
    skip_space(r);
    *out = accept_word(r, HN_STR("true"));
    if (*out || accept_word(r, HN_STR("false"))) return HN_OK;
    return hn_json_wrong(r, "expected true or false");
}

enum hn_status hn_json_read_null(struct hn_json_reader *r)
{
    skip_space(r);
    return accept_word(r, HN_STR("null")) ? HN_OK : hn_json_wrong(r, "expected null");
}

/* --- any value --------------------------------------------------------------------------------- */

static enum hn_status skip_inside(struct hn_json_reader *r, bool object)
{
    const char close = object ? '}' : ']';
    HN_TRY(hn_json_enter(r, object ? '{' : '['));
    for (bool more;;) {
        struct hn_str key;
        HN_TRY(hn_json_next(r, close, &more));
        if (!more) return HN_OK;
        if (object) HN_TRY(hn_json_read_key(r, &key));
        HN_TRY(hn_json_skip(r, NULL));
    }
}

static enum hn_status skip_value(struct hn_json_reader *r)
{
    struct hn_str text;
    struct hn_json_number number;
    bool word;
    switch (hn_json_peek(r)) {
    case '{': return skip_inside(r, true);
    case '[': return skip_inside(r, false);
    case '"': return hn_json_read_text(r, &text);
    case 't':
    case 'f': return hn_json_read_bool(r, &word);
    case 'n': return hn_json_read_null(r);
    default: return hn_json_read_number(r, &number);
    }
}

enum hn_status hn_json_skip(struct hn_json_reader *r, struct hn_str *raw)
{
    skip_space(r);
    const char *start = r->p;
    HN_TRY(skip_value(r));
    if (raw) *raw = (struct hn_str){start, (size_t)(r->p - start)};
    return HN_OK;
}

enum hn_status hn_json_read_end(struct hn_json_reader *r)
{
    skip_space(r);
    return r->p == r->end ? HN_OK : hn_json_wrong(r, "something behind the end of the value");
}
