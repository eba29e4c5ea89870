#include "text/answer_grammar.h"

#include <string.h>

#include "text/grammar_schema.h"
#include "text/grammar_trie.h"

/* A function that may be called. */
struct callee {
    struct hn_str name;
    struct hn_expr *arguments;
};

struct maker {
    const struct hn_calls_spec *spec;
    struct hn_schema schema;
    struct hn_schema_style style;
    struct callee *callees; /* [n], in the arena */
    size_t n;
    unsigned marks; /* markers seen so far */
};

/* Up to the ^ that ends a marker; *text goes behind it. */
static struct hn_str take_mark(const char **text)
{
    const char *end = strchr(*text, '^');
    const struct hn_str mark = {*text, (size_t)(end - *text)};
    *text = end + 1;
    return mark;
}

static uint64_t marks_of(const char *text, const struct hn_tokenizer *tokenizer, unsigned *at)
{
    uint64_t bits = 0;
    while (text && (text = strchr(text, '^'))) {
        text++;
        const int32_t id = hn_tokenizer_find(tokenizer, take_mark(&text));
        if (id >= 0 && hn_tokenizer_is_control(tokenizer, id)) bits |= 1ull << *at;
        ++*at;
    }
    return bits;
}

static const char *quote_of(const struct hn_answer_calls *format)
{
    return format->literal ? format->literal->quote : NULL;
}

uint64_t hn_answer_control_marks(const struct hn_answer_calls *format,
                                 const struct hn_tokenizer *tokenizer)
{
    unsigned at = 0;
    uint64_t bits = marks_of(format->first, tokenizer, &at);
    for (const struct hn_answer_wording *w = format->wordings; w->call; w++) {
        const char *const parts[] = {w->open, w->call, w->next, w->close};
        for (size_t i = 0; i < 4; i++)
            bits |= marks_of(parts[i], tokenizer, &at);
    }
    bits |= marks_of(quote_of(format), tokenizer, &at);
    return bits | marks_of(format->content, tokenizer, &at);
}

void hn_answer_hold(const struct hn_answer_calls *format, struct hn_trigger_spec *out)
{
    *out = (struct hn_trigger_spec){
        .texts = {hn_str_from(format->hold[0] ? format->hold[0] : format->begin[0])}};
    for (size_t i = 0; i < HN_ANSWER_HOLDS && format->hold[i]; i++) {
        out->texts[i] = hn_str_from(format->hold[i]);
        if (format->begin[i]) out->within[i] = out->texts[i].n - strlen(format->begin[i]);
    }
    if (!format->channels) return;
    /* Within a message it is content; where one ends, a header comes. */
    out->skip_begin = HN_STR("<|message|>");
    out->skip_ends[0] = HN_STR("<|end|>");
    out->skip_ends[1] = HN_STR("<|start|>");
    out->skip_anywhere = true;
}

/* What one letter behind a % stands for. */
static struct hn_expr *blank(struct maker *m, char letter, const struct callee *callee)
{
    static const struct hn_chars digits = {'0', '9'};
    static const struct hn_chars letters[] = {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}};
    struct hn_rules *r = &m->schema.rules;
    switch (letter) {
    case 'n': return hn_expr_bytes(r, callee->name);
    case 'a': return callee->arguments;
    case 'd': return hn_expr_repeat(r, hn_expr_class(r, &digits, 1, false, false), 1, 9);
    case 'i': return hn_expr_repeat(r, hn_expr_class(r, letters, 3, false, false), 1, 40);
    case '_': return hn_expr_repeat(r, hn_expr_text(r, " "), 0, 1);
    default: return hn_expr_call(r, m->schema.space);
    }
}

/* The expression of a part of a wording; NULL: there is no room. The markers are counted as
 * hn_answer_control_marks does, `mark` is the number of the first. */
