/* From the shapes of a schema's values to the texts of them. */
#include "text/grammar_schema.h"

#include <stdlib.h>

#include "base/bits.h"
#include "text/grammar.h"
#include "text/grammar_regex.h"
#include "text/hash.h"
#include "text/utf8.h"

enum { FOREVER = HN_EXPR_FOREVER, MAX_PREFIX = 400, MAX_KEY = 256, MAX_INDENT = 20 };

static struct hn_expr *text(struct hn_schema *s, const char *t)
{
    return hn_expr_text(&s->rules, t);
}

/* A word of JSON, which Python writes otherwise. */
static struct hn_expr *word(struct hn_schema *s, const char *json, const char *python)
{
    if (!s->style || !s->style->python) return text(s, json);
    return HN_EXPR_ALT(&s->rules, text(s, json), text(s, python));
}

static struct hn_expr *call(struct hn_schema *s, uint32_t rule)
{
    return hn_expr_call(&s->rules, rule);
}

static struct hn_expr *nothing(struct hn_schema *s)
{
    return hn_expr_class(&s->rules, NULL, 0, false, false);
}

/* [ or {, what is within, ] or }. */
static struct hn_expr *bracket(struct hn_schema *s, const char *open, struct hn_expr *inner,
                               const char *close)
{
    return HN_EXPR_SEQ(&s->rules, text(s, open), call(s, s->space), inner, call(s, s->space),
                       text(s, close));
}

static struct hn_expr *comma(struct hn_schema *s)
{
    return HN_EXPR_SEQ(&s->rules, text(s, ","), call(s, s->space));
}

/* What is written in several places, as a rule: nested, it would otherwise be copied again and again. */
static struct hn_expr *as_rule(struct hn_schema *s, struct hn_expr *body)
{
    const uint32_t rule = body ? hn_rules_add(&s->rules, HN_STR("(item)")) : UINT32_MAX;
    if (rule == UINT32_MAX) return NULL;
    s->rules.rules[rule].body = body;
    return call(s, rule);
}

/* Items with commas between them, min to max of them. */
static struct hn_expr *several(struct hn_schema *s, struct hn_expr *item, uint32_t min,
                               uint32_t max)
{
    struct hn_rules *r = &s->rules;
    if (min > max) return nothing(s);
    if (max == 0) return text(s, "");
    item = as_rule(s, item);
    struct hn_expr *more = hn_expr_repeat(r, HN_EXPR_SEQ(r, comma(s), item), min ? min - 1 : 0,
                                          max == FOREVER ? FOREVER : max - 1);
    struct hn_expr *some = HN_EXPR_SEQ(r, item, more);
    return min ? some : hn_expr_repeat(r, some, 0, 1);
}

