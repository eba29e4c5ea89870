#include "text/grammar_dfa.h"

#include <stdlib.h>

#include "base/bits.h"
#include "text/hash.h"

enum {
    MAX_EDGES = 1 << 20,
    MAX_CALLS = 1 << 20,
    MAX_WORK = 1 << 23, /* a fifth of a second at most */
    MAX_MEMBERS = 1 << 23,
    NONE = UINT32_MAX,
};

/* A set of nodes that is a state. */
struct set {
    uint32_t first, n; /* in `members` */
    uint64_t hash;
};

/* An arc of a set's member, but for those that cost nothing. */
struct way {
    uint32_t lo, hi, target;
};

struct subsets {
    struct hn_dfa *dfa;
    const struct hn_nfa *nfa;
    uint32_t base; /* the number of the rule's first state */
    struct set *sets;
    uint32_t n_sets, cap_sets;
    uint32_t *members;
    uint32_t n_members, cap_members;
    uint32_t *slots; /* of a hash table of sets */
    uint32_t n_slots;
    uint32_t *mark;  /* [n_nodes] == stamp: in the set that is being made */
    uint32_t *fresh; /* [n_nodes] that set */
    uint32_t n_fresh, stamp;
    struct way *ways; /* of the set that is looked at: bytes, then calls */
    uint32_t n_bytes, n_ways, cap_ways;
};

static enum hn_status reserve(struct hn_dfa *dfa, void *array, uint32_t n, uint32_t *cap,
                              size_t size, uint32_t most)
{
    if (n < *cap) return HN_OK;
    if (n >= most)
        return hn_fail(dfa->err, HN_E_LIMIT, "the grammar is too big: more than %u %s", most,
                       most == MAX_MEMBERS ? "places in its states" : "states or arcs");
    const uint32_t more = *cap ? *cap * 2 : 64;
    void *p = realloc(*(void **)array, more * size);
    if (!p) return hn_fail_nomem(dfa->err, "a grammar", more * size);
    *(void **)array = p;
    *cap = more;
    return HN_OK;
}

static enum hn_status spend(struct hn_dfa *dfa, uint32_t n)
{
    dfa->work += n;
    if (dfa->work <= MAX_WORK) return HN_OK;
    return hn_fail(dfa->err, HN_E_LIMIT, "the grammar is too ambiguous to compile");
}

/* Starts a set anew. */
static void clear_fresh(struct subsets *s)
{
    s->n_fresh = 0;
    s->stamp++;
}

static void add_fresh(struct subsets *s, uint32_t node)
{
    if (s->mark[node] == s->stamp) return;
    s->mark[node] = s->stamp;
    s->fresh[s->n_fresh++] = node;
}

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* What the fresh set can reach at no cost joins it; then those that only led there leave, so that equal
 * sets look equal. Node 1 is the end of the rule. Returns how many were looked at. */
static uint32_t close_fresh(struct subsets *s)
{
    const struct hn_nfa *nfa = s->nfa;
    uint32_t kept = 0, seen;
    for (uint32_t i = 0; i < s->n_fresh; i++)
        for (uint32_t a = nfa->first[s->fresh[i]]; a != NONE; a = nfa->arcs[a].next)
            if (nfa->arcs[a].kind == HN_ARC_FREE) add_fresh(s, nfa->arcs[a].target);
    seen = s->n_fresh;
    for (uint32_t i = 0; i < s->n_fresh; i++) {
        bool needed = s->fresh[i] == 1;
        for (uint32_t a = nfa->first[s->fresh[i]]; a != NONE && !needed; a = nfa->arcs[a].next)
            needed = nfa->arcs[a].kind != HN_ARC_FREE;
        if (needed) s->fresh[kept++] = s->fresh[i];
    }
    s->n_fresh = kept;
    qsort(s->fresh, kept, sizeof *s->fresh, by_number);
    return seen;
}

