/* The automata of all rules made deterministic, one after the other. */
#ifndef HN_TEXT_GRAMMAR_DFA_H
#define HN_TEXT_GRAMMAR_DFA_H

#include "text/grammar_impl.h"
#include "text/grammar_nfa.h"

/* Growing tables of what will be a grammar; as there, but a rule's start counts from 0. */
struct hn_dfa {
    struct hn_grammar_state *states;
    struct hn_grammar_edge *edges;
    struct hn_grammar_call *calls;
    uint32_t n_states, n_edges, n_calls;
    uint32_t cap_states, cap_edges, cap_calls;
    uint64_t work; /* done so far, in set members looked at */
    struct hn_error *err;
};

/* Adds the states of an automaton, the first of them its start (subset construction). HN_E_LIMIT when
 * they, or the work, are too many. */
enum hn_status hn_dfa_add(struct hn_dfa *dfa, const struct hn_nfa *nfa);
void hn_dfa_free(struct hn_dfa *dfa);

#endif