static enum hn_status array_value(struct hn_schema *s, const struct hn_shape *shape,
                                  struct hn_expr **out, unsigned depth)
{
    struct hn_rules *r = &s->rules;
    const uint32_t min = shape->min_items, max = shape->max_items;
    const uint32_t n = (uint32_t)hn_min(shape->n_prefix, max);
    struct hn_expr *item, *rest;
    if (shape->n_prefix > MAX_PREFIX)
        return hn_schema_fail(s, shape->path, HN_E_LIMIT, "more than %d prefixItems", MAX_PREFIX);
    HN_TRY(hn_schema_value(s, shape->items, &item, depth));
    /* Behind a prefix nothing comes that was neither asked for nor described. */
    const bool open = !shape->items_closed && (shape->items_given || !n || min > n);
    const uint32_t least = min > n ? min - n : 0, most = max == FOREVER ? FOREVER : max - n;
    if (!n) {
        rest = several(s, item, least, open ? most : 0);
        *out = bracket(s, "[", rest, "]");
        return *out ? HN_OK : hn_schema_no_room(s);
    }
    rest = hn_expr_repeat(r, HN_EXPR_SEQ(r, comma(s), as_rule(s, item)), least, open ? most : 0);
    if (!open && least) rest = nothing(s);
    for (uint32_t i = n; i-- > 0;) {
        HN_TRY(hn_schema_value(s, shape->prefix[i], &item, depth));
        rest = HN_EXPR_SEQ(r, item, rest);
        if (i) rest = HN_EXPR_SEQ(r, comma(s), rest);
        if (i >= min) rest = hn_expr_repeat(r, rest, 0, 1);
    }
    *out = bracket(s, "[", rest, "]");
    return *out ? HN_OK : hn_schema_no_room(s);
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Strings but for keys[0 .. n), which are sorted and share their first `at` bytes: a character that none
 * of them has here and then anything, or one that some have and then the same for those. */
static struct hn_expr *other_keys(struct hn_schema *s, const char *const *keys, size_t n, size_t at)
{
    static const struct hn_chars any = {0, 0x10FFFF};
    struct hn_rules *r = &s->rules;
    struct hn_expr *anything =
        hn_expr_repeat(r, hn_expr_class(r, &any, 1, false, true), 0, FOREVER);
    size_t i = 0, n_taken = 0;
    const bool ends = !keys[0][at];
    struct hn_chars *taken = hn_arena_alloc(&r->arena, n, sizeof *taken);
    struct hn_expr *all = ends ? nothing(s) : text(s, "");
    if (!taken) return NULL;
    while (i < n && !keys[i][at])
        i++;
    while (i < n) {
        uint32_t c, same;
        const size_t length = hn_utf8_decode(keys[i] + at, strlen(keys[i] + at), &c);
        size_t end = i + 1;
        while (end < n && hn_utf8_decode(keys[end] + at, strlen(keys[end] + at), &same) &&
               same == c)
            end++;
        taken[n_taken] = (struct hn_chars){c, c};
        all = HN_EXPR_ALT(r, all,
                          HN_EXPR_SEQ(r, hn_expr_class(r, &taken[n_taken++], 1, false, true),
                                      other_keys(s, keys + i, end - i, at + length)));
        i = end;
    }
    return HN_EXPR_ALT(r, all,
                       HN_EXPR_SEQ(r, hn_expr_class(r, taken, n_taken, true, true), anything));
}

/* The key of a property that the schema does not name. */
static enum hn_status extra_key(struct hn_schema *s, const struct hn_shape *shape,
                                struct hn_expr **out)
{
    struct hn_rules *r = &s->rules;
    *out = call(s, s->string);
    if (!shape->n_properties) return *out ? HN_OK : hn_schema_no_room(s);
    const char **keys = hn_arena_alloc(&r->arena, shape->n_properties, sizeof *keys);
    if (!keys) return hn_schema_no_room(s);
    for (size_t i = 0; i < shape->n_properties; i++) {
        keys[i] = shape->properties[i].key;
        if (strlen(keys[i]) > MAX_KEY)
            return hn_schema_fail(s, shape->path, HN_E_LIMIT,
                                  "a name of more than %d bytes beside unnamed properties",
                                  MAX_KEY);
    }
    qsort(keys, shape->n_properties, sizeof *keys, by_key);
    *out =
        HN_EXPR_SEQ(r, text(s, "\""), other_keys(s, keys, shape->n_properties, 0), text(s, "\""));
    return *out ? HN_OK : hn_schema_no_room(s);
}

static struct hn_expr *member(struct hn_schema *s, struct hn_expr *key, struct hn_expr *value)
{
    struct hn_rules *r = &s->rules;
    return HN_EXPR_SEQ(r, key, text(s, ":"), hn_expr_repeat(r, text(s, " "), 0, 1), value);
}

static enum hn_status shape_value(struct hn_schema *s, const struct hn_shape *shape,
                                  struct hn_expr **out, unsigned depth);

/* An object that names no properties of its own: a map. */
static enum hn_status map_value(struct hn_schema *s, const struct hn_shape *shape,
                                struct hn_expr **out, unsigned depth)
{
    struct hn_expr *key = NULL, *value;
    uint32_t max = shape->max_properties;
    if (shape->min_properties > 1)
        return hn_schema_fail(s, shape->path, HN_E_UNSUPPORTED,
                              "'minProperties' above 1 cannot be kept: keys might repeat");
    if (shape->key_pattern && (shape->names_given || (shape->extra_given && !shape->extra_closed)))
        return hn_schema_fail(s, shape->path, HN_E_UNSUPPORTED,
                              "'patternProperties' beside other keys cannot be kept");
    if (shape->key_pattern) {
        struct hn_shape name = {.path = shape->path, .max_length = FOREVER};
        name.pattern = shape->key_pattern;
        name.pattern_n = strlen(shape->key_pattern);
        HN_TRY(hn_schema_string(s, &name, &key));
        HN_TRY(hn_schema_value(s, shape->key_value, &value, depth));
    } else {
        if (shape->extra_closed) max = 0;
        HN_TRY(hn_schema_value(s, shape->extra, &value, depth));
        if (!shape->names_given) HN_TRY(extra_key(s, shape, &key));
    }
    if (shape->names_given) {
        /* Keys are strings whatever is said of them. */
        struct hn_shapes names;
        HN_TRY(hn_schema_shapes(s, shape->names, &names));
        key = nothing(s);
        for (size_t i = 0; i < names.n; i++) {
            struct hn_expr *some;
            names.list[i]->types &= HN_JSON_STRING;
            names.list[i]->typed = true;
            HN_TRY(shape_value(s, names.list[i], &some, depth));
            key = HN_EXPR_ALT(&s->rules, key, some);
        }
    }
    *out = bracket(s, "{", several(s, member(s, key, value), shape->min_properties, max), "}");
    return *out ? HN_OK : hn_schema_no_room(s);
}

static enum hn_status object_value(struct hn_schema *s, const struct hn_shape *shape,
                                   struct hn_expr **out, unsigned depth)
{
    struct hn_rules *r = &s->rules;
    const size_t n = shape->n_properties;
    size_t required = 0;
    if (!n) return map_value(s, shape, out, depth);
    const bool more = shape->extra_given && !shape->extra_closed;
    struct hn_expr **items = hn_arena_alloc(&r->arena, n + 1, sizeof(struct hn_expr *));
    bool *optional = hn_arena_alloc(&r->arena, n + 1, sizeof *optional);
    if (!items || !optional) return hn_schema_no_room(s);
    for (size_t i = 0; i < n; i++) {
        const struct hn_property *p = &shape->properties[i];
        struct hn_expr *key, *value;
        HN_TRY(hn_schema_key(s, p->key, &key));
        HN_TRY(hn_schema_value(s, p->value, &value, depth));
        items[i] = member(s, key, value);
        optional[i] = !p->required;
        required += p->required;
    }
    if (shape->names_given || shape->key_pattern)
        return hn_schema_fail(s, shape->path, HN_E_UNSUPPORTED,
                              "'%s' beside 'properties' cannot be kept",
                              shape->names_given ? "propertyNames" : "patternProperties");
    if (shape->min_properties > required || shape->max_properties < n + more)
        return hn_schema_fail(
            s, shape->path, HN_E_UNSUPPORTED,
            "'minProperties' and 'maxProperties' beside 'properties' cannot be kept");
    if (more) {
        struct hn_expr *key, *value;
        HN_TRY(extra_key(s, shape, &key));
        HN_TRY(hn_schema_value(s, shape->extra, &value, depth));
        items[n] = member(s, key, value);
        optional[n] = true;
    }
    *out = bracket(s, "{", hn_expr_list(r, items, optional, n + more, comma(s), more), "}");
    return *out ? HN_OK : hn_schema_no_room(s);
}

static uint32_t characters(struct hn_str text)
{
    uint32_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xC0) != 0x80;
    return n;
}

