/* What the notations of grammars are turned into: rules whose bodies are trees of expressions. A set of
 * rules lives in one arena and is thrown away once it is compiled. */
#ifndef HN_TEXT_GRAMMAR_EXPR_H
#define HN_TEXT_GRAMMAR_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum hn_expr_kind {
    HN_EXPR_BYTES,   /* a text, perhaps empty */
    HN_EXPR_CLASS,   /* one character of a set; of an empty set: nothing matches */
    HN_EXPR_SEQ,     /* items one after the other */
    HN_EXPR_ALT,     /* one of the items */
    HN_EXPR_REPEAT,  /* items[0], min to max times */
    HN_EXPR_CALL,    /* a rule */
    HN_EXPR_LIST,    /* items in order, `sep` between them; those that are optional may lack */
    HN_EXPR_BOUNDED, /* items[0], a tree of classes, where it has min to max characters */
};

enum { HN_EXPR_FOREVER = UINT32_MAX }; /* as max */

/* Unicode scalar values, both ends included. */
struct hn_chars {
    uint32_t lo, hi;
};

struct hn_expr {
    enum hn_expr_kind kind;
    uint32_t n; /* of items or ranges */
    uint32_t min, max;
    uint32_t rule;        /* CALL; REPEAT: the rule that stands for the item, once there is one */
    uint16_t depth;       /* of the tree */
    bool json;            /* CLASS: as characters are written within a JSON string */
    bool many;            /* LIST: the last item may come any number of times */
    struct hn_str text;   /* BYTES */
    const bool *optional; /* LIST: [n] */
    struct hn_expr **items;
    struct hn_expr *sep; /* LIST */
    const struct hn_chars *ranges;
};

struct hn_rule {
    struct hn_str name;   /* for errors */
    struct hn_expr *body; /* NULL until it is known */
    bool shared; /* stays a rule of its own: its states' masks then serve all who call it */

    /* Found when the rules are measured (grammar_measure.c). */
    bool seen, done, measured, recursive, loops, nullable, inlined;
    uint32_t uses, weight;
};

/* Rule 0 is where texts start. Zero-initialised is empty. */
struct hn_rules {
    struct hn_arena arena;
    struct hn_rule *rules;
    uint32_t n, cap;
    uint32_t n_properties; /* Unicode properties looked up so far: each takes some milliseconds */
};

/* The constructors give NULL when memory (or a bound) is exceeded or when they are given NULL, so a
 * tree may be checked once, at its end. */
struct hn_expr *hn_expr_bytes(struct hn_rules *rules, struct hn_str text); /* copied */
struct hn_expr *hn_expr_text(struct hn_rules *rules, const char *text);    /* not copied */
/* Ranges in any order, overlapping or not; copied, without surrogates. */
struct hn_expr *hn_expr_class(struct hn_rules *rules, const struct hn_chars *ranges, size_t n,
                              bool negated, bool json);
struct hn_expr *hn_expr_seq(struct hn_rules *rules, struct hn_expr *const *items, size_t n);
struct hn_expr *hn_expr_alt(struct hn_rules *rules, struct hn_expr *const *items, size_t n);
struct hn_expr *hn_expr_repeat(struct hn_rules *rules, struct hn_expr *item, uint32_t min,
                               uint32_t max);
struct hn_expr *hn_expr_call(struct hn_rules *rules, uint32_t rule);
struct hn_expr *hn_expr_list(struct hn_rules *rules, struct hn_expr *const *items,
                             const bool *optional, size_t n, struct hn_expr *sep, bool many);
struct hn_expr *hn_expr_bounded(struct hn_rules *rules, struct hn_expr *item, uint32_t min,
                                uint32_t max);

#define HN_EXPR_SEQ(rules, ...)                                                                    \
    hn_expr_seq(rules, (struct hn_expr *[]){__VA_ARGS__},                                          \
                sizeof((struct hn_expr *[]){__VA_ARGS__}) / sizeof(struct hn_expr *))
#define HN_EXPR_ALT(rules, ...)                                                                    \
    hn_expr_alt(rules, (struct hn_expr *[]){__VA_ARGS__},                                          \
                sizeof((struct hn_expr *[]){__VA_ARGS__}) / sizeof(struct hn_expr *))

/* A new rule without a body; its number, UINT32_MAX when there is no room. `name` must outlive the
 * rules or lie in their arena. */
uint32_t hn_rules_add(struct hn_rules *rules, struct hn_str name);
void hn_rules_free(struct hn_rules *rules);

struct hn_grammar;

/* Compiles the rules. HN_E_LIMIT, HN_E_UNSUPPORTED (left recursion), HN_E_ARG (no text matches). */
enum hn_status hn_rules_compile(struct hn_rules *rules, struct hn_grammar **out,
                                struct hn_error *err);

/* What to say when a constructor gave NULL. */
enum hn_status hn_rules_fail(const struct hn_rules *rules, struct hn_error *err);

/* The expressions of the sequences and alternatives that a parser has open, the latest last. Zeroed it
 * is empty; free `items`. */
struct hn_exprs {
    struct hn_expr **items;
    size_t n, cap;
};
/* `e` may be NULL, for which the rules then say why (hn_rules_fail). */
enum hn_status hn_exprs_push(struct hn_exprs *open, const struct hn_rules *rules, struct hn_expr *e,
                             struct hn_error *err);
/* Puts what hn_expr_seq or hn_expr_alt makes of those from `first` on in their place. */
enum hn_status hn_exprs_join(struct hn_exprs *open, struct hn_rules *rules,
                             struct hn_expr *make(struct hn_rules *, struct hn_expr *const *,
                                                  size_t),
                             size_t first, struct hn_error *err);

#endif