static struct hn_expr *part(struct maker *m, const char *text, unsigned mark,
                            const struct callee *callee)
{
    struct hn_rules *r = &m->schema.rules;
    struct hn_expr *all = hn_expr_text(r, "");
    while (*text) {
        struct hn_expr *next;
        if (*text == '%') {
            next = blank(m, text[1], callee);
            text += 2;
        } else if (*text == '^') {
            text++;
            next = hn_expr_bytes(r, take_mark(&text));
            if (m->spec->control >> mark++ & 1)
                next = HN_EXPR_SEQ(r, hn_expr_text(r, HN_CONTROL_MARK), next);
        } else {
            const struct hn_str plain = {text, strcspn(text, "%^")};
            next = hn_expr_bytes(r, plain);
            text += plain.n;
        }
        all = HN_EXPR_SEQ(r, all, next);
    }
    return all;
}

static unsigned count_marks(const char *text)
{
    unsigned n = 0;
    for (; text && *text; text++)
        n += *text == '^';
    return n / 2;
}

/* The same, and counts its markers. */
static struct hn_expr *next_part(struct maker *m, const char *text)
{
    struct hn_expr *e = part(m, text, m->marks, NULL);
    m->marks += count_marks(text);
    return e;
}

static struct hn_expr *as_rule(struct maker *m, const char *name, struct hn_expr *body)
{
    struct hn_rules *r = &m->schema.rules;
    const uint32_t rule = body ? hn_rules_add(r, hn_str_from(name)) : UINT32_MAX;
    if (rule == UINT32_MAX) return NULL;
    r->rules[rule].body = body;
    return hn_expr_call(r, rule);
}

/* A call of any of the functions. */
static struct hn_expr *any_call(struct maker *m, const char *text)
{
    struct hn_rules *r = &m->schema.rules;
    struct hn_expr **calls = hn_arena_alloc(&r->arena, m->n, sizeof(struct hn_expr *));
    if (!calls) return NULL;
    for (size_t i = 0; i < m->n; i++)
        calls[i] = part(m, text, m->marks, &m->callees[i]);
    m->marks += count_marks(text);
    return as_rule(m, "(call)", hn_expr_alt(r, calls, m->n));
}

static struct hn_expr *calls(struct maker *m, const struct hn_answer_wording *w)
{
    struct hn_rules *r = &m->schema.rules;
    struct hn_expr *open = next_part(m, w->open), *call = any_call(m, w->call);
    struct hn_expr *next = next_part(m, w->next ? w->next : "");
    struct hn_expr *more = hn_expr_repeat(r, HN_EXPR_SEQ(r, next, call), 0,
                                          w->next && m->spec->many ? HN_EXPR_FOREVER : 0);
    return HN_EXPR_SEQ(r, open, call, more, next_part(m, w->close));
}

static bool is_strict(const json_t *function)
{
    return json_is_true(json_object_get(function, "strict"));
}

static enum hn_status read_schema(struct maker *m, const json_t *schema, const json_t *also,
                                  struct hn_expr **out)
{
    if (m->schema.style) return hn_schema_arguments(&m->schema, schema, also, out);
    return hn_schema_read(&m->schema, schema, also, out);
}

static enum hn_status read_arguments(struct maker *m, const json_t *function, const json_t *object,
                                     bool loose, struct hn_expr **out)
{
    const json_t *parameters = json_object_get(function, "parameters");
    if (!json_is_object(parameters) || loose) return read_schema(m, object, NULL, out);
    const enum hn_status status = read_schema(m, parameters, object, out);
    if (status >= 0 || status == HN_E_NOMEM || is_strict(function)) return status;
    return read_schema(m, object, NULL, out);
}

static enum hn_status read_tools(struct maker *m, const json_t *object, bool loose, size_t *tool)
{
    const json_t *tools = m->spec->tools;
    m->callees = hn_arena_alloc(&m->schema.rules.arena, json_array_size(tools), sizeof *m->callees);
    if (!m->callees) return hn_schema_no_room(&m->schema);
    for (*tool = 0; *tool < json_array_size(tools); ++*tool) {
        const json_t *function = json_object_get(json_array_get(tools, *tool), "function");
        struct callee *callee = &m->callees[m->n];
        callee->name = hn_json_str(json_object_get(function, "name"));
        if (m->spec->only.p && !hn_str_eq(callee->name, m->spec->only)) continue;
        HN_TRY(read_arguments(m, function, object, loose, &callee->arguments));
        callee->arguments = as_rule(m, "(arguments)", callee->arguments);
        m->n++;
    }
    return HN_OK;
}

