/* A template's tokens and tree. */
#ifndef HN_TEXT_TEMPLATE_AST_H
#define HN_TEXT_TEMPLATE_AST_H

#include "base/arena.h"
#include "base/status.h"
#include "text/template_value.h"

enum hn_token_type {
    HN_TOK_EOF,
    HN_TOK_DATA, /* text between tags, whitespace control applied */
    HN_TOK_PRINT_BEGIN,
    HN_TOK_PRINT_END,
    HN_TOK_BLOCK_BEGIN,
    HN_TOK_BLOCK_END,
    HN_TOK_NAME,
    HN_TOK_STRING, /* escapes resolved */
    HN_TOK_INT,
    HN_TOK_FLOAT,
    HN_TOK_OP, /* `op`: its character, or one of the below */
};

enum {
    HN_OP_POW = 'p',
    HN_OP_FLOORDIV = 'f',
    HN_OP_EQ = 'e',
    HN_OP_NE = 'n',
    HN_OP_LE = 'l',
    HN_OP_GE = 'g',
    HN_OP_IN = 'i',
    HN_OP_NOT_IN = 'o'
};

struct hn_token {
    uint8_t type;
    char op;
    int line;
    struct hn_str s;     /* as it stands, or the value of a string */
    struct hn_val value; /* of numbers */
};

/* While a template is compiled. */
struct hn_compiler {
    struct hn_arena *arena;
    const char *name;
    struct hn_error *err;
    enum hn_status status; /* of the first failure */
    struct hn_str source;
    struct hn_token *tokens;
    size_t n_tokens, cap_tokens;
    size_t at;   /* token */
    int depth;   /* nested expressions and statements */
    int loops;   /* `for` around, for the reserved name `loop` */
    int breaks;  /* `for` around within the same function: break and continue have a meaning */
    size_t work; /* of the analysis of names, bounded */
    struct hn_str tag[64]; /* open tags, for errors */
    int n_tags;
};

