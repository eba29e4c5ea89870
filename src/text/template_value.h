/* The values of templates: what Python has of them. Values are small and copied; what they point to
 * lives in the arena of the rendering (constants: of the template) and is shared, never changed but by
 * the few methods that the sandbox lets change a list. */
#ifndef HN_TEXT_TEMPLATE_VALUE_H
#define HN_TEXT_TEMPLATE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct hn_render;

enum hn_val_type {
    HN_V_MISSING, /* no value: a variable before its assignment, an argument not given */
    HN_V_UNDEFINED,
    HN_V_NONE,
    HN_V_BOOL,
    HN_V_INT,
    HN_V_FLOAT,
    HN_V_STR,
    HN_V_LIST,
    HN_V_TUPLE,
    HN_V_DICT,
    HN_V_RANGE,
    HN_V_VIEW, /* of a dict: keys, values, items */
    HN_V_ITER, /* what filters yield: consumed once */
    HN_V_NAMESPACE,
    HN_V_MACRO,
    HN_V_FUNC,   /* a global function */
    HN_V_METHOD, /* a function bound to a value */
    HN_V_LOOP,
    HN_V_CYCLER,
    HN_V_JOINER,
};

struct hn_val {
    uint8_t type;
    bool safe; /* of a string: marked as HTML, so that what is added to it gets escaped */
    union {
        bool b;
        int64_t i;
        double f;
        struct hn_str s; /* valid UTF-8 */
        struct hn_undef *undef;
        struct hn_list *list; /* also tuples */
        struct hn_dict *dict;
        struct hn_range *range;
        struct hn_view *view;
        struct hn_iter *iter;
        struct hn_namespace *ns;
        struct hn_macro *macro;
        const struct hn_builtin *func;
        struct hn_method *method;
        struct hn_loop *loop;
        struct hn_cycler *cycler;
        struct hn_joiner *joiner;
    };
};

/* Why a value is undefined: what its use will say. */
struct hn_undef {
    struct hn_str hint;  /* the whole message, when it has one */
    struct hn_val owner; /* what lacks it; HN_V_MISSING: a variable */
    struct hn_val name;
};

struct hn_list {
    struct hn_val *items;
    size_t n, cap;
    bool group; /* a tuple of groupby, whose parts have names */
};

struct hn_entry {
    struct hn_val key, value;
    uint64_t hash;
};

/* In order of insertion. `slots` is an open-addressed table of entry numbers + 1. */
struct hn_dict {
    struct hn_entry *entries;
    uint32_t *slots;
    size_t n, cap, n_slots;
};

struct hn_range {
    int64_t start, stop, step;
    size_t n;
};

struct hn_view {
    struct hn_dict *dict;
    char kind; /* 'k', 'v', 'i' */
};

struct hn_namespace {
    struct hn_dict *attrs;
};

struct hn_method {
    const struct hn_builtin *func;
    struct hn_val self;
};

struct hn_cycler {
    struct hn_list *items;
    size_t at;
};

struct hn_joiner {
    struct hn_val separator;
    bool used;
};

/* Yields values one after another; *out is HN_V_MISSING at the end. False: failed. */
struct hn_iter {
    bool (*next)(struct hn_render *r, struct hn_iter *it, struct hn_val *out);
    struct hn_val over;    /* a container, or */
    struct hn_iter *inner; /* an iterator it draws from */
    size_t at;
    void *state; /* of its kind */
};

static inline struct hn_val hn_val_none(void)
{
    return (struct hn_val){.type = HN_V_NONE};
}

static inline struct hn_val hn_val_bool(bool b)
{
    return (struct hn_val){.type = HN_V_BOOL, .b = b};
}

static inline struct hn_val hn_val_int(int64_t i)
{
    return (struct hn_val){.type = HN_V_INT, .i = i};
}

static inline struct hn_val hn_val_float(double f)
{
    return (struct hn_val){.type = HN_V_FLOAT, .f = f};
}

static inline struct hn_val hn_val_str(struct hn_str s)
{
    return (struct hn_val){.type = HN_V_STR, .s = s};
}

static inline struct hn_val hn_val_list(enum hn_val_type type, struct hn_list *list)
{
    return (struct hn_val){.type = (uint8_t)type, .list = list};
}

static inline struct hn_val hn_val_dict(struct hn_dict *dict)
{
    return (struct hn_val){.type = HN_V_DICT, .dict = dict};
}

static inline bool hn_val_is_list(const struct hn_val *v)
{
    return v->type == HN_V_LIST || v->type == HN_V_TUPLE;
}

/* Python's int(): of booleans too. */
static inline bool hn_val_is_int(const struct hn_val *v)
{
    return v->type == HN_V_INT || v->type == HN_V_BOOL;
}

