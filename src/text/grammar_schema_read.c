/* Reading the keywords of JSON Schema (draft 2020-12, and what older drafts called differently). */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "text/grammar.h"
#include "text/grammar_schema.h"

enum {
    MAX_SHAPES = 64, /* that choices within choices may come to */
    MAX_PROPERTIES = 4096,
    MAX_WORK = 1 << 26, /* comparisons of names and values: a fraction of a second */
    FOREVER = HN_EXPR_FOREVER,
};

static void add_path(struct hn_buf *out, const struct hn_path *path)
{
    if (!path) {
        hn_buf_char(out, '#');
        return;
    }
    add_path(out, path->up);
    if (path->key) hn_buf_printf(out, "/%s", path->key);
    else hn_buf_printf(out, "/%zu", path->index);
}

enum hn_status hn_schema_fail(const struct hn_schema *s, const struct hn_path *path,
                              enum hn_status status, const char *fmt, ...)
{
    char text[300];
    struct hn_buf where = {.limit = 400};
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add_path(&where, path);
    hn_fail(s->err, status, "JSON schema: %.*s: %s", HN_FMT(hn_buf_view(&where)), text);
    hn_buf_free(&where);
    return status;
}

enum hn_status hn_schema_no_room(const struct hn_schema *s)
{
    return hn_rules_fail(&s->rules, s->err);
}

/* Counts work that grows with the square of a schema. */
static enum hn_status spend(struct hn_schema *s, size_t n)
{
    s->work += n;
    if (s->work <= MAX_WORK) return HN_OK;
    return hn_schema_fail(s, NULL, HN_E_LIMIT, "too many names or values to compare");
}

static void *take(struct hn_schema *s, size_t n, size_t size)
{
    return hn_arena_alloc(&s->rules.arena, n, size);
}

const struct hn_path *hn_path_key(struct hn_schema *s, const struct hn_path *up, const char *key)
{
    struct hn_path *path = take(s, 1, sizeof *path);
    if (path) *path = (struct hn_path){up, key, 0};
    return path;
}

const struct hn_path *hn_path_index(struct hn_schema *s, const struct hn_path *up, size_t index)
{
    struct hn_path *path = take(s, 1, sizeof *path);
    if (path) *path = (struct hn_path){up, NULL, index};
    return path;
}

/* What reading one schema has at hand. */
struct reader {
    struct hn_schema *s;
    const json_t *schema;
    const struct hn_path *path;
    unsigned depth;
};

static enum hn_status fail(const struct reader *r, const char *keyword, enum hn_status status,
                           const char *what)
{
    return hn_schema_fail(r->s, r->path, status, "'%s' %s", keyword, what);
}

static void refuse(struct hn_shape *shape, const struct reader *r, unsigned types,
                   const char *keyword, const char *why)
{
    if (!shape->refusal.keyword) shape->refusal = (struct hn_refusal){types, keyword, r->path, why};
}

/* The demand that a list of schemas, and one more, are satisfied. */
static enum hn_status demand_also(struct hn_schema *s, struct hn_demand *demand,
                                  const json_t *schema, const struct hn_path *path)
{
    for (size_t i = 0; i < demand->n; i++)
        if (demand->list[i].schema == schema) return HN_OK;
    struct hn_schema_at *list = take(s, demand->n + 1, sizeof *list);
    if (!list || !path) return hn_schema_no_room(s);
    if (demand->n) memcpy(list, demand->list, demand->n * sizeof *list);
    list[demand->n] = (struct hn_schema_at){schema, path};
    *demand = (struct hn_demand){list, demand->n + 1};
    return HN_OK;
}

static enum hn_status check_schema(const struct reader *r, const char *keyword, const json_t *v)
{
    if (json_is_object(v) || json_is_boolean(v)) return HN_OK;
    return fail(r, keyword, HN_E_FORMAT, "is no schema");
}

static enum hn_status read_type(const struct reader *r, const json_t *name, unsigned *types)
{
    static const struct {
        const char *name;
        unsigned types;
    } known[] = {
        {"null", HN_JSON_NULL},     {"boolean", HN_JSON_BOOL},  {"integer", HN_JSON_INTEGER},
        {"number", HN_JSON_NUMBER}, {"string", HN_JSON_STRING}, {"array", HN_JSON_ARRAY},
        {"object", HN_JSON_OBJECT},
    };
    for (size_t i = 0; json_is_string(name) && i < HN_COUNT(known); i++)
        if (hn_str_is(hn_json_str(name), known[i].name)) {
            *types |= known[i].types;
            return HN_OK;
        }
    return fail(r, "type", HN_E_FORMAT, "is none of JSON's types");
}

