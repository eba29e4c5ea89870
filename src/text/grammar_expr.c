#include "text/grammar_expr.h"

#include <stdlib.h>

#include "base/bits.h"
#include "text/grammar.h"

enum {
    MAX_ARENA = 64 << 20,
    MAX_RULES = 1 << 16,
    MAX_TREE = 8 * HN_GRAMMAR_MAX_DEPTH, /* a level of a source makes a few of a tree */
};

static struct hn_expr *new_expr(struct hn_rules *rules, enum hn_expr_kind kind)
{
    rules->arena.limit = MAX_ARENA;
    struct hn_expr *e = hn_arena_alloc(&rules->arena, 1, sizeof *e);
    if (!e) return NULL;
    e->kind = kind;
    e->rule = UINT32_MAX;
    e->depth = 1;
    return e;
}

/* One whose items are given. */
static struct hn_expr *new_group(struct hn_rules *rules, enum hn_expr_kind kind,
                                 struct hn_expr *const *items, size_t n)
{
    struct hn_expr *e = new_expr(rules, kind);
    if (!e || n > UINT32_MAX) return NULL;
    e->n = (uint32_t)n;
    e->items = hn_arena_alloc(&rules->arena, n, sizeof(struct hn_expr *));
    if (!e->items) return NULL;
    for (size_t i = 0; i < n; i++) {
        if (!items[i] || items[i]->depth >= MAX_TREE) return NULL;
        e->items[i] = items[i];
        if (e->depth <= items[i]->depth) e->depth = (uint16_t)(items[i]->depth + 1);
    }
    return e;
}

struct hn_expr *hn_expr_bytes(struct hn_rules *rules, struct hn_str text)
{
    struct hn_expr *e = new_expr(rules, HN_EXPR_BYTES);
    if (!e) return NULL;
    e->text = hn_arena_str(&rules->arena, text);
    return e->text.p ? e : NULL;
}

struct hn_expr *hn_expr_text(struct hn_rules *rules, const char *text)
{
    struct hn_expr *e = new_expr(rules, HN_EXPR_BYTES);
    if (e) e->text = hn_str_from(text);
    return e;
}

static int by_lo(const void *a, const void *b)
{
    const struct hn_chars *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

/* Sorts, joins what touches and returns how many are left. */
static size_t join(struct hn_chars *r, size_t n)
{
    size_t out = 0;
    qsort(r, n, sizeof *r, by_lo);
    for (size_t i = 0; i < n; i++) {
        if (out && r[i].lo <= r[out - 1].hi + 1) {
            if (r[out - 1].hi < r[i].hi) r[out - 1].hi = r[i].hi;
        } else {
            r[out++] = r[i];
        }
    }
    return out;
}

/* What `r` (joined) leaves out; room for n + 1. */
static size_t negate(const struct hn_chars *r, size_t n, struct hn_chars *out)
{
    uint32_t next = 0;
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (r[i].lo > next) out[m++] = (struct hn_chars){next, r[i].lo - 1};
        next = r[i].hi + 1;
    }
    if (next <= 0x10FFFF) out[m++] = (struct hn_chars){next, 0x10FFFF};
    return m;
}

/* Copies what is no surrogate: those are no characters. Room for n + 1. */
static size_t drop_surrogates(const struct hn_chars *r, size_t n, struct hn_chars *out)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (r[i].lo < 0xD800)
            out[m++] = (struct hn_chars){r[i].lo, r[i].hi < 0xD800 ? r[i].hi : 0xD7FF};
        if (r[i].hi > 0xDFFF)
            out[m++] = (struct hn_chars){r[i].lo > 0xDFFF ? r[i].lo : 0xE000, r[i].hi};
    }
    return m;
}

struct hn_expr *hn_expr_class(struct hn_rules *rules, const struct hn_chars *ranges, size_t n,
                              bool negated, bool json)
{
    struct hn_expr *e = new_expr(rules, HN_EXPR_CLASS);
    struct hn_chars *given = hn_arena_alloc(&rules->arena, n, sizeof *given);
    struct hn_chars *others = hn_arena_alloc(&rules->arena, negated ? n + 1 : 0, sizeof *others);
    struct hn_chars *r = hn_arena_alloc(&rules->arena, n + 2, sizeof *r);
    if (!e || !given || !others || !r) return NULL;
    if (n) memcpy(given, ranges, n * sizeof *given);
    n = join(given, n);
    if (negated) n = negate(given, n, others);
    e->n = (uint32_t)drop_surrogates(negated ? others : given, n, r);
    e->ranges = r;
    e->json = json;
    return e;
}

