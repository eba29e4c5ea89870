/* From the automata of the rules to a grammar: what leads nowhere is dropped, rules are put in the order
 * in which they call each other, states that look alike find each other, everything becomes one block
 * of memory. */
#include <stdlib.h>

#include "base/bits.h"
#include "text/grammar_dfa.h"
#include "text/hash.h"

enum { NONE = UINT32_MAX };

struct builder {
    struct hn_rules *rules;
    struct hn_dfa dfa;
    struct hn_nfa nfa;
    struct hn_grammar_rule *starts; /* [rules->n] */
    uint32_t cap_starts;
    bool *ends;      /* [n_states] whether the rule's end can be reached */
    uint32_t *order; /* [rules->n] for walks over rules */
    struct hn_error *err;
};

/* All rules' automata. Rules that stand for repeated items come to the list on the way. */
static enum hn_status build_rules(struct builder *b)
{
    for (uint32_t i = 0; i < b->rules->n; i++) {
        if (i == b->cap_starts) {
            const uint32_t cap = b->cap_starts ? b->cap_starts * 2 : 64;
            struct hn_grammar_rule *more = realloc(b->starts, cap * sizeof *more);
            if (!more) return hn_fail_nomem(b->err, "a grammar", cap * sizeof *more);
            b->starts = more;
            b->cap_starts = cap;
        }
        b->starts[i] = (struct hn_grammar_rule){NONE, NONE};
        const struct hn_rule *rule = &b->rules->rules[i];
        if (!rule->done || (rule->inlined && i > 0)) continue;
        HN_TRY(hn_nfa_build(&b->nfa, i));
        b->starts[i].start = b->dfa.n_states;
        HN_TRY(hn_dfa_add(&b->dfa, &b->nfa));
    }
    struct hn_dfa *dfa = &b->dfa;
    /* One state more, where the arcs of the last one end. */
    struct hn_grammar_state *states =
        realloc(dfa->states, (dfa->n_states + 1) * sizeof *dfa->states);
    if (!states) return hn_fail_nomem(b->err, "a grammar", dfa->n_states * sizeof *states);
    dfa->states = states;
    states[dfa->n_states] = (struct hn_grammar_state){.edges = dfa->n_edges, .calls = dfa->n_calls};
    return HN_OK;
}

static bool call_ends(const struct builder *b, const struct hn_grammar_call *call)
{
    return b->ends[call->back] && b->ends[b->starts[call->rule].start];
}

static bool state_ends(const struct builder *b, uint32_t i)
{
    const struct hn_dfa *dfa = &b->dfa;
    const struct hn_grammar_state *s = &dfa->states[i];
    bool ends = s->final;
    for (uint32_t e = s->edges; e < s[1].edges && !ends; e++)
        ends = b->ends[dfa->edges[e].target];
    for (uint32_t c = s->calls; c < s[1].calls && !ends; c++)
        ends = call_ends(b, &dfa->calls[c]);
    return ends;
}

/* From which states the end of their rule can be reached. Arcs mostly lead to higher numbers, so going
 * down again and again finds most in the first round. */
static enum hn_status find_ends(struct builder *b)
{
    const struct hn_dfa *dfa = &b->dfa;
    uint64_t work = 0;
    b->ends = calloc(dfa->n_states, sizeof *b->ends);
    if (!b->ends) return hn_fail_nomem(b->err, "a grammar", dfa->n_states);
    for (bool changed = true; changed;) {
        changed = false;
        for (uint32_t i = dfa->n_states; i-- > 0;)
            if (!b->ends[i] && state_ends(b, i)) b->ends[i] = changed = true;
        work += dfa->n_states + dfa->n_edges;
        if (work > 1 << 28)
            return hn_fail(b->err, HN_E_LIMIT, "the grammar is too tangled to compile");
    }
    if (b->ends[b->starts[0].start]) return HN_OK;
    return hn_fail(b->err, HN_E_ARG,
                   "no text can match: every way through the grammar goes on without end, or "
                   "meets a choice of nothing");
}

