/* llama.cpp's notation of grammars. */
#include <stdlib.h>

#include "base/bits.h"
#include "text/grammar.h"
#include "text/grammar_expr.h"
#include "text/hash.h"
#include "text/utf8.h"

enum { MAX_COUNT = 1 << 20 };

struct parser {
    struct hn_rules rules;
    struct hn_str source;
    size_t at;
    struct hn_error *err;
    struct hn_exprs open; /* of the sequences and alternatives */
    uint32_t *slots;      /* hash table of the rules' names: number + 1 */
    size_t n_slots;       /* a power of two */
};

static enum hn_status fail(const struct parser *p, enum hn_status status, const char *what)
{
    size_t line = 1, start = 0;
    for (size_t i = 0; i < p->at && i < p->source.n; i++)
        if (p->source.p[i] == '\n') {
            line++;
            start = i + 1;
        }
    return hn_fail(p->err, status, "grammar: line %zu, column %zu: %s", line, p->at - start + 1,
                   what);
}

static enum hn_status no_room(const struct parser *p)
{
    return hn_rules_fail(&p->rules, p->err);
}

/* -1 at the end. */
static int peek(const struct parser *p)
{
    return p->at < p->source.n ? (unsigned char)p->source.p[p->at] : -1;
}

static bool accept(struct parser *p, char c)
{
    if (peek(p) != (unsigned char)c) return false;
    p->at++;
    return true;
}

static bool is_word(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static void skip_space(struct parser *p, bool lines)
{
    for (;; p->at++) {
        const int c = peek(p);
        if (c == '#') {
            while (peek(p) >= 0 && peek(p) != '\r' && peek(p) != '\n')
                p->at++;
            p->at--;
        } else if (c != ' ' && c != '\t' && !(lines && (c == '\r' || c == '\n'))) {
            return;
        }
    }
}

static struct hn_str read_name(struct parser *p)
{
    const size_t start = p->at;
    while (is_word(peek(p)))
        p->at++;
    return (struct hn_str){p->source.p + start, p->at - start};
}

static enum hn_status grow_names(struct parser *p)
{
    const size_t n = p->n_slots ? p->n_slots * 2 : 256;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots) return hn_fail_nomem(p->err, "a grammar", n * sizeof *slots);
    for (uint32_t i = 0; i < p->rules.n; i++) {
        size_t at = hn_hash_text(p->rules.rules[i].name, (uintptr_t)p) & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = i + 1;
    }
    free(p->slots);
    p->slots = slots;
    p->n_slots = n;
    return HN_OK;
}

/* The rule of a name, new perhaps. */
static enum hn_status rule_of(struct parser *p, struct hn_str name, uint32_t *out)
{
    if (p->rules.n * 2 >= p->n_slots) HN_TRY(grow_names(p));
    size_t at = hn_hash_text(name, (uintptr_t)p) & (p->n_slots - 1);
    for (; p->slots[at]; at = (at + 1) & (p->n_slots - 1)) {
        *out = p->slots[at] - 1;
        if (hn_str_eq(p->rules.rules[*out].name, name)) return HN_OK;
    }
    *out = hn_rules_add(&p->rules, name);
    if (*out == UINT32_MAX) return no_room(p);
    p->slots[at] = *out + 1;
    return HN_OK;
}

static enum hn_status push(struct parser *p, struct hn_expr *e)
{
    return hn_exprs_push(&p->open, &p->rules, e, p->err);
}

static enum hn_status read_hex(struct parser *p, size_t digits, uint32_t *out)
{
    const struct hn_str rest = {p->source.p + p->at, p->source.n - p->at};
    if (!hn_str_hex(rest, digits, out))
        return fail(p, HN_E_FORMAT, "\\x, \\u and \\U need 2, 4 and 8 hexadecimal digits");
    p->at += digits;
    if (*out > 0x10FFFF || (*out >= 0xD800 && *out <= 0xDFFF))
        return fail(p, HN_E_FORMAT, "this number is no character");
    return HN_OK;
}

