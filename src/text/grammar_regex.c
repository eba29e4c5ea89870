/* Regular expressions, in the notation that ECMAScript (with its flag u), Python and Rust share. */
#include "text/grammar_regex.h"

#include <stdlib.h>
#include <utf8proc.h>

#include "base/bits.h"
#include "text/grammar.h"
#include "text/utf8.h"

enum { MAX_COUNT = 1 << 20, MAX_PROPERTIES = 64, LAST = 0x10FFFF };

struct parser {
    struct hn_rules *rules;
    struct hn_str source;
    size_t at;
    struct hn_regex_style style;
    struct hn_error *err;
    struct hn_exprs open; /* of the sequences and alternatives */
    struct hn_buf set;    /* struct hn_chars of the class that is read */
};

static enum hn_status fail(const struct parser *p, enum hn_status status, const char *what)
{
    return hn_fail(p->err, status, "regular expression: at %zu: %s", p->at, what);
}

static enum hn_status unsupported(const struct parser *p, const char *what)
{
    return hn_fail(p->err, HN_E_UNSUPPORTED, "regular expression: at %zu: %s are not supported",
                   p->at, what);
}

static int peek_at(const struct parser *p, size_t ahead)
{
    return p->source.n - p->at > ahead ? (unsigned char)p->source.p[p->at + ahead] : -1;
}

static struct hn_str rest_of(const struct parser *p)
{
    return (struct hn_str){p->source.p + p->at, p->source.n - p->at};
}

static int peek(const struct parser *p)
{
    return peek_at(p, 0);
}

static bool accept(struct parser *p, const char *text)
{
    const struct hn_str rest = {p->source.p + p->at, p->source.n - p->at};
    if (!hn_str_starts(rest, hn_str_from(text))) return false;
    p->at += strlen(text);
    return true;
}

static enum hn_status push(struct parser *p, struct hn_expr *e)
{
    return hn_exprs_push(&p->open, p->rules, e, p->err);
}

static enum hn_status add_range(struct parser *p, uint32_t lo, uint32_t hi)
{
    const struct hn_chars r = {lo, hi};
    if (hn_buf_add(&p->set, &r, sizeof r) >= 0) return HN_OK;
    return hn_fail_nomem(p->err, "a grammar", p->set.n);
}

/* All characters but those of the table, which is in order. */
static enum hn_status add_others(struct parser *p, const struct hn_chars *table, size_t n)
{
    uint32_t next = 0;
    for (size_t i = 0; i < n; i++) {
        if (table[i].lo > next) HN_TRY(add_range(p, next, table[i].lo - 1));
        next = table[i].hi + 1;
    }
    return add_range(p, next, LAST);
}

static const struct hn_chars digits[] = {{'0', '9'}};
static const struct hn_chars words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct hn_chars spaces[] = {
    {'\t', '\r'},     {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
static const struct hn_chars line_ends[] = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}};

static enum hn_status add_table(struct parser *p, const struct hn_chars *table, size_t n,
                                bool negated)
{
    if (negated) return add_others(p, table, n);
    for (size_t i = 0; i < n; i++)
        HN_TRY(add_range(p, table[i].lo, table[i].hi));
    return HN_OK;
}

/* \d, \w, \s and their opposites. *took: whether it was one. */
static enum hn_status read_shorthand(struct parser *p, bool *took)
{
    const int c = peek_at(p, 1);
    *took = peek(p) == '\\' && c > 0 && strchr("dDwWsS", c);
    if (!*took) return HN_OK;
    p->at += 2;
    const bool negated = c < 'a';
    if ((c | 0x20) == 'd') return add_table(p, digits, HN_COUNT(digits), negated);
    if ((c | 0x20) == 'w') return add_table(p, words, HN_COUNT(words), negated);
    return add_table(p, spaces, HN_COUNT(spaces), negated);
}

/* Whether a general category's name ("Lu") is, or begins with, what the expression says. */
static bool in_category(uint32_t c, struct hn_str name)
{
    const char *category = utf8proc_category_string((utf8proc_int32_t)c);
    return memcmp(category, name.p, name.n) == 0;
}

