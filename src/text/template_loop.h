/* The variable `loop`, and macros: what statements make and expressions use. */
#ifndef HN_TEXT_TEMPLATE_LOOP_H
#define HN_TEXT_TEMPLATE_LOOP_H

#include "text/template_ast.h"
#include "text/template_render.h"

/* The variables of one call of a function. */
struct hn_vars {
    struct hn_vars *outer;
    struct hn_val slots[];
};

static inline struct hn_val *hn_vars_slot(struct hn_vars *vars, struct hn_place place)
{
    while (place.hops-- > 0)
        vars = vars->outer;
    return &vars->slots[place.slot];
}

struct hn_loop {
    struct hn_val over;   /* what it loops over */
    struct hn_iter *iter; /* where it is in it */
    int64_t index0;       /* -1 before the first item */
    bool length_known, peeked, finished;
    size_t length;
    struct hn_val before, current, after; /* after: when peeked */
    struct hn_val changed;                /* the last arguments of loop.changed, a tuple */
    int64_t depth0;
    const struct hn_node *node; /* of recursive loops; NULL otherwise */
    struct hn_vars *outer;      /* the variables around it */
};

struct hn_macro {
    const struct hn_func *func;
    struct hn_vars *outer;
};

bool hn_loop_length(struct hn_render *r, struct hn_loop *loop, size_t *out);
bool hn_loop_iterate(struct hn_render *r, struct hn_loop *loop, struct hn_iter **out);
/* The next item; HN_V_MISSING at the end. */
bool hn_loop_next(struct hn_render *r, struct hn_loop *loop, struct hn_val *out);
/* Attribute of a loop; *found false when it has none of that name. */
bool hn_loop_attr(struct hn_render *r, struct hn_loop *loop, struct hn_str name, bool *found,
                  struct hn_val *out);
/* loop(items): the body again, one level deeper; its text. */
bool hn_loop_call(struct hn_render *r, struct hn_loop *loop, const struct hn_args *args,
                  struct hn_val *out);
bool hn_macro_call(struct hn_render *r, struct hn_macro *macro, const struct hn_args *args,
                   struct hn_val *out);

bool hn_eval(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
             struct hn_val *out);
/* Evaluates a call with an argument more, by keyword, which may be NULL. */
bool hn_eval_call(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                  const struct hn_keyword *more, struct hn_val *out);
/* A filter whose input is a block's text. */
bool hn_eval_filter(struct hn_render *r, struct hn_vars *vars, const struct hn_node *node,
                    const struct hn_val *input, struct hn_val *out);

#endif
