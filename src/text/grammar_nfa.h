/* The body of a rule as a nondeterministic automaton (Thompson, 1968) over bytes and calls. */
#ifndef HN_TEXT_GRAMMAR_NFA_H
#define HN_TEXT_GRAMMAR_NFA_H

#include "text/grammar_expr.h"

enum hn_arc_kind {
    HN_ARC_FREE,  /* costs nothing */
    HN_ARC_BYTES, /* a byte from lo to hi */
    HN_ARC_CALL,  /* rule lo */
    HN_ARC_CHARS, /* while a bounded expression is built: a character from lo to hi */
};

struct hn_arc {
    enum hn_arc_kind kind;
    bool json; /* of characters */
    uint32_t lo, hi, target;
    uint32_t next; /* of the same node; UINT32_MAX: none */
};

/* Node 0 is where the body starts and node 1 where it ends. */
struct hn_nfa {
    struct hn_rules *rules;
    struct hn_error *err;
    struct hn_arc *arcs;
    uint32_t *first; /* [n_nodes] the node's first arc */
    uint32_t n_arcs, cap_arcs, n_nodes, cap_nodes;
    bool as_chars; /* classes become arcs of characters */
};

/* Finds out about every rule what struct hn_rule has: which may be empty, which are put in place where
 * they are called. HN_E_FORMAT: one has no body. */
enum hn_status hn_rules_measure(struct hn_rules *rules, struct hn_error *err);

/* Whether a tree may be empty, by what is known of the rules so far. */
bool hn_expr_nullable(const struct hn_rules *rules, const struct hn_expr *e);

/* Replaces the automaton by that of a rule. Repetitions of what is not small become calls of new rules,
 * added behind the others. */
enum hn_status hn_nfa_build(struct hn_nfa *nfa, uint32_t rule);
void hn_nfa_free(struct hn_nfa *nfa);

#endif
