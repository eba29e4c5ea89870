#include "model/trees_steps.h"

enum { MAX_NODES = 2 * HN_TREE_LEAVES - 1 };

/* Slots for results are given out as registers are to an expression (Sethi and Ullman 1970): of two
 * subtrees the one that needs more goes first. A tree of 256 leaves needs 8. */
struct lay {
    const struct hn_trees *trees;
    const struct hn_trees_tree *tree;
    const struct hn_trees_places *places;
    uint8_t need[MAX_NODES];
    struct hn_tree_step *steps;
    size_t n;
};

static const struct hn_trees_node *node_of(const struct lay *l, uint32_t at)
{
    return &l->trees->nodes[l->tree->first_node + at];
}

static bool is_leaf(const struct lay *l, uint32_t at)
{
    return node_of(l, at)->left == at;
}

/* Children stand behind their parents. */
static void count_needs(struct lay *l)
{
    for (uint32_t at = l->tree->n_nodes; at-- > 0;) {
        if (is_leaf(l, at)) {
            l->need[at] = 0;
            continue;
        }
        const uint32_t left = node_of(l, at)->left;
        const uint8_t a = l->need[left];
        const uint8_t b = l->need[left + 1];
        l->need[at] = (uint8_t)(a == b ? a + 1 : a > b ? a : b);
    }
}

static uint16_t slot_of_leaf(const struct lay *l, uint32_t at)
{
    return (uint16_t)l->trees->leaves[l->tree->first_node + at].leaf;
}

/* Steps for the subtree at a node that is no leaf; its result goes to `slot`, and slots behind it are
 * free. At most 255 deep. */
static void lay_subtree(struct lay *l, uint32_t at, uint16_t slot)
{
    const uint32_t left = node_of(l, at)->left;
    const bool right_first = l->need[left + 1] > l->need[left];
    uint16_t operand[2];
    uint16_t free_slot = slot;
    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t side = right_first ? 1 - i : i;
        if (is_leaf(l, left + side)) {
            operand[side] = slot_of_leaf(l, left + side);
            continue;
        }
        lay_subtree(l, left + side, free_slot);
        operand[side] = free_slot++;
    }
    const size_t node = l->tree->first_node + at;
    l->steps[l->n++] = (struct hn_tree_step){.column = l->places->column[node],
                                             .bin = l->places->bin[node],
                                             .a = operand[0],
                                             .b = operand[1],
                                             .out = slot};
}

bool hn_trees_lay_steps(struct hn_trees *trees, const struct hn_trees_places *places)
{
    size_t n = 0;
    for (size_t i = 0; i < trees->n_trees; i++)
        if (trees->trees[i].n_leaves <= HN_TREE_LEAVES) n += trees->trees[i].n_leaves - 1;
    struct lay l = {.trees = trees, .places = places};
    l.steps = trees->steps = hn_arena_alloc(&trees->arena, n, sizeof *trees->steps);
    if (!l.steps) return false;
    for (size_t i = 0; i < trees->n_trees; i++) {
        struct hn_trees_tree *tree = &trees->trees[i];
        tree->first_step = l.n;
        if (tree->n_leaves > HN_TREE_LEAVES) continue;
        l.tree = tree;
        count_needs(&l);
        if (tree->n_leaves > 1) lay_subtree(&l, 0, HN_TREE_LEAVES);
        tree->n_steps = (uint32_t)(l.n - tree->first_step);
    }
    return true;
}
