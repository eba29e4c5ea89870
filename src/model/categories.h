/* The categories of a column by the names that they had where the model was trained. */
#ifndef HN_MODEL_CATEGORIES_H
#define HN_MODEL_CATEGORIES_H

#include "formats/forest.h"

struct hn_categories {
    struct hn_forest_names names; /* by their codes; n = 0: the column has none */
    const uint32_t *order;        /* [n] codes, their names ascending */
    bool like_numbers;            /* texts, and there are such among them as "7" */
};

/* Those of each feature, in the arena; NULL where the forest knows no names. */
enum hn_status hn_categories_copy(const struct hn_forest *forest, struct hn_arena *arena,
                                  const struct hn_categories **out, struct hn_error *err);

/* The code of a category; false: there is none of that name. A text that is a number names that number. */
bool hn_categories_find(const struct hn_categories *c, struct hn_str name, double *code);
bool hn_categories_find_number(const struct hn_categories *c, double number, double *code);

/* Appends the name of a category. */
void hn_categories_put(const struct hn_categories *c, size_t code, struct hn_buf *out);

#endif
