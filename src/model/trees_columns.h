/* The columns that a forest's nodes ask for, each once. */
#ifndef HN_MODEL_TREES_COLUMNS_H
#define HN_MODEL_TREES_COLUMNS_H

#include "model/trees_impl.h"

/* Zero-initialised is empty. */
struct hn_trees_columns {
    struct hn_trees_column *items; /* owned, as all */
    size_t n;
    size_t cap;
    uint32_t *table; /* of a hash table: number + 1; a power of two, `mask` + 1 */
    size_t mask;
};

/* The number of a column like this one, added where there was none; HN_TREES_NONE when out of memory. */
uint32_t hn_trees_column_of(struct hn_trees_columns *columns, const struct hn_trees_column *like);
void hn_trees_columns_free(struct hn_trees_columns *columns);

#endif
