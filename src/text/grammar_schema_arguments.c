/* The members of an object as arguments of a call in a program: KEY=VALUE, KEY=VALUE. */
#include "text/grammar_schema.h"

enum { MAX_KEY = 255, MAX_WORD = 64 };

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.$";

static struct hn_expr *argument(struct hn_schema *s, struct hn_expr *key, struct hn_expr *value)
{
    return HN_EXPR_SEQ(&s->rules, key, hn_expr_text(&s->rules, s->style->separator), value);
}

static enum hn_status named_key(struct hn_schema *s, const struct hn_shape *shape, const char *key,
                                struct hn_expr **out)
{
    const size_t n = strlen(key);
    if (n > MAX_KEY)
        return hn_schema_fail(s, shape->path, HN_E_LIMIT, "a name of more than %d bytes", MAX_KEY);
    if (!n || strspn(key, letters) < n) return hn_schema_key(s, key, out);
    *out = hn_expr_text(&s->rules, key);
    return *out ? HN_OK : hn_schema_no_room(s);
}

static struct hn_expr *any_word(struct hn_schema *s)
{
    static const struct hn_chars first[] = {{'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    static const struct hn_chars next[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    struct hn_rules *r = &s->rules;
    return HN_EXPR_SEQ(r, hn_expr_class(r, first, 3, false, false),
                       hn_expr_repeat(r, hn_expr_class(r, next, 4, false, false), 0, MAX_WORD - 1));
}

static enum hn_status check(struct hn_schema *s, const struct hn_shape *shape, size_t required)
{
    const size_t n = shape->n_properties;
    HN_TRY(hn_schema_refused(s, shape, HN_JSON_OBJECT));
    if (shape->values || shape->names_given || shape->key_pattern)
        return hn_schema_fail(s, shape->path, HN_E_UNSUPPORTED, "'%s' of arguments cannot be kept",
                              shape->values        ? "enum' or 'const"
                              : shape->names_given ? "propertyNames"
                                                   : "patternProperties");
    if (shape->min_properties > required || shape->max_properties < (n ? n : UINT32_MAX))
        return hn_schema_fail(s, shape->path, HN_E_UNSUPPORTED,
                              "'minProperties' and 'maxProperties' of arguments cannot be kept");
    return HN_OK;
}

static enum hn_status arguments(struct hn_schema *s, const struct hn_shape *shape,
                                struct hn_expr **out)
{
    struct hn_rules *r = &s->rules;
    const size_t n = shape->n_properties;
    const bool free_ones = !n && !shape->extra_closed;
    struct hn_expr **items = hn_arena_alloc(&r->arena, n + 1, sizeof(struct hn_expr *));
    bool *optional = hn_arena_alloc(&r->arena, n + 1, sizeof *optional);
    size_t required = 0;
    if (!items || !optional) return hn_schema_no_room(s);
    for (size_t i = 0; i < n; i++) {
        const struct hn_property *p = &shape->properties[i];
        struct hn_expr *key, *value;
        HN_TRY(named_key(s, shape, p->key, &key));
        HN_TRY(hn_schema_value(s, p->value, &value, 0));
        items[i] = argument(s, key, value);
        optional[i] = !p->required;
        required += p->required;
    }
    HN_TRY(check(s, shape, required));
    if (free_ones) {
        struct hn_expr *value;
        HN_TRY(hn_schema_value(s, shape->extra, &value, 0));
        items[0] = argument(s, any_word(s), value);
        optional[0] = true;
    }
    *out = hn_expr_list(r, items, optional, n + free_ones, hn_expr_text(r, s->style->comma),
                        free_ones);
    return *out ? HN_OK : hn_schema_no_room(s);
}

enum hn_status hn_schema_arguments(struct hn_schema *s, const json_t *schema, const json_t *also,
                                   struct hn_expr **out)
{
    struct hn_demand demand;
    struct hn_shapes shapes;
    struct hn_expr *some = NULL;
    HN_TRY(hn_schema_demand(s, schema, also, &demand));
    HN_TRY(hn_schema_shapes(s, demand, &shapes));
    *out = hn_expr_class(&s->rules, NULL, 0, false, false);
    for (size_t i = 0; i < shapes.n; i++) {
        if (!(shapes.list[i]->types & HN_JSON_OBJECT)) continue;
        HN_TRY(arguments(s, shapes.list[i], &some));
        *out = HN_EXPR_ALT(&s->rules, *out, some);
    }
    if (!*out) return hn_schema_no_room(s);
    return hn_schema_settle(s);
}
