#include "text/grammar_masker.h"

#include <stdlib.h>

#include "base/bits.h"
#include "text/hash.h"

/* A situation is a set of stacks over a bottom of which nothing is known. Situations are numbered as
 * they are met; a reference is the number and, in its lowest bits, what a walk has to know at once. */
enum {
    MAX_SITUATIONS = 1 << 15,
    SLOTS = 2 * MAX_SITUATIONS,
    UNKNOWN = 0, /* as reference */
    EMPTY = 1,   /* in it: no stack goes on ... */
    BOTTOM = 2,  /* ... a bottom's rule has ended */
    DEAD = 0 | EMPTY,
    NUMBER = 2, /* shift */
    /* Work is counted in nodes of the vocabulary looked at, of some nanoseconds each. */
    MAX_STEPS = 1 << 23,   /* for one mask */
    FIRST_STEPS = 1 << 27, /* of a text: a third of a second, while its grammar is found out, ... */
    STEPS_A_TOKEN = 1 << 16, /* ... and more for each of its tokens: 0.2 ms */
};

/* What a situation says of one of the trees of tokens. */
struct part {
    bool known, dense; /* dense: tokens are bits, else numbers */
    uint32_t n_tokens, n_exits;
    const uint32_t *tokens; /* those allowed whatever is below the bottom */
    const uint32_t *exits;  /* nodes of the tree where the bottom's rule ends, with more behind */
};

struct hn_situation {
    uint64_t serial, hash; /* of the grammar and of all */
    uint32_t n_data;
    const uint32_t *data; /* struct hn_stacks, packed */
    uint32_t *next;       /* [n_classes] references */
    struct part parts[HN_MASKER_TRIES];
};

/* NULL when the memory is used up. */
static void *take(struct hn_masker *m, size_t bytes)
{
    bytes = hn_round_up(bytes, 8);
    if (bytes > m->memory - m->used) return NULL;
    void *p = m->pool + m->used;
    m->used += bytes;
    return p;
}

static void forget_all(struct hn_masker *m)
{
    m->used = 0;
    m->n_situations = 1;
    memset(m->slots, 0, SLOTS * sizeof *m->slots);
}

/* Packs stacks into m->data; returns the words. */
static uint32_t pack(struct hn_masker *m, const struct hn_stacks *s)
{
    uint32_t *p = m->data;
    *p++ = s->n_heads;
    *p++ = s->n_nodes;
    *p++ = s->n_links;
    *p++ = s->bottom;
    memcpy(p, s->heads, s->n_heads * sizeof *s->heads);
    p += s->n_heads * 2;
    memcpy(p, s->ends, s->n_nodes * sizeof *s->ends);
    p += s->n_nodes;
    memcpy(p, s->links, s->n_links * sizeof *s->links);
    p += s->n_links * 2;
    return (uint32_t)(p - m->data);
}

static void unpack(const uint32_t *p, struct hn_stacks *s)
{
    s->n_heads = *p++;
    s->n_nodes = *p++;
    s->n_links = *p++;
    s->bottom = *p++;
    memcpy(s->heads, p, s->n_heads * sizeof *s->heads);
    p += s->n_heads * 2;
    memcpy(s->ends, p, s->n_nodes * sizeof *s->ends);
    p += s->n_nodes;
    memcpy(s->links, p, s->n_links * sizeof *s->links);
}

/* The reference of stacks, which are noted if they are new. HN_E_LIMIT: there is no room. */
static enum hn_status refer(struct hn_masker *m, const struct hn_grammar *g,
                            const struct hn_stacks *s, uint32_t *out)
{
    const uint32_t flags = (s->n_heads ? 0 : EMPTY) | (s->bottom ? BOTTOM : 0);
    if (flags == DEAD) {
        *out = DEAD;
        return HN_OK;
    }
    const uint32_t n = pack(m, s);
    m->steps += n;
    const struct hn_str bytes = {(const char *)m->data, n * sizeof *m->data};
    const uint64_t hash = hn_hash_text(bytes, g->serial);
    uint32_t at = (uint32_t)hash & (SLOTS - 1);
    for (; m->slots[at]; at = (at + 1) & (SLOTS - 1)) {
        const struct hn_situation *old = &m->situations[m->slots[at]];
        if (old->hash == hash && old->serial == g->serial && old->n_data == n &&
            memcmp(old->data, m->data, bytes.n) == 0) {
            *out = m->slots[at] << NUMBER | flags;
            return HN_OK;
        }
    }
    uint32_t *data = take(m, bytes.n), *next = take(m, g->n_classes * sizeof *next);
    if (!data || !next || m->n_situations == MAX_SITUATIONS) return HN_E_LIMIT;
    memcpy(data, m->data, bytes.n);
    memset(next, 0, g->n_classes * sizeof *next);
    m->situations[m->n_situations] = (struct hn_situation){
        .serial = g->serial, .hash = hash, .n_data = n, .data = data, .next = next};
    m->slots[at] = m->n_situations;
    *out = m->n_situations++ << NUMBER | flags;
    return HN_OK;
}