/* \p{L}, \p{Lu}, \P{...}, behind the backslash. */
static enum hn_status read_property(struct parser *p)
{
    static const char names[] =
        " L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk "
        "So Z Zs Zl Zp C Cc Cf Co Cn ";
    const bool negated = p->source.p[p->at] == 'P';
    struct hn_str name = {p->source.p + p->at + 2, 0};
    if (peek_at(p, 1) == '{')
        while (peek_at(p, 2 + name.n) >= 0 && name.p[name.n] != '}')
            name.n++;
    const char spaced[] = {' ', name.n > 0 ? name.p[0] : '?', name.n > 1 ? name.p[1] : ' ',
                           name.n > 1 ? ' ' : '\0', '\0'};
    if (peek_at(p, 2 + name.n) != '}' || name.n < 1 || name.n > 2 || !strstr(names, spaced))
        return unsupported(p, "Unicode properties but for general categories such as \\p{Lu}");
    p->at += 3 + name.n;
    if (p->rules->n_properties++ == MAX_PROPERTIES)
        return fail(p, HN_E_LIMIT, "too many Unicode properties");
    for (uint32_t c = 0; c <= LAST;) {
        const uint32_t start = c;
        while (c <= LAST && in_category(c, name) != negated)
            c++;
        if (c > start) HN_TRY(add_range(p, start, c - 1));
        while (c <= LAST && in_category(c, name) == negated)
            c++;
    }
    return HN_OK;
}

static enum hn_status read_hex(struct parser *p, size_t n, uint32_t *out)
{
    if (!hn_str_hex(rest_of(p), n, out))
        return fail(p, HN_E_FORMAT, "a hexadecimal digit is expected");
    p->at += n;
    return HN_OK;
}

/* Behind "\u": as JSON has it, or any number in braces. */
static enum hn_status read_unicode(struct parser *p, uint32_t *out)
{
    if (accept(p, "{")) {
        size_t n = 0;
        while (peek_at(p, n) >= 0 && peek_at(p, n) != '}' && n < 8)
            n++;
        HN_TRY(read_hex(p, n, out));
        if (!n || !accept(p, "}")) return fail(p, HN_E_FORMAT, "\\u{...} needs digits and a '}'");
        if (*out <= LAST && (*out < 0xD800 || *out > 0xDFFF)) return HN_OK;
    } else {
        const size_t n = hn_str_unicode(rest_of(p), out);
        p->at += n;
        if (n) return HN_OK;
        HN_TRY(read_hex(p, 4, out)); /* digits, but half of a pair */
    }
    return fail(p, HN_E_FORMAT, "this number is no character");
}

static enum hn_status read_plain(struct parser *p, uint32_t *out)
{
    const size_t n = hn_utf8_decode(p->source.p + p->at, p->source.n - p->at, out);
    p->at += n;
    return n ? HN_OK : fail(p, HN_E_FORMAT, "not UTF-8");
}

/* A character, or an escape that is one. */
static enum hn_status read_char(struct parser *p, bool in_class, uint32_t *out)
{
    static const char letters[] = "tnrfv0", plain[] = "\t\n\r\f\v";
    if (!accept(p, "\\")) return read_plain(p, out);
    const int c = peek(p);
    if (c < 0) return fail(p, HN_E_FORMAT, "a backslash at the end");
    if (c == '0' && peek_at(p, 1) >= '0' && peek_at(p, 1) <= '9')
        return unsupported(p, "octal numbers");
    const char *found = c ? strchr(letters, c) : NULL;
    if (found) {
        p->at++;
        *out = (unsigned char)plain[found - letters];
        return HN_OK;
    }
    if (accept(p, "x")) return read_hex(p, 2, out);
    if (accept(p, "u")) return read_unicode(p, out);
    if (c == 'c' && ((peek_at(p, 1) | 0x20) >= 'a' && (peek_at(p, 1) | 0x20) <= 'z')) {
        *out = (uint32_t)peek_at(p, 1) & 31;
        p->at += 2;
        return HN_OK;
    }
    if (c == 'b' && in_class) {
        p->at++;
        *out = '\b';
        return HN_OK;
    }
    if (c == 'b' || c == 'B') return unsupported(p, "word boundaries (\\b)");
    if (c == 'A' || c == 'z' || c == 'Z' || c == 'G')
        return unsupported(p, "\\A, \\z, \\Z and \\G");
    if ((c >= '1' && c <= '9') || c == 'k') return unsupported(p, "back references");
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return fail(p, HN_E_FORMAT, "unknown escape");
    return read_plain(p, out);
}