static enum hn_status read_types(const struct reader *r, const json_t *v, struct hn_shape *shape)
{
    unsigned types = 0;
    size_t i;
    const json_t *name;
    if (!json_is_array(v)) HN_TRY(read_type(r, v, &types));
    json_array_foreach(v, i, name) HN_TRY(read_type(r, name, &types));
    shape->types &= types;
    shape->typed = true;
    return HN_OK;
}

unsigned hn_json_kind(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT: return HN_JSON_OBJECT;
    case JSON_ARRAY: return HN_JSON_ARRAY;
    case JSON_STRING: return HN_JSON_STRING;
    case JSON_INTEGER: return HN_JSON_INTEGER;
    case JSON_REAL:
        return json_real_value(v) == floor(json_real_value(v)) ? HN_JSON_INTEGER : HN_JSON_FRACTION;
    case JSON_TRUE:
    case JSON_FALSE: return HN_JSON_BOOL;
    case JSON_NULL: break;
    }
    return HN_JSON_NULL;
}

/* Equal as JSON values: 1 and 1.0 are. */
static bool equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b)) return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static enum hn_status read_values(const struct reader *r, const json_t *const *values, size_t n,
                                  struct hn_shape *shape)
{
    const json_t **list = take(r->s, n, sizeof *list);
    size_t kept = 0;
    if (!list) return hn_schema_no_room(r->s);
    HN_TRY(spend(r->s, n * shape->n_values));
    for (size_t i = 0; i < n; i++) {
        bool also = !shape->values;
        for (size_t k = 0; k < shape->n_values && !also; k++)
            also = equal(values[i], shape->values[k]);
        if (also) list[kept++] = values[i];
    }
    unsigned kinds = 0;
    for (size_t i = 0; i < kept; i++)
        kinds |= hn_json_kind(list[i]);
    shape->types &= kinds;
    shape->values = list;
    shape->n_values = kept;
    return HN_OK;
}

static enum hn_status read_enum(const struct reader *r, const json_t *v, struct hn_shape *shape)
{
    const size_t n = json_array_size(v);
    const json_t **list = take(r->s, n, sizeof *list);
    if (!json_is_array(v)) return fail(r, "enum", HN_E_FORMAT, "is no array");
    if (!list) return hn_schema_no_room(r->s);
    for (size_t i = 0; i < n; i++)
        list[i] = json_array_get(v, i);
    return read_values(r, list, n, shape);
}

static enum hn_status read_count(const struct reader *r, const char *keyword, const json_t *v,
                                 uint32_t *count, bool least)
{
    const double n = json_is_number(v) ? json_number_value(v) : -1;
    if (n < 0 || n != floor(n))
        return fail(r, keyword, HN_E_FORMAT, "is no whole number from 0 on");
    const uint32_t value = n < FOREVER ? (uint32_t)n : FOREVER - least;
    if (least ? value > *count : value < *count) *count = value;
    return HN_OK;
}

static enum hn_status read_bound(const struct reader *r, const char *keyword, const json_t *v,
                                 struct hn_bound *bound, bool least, bool exclusive)
{
    if (!json_is_number(v)) return fail(r, keyword, HN_E_FORMAT, "is no number");
    const double x = json_number_value(v);
    if (fabs(x) > 0x1p53 || (x != 0 && fabs(x) < 1e-12))
        return fail(r, keyword, HN_E_UNSUPPORTED, "is too far from 0 or too near it to be kept");
    const bool tighter = !bound->set || (least ? x > bound->value : x < bound->value);
    if (tighter) *bound = (struct hn_bound){true, exclusive, x};
    else if (x == bound->value) bound->exclusive |= exclusive;
    return HN_OK;
}

