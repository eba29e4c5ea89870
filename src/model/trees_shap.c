#include "model/trees_shap.h"

/* TreeSHAP (Lundberg, Erion, Lee 2018, "Consistent individualized feature attribution for tree
 * ensembles", algorithm 2), in double precision. */

/* A feature on the way down: the shares of rows that pass its tests when it is not known and when it is,
 * and the weight of the subsets of so many features. */
struct hn_shap_part {
    uint32_t feature;
    double zero, one;
    double weight;
};

struct walk {
    const struct hn_trees *trees;
    const struct hn_trees_tree *tree;
    const double *columns;
    double *phi;   /* [n_features + 1] */
    size_t target; /* which of a leaf's values */
};

static void extend(struct hn_shap_part *path, size_t depth, double zero, double one,
                   uint32_t feature)
{
    path[depth] = (struct hn_shap_part){feature, zero, one, depth == 0 ? 1 : 0};
    for (size_t i = depth; i-- > 0;) {
        path[i + 1].weight += one * path[i].weight * (double)(i + 1) / (double)(depth + 1);
        path[i].weight = zero * path[i].weight * (double)(depth - i) / (double)(depth + 1);
    }
}

static void unwind(struct hn_shap_part *path, size_t depth, size_t at)
{
    const double one = path[at].one;
    const double zero = path[at].zero;
    double next = path[depth].weight;
    for (size_t i = depth; i-- > 0;) {
        if (one != 0) {
            const double was = path[i].weight;
            path[i].weight = next * (double)(depth + 1) / ((double)(i + 1) * one);
            next = was - path[i].weight * zero * (double)(depth - i) / (double)(depth + 1);
        } else {
            path[i].weight = path[i].weight * (double)(depth + 1) / (zero * (double)(depth - i));
        }
    }
    for (size_t i = at; i < depth; i++) {
        path[i].feature = path[i + 1].feature;
        path[i].zero = path[i + 1].zero;
        path[i].one = path[i + 1].one;
    }
}

/* What the weights would sum to without the part at `at`. */
static double unwound_sum(const struct hn_shap_part *path, size_t depth, size_t at)
{
    const double one = path[at].one;
    const double zero = path[at].zero;
    double next = path[depth].weight;
    double sum = 0;
    for (size_t i = depth; i-- > 0;) {
        if (one != 0) {
            const double part = next * (double)(depth + 1) / ((double)(i + 1) * one);
            sum += part;
            next = path[i].weight - part * zero * (double)(depth - i) / (double)(depth + 1);
        } else if (zero != 0) {
            sum += path[i].weight / zero / ((double)(depth - i) / (double)(depth + 1));
        }
    }
    return sum;
}

static double value_of(const struct walk *w, uint32_t at)
{
    const struct hn_trees *t = w->trees;
    const size_t from = w->tree->first_value + w->target * w->tree->n_leaves +
                        t->leaves[w->tree->first_node + at].leaf;
    return t->wide ? t->values[from] : (double)t->narrow_values[from];
}

static void add_leaf(const struct walk *w, const struct hn_shap_part *path, size_t depth,
                     uint32_t at)
{
    const double value = value_of(w, at);
    for (size_t i = 1; i <= depth; i++)
        w->phi[path[i].feature] +=
            unwound_sum(path, depth, i) * (path[i].one - path[i].zero) * value;
}

/* From a node on; `above` is its parent's path of `depth` parts, with room for this one's behind it. At
 * most HN_SHAP_MAX_DEPTH deep. */
static void descend(const struct walk *w, uint32_t at, size_t depth, struct hn_shap_part *above,
                    double zero, double one, uint32_t feature)
{
    const struct hn_trees *t = w->trees;
    const struct hn_trees_node *node = &t->nodes[w->tree->first_node + at];
    const double *covers = t->covers + w->tree->first_node;
    struct hn_shap_part *path = above + depth;
    for (size_t i = 0; i < depth; i++)
        path[i] = above[i];
    extend(path, depth, zero, one, feature);
    if (node->left == at) {
        add_leaf(w, path, depth, at);
        return;
    }
    const uint32_t right = w->columns[node->column] >= node->threshold;
    const uint32_t hot = node->left + right;
    const uint32_t cold = node->left + !right;
    const uint32_t asks = t->columns[node->column].feature;
    double incoming_zero = 1;
    double incoming_one = 1;
    size_t same = 1; /* the part of the same feature, which this test refines */
    while (same <= depth && path[same].feature != asks)
        same++;
    if (same <= depth) {
        incoming_zero = path[same].zero;
        incoming_one = path[same].one;
        unwind(path, depth, same);
        depth--;
    }
    descend(w, hot, depth + 1, path, covers[hot] / covers[at] * incoming_zero, incoming_one, asks);
    descend(w, cold, depth + 1, path, covers[cold] / covers[at] * incoming_zero, 0, asks);
}

/* The mean of the leaves, weighted by cover, from the leaves up: children stand behind parents. `means`
 * has room for the tree's nodes. */
static double expected(const struct walk *w, double *means)
{
    const struct hn_trees_node *nodes = w->trees->nodes + w->tree->first_node;
    const double *covers = w->trees->covers + w->tree->first_node;
    for (uint32_t at = w->tree->n_nodes; at-- > 0;) {
        const uint32_t left = nodes[at].left;
        means[at] = left == at ? value_of(w, at)
                               : (means[left] * covers[left] + means[left + 1] * covers[left + 1]) /
                                     covers[at];
    }
    return means[0];
}

size_t hn_shap_path_bytes(const struct hn_trees *trees)
{
    size_t deepest = 0;
    for (size_t i = 0; i < trees->n_trees; i++)
        if (trees->trees[i].depth > deepest) deepest = trees->trees[i].depth;
    return (deepest + 2) * (deepest + 3) / 2 * sizeof(struct hn_shap_part);
}

void hn_shap_expected(const struct hn_trees *trees, double *means, double *out)
{
    for (size_t i = 0; i < trees->n_trees; i++) {
        struct walk w = {.trees = trees, .tree = &trees->trees[i]};
        const bool vector = w.tree->target == HN_FOREST_VECTOR;
        for (size_t t = 0; t < (vector ? trees->n_targets : 1); t++) {
            w.target = t;
            out[vector ? t : (size_t)w.tree->target] += expected(&w, means);
        }
    }
}

void hn_shap_row(const struct hn_trees *trees, const double *columns, struct hn_shap_part *path,
                 double *phi)
{
    for (size_t i = 0; i < trees->n_trees; i++) {
        struct walk w = {.trees = trees, .tree = &trees->trees[i], .columns = columns};
        const bool vector = w.tree->target == HN_FOREST_VECTOR;
        if (w.tree->n_leaves == 1) continue;
        for (size_t t = 0; t < (vector ? trees->n_targets : 1); t++) {
            w.target = t;
            w.phi = phi + (vector ? t : (size_t)w.tree->target) * (trees->n_features + 1);
            descend(&w, 0, 0, path, 1, 1, HN_TREES_NONE);
        }
    }
}
