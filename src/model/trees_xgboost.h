/* A model of XGBoost as trees and a link. */
#ifndef HN_MODEL_TREES_XGBOOST_H
#define HN_MODEL_TREES_XGBOOST_H

#include "formats/xgboost.h"
#include "model/trees_link.h"

/* The objective's link, and where the sums start: forest.base, in the forest's arena. Unknown objectives,
 * which users define, have no link and start at base_score, as in XGBoost. */
enum hn_status hn_trees_xgboost(struct hn_xgb *model, const char *what, struct hn_trees_link *link,
                                struct hn_error *err);

#endif