/* Draft 4 has exclusiveMinimum: true beside minimum. */
static enum hn_status read_bounds(const struct reader *r, struct hn_shape *shape)
{
    const json_t *least = json_object_get(r->schema, "minimum");
    const json_t *most = json_object_get(r->schema, "maximum");
    const json_t *above = json_object_get(r->schema, "exclusiveMinimum");
    const json_t *below = json_object_get(r->schema, "exclusiveMaximum");
    if (least) HN_TRY(read_bound(r, "minimum", least, &shape->least, true, json_is_true(above)));
    if (most) HN_TRY(read_bound(r, "maximum", most, &shape->most, false, json_is_true(below)));
    if (above && !json_is_boolean(above))
        HN_TRY(read_bound(r, "exclusiveMinimum", above, &shape->least, true, true));
    if (below && !json_is_boolean(below))
        HN_TRY(read_bound(r, "exclusiveMaximum", below, &shape->most, false, true));
    return HN_OK;
}

/* Of 1, 0.1, 0.01 ...: at most so many decimals. */
static enum hn_status read_multiple(const struct reader *r, const json_t *v, struct hn_shape *shape)
{
    const double x = json_is_number(v) ? json_number_value(v) : 0;
    if (!(x > 0)) return fail(r, "multipleOf", HN_E_FORMAT, "is no number above 0");
    static const double steps[] = {1, 0.1, 0.01, 0.001, 0.0001, 0.00001, 0.000001};
    for (int i = 0; i < (int)HN_COUNT(steps); i++)
        if (x == steps[i]) {
            if (shape->decimals < 0 || shape->decimals > i) shape->decimals = i;
            return HN_OK;
        }
    refuse(shape, r, HN_JSON_NUMBER, "multipleOf", "can be kept for 1, 0.1, 0.01 and so on alone");
    return HN_OK;
}

static enum hn_status read_string(const struct reader *r, const char *keyword, const json_t *v,
                                  struct hn_shape *shape, const char **out)
{
    if (!json_is_string(v)) return fail(r, keyword, HN_E_FORMAT, "is no string");
    if (*out && strcmp(*out, json_string_value(v)) != 0)
        refuse(shape, r, HN_JSON_STRING, keyword, "is given twice, differently, for one value");
    *out = json_string_value(v);
    return HN_OK;
}

/* prefixItems and items, or in older drafts items as an array and additionalItems. */
static enum hn_status read_items(const struct reader *r, struct hn_shape *shape)
{
    struct hn_schema *s = r->s;
    const json_t *prefix = json_object_get(r->schema, "prefixItems");
    const json_t *items = json_object_get(r->schema, "items");
    const bool old = json_is_array(items);
    const char *prefix_key = old ? "items" : "prefixItems";
    const char *items_key = old ? "additionalItems" : "items";
    if (old) {
        prefix = items;
        items = json_object_get(r->schema, "additionalItems");
    }
    if (prefix && !json_is_array(prefix)) return fail(r, prefix_key, HN_E_FORMAT, "is no array");
    if (items) HN_TRY(check_schema(r, items_key, items));
    const struct hn_path *items_path = hn_path_key(s, r->path, items_key);
    const size_t mine = json_array_size(prefix), n = hn_max(mine, shape->n_prefix);
    struct hn_demand *list = take(s, n, sizeof *list);
    if (!list) return hn_schema_no_room(s);
    for (size_t i = 0; i < n; i++) {
        list[i] = i < shape->n_prefix ? shape->prefix[i] : shape->items;
        const json_t *item = i < mine ? json_array_get(prefix, i) : items;
        if (i < mine) HN_TRY(check_schema(r, prefix_key, item));
        if (item)
            HN_TRY(demand_also(s, &list[i], item,
                               i < mine ? hn_path_index(s, hn_path_key(s, r->path, prefix_key), i)
                                        : items_path));
    }
    shape->prefix = list;
    shape->n_prefix = n;
    if (!items) return HN_OK;
    shape->items_given = true;
    shape->items_closed |= json_is_false(items);
    return demand_also(s, &shape->items, items, items_path);
}

static struct hn_property *find_property(const struct hn_shape *shape, const char *key)
{
    for (size_t i = 0; i < shape->n_properties; i++)
        if (strcmp(shape->properties[i].key, key) == 0) return &shape->properties[i];
    return NULL;
}

/* Behind the others; `value` is what is demanded of it so far. */
static enum hn_status add_property(struct hn_schema *s, struct hn_shape *shape, const char *key,
                                   struct hn_demand value, bool required)
{
    if (shape->n_properties == MAX_PROPERTIES)
        return hn_schema_fail(s, shape->path, HN_E_LIMIT, "more than %d properties",
                              MAX_PROPERTIES);
    /* Doubled whenever the count reaches a power of two. */
    if (hn_is_pow2(shape->n_properties) || !shape->n_properties) {
        struct hn_property *more =
            take(s, shape->n_properties ? shape->n_properties * 2 : 1, sizeof *more);
        if (!more) return hn_schema_no_room(s);
        if (shape->n_properties)
            memcpy(more, shape->properties, shape->n_properties * sizeof *more);
        shape->properties = more;
    }
    shape->properties[shape->n_properties++] = (struct hn_property){key, value, required};
    return HN_OK;
}

