/* From what trees sum up to what their trainer predicts: the objective's link function. */
#ifndef HN_MODEL_TREES_LINK_H
#define HN_MODEL_TREES_LINK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum hn_trees_link_kind {
    HN_LINK_IDENTITY,
    HN_LINK_SIGMOID, /* 1 / (1 + exp(-parameter x)) */
    HN_LINK_STEP,    /* x > 0 */
    HN_LINK_EXP,
    HN_LINK_LOG1P_EXP, /* log(1 + exp(x)) */
    HN_LINK_SQUARE,    /* sign(x) x^2 */
    HN_LINK_SOFTMAX,   /* over the row's outputs */
    HN_LINK_ARGMAX,    /* the number of the row's largest output: one output per row */
    HN_LINK_SORTED,    /* the row's outputs, ascending */
    HN_LINK_RISING,    /* each output is the one before it and log(1 + exp(x)) more */
};

struct hn_trees_link {
    enum hn_trees_link_kind kind;
    double parameter;
};

/* Outputs per row, of n sums. */
size_t hn_trees_link_outputs(const struct hn_trees_link *link, size_t n);

/* out: [rows][outputs] from sums [rows][n]; out may be sums. Float arithmetic as XGBoost has it, double
 * as LightGBM has it. */
void hn_trees_link_f32(const struct hn_trees_link *link, const float *sums, size_t rows, size_t n,
                       float *out);
void hn_trees_link_f64(const struct hn_trees_link *link, const double *sums, size_t rows, size_t n,
                       double *out);

#endif
