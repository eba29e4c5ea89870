/* XGBoost's and LightGBM's models as predictors: one input of rows, outputs "predictions" and, on
 * request, "margin" (before the link), "leaf" and "contributions". */
#ifndef HN_MODEL_TREES_PREDICTOR_H
#define HN_MODEL_TREES_PREDICTOR_H

#include "model/predictor.h"

/* Whether a file that begins so is one of them. */
bool hn_trees_is(struct hn_str head);
/* Errors name the path and the field. Close it as any predictor. */
enum hn_status hn_trees_predictor_open(const char *path, const struct hn_predictor_options *options,
                                       struct hn_predictor **out, struct hn_error *err);

#endif
