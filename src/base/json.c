#include "base/json.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <utf8proc.h>

enum { MAX_NUMBER = 512 };

struct parser {
    const char *p;
    size_t n;
    size_t at;
    int depth;
    struct hn_buf stack; /* the keys of the open objects and the string being read */
    const char *what;
    struct hn_error *err;
};

static enum hn_status fail_at(const struct parser *ps, size_t at, const char *why)
{
    size_t line = 1;
    size_t start = 0;
    for (size_t i = 0; i < at; i++)
        if (ps->p[i] == '\n') {
            line++;
            start = i + 1;
        }
    return hn_fail(ps->err, HN_E_FORMAT, "%s: line %zu, column %zu: %s", ps->what, line,
                   at - start + 1, why);
}

static enum hn_status fail_nomem(const struct parser *ps)
{
    return hn_fail(ps->err, HN_E_NOMEM, "%s: out of memory at byte %zu", ps->what, ps->at);
}

static void skip_space(struct parser *ps)
{
    while (ps->at < ps->n && memchr(" \t\r\n", ps->p[ps->at], 4))
        ps->at++;
}

/* The next byte, -1 at the end. */
static int peek(const struct parser *ps)
{
    return ps->at < ps->n ? (unsigned char)ps->p[ps->at] : -1;
}

static bool accept(struct parser *ps, char c)
{
    if (peek(ps) != (unsigned char)c) return false;
    ps->at++;
    return true;
}

static enum hn_status read_hex(struct parser *ps, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, ps->at++) {
        const int c = peek(ps);
        uint32_t digit;
        if (c >= '0' && c <= '9') digit = (uint32_t)c - '0';
        else if (c >= 'a' && c <= 'f') digit = (uint32_t)c - 'a' + 10;
        else if (c >= 'A' && c <= 'F') digit = (uint32_t)c - 'A' + 10;
        else return fail_at(ps, ps->at, "\\u needs four hexadecimal digits");
        *out = *out << 4 | digit;
    }
    return HN_OK;
}

/* Behind "\u": one code point, from one escape or from a surrogate pair of two. */
static enum hn_status read_code_point(struct parser *ps)
{
    const size_t start = ps->at;
    uint32_t c;
    HN_TRY(read_hex(ps, &c));
    if (c >= 0xd800 && c < 0xdc00 && ps->n - ps->at >= 6 && memcmp(ps->p + ps->at, "\\u", 2) == 0) {
        uint32_t low;
        ps->at += 2;
        HN_TRY(read_hex(ps, &low));
        if (low < 0xdc00 || low > 0xdfff) return fail_at(ps, start, "half a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10 | (low - 0xdc00));
    }
    if (c >= 0xd800 && c < 0xe000) return fail_at(ps, start, "half a surrogate pair");
    utf8proc_uint8_t bytes[4];
    const utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)c, bytes);
    return hn_buf_add(&ps->stack, bytes, (size_t)n) < 0 ? fail_nomem(ps) : HN_OK;
}

static enum hn_status read_escape(struct parser *ps)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const int c = peek(ps);
    if (c < 0) return fail_at(ps, ps->at, "the text ends inside a string");
    ps->at++;
    if (c == 'u') return read_code_point(ps);
    const char *found = c ? strchr(from, c) : NULL;
    if (!found) return fail_at(ps, ps->at - 1, "unknown escape");
    return hn_buf_char(&ps->stack, to[found - from]) < 0 ? fail_nomem(ps) : HN_OK;
}

/* Bytes that stand for themselves, up to the next quote or backslash. */
static enum hn_status read_run(struct parser *ps)
{
    const size_t start = ps->at;
    for (;;) {
        const int c = peek(ps);
        if (c < 0) return fail_at(ps, ps->at, "the text ends inside a string");
        if (c == '"' || c == '\\') break;
        if (c < 0x20) return fail_at(ps, ps->at, "control character in a string");
        utf8proc_int32_t point;
        const size_t left = ps->n - ps->at;
        const utf8proc_ssize_t n = c < 0x80
                                       ? 1
                                       : utf8proc_iterate((const utf8proc_uint8_t *)ps->p + ps->at,
                                                          (utf8proc_ssize_t)left, &point);
        if (n < 1) return fail_at(ps, ps->at, "not UTF-8");
        ps->at += (size_t)n;
    }
    return hn_buf_add(&ps->stack, ps->p + start, ps->at - start) < 0 ? fail_nomem(ps) : HN_OK;
}

/* A string onto the stack; `at` stands behind the opening quote. */
static enum hn_status read_string(struct parser *ps)
{
    for (;;) {
        HN_TRY(read_run(ps));
        if (accept(ps, '"')) return HN_OK;
        ps->at++;
        HN_TRY(read_escape(ps));
    }
}

/* Takes the stack back to n bytes, all of which it had. */
static void drop(struct parser *ps, size_t n)
{
    ps->stack.n = n;
}

static enum hn_status parse_string(struct parser *ps, json_t **out)
{
    const size_t start = ps->stack.n;
    HN_TRY(read_string(ps));
    *out = json_stringn_nocheck(ps->stack.p + start, ps->stack.n - start);
    drop(ps, start);
    return *out ? HN_OK : fail_nomem(ps);
}

static bool skip_digits(struct parser *ps)
{
    const size_t start = ps->at;
    while (peek(ps) >= '0' && peek(ps) <= '9')
        ps->at++;
    return ps->at > start;
}

