/* What a run wants to know of a graph: which nodes are left, who reads what, where values die. */
#include <stdlib.h>

#include "model/graph/graph_impl.h"

/* Calls f for every slot that the node reads: inputs, and what graphs in it take from around. */
#define EACH_READ(node, slot, statement)                                                           \
    do {                                                                                           \
        for (size_t i_ = 0; i_ < (node)->n_in; i_++) {                                             \
            const int32_t slot = (node)->in[i_];                                                   \
            if (slot != HN_NO_SLOT) statement;                                                     \
        }                                                                                          \
        for (size_t a_ = 0; a_ < (node)->n_attrs; a_++) {                                          \
            const struct hn_attr *attr_ = &(node)->attrs[a_];                                      \
            for (size_t b_ = 0; attr_->bodies && b_ < attr_->value->n; b_++)                       \
                for (size_t c_ = 0; c_ < attr_->bodies[b_]->n_captures; c_++) {                    \
                    const int32_t slot = attr_->bodies[b_]->captures[c_].outer;                    \
                    statement;                                                                     \
                }                                                                                  \
        }                                                                                          \
    } while (0)

/* Nodes whose outputs nobody reads. They go from the last to the first, so that what they alone read goes
 * with them. */
static void drop_unread(struct hn_body *body)
{
    for (size_t i = 0; i < body->n_slots; i++) {
        body->slots[i].readers = 0;
        body->slots[i].output = false;
    }
    for (size_t i = 0; i < body->n_outputs; i++) {
        if (body->outputs[i] == HN_NO_SLOT) continue;
        body->slots[body->outputs[i]].readers++;
        body->slots[body->outputs[i]].output = true;
    }
    for (size_t i = body->n_nodes; i-- > 0;) {
        struct hn_node *node = &body->nodes[i];
        bool read = false;
        for (size_t o = 0; o < node->n_out; o++)
            read = read || body->slots[node->first_out + (int32_t)o].readers;
        if (!read) node->dead = true;
        if (node->dead) continue;
        EACH_READ(node, slot, body->slots[slot].readers++);
    }
    size_t left = 0;
    for (size_t i = 0; i < body->n_nodes; i++) {
        struct hn_node *node = &body->nodes[i];
        if (!node->dead) body->nodes[left++] = *node;
        else if (node->state) node->state->free(node->state);
    }
    body->n_nodes = left;
}

static enum hn_status find_deaths(struct hn_body *body, struct hn_error *err)
{
    struct hn_graph *graph = body->graph;
    bool *seen = calloc(body->n_slots + 1, 1);
    if (!seen) return hn_fail_nomem(err, "values", body->n_slots);
    enum hn_status status = HN_OK;
    for (size_t i = body->n_nodes; i-- > 0 && status >= 0;) {
        struct hn_node *node = &body->nodes[i];
        size_t most = node->n_out;
        EACH_READ(node, slot, most += !seen[slot]);
        node->n_dies = 0;
        node->dies = hn_arena_alloc(&graph->arena, most, sizeof *node->dies);
        if (!node->dies) {
            status = hn_fail_nomem(err, "values", most * sizeof *node->dies);
            break;
        }
#define DIE(slot)                                                                                  \
    do {                                                                                           \
        const struct hn_slot *it_ = &body->slots[slot];                                            \
        if (!seen[slot] && !it_->output && !it_->constant) node->dies[node->n_dies++] = (slot);    \
        seen[slot] = true;                                                                         \
    } while (0)
        for (size_t o = 0; o < node->n_out; o++)
            DIE(node->first_out + (int32_t)o);
        EACH_READ(node, slot, DIE(slot));
#undef DIE
    }
    free(seen);
    return status;
}

enum hn_status hn_graph_finish(struct hn_graph *graph, struct hn_error *err)
{
    /* Bodies around come first in the list; nodes that go take their graphs with them, so that what those
     * captured is no longer read. */
    for (size_t i = 0; i < graph->n_bodies; i++) {
        drop_unread(graph->bodies[i]);
        HN_TRY(find_deaths(graph->bodies[i], err));
    }
    return HN_OK;
}
