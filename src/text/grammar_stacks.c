#include "text/grammar_stacks.h"

#include <stdlib.h>
#include <string.h>

enum { DROPPED = UINT32_MAX };

static void clear(struct hn_stacks *s)
{
    s->n_heads = s->n_links = s->work = 0;
    s->n_nodes = 1;
    s->ends[0] = 0;
    s->bottom = false;
}

/* False: there is no room. */
static bool add_head(struct hn_stacks *s, uint32_t state, uint32_t node)
{
    s->work += s->n_heads + 1;
    for (uint32_t i = s->n_heads; i-- > 0;)
        if (s->heads[i].state == state && s->heads[i].node == node) return true;
    if (s->n_heads == HN_STACKS_MAX_HEADS) return false;
    s->heads[s->n_heads++] = (struct hn_head){state, node};
    return true;
}

static uint32_t first_link(const struct hn_stacks *s, uint32_t node)
{
    return node ? s->ends[node - 1] : 0;
}

/* Where a rule ends its callers go on, perhaps at their ends, too. */
static bool leave_rules(const struct hn_grammar *g, struct hn_stacks *s)
{
    for (uint32_t i = 0; i < s->n_heads; i++) {
        const struct hn_head h = s->heads[i];
        if (!g->states[h.state].final) continue;
        if (!h.node) s->bottom = true;
        for (uint32_t l = first_link(s, h.node); l < s->ends[h.node]; l++)
            if (!add_head(s, s->links[l].state, s->links[l].node)) return false;
    }
    return true;
}

static int by_node_and_state(const void *a, const void *b)
{
    const struct hn_head *x = a, *y = b;
    if (x->node != y->node) return x->node < y->node ? -1 : 1;
    return (x->state > y->state) - (x->state < y->state);
}

/* Heads that can go nowhere leave, then nodes that nothing leads to. What is left is put in order. */
static void tidy(const struct hn_grammar *g, struct hn_stacks *s)
{
    uint32_t new_number[HN_STACKS_MAX_NODES], n = 0, links = 0;
    for (uint32_t i = 0; i < s->n_heads; i++)
        if (!g->states[s->heads[i].state].last) s->heads[n++] = s->heads[i];
    s->n_heads = n;
    memset(new_number, 0xFF, s->n_nodes * sizeof *new_number);
    for (uint32_t i = 0; i < s->n_heads; i++)
        new_number[s->heads[i].node] = 0;
    new_number[0] = 0;
    for (uint32_t i = s->n_nodes; i-- > 1;)
        for (uint32_t l = first_link(s, i); new_number[i] != DROPPED && l < s->ends[i]; l++)
            new_number[s->links[l].node] = 0;
    n = 0;
    for (uint32_t i = 0, l = 0; i < s->n_nodes; i++) {
        const uint32_t end = s->ends[i];
        if (new_number[i] == DROPPED) {
            l = end;
            continue;
        }
        for (; l < end; l++)
            s->links[links++] = (struct hn_link){new_number[s->links[l].node], s->links[l].state};
        new_number[i] = n;
        s->ends[n++] = links;
    }
    s->n_nodes = n;
    s->n_links = links;
    for (uint32_t i = 0; i < s->n_heads; i++)
        s->heads[i].node = new_number[s->heads[i].node];
    if (s->n_heads < 2) return;
    qsort(s->heads, s->n_heads, sizeof *s->heads, by_node_and_state);
    n = 1;
    for (uint32_t i = 1; i < s->n_heads; i++)
        if (by_node_and_state(&s->heads[i], &s->heads[n - 1])) s->heads[n++] = s->heads[i];
    s->n_heads = n;
}

void hn_stacks_begin(const struct hn_grammar *g, const uint32_t *states, size_t n,
                     struct hn_stacks *out)
{
    clear(out);
    for (size_t i = 0; i < n && i < HN_STACKS_MAX_HEADS; i++) {
        out->heads[out->n_heads++] = (struct hn_head){states[i], 0};
        out->bottom |= g->states[states[i]].final;
    }
    tidy(g, out);
}

void hn_stacks_copy(struct hn_stacks *to, const struct hn_stacks *from)
{
    to->n_heads = from->n_heads;
    to->n_nodes = from->n_nodes;
    to->n_links = from->n_links;
    to->bottom = from->bottom;
    memcpy(to->heads, from->heads, from->n_heads * sizeof *to->heads);
    memcpy(to->ends, from->ends, from->n_nodes * sizeof *to->ends);
    memcpy(to->links, from->links, from->n_links * sizeof *to->links);
}

/* A call that is still to be made. */
struct wish {
    uint32_t rank, rule, back, node;
};

struct wishes {
    struct wish list[HN_STACKS_MAX_LINKS];
    uint32_t n;
};