static enum hn_status grow_slots(struct subsets *s)
{
    const uint32_t n = s->n_slots ? s->n_slots * 2 : 256;
    uint32_t *slots = malloc(n * sizeof *slots);
    if (!slots) return hn_fail_nomem(s->dfa->err, "a grammar", n * sizeof *slots);
    memset(slots, 0xFF, n * sizeof *slots);
    for (uint32_t i = 0; i < s->n_sets; i++) {
        uint32_t at = (uint32_t)s->sets[i].hash & (n - 1);
        while (slots[at] != NONE)
            at = (at + 1) & (n - 1);
        slots[at] = i;
    }
    free(s->slots);
    s->slots = slots;
    s->n_slots = n;
    return HN_OK;
}

/* The state of the fresh set, new perhaps. */
static enum hn_status state_of_fresh(struct subsets *s, uint32_t *out)
{
    HN_TRY(spend(s->dfa, close_fresh(s) + 1));
    const size_t bytes = s->n_fresh * sizeof *s->fresh;
    const uint64_t hash = hn_hash_text((struct hn_str){(const char *)s->fresh, bytes}, 0);
    if (s->n_sets * 2 >= s->n_slots) HN_TRY(grow_slots(s));
    uint32_t at = (uint32_t)hash & (s->n_slots - 1);
    for (; s->slots[at] != NONE; at = (at + 1) & (s->n_slots - 1)) {
        const struct set *set = &s->sets[s->slots[at]];
        if (set->hash == hash && set->n == s->n_fresh &&
            (!bytes || memcmp(s->members + set->first, s->fresh, bytes) == 0)) {
            *out = s->base + s->slots[at];
            return HN_OK;
        }
    }
    HN_TRY(
        reserve(s->dfa, &s->sets, s->n_sets, &s->cap_sets, sizeof *s->sets, HN_GRAMMAR_MAX_STATES));
    while (s->cap_members < s->n_members + s->n_fresh)
        HN_TRY(reserve(s->dfa, &s->members, s->cap_members, &s->cap_members, sizeof *s->members,
                       MAX_MEMBERS));
    s->sets[s->n_sets] = (struct set){s->n_members, s->n_fresh, hash};
    if (bytes) memcpy(s->members + s->n_members, s->fresh, bytes);
    s->n_members += s->n_fresh;
    s->slots[at] = s->n_sets;
    *out = s->base + s->n_sets++;
    return HN_OK;
}

static int by_lo(const void *a, const void *b)
{
    const struct way *x = a, *y = b;
    return (x->lo > y->lo) - (x->lo < y->lo);
}

/* The ways out of a set, those by bytes first; both kinds in order. */
static enum hn_status gather(struct subsets *s, const struct set *set, bool *final)
{
    const struct hn_nfa *nfa = s->nfa;
    *final = false;
    s->n_ways = 0;
    for (int calls = 0; calls < 2; calls++) {
        if (calls) s->n_bytes = s->n_ways;
        for (uint32_t i = 0; i < set->n; i++) {
            const uint32_t node = s->members[set->first + i];
            *final |= node == 1;
            for (uint32_t a = nfa->first[node]; a != NONE; a = nfa->arcs[a].next) {
                const struct hn_arc *arc = &nfa->arcs[a];
                if (arc->kind != (calls ? HN_ARC_CALL : HN_ARC_BYTES)) continue;
                HN_TRY(reserve(s->dfa, &s->ways, s->n_ways, &s->cap_ways, sizeof *s->ways,
                               MAX_MEMBERS));
                s->ways[s->n_ways++] = (struct way){arc->lo, arc->hi, arc->target};
            }
        }
    }
    if (s->n_bytes) qsort(s->ways, s->n_bytes, sizeof *s->ways, by_lo);
    if (s->n_ways > s->n_bytes)
        qsort(s->ways + s->n_bytes, s->n_ways - s->n_bytes, sizeof *s->ways, by_lo);
    return HN_OK;
}

static enum hn_status add_edge(struct hn_dfa *dfa, uint32_t lo, uint32_t hi, uint32_t target)
{
    struct hn_grammar_edge *last = dfa->n_edges ? &dfa->edges[dfa->n_edges - 1] : NULL;
    const bool same_state = dfa->n_edges > dfa->states[dfa->n_states].edges;
    if (same_state && last->target == target && last->hi + 1u == lo) {
        last->hi = (uint8_t)hi;
        return HN_OK;
    }
    HN_TRY(reserve(dfa, &dfa->edges, dfa->n_edges, &dfa->cap_edges, sizeof *dfa->edges, MAX_EDGES));
    dfa->edges[dfa->n_edges++] = (struct hn_grammar_edge){target, (uint8_t)lo, (uint8_t)hi, 0};
    return HN_OK;
}

