/* The block layout of trees: steps that decide every node, the children first. */
#ifndef HN_MODEL_TREES_STEPS_H
#define HN_MODEL_TREES_STEPS_H

#include "model/trees_impl.h"

/* Of each node that is no leaf: the byte column it asks, and the largest byte that goes left. */
struct hn_trees_places {
    uint32_t *column;
    uint8_t *bin;
};

/* Fills steps of the trees that have at most HN_TREE_LEAVES leaves. false: out of memory. */
bool hn_trees_lay_steps(struct hn_trees *trees, const struct hn_trees_places *places);

#endif