/* Of the set that was read. */
static enum hn_status push_set(struct parser *p, bool negated)
{
    return push(p, hn_expr_class(p->rules, (const void *)p->set.p,
                                 p->set.n / sizeof(struct hn_chars), negated, p->style.json));
}

/* One member of a class, or a range of them. */
static enum hn_status read_member(struct parser *p)
{
    bool took;
    uint32_t lo, hi;
    HN_TRY(read_shorthand(p, &took));
    if (took) return HN_OK;
    if (peek(p) == '\\' && (peek_at(p, 1) | 0x20) == 'p') {
        p->at++;
        return read_property(p);
    }
    if (peek(p) == '[' && peek_at(p, 1) == ':')
        return unsupported(p, "classes by name ([:alpha:])");
    if (peek(p) == '&' && peek_at(p, 1) == '&') return unsupported(p, "intersections of classes");
    HN_TRY(read_char(p, true, &lo));
    hi = lo;
    if (peek(p) == '-' && peek_at(p, 1) >= 0 && peek_at(p, 1) != ']') {
        p->at++;
        if (peek(p) == '\\' && peek_at(p, 1) > 0 && strchr("dDwWsSpP", peek_at(p, 1)))
            return fail(p, HN_E_FORMAT, "a range needs a character at its end");
        HN_TRY(read_char(p, true, &hi));
    }
    if (hi < lo) return fail(p, HN_E_FORMAT, "the range ends before it begins");
    return add_range(p, lo, hi);
}

static enum hn_status read_class(struct parser *p)
{
    const bool negated = accept(p, "^");
    while (!accept(p, "]")) {
        if (peek(p) < 0) return fail(p, HN_E_FORMAT, "a class without an end");
        HN_TRY(read_member(p));
    }
    return push_set(p, negated);
}

static enum hn_status read_alternatives(struct parser *p, unsigned depth);

/* Behind a '('. */
static enum hn_status read_group(struct parser *p, unsigned depth)
{
    if (accept(p, "?=") || accept(p, "?!") || accept(p, "?<=") || accept(p, "?<!"))
        return unsupported(p, "look-ahead and look-behind");
    if (accept(p, "?<") || accept(p, "?P<")) {
        while (peek(p) >= 0 && !accept(p, ">"))
            p->at++;
    } else if (peek(p) == '?' && !accept(p, "?:")) {
        return unsupported(p, "flags and groups of other kinds than (?:...)");
    }
    if (depth == HN_GRAMMAR_MAX_DEPTH) return fail(p, HN_E_LIMIT, "too many nested groups");
    HN_TRY(read_alternatives(p, depth + 1));
    return accept(p, ")") ? HN_OK : fail(p, HN_E_FORMAT, "a ')' is expected");
}

static enum hn_status read_atom(struct parser *p, unsigned depth)
{
    bool took;
    uint32_t c;
    if (accept(p, "(")) return read_group(p, depth);
    hn_buf_clear(&p->set);
    if (accept(p, "[")) return read_class(p);
    if (accept(p, ".")) {
        HN_TRY(add_others(p, line_ends, HN_COUNT(line_ends)));
        return push_set(p, false);
    }
    if (peek(p) == '\\' && (peek_at(p, 1) | 0x20) == 'p') {
        p->at++;
        HN_TRY(read_property(p));
        return push_set(p, false);
    }
    if (peek(p) == '^' || peek(p) == '$')
        return unsupported(p, "'^' and '$' other than at the ends of the whole");
    if (peek(p) == '*' || peek(p) == '+' || peek(p) == '?')
        return fail(p, HN_E_FORMAT, "there is nothing to repeat");
    HN_TRY(read_shorthand(p, &took));
    if (took) return push_set(p, false);
    HN_TRY(read_char(p, false, &c));
    HN_TRY(add_range(p, c, c));
    return push_set(p, false);
}

static enum hn_status read_number(struct parser *p, uint32_t *out)
{
    for (*out = 0; peek(p) >= '0' && peek(p) <= '9'; p->at++) {
        *out = *out * 10 + (uint32_t)(peek(p) - '0');
        if (*out > MAX_COUNT) return fail(p, HN_E_LIMIT, "too many repetitions");
    }
    return HN_OK;
}