/* Joins what this schema says of properties with what is known: where one of both does not name a
 * property, what it says of all others counts. */
static enum hn_status read_properties(const struct reader *r, struct hn_shape *shape)
{
    struct hn_schema *s = r->s;
    json_t *mine = json_object_get(r->schema, "properties");
    const json_t *extra = json_object_get(r->schema, "additionalProperties");
    const json_t *required = json_object_get(r->schema, "required");
    if (mine && !json_is_object(mine)) return fail(r, "properties", HN_E_FORMAT, "is no object");
    if (extra) HN_TRY(check_schema(r, "additionalProperties", extra));
    if (required && !json_is_array(required))
        return fail(r, "required", HN_E_FORMAT, "is no array");
    const struct hn_path *extra_path = hn_path_key(s, r->path, "additionalProperties");
    const struct hn_path *mine_path = hn_path_key(s, r->path, "properties");
    for (size_t i = 0; extra && i < shape->n_properties; i++)
        if (!mine || !json_object_get(mine, shape->properties[i].key))
            HN_TRY(demand_also(s, &shape->properties[i].value, extra, extra_path));
    const char *key;
    json_t *value;
    json_object_foreach(mine, key, value)
    {
        struct hn_property *known = find_property(shape, key);
        HN_TRY(spend(s, shape->n_properties));
        if (!known) {
            HN_TRY(add_property(s, shape, key, shape->extra, false));
            known = &shape->properties[shape->n_properties - 1];
        }
        HN_TRY(check_schema(r, "properties", value));
        HN_TRY(demand_also(s, &known->value, value, hn_path_key(s, mine_path, key)));
    }
    if (extra) {
        shape->extra_given = true;
        shape->extra_closed |= json_is_false(extra);
        HN_TRY(demand_also(s, &shape->extra, extra, extra_path));
    }
    size_t i;
    json_array_foreach(required, i, value)
    {
        if (!json_is_string(value)) return fail(r, "required", HN_E_FORMAT, "is no list of names");
        struct hn_property *known = find_property(shape, json_string_value(value));
        HN_TRY(spend(s, shape->n_properties));
        if (known) known->required = true;
        else HN_TRY(add_property(s, shape, json_string_value(value), shape->extra, true));
    }
    return HN_OK;
}

static enum hn_status read_keys(const struct reader *r, struct hn_shape *shape)
{
    struct hn_schema *s = r->s;
    json_t *patterns = json_object_get(r->schema, "patternProperties");
    const json_t *names = json_object_get(r->schema, "propertyNames");
    if (names) {
        HN_TRY(check_schema(r, "propertyNames", names));
        shape->names_given = true;
        HN_TRY(demand_also(s, &shape->names, names, hn_path_key(s, r->path, "propertyNames")));
    }
    if (!patterns || !json_object_size(patterns)) return HN_OK;
    if (json_object_size(patterns) > 1 || shape->key_pattern) {
        refuse(shape, r, HN_JSON_OBJECT, "patternProperties", "can be kept for one pattern alone");
        return HN_OK;
    }
    void *only = json_object_iter(patterns);
    const json_t *value = json_object_iter_value(only);
    HN_TRY(check_schema(r, "patternProperties", value));
    shape->key_pattern = json_object_iter_key(only);
    return demand_also(
        s, &shape->key_value, value,
        hn_path_key(s, hn_path_key(s, r->path, "patternProperties"), shape->key_pattern));
}

/* How each keyword is taken. Those that are read above for all of their kind are marked by their kind
 * alone; what is no keyword here is refused, so that a misspelt one is not ignored. */
enum use { ANNOTATION, READ, REFUSED, TRUE_REFUSED };

