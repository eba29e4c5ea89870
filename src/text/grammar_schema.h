/* JSON schemas on their way to a grammar: what the files of this part share.
 *
 * A value has to satisfy several schemas at once (allOf, a reference beside other keywords, a property
 * that two of them describe): a demand is a list of them. A demand becomes one or several shapes, of
 * which the value has to have one: what the keywords say, joined, without references and choices. */
#ifndef HN_TEXT_GRAMMAR_SCHEMA_H
#define HN_TEXT_GRAMMAR_SCHEMA_H

#include "base/json.h"
#include "text/grammar_expr.h"

/* Where in the schema something stands; NULL is its root. */
struct hn_path {
    const struct hn_path *up;
    const char *key; /* NULL: an index */
    size_t index;
};

struct hn_schema_at {
    const json_t *schema;
    const struct hn_path *path;
};

struct hn_demand {
    const struct hn_schema_at *list;
    size_t n; /* 0: anything */
};

enum hn_json_types {
    HN_JSON_NULL = 1 << 0,
    HN_JSON_BOOL = 1 << 1,
    HN_JSON_INTEGER = 1 << 2,
    HN_JSON_FRACTION = 1 << 3, /* numbers that are no integers */
    HN_JSON_STRING = 1 << 4,
    HN_JSON_ARRAY = 1 << 5,
    HN_JSON_OBJECT = 1 << 6,
    HN_JSON_ANY = (1 << 7) - 1,
    HN_JSON_NUMBER = HN_JSON_INTEGER | HN_JSON_FRACTION,
};

/* One of them. */
unsigned hn_json_kind(const json_t *value);

struct hn_bound {
    bool set, exclusive;
    double value;
};

struct hn_property {
    const char *key;
    struct hn_demand value;
    bool required;
};

/* A keyword that cannot be kept, should the value be of this kind. */
struct hn_refusal {
    unsigned types;
    const char *keyword; /* NULL: none */
    const struct hn_path *path;
    const char *why;
};

struct hn_shape {
    unsigned types;
    unsigned hinted;             /* kinds that keywords speak of */
    bool typed;                  /* the kinds were given */
    const json_t *const *values; /* enum and const: one of these; NULL: any */
    size_t n_values;
    struct hn_refusal refusal; /* the first */

    struct hn_bound least, most;
    int decimals; /* at most so many digits behind the point; -1: any */

    uint32_t min_length, max_length; /* in characters */
    const char *pattern, *format;    /* or NULL */
    size_t pattern_n;

    struct hn_demand *prefix;
    size_t n_prefix;
    bool items_given, items_closed; /* whether `items` was given, and no more may follow */
    struct hn_demand items;
    uint32_t min_items, max_items;

    struct hn_property *properties; /* in order; those required alone come last */
    size_t n_properties;
    bool extra_given, extra_closed; /* additionalProperties: given at all, false */
    struct hn_demand extra, names;
    bool names_given;
    const char *key_pattern; /* the one patternProperties; NULL: none */
    struct hn_demand key_value;
    uint32_t min_properties, max_properties;

    const struct hn_path *path; /* of the first schema */
};

struct hn_shapes {
    struct hn_shape **list;
    size_t n;
};

/* The rule of a demand that is compiled later. */
struct hn_schema_memo {
    struct hn_demand demand;
    uint32_t rule;
};

struct hn_schema_style;

struct hn_schema {
    struct hn_rules rules;
    const json_t *root;
    struct hn_error *err;
    uint64_t work;                /* done so far, see grammar_schema_read.c */
    struct hn_schema_memo *memos; /* those up to `compiled` are */
    size_t n_memos, compiled;
    uint32_t *slots; /* hash table of memos: number + 1 */
    size_t n_slots;
    uint32_t space, string, character, value; /* rules that every schema may use */
    const struct hn_schema_style *style;      /* NULL: as JSON */
};

/* Values as in a program, and the members of an outermost object as its arguments. */
struct hn_schema_style {
    const char *separator, *comma;
    struct hn_expr *quote; /* around a string as it is, "<|" not in it; NULL: there is none */
    bool python;           /* True, False and None are written, too */
};

/* An error that names the place, as in "#/properties/a: ...". */
enum hn_status hn_schema_fail(const struct hn_schema *s, const struct hn_path *path,
                              enum hn_status status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
enum hn_status hn_schema_no_room(const struct hn_schema *s);

/* Whether a keyword cannot be kept for values of these kinds. */
enum hn_status hn_schema_refused(const struct hn_schema *s, const struct hn_shape *shape,
                                 unsigned kinds);

/* Begins with a rule 0 that has no body yet and the rules of plain JSON. Free with hn_schema_free, also
 * after a failure. */
enum hn_status hn_schema_begin(struct hn_schema *s);
/* The style of what is read from now on. */
enum hn_status hn_schema_set_style(struct hn_schema *s, const struct hn_schema_style *style);
void hn_schema_free(struct hn_schema *s);
/* The texts of values that satisfy a whole schema, and `also`, which refers to nothing; NULL: no more. May
 * be called for several schemas. */
enum hn_status hn_schema_read(struct hn_schema *s, const json_t *schema, const json_t *also,
                              struct hn_expr **out);

/* The same for the members of such values, all objects, in the style. Their names are words where they can
 * be; those that the schema does not name are words, and only come where it names none. */
enum hn_status hn_schema_arguments(struct hn_schema *s, const json_t *schema, const json_t *also,
                                   struct hn_expr **out);
/* Parts of both: what they have to satisfy, and the rules that this referred to. */
enum hn_status hn_schema_demand(struct hn_schema *s, const json_t *schema, const json_t *also,
                                struct hn_demand *out);
enum hn_status hn_schema_settle(struct hn_schema *s);

/* A place below another, in the arena; NULL when there is no room, as elsewhere. */
const struct hn_path *hn_path_key(struct hn_schema *s, const struct hn_path *up, const char *key);
const struct hn_path *hn_path_index(struct hn_schema *s, const struct hn_path *up, size_t index);

/* The shapes of a demand; none when nothing satisfies it. */
enum hn_status hn_schema_shapes(struct hn_schema *s, struct hn_demand demand,
                                struct hn_shapes *out);

/* Whether the demand refers to other places, so that it may come to itself. */
bool hn_schema_refers(struct hn_demand demand);

/* The texts of values that satisfy a demand. */
enum hn_status hn_schema_value(struct hn_schema *s, struct hn_demand demand, struct hn_expr **out,
                               unsigned depth);
/* The texts of strings, quotes included, that have a shape. */
enum hn_status hn_schema_string(struct hn_schema *s, const struct hn_shape *shape,
                                struct hn_expr **out);
/* Such a text of JSON or, where the style has quotes of its own, any between these, of min to max
 * characters. */
struct hn_expr *hn_schema_or_raw(struct hn_schema *s, struct hn_expr *json, uint32_t min,
                                 uint32_t max);
/* The texts of numbers that have a shape. */
enum hn_status hn_schema_number(struct hn_schema *s, const struct hn_shape *shape, bool integer,
                                struct hn_expr **out);
/* A value, written in one way, and the name of a property. */
enum hn_status hn_schema_literal(struct hn_schema *s, const json_t *value, struct hn_expr **out);
enum hn_status hn_schema_key(struct hn_schema *s, const char *key, struct hn_expr **out);

#endif
