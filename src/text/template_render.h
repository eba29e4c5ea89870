/* A rendering under way: its memory, its limits, its failure; and how functions get their arguments. */
#ifndef HN_TEXT_TEMPLATE_RENDER_H
#define HN_TEXT_TEMPLATE_RENDER_H

#include <time.h>

#include "base/arena.h"
#include "base/status.h"
#include "text/template_value.h"

enum {
    HN_RENDER_MAX_DEPTH = 800,    /* nested evaluations, values inside values */
    HN_RENDER_MAX_RANGE = 100000, /* items of a range, as Jinja2's sandbox has it */
};

/* A tip of string memory: what was put there last can grow in place, so that a template which adds to
 * one string again and again takes linear memory. */
struct hn_render_strings {
    char *p;
    size_t n, cap;
};

struct hn_render {
    struct hn_arena arena;
    struct hn_render_strings strings;
    struct hn_buf *out;         /* printed text; the captured part of it is cut off at the end */
    const struct hn_dict *vars; /* what the caller gave */
    size_t steps;               /* left */
    size_t depth;
    time_t now;
    enum hn_status status; /* of the failure */
    int line;              /* of the failure; 0 before it is known */
    char message[sizeof((struct hn_error *)0)->text];
};

/* Says what is wrong, in Python's words where it has some. Always false. */
bool hn_render_fail(struct hn_render *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
bool hn_render_fail_status(struct hn_render *r, enum hn_status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool hn_render_fail_memory(struct hn_render *r);
bool hn_render_fail_steps(struct hn_render *r);
/* An empty buffer, for hn_render_take or hn_buf_free, that may grow as far as the memory limit. */
static inline struct hn_buf hn_render_buf(const struct hn_render *r)
{
    return (struct hn_buf){.limit = r->arena.limit};
}

/* Fails with the status of a buffer. */
bool hn_render_fail_buf(struct hn_render *r, const struct hn_buf *buf);

/* n * size bytes, zeroed; NULL and failed. */
void *hn_render_alloc(struct hn_render *r, size_t n, size_t size);
/* A string of n bytes to be filled; NULL and failed. */
char *hn_render_text(struct hn_render *r, size_t n);
bool hn_render_copy(struct hn_render *r, struct hn_str s, struct hn_str *out);
/* a followed by b. */
bool hn_render_concat(struct hn_render *r, struct hn_str a, struct hn_str b, struct hn_str *out);
/* The content of a buffer as a string; the buffer is freed, also on failure. `ok` false: only that. */
bool hn_render_take(struct hn_render *r, struct hn_buf *buf, bool ok, struct hn_str *out);

/* Charges work that is not a node: items, or bytes / 64. */
static inline bool hn_render_step(struct hn_render *r, size_t n)
{
    if (r->steps < n) return hn_render_fail_steps(r);
    r->steps -= n;
    return true;
}

/* Charges a walk over the n bytes of a text, character by character. Before the walk: a text may be as
 * large as the memory. */
static inline bool hn_render_scan(struct hn_render *r, size_t n)
{
    return hn_render_step(r, n / 16);
}

/* Charges a number's way into text or out of it, the costliest of small things. */
static inline bool hn_render_number(struct hn_render *r)
{
    return hn_render_step(r, 50);
}

bool hn_render_enter(struct hn_render *r);
static inline void hn_render_leave(struct hn_render *r)
{
    r->depth--;
}

struct hn_keyword {
    struct hn_str name;
    struct hn_val value;
};

struct hn_args {
    const struct hn_val *items;
    size_t n;
    const struct hn_keyword *keywords;
    size_t n_keywords;
};

enum { HN_BUILTIN_MAX_PARAMS = 6 };

/* A filter, test, method or global function. `v[0]` is what it is applied to (HN_V_MISSING for global
 * functions), v[1] and on are the parameters, HN_V_MISSING where not given; `args` has them all as they
 * came. Tests put a boolean into *out. */
typedef bool hn_builtin_fn(struct hn_render *r, const struct hn_val *v, const struct hn_args *args,
                           struct hn_val *out);

struct hn_builtin {
    const char *name;
    /* Parameters by name, those that must be given marked '!'. "/": none of them by keyword.
     * "*": any arguments at all, `v` has v[0] alone. */
    const char *params;
    hn_builtin_fn *call;
};

/* Rows end with a name of NULL. NULL when there is none. */
const struct hn_builtin *hn_builtin_find(const struct hn_builtin *rows, struct hn_str name);
bool hn_builtin_call(struct hn_render *r, const struct hn_builtin *func, const struct hn_val *self,
                     const struct hn_args *args, struct hn_val *out);

extern const struct hn_builtin hn_template_filters[];      /* text */
extern const struct hn_builtin hn_template_list_filters[]; /* sequences and mappings */
extern const struct hn_builtin hn_template_tests[];
extern const struct hn_builtin hn_template_globals[];
extern const struct hn_builtin hn_template_str_methods[];
extern const struct hn_builtin hn_template_list_methods[];
extern const struct hn_builtin hn_template_tuple_methods[];
extern const struct hn_builtin hn_template_dict_methods[];
extern const struct hn_builtin hn_template_loop_methods[];
extern const struct hn_builtin hn_template_cycler_methods[];

const struct hn_builtin *hn_filter_find(struct hn_str name);
const struct hn_builtin *hn_test_find(struct hn_str name);

/* obj.name, obj[key], obj[start:stop:step] (HN_V_MISSING: absent). */
bool hn_val_getattr(struct hn_render *r, const struct hn_val *obj, struct hn_str name,
                    struct hn_val *out);
bool hn_val_getitem(struct hn_render *r, const struct hn_val *obj, const struct hn_val *key,
                    struct hn_val *out);
bool hn_val_slice(struct hn_render *r, const struct hn_val *obj, const struct hn_val bounds[3],
                  struct hn_val *out);
bool hn_val_call(struct hn_render *r, const struct hn_val *callee, const struct hn_args *args,
                 struct hn_val *out);
/* One of + - * / % and 'f' for //, 'p' for **. */
bool hn_val_operate(struct hn_render *r, char op, const struct hn_val *a, const struct hn_val *b,
                    struct hn_val *out);
bool hn_val_negate(struct hn_render *r, const struct hn_val *v, struct hn_val *out);

/* HTML: & < > " ' as entities. The result is marked as HTML. */
bool hn_text_escape(struct hn_render *r, const struct hn_val *v, struct hn_val *out);
/* Python's %, str.format, and format specifications. */
bool hn_text_percent(struct hn_render *r, struct hn_str format, const struct hn_val *arg, bool safe,
                     struct hn_val *out);
bool hn_text_format(struct hn_render *r, const struct hn_val *format, const struct hn_args *args,
                    struct hn_buf *out);
bool hn_text_number(struct hn_render *r, const struct hn_val *v, struct hn_str spec,
                    struct hn_buf *out);
bool hn_text_tojson(struct hn_render *r, const struct hn_val *v, const struct hn_args *args,
                    struct hn_val *out);

#endif