static const struct keyword {
    const char *name;
    enum use use;
    unsigned types; /* what it speaks of */
} keywords[] = {
    {"$anchor", ANNOTATION, 0},
    {"$comment", ANNOTATION, 0},
    {"$defs", ANNOTATION, 0},
    {"$id", ANNOTATION, 0},
    {"$ref", READ, 0},
    {"$schema", ANNOTATION, 0},
    {"$vocabulary", ANNOTATION, 0},
    {"additionalItems", READ, HN_JSON_ARRAY},
    {"additionalProperties", READ, HN_JSON_OBJECT},
    {"allOf", READ, 0},
    {"anyOf", READ, 0},
    {"const", READ, 0},
    {"contains", REFUSED, HN_JSON_ARRAY},
    {"contentEncoding", ANNOTATION, 0},
    {"contentMediaType", ANNOTATION, 0},
    {"contentSchema", ANNOTATION, 0},
    {"default", ANNOTATION, 0},
    {"definitions", ANNOTATION, 0},
    {"dependencies", REFUSED, HN_JSON_OBJECT},
    {"dependentRequired", REFUSED, HN_JSON_OBJECT},
    {"dependentSchemas", REFUSED, HN_JSON_OBJECT},
    {"deprecated", ANNOTATION, 0},
    {"description", ANNOTATION, 0},
    {"discriminator", ANNOTATION, 0},
    {"else", REFUSED, HN_JSON_ANY},
    {"enum", READ, 0},
    {"example", ANNOTATION, 0},
    {"examples", ANNOTATION, 0},
    {"exclusiveMaximum", READ, HN_JSON_NUMBER},
    {"exclusiveMinimum", READ, HN_JSON_NUMBER},
    {"externalDocs", ANNOTATION, 0},
    {"format", READ, HN_JSON_STRING},
    {"id", ANNOTATION, 0},
    {"if", REFUSED, HN_JSON_ANY},
    {"items", READ, HN_JSON_ARRAY},
    {"maxContains", ANNOTATION, 0}, /* of `contains` */
    {"maxItems", READ, HN_JSON_ARRAY},
    {"maxLength", READ, HN_JSON_STRING},
    {"maxProperties", READ, HN_JSON_OBJECT},
    {"maximum", READ, HN_JSON_NUMBER},
    {"minContains", ANNOTATION, 0},
    {"minItems", READ, HN_JSON_ARRAY},
    {"minLength", READ, HN_JSON_STRING},
    {"minProperties", READ, HN_JSON_OBJECT},
    {"minimum", READ, HN_JSON_NUMBER},
    {"multipleOf", READ, HN_JSON_NUMBER},
    {"not", REFUSED, HN_JSON_ANY},
    {"nullable", READ, 0},
    {"oneOf", READ, 0},
    {"pattern", READ, HN_JSON_STRING},
    {"patternProperties", READ, HN_JSON_OBJECT},
    {"prefixItems", READ, HN_JSON_ARRAY},
    {"properties", READ, HN_JSON_OBJECT},
    {"propertyNames", READ, HN_JSON_OBJECT},
    {"readOnly", ANNOTATION, 0},
    {"required", READ, HN_JSON_OBJECT},
    {"then", REFUSED, HN_JSON_ANY},
    {"title", ANNOTATION, 0},
    {"type", READ, 0},
    {"unevaluatedItems", REFUSED, HN_JSON_ARRAY},
    {"unevaluatedProperties", REFUSED, HN_JSON_OBJECT},
    {"uniqueItems", TRUE_REFUSED, HN_JSON_ARRAY},
    {"writeOnly", ANNOTATION, 0},
    {"xml", ANNOTATION, 0},
};

static int by_name(const void *a, const void *b)
{
    return strcmp(a, ((const struct keyword *)b)->name);
}

static enum hn_status check_keywords(const struct reader *r, struct hn_shape *shape)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)r->schema, key, value)
    {
        const struct keyword *k =
            bsearch(key, keywords, HN_COUNT(keywords), sizeof *keywords, by_name);
        if (!k && strncmp(key, "x-", 2) == 0) continue;
        if (!k) return fail(r, key, HN_E_UNSUPPORTED, "is not known and could not be kept");
        shape->hinted |= k->types;
        if (k->use == REFUSED || (k->use == TRUE_REFUSED && !json_is_false(value)))
            refuse(shape, r, k->types, k->name, "cannot be kept");
    }
    return HN_OK;
}

