/* A model of LightGBM as trees and a link. */
#ifndef HN_MODEL_TREES_LIGHTGBM_H
#define HN_MODEL_TREES_LIGHTGBM_H

#include "formats/lightgbm.h"
#include "model/trees_link.h"

/* The objective's link; none where it is not known, as LightGBM has it for custom ones. */
struct hn_trees_link hn_trees_lightgbm_link(const struct hn_lgb *model);

#endif
