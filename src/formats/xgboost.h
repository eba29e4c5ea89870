/* XGBoost models, as JSON or UBJSON, of versions 1.0 to 3.x: gbtree and dart, every objective, with
 * categories and with leaves of several targets. */
#ifndef HN_FORMATS_XGBOOST_H
#define HN_FORMATS_XGBOOST_H

#include "formats/forest.h"

enum {
    HN_XGB_MAX_TREES = 1 << 20,
    HN_XGB_MAX_FEATURES = 1 << 24,
    HN_XGB_MAX_TARGETS = 1 << 16,
};

struct hn_xgb {
    struct hn_forest forest;  /* base is NULL: what base_score comes to depends on the objective */
    struct hn_str objective;  /* "binary:logistic" */
    const double *base_score; /* [n_base_score], as the file has it: before the link */
    size_t n_base_score;      /* 1 or forest.n_targets */
    size_t n_classes;         /* of multi:*; 0 otherwise */
    unsigned version; /* of the library that wrote it: 301 for 3.1; 0 where it does not say */
};

/* An attribute "classes" of the model that is a JSON list of as many texts as there are targets names them:
 * the format has no place for that, and whoever trained it can say bst.set_attr(classes='["no", "yes"]').
 *
 * Reads a whole file's bytes, which must outlive the result. Errors name `what`, the tree and the
 * field. Close the result also after an error. */
enum hn_status hn_xgb_parse(struct hn_str bytes, const char *what, struct hn_xgb *out,
                            struct hn_error *err);

void hn_xgb_close(struct hn_xgb *model);

#endif
