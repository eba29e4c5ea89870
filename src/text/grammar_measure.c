/* What of a grammar's rules is put in place of its calls.
 *
 * Whoever follows a grammar pays where a rule ends, since what may come then depends on who called it.
 * So what is short, and stands within a loop perhaps, is best put in place: the characters of a string,
 * an escape. What is long and called from many places, a whole string, is better left a rule, whose
 * states are then the same for all. */
#include "base/bits.h"
#include "text/grammar_nfa.h"

enum {
    SMALL = 12,         /* put in place whatever it is */
    SMALL_ENDING = 128, /* the same, if it has no loop */
    WIDE_CLASS = 8,     /* a class of characters of several bytes */
};

/* Trees within rules within trees: the walks below recurse, and no deeper than this. */
enum { MAX_WALK = 8000 };

struct measure {
    struct hn_rules *rules;
    struct hn_error *err;
    uint32_t depth;
};

struct size {
    uint32_t weight;
    bool loops;
};

static uint32_t plus(uint32_t a, uint32_t b)
{
    return a + b < a ? UINT32_MAX : a + b;
}

static uint32_t times(uint32_t a, uint32_t b)
{
    return (uint64_t)a * b > UINT32_MAX ? UINT32_MAX : a * b;
}

static enum hn_status too_deep(const struct measure *m)
{
    return hn_fail(m->err, HN_E_LIMIT, "rules within rules more than %d levels deep", MAX_WALK);
}

/* Counts from how many places each rule is called, and finds those that lead back to themselves: of
 * every circle at least one. */
static enum hn_status count(struct measure *m, const struct hn_expr *e)
{
    if (m->depth++ == MAX_WALK) return too_deep(m);
    for (uint32_t i = 0; e->kind != HN_EXPR_CLASS && i < e->n; i++)
        HN_TRY(count(m, e->items[i]));
    if (e->kind == HN_EXPR_LIST) HN_TRY(count(m, e->sep));
    if (e->kind == HN_EXPR_CALL) {
        struct hn_rule *rule = &m->rules->rules[e->rule];
        if (!rule->body)
            return hn_fail(m->err, HN_E_FORMAT, "the rule '%.*s' is used but not defined",
                           HN_FMT(rule->name));
        rule->uses = plus(rule->uses, 1);
        if (rule->seen && !rule->done) rule->recursive = true;
        if (!rule->seen) {
            rule->seen = true;
            HN_TRY(count(m, rule->body));
            rule->done = true;
        }
    }
    m->depth--;
    return HN_OK;
}

static enum hn_status measure(struct measure *m, const struct hn_expr *e, struct size *out);

static enum hn_status measure_call(struct measure *m, struct hn_rule *rule, struct size *out)
{
    *out = (struct size){1, false};
    if (rule->recursive || rule->shared) return HN_OK;
    if (!rule->measured) {
        struct size size;
        HN_TRY(measure(m, rule->body, &size));
        rule->measured = true;
        rule->weight = size.weight;
        rule->loops = size.loops;
        rule->inlined =
            size.weight <= SMALL || (!size.loops && size.weight <= SMALL_ENDING) || rule->uses == 1;
    }
    if (rule->inlined) *out = (struct size){rule->weight, rule->loops};
    return HN_OK;
}

static enum hn_status measure(struct measure *m, const struct hn_expr *e, struct size *out)
{
    if (m->depth++ == MAX_WALK) return too_deep(m);
    *out = (struct size){0, false};
    for (uint32_t i = 0; e->kind != HN_EXPR_CLASS && i < e->n; i++) {
        struct size item;
        HN_TRY(measure(m, e->items[i], &item));
        out->weight = plus(out->weight, item.weight);
        out->loops |= item.loops;
    }
    switch (e->kind) {
    case HN_EXPR_BYTES: out->weight = (uint32_t)hn_min(e->text.n, UINT32_MAX); break;
    case HN_EXPR_CLASS:
        out->weight = e->n && e->ranges[e->n - 1].hi >= 0x80 ? WIDE_CLASS : 1;
        break;
    case HN_EXPR_REPEAT:
    case HN_EXPR_BOUNDED:
        out->weight = times(out->weight, e->max == HN_EXPR_FOREVER ? plus(e->min, 1) : e->max);
        out->loops |= e->max == HN_EXPR_FOREVER;
        break;
    case HN_EXPR_CALL: HN_TRY(measure_call(m, &m->rules->rules[e->rule], out)); break;
    case HN_EXPR_LIST: {
        struct size sep;
        HN_TRY(measure(m, e->sep, &sep));
        out->weight = plus(out->weight, times(sep.weight, e->n));
        out->loops |= sep.loops || e->many;
        break;
    }
    case HN_EXPR_SEQ:
    case HN_EXPR_ALT: break;
    }
    m->depth--;
    return HN_OK;
}

bool hn_expr_nullable(const struct hn_rules *rules, const struct hn_expr *e)
{
    switch (e->kind) {
    case HN_EXPR_BYTES: return !e->text.n;
    case HN_EXPR_CLASS: return false;
    case HN_EXPR_CALL: return rules->rules[e->rule].nullable;
    case HN_EXPR_REPEAT: return !e->min || hn_expr_nullable(rules, e->items[0]);
    case HN_EXPR_BOUNDED: return !e->min && hn_expr_nullable(rules, e->items[0]);
    case HN_EXPR_LIST:
    case HN_EXPR_SEQ:
    case HN_EXPR_ALT: break;
    }
    /* A list of items that may all be empty is empty only where one is given or all may lack. */
    bool all = true, any = false;
    for (uint32_t i = 0; i < e->n; i++) {
        const bool empty = hn_expr_nullable(rules, e->items[i]);
        all &= empty || (e->kind == HN_EXPR_LIST && e->optional[i]);
        any |= empty;
    }
    return e->kind == HN_EXPR_ALT ? any : all;
}

/* Which rules may be empty: what is found in one round may make others so. */
static void find_nullable(struct hn_rules *rules)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = rules->n; i-- > 0;) {
            struct hn_rule *r = &rules->rules[i];
            if (!r->done || r->nullable || !hn_expr_nullable(rules, r->body)) continue;
            r->nullable = changed = true;
        }
    }
}

enum hn_status hn_rules_measure(struct hn_rules *rules, struct hn_error *err)
{
    struct measure m = {.rules = rules, .err = err};
    const uint32_t n = rules->n;
    /* As if somebody called rule 0. */
    struct hn_expr *start = hn_expr_call(rules, 0);
    if (!start) return hn_rules_fail(rules, err);
    HN_TRY(count(&m, start));
    for (uint32_t i = 0; i < n; i++) {
        struct size size;
        if (rules->rules[i].done) HN_TRY(measure_call(&m, &rules->rules[i], &size));
    }
    find_nullable(rules);
    return HN_OK;
}
