/* XGBoost's and LightGBM's models as predictors: one input of rows, outputs "predictions" and, on
 * request, "margin" (before the link), "leaf" and "contributions". */
#ifndef HN_MODEL_TREES_PREDICTOR_H
#define HN_MODEL_TREES_PREDICTOR_H

#include "model/predictor.h"

bool hn_trees_is(struct hn_str head);
enum hn_status hn_trees_predictor_open(const char *path, const struct hn_predictor_options *options,
                                       struct hn_predictor **out, struct hn_error *err);

#endif
