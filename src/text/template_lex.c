/* The lexer: text, tags, and the whitespace between them, by the rules of jinja2/lexer.py under
 * trim_blocks and lstrip_blocks. */
#include <errno.h>
#include <stdlib.h>

#include "base/bits.h"
#include "text/charclass.h"
#include "text/template_ast.h"
#include "text/template_text.h"
#include "text/utf8.h"

enum { MAX_BRACKETS = 200 };

struct lexer {
    struct hn_compiler *c;
    struct hn_str s;
    size_t at;
    int line;
    bool line_starting; /* the last match ended in a newline, or there is none yet */
    char closing[MAX_BRACKETS];
    size_t n_closing;
};

static int count_lines(struct hn_str s)
{
    int n = 0;
    for (const char *p = s.p; s.n && (p = memchr(p, '\n', (size_t)(s.p + s.n - p))); p++)
        n++;
    return n;
}

static bool ahead(const struct lexer *l, size_t at, const char *text)
{
    const size_t n = strlen(text);
    return l->s.n - at >= n && memcmp(l->s.p + at, text, n) == 0;
}

static size_t skip_space(const struct lexer *l, size_t at)
{
    size_t length;
    while (at < l->s.n && hn_text_is_space(hn_text_at(l->s, at, &length)))
        at += length;
    return at;
}

static void advance(struct lexer *l, size_t to)
{
    l->line += count_lines((struct hn_str){l->s.p + l->at, to - l->at});
    l->at = to;
}

/* advance() to the end of a tag. */
static void finish(struct lexer *l, size_t to)
{
    advance(l, to);
    l->line_starting = to > 0 && l->s.p[to - 1] == '\n';
}

static struct hn_token *add(struct lexer *l, enum hn_token_type type, struct hn_str s)
{
    struct hn_compiler *c = l->c;
    struct hn_token *tokens =
        hn_compile_grow(c, c->tokens, c->n_tokens, &c->cap_tokens, 256, sizeof *tokens);
    if (!tokens) return NULL;
    c->tokens = tokens;
    struct hn_token *token = &c->tokens[c->n_tokens++];
    *token = (struct hn_token){.type = (uint8_t)type, .line = l->line, .s = s};
    return token;
}

/* End of a tag at `at`, whitespace that it eats included; 0 when there is none. */
static size_t match_end(const struct lexer *l, size_t at, const char *end, bool trims)
{
    const char sign = at < l->s.n ? l->s.p[at] : '\0';
    if (sign == '-' && ahead(l, at + 1, end)) return skip_space(l, at + 1 + strlen(end));
    if (sign == '+' && trims && ahead(l, at + 1, end)) return at + 1 + strlen(end);
    if (!ahead(l, at, end)) return 0;
    at += strlen(end);
    return trims && at < l->s.n && l->s.p[at] == '\n' ? at + 1 : at;
}

/* Text before a tag that carries `sign`: a '-' takes all space off its end; otherwise a tag that is no
 * print statement takes the indentation before it, if there is nothing else on its line. */
static struct hn_str strip_before(const struct lexer *l, struct hn_str text, char sign, bool print)
{
    if (sign == '-') return hn_text_strip_right(text);
    if (sign == '+' || print) return text;
    size_t start = text.n;
    while (start > 0 && text.p[start - 1] != '\n')
        start--;
    if (start == 0 && !l->line_starting) return text;
    const struct hn_str tail = {text.p + start, text.n - start};
    if (hn_text_strip_right(tail).n == 0) text.n = start;
    return text;
}

static bool add_data(struct lexer *l, struct hn_str text)
{
    return text.n == 0 || add(l, HN_TOK_DATA, text);
}

static char sign_at(const struct lexer *l, size_t at)
{
    const char c = at < l->s.n ? l->s.p[at] : '\0';
    return c == '-' || c == '+' ? c : '\0';
}

/* {% raw %} at `at`: where it ends; 0 when it is another tag. */
static size_t match_raw(const struct lexer *l, size_t at)
{
    at = skip_space(l, at + 2 + (sign_at(l, at + 2) != 0));
    if (!ahead(l, at, "raw")) return 0;
    at = skip_space(l, at + 3);
    if (ahead(l, at, "-%}")) return skip_space(l, at + 3);
    return ahead(l, at, "%}") ? at + 2 : 0;
}

static size_t match_endraw(const struct lexer *l, size_t at)
{
    at = skip_space(l, at + 2 + (sign_at(l, at + 2) != 0));
    if (!ahead(l, at, "endraw")) return 0;
    return match_end(l, skip_space(l, at + 6), "%}", true);
}

/* Jinja2 says nothing of a raw block or comment that begins at the very end. */
static bool missing_end(struct lexer *l, const char *text)
{
    if (l->at < l->s.n) return hn_compile_fail(l->c, l->line, "%s", text);
    return true;
}

static bool lex_raw(struct lexer *l)
{
    for (size_t at = l->at; at + 1 < l->s.n; at++) {
        if (!ahead(l, at, "{%")) continue;
        const size_t end = match_endraw(l, at);
        if (!end) continue;
        const struct hn_str text = {l->s.p + l->at, at - l->at};
        if (!add_data(l, strip_before(l, text, sign_at(l, at + 2), false))) return false;
        finish(l, end);
        return true;
    }
    return missing_end(l, "Missing end of raw directive");
}

