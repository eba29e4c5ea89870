/* The compiled form of a grammar. Only what compiles and follows it looks inside. */
#ifndef HN_TEXT_GRAMMAR_IMPL_H
#define HN_TEXT_GRAMMAR_IMPL_H

#include <stdatomic.h>
#include <stdint.h>

#include "text/grammar.h"

/* States that agree on every text of up to so many bytes have the same `twin`. */
enum { HN_GRAMMAR_HORIZON = 16 };

struct hn_grammar_edge {
    uint32_t target;
    uint8_t lo, hi;
    uint16_t unused; /* 0: grammars are compared as bytes */
};

struct hn_grammar_call {
    uint32_t rule, back; /* the state to go on in after it */
};

/* A state's edges, disjoint and ascending, and calls (each of another rule) end where those of the
 * next state begin. */
struct hn_grammar_state {
    uint32_t edges, calls;
    uint32_t twin;
    uint16_t final; /* the rule may end here */
    uint16_t last;  /* ... and must: there are neither edges nor calls */
};

struct hn_grammar_rule {
    uint32_t start;
    uint32_t rank; /* a rule that another's first state calls has a higher one than that */
};

struct hn_grammar {
    atomic_uint references;
    uint64_t serial; /* no two grammars of a process have the same */
    uint64_t hash;   /* of the tables */
    size_t bytes;    /* of the tables, which lie behind this struct */
    uint32_t n_rules, n_states, n_edges, n_calls, n_classes;
    const struct hn_grammar_rule *rules;   /* texts start with rule 0 */
    const struct hn_grammar_state *states; /* [n_states + 1] */
    const struct hn_grammar_edge *edges;
    const struct hn_grammar_call *calls;
    const uint8_t *class_of; /* [256]: bytes that no edge tells apart have the same */
};

#endif