static bool add_wishes(const struct hn_grammar *g, struct wishes *w, struct hn_head h)
{
    const struct hn_grammar_state *s = &g->states[h.state];
    for (uint32_t c = s->calls; c < s[1].calls; c++) {
        const struct hn_grammar_call call = g->calls[c];
        if (w->n == HN_STACKS_MAX_LINKS) return false;
        w->list[w->n++] = (struct wish){g->rules[call.rule].rank, call.rule, call.back, h.node};
    }
    return true;
}

/* Into the last node. */
static bool add_link(struct hn_stacks *s, uint32_t state, uint32_t node)
{
    const uint32_t top = s->n_nodes - 1;
    uint32_t at = s->ends[top];
    s->work += at - first_link(s, top) + 1;
    for (; at > first_link(s, top); at--) {
        const struct hn_link l = s->links[at - 1];
        if (l.node == node && l.state == state) return true;
        if (l.node < node || (l.node == node && l.state < state)) break;
    }
    if (s->n_links == HN_STACKS_MAX_LINKS) return false;
    memmove(s->links + at + 1, s->links + at, (s->n_links - at) * sizeof *s->links);
    s->links[at] = (struct hn_link){node, state};
    s->ends[top] = ++s->n_links;
    return true;
}

/* Into the last node: where a caller goes on. One that has nothing left to do is left out: its own
 * callers go on at once, so that lists written as recursions need no stack. */
static bool come_back(const struct hn_grammar *g, struct hn_stacks *s, uint32_t state,
                      uint32_t node)
{
    if (!node || !g->states[state].last) return add_link(s, state, node);
    for (uint32_t l = first_link(s, node); l < s->ends[node]; l++)
        if (!add_link(s, s->links[l].state, s->links[l].node)) return false;
    return true;
}

/* Makes the calls of all heads and of the rules they call. By rank: then all callers of a rule are known
 * before it is entered. */
static bool enter_rules(const struct hn_grammar *g, struct hn_stacks *s)
{
    struct wishes w;
    w.n = 0;
    for (uint32_t i = 0; i < s->n_heads; i++)
        if (!add_wishes(g, &w, s->heads[i])) return false;
    while (w.n) {
        uint32_t first = 0, left = 0;
        s->work += 2 * w.n;
        for (uint32_t i = 1; i < w.n; i++)
            if (w.list[i].rank < w.list[first].rank) first = i;
        const uint32_t rule = w.list[first].rule;
        if (s->n_nodes == HN_STACKS_MAX_NODES) return false;
        s->ends[s->n_nodes++] = s->n_links;
        for (uint32_t i = 0; i < w.n; i++) {
            if (w.list[i].rule != rule) w.list[left++] = w.list[i];
            else if (!come_back(g, s, w.list[i].back, w.list[i].node)) return false;
        }
        w.n = left;
        if (!add_head(s, g->rules[rule].start, s->n_nodes - 1) ||
            !add_wishes(g, &w, s->heads[s->n_heads - 1]))
            return false;
    }
    return true;
}

/* The state that a byte leads to; UINT32_MAX: none. */
static uint32_t target_of(const struct hn_grammar *g, uint32_t state, uint8_t byte)
{
    const struct hn_grammar_state *s = &g->states[state];
    uint32_t lo = s->edges, hi = s[1].edges;
    while (lo < hi) {
        const uint32_t mid = lo + (hi - lo) / 2;
        const struct hn_grammar_edge edge = g->edges[mid];
        if (byte < edge.lo) hi = mid;
        else if (byte > edge.hi) lo = mid + 1;
        else return edge.target;
    }
    return UINT32_MAX;
}

bool hn_stacks_step(const struct hn_grammar *g, const struct hn_stacks *in, uint8_t byte,
                    struct hn_stacks *work, struct hn_stacks *out)
{
    hn_stacks_copy(work, in);
    work->work = 0;
    bool fits = enter_rules(g, work);
    out->n_heads = 0;
    out->work = work->work;
    out->bottom = false;
    out->n_nodes = work->n_nodes;
    out->n_links = work->n_links;
    memcpy(out->ends, work->ends, work->n_nodes * sizeof *out->ends);
    memcpy(out->links, work->links, work->n_links * sizeof *out->links);
    for (uint32_t i = 0; i < work->n_heads && fits; i++) {
        const uint32_t target = target_of(g, work->heads[i].state, byte);
        if (target != UINT32_MAX) fits = add_head(out, target, work->heads[i].node);
    }
    if (fits) fits = leave_rules(g, out);
    const uint32_t done = out->work;
    if (!fits) clear(out);
    tidy(g, out);
    out->work = done;
    return fits;
}