/* {m}, {m,} or {m,n}. What looks otherwise is text; then *took is false. */
static enum hn_status read_counts(struct parser *p, uint32_t *min, uint32_t *max, bool *took)
{
    const size_t start = p->at;
    p->at++;
    *took = peek(p) >= '0' && peek(p) <= '9';
    HN_TRY(read_number(p, min));
    *max = *min;
    if (accept(p, ",")) {
        *max = HN_EXPR_FOREVER;
        if (peek(p) >= '0' && peek(p) <= '9') HN_TRY(read_number(p, max));
    }
    *took &= accept(p, "}");
    if (!*took) p->at = start;
    else if (*max < *min) return fail(p, HN_E_FORMAT, "the most is less than the least");
    return HN_OK;
}

static enum hn_status read_repeat(struct parser *p)
{
    uint32_t min = 0, max = HN_EXPR_FOREVER;
    bool took = true;
    if (accept(p, "+")) min = 1;
    else if (accept(p, "?")) max = 1;
    else if (peek(p) == '{') HN_TRY(read_counts(p, &min, &max, &took));
    else took = accept(p, "*");
    if (!took) return HN_OK;
    struct hn_expr *e = hn_expr_repeat(p->rules, p->open.items[p->open.n - 1], min, max);
    p->open.items[p->open.n - 1] = e;
    if (!e) return hn_rules_fail(p->rules, p->err);
    if (accept(p, "?")) return HN_OK; /* lazy: the same texts */
    if (peek(p) == '+') return unsupported(p, "possessive repetitions");
    if (peek(p) == '*') return fail(p, HN_E_FORMAT, "a repetition of a repetition");
    return HN_OK;
}

static enum hn_status push_anything(struct parser *p)
{
    static const struct hn_chars any = {0, LAST};
    return push(p, hn_expr_repeat(p->rules, hn_expr_class(p->rules, &any, 1, false, p->style.json),
                                  0, HN_EXPR_FOREVER));
}

static enum hn_status read_sequence(struct parser *p, unsigned depth)
{
    const size_t first = p->open.n;
    bool from_start = depth > 0, to_end = depth > 0;
    if (!depth && accept(p, "^")) from_start = true;
    if (p->style.search && !from_start) HN_TRY(push_anything(p));
    while (peek(p) >= 0 && peek(p) != '|' && peek(p) != ')') {
        if (!depth && peek(p) == '$' && (peek_at(p, 1) == '|' || peek_at(p, 1) < 0)) {
            p->at++;
            to_end = true;
            break;
        }
        HN_TRY(read_atom(p, depth));
        HN_TRY(read_repeat(p));
    }
    if (p->style.search && !to_end) HN_TRY(push_anything(p));
    return hn_exprs_join(&p->open, p->rules, hn_expr_seq, first, p->err);
}

static enum hn_status read_alternatives(struct parser *p, unsigned depth)
{
    const size_t first = p->open.n;
    do
        HN_TRY(read_sequence(p, depth));
    while (accept(p, "|"));
    return hn_exprs_join(&p->open, p->rules, hn_expr_alt, first, p->err);
}

enum hn_status hn_regex_expr(struct hn_rules *rules, struct hn_str pattern,
                             struct hn_regex_style style, struct hn_expr **out,
                             struct hn_error *err)
{
    struct parser p = {.rules = rules, .source = pattern, .style = style, .err = err};
    enum hn_status status =
        pattern.n > HN_GRAMMAR_MAX_SOURCE
            ? hn_fail(err, HN_E_LIMIT, "a regular expression of %zu bytes; at most %d are taken",
                      pattern.n, HN_GRAMMAR_MAX_SOURCE)
            : read_alternatives(&p, 0);
    if (status >= 0 && p.at < pattern.n) status = fail(&p, HN_E_FORMAT, "this ')' closes no group");
    *out = status >= 0 ? p.open.items[0] : NULL;
    free(p.open.items);
    hn_buf_free(&p.set);
    return status;
}

enum hn_status hn_grammar_regex(struct hn_str pattern, struct hn_grammar **out,
                                struct hn_error *err)
{
    struct hn_rules rules = {0};
    struct hn_expr *body;
    *out = NULL;
    enum hn_status status = hn_regex_expr(&rules, pattern, (struct hn_regex_style){0}, &body, err);
    if (status >= 0 && hn_rules_add(&rules, HN_STR("root")) == UINT32_MAX)
        status = hn_rules_fail(&rules, err);
    if (status >= 0) {
        rules.rules[0].body = body;
        status = hn_rules_compile(&rules, out, err);
    }
    hn_rules_free(&rules);
    return status;
}