/* The situation of states of one rule, or of their twins. */
static enum hn_status refer_states(struct hn_masker *m, const struct hn_grammar *g,
                                   const uint32_t *states, uint32_t n, uint32_t *out)
{
    hn_stacks_begin(g, states, n, &m->after);
    return refer(m, g, &m->after, out);
}

static enum hn_status step(struct hn_masker *m, const struct hn_grammar *g, uint32_t ref,
                           uint8_t byte, uint32_t *out)
{
    const struct hn_situation *here = &m->situations[ref >> NUMBER];
    uint32_t *next = &here->next[g->class_of[byte]];
    if (*next == UNKNOWN) {
        unpack(here->data, &m->before);
        hn_stacks_step(g, &m->before, byte, &m->work, &m->after);
        m->steps += 256 + m->after.work / 4;
        HN_TRY(refer(m, g, &m->after, next));
    }
    *out = *next;
    return HN_OK;
}

/* A walk over a tree of tokens. */
struct walk {
    struct hn_masker *masker;
    const struct hn_grammar *grammar;
    const struct hn_trie *trie;
    const struct hn_stacks *stacks; /* what is below the bottom; NULL: exits are noted instead */
    uint32_t *bits;                 /* where allowed tokens are marked */
};

static void allow(const struct walk *w, int32_t token)
{
    for (; token >= 0; token = w->masker->same[token])
        w->bits[token / 32] |= 1u << (token % 32);
}

static enum hn_status leave(const struct walk *w, uint32_t node, uint32_t below, uint32_t depth);

/* Looks at what is below a node of the tree, from a situation above node `below` of the stacks. */
static enum hn_status walk(const struct walk *w, uint32_t node, uint32_t ref, uint32_t below,
                           uint32_t depth)
{
    struct hn_masker *m = w->masker;
    const struct hn_trie_node *nodes = w->trie->nodes;
    const uint32_t top = depth;
    m->refs[depth] = ref;
    m->ends[depth] = nodes[node].end;
    for (uint32_t i = node + 1;;) {
        while (i == m->ends[depth]) {
            if (depth == top) return HN_OK;
            depth--;
        }
        const struct hn_trie_node here = nodes[i];
        const bool more = here.end > i + 1;
        uint32_t next;
        if (m->steps++ >= MAX_STEPS) return HN_E_LIMIT;
        HN_TRY(step(m, w->grammar, m->refs[depth], (uint8_t)here.byte, &next));
        if (next == DEAD) {
            i = here.end;
            continue;
        }
        allow(w, here.token);
        if (more && next & BOTTOM) HN_TRY(leave(w, i, below, depth + 1));
        if (!more || next & EMPTY) {
            i = here.end;
            continue;
        }
        depth++;
        m->refs[depth] = next;
        m->ends[depth] = here.end;
        i++;
    }
}

/* A rule ends with the bytes that lead to a node of the tree: those behind are up to its callers. */
static enum hn_status leave(const struct walk *w, uint32_t node, uint32_t below, uint32_t depth)
{
    struct hn_masker *m = w->masker;
    const struct hn_stacks *s = w->stacks;
    if (!s) {
        m->exits[m->n_exits++] = node;
        return HN_OK;
    }
    if (!below) return HN_OK;
    for (uint32_t l = s->ends[below - 1], end; l < s->ends[below]; l = end) {
        uint32_t n = 0, ref;
        const uint32_t caller = s->links[l].node;
        for (end = l; end < s->ends[below] && s->links[end].node == caller; end++)
            if (n < HN_STACKS_MAX_HEADS) m->callers[n++] = s->links[end].state;
        HN_TRY(refer_states(m, w->grammar, m->callers, n, &ref));
        if (ref & BOTTOM) HN_TRY(leave(w, node, caller, depth));
        if (!(ref & EMPTY)) HN_TRY(walk(w, node, ref, caller, depth));
    }
    return HN_OK;
}

