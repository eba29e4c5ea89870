/* LightGBM's model text, versions 2 to 4: every kind of missing value, categories, linear trees, several
 * classes, random forests. */
#ifndef HN_FORMATS_LIGHTGBM_H
#define HN_FORMATS_LIGHTGBM_H

#include "formats/forest.h"

enum {
    HN_LGB_MAX_TREES = 1 << 20,
    HN_LGB_MAX_FEATURES = 1 << 24,
    HN_LGB_MAX_TARGETS = 1 << 16,
};

struct hn_lgb {
    struct hn_forest forest; /* wide; sums start at 0 */
    struct hn_str objective; /* "binary", without what follows */
    double sigmoid;          /* its parameter; 1 where it has none */
    bool root;               /* "regression sqrt": what is predicted is the root */
    size_t average_over;     /* of random forests: iterations, by which sums are divided; else 1 */
};

/* Reads a whole file's bytes, which must outlive the result. Errors name `what`, the tree and the field.
 * Close the result also after an error. */
enum hn_status hn_lgb_parse(struct hn_str bytes, const char *what, struct hn_lgb *out,
                            struct hn_error *err);

void hn_lgb_close(struct hn_lgb *model);

#endif