static unsigned count_all_marks(const struct hn_answer_calls *format)
{
    unsigned n = count_marks(format->first);
    for (const struct hn_answer_wording *w = format->wordings; w->call; w++)
        n += count_marks(w->open) + count_marks(w->call) + count_marks(w->next) +
             count_marks(w->close);
    return n;
}

/* How arguments are written, if not as JSON. */
static enum hn_status set_style(struct maker *m)
{
    const struct hn_answer_literal *literal = m->spec->format->literal;
    if (!literal) return HN_OK;
    m->style = (struct hn_schema_style){
        .separator = literal->separator, .comma = literal->comma, .python = literal->python};
    if (literal->quote) {
        m->style.quote = part(m, literal->quote, count_all_marks(m->spec->format), NULL);
        if (!m->style.quote) return hn_schema_no_room(&m->schema);
    }
    return hn_schema_set_style(&m->schema, &m->style);
}

/* What may come instead of calls. */
static enum hn_status read_content(struct maker *m, const json_t *object, size_t *tool,
                                   struct hn_expr **out)
{
    const json_t *schema = m->spec->content ? m->spec->content : object;
    const struct hn_answer_calls *format = m->spec->format;
    struct hn_rules *r = &m->schema.rules;
    *tool = SIZE_MAX;
    *out = hn_expr_class(r, NULL, 0, false, false);
    if (!m->spec->or_content) return HN_OK;
    HN_TRY(hn_schema_read(&m->schema, schema, NULL, out));
    const unsigned mark = count_all_marks(format) + count_marks(quote_of(format));
    *out = HN_EXPR_SEQ(r, part(m, format->content ? format->content : "", mark, NULL), *out);
    return HN_OK;
}

static enum hn_status make(struct maker *m, const json_t *object, bool loose, size_t *tool,
                           struct hn_grammar **out)
{
    const struct hn_answer_calls *format = m->spec->format;
    struct hn_rules *r = &m->schema.rules;
    struct hn_expr *content;
    HN_TRY(hn_schema_begin(&m->schema));
    HN_TRY(read_content(m, object, tool, &content));
    HN_TRY(set_style(m));
    HN_TRY(read_tools(m, object, loose, tool));
    struct hn_expr *first = next_part(m, format->first ? format->first : "");
    struct hn_expr *any = hn_expr_class(r, NULL, 0, false, false);
    for (const struct hn_answer_wording *w = format->wordings; w->call; w++)
        any = HN_EXPR_ALT(r, any, calls(m, w));
    struct hn_expr *marked = HN_EXPR_SEQ(r, first, any);
    /* Where calls need no marker, content may come, too, which has none. */
    if (m->spec->or_content && format->bare) marked = HN_EXPR_ALT(r, marked, any);
    r->rules[0].body = m->spec->behind ? any : HN_EXPR_ALT(r, content, marked);
    if (!r->rules[0].body) return hn_schema_no_room(&m->schema);
    return hn_rules_compile(r, out, m->schema.err);
}

static bool any_strict(const json_t *tools)
{
    bool any = false;
    for (size_t i = 0; i < json_array_size(tools); i++)
        any |= is_strict(json_object_get(json_array_get(tools, i), "function"));
    return any;
}

enum hn_status hn_answer_grammar(const struct hn_calls_spec *spec, struct hn_grammar **out,
                                 size_t *tool, struct hn_error *err)
{
    json_t *object = json_pack("{s:s}", "type", "object");
    enum hn_status status = HN_E_LIMIT;
    *out = NULL;
    if (!object) return hn_fail_nomem(err, "a grammar", sizeof(json_t));
    const int passes = any_strict(spec->tools) ? 1 : 2;
    for (int loose = 0; loose < passes && status == HN_E_LIMIT; loose++) {
        struct maker m = {.spec = spec, .schema.err = err};
        status = make(&m, object, loose, tool, out);
        hn_schema_free(&m.schema);
    }
    json_decref(object);
    return status;
}
