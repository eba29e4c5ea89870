/* Strings of JSON, free or with a pattern, a format, a length. */
#include "text/grammar_schema.h"

#include "base/bits.h"
#include "base/real.h"
#include "text/grammar_regex.h"
#include "text/json_write.h"
#include "text/utf8.h"

#define DATE                                                                                       \
    "(\\d{4}-((0[13578]|1[02])-(0[1-9]|[12]\\d|3[01])|(0[469]|11)-(0[1-9]|[12]\\d|30)|"            \
    "02-(0[1-9]|1\\d|2[0-8]))|(\\d\\d(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])"   \
    "00)"                                                                                          \
    "-02-29)"
#define TIME  "([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d{1,9})?([zZ]|[+-]([01]\\d|2[0-3]):[0-5]\\d)"
#define BYTE  "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define LABEL "[a-zA-Z0-9]{1,20}(-[a-zA-Z0-9]{1,20}){0,2}" /* 62 characters at most */
#define WORD  "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,64}"
#define HEX4  "[0-9a-fA-F]{1,4}"

/* What formats are taken to mean: RFC 3339, 4122, 5321 (without quotes), 1123. */
static const struct {
    const char *name, *pattern;
} formats[] = {
    {"date", DATE},
    {"time", TIME},
    {"date-time", "(" DATE ")[tT]" TIME},
    {"uuid", "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"},
    {"email", WORD "(\\." WORD "){0,3}@(" LABEL "\\.){1,4}[a-zA-Z]{2,24}"},
    {"hostname", "(" LABEL "\\.){0,3}" LABEL},
    {"ipv4", BYTE "(\\." BYTE "){3}"},
    {"ipv6", "(" HEX4 ":){7}" HEX4 "|(" HEX4 ":){1,6}:" HEX4 "|::" HEX4 "|::"},
    {"uri", "https?://(" LABEL "\\.){0,3}" LABEL
            "(:[1-9]\\d{0,3})?(/[A-Za-z0-9._~!$&'()*+,;=:@-]{0,100}){0,20}"
            "(\\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]{0,500})?(#[A-Za-z0-9._~!$&'()*+,;=:@/?-]{0,100})?"},
    {"duration",
     "P(\\d{1,6}W|(\\d{1,6}D|\\d{1,6}M(\\d{1,6}D)?|\\d{1,6}Y(\\d{1,6}M(\\d{1,6}D)?)?)(T(\\d{1,6}H"
     "(\\d{1,6}M(\\d{1,6}S)?)?|\\d{1,6}M(\\d{1,6}S)?|\\d{1,6}S))?|T(\\d{1,6}H(\\d{1,6}M(\\d{1,6}S)?"
     ")?|"
     "\\d{1,6}M(\\d{1,6}S)?|\\d{1,6}S))"},
};

static const char *format_pattern(const char *name)
{
    for (size_t i = 0; i < HN_COUNT(formats); i++)
        if (strcmp(formats[i].name, name) == 0) return formats[i].pattern;
    return NULL;
}

/* As a rule of its own: the states of strings that may stand at one place are then not multiplied with
 * each other. */
static enum hn_status quoted(struct hn_schema *s, struct hn_expr *inner, struct hn_expr **out)
{
    struct hn_rules *r = &s->rules;
    struct hn_expr *body = HN_EXPR_SEQ(r, hn_expr_text(r, "\""), inner, hn_expr_text(r, "\""));
    const uint32_t rule = body ? hn_rules_add(r, HN_STR("(string)")) : UINT32_MAX;
    if (rule == UINT32_MAX) return hn_schema_no_room(s);
    r->rules[rule].body = body;
    r->rules[rule].shared = true;
    *out = hn_expr_call(r, rule);
    return *out ? HN_OK : hn_schema_no_room(s);
}

/* A regular expression, which ECMAScript searches for. */
static enum hn_status matching(struct hn_schema *s, const struct hn_shape *shape,
                               struct hn_str pattern, bool search, struct hn_expr **out)
{
    const struct hn_regex_style style = {.json = true, .search = search};
    const bool bounded = shape->min_length || shape->max_length != HN_EXPR_FOREVER;
    struct hn_error err = {.text = ""};
    struct hn_expr *inner;
    const enum hn_status status = hn_regex_expr(&s->rules, pattern, style, &inner, &err);
    if (status < 0) return hn_schema_fail(s, shape->path, status, "'pattern': %s", err.text);
    if (bounded) inner = hn_expr_bounded(&s->rules, inner, shape->min_length, shape->max_length);
    return quoted(s, inner, out);
}

