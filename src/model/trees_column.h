/* What a node sees of a feature. */
#ifndef HN_MODEL_TREES_COLUMN_H
#define HN_MODEL_TREES_COLUMN_H

#include "model/trees_impl.h"

/* The feature, NaN where it is missing. */
static inline double hn_trees_settle(uint8_t missing, double x)
{
    if (missing == HN_MISSING_NAN) return x;
    if (missing == HN_MISSING_NONE) return isnan(x) ? 0 : x;
    return fabs(x) <= (double)1e-35f ? NAN : x;
}

/* A column's value for a feature x. */
double hn_trees_column_value(const struct hn_trees *trees, const struct hn_trees_column *column,
                             double x);

#endif
