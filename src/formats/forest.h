/* Decision trees as files tell of them: one plain description for XGBoost, LightGBM and the tree
 * operators of ONNX. Nothing here is checked but that the arrays are there; hn_trees_build
 * (model/trees.h) checks children, features and shape before anything follows them. */
#ifndef HN_FORMATS_FOREST_H
#define HN_FORMATS_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

/* What a node asks of its feature x. A test that holds leads to the left child. */
enum hn_forest_test {
    HN_TEST_LEAF,               /* nothing: the node is a leaf */
    HN_TEST_LESS,               /* x < threshold */
    HN_TEST_LESS_EQUAL,         /* x <= threshold */
    HN_TEST_EQUAL,              /* x == threshold */
    HN_TEST_CATEGORY,           /* trunc(x) is in the set; a negative x never is */
    HN_TEST_CATEGORY_TRUNCATED, /* likewise, but -0.5 is category 0 */
    HN_TEST_MEMBER,             /* x is one of the values */
    HN_TESTS
};

/* Which x are missing: the test is not asked then, `missing_left` is. */
enum hn_forest_missing {
    HN_MISSING_NAN,
    HN_MISSING_ZERO, /* NaN, and what is within 1e-35 of zero */
    HN_MISSING_NONE, /* none: NaN counts as 0 */
    HN_MISSINGS
};

struct hn_forest_node {
    int32_t left; /* nodes of the same tree */
    int32_t right;
    uint32_t feature;
    uint8_t test;    /* enum hn_forest_test */
    uint8_t missing; /* enum hn_forest_missing */
    bool missing_left;
    double value; /* the threshold; of a leaf what it adds */
    double cover; /* training weight that came by, for contributions; 0 where unknown */
    /* CATEGORY*: forest->categories[first, first + count); MEMBER: forest->members likewise; a leaf of
     * a tree whose target is HN_FOREST_VECTOR: forest->vectors[first, first + n_targets); of a linear
     * tree: forest->terms[first, first + count), which come to `intercept`. */
    size_t first;
    size_t count;
    double intercept;
};

enum { HN_FOREST_VECTOR = -1 };

struct hn_forest_tree {
    struct hn_forest_node *nodes; /* the root first */
    size_t n;
    int32_t target;     /* the output that its leaves add to, or HN_FOREST_VECTOR: all of them */
    double weight;      /* its leaves count so many times (dart); 1 usually */
    int32_t first_leaf; /* leaves are called by their place in `nodes` less this */
    bool linear; /* leaves are linear models; where a term's feature is NaN, their value counts */
};

/* A term of a linear leaf. */
struct hn_forest_term {
    uint32_t feature;
    double coefficient;
};

/* What a feature's categories were called, category i being item i of one of these. n = 0: not known. */
struct hn_forest_names {
    const struct hn_str *texts;
    const double *numbers;
    size_t n;
};

enum hn_forest_sum { HN_FOREST_SUM, HN_FOREST_MIN, HN_FOREST_MAX };

struct hn_forest {
    bool wide; /* features, thresholds and sums are double; float otherwise */
    size_t n_features;
    size_t n_targets;
    struct hn_forest_tree *trees;
    size_t n_trees;
    const double *base;     /* [n_targets] where sums start; NULL: at 0 */
    enum hn_forest_sum sum; /* how the trees of one target come together */

    const uint32_t *categories;
    size_t n_categories;
    const double *members;
    size_t n_members;
    const double *vectors;
    size_t n_vectors; /* doubles in it */
    const struct hn_forest_term *terms;
    size_t n_terms;

    const struct hn_str *feature_names;           /* [n_features], or NULL */
    const struct hn_str *target_names;            /* [n_targets]: of classes, or NULL */
    const struct hn_forest_names *category_names; /* [n_features], or NULL */
    struct hn_arena arena; /* whoever fills the description may keep it here */
};

#endif