/* Says what is wrong with a line; always false. */
bool hn_compile_fail(struct hn_compiler *c, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* n * size zeroed bytes that live as long as the template; NULL and failed. */
void *hn_compile_alloc(struct hn_compiler *c, size_t n, size_t size);
/* An array of n items of `size` with room for one more: `items`, or a copy twice as long, of `least`
 * items at least; *cap is its length. NULL and failed. */
void *hn_compile_grow(struct hn_compiler *c, void *items, size_t n, size_t *cap, size_t least,
                      size_t size);

enum hn_node_kind {
    HN_N_CONST,
    HN_N_NAME,
    HN_N_ATTR_TARGET, /* name.attr on the left of an assignment */
    HN_N_TUPLE,
    HN_N_LIST,
    HN_N_DICT, /* items: key, value, key, value */
    HN_N_COND, /* a if test else b */
    HN_N_OR,
    HN_N_AND,
    HN_N_NOT,
    HN_N_COMPARE,
    HN_N_BINARY,
    HN_N_CONCAT,
    HN_N_NEGATE,
    HN_N_PLUS,
    HN_N_GETATTR,
    HN_N_GETITEM,
    HN_N_SLICE,
    HN_N_CALL,
    HN_N_FILTER,
    HN_N_TEST,
    HN_N_OUTPUT,
    HN_N_IF,
    HN_N_FOR,
    HN_N_SET,
    HN_N_SET_BLOCK,
    HN_N_MACRO,
    HN_N_CALL_BLOCK,
    HN_N_GENERATION, /* the tag that marks what an assistant says */
    HN_N_FILTER_BLOCK,
    HN_N_WITH,
    HN_N_BLOCK,
    HN_N_BREAK,
    HN_N_CONTINUE,
};

struct hn_node;

struct hn_nodes {
    struct hn_node **items;
    size_t n, cap;
};

struct hn_arglist {
    struct hn_nodes items;
    struct hn_str *names; /* of the last n_names items, which are given by keyword */
    size_t n_names;
    struct hn_node *star, *star_star;
};

/* Where a variable lives: `hops` functions outwards, in this slot. */
struct hn_place {
    uint32_t hops, slot;
};

/* What happens to a variable when its block is entered. */
enum hn_load_action { HN_LOAD_PARAM, HN_LOAD_CONTEXT, HN_LOAD_ALIAS, HN_LOAD_MISSING };

struct hn_load {
    uint8_t action;
    uint32_t slot;
    struct hn_place from; /* HN_LOAD_ALIAS */
    struct hn_str name;   /* HN_LOAD_CONTEXT */
};

/* A block with variables of its own. */
struct hn_scope {
    struct hn_load *loads;
    size_t n;
};

/* What has a set of slots: the template, a macro, a recursive loop, the filter of a loop. */
struct hn_func {
    struct hn_str name;               /* of macros; empty: anonymous */
    struct hn_nodes params, defaults; /* the last ones have defaults */
    uint32_t *param_slots;
    uint32_t caller_slot, kwargs_slot, varargs_slot; /* valid when used */
    bool uses_caller, uses_kwargs, uses_varargs;
    bool explicit_caller; /* `caller` is among the parameters */
    struct hn_nodes body;
    struct hn_scope scope;
    uint32_t n_slots;
};

struct hn_node {
    uint8_t kind;
    char op;        /* HN_N_BINARY */
    uint16_t depth; /* of the tree below */
    int line;
    union {
        struct hn_val value; /* HN_N_CONST */
        struct {
            struct hn_str name;
            struct hn_str attr; /* HN_N_ATTR_TARGET */
            struct hn_place place;
        } var;
        struct hn_nodes list;
        struct {
            struct hn_node *test, *yes, *no; /* no: may be NULL */
        } cond;
        struct {
            struct hn_node *a, *b; /* b: NULL for those with one operand */
        } pair;
        struct {
            struct hn_node *first;
            struct hn_nodes rest;
            char *ops;
        } compare;
        struct {
            struct hn_node *of;
            struct hn_str name;
        } attr;
        struct {
            struct hn_node *of, *bound[3];
        } slice;
        struct {
            struct hn_node *of; /* callee, or what is filtered; NULL: the text of a block */
            struct hn_str name; /* of filters and tests */
            const struct hn_builtin *func;
            struct hn_arglist args;
        } call;
        struct {
            struct hn_nodes tests;   /* if, elif, ... */
            struct hn_nodes *bodies; /* as many */
            struct hn_nodes otherwise;
        } branch;
        struct {
            struct hn_node *target, *over, *test;
            struct hn_nodes body, otherwise;
            bool recursive;
            struct hn_scope scope, else_scope;
            uint32_t loop_slot;
            struct hn_node *test_target; /* the target, in the slots of test_func */
            struct hn_func *test_func, *body_func;
        } loop;
        struct {
            struct hn_node *target, *value; /* of a block: its filter, or NULL */
            struct hn_nodes body;
            struct hn_scope scope;
        } set;
        struct {
            struct hn_func *func;
            struct hn_place place; /* of the macro's name */
            struct hn_node *call;  /* of a call block */
        } macro;
        struct {
            struct hn_nodes targets, values; /* of `with` */
            struct hn_node *filter;          /* of `filter` */
            struct hn_nodes body;
            struct hn_scope scope;
        } block;
    };
};

bool hn_template_lex(struct hn_compiler *c);
bool hn_template_parse(struct hn_compiler *c, struct hn_nodes *body);
/* Gives every variable its place, as Jinja2's compiler does; finds filters and tests. */
bool hn_template_bind(struct hn_compiler *c, struct hn_func *root);

/* Between the two halves of the parser. */
struct hn_node *hn_node_new(struct hn_compiler *c, enum hn_node_kind kind, int line);
bool hn_nodes_add(struct hn_compiler *c, struct hn_nodes *list, struct hn_node *node);
struct hn_token *hn_parse_peek(struct hn_compiler *c, size_t ahead);
struct hn_token *hn_parse_next(struct hn_compiler *c);
bool hn_parse_is_op(struct hn_compiler *c, char op);
bool hn_parse_is_name(struct hn_compiler *c, const char *name);
bool hn_parse_skip_op(struct hn_compiler *c, char op);
bool hn_parse_skip_name(struct hn_compiler *c, const char *name);
bool hn_parse_expect_op(struct hn_compiler *c, char op);
/* NULL and failed when the next token is no name. */
struct hn_token *hn_parse_expect_name(struct hn_compiler *c);
bool hn_parse_unexpected(struct hn_compiler *c, const char *wanted);
struct hn_node *hn_parse_expression(struct hn_compiler *c, bool with_cond);
/* Expressions, a tuple where commas stand between them. `until`: a name that ends it, or NULL. */
struct hn_node *hn_parse_tuple(struct hn_compiler *c, bool simple, bool with_cond,
                               const char *until, bool parentheses);
struct hn_node *hn_parse_target(struct hn_compiler *c, bool with_attr, const char *until);
/* |name(...) again and again, on `of` (NULL: a block's text); `inline_first`: without the first |. */
struct hn_node *hn_parse_filters(struct hn_compiler *c, struct hn_node *of, bool inline_first);

/* Calls `visit` for the nodes right below an expression. */
bool hn_node_children(struct hn_node *node, bool (*visit)(void *ctx, struct hn_node *child),
                      void *ctx);

/* The template as compiled. */
struct hn_template {
    struct hn_arena arena;
    const char *name;
    struct hn_func root;
    struct hn_str *names; /* of variables and attributes that it mentions */
    size_t n_names;
};

bool hn_template_run(struct hn_render *r, const struct hn_template *tpl);

#endif
