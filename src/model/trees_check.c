#include "model/trees_check.h"

#include <stdlib.h>

#include "base/bits.h"

/* A tree's nodes as they are reached from the root. */
struct walk {
    const struct hn_forest *forest;
    const struct hn_forest_tree *tree;
    const char *what;
    size_t index; /* of the tree */
    unsigned char *seen;
    struct hn_error *err;
};

static enum hn_status fail(const struct walk *w, int32_t node, const char *why)
{
    return hn_fail(w->err, HN_E_FORMAT, "%s: tree %zu, node %d: %s", w->what, w->index, node, why);
}

/* first + count lies within `most`. */
static bool within(size_t first, size_t count, size_t most)
{
    return first <= most && count <= most - first;
}

static enum hn_status check_leaf(const struct walk *w, int32_t at)
{
    const struct hn_forest_node *node = &w->tree->nodes[at];
    const struct hn_forest *f = w->forest;
    if (w->tree->target == HN_FOREST_VECTOR && !within(node->first, f->n_targets, f->n_vectors))
        return fail(w, at, "the leaf's values are missing");
    if (!w->tree->linear) return HN_OK;
    if (!within(node->first, node->count, f->n_terms))
        return fail(w, at, "the leaf's terms are missing");
    for (size_t i = 0; i < node->count; i++)
        if (f->terms[node->first + i].feature >= f->n_features)
            return fail(w, at, "a term with a feature that the model does not have");
    return HN_OK;
}

static enum hn_status check_test(const struct walk *w, int32_t at)
{
    const struct hn_forest_node *node = &w->tree->nodes[at];
    const struct hn_forest *f = w->forest;
    if (node->test >= HN_TESTS || node->missing >= HN_MISSINGS)
        return fail(w, at, "an unknown kind of test");
    if (node->feature >= f->n_features)
        return hn_fail(w->err, HN_E_FORMAT,
                       "%s: tree %zu, node %d: feature %u, and the model has %zu", w->what,
                       w->index, at, node->feature, f->n_features);
    if (node->test == HN_TEST_CATEGORY || node->test == HN_TEST_CATEGORY_TRUNCATED) {
        if (!within(node->first, node->count, f->n_categories))
            return fail(w, at, "the node's categories are missing");
    } else if (node->test == HN_TEST_MEMBER) {
        if (!within(node->first, node->count, f->n_members))
            return fail(w, at, "the node's members are missing");
    }
    return HN_OK;
}

static enum hn_status check_child(struct walk *w, int32_t at, int32_t child)
{
    if (child < 0 || (size_t)child >= w->tree->n)
        return hn_fail(w->err, HN_E_FORMAT,
                       "%s: tree %zu, node %d: child %d is not one of the tree's %zu nodes",
                       w->what, w->index, at, child, w->tree->n);
    if (w->seen[child])
        return hn_fail(w->err, HN_E_FORMAT,
                       "%s: tree %zu, node %d: child %d has a parent already (a cycle?)", w->what,
                       w->index, at, child);
    w->seen[child] = 1;
    return HN_OK;
}

static enum hn_status order_tree(struct walk *w, struct hn_trees_order *out)
{
    int32_t *order = out->nodes;
    size_t n = 1;
    size_t level_end = 1;
    out->n = 1;
    out->depth = 0;
    order[0] = 0;
    w->seen[0] = 1;
    for (size_t at = 0; at < n; at++) {
        const struct hn_forest_node *node = &w->tree->nodes[order[at]];
        if (at == level_end) {
            level_end = n;
            if (++out->depth > HN_TREES_MAX_DEPTH)
                return fail(w, order[at], "the tree is too deep");
        }
        if (node->test == HN_TEST_LEAF) {
            HN_TRY(check_leaf(w, order[at]));
            continue;
        }
        HN_TRY(check_test(w, order[at]));
        HN_TRY(check_child(w, order[at], node->left));
        HN_TRY(check_child(w, order[at], node->right));
        order[n++] = node->left;
        order[n++] = node->right;
    }
    out->n = n;
    return HN_OK;
}

enum hn_status hn_trees_order(const struct hn_forest *forest, size_t index, const char *what,
                              struct hn_trees_order *out, struct hn_error *err)
{
    const struct hn_forest_tree *tree = &forest->trees[index];
    struct walk w = {.forest = forest, .tree = tree, .what = what, .index = index, .err = err};
    *out = (struct hn_trees_order){0};
    if (tree->n == 0) return hn_fail(err, HN_E_FORMAT, "%s: tree %zu has no nodes", what, index);
    if (tree->n > INT32_MAX)
        return hn_fail(err, HN_E_LIMIT, "%s: tree %zu has too many nodes", what, index);
    if (tree->target != HN_FOREST_VECTOR &&
        (tree->target < 0 || (size_t)tree->target >= forest->n_targets))
        return hn_fail(err, HN_E_FORMAT, "%s: tree %zu adds to an output that is not there", what,
                       index);
    w.seen = calloc(tree->n, 1);
    out->nodes = malloc(tree->n * sizeof *out->nodes);
    enum hn_status status = HN_OK;
    if (!w.seen || !out->nodes) status = hn_fail_nomem(err, "the order of a tree", tree->n);
    else status = order_tree(&w, out);
    free(w.seen);
    if (status < 0) hn_trees_order_free(out);
    return status;
}

void hn_trees_order_free(struct hn_trees_order *order)
{
    free(order->nodes);
    order->nodes = NULL;
}