/* One character of a literal or class. */
static enum hn_status read_char(struct parser *p, uint32_t *out)
{
    if (peek(p) < 0) return fail(p, HN_E_FORMAT, "the grammar ends within quotes or brackets");
    if (!accept(p, '\\')) {
        const size_t n = hn_utf8_decode(p->source.p + p->at, p->source.n - p->at, out);
        p->at += n;
        return n ? HN_OK : fail(p, HN_E_FORMAT, "not UTF-8");
    }
    const int c = peek(p);
    p->at++;
    switch (c) {
    case 'x': return read_hex(p, 2, out);
    case 'u': return read_hex(p, 4, out);
    case 'U': return read_hex(p, 8, out);
    case 't': *out = '\t'; return HN_OK;
    case 'r': *out = '\r'; return HN_OK;
    case 'n': *out = '\n'; return HN_OK;
    case '\\':
    case '"':
    case '[':
    case ']':
    case '^':
    case '-': *out = (uint32_t)c; return HN_OK;
    default: p->at--; return fail(p, HN_E_FORMAT, "unknown escape");
    }
}

static enum hn_status read_literal(struct parser *p)
{
    struct hn_buf text = {0};
    enum hn_status status = HN_OK;
    while (status >= 0 && !accept(p, '"')) {
        uint32_t c;
        char bytes[4];
        status = read_char(p, &c);
        if (status >= 0 && hn_buf_add(&text, bytes, hn_utf8_encode(c, bytes)) < 0)
            status = hn_fail_nomem(p->err, "a grammar", text.n);
    }
    if (status >= 0) status = push(p, hn_expr_bytes(&p->rules, hn_buf_view(&text)));
    hn_buf_free(&text);
    return status;
}

static enum hn_status read_class(struct parser *p)
{
    struct hn_buf ranges = {0};
    const bool negated = accept(p, '^');
    enum hn_status status = HN_OK;
    while (status >= 0 && !accept(p, ']')) {
        struct hn_chars r;
        status = read_char(p, &r.lo);
        if (status < 0) break;
        r.hi = r.lo;
        const bool range =
            peek(p) == '-' && p->at + 1 < p->source.n && p->source.p[p->at + 1] != ']';
        if (range) {
            p->at++;
            status = read_char(p, &r.hi);
            if (status >= 0 && r.hi < r.lo)
                status = fail(p, HN_E_FORMAT, "the range ends before it begins");
        }
        if (status >= 0 && hn_buf_add(&ranges, &r, sizeof r) < 0)
            status = hn_fail_nomem(p->err, "a grammar", ranges.n);
    }
    if (status >= 0)
        status = push(p, hn_expr_class(&p->rules, (const void *)ranges.p,
                                       ranges.n / sizeof(struct hn_chars), negated, false));
    hn_buf_free(&ranges);
    return status;
}

static enum hn_status read_count(struct parser *p, uint32_t *out)
{
    if (peek(p) < '0' || peek(p) > '9') return fail(p, HN_E_FORMAT, "a number is expected");
    for (*out = 0; peek(p) >= '0' && peek(p) <= '9'; p->at++) {
        *out = *out * 10 + (uint32_t)(peek(p) - '0');
        if (*out > MAX_COUNT) return fail(p, HN_E_LIMIT, "too many repetitions");
    }
    skip_space(p, true);
    return HN_OK;
}

/* {m}, {m,}, {m,n} or {,n}, behind the brace. */
static enum hn_status read_counts(struct parser *p, uint32_t *min, uint32_t *max)
{
    skip_space(p, true);
    *min = 0;
    if (peek(p) != ',') HN_TRY(read_count(p, min));
    *max = *min;
    if (accept(p, ',')) {
        skip_space(p, true);
        *max = HN_EXPR_FOREVER;
        if (peek(p) != '}') HN_TRY(read_count(p, max));
    }
    if (!accept(p, '}')) return fail(p, HN_E_FORMAT, "a '}' is expected");
    if (*max < *min) return fail(p, HN_E_FORMAT, "the most is less than the least");
    return HN_OK;
}

static enum hn_status read_alternatives(struct parser *p, unsigned depth);

/* A repetition of the last item; *took: whether there is one. */
static enum hn_status read_repeat(struct parser *p, size_t first, bool *took)
{
    uint32_t min = 0, max = HN_EXPR_FOREVER;
    *took = true;
    if (accept(p, '+')) min = 1;
    else if (accept(p, '?')) max = 1;
    else if (accept(p, '{')) HN_TRY(read_counts(p, &min, &max));
    else if (!accept(p, '*')) *took = false;
    if (!*took) return HN_OK;
    if (p->open.n == first) return fail(p, HN_E_FORMAT, "there is nothing to repeat");
    struct hn_expr *e = hn_expr_repeat(&p->rules, p->open.items[p->open.n - 1], min, max);
    p->open.items[p->open.n - 1] = e;
    return e ? HN_OK : no_room(p);
}