/* Arcs that lead nowhere go. */
static void trim(struct builder *b)
{
    struct hn_dfa *dfa = &b->dfa;
    uint32_t n_edges = 0, n_calls = 0;
    for (uint32_t i = 0; i < dfa->n_states; i++) {
        struct hn_grammar_state *s = &dfa->states[i];
        const uint32_t e0 = s->edges, c0 = s->calls, e1 = s[1].edges, c1 = s[1].calls;
        s->edges = n_edges;
        s->calls = n_calls;
        for (uint32_t e = e0; e < e1; e++)
            if (b->ends[dfa->edges[e].target]) dfa->edges[n_edges++] = dfa->edges[e];
        for (uint32_t c = c0; c < c1; c++)
            if (call_ends(b, &dfa->calls[c])) dfa->calls[n_calls++] = dfa->calls[c];
        s->last = s->final && s->edges == n_edges && s->calls == n_calls;
    }
    dfa->states[dfa->n_states].edges = dfa->n_edges = n_edges;
    dfa->states[dfa->n_states].calls = dfa->n_calls = n_calls;
}

/* A rule's rank is one more than the highest of those whose first states call it. Rules are taken once
 * all those have theirs; where some are left, each calls itself before it has read anything. */
static enum hn_status rank(struct builder *b)
{
    const struct hn_dfa *dfa = &b->dfa;
    const uint32_t n = b->rules->n;
    uint32_t *callers = calloc(n, sizeof *callers); /* not yet taken */
    b->order = malloc(n * sizeof *b->order);
    if (!callers || !b->order) {
        free(callers);
        return hn_fail_nomem(b->err, "a grammar", n * sizeof *callers);
    }
    uint32_t head = 0, tail = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (b->starts[i].start == NONE) continue;
        const struct hn_grammar_state *s = &dfa->states[b->starts[i].start];
        for (uint32_t c = s->calls; c < s[1].calls; c++)
            callers[dfa->calls[c].rule]++;
    }
    for (uint32_t i = 0; i < n; i++)
        if (!callers[i]) b->order[tail++] = i;
    for (; head < tail; head++) {
        const uint32_t i = b->order[head];
        b->starts[i].rank = head;
        if (b->starts[i].start == NONE) continue;
        const struct hn_grammar_state *s = &dfa->states[b->starts[i].start];
        for (uint32_t c = s->calls; c < s[1].calls; c++)
            if (!--callers[dfa->calls[c].rule]) b->order[tail++] = dfa->calls[c].rule;
    }
    uint32_t left = 0;
    while (left < n && !callers[left])
        left++;
    free(callers);
    if (left == n) return HN_OK;
    return hn_fail(b->err, HN_E_UNSUPPORTED,
                   "the rule '%.*s' can call itself before it has read anything (left recursion); "
                   "put what repeats behind, as in  list ::= item (\",\" item)*",
                   HN_FMT(b->rules->rules[left].name));
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
    return hn_hash_mix(hash ^ value, 0x9E3779B97F4A7C15u);
}

/* Two states are alike to a depth of 0 when both or none end their rule, to a depth of k + 1 when the
 * same bytes and calls lead to states that are alike to a depth of k. Each round hashes a deeper view of
 * every state. Should two views collide, a mask would allow a wrong token, which the matcher then does
 * not accept: nobody gets a text that breaks his grammar. */
static void look_deeper(const struct hn_dfa *dfa, const uint64_t *old, uint64_t *view)
{
    for (uint32_t i = 0; i < dfa->n_states; i++) {
        const struct hn_grammar_state *s = &dfa->states[i];
        uint64_t h = mix(1, s->final);
        for (uint32_t e = s->edges; e < s[1].edges; e++) {
            const struct hn_grammar_edge *edge = &dfa->edges[e];
            h = mix(mix(h, (uint64_t)edge->lo << 8 | edge->hi), old[edge->target]);
        }
        for (uint32_t c = s->calls; c < s[1].calls; c++)
            h = mix(mix(h, (uint64_t)1 << 32 | dfa->calls[c].rule), old[dfa->calls[c].back]);
        view[i] = h;
    }
}

struct viewed {
    uint64_t view;
    uint32_t state;
};

static int by_view(const void *a, const void *b)
{
    const struct viewed *x = a, *y = b;
    if (x->view != y->view) return x->view < y->view ? -1 : 1;
    return (x->state > y->state) - (x->state < y->state);
}

static enum hn_status find_twins(struct builder *b)
{
    struct hn_dfa *dfa = &b->dfa;
    const uint32_t n = dfa->n_states;
    uint64_t *old = calloc(n, sizeof *old), *view = calloc(n, sizeof *view);
    struct viewed *sorted = calloc(n, sizeof *sorted);
    if (old && view && sorted) {
        for (uint32_t i = 0; i < n; i++)
            view[i] = dfa->states[i].final;
        for (unsigned round = 0; round < HN_GRAMMAR_HORIZON; round++) {
            uint64_t *swap = old;
            old = view;
            view = swap;
            look_deeper(dfa, old, view);
        }
        for (uint32_t i = 0; i < n; i++)
            sorted[i] = (struct viewed){view[i], i};
        qsort(sorted, n, sizeof *sorted, by_view);
        for (uint32_t i = 0; i < n; i++)
            dfa->states[sorted[i].state].twin = i && sorted[i].view == sorted[i - 1].view
                                                    ? dfa->states[sorted[i - 1].state].twin
                                                    : sorted[i].state;
    }
    const bool done = old && view && sorted;
    free(old);
    free(view);
    free(sorted);
    return done ? HN_OK : hn_fail_nomem(b->err, "a grammar", n * sizeof *sorted);
}

