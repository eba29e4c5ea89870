/* Where a text that follows a grammar may be: a set of states, each with the calls it has to come back
 * from. All ways through an ambiguous grammar are followed at once; what they have in common they share
 * (a graph-structured stack, Tomita 1985): calls of one rule at one place of the text are one node, with
 * a link to everything that called it. */
#ifndef HN_TEXT_GRAMMAR_STACKS_H
#define HN_TEXT_GRAMMAR_STACKS_H

#include "text/grammar_impl.h"

/* Enough for a thousand levels. */
enum { HN_STACKS_MAX_HEADS = 1024, HN_STACKS_MAX_NODES = 2048, HN_STACKS_MAX_LINKS = 4096 };

struct hn_head {
    uint32_t state, node; /* node 0: the bottom */
};

/* Where a called rule goes on when it ends. */
struct hn_link {
    uint32_t node, state; /* of the caller */
};

struct hn_stacks {
    uint32_t n_heads, n_nodes, n_links;
    uint32_t work;                             /* heads, links and calls looked at to make this */
    bool bottom;                               /* the text may end here: the bottom's rule ends */
    struct hn_head heads[HN_STACKS_MAX_HEADS]; /* by node, then by state */
    uint32_t ends[HN_STACKS_MAX_NODES]; /* of each node's links; node 0 has none. Links lead down */
    struct hn_link links[HN_STACKS_MAX_LINKS]; /* of a node by node, then by state */
};

/* Above the bottom stand `n` states (at most HN_STACKS_MAX_HEADS are looked at). */
void hn_stacks_begin(const struct hn_grammar *grammar, const uint32_t *states, size_t n,
                     struct hn_stacks *out);

/* What `in` becomes by a byte; no heads and no bottom if the byte may not come. `work` is scratch. False:
 * there is no room; `out` is as if it may not come. */
bool hn_stacks_step(const struct hn_grammar *grammar, const struct hn_stacks *in, uint8_t byte,
                    struct hn_stacks *work, struct hn_stacks *out);

/* Copies what is in use. */
void hn_stacks_copy(struct hn_stacks *to, const struct hn_stacks *from);

#endif
