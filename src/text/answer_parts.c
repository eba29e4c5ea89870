/* Calls whose arguments have markers of their own, <parameter=KEY>VALUE</parameter>. A value is text; the
 * tool's schema tells whether it is a string or JSON. */
#include "text/answer_reader_impl.h"
#include "text/json_write.h"

enum kind {
    TEXT = 1 << JSON_STRING,
    WHOLE = 1 << JSON_INTEGER,
    REAL = 1 << JSON_REAL,
    BOOLEAN = 1 << JSON_TRUE | 1 << JSON_FALSE,
    NOTHING = 1 << JSON_NULL,
    ANY = 1 << JSON_OBJECT | 1 << JSON_ARRAY | TEXT | WHOLE | REAL | BOOLEAN | NOTHING,
    DEPTH = 8, /* of schemas within anyOf */
};

static unsigned kind_named(const char *name)
{
    static const struct {
        const char *name;
        unsigned kinds;
    } rows[] = {
        {"string", TEXT},     {"integer", WHOLE | REAL},    {"number", WHOLE | REAL},
        {"boolean", BOOLEAN}, {"object", 1 << JSON_OBJECT}, {"array", 1 << JSON_ARRAY},
        {"null", NOTHING},
    };
    for (size_t i = 0; name && i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(name, rows[i].name) == 0) return rows[i].kinds;
    return ANY;
}

/* The types that a schema allows; ANY where it does not say. */
static unsigned kinds_of(const json_t *schema, unsigned depth)
{
    unsigned kinds = 0;
    size_t i;
    json_t *item;
    const json_t *type = json_object_get(schema, "type");
    if (json_is_string(type)) return kind_named(json_string_value(type));
    json_array_foreach(type, i, item) kinds |= kind_named(json_string_value(item));
    if (kinds) return kinds;
    json_array_foreach(json_object_get(schema, "enum"), i, item) kinds |= 1u << json_typeof(item);
    if (kinds) return kinds;
    const json_t *choices = json_object_get(schema, "anyOf");
    if (!choices) choices = json_object_get(schema, "oneOf");
    if (depth) json_array_foreach(choices, i, item) kinds |= kinds_of(item, depth - 1);
    return kinds ? kinds : ANY;
}

/* What the values of `key` may be. */
static unsigned kinds_of_part(const struct hn_answer *a)
{
    const json_t *function = hn_answer_tool(a, hn_buf_view(&a->name));
    const json_t *properties =
        json_object_get(json_object_get(function, "parameters"), "properties");
    const json_t *schema = json_object_getn(properties, a->part.p ? a->part.p : "", a->part.n);
    return kinds_of(schema, DEPTH);
}

static void put_string(struct hn_answer *a, struct hn_str s)
{
    struct hn_json_writer w = {.out = a->arguments};
    hn_json_put_text(&w, NULL, s);
    a->arguments = w.out;
    if (w.out.failed) a->failed = w.out.failed;
}

struct hn_str hn_answer_from_python(struct hn_str s)
{
    if (hn_str_is(s, "True")) return HN_STR("true");
    if (hn_str_is(s, "False")) return HN_STR("false");
    if (hn_str_is(s, "None")) return HN_STR("null");
    return s;
}

/* A value as JSON: what its text is if that is allowed, a string otherwise. */
static void put_value(struct hn_answer *a, struct hn_str text)
{
    const unsigned kinds = a->part_kind == HN_MARK_VALUE_TEXT   ? TEXT
                           : a->part_kind == HN_MARK_VALUE_JSON ? ANY
                                                                : kinds_of_part(a);
    json_t *value = NULL;
    const struct hn_str json = hn_answer_from_python(text);
    if (kinds != TEXT) {
        const enum hn_status status = hn_json_parse(json, "argument", &value, NULL);
        if (status == HN_E_NOMEM) a->failed = status;
    }
    const bool fits = value && (kinds >> json_typeof(value) & 1 || !(kinds & TEXT));
    /* A quoted string among other text is the text. */
    const bool as_json = fits && !(json_is_string(value) && a->part_kind != HN_MARK_VALUE_JSON);
    json_decref(value);
    if (as_json) hn_answer_put(a, &a->arguments, json);
    else put_string(a, text);
}

