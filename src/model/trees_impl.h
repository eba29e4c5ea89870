/* What the files of the trees share. */
#ifndef HN_MODEL_TREES_IMPL_H
#define HN_MODEL_TREES_IMPL_H

#include <math.h>

#include "model/trees.h"

/* A value that nodes ask for: a feature for which being missing is settled (minus infinity passes no
 * threshold, infinity all), or the outcome of a test that is no threshold (0: it holds, 1). A row's are
 * never NaN. */
struct hn_trees_column {
    uint32_t feature;
    uint8_t test;    /* HN_TEST_LESS: the feature itself */
    uint8_t missing; /* enum hn_forest_missing */
    bool missing_left;
    bool always;  /* with a test: it holds whatever the feature is, unless that is missing */
    double value; /* of HN_TEST_EQUAL */
    size_t first; /* sets: words of `bits`, or items of `members`, sorted */
    size_t count;
};

/* A node for walking: on to `left` where the column's value is below the threshold, to left + 1 where
 * not. A leaf is its own left child, with NaN for a threshold. */
struct hn_trees_node {
    double threshold;
    uint32_t left; /* within the tree */
    uint32_t column;
};

/* Thresholds of one feature, at most 255 of them, and the byte columns that count how many of them a row
 * has passed: one per way of settling that the feature is missing. NONE where no node asks. */
struct hn_trees_bin {
    uint32_t feature;
    uint8_t missing;
    size_t first; /* thresholds, ascending */
    size_t count;
    uint32_t column[2]; /* [missing_left] */
};

enum {
    HN_TREES_BIN = 255,            /* thresholds of a bin at most */
    HN_TREES_CATEGORIES = 1 << 24, /* categories are below; floats tell so many apart */
    HN_TREES_SET_BYTES = 1 << 30,  /* of sets of categories, in all */
};
#define HN_TREES_NONE UINT32_MAX

struct hn_trees_tree {
    size_t first_node;
    uint32_t n_nodes;
    uint32_t depth; /* tests on the longest way down */
    int32_t target;
    bool linear;
    size_t first_step; /* block layout; n_leaves > HN_TREE_LEAVES: none */
    size_t first_value;
    uint32_t n_steps;
    uint32_t n_leaves;
};

/* What a leaf is called; of other nodes without meaning. */
struct hn_trees_leaf {
    uint32_t leaf;  /* among the tree's leaves: its value stands at first_value + leaf */
    int32_t number; /* in the forest's list of nodes */
};

/* terms[first, first + count), which come to the intercept. */
struct hn_trees_linear {
    size_t first, count;
    double intercept;
};

struct hn_trees {
    bool wide;
    size_t n_features;
    size_t n_targets;
    enum hn_forest_sum sum;
    bool plain;   /* not wide, sums, and each leaf adds one value: the usual */
    double *base; /* [n_targets] */
    const struct hn_kernels *kernels;

    struct hn_trees_tree *trees;
    size_t n_trees;
    struct hn_trees_node *nodes;
    struct hn_trees_leaf *leaves; /* [n_nodes] */
    double *covers;               /* [n_nodes] */
    const char *unexplained;      /* why contributions cannot be told; NULL where they can */
    size_t n_nodes;

    struct hn_trees_column *columns;
    size_t n_columns;
    uint32_t *bits; /* sets of categories */
    double *members;

    /* The block layout. Byte columns: those of the bins, then one per column with a test. */
    struct hn_trees_bin *bins;
    size_t n_bins;
    double *thresholds;       /* of bins, where wide */
    float *narrow_thresholds; /* where not */
    size_t n_byte_columns;
    uint32_t *byte_column; /* [n_columns]: of those with a test */
    struct hn_tree_step *steps;
    /* Of leaves of linear trees, by the place of their values; NULL where there are no such trees. */
    struct hn_trees_linear *linear;
    struct hn_forest_term *terms;
    /* What leaves add: of each tree [n_leaves], or [n_targets][n_leaves] where it adds to all. */
    double *values;
    float *narrow_values;

    struct hn_arena arena;
};

#endif