/* One item of a sequence; *took: whether there is one. */
static enum hn_status read_item(struct parser *p, unsigned depth, bool *took)
{
    static const struct hn_chars any = {0, 0x10FFFF};
    *took = true;
    if (accept(p, '"')) return read_literal(p);
    if (accept(p, '[')) return read_class(p);
    if (accept(p, '.')) return push(p, hn_expr_class(&p->rules, &any, 1, false, false));
    if (accept(p, '(')) {
        if (depth == HN_GRAMMAR_MAX_DEPTH) return fail(p, HN_E_LIMIT, "too many nested groups");
        skip_space(p, true);
        HN_TRY(read_alternatives(p, depth + 1));
        if (!accept(p, ')')) return fail(p, HN_E_FORMAT, "a ')' is expected");
        return HN_OK;
    }
    if (peek(p) == '<' || peek(p) == '!')
        return fail(p, HN_E_UNSUPPORTED, "arcs that are tokens are not supported; write the text");
    if (is_word(peek(p))) {
        uint32_t rule;
        HN_TRY(rule_of(p, read_name(p), &rule));
        return push(p, hn_expr_call(&p->rules, rule));
    }
    *took = false;
    return HN_OK;
}

static enum hn_status read_sequence(struct parser *p, unsigned depth)
{
    const size_t first = p->open.n;
    for (bool took = true; took;) {
        HN_TRY(read_repeat(p, first, &took));
        if (!took) HN_TRY(read_item(p, depth, &took));
        skip_space(p, depth > 0);
    }
    return hn_exprs_join(&p->open, &p->rules, hn_expr_seq, first, p->err);
}

/* Pushes what stands between here and the end of the rule or group. */
static enum hn_status read_alternatives(struct parser *p, unsigned depth)
{
    const size_t first = p->open.n;
    do {
        skip_space(p, depth > 0 || p->open.n > first);
        HN_TRY(read_sequence(p, depth));
    } while (accept(p, '|'));
    return hn_exprs_join(&p->open, &p->rules, hn_expr_alt, first, p->err);
}

static enum hn_status read_rule(struct parser *p)
{
    uint32_t rule;
    const struct hn_str name = read_name(p);
    if (!name.n) return fail(p, HN_E_FORMAT, "the name of a rule is expected");
    skip_space(p, false);
    if (p->source.n - p->at < 3 || memcmp(p->source.p + p->at, "::=", 3) != 0)
        return fail(p, HN_E_FORMAT, "'::=' is expected behind the name of a rule");
    p->at += 3;
    HN_TRY(rule_of(p, name, &rule));
    if (p->rules.rules[rule].body) return fail(p, HN_E_FORMAT, "a rule of this name is defined");
    skip_space(p, true);
    HN_TRY(read_alternatives(p, 0));
    p->rules.rules[rule].body = p->open.items[--p->open.n];
    if (peek(p) >= 0 && peek(p) != '\r' && peek(p) != '\n')
        return fail(p, HN_E_FORMAT, "this belongs to no rule");
    skip_space(p, true);
    return HN_OK;
}

static enum hn_status parse(struct parser *p, struct hn_grammar **out)
{
    uint32_t root;
    if (p->source.n > HN_GRAMMAR_MAX_SOURCE)
        return hn_fail(p->err, HN_E_LIMIT, "the grammar has %zu bytes; at most %d are taken",
                       p->source.n, HN_GRAMMAR_MAX_SOURCE);
    HN_TRY(rule_of(p, HN_STR("root"), &root));
    skip_space(p, true);
    while (peek(p) >= 0)
        HN_TRY(read_rule(p));
    if (!p->rules.rules[root].body)
        return hn_fail(p->err, HN_E_FORMAT, "the grammar has no rule 'root'");
    return hn_rules_compile(&p->rules, out, p->err);
}

enum hn_status hn_grammar_gbnf(struct hn_str source, struct hn_grammar **out, struct hn_error *err)
{
    struct parser p = {.source = source, .err = err};
    *out = NULL;
    const enum hn_status status = parse(&p, out);
    hn_rules_free(&p.rules);
    free(p.open.items);
    free(p.slots);
    return status;
}
