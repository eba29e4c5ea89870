/* What each feature contributes to a row's sums: exact Shapley values of the trees. */
#ifndef HN_MODEL_TREES_SHAP_H
#define HN_MODEL_TREES_SHAP_H

#include "model/trees_impl.h"

enum { HN_SHAP_MAX_DEPTH = 512 }; /* of trees that are explained */

struct hn_shap_part;

/* Memory for the way down the deepest tree. */
size_t hn_shap_path_bytes(const struct hn_trees *trees);

/* Adds what the trees come to on average to out [n_targets]. means: room for the nodes of any tree. */
void hn_shap_expected(const struct hn_trees *trees, double *means, double *out);

/* Adds a row's contributions to phi [n_targets][n_features + 1]. */
void hn_shap_row(const struct hn_trees *trees, const double *columns, struct hn_shap_part *path,
                 double *phi);

#endif