/* All keywords but references and choices. */
static enum hn_status read_plain(const struct reader *r, struct hn_shape *shape)
{
    const json_t *o = r->schema, *v;
    HN_TRY(check_keywords(r, shape));
    if (!shape->path) shape->path = r->path;
    if ((v = json_object_get(o, "type"))) HN_TRY(read_types(r, v, shape));
    if ((v = json_object_get(o, "enum"))) HN_TRY(read_enum(r, v, shape));
    if ((v = json_object_get(o, "const"))) HN_TRY(read_values(r, &v, 1, shape));
    HN_TRY(read_bounds(r, shape));
    if ((v = json_object_get(o, "multipleOf"))) HN_TRY(read_multiple(r, v, shape));
    if ((v = json_object_get(o, "pattern"))) {
        HN_TRY(read_string(r, "pattern", v, shape, &shape->pattern));
        shape->pattern_n = json_string_length(v);
    }
    if ((v = json_object_get(o, "format")))
        HN_TRY(read_string(r, "format", v, shape, &shape->format));
    const struct {
        const char *name;
        uint32_t *count;
        bool least;
    } counts[] = {
        {"minLength", &shape->min_length, true},
        {"maxLength", &shape->max_length, false},
        {"minItems", &shape->min_items, true},
        {"maxItems", &shape->max_items, false},
        {"minProperties", &shape->min_properties, true},
        {"maxProperties", &shape->max_properties, false},
    };
    for (size_t i = 0; i < HN_COUNT(counts); i++)
        if ((v = json_object_get(o, counts[i].name)))
            HN_TRY(read_count(r, counts[i].name, v, counts[i].count, counts[i].least));
    HN_TRY(read_items(r, shape));
    HN_TRY(read_properties(r, shape));
    return read_keys(r, shape);
}

/* The schema that a reference names: "#", or a JSON pointer behind it. */
static enum hn_status resolve(const struct reader *r, const json_t *ref, const json_t **out,
                              const struct hn_path **path)
{
    const char *p = json_is_string(ref) ? json_string_value(ref) : "";
    const char *id = json_string_value(json_object_get(r->s->root, "$id"));
    if (id && strncmp(p, id, strlen(id)) == 0) p += strlen(id);
    if (*p != '#' || (p[1] && p[1] != '/'))
        return hn_schema_fail(r->s, r->path, HN_E_UNSUPPORTED,
                              "'$ref': only references within the schema (\"#/...\") are followed");
    *out = r->s->root;
    *path = NULL;
    for (p++; *p == '/';) {
        struct hn_buf key = {0};
        for (p++; *p && *p != '/'; p++) {
            unsigned byte;
            if (p[0] == '~' && (p[1] == '0' || p[1] == '1'))
                hn_buf_char(&key, *++p == '0' ? '~' : '/');
            else if (p[0] == '%' && sscanf(p + 1, "%2x", &byte) == 1 && p[1] && p[2]) {
                hn_buf_char(&key, (char)byte);
                p += 2;
            } else hn_buf_char(&key, *p);
        }
        char *end;
        const struct hn_str name = hn_arena_str(&r->s->rules.arena, hn_buf_view(&key));
        const enum hn_status failed = key.failed;
        hn_buf_free(&key);
        if (failed < 0 || !name.p) return hn_schema_no_room(r->s);
        if (json_is_array(*out)) *out = json_array_get(*out, strtoul(name.p, &end, 10));
        else *out = json_object_get(*out, name.p);
        *path = hn_path_key(r->s, *path, name.p);
        if (!*path) return hn_schema_no_room(r->s);
    }
    if (json_is_object(*out) || json_is_boolean(*out)) return HN_OK;
    return hn_schema_fail(r->s, r->path, HN_E_FORMAT, "'$ref' names no schema: %s",
                          json_string_value(ref));
}

static enum hn_status new_shape(struct hn_schema *s, const struct hn_shape *like,
                                struct hn_shapes *out)
{
    /* Lists within are replaced, never changed, but for properties. */
    struct hn_shape *shape = take(s, 1, sizeof *shape);
    struct hn_shape **list = take(s, out->n + 1, sizeof(struct hn_shape *));
    if (!shape || !list) return hn_schema_no_room(s);
    *shape = *like;
    size_t room = 1;
    while (room < like->n_properties)
        room *= 2;
    shape->properties = take(s, room, sizeof *shape->properties);
    if (!shape->properties) return hn_schema_no_room(s);
    if (like->n_properties)
        memcpy(shape->properties, like->properties, like->n_properties * sizeof *like->properties);
    if (out->n) memcpy(list, out->list, out->n * sizeof(struct hn_shape *));
    list[out->n] = shape;
    *out = (struct hn_shapes){list, out->n + 1};
    return HN_OK;
}

