/* The shape of a tree, checked. */
#ifndef HN_MODEL_TREES_CHECK_H
#define HN_MODEL_TREES_CHECK_H

#include "model/trees_impl.h"

/* The nodes that the root leads to, level by level: siblings stand side by side. */
struct hn_trees_order {
    int32_t *nodes; /* owned; numbers in the forest's tree */
    size_t n;
    uint32_t depth;
};

/* Follows tree `index` from its root: children that are there and have one parent, features that the
 * model has, sets within their tables, no more levels than HN_TREES_MAX_DEPTH. */
enum hn_status hn_trees_order(const struct hn_forest *forest, size_t index, const char *what,
                              struct hn_trees_order *out, struct hn_error *err);
void hn_trees_order_free(struct hn_trees_order *order);

#endif