/* Whether a value of an enum has the shape otherwise. */
static enum hn_status fits(struct hn_schema *s, const struct hn_shape *shape, const json_t *v,
                           bool *yes)
{
    const unsigned kind = hn_json_kind(v);
    *yes = shape->types & kind;
    if (kind == HN_JSON_STRING) {
        const uint32_t n = characters(hn_json_str(v));
        *yes &= n >= shape->min_length && n <= shape->max_length;
    }
    if (kind & HN_JSON_NUMBER) {
        const double x = json_number_value(v);
        const struct hn_bound *least = &shape->least, *most = &shape->most;
        if (least->set) *yes &= least->exclusive ? x > least->value : x >= least->value;
        if (most->set) *yes &= most->exclusive ? x < most->value : x <= most->value;
    }
    const bool more = (kind == HN_JSON_STRING && (shape->pattern || shape->format)) ||
                      (kind & HN_JSON_NUMBER && shape->decimals >= 0) ||
                      (kind & (HN_JSON_ARRAY | HN_JSON_OBJECT) && shape->hinted & kind);
    if (!*yes || !more) return HN_OK;
    return hn_schema_fail(s, shape->path, HN_E_UNSUPPORTED,
                          "'enum' or 'const' beside keywords that its values may not satisfy");
}

static enum hn_status listed_value(struct hn_schema *s, const struct hn_shape *shape,
                                   struct hn_expr **out)
{
    struct hn_expr **items =
        hn_arena_alloc(&s->rules.arena, shape->n_values + 1, sizeof(struct hn_expr *));
    size_t n = 0;
    if (!items) return hn_schema_no_room(s);
    items[n++] = nothing(s);
    for (size_t i = 0; i < shape->n_values; i++) {
        bool yes;
        HN_TRY(fits(s, shape, shape->values[i], &yes));
        if (yes) HN_TRY(hn_schema_literal(s, shape->values[i], &items[n++]));
    }
    *out = hn_expr_alt(&s->rules, items, n);
    return *out ? HN_OK : hn_schema_no_room(s);
}