static void part_ends(struct hn_answer *a)
{
    struct hn_str text = hn_buf_view(&a->text);
    if (a->calls->parts->lines) {
        if (text.n && *text.p == '\n') text = (struct hn_str){text.p + 1, text.n - 1};
        if (text.n && text.p[text.n - 1] == '\n') text.n--;
    }
    hn_answer_put(a, &a->arguments, a->arguments.n || a->begun ? HN_STR(", ") : HN_STR("{"));
    put_string(a, hn_buf_view(&a->part));
    hn_answer_put(a, &a->arguments, HN_STR(": "));
    put_value(a, text);
    hn_buf_clear(&a->part);
    hn_buf_clear(&a->text);
}

static void watch(struct hn_answer *a)
{
    const struct hn_answer_parts *p = a->calls->parts;
    hn_answer_unwatch(a);
    switch (a->state) {
    case HN_ANSWER_IN_PART_NAME:
        hn_answer_watch(a, p->name_end, HN_MARK_NAME_END);
        __attribute__((fallthrough));
    case HN_ANSWER_AT_PART:
        hn_answer_watch(a, p->key, HN_MARK_PART);
        hn_answer_watch(a, p->end, HN_MARK_END);
        break;
    case HN_ANSWER_IN_PART_KEY: hn_answer_watch(a, p->key_end, HN_MARK_KEY_END); break;
    case HN_ANSWER_AT_PART_VALUE:
        hn_answer_watch(a, p->value, HN_MARK_VALUE);
        hn_answer_watch(a, p->value_text, HN_MARK_VALUE_TEXT);
        hn_answer_watch(a, p->value_json, HN_MARK_VALUE_JSON);
        break;
    default: hn_answer_watch(a, p->value_end, HN_MARK_VALUE_END); break;
    }
}

static void to(struct hn_answer *a, enum hn_answer_state state)
{
    a->state = state;
    watch(a);
}

static bool call_ends(struct hn_answer *a)
{
    hn_answer_put(a, &a->arguments, a->arguments.n || a->begun ? HN_STR("}") : HN_STR("{}"));
    return hn_answer_call_whole(a);
}

static bool marker(struct hn_answer *a, enum hn_answer_mark mark)
{
    const struct hn_answer_parts *p = a->calls->parts;
    if (a->state == HN_ANSWER_IN_PART_NAME && !hn_answer_call_name(a, hn_buf_view(&a->text)))
        return false;
    hn_buf_clear(&a->text);
    switch (mark) {
    case HN_MARK_NAME_END: to(a, HN_ANSWER_AT_PART); return true;
    case HN_MARK_PART: to(a, HN_ANSWER_IN_PART_KEY); return true;
    case HN_MARK_KEY_END:
        a->part_kind = HN_MARK_VALUE;
        to(a, p->value || p->value_text ? HN_ANSWER_AT_PART_VALUE : HN_ANSWER_IN_PART_VALUE);
        return true;
    case HN_MARK_END: return call_ends(a);
    default:
        a->part_kind = mark;
        to(a, HN_ANSWER_IN_PART_VALUE);
        return true;
    }
}

/* A byte that is part of no marker. */
static bool plain_byte(struct hn_answer *a, char c)
{
    switch (a->state) {
    case HN_ANSWER_AT_PART:
        if (c == '{' && !a->arguments.n && !a->begun) {
            hn_answer_call_arguments(a);
            return hn_answer_call_byte(a, c);
        }
        return hn_answer_is_space(c);
    case HN_ANSWER_AT_PART_VALUE: return hn_answer_is_space(c);
    case HN_ANSWER_IN_PART_KEY:
        hn_answer_put_char(a, &a->part, c);
        return a->part.n <= HN_ANSWER_NAME_MAX;
    case HN_ANSWER_IN_PART_NAME:
        if (c == '{' && !a->calls->parts->name_end) {
            if (!hn_answer_call_name(a, hn_buf_view(&a->text))) return false;
            hn_answer_call_arguments(a);
            return hn_answer_call_byte(a, c);
        }
        hn_answer_put_char(a, &a->text, c);
        return a->text.n <= HN_ANSWER_NAME_MAX;
    default: hn_answer_put_char(a, &a->text, c); return true;
    }
}

bool hn_answer_part_byte(struct hn_answer *a, char c)
{
    if (a->state == HN_ANSWER_IN_PART_NAME && !a->text.n && !a->n_held) watch(a);
    a->held[a->n_held++] = c;
    for (;;) {
        const enum hn_answer_mark mark = hn_answer_look(a);
        if (mark == HN_MARK_MAYBE) return true;
        if (mark == HN_MARK_VALUE_END) {
            part_ends(a);
            to(a, HN_ANSWER_AT_PART);
            return true;
        }
        if (mark != HN_MARK_NONE) return marker(a, mark);
        if (!plain_byte(a, hn_answer_release(a))) return false;
    }
}