struct hn_expr *hn_expr_seq(struct hn_rules *rules, struct hn_expr *const *items, size_t n)
{
    return n == 1 ? items[0] : new_group(rules, HN_EXPR_SEQ, items, n);
}

struct hn_expr *hn_expr_alt(struct hn_rules *rules, struct hn_expr *const *items, size_t n)
{
    return n == 1 ? items[0] : new_group(rules, HN_EXPR_ALT, items, n);
}

struct hn_expr *hn_expr_repeat(struct hn_rules *rules, struct hn_expr *item, uint32_t min,
                               uint32_t max)
{
    if (!item) return NULL;
    /* An option that is repeated is one whose item is. */
    if (item->kind == HN_EXPR_REPEAT && item->min == 0 && item->max == 1) {
        item = item->items[0];
        min = 0;
    }
    if (min == 1 && max == 1) return item;
    struct hn_expr *e = new_group(rules, HN_EXPR_REPEAT, &item, 1);
    if (!e) return NULL;
    e->min = min;
    e->max = max;
    return e;
}

struct hn_expr *hn_expr_call(struct hn_rules *rules, uint32_t rule)
{
    struct hn_expr *e = new_expr(rules, HN_EXPR_CALL);
    if (!e || rule >= rules->n) return NULL;
    e->rule = rule;
    return e;
}

struct hn_expr *hn_expr_list(struct hn_rules *rules, struct hn_expr *const *items,
                             const bool *optional, size_t n, struct hn_expr *sep, bool many)
{
    struct hn_expr *e = new_group(rules, HN_EXPR_LIST, items, n);
    bool *copy = hn_arena_alloc(&rules->arena, n, sizeof *copy);
    if (!e || !copy || !sep) return NULL;
    if (n) memcpy(copy, optional, n * sizeof *copy);
    e->optional = copy;
    e->sep = sep;
    e->many = many;
    return e;
}

struct hn_expr *hn_expr_bounded(struct hn_rules *rules, struct hn_expr *item, uint32_t min,
                                uint32_t max)
{
    struct hn_expr *e = new_group(rules, HN_EXPR_BOUNDED, &item, 1);
    if (!e) return NULL;
    e->min = min;
    e->max = max;
    return e;
}

uint32_t hn_rules_add(struct hn_rules *rules, struct hn_str name)
{
    if (rules->n == rules->cap) {
        const uint32_t cap = rules->cap ? rules->cap * 2 : 64;
        struct hn_rule *more = cap > MAX_RULES ? NULL : realloc(rules->rules, cap * sizeof *more);
        if (!more) return UINT32_MAX;
        rules->rules = more;
        rules->cap = cap;
    }
    rules->rules[rules->n] = (struct hn_rule){.name = name};
    return rules->n++;
}

enum hn_status hn_rules_fail(const struct hn_rules *rules, struct hn_error *err)
{
    if (rules->n >= MAX_RULES)
        return hn_fail(err, HN_E_LIMIT, "the grammar has more than %d rules", MAX_RULES);
    return hn_fail(err, HN_E_LIMIT,
                   "the grammar is nested too deeply or needs more than %d MiB to compile",
                   MAX_ARENA >> 20);
}

void hn_rules_free(struct hn_rules *rules)
{
    hn_arena_free(&rules->arena);
    free(rules->rules);
    *rules = (struct hn_rules){0};
}

enum hn_status hn_exprs_push(struct hn_exprs *open, const struct hn_rules *rules, struct hn_expr *e,
                             struct hn_error *err)
{
    if (!e) return hn_rules_fail(rules, err);
    if (open->n == open->cap) {
        const size_t cap = open->cap ? open->cap * 2 : 64;
        struct hn_expr **items = realloc(open->items, cap * sizeof *items);
        if (!items) return hn_fail_nomem(err, "a grammar", cap * sizeof *items);
        open->items = items;
        open->cap = cap;
    }
    open->items[open->n++] = e;
    return HN_OK;
}

enum hn_status hn_exprs_join(struct hn_exprs *open, struct hn_rules *rules,
                             struct hn_expr *make(struct hn_rules *, struct hn_expr *const *,
                                                  size_t),
                             size_t first, struct hn_error *err)
{
    const size_t n = open->n - first;
    struct hn_expr *e = make(rules, n ? open->items + first : NULL, n);
    open->n = first;
    return hn_exprs_push(open, rules, e, err);
}
