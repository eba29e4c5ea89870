/* Calls written as in a program: [f(a="x", b=[1, True]), g()], or call:f{a:<|"|>x<|"|>,b:[1,true]}. They
 * are read when they are whole, and made into JSON. */
#include <stdlib.h>

#include "text/answer_reader_impl.h"
#include "text/json_write.h"
#include "text/utf8.h"

enum { MAX_DEPTH = 64, MAX_WORD = 256 };

static const char raw_quote[] = "<|\"|>";

struct parse {
    struct hn_str in; /* what is left */
    struct hn_json_writer w;
    struct hn_buf text; /* of a string */
    unsigned depth;
};

static void skip(struct parse *p, size_t n)
{
    p->in = (struct hn_str){p->in.p + n, p->in.n - n};
}

/* The next byte that is no space; NUL at the end. */
static char peek(struct parse *p)
{
    while (p->in.n && hn_answer_is_space(*p->in.p))
        skip(p, 1);
    return p->in.n ? *p->in.p : '\0';
}

static bool take(struct parse *p, char c)
{
    if (peek(p) != c) return false;
    skip(p, 1);
    return true;
}

/* A name or a number, NUL-terminated. */
static bool take_word(struct parse *p, char out[MAX_WORD])
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.$";
    size_t n = 0;
    (void)peek(p);
    while (n < p->in.n && p->in.p[n] && strchr(letters, p->in.p[n]))
        n++;
    if (!n || n >= MAX_WORD) return false;
    memcpy(out, p->in.p, n);
    out[n] = '\0';
    skip(p, n);
    return true;
}

/* A character behind \u, perhaps of two halves. */
static bool take_unicode(struct parse *p)
{
    char text[4];
    uint32_t c;
    const size_t n = hn_str_unicode(p->in, &c);
    if (!n) return false;
    skip(p, n);
    hn_buf_add(&p->text, text, hn_utf8_encode(c, text));
    return true;
}

/* Behind a backslash: as in JSON; any other character is itself. */
static bool take_escape(struct parse *p)
{
    static const char letters[] = "ntrbf", meanings[] = "\n\t\r\b\f";
    const char c = *p->in.p;
    const char *at = c ? strchr(letters, c) : NULL;
    skip(p, 1);
    if (c == 'u') return take_unicode(p);
    hn_buf_char(&p->text, at ? meanings[at - letters] : c);
    return true;
}

/* A string into p->text. */
static bool take_string(struct parse *p)
{
    hn_buf_clear(&p->text);
    const char quote = peek(p);
    if (hn_str_starts(p->in, hn_str_from(raw_quote))) {
        skip(p, sizeof raw_quote - 1);
        const char *end = memmem(p->in.p, p->in.n, raw_quote, sizeof raw_quote - 1);
        if (!end) return false;
        const size_t n = (size_t)(end - p->in.p);
        hn_buf_add(&p->text, p->in.p, n);
        skip(p, n + sizeof raw_quote - 1);
        return true;
    }
    if (quote != '"' && quote != '\'') return false;
    skip(p, 1);
    while (p->in.n && *p->in.p != quote) {
        const bool escape = *p->in.p == '\\' && p->in.n > 1;
        if (!escape) hn_buf_char(&p->text, *p->in.p);
        skip(p, 1);
        if (escape && !take_escape(p)) return false;
    }
    return take(p, quote);
}

static bool is_number(const char *word)
{
    struct hn_scan scan = {0};
    for (const char *c = word; *c; c++)
        if (hn_scan_byte(&scan, *c) != HN_SCAN_MORE) return false;
    return hn_scan_byte(&scan, ' ') == HN_SCAN_BEFORE;
}

static bool put_value(struct parse *p, const char *key);

/* KEY SEPARATOR VALUE, with commas, up to `close`. */
static bool put_members(struct parse *p, char separator, char close)
{
    while (!take(p, close)) {
        char key[MAX_WORD];
        if (take_string(p)) {
            if (p->text.n >= MAX_WORD || memchr(p->text.p ? p->text.p : "", '\0', p->text.n))
                return false;
            snprintf(key, sizeof key, "%s", p->text.n ? p->text.p : "");
        } else if (!take_word(p, key)) {
            return false;
        }
        if (!take(p, separator) || !put_value(p, key)) return false;
        if (!take(p, ',') && peek(p) != close) return false;
    }
    return true;
}

static bool put_items(struct parse *p)
{
    while (!take(p, ']')) {
        if (!put_value(p, NULL)) return false;
        if (!take(p, ',') && peek(p) != ']') return false;
    }
    return true;
}

