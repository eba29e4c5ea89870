/* Decision trees as the operators of ai.onnx.ml write them, on their way to model/trees.h. */
#ifndef HN_MODEL_GRAPH_OP_TREES_H
#define HN_MODEL_GRAPH_OP_TREES_H

#include "model/graph/op.h"
#include "model/trees.h"

/* In TreeEnsemble's order. */
enum hn_tree_mode {
    HN_TREE_LEQ,
    HN_TREE_LT,
    HN_TREE_GTE,
    HN_TREE_GT,
    HN_TREE_EQ,
    HN_TREE_NEQ,
    HN_TREE_MEMBER,
    HN_TREE_LEAF,
};

struct hn_tree_node {
    enum hn_tree_mode mode;
    uint32_t feature;
    bool missing_true; /* NaN goes where the test holds */
    double value;
    size_t if_true, if_false; /* nodes of the source */
    size_t first_member, n_members;
    size_t first_vote, n_votes; /* of a leaf; hn_tree_source_build fills them */
};

/* What a leaf adds to a target. */
struct hn_tree_vote {
    size_t node, target;
    double weight;
    size_t place; /* in the file: the order in which a leaf's votes add up */
};

/* All trees of a node, read but not checked. Freed by its owner, its arrays made by malloc. */
struct hn_tree_source {
    struct hn_tree_node *nodes;
    struct hn_tree_vote *votes;
    size_t *roots;   /* nodes */
    double *members; /* what MEMBER nodes look for */
    size_t n, n_votes, n_roots, n_members;
    bool wide;         /* thresholds are doubles */
    size_t n_features; /* filled by hn_tree_source_build */
};

/* What it holds; and the trees that it describes, which the caller closes (hn_trees_close). */
void hn_tree_source_free(struct hn_tree_source *source);
enum hn_status hn_tree_source_build(struct hn_op *op, struct hn_tree_source *source, size_t targets,
                                    enum hn_forest_sum sum, struct hn_trees **out);

/* How doubles are rounded for trees of floats, so that tests come out as with doubles. */
enum hn_tree_rounding { HN_TREE_NEAREST, HN_TREE_UP, HN_TREE_DOWN };
enum hn_tree_rounding hn_tree_source_rounding(const struct hn_tree_source *source);

struct hn_tree_model {
    struct hn_trees *trees;
    size_t n_features, n_targets;
    bool wide;
    enum hn_tree_rounding rounding;
};

/* [n][n_targets] sums for the rows of input 0; they live until the operator returns. */
enum hn_status hn_tree_model_sums(struct hn_op *op, const struct hn_tree_model *model, size_t *n,
                                  double **out);

#endif