/* Keeps what was noted, tokens in the smaller of two forms. */
static enum hn_status keep(struct hn_masker *m, struct part *part)
{
    uint32_t n = 0;
    for (size_t i = 0; i < m->n_words; i++)
        n += (uint32_t)__builtin_popcount(m->noted[i]);
    const bool dense = n > m->n_words;
    uint32_t *tokens = take(m, (dense ? m->n_words : n) * sizeof *tokens);
    uint32_t *exits = take(m, m->n_exits * sizeof *exits);
    if (!tokens || !exits) return HN_E_LIMIT;
    if (dense) memcpy(tokens, m->noted, m->n_words * sizeof *tokens);
    if (m->n_exits) memcpy(exits, m->exits, m->n_exits * sizeof *exits);
    for (size_t i = 0, at = 0; !dense && i < m->n_words; i++)
        for (uint32_t bits = m->noted[i]; bits; bits &= bits - 1)
            tokens[at++] = (uint32_t)(i * 32 + (unsigned)__builtin_ctz(bits));
    *part = (struct part){true, dense, n, m->n_exits, tokens, exits};
    return HN_OK;
}

static enum hn_status part_of(struct hn_masker *m, const struct hn_grammar *g, uint32_t ref,
                              unsigned trie, const struct part **out)
{
    struct part *part = &m->situations[ref >> NUMBER].parts[trie];
    *out = part;
    if (part->known) return HN_OK;
    const struct walk w = {m, g, &m->tries[trie], NULL, m->noted};
    memset(m->noted, 0, m->n_words * sizeof *m->noted);
    m->n_exits = 0;
    HN_TRY(walk(&w, 0, ref, 0, 0));
    return keep(m, part);
}

/* Allows what states above one node of the stacks allow. */
static enum hn_status allow_group(struct hn_masker *m, const struct hn_grammar *g,
                                  const struct hn_stacks *s, uint32_t node, const uint32_t *states,
                                  uint32_t n)
{
    uint32_t twins[HN_STACKS_MAX_HEADS], refs[HN_MASKER_TRIES];
    for (uint32_t i = 0; i < n; i++)
        twins[i] = g->states[states[i]].twin;
    HN_TRY(refer_states(m, g, twins, n, &refs[0]));
    HN_TRY(refer_states(m, g, states, n, &refs[1]));
    for (unsigned t = 0; t < HN_MASKER_TRIES; t++) {
        const struct part *part;
        if (refs[t] & EMPTY) continue;
        HN_TRY(part_of(m, g, refs[t], t, &part));
        for (size_t i = 0; part->dense && i < m->n_words; i++)
            m->allowed[i] |= part->tokens[i];
        for (uint32_t i = 0; !part->dense && i < part->n_tokens; i++)
            m->allowed[part->tokens[i] / 32] |= 1u << (part->tokens[i] % 32);
        const struct walk w = {m, g, &m->tries[t], s, m->allowed};
        for (uint32_t i = 0; node && i < part->n_exits; i++)
            HN_TRY(leave(&w, part->exits[i], node, 0));
    }
    return HN_OK;
}

static enum hn_status make_mask(struct hn_masker *m, const struct hn_matcher *matcher)
{
    const struct hn_stacks *s = &matcher->stacks;
    memset(m->allowed, 0, m->n_words * sizeof *m->allowed);
    m->steps = 0;
    for (uint32_t i = 0, end; i < s->n_heads && !matcher->ended; i = end) {
        uint32_t states[HN_STACKS_MAX_HEADS], n = 0;
        for (end = i; end < s->n_heads && s->heads[end].node == s->heads[i].node; end++)
            states[n++] = s->heads[end].state;
        HN_TRY(allow_group(m, matcher->grammar, s, s->heads[i].node, states, n));
    }
    for (size_t i = 0; hn_matcher_may_end(matcher) && i < m->n_words; i++)
        m->allowed[i] |= m->eog[i];
    return HN_OK;
}

/* A grammar that is the same as one the masker knows things of becomes that one; another is known from
 * now on. */
