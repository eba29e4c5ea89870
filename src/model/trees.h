/* Decision trees that run: a forest (formats/forest.h) checked, laid out in two ways, and evaluated.
 *
 * One row walks its trees node by node. Many rows go in blocks: their features are replaced by how many
 * of the model's thresholds each has passed, a byte, and then every node of a tree is decided for all
 * rows of the block at once, from the leaves up, without a branch (docs/decisions/0020). Both find the
 * same leaves, and a row's sums add in the trees' order, so that a result depends on the row alone. */
#ifndef HN_MODEL_TREES_H
#define HN_MODEL_TREES_H

#include "base/pool.h"
#include "formats/forest.h"
#include "kernels/kernels.h"

enum {
    HN_TREES_MAX_NODES = 1 << 28, /* in all */
    HN_TREES_MAX_DEPTH = 1 << 12,
};

struct hn_trees;

/* Checks and lays out. Errors name `what`, the tree and the node. The forest is not kept, except that
 * its feature names are none of the trees' business. */
enum hn_status hn_trees_build(const struct hn_forest *forest, const struct hn_kernels *kernels,
                              const char *what, struct hn_trees **out, struct hn_error *err);
void hn_trees_close(struct hn_trees *trees); /* NULL is fine */

/* Bytes that the layouts take. */
size_t hn_trees_bytes(const struct hn_trees *trees);

/* Memory for evaluating: one thread's at a time. `pool` (NULL: the calling thread alone) shares the rows
 * of large batches. */
struct hn_trees_run;
enum hn_status hn_trees_run_begin(const struct hn_trees *trees, struct hn_pool *pool,
                                  struct hn_trees_run **out, struct hn_error *err);
void hn_trees_run_end(struct hn_trees_run *run); /* NULL is fine */

/* x: [rows][n_features] of float, or of double where the forest is wide.
 * out: [rows][n_targets] likewise: what the leaves come to. */
void hn_trees_sums(struct hn_trees_run *run, const void *x, size_t rows, void *out);

/* out: [rows][n_trees], the number that each leaf has in its tree's list of nodes. */
void hn_trees_leaves(struct hn_trees_run *run, const void *x, size_t rows, int32_t *out);

/* Why contributions cannot be told; NULL where they can. */
const char *hn_trees_unexplained(const struct hn_trees *trees);

/* out: [rows][n_targets][n_features + 1] of float or double: what each feature contributes (exact
 * TreeSHAP), and last what stands without any; together they are the sums. HN_E_UNSUPPORTED where they
 * cannot be told. */
enum hn_status hn_trees_contributions(struct hn_trees_run *run, const void *x, size_t rows,
                                      void *out, struct hn_error *err);

#endif