/* The kinds of values that are made. Where no kind is given, but keywords speak of some, it is those:
 * whoever describes properties means an object. */
static unsigned kinds_made(const struct hn_shape *shape)
{
    if (shape->typed || shape->values || !(shape->types & shape->hinted)) return shape->types;
    return shape->types & shape->hinted;
}

enum hn_status hn_schema_refused(const struct hn_schema *s, const struct hn_shape *shape,
                                 unsigned kinds)
{
    const struct hn_refusal *no = &shape->refusal;
    if (!no->keyword || !(no->types & kinds)) return HN_OK;
    return hn_schema_fail(s, no->path, HN_E_UNSUPPORTED, "'%s' %s", no->keyword, no->why);
}

static enum hn_status shape_value(struct hn_schema *s, const struct hn_shape *shape,
                                  struct hn_expr **out, unsigned depth)
{
    const unsigned kinds = kinds_made(shape);
    struct hn_expr *items[7];
    size_t n = 0;
    HN_TRY(hn_schema_refused(s, shape, kinds));
    if (shape->values) return listed_value(s, shape, out);
    if (kinds == HN_JSON_ANY && !shape->hinted) {
        *out = call(s, s->value);
        return *out ? HN_OK : hn_schema_no_room(s);
    }
    items[n++] = nothing(s);
    if (kinds & HN_JSON_NULL) items[n++] = word(s, "null", "None");
    if (kinds & HN_JSON_BOOL)
        items[n++] = HN_EXPR_ALT(&s->rules, word(s, "true", "True"), word(s, "false", "False"));
    if (kinds & HN_JSON_NUMBER)
        HN_TRY(hn_schema_number(s, shape, !(kinds & HN_JSON_FRACTION), &items[n++]));
    if (kinds & HN_JSON_STRING) HN_TRY(hn_schema_string(s, shape, &items[n++]));
    if (kinds & HN_JSON_ARRAY) HN_TRY(array_value(s, shape, &items[n++], depth));
    if (kinds & HN_JSON_OBJECT) HN_TRY(object_value(s, shape, &items[n++], depth));
    *out = hn_expr_alt(&s->rules, items, n);
    return *out ? HN_OK : hn_schema_no_room(s);
}