static bool put_nested(struct parse *p, const char *key, bool object)
{
    if (++p->depth > MAX_DEPTH) return false;
    skip(p, 1);
    hn_json_open(&p->w, key, object ? '{' : '[');
    if (!(object ? put_members(p, ':', '}') : put_items(p))) return false;
    hn_json_close(&p->w, object ? '}' : ']');
    p->depth--;
    return true;
}

static bool put_value(struct parse *p, const char *key)
{
    char word[MAX_WORD];
    const char c = peek(p);
    if (c == '{' || c == '[') return put_nested(p, key, c == '{');
    if (take_string(p)) {
        hn_json_put_text(&p->w, key, hn_buf_view(&p->text));
        return true;
    }
    if (!take_word(p, word)) return false;
    const struct hn_str text = hn_answer_from_python(hn_str_from(word));
    if (!hn_str_is(text, "true") && !hn_str_is(text, "false") && !hn_str_is(text, "null") &&
        !is_number(word))
        return false;
    hn_json_put_raw(&p->w, key, text);
    return true;
}

static bool put_call(struct parse *p)
{
    char name[MAX_WORD];
    if (hn_str_starts(p->in, HN_STR("call:"))) skip(p, 5);
    if (!take_word(p, name)) return false;
    hn_json_open(&p->w, NULL, '{');
    hn_json_put_text(&p->w, "name", hn_str_from(name));
    hn_json_open(&p->w, "arguments", '{');
    if (take(p, '(')) {
        if (!put_members(p, '=', ')')) return false;
    } else if (!take(p, '{') || !put_members(p, ':', '}')) {
        return false;
    }
    hn_json_close(&p->w, '}');
    hn_json_close(&p->w, '}');
    return true;
}

static bool put_calls(struct parse *p)
{
    const bool list = take(p, '[');
    hn_json_open(&p->w, NULL, '[');
    do {
        (void)peek(p);
        if (!put_call(p)) return false;
    } while (take(p, ','));
    hn_json_close(&p->w, ']');
    return (!list || take(p, ']')) && !peek(p) && !p->in.n;
}

/* Tells the calls of [{"name", "arguments"}, ...]. */
static bool tell_all(struct hn_answer *a, const json_t *calls)
{
    size_t i;
    json_t *call;
    json_array_foreach(calls, i, call)
    {
        char *text = json_dumps(json_object_get(call, "arguments"), 0);
        if (!text) a->failed = HN_E_NOMEM;
        else hn_answer_put(a, &a->arguments, hn_str_from(text));
        free(text);
        if (!hn_answer_call_name(a, hn_json_str(json_object_get(call, "name"))) ||
            !hn_answer_call_whole(a))
            return false;
    }
    return true;
}

static bool literal_ends(struct hn_answer *a)
{
    struct parse p = {.in = hn_buf_view(&a->text)};
    json_t *calls = NULL;
    bool ok = put_calls(&p);
    if (p.w.out.failed || p.text.failed) a->failed = HN_E_NOMEM;
    ok = ok && !a->failed && hn_json_parse(hn_buf_view(&p.w.out), "calls", &calls, NULL) >= 0 &&
         tell_all(a, calls);
    json_decref(calls);
    hn_buf_free(&p.w.out);
    hn_buf_free(&p.text);
    return ok;
}

/* Whether a byte that follows `text` stands in a string; quote: of the one that is open, '<' for the raw
 * quotes, NUL for none. */
static char quote_behind(struct hn_str text, char c, char quote)
{
    const bool raw = hn_str_ends(text, HN_STR("<|\"|")) && c == '>';
    if (raw && (!quote || quote == '<')) return quote ? '\0' : '<';
    if (quote == '<' || (c != '"' && c != '\'') || (!quote && hn_str_ends(text, HN_STR("<|"))))
        return quote;
    size_t escapes = 0;
    while (escapes < text.n && text.p[text.n - 1 - escapes] == '\\')
        escapes++;
    if (!quote) return c;
    return c == quote && escapes % 2 == 0 ? '\0' : quote;
}

/* A byte of the calls that is part of no end. */
static void literal_put(struct hn_answer *a, char c)
{
    a->quote = quote_behind(hn_buf_view(&a->text), c, a->quote);
    hn_answer_put_char(a, &a->text, c);
}

bool hn_answer_literal_byte(struct hn_answer *a, char c)
{
    a->held[a->n_held++] = c;
    for (;;) {
        const enum hn_answer_mark mark = hn_answer_look(a);
        if (mark == HN_MARK_MAYBE) return true;
        if (mark == HN_MARK_END && a->quote) {
            for (const char *end = a->calls->literal->end; *end; end++)
                literal_put(a, *end);
            return true;
        }
        if (mark == HN_MARK_END) return literal_ends(a);
        literal_put(a, hn_answer_release(a));
    }
}