/* From the ways by bytes, which overlap, to edges, which do not: between two places where a way begins
 * or ends the same ways are open. */
static enum hn_status add_edges(struct subsets *s)
{
    bool cuts[257] = {false}; /* a piece begins here */
    for (uint32_t i = 0; i < s->n_bytes; i++)
        cuts[s->ways[i].lo] = cuts[s->ways[i].hi + 1] = true;
    for (uint32_t lo = 0, next; lo < 256; lo = next) {
        for (next = lo + 1; next < 256 && !cuts[next];)
            next++;
        clear_fresh(s);
        for (uint32_t i = 0; i < s->n_bytes && s->ways[i].lo <= lo; i++)
            if (s->ways[i].hi >= lo) add_fresh(s, s->ways[i].target);
        HN_TRY(spend(s->dfa, s->n_fresh));
        if (!s->n_fresh) continue;
        uint32_t target;
        HN_TRY(state_of_fresh(s, &target));
        HN_TRY(add_edge(s->dfa, lo, next - 1, target));
    }
    return HN_OK;
}

static enum hn_status add_calls(struct subsets *s)
{
    struct hn_dfa *dfa = s->dfa;
    for (uint32_t i = s->n_bytes; i < s->n_ways;) {
        const uint32_t rule = s->ways[i].lo;
        uint32_t back;
        clear_fresh(s);
        for (; i < s->n_ways && s->ways[i].lo == rule; i++)
            add_fresh(s, s->ways[i].target);
        HN_TRY(state_of_fresh(s, &back));
        HN_TRY(reserve(dfa, &dfa->calls, dfa->n_calls, &dfa->cap_calls, sizeof *dfa->calls,
                       MAX_CALLS));
        dfa->calls[dfa->n_calls++] = (struct hn_grammar_call){rule, back};
    }
    return HN_OK;
}

static enum hn_status add_states(struct subsets *s)
{
    struct hn_dfa *dfa = s->dfa;
    uint32_t start;
    clear_fresh(s);
    add_fresh(s, 0);
    HN_TRY(state_of_fresh(s, &start));
    for (uint32_t i = 0; i < s->n_sets; i++) {
        bool final;
        const struct set set = s->sets[i];
        HN_TRY(gather(s, &set, &final));
        HN_TRY(reserve(dfa, &dfa->states, dfa->n_states, &dfa->cap_states, sizeof *dfa->states,
                       HN_GRAMMAR_MAX_STATES));
        dfa->states[dfa->n_states] =
            (struct hn_grammar_state){.edges = dfa->n_edges, .calls = dfa->n_calls, .final = final};
        HN_TRY(spend(dfa, s->n_ways));
        HN_TRY(add_edges(s));
        HN_TRY(add_calls(s));
        dfa->n_states++;
    }
    return HN_OK;
}

enum hn_status hn_dfa_add(struct hn_dfa *dfa, const struct hn_nfa *nfa)
{
    struct subsets s = {.dfa = dfa, .nfa = nfa, .base = dfa->n_states};
    s.mark = calloc(nfa->n_nodes, sizeof *s.mark);
    s.fresh = malloc(nfa->n_nodes * sizeof *s.fresh);
    const enum hn_status status =
        s.mark && s.fresh ? add_states(&s)
                          : hn_fail_nomem(dfa->err, "a grammar", nfa->n_nodes * sizeof *s.mark);
    free(s.sets);
    free(s.members);
    free(s.slots);
    free(s.mark);
    free(s.fresh);
    free(s.ways);
    return status;
}

void hn_dfa_free(struct hn_dfa *dfa)
{
    free(dfa->states);
    free(dfa->edges);
    free(dfa->calls);
    *dfa = (struct hn_dfa){0};
}