static enum hn_status make_number(struct parser *ps, size_t start, bool integer, json_t **out)
{
    char text[MAX_NUMBER];
    const size_t n = ps->at - start;
    if (n >= sizeof text) return fail_at(ps, start, "the number is too long");
    memcpy(text, ps->p + start, n);
    text[n] = '\0';
    if (integer) {
        errno = 0;
        const long long value = strtoll(text, NULL, 10);
        if (errno == 0) {
            *out = json_integer(value);
            return *out ? HN_OK : fail_nomem(ps);
        }
    }
    /* strtod wants the locale's point; a program around the library may have set one. */
    char *point = strchr(text, '.');
    if (point) *point = localeconv()->decimal_point[0];
    const double value = strtod(text, NULL);
    if (!isfinite(value)) return fail_at(ps, start, "the number is out of range");
    *out = json_real(value);
    return *out ? HN_OK : fail_nomem(ps);
}

static enum hn_status parse_number(struct parser *ps, json_t **out)
{
    const size_t start = ps->at;
    bool integer = true;
    accept(ps, '-');
    if (!accept(ps, '0') && !skip_digits(ps)) return fail_at(ps, start, "not a JSON value");
    if (accept(ps, '.')) {
        integer = false;
        if (!skip_digits(ps)) return fail_at(ps, ps->at, "digits must follow the point");
    }
    if (accept(ps, 'e') || accept(ps, 'E')) {
        integer = false;
        if (!accept(ps, '+')) accept(ps, '-');
        if (!skip_digits(ps)) return fail_at(ps, ps->at, "digits must follow the exponent");
    }
    return make_number(ps, start, integer, out);
}

static enum hn_status parse_word(struct parser *ps, json_t **out)
{
    static const struct hn_str words[] = {HN_STR("true"), HN_STR("false"), HN_STR("null")};
    json_t *const values[] = {json_true(), json_false(), json_null()};
    const struct hn_str rest = {ps->p + ps->at, ps->n - ps->at};
    for (int i = 0; i < 3; i++) {
        if (!hn_str_starts(rest, words[i])) continue;
        ps->at += words[i].n;
        *out = values[i];
        return HN_OK;
    }
    return fail_at(ps, ps->at, "not a JSON value");
}

static enum hn_status parse_value(struct parser *ps, json_t **out);

static enum hn_status parse_items(struct parser *ps, json_t *array)
{
    skip_space(ps);
    if (accept(ps, ']')) return HN_OK;
    for (;;) {
        json_t *item;
        HN_TRY(parse_value(ps, &item));
        if (json_array_append_new(array, item) < 0) return fail_nomem(ps);
        if (accept(ps, ']')) return HN_OK;
        if (!accept(ps, ',')) return fail_at(ps, ps->at, "expected ',' or ']'");
    }
}

static enum hn_status parse_member(struct parser *ps, json_t *object)
{
    const size_t start = ps->stack.n;
    const size_t at = ps->at;
    json_t *value;
    skip_space(ps);
    if (!accept(ps, '"')) return fail_at(ps, ps->at, "expected a key in quotes");
    HN_TRY(read_string(ps));
    if (memchr(ps->stack.p + start, '\0', ps->stack.n - start))
        return fail_at(ps, at, "a key with a NUL");
    if (hn_buf_char(&ps->stack, '\0') < 0) return fail_nomem(ps);
    skip_space(ps);
    if (!accept(ps, ':')) return fail_at(ps, ps->at, "expected ':'");
    HN_TRY(parse_value(ps, &value));
    const int set = json_object_set_new_nocheck(object, ps->stack.p + start, value);
    drop(ps, start);
    return set < 0 ? fail_nomem(ps) : HN_OK;
}

static enum hn_status parse_members(struct parser *ps, json_t *object)
{
    skip_space(ps);
    if (accept(ps, '}')) return HN_OK;
    for (;;) {
        HN_TRY(parse_member(ps, object));
        if (accept(ps, '}')) return HN_OK;
        if (!accept(ps, ',')) return fail_at(ps, ps->at, "expected ',' or '}'");
    }
}

/* Behind the opening bracket. */
static enum hn_status parse_inside(struct parser *ps, bool object, json_t **out)
{
    if (ps->depth == HN_JSON_MAX_DEPTH) return fail_at(ps, ps->at, "nested too deeply");
    json_t *value = object ? json_object() : json_array();
    if (!value) return fail_nomem(ps);
    ps->depth++;
    const enum hn_status status = object ? parse_members(ps, value) : parse_items(ps, value);
    ps->depth--;
    if (status < 0) json_decref(value);
    else *out = value;
    return status;
}

/* One value with the space around it. */
static enum hn_status parse_value(struct parser *ps, json_t **out)
{
    enum hn_status status;
    skip_space(ps);
    if (accept(ps, '{')) status = parse_inside(ps, true, out);
    else if (accept(ps, '[')) status = parse_inside(ps, false, out);
    else if (accept(ps, '"')) status = parse_string(ps, out);
    else if (peek(ps) >= 'a' && peek(ps) <= 'z') status = parse_word(ps, out);
    else status = parse_number(ps, out);
    skip_space(ps);
    return status;
}

enum hn_status hn_json_parse(struct hn_str text, const char *what, json_t **out,
                             struct hn_error *err)
{
    struct parser ps = {.p = text.p, .n = text.n, .what = what, .err = err};
    json_t *value = NULL;
    *out = NULL;
    enum hn_status status = parse_value(&ps, &value);
    if (status == HN_OK && ps.at < ps.n)
        status = fail_at(&ps, ps.at, "something behind the end of the value");
    if (status < 0) json_decref(value);
    else *out = value;
    hn_buf_free(&ps.stack);
    return status;
}