static enum hn_status demand_value(struct hn_schema *s, struct hn_demand demand,
                                   struct hn_expr **out, unsigned depth)
{
    struct hn_shapes shapes;
    HN_TRY(hn_schema_shapes(s, demand, &shapes));
    struct hn_expr **items =
        hn_arena_alloc(&s->rules.arena, shapes.n + 1, sizeof(struct hn_expr *));
    if (!items) return hn_schema_no_room(s);
    if (!shapes.n) items[shapes.n++] = nothing(s);
    else
        for (size_t i = 0; i < shapes.n; i++)
            HN_TRY(shape_value(s, shapes.list[i], &items[i], depth));
    *out = hn_expr_alt(&s->rules, items, shapes.n);
    return *out ? HN_OK : hn_schema_no_room(s);
}

static uint64_t hash_of(struct hn_demand demand)
{
    uint64_t h = demand.n;
    for (size_t i = 0; i < demand.n; i++)
        h = hn_hash_pair(h, (uintptr_t)demand.list[i].schema);
    return h;
}

static bool same_demand(struct hn_demand a, struct hn_demand b)
{
    for (size_t i = 0; a.n == b.n && i < a.n; i++)
        if (a.list[i].schema != b.list[i].schema) return false;
    return a.n == b.n;
}

static enum hn_status grow_memos(struct hn_schema *s)
{
    const size_t n = s->n_slots ? s->n_slots * 2 : 128;
    struct hn_schema_memo *memos = realloc(s->memos, n / 2 * sizeof *memos);
    if (memos) s->memos = memos;
    uint32_t *slots = calloc(n, sizeof *slots);
    if (!slots || !memos) {
        free(slots);
        return hn_fail_nomem(s->err, "a grammar", n * sizeof *memos);
    }
    for (uint32_t i = 0; i < s->n_memos; i++) {
        size_t at = hash_of(s->memos[i].demand) & (n - 1);
        while (slots[at])
            at = (at + 1) & (n - 1);
        slots[at] = i + 1;
    }
    free(s->slots);
    s->slots = slots;
    s->n_slots = n;
    return HN_OK;
}

/* The rule of a demand that may come to itself; what it stands for is found later. */
static enum hn_status rule_of(struct hn_schema *s, struct hn_demand demand, uint32_t *out)
{
    if (s->n_memos * 2 >= s->n_slots) HN_TRY(grow_memos(s));
    size_t at = hash_of(demand) & (s->n_slots - 1);
    for (; s->slots[at]; at = (at + 1) & (s->n_slots - 1)) {
        const struct hn_schema_memo *memo = &s->memos[s->slots[at] - 1];
        *out = memo->rule;
        if (same_demand(memo->demand, demand)) return HN_OK;
    }
    *out = hn_rules_add(&s->rules, HN_STR("(schema)"));
    if (*out == UINT32_MAX) return hn_schema_no_room(s);
    s->memos[s->n_memos++] = (struct hn_schema_memo){demand, *out};
    s->slots[at] = (uint32_t)s->n_memos;
    return HN_OK;
}

enum hn_status hn_schema_value(struct hn_schema *s, struct hn_demand demand, struct hn_expr **out,
                               unsigned depth)
{
    if (depth == HN_GRAMMAR_MAX_DEPTH)
        return hn_schema_fail(s, demand.n ? demand.list[0].path : NULL, HN_E_LIMIT,
                              "nested too deeply");
    if (!hn_schema_refers(demand)) return demand_value(s, demand, out, depth + 1);
    uint32_t rule;
    HN_TRY(rule_of(s, demand, &rule));
    *out = call(s, rule);
    return *out ? HN_OK : hn_schema_no_room(s);
}