static enum hn_status copy_all(struct hn_schema *s, const struct hn_shapes *from,
                               struct hn_shapes *to)
{
    for (size_t i = 0; i < from->n; i++)
        HN_TRY(new_shape(s, from->list[i], to));
    return HN_OK;
}

/* Whether no value can have both shapes, as far as can be told easily. */
static bool values_apart(const struct hn_shape *a, const struct hn_shape *b)
{
    if (!a->values || !b->values) return false;
    for (size_t i = 0; i < a->n_values; i++)
        for (size_t k = 0; k < b->n_values; k++)
            if (equal(a->values[i], b->values[k])) return false;
    return true;
}

static bool ranges_apart(const struct hn_shape *a, const struct hn_shape *b)
{
    const struct hn_bound *most = &a->most, *least = &b->least;
    if (!most->set || !least->set) return false;
    return most->value < least->value ||
           (most->value == least->value && (most->exclusive || least->exclusive));
}

static enum hn_status are_apart(struct hn_schema *s, const struct hn_shape *a,
                                const struct hn_shape *b, unsigned depth, bool *apart);

/* A property that both need and that cannot be the same in both, or that one needs and the other
 * cannot have. */
static enum hn_status objects_apart(struct hn_schema *s, const struct hn_shape *a,
                                    const struct hn_shape *b, unsigned depth, bool *apart)
{
    for (size_t i = 0; i < a->n_properties && !*apart; i++) {
        const struct hn_property *mine = &a->properties[i];
        const struct hn_property *theirs = find_property(b, mine->key);
        HN_TRY(spend(s, b->n_properties));
        if (!mine->required) continue;
        if (!theirs) *apart = b->extra_closed && !b->key_pattern;
        if (!theirs || !theirs->required || depth == 0) continue;
        struct hn_shapes x, y;
        HN_TRY(hn_schema_shapes(s, mine->value, &x));
        HN_TRY(hn_schema_shapes(s, theirs->value, &y));
        *apart = true;
        for (size_t k = 0; k < x.n * y.n && *apart; k++)
            HN_TRY(are_apart(s, x.list[k / y.n], y.list[k % y.n], depth - 1, apart));
    }
    return HN_OK;
}

static enum hn_status are_apart(struct hn_schema *s, const struct hn_shape *a,
                                const struct hn_shape *b, unsigned depth, bool *apart)
{
    const unsigned shared = a->types & b->types;
    HN_TRY(spend(s, a->n_values * b->n_values + 1));
    *apart = !shared || values_apart(a, b);
    if (!*apart && !(shared & ~(unsigned)HN_JSON_NUMBER))
        *apart = ranges_apart(a, b) || ranges_apart(b, a);
    if (*apart || shared != HN_JSON_OBJECT) return HN_OK;
    HN_TRY(objects_apart(s, a, b, depth, apart));
    return *apart ? HN_OK : objects_apart(s, b, a, depth, apart);
}

static enum hn_status read_all(struct reader r, struct hn_shapes *shapes);

/* oneOf: what one alternative allows no other may. */
static enum hn_status check_apart(const struct reader *r, const struct hn_shapes *before,
                                  const struct hn_shapes *more)
{
    for (size_t i = 0; i < before->n; i++)
        for (size_t k = 0; k < more->n; k++) {
            bool apart;
            HN_TRY(are_apart(r->s, before->list[i], more->list[k], 3, &apart));
            if (!apart)
                return fail(r, "oneOf", HN_E_UNSUPPORTED,
                            "has alternatives that one value may satisfy both; anyOf would do, or "
                            "a required property with a constant of its own in each");
        }
    return HN_OK;
}

static enum hn_status read_choice(const struct reader *r, const char *keyword,
                                  struct hn_shapes *shapes)
{
    const json_t *list = json_object_get(r->schema, keyword), *item;
    struct hn_shapes all = {0};
    size_t i;
    if (!list) return HN_OK;
    if (!json_array_size(list)) return fail(r, keyword, HN_E_FORMAT, "is no list of schemas");
    const struct hn_path *path = hn_path_key(r->s, r->path, keyword);
    json_array_foreach(list, i, item)
    {
        struct hn_shapes some = {0};
        HN_TRY(check_schema(r, keyword, item));
        HN_TRY(copy_all(r->s, shapes, &some));
        HN_TRY(read_all((struct reader){r->s, item, hn_path_index(r->s, path, i), r->depth + 1},
                        &some));
        if (keyword[0] == 'o') HN_TRY(check_apart(r, &all, &some));
        if (all.n + some.n > MAX_SHAPES)
            return hn_schema_fail(r->s, r->path, HN_E_LIMIT, "more than %d alternatives",
                                  MAX_SHAPES);
        HN_TRY(copy_all(r->s, &some, &all));
    }
    *shapes = all;
    return HN_OK;
}