static bool lex_comment(struct lexer *l)
{
    for (size_t at = l->at; at < l->s.n; at++) {
        const size_t end = match_end(l, at, "#}", true);
        if (!end) continue;
        finish(l, end);
        return true;
    }
    return missing_end(l, "Missing end of comment tag");
}

/* Digits with single underscores between them, from `at`; where they end. */
static size_t match_digits(const struct lexer *l, size_t at, int base)
{
    for (bool first = true; at < l->s.n; first = false) {
        const size_t digit = at + (!first && l->s.p[at] == '_');
        if (digit >= l->s.n || hn_text_digit(l->s.p[digit]) >= base) break;
        at = digit + 1;
    }
    return at;
}

/* Where a float that starts at `at` ends; 0 when none does. */
static size_t match_float(const struct lexer *l, size_t at)
{
    if (at > 0 && l->s.p[at - 1] == '.') return 0;
    size_t end = match_digits(l, at, 10);
    bool is_float = false;
    if (end == at) return 0;
    if (ahead(l, end, ".")) {
        const size_t more = match_digits(l, end + 1, 10);
        if (more > end + 1) {
            is_float = true;
            end = more;
        }
    }
    if (end < l->s.n && (l->s.p[end] | 0x20) == 'e') {
        const size_t digits = end + 1 + (sign_at(l, end + 1) != 0);
        const size_t more = match_digits(l, digits, 10);
        if (more > digits) {
            is_float = true;
            end = more;
        }
    }
    return is_float ? end : 0;
}

static size_t match_integer(const struct lexer *l, size_t at, int *base)
{
    *base = 10;
    if (l->s.p[at] != '0') return match_digits(l, at, 10);
    const char kind = at + 1 < l->s.n ? (char)(l->s.p[at + 1] | 0x20) : '\0';
    const int other = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
    if (other) {
        const size_t digits = at + 2 + ahead(l, at + 2, "_");
        const size_t end = match_digits(l, digits, other);
        if (end > digits) {
            *base = other;
            return end;
        }
    }
    return match_digits(l, at, 1); /* zeros alone */
}

static bool lex_number(struct lexer *l)
{
    char digits[400];
    size_t n = 0;
    int base = 10;
    const size_t float_end = match_float(l, l->at);
    const size_t end = float_end ? float_end : match_integer(l, l->at, &base);
    const struct hn_str s = {l->s.p + l->at, end - l->at};
    for (size_t i = base == 10 ? 0 : 2; i < s.n; i++) {
        if (s.p[i] == '_') continue;
        if (n == sizeof digits - 1)
            return hn_compile_fail(l->c, l->line, "a number of more than %zu digits", n);
        digits[n++] = s.p[i];
    }
    digits[n] = '\0';
    struct hn_token *token = add(l, float_end ? HN_TOK_FLOAT : HN_TOK_INT, s);
    if (!token) return false;
    errno = 0;
    if (float_end) token->value = hn_val_float(strtod(digits, NULL));
    else token->value = hn_val_int(strtoll(digits, NULL, base));
    if (!float_end && errno)
        return hn_compile_fail(l->c, l->line, "the integer %.60s is past 64 bits", digits);
    l->at = end;
    return true;
}

static bool lex_string(struct lexer *l)
{
    const char quote = l->s.p[l->at];
    size_t end = l->at + 1;
    while (end < l->s.n && l->s.p[end] != quote)
        end += l->s.p[end] == '\\' ? 2 : 1;
    if (end >= l->s.n) return hn_compile_fail(l->c, l->line, "unexpected char '%c'", quote);
    struct hn_token *token = add(l, HN_TOK_STRING, (struct hn_str){0});
    if (!token) return false;
    const struct hn_str inside = {l->s.p + l->at + 1, end - l->at - 1};
    char *text = hn_compile_alloc(l->c, inside.n * 2 + 1, 1);
    if (!text) return false;
    const char *wrong = hn_text_unescape(inside, text, &token->s.n);
    token->s.p = text;
    if (wrong) return hn_compile_fail(l->c, l->line, "%s", wrong);
    advance(l, end + 1);
    return true;
}

static size_t match_name(const struct lexer *l, size_t at)
{
    size_t length;
    while (at < l->s.n && hn_text_is_word(hn_text_at(l->s, at, &length)))
        at += length;
    return at;
}

static bool balance(struct lexer *l, char op)
{
    const char *const open = "{([", *const close = "})]";
    const char *p = strchr(open, op);
    if (p) {
        if (l->n_closing == MAX_BRACKETS)
            return hn_compile_fail(l->c, l->line, "more than %d brackets inside each other",
                                   MAX_BRACKETS);
        l->closing[l->n_closing++] = close[p - open];
        return true;
    }
    if (!strchr(close, op)) return true;
    if (l->n_closing == 0) return hn_compile_fail(l->c, l->line, "unexpected '%c'", op);
    const char expected = l->closing[--l->n_closing];
    if (expected == op) return true;
    return hn_compile_fail(l->c, l->line, "unexpected '%c', expected '%c'", op, expected);
}