static enum hn_status add_rule(struct hn_schema *s, uint32_t *out)
{
    *out = hn_rules_add(&s->rules, HN_STR("(JSON)"));
    return *out == UINT32_MAX ? hn_schema_no_room(s) : HN_OK;
}

static void set_rule(struct hn_schema *s, uint32_t rule, struct hn_expr *body)
{
    s->rules.rules[rule].body = body;
    s->rules.rules[rule].shared = true;
}

/* A character of a string: as it is, or behind a backslash in any of JSON's ways. */
static struct hn_expr *any_character(struct hn_schema *s)
{
    struct hn_rules *r = &s->rules;
    const struct hn_schema_chars {
        struct hn_chars c[8];
    } plain = {{{0, 0x1F}, {'"', '"'}, {'\\', '\\'}}},
      letters = {{{'"', '"'},
                  {'\\', '\\'},
                  {'/', '/'},
                  {'b', 'b'},
                  {'f', 'f'},
                  {'n', 'n'},
                  {'r', 'r'},
                  {'t', 't'}}},
      hex = {{{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
      hex_but_d = {{{'0', '9'}, {'A', 'C'}, {'E', 'F'}, {'a', 'c'}, {'e', 'f'}}},
      d = {{{'D', 'D'}, {'d', 'd'}}}, low = {{{'0', '7'}}},
      high_half = {{{'8', '9'}, {'A', 'B'}, {'a', 'b'}}}, low_half = {{{'C', 'F'}, {'c', 'f'}}};
#define SET(name, n) hn_expr_class(r, name.c, n, false, false)
    struct hn_expr *h = SET(hex, 3);
    struct hn_expr *unicode = HN_EXPR_ALT(
        r, HN_EXPR_SEQ(r, SET(hex_but_d, 5), h, h, h), HN_EXPR_SEQ(r, SET(d, 2), SET(low, 1), h, h),
        HN_EXPR_SEQ(r, SET(d, 2), SET(high_half, 3), h, h, text(s, "\\u"), SET(d, 2),
                    SET(low_half, 2), h, h));
    struct hn_expr *escape = HN_EXPR_ALT(r, SET(letters, 8), HN_EXPR_SEQ(r, text(s, "u"), unicode));
#undef SET
    return HN_EXPR_ALT(r, hn_expr_class(r, plain.c, 3, true, false),
                       HN_EXPR_SEQ(r, text(s, "\\"), escape));
}

/* The rules of plain JSON. Space is bounded, so that a model cannot go on with it: none, one, or a line
 * and its indentation. */
static enum hn_status add_json(struct hn_schema *s)
{
    static const struct hn_chars blanks[] = {{' ', ' '}, {'\t', '\t'}};
    const struct hn_shape any = {.decimals = -1, .max_items = FOREVER, .max_properties = FOREVER};
    struct hn_rules *r = &s->rules;
    struct hn_expr *number, *array, *object;
    HN_TRY(add_rule(s, &s->space));
    HN_TRY(add_rule(s, &s->character));
    HN_TRY(add_rule(s, &s->string));
    HN_TRY(add_rule(s, &s->value));
    struct hn_expr *line =
        HN_EXPR_SEQ(r, text(s, "\n"),
                    hn_expr_repeat(r, hn_expr_class(r, blanks, 2, false, false), 0, MAX_INDENT));
    set_rule(s, s->space, hn_expr_repeat(r, HN_EXPR_ALT(r, text(s, " "), line), 0, 1));
    set_rule(s, s->character, any_character(s));
    set_rule(s, s->string,
             hn_schema_or_raw(s,
                              HN_EXPR_SEQ(r, text(s, "\""),
                                          hn_expr_repeat(r, any_character(s), 0, FOREVER),
                                          text(s, "\"")),
                              0, FOREVER));
    HN_TRY(hn_schema_number(s, &any, false, &number));
    array = bracket(s, "[", several(s, call(s, s->value), 0, FOREVER), "]");
    object = bracket(s, "{",
                     several(s, member(s, call(s, s->string), call(s, s->value)), 0, FOREVER), "}");
    set_rule(s, s->value,
             HN_EXPR_ALT(r, word(s, "null", "None"), word(s, "true", "True"),
                         word(s, "false", "False"), number, call(s, s->string), array, object));
    const uint32_t made[] = {s->space, s->character, s->string, s->value};
    for (size_t i = 0; i < HN_COUNT(made); i++)
        if (!r->rules[made[i]].body) return hn_schema_no_room(s);
    return HN_OK;
}

enum hn_status hn_schema_set_style(struct hn_schema *s, const struct hn_schema_style *style)
{
    s->style = style;
    return add_json(s);
}

enum hn_status hn_schema_begin(struct hn_schema *s)
{
    uint32_t root;
    HN_TRY(add_rule(s, &root));
    return add_json(s);
}

enum hn_status hn_schema_demand(struct hn_schema *s, const json_t *schema, const json_t *also,
                                struct hn_demand *out)
{
    struct hn_schema_at *at = hn_arena_alloc(&s->rules.arena, 2, sizeof *at);
    if (!at) return hn_schema_no_room(s);
    if (!json_is_object(schema) && !json_is_boolean(schema))
        return hn_schema_fail(s, NULL, HN_E_FORMAT, "a schema is an object");
    at[0] = (struct hn_schema_at){schema, NULL};
    at[1] = (struct hn_schema_at){also, hn_path_key(s, NULL, "type")};
    s->root = schema;
    s->compiled = s->n_memos; /* those of a schema that failed are of no use */
    *out = (struct hn_demand){at, also ? 2 : 1};
    return HN_OK;
}

enum hn_status hn_schema_settle(struct hn_schema *s)
{
    for (; s->compiled < s->n_memos; s->compiled++) {
        struct hn_expr *body;
        const struct hn_schema_memo memo = s->memos[s->compiled];
        HN_TRY(demand_value(s, memo.demand, &body, 0));
        s->rules.rules[memo.rule].body = body;
    }
    return HN_OK;
}

enum hn_status hn_schema_read(struct hn_schema *s, const json_t *schema, const json_t *also,
                              struct hn_expr **out)
{
    struct hn_demand demand;
    HN_TRY(hn_schema_demand(s, schema, also, &demand));
    HN_TRY(hn_schema_value(s, demand, out, 0));
    return hn_schema_settle(s);
}

void hn_schema_free(struct hn_schema *s)
{
    hn_rules_free(&s->rules);
    free(s->memos);
    free(s->slots);
}

enum hn_status hn_grammar_json_schema(const json_t *schema, struct hn_grammar **out,
                                      struct hn_error *err)
{
    struct hn_schema s = {.err = err};
    struct hn_expr *body;
    *out = NULL;
    enum hn_status status = hn_schema_begin(&s);
    if (status >= 0) status = hn_schema_read(&s, schema, NULL, &body);
    if (status >= 0) {
        s.rules.rules[0].body = body;
        status = hn_rules_compile(&s.rules, out, err);
    }
    hn_schema_free(&s);
    return status;
}

enum hn_status hn_grammar_json_object(struct hn_grammar **out, struct hn_error *err)
{
    json_t *schema = json_pack("{s:s}", "type", "object");
    *out = NULL;
    if (!schema) return hn_fail_nomem(err, "a grammar", sizeof(json_t));
    const enum hn_status status = hn_grammar_json_schema(schema, out, err);
    json_decref(schema);
    return status;
}