static void recognise(struct hn_masker *m, struct hn_matcher *matcher)
{
    struct hn_grammar *grammar = matcher->grammar;
    matcher->masker = m;
    for (unsigned i = 0; i < HN_MASKER_KNOWN; i++) {
        if (!m->known[i] || !hn_grammar_same(m->known[i], grammar)) continue;
        matcher->grammar = hn_grammar_retain(m->known[i]);
        hn_grammar_release(grammar);
        return;
    }
    const uint32_t at = m->next_known++ % HN_MASKER_KNOWN;
    hn_grammar_release(m->known[at]);
    m->known[at] = hn_grammar_retain(grammar);
}

enum hn_status hn_matcher_mask(struct hn_matcher *matcher, struct hn_masker *m,
                               const uint32_t **allowed, struct hn_error *err)
{
    *allowed = m->allowed;
    if (hn_trigger_waits(matcher)) {
        if (!hn_trigger_mask(matcher, m)) *allowed = NULL;
        return HN_OK;
    }
    if (matcher->masker != m) recognise(m, matcher);
    enum hn_status status = make_mask(m, matcher);
    if (status == HN_E_LIMIT && m->steps < MAX_STEPS) { /* the memory is full */
        forget_all(m);
        status = make_mask(m, matcher);
    }
    matcher->steps += m->steps;
    matcher->allowance += STEPS_A_TOKEN;
    if (status == HN_OK && matcher->steps > FIRST_STEPS + matcher->allowance) status = HN_E_LIMIT;
    if (status == HN_OK) return HN_OK;
    return hn_fail(err, status, "the grammar is too ambiguous here to say what may come next");
}

static enum hn_status fill(struct hn_masker *m, struct hn_error *err)
{
    const size_t size = hn_tokenizer_size(m->tokenizer);
    m->n_words = hn_div_up(size, 32);
    m->same = malloc(size * sizeof *m->same);
    m->eog = calloc(m->n_words, sizeof *m->eog);
    m->allowed = calloc(m->n_words, sizeof *m->allowed);
    m->noted = calloc(m->n_words, sizeof *m->noted);
    m->situations = malloc(MAX_SITUATIONS * sizeof *m->situations);
    m->slots = malloc(SLOTS * sizeof *m->slots);
    m->pool = malloc(m->memory);
    if (!m->same || !m->eog || !m->allowed || !m->noted || !m->situations || !m->slots || !m->pool)
        return hn_fail_nomem(err, "token masks", m->memory);
    HN_TRY(hn_trie_build(&m->tries[0], m->tokenizer, 1, HN_GRAMMAR_HORIZON, m->same, err));
    HN_TRY(
        hn_trie_build(&m->tries[1], m->tokenizer, HN_GRAMMAR_HORIZON + 1, SIZE_MAX, m->same, err));
    const size_t nodes = hn_max(m->tries[0].n, m->tries[1].n);
    m->exits = malloc(nodes * sizeof *m->exits);
    if (!m->exits) return hn_fail_nomem(err, "token masks", nodes * sizeof *m->exits);
    for (size_t i = 0; i < size; i++)
        if (hn_tokenizer_is_eog(m->tokenizer, (int32_t)i)) m->eog[i / 32] |= 1u << (i % 32);
    forget_all(m);
    return HN_OK;
}

enum hn_status hn_masker_create(const struct hn_tokenizer *tokenizer, size_t memory,
                                struct hn_masker **out, struct hn_error *err)
{
    *out = NULL;
    struct hn_masker *m = calloc(1, sizeof *m);
    if (!m) return hn_fail_nomem(err, "token masks", sizeof *m);
    m->tokenizer = tokenizer;
    m->memory = memory;
    const enum hn_status status = fill(m, err);
    if (status < 0) {
        hn_masker_destroy(m);
        return status;
    }
    *out = m;
    return HN_OK;
}

void hn_masker_destroy(struct hn_masker *masker)
{
    if (!masker) return;
    for (unsigned i = 0; i < HN_MASKER_KNOWN; i++)
        hn_grammar_release(masker->known[i]);
    for (unsigned i = 0; i < HN_MASKER_TRIES; i++)
        hn_trie_free(&masker->tries[i]);
    free(masker->same);
    free(masker->eog);
    free(masker->allowed);
    free(masker->noted);
    free(masker->exits);
    free(masker->situations);
    free(masker->slots);
    free(masker->pool);
    free(masker);
}