struct hn_expr *hn_schema_or_raw(struct hn_schema *s, struct hn_expr *json, uint32_t min,
                                 uint32_t max)
{
    static const struct hn_chars special[] = {{0, 0}, {'<', '<'}, {'|', '|'}};
    struct hn_rules *r = &s->rules;
    struct hn_expr *quote = s->style ? s->style->quote : NULL;
    if (!quote) return json;
    struct hn_expr *plain = hn_expr_class(r, special, 2, true, false);
    struct hn_expr *inner = hn_expr_repeat(r, plain, min, max);
    if (!min && max == HN_EXPR_FOREVER) {
        struct hn_expr *less = hn_expr_text(r, "<");
        struct hn_expr *other = hn_expr_class(r, special, 3, true, false);
        inner = HN_EXPR_SEQ(
            r,
            hn_expr_repeat(
                r,
                HN_EXPR_ALT(r, plain,
                            HN_EXPR_SEQ(r, hn_expr_repeat(r, less, 1, HN_EXPR_FOREVER), other)),
                0, HN_EXPR_FOREVER),
            hn_expr_repeat(r, less, 0, HN_EXPR_FOREVER));
    }
    return HN_EXPR_ALT(r, json, HN_EXPR_SEQ(r, quote, inner, quote));
}

enum hn_status hn_schema_string(struct hn_schema *s, const struct hn_shape *shape,
                                struct hn_expr **out)
{
    struct hn_rules *r = &s->rules;
    if (shape->pattern && shape->format)
        return hn_schema_fail(s, shape->path, HN_E_UNSUPPORTED,
                              "'pattern' and 'format' of one string cannot both be kept");
    if (shape->pattern)
        return matching(s, shape, (struct hn_str){shape->pattern, shape->pattern_n}, true, out);
    if (shape->format) {
        const char *pattern = format_pattern(shape->format);
        if (pattern) return matching(s, shape, hn_str_from(pattern), false, out);
        return hn_schema_fail(s, shape->path, HN_E_UNSUPPORTED, "'format': '%s' cannot be kept",
                              shape->format);
    }
    if (shape->min_length || shape->max_length != HN_EXPR_FOREVER) {
        const uint32_t min = shape->min_length, max = shape->max_length;
        struct hn_expr *json;
        if (min > max) {
            *out = hn_expr_class(r, NULL, 0, false, false);
        } else {
            HN_TRY(quoted(s, hn_expr_repeat(r, hn_expr_call(r, s->character), min, max), &json));
            *out = hn_schema_or_raw(s, json, min, max);
        }
    } else {
        *out = hn_expr_call(r, s->string);
    }
    return *out ? HN_OK : hn_schema_no_room(s);
}

static enum hn_status written(struct hn_schema *s, struct hn_json_writer *w, struct hn_expr **out)
{
    *out = w->out.failed < 0 ? NULL : hn_expr_bytes(&s->rules, hn_buf_view(&w->out));
    hn_buf_free(&w->out);
    return *out ? HN_OK : hn_schema_no_room(s);
}

enum hn_status hn_schema_literal(struct hn_schema *s, const json_t *value, struct hn_expr **out)
{
    struct hn_json_writer w = {0};
    const struct hn_str text = json_is_string(value) ? hn_json_str(value) : (struct hn_str){0};
    struct hn_expr *quote = text.p && s->style ? s->style->quote : NULL;
    hn_json_put_value(&w, NULL, value);
    HN_TRY(written(s, &w, out));
    if (!quote || memmem(text.p, text.n, "<|", 2)) return HN_OK;
    *out = HN_EXPR_ALT(&s->rules, *out,
                       HN_EXPR_SEQ(&s->rules, quote, hn_expr_bytes(&s->rules, text), quote));
    return *out ? HN_OK : hn_schema_no_room(s);
}

enum hn_status hn_schema_key(struct hn_schema *s, const char *key, struct hn_expr **out)
{
    struct hn_json_writer w = {0};
    hn_json_put_text(&w, NULL, hn_str_from(key));
    return written(s, &w, out);
}