static inline int64_t hn_val_as_int(const struct hn_val *v)
{
    return v->type == HN_V_BOOL ? v->b : v->i;
}

/* Whether a parameter was given: None counts as left out. */
static inline bool hn_val_given(const struct hn_val *v)
{
    return v->type != HN_V_MISSING && v->type != HN_V_NONE;
}

static inline bool hn_val_is_number(const struct hn_val *v)
{
    return hn_val_is_int(v) || v->type == HN_V_FLOAT;
}

static inline double hn_val_as_float(const struct hn_val *v)
{
    return v->type == HN_V_FLOAT ? v->f : (double)hn_val_as_int(v);
}

/* Below: false is a failure that the rendering holds (out of memory, a limit, a wrong type). */

/* Undefined: a variable of this name; an element of `owner`; with a message of its own. */
bool hn_val_undefined_name(struct hn_render *r, struct hn_str name, struct hn_val *out);
bool hn_val_undefined_item(struct hn_render *r, const struct hn_val *owner,
                           const struct hn_val *name, struct hn_val *out);
bool hn_val_undefined_hint(struct hn_render *r, struct hn_str hint, struct hn_val *out);
/* Fails with what an undefined value has to say. */
bool hn_val_fail_undefined(struct hn_render *r, const struct hn_val *v);

bool hn_list_new(struct hn_render *r, size_t cap, struct hn_list **out);
bool hn_list_add(struct hn_render *r, struct hn_list *list, struct hn_val v);
/* An integer parameter, as Python's __index__ takes it; `otherwise` when it is missing. */
bool hn_val_index(struct hn_render *r, const struct hn_val *v, int64_t otherwise, int64_t *out);
/* A tuple of two. */
bool hn_val_pair(struct hn_render *r, struct hn_val a, struct hn_val b, struct hn_val *out);

bool hn_dict_new(struct hn_render *r, size_t cap, struct hn_dict **out);
/* Sets a key; wrong are keys without a hash. */
bool hn_dict_put(struct hn_render *r, struct hn_dict *dict, struct hn_val key, struct hn_val value);
/* *out is NULL when there is no such key. */
bool hn_dict_get(struct hn_render *r, const struct hn_dict *dict, const struct hn_val *key,
                 struct hn_val **out);
/* Whether it can be a key. */
bool hn_val_hashable(struct hn_render *r, const struct hn_val *v, bool *can);

bool hn_val_truth(const struct hn_val *v);
/* Python's ==. */
bool hn_val_equal(struct hn_render *r, const struct hn_val *a, const struct hn_val *b, bool *out);
/* Python's < (op '<'), <= ('l'), > ('>'), >= ('g'). */
bool hn_val_order(struct hn_render *r, const struct hn_val *a, const struct hn_val *b, char op,
                  bool *out);
/* Python's `a in b`. */
bool hn_val_contains(struct hn_render *r, const struct hn_val *item, const struct hn_val *in,
                     bool *out);
/* len(): false in *has when a value of its type has none. */
bool hn_val_length(struct hn_render *r, const struct hn_val *v, bool *has, size_t *out);
/* iter(): *out is NULL when it cannot be iterated over. */
bool hn_val_iterate(struct hn_render *r, const struct hn_val *v, struct hn_iter **out);
/* The same, failing then. */
bool hn_val_iterator(struct hn_render *r, const struct hn_val *v, struct hn_iter **out);
bool hn_iter_next(struct hn_render *r, struct hn_iter *it, struct hn_val *out);
bool hn_iter_new(struct hn_render *r,
                 bool (*next)(struct hn_render *r, struct hn_iter *it, struct hn_val *out),
                 void *state, struct hn_iter **out);
/* list(): always a new one. */
bool hn_val_to_list(struct hn_render *r, const struct hn_val *v, struct hn_list **out);
/* Sorts stably by `keys`, as many as there are items (NULL: by the items). */
bool hn_list_sort(struct hn_render *r, struct hn_list *list, const struct hn_list *keys,
                  bool reverse);
/* type(v).__name__ */
const char *hn_val_type_name(const struct hn_val *v);

/* str(): a plain string. */
bool hn_val_to_str(struct hn_render *r, const struct hn_val *v, struct hn_str *out);
/* Appends str() or repr() to a buffer of the rendering. */
bool hn_val_print(struct hn_render *r, const struct hn_val *v, struct hn_buf *out);
bool hn_val_repr(struct hn_render *r, const struct hn_val *v, struct hn_buf *out);
/* repr() of a float, as few digits as give it back. */
void hn_float_repr(double f, char out[32]);

#endif