static bool lex_operator(struct lexer *l)
{
    static const struct {
        char text[3], op;
    } two[] = {{"**", HN_OP_POW}, {"//", HN_OP_FLOORDIV}, {"==", HN_OP_EQ},
               {"!=", HN_OP_NE},  {"<=", HN_OP_LE},       {">=", HN_OP_GE}};
    char op = l->s.p[l->at];
    size_t n = 1;
    for (size_t i = 0; i < HN_COUNT(two); i++) {
        if (!ahead(l, l->at, two[i].text)) continue;
        op = two[i].op;
        n = 2;
    }
    if (n == 1 && (!op || !strchr("+-/*%~[](){}><=.:|,;", op))) {
        size_t length;
        hn_text_at(l->s, l->at, &length);
        return hn_compile_fail(l->c, l->line, "unexpected char '%.*s'", (int)length,
                               l->s.p + l->at);
    }
    if (n == 1 && !balance(l, op)) return false;
    struct hn_token *token = add(l, HN_TOK_OP, (struct hn_str){l->s.p + l->at, n});
    if (!token) return false;
    token->op = op;
    l->at += n;
    return true;
}

static bool lex_word(struct lexer *l)
{
    const unsigned char first = (unsigned char)l->s.p[l->at];
    if (first >= '0' && first <= '9') return lex_number(l);
    if (first == '\'' || first == '"') return lex_string(l);
    const size_t end = match_name(l, l->at);
    if (end == l->at) return lex_operator(l);
    if (!hn_text_is_identifier((struct hn_str){l->s.p + l->at, end - l->at}))
        return hn_compile_fail(l->c, l->line, "Invalid character in identifier");
    if (!add(l, HN_TOK_NAME, (struct hn_str){l->s.p + l->at, end - l->at})) return false;
    l->at = end;
    return true;
}

/* The inside of a tag, up to its end. A template that ends first is the parser's to complain about. */
static bool lex_tag(struct lexer *l, bool print)
{
    l->n_closing = 0;
    while (l->at < l->s.n) {
        const size_t end = l->n_closing ? 0 : match_end(l, l->at, print ? "}}" : "%}", !print);
        if (end) {
            if (!add(l, print ? HN_TOK_PRINT_END : HN_TOK_BLOCK_END, (struct hn_str){0}))
                return false;
            finish(l, end);
            return true;
        }
        const size_t start = skip_space(l, l->at);
        if (start > l->at) advance(l, start);
        else if (!lex_word(l)) return false;
    }
    return true;
}

/* Where the next tag begins; the end of the source when there is none. */
static size_t next_tag(const struct lexer *l)
{
    for (size_t at = l->at; at + 1 < l->s.n; at++) {
        const char *p = memchr(l->s.p + at, '{', l->s.n - 1 - at);
        if (!p) break;
        at = (size_t)(p - l->s.p);
        if (p[1] == '{' || p[1] == '%' || p[1] == '#') return at;
    }
    return l->s.n;
}

static bool lex_next(struct lexer *l)
{
    const size_t at = next_tag(l);
    const struct hn_str text = {l->s.p + l->at, at - l->at};
    if (at == l->s.n) {
        l->at = at;
        return add_data(l, text);
    }
    const char kind = l->s.p[at + 1];
    const char sign = sign_at(l, at + 2);
    if (!add_data(l, strip_before(l, text, sign, kind == '{'))) return false;
    advance(l, at);
    const size_t raw = kind == '%' ? match_raw(l, at) : 0;
    if (raw) {
        finish(l, raw);
        return lex_raw(l);
    }
    if (kind != '#' &&
        !add(l, kind == '{' ? HN_TOK_PRINT_BEGIN : HN_TOK_BLOCK_BEGIN, (struct hn_str){0}))
        return false;
    l->at += 2 + (sign != 0);
    l->line_starting = false;
    return kind == '#' ? lex_comment(l) : lex_tag(l, kind == '{');
}

/* Newlines as \n, without one at the very end. */
static bool normalize(struct hn_compiler *c)
{
    char *text = hn_compile_alloc(c, c->source.n + 1, 1);
    if (!text) return false;
    size_t n = 0;
    for (size_t i = 0; i < c->source.n; i++) {
        char byte = c->source.p[i];
        if (byte == '\r') {
            byte = '\n';
            if (i + 1 < c->source.n && c->source.p[i + 1] == '\n') i++;
        }
        text[n++] = byte;
    }
    if (n && text[n - 1] == '\n') n--;
    c->source = (struct hn_str){text, n};
    return true;
}

bool hn_template_lex(struct hn_compiler *c)
{
    if (!normalize(c)) return false;
    struct lexer l = {.c = c, .s = c->source, .line = 1, .line_starting = true};
    while (l.at < l.s.n)
        if (!lex_next(&l)) return false;
    return add(&l, HN_TOK_EOF, (struct hn_str){0});
}