/* OpenAPI: the value may be null as well, if an enum does not say otherwise. */
static enum hn_status read_nullable(const struct reader *r, const struct hn_shapes *before,
                                    struct hn_shapes *shapes)
{
    const json_t *o = r->schema, *list = json_object_get(o, "enum"), *item;
    bool listed = !list && !json_object_get(o, "const");
    size_t k;
    json_array_foreach(list, k, item) listed |= json_is_null(item);
    if (!json_is_true(json_object_get(o, "nullable")) || !json_object_get(o, "type") || !listed)
        return HN_OK;
    for (size_t i = 0; i < before->n; i++) {
        if (!(before->list[i]->types & HN_JSON_NULL)) continue;
        HN_TRY(new_shape(r->s, before->list[i], shapes));
        shapes->list[shapes->n - 1]->types = HN_JSON_NULL;
        shapes->list[shapes->n - 1]->typed = true;
    }
    return HN_OK;
}

/* Joins a schema to what is known of the shapes. */
static enum hn_status read_all(struct reader r, struct hn_shapes *shapes)
{
    struct hn_shapes before = {0};
    if (!r.path && r.schema != r.s->root) return hn_schema_no_room(r.s);
    if (r.depth >= HN_GRAMMAR_MAX_DEPTH)
        return hn_schema_fail(r.s, NULL, HN_E_LIMIT,
                              "nested too deeply, or a schema that refers to itself alone");
    if (json_is_false(r.schema)) *shapes = (struct hn_shapes){0};
    if (!json_is_object(r.schema)) return HN_OK;
    const json_t *ref = json_object_get(r.schema, "$ref"),
                 *list = json_object_get(r.schema, "allOf");
    if (json_object_get(r.schema, "nullable")) HN_TRY(copy_all(r.s, shapes, &before));
    for (size_t i = 0; i < shapes->n; i++)
        HN_TRY(read_plain(&r, shapes->list[i]));
    if (ref) {
        struct reader there = {.s = r.s, .depth = r.depth + 1};
        HN_TRY(resolve(&r, ref, &there.schema, &there.path));
        HN_TRY(read_all(there, shapes));
    }
    if (list && !json_is_array(list))
        return fail(&r, "allOf", HN_E_FORMAT, "is no list of schemas");
    const struct hn_path *path = hn_path_key(r.s, r.path, "allOf");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        HN_TRY(check_schema(&r, "allOf", item));
        HN_TRY(
            read_all((struct reader){r.s, item, hn_path_index(r.s, path, i), r.depth + 1}, shapes));
    }
    HN_TRY(read_choice(&r, "anyOf", shapes));
    HN_TRY(read_choice(&r, "oneOf", shapes));
    return read_nullable(&r, &before, shapes);
}

enum hn_status hn_schema_shapes(struct hn_schema *s, struct hn_demand demand, struct hn_shapes *out)
{
    const struct hn_shape any = {
        .types = HN_JSON_ANY,
        .decimals = -1,
        .max_length = FOREVER,
        .max_items = FOREVER,
        .max_properties = FOREVER,
    };
    *out = (struct hn_shapes){0};
    HN_TRY(new_shape(s, &any, out));
    for (size_t i = 0; i < demand.n; i++)
        HN_TRY(read_all((struct reader){s, demand.list[i].schema, demand.list[i].path, 0}, out));
    return HN_OK;
}

bool hn_schema_refers(struct hn_demand demand)
{
    static const char *const choices[] = {"allOf", "anyOf", "oneOf"};
    if (demand.n > 1) return true;
    for (size_t i = 0; i < demand.n; i++) {
        const json_t *o = demand.list[i].schema;
        if (json_object_get(o, "$ref")) return true;
        for (size_t k = 0; k < HN_COUNT(choices); k++)
            if (json_object_get(o, choices[k])) return true;
    }
    return false;
}