/* Bytes that begin or end no edge between them belong together. */
static uint32_t classify(const struct hn_dfa *dfa, uint8_t class_of[256])
{
    bool cuts[257] = {false};
    uint32_t class = 0;
    for (uint32_t e = 0; e < dfa->n_edges; e++)
        cuts[dfa->edges[e].lo] = cuts[dfa->edges[e].hi + 1] = true;
    for (uint32_t i = 0; i < 256; i++) {
        class += i && cuts[i];
        class_of[i] = (uint8_t) class;
    }
    return class + 1;
}

static enum hn_status pack(const struct builder *b, struct hn_grammar **out)
{
    static atomic_uint_least64_t serials;
    const struct hn_dfa *dfa = &b->dfa;
    const size_t rules = b->rules->n * sizeof(struct hn_grammar_rule);
    const size_t states = (dfa->n_states + 1) * sizeof(struct hn_grammar_state);
    const size_t edges = dfa->n_edges * sizeof(struct hn_grammar_edge);
    const size_t calls = dfa->n_calls * sizeof(struct hn_grammar_call);
    const size_t bytes = rules + states + edges + calls + 256;
    struct hn_grammar *g = calloc(1, sizeof *g + bytes);
    if (!g) return hn_fail_nomem(b->err, "a grammar", bytes);
    char *p = (char *)(g + 1);
    g->rules = memcpy(p, b->starts, rules);
    g->states = memcpy(p += rules, dfa->states, states);
    g->edges = edges ? memcpy(p + states, dfa->edges, edges) : (void *)(p + states);
    p += states + edges;
    g->calls = calls ? memcpy(p, dfa->calls, calls) : (void *)p;
    uint8_t *class_of = (uint8_t *)p + calls;
    g->n_classes = classify(dfa, class_of);
    g->class_of = class_of;
    g->n_rules = b->rules->n;
    g->n_states = dfa->n_states;
    g->n_edges = dfa->n_edges;
    g->n_calls = dfa->n_calls;
    g->bytes = bytes;
    g->hash = hn_hash_text((struct hn_str){(const char *)(g + 1), bytes}, 0);
    g->serial = atomic_fetch_add(&serials, 1) + 1;
    atomic_init(&g->references, 1);
    *out = g;
    return HN_OK;
}

static enum hn_status compile(struct builder *b, struct hn_grammar **out)
{
    HN_TRY(hn_rules_measure(b->rules, b->err));
    HN_TRY(build_rules(b));
    HN_TRY(find_ends(b));
    trim(b);
    HN_TRY(rank(b));
    HN_TRY(find_twins(b));
    return pack(b, out);
}

enum hn_status hn_rules_compile(struct hn_rules *rules, struct hn_grammar **out,
                                struct hn_error *err)
{
    struct builder b = {.rules = rules, .err = err};
    *out = NULL;
    b.dfa.err = b.nfa.err = err;
    b.nfa.rules = rules;
    const enum hn_status status = compile(&b, out);
    hn_nfa_free(&b.nfa);
    hn_dfa_free(&b.dfa);
    free(b.starts);
    free(b.ends);
    free(b.order);
    return status;
}

struct hn_grammar *hn_grammar_retain(struct hn_grammar *grammar)
{
    if (grammar) atomic_fetch_add(&grammar->references, 1);
    return grammar;
}

void hn_grammar_release(struct hn_grammar *grammar)
{
    if (grammar && atomic_fetch_sub(&grammar->references, 1) == 1) free(grammar);
}

bool hn_grammar_same(const struct hn_grammar *a, const struct hn_grammar *b)
{
    return a == b || (a->hash == b->hash && a->bytes == b->bytes && a->n_states == b->n_states &&
                      a->n_rules == b->n_rules && a->n_edges == b->n_edges &&
                      memcmp(a + 1, b + 1, a->bytes) == 0);
}

size_t hn_grammar_states(const struct hn_grammar *grammar)
{
    return grammar->n_states;
}
