/* Activations of recurrent cells, by name. */
#ifndef HN_MODEL_GRAPH_OP_ACTIVATION_H
#define HN_MODEL_GRAPH_OP_ACTIVATION_H

#include "model/graph/op.h"

/* What follows the sums of a gate. */
struct hn_cell_activation {
    double (*fn)(double x, double alpha, double beta);
    double alpha, beta;
};

/* Takes what it needs from the front of the lists of alphas and betas; the usual where they are used up. */
enum hn_status hn_cell_activation_named(struct hn_op *op, struct hn_str name, const float **alpha,
                                        size_t *n_alpha, const float **beta, size_t *n_beta,
                                        struct hn_cell_activation *out);

#endif
