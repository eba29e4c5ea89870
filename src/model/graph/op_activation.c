#include "model/graph/op_activation.h"

#include <math.h>
#include <strings.h>

static double act_relu(double x, double alpha, double beta)
{
    (void)alpha, (void)beta;
    return x > 0 ? x : 0;
}

static double act_tanh(double x, double alpha, double beta)
{
    (void)alpha, (void)beta;
    return tanh(x);
}

static double act_sigmoid(double x, double alpha, double beta)
{
    (void)alpha, (void)beta;
    return 1 / (1 + exp(-x));
}

static double act_affine(double x, double alpha, double beta)
{
    return alpha * x + beta;
}

static double act_leaky_relu(double x, double alpha, double beta)
{
    (void)beta;
    return x >= 0 ? x : alpha * x;
}

static double act_thresholded_relu(double x, double alpha, double beta)
{
    (void)beta;
    return x > alpha ? x : 0;
}

static double act_scaled_tanh(double x, double alpha, double beta)
{
    return alpha * tanh(beta * x);
}

static double act_hard_sigmoid(double x, double alpha, double beta)
{
    return fmin(fmax(alpha * x + beta, 0), 1);
}

static double act_elu(double x, double alpha, double beta)
{
    (void)beta;
    return x >= 0 ? x : alpha * (exp(x) - 1);
}

static double act_softsign(double x, double alpha, double beta)
{
    (void)alpha, (void)beta;
    return x / (1 + fabs(x));
}

static double act_softplus(double x, double alpha, double beta)
{
    (void)alpha, (void)beta;
    return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

static const struct {
    const char *name;
    double (*fn)(double x, double alpha, double beta);
    int n; /* of alpha and beta, how many it takes from the lists */
    double alpha, beta;
} activations[] = {
    {"Relu", act_relu, 0, 0, 0},
    {"Tanh", act_tanh, 0, 0, 0},
    {"Sigmoid", act_sigmoid, 0, 0, 0},
    {"Affine", act_affine, 2, 1, 0},
    {"LeakyRelu", act_leaky_relu, 1, 0.01, 0},
    {"ThresholdedRelu", act_thresholded_relu, 1, 1, 0},
    {"ScaledTanh", act_scaled_tanh, 2, 1, 1},
    {"HardSigmoid", act_hard_sigmoid, 2, 0.2, 0.5},
    {"Elu", act_elu, 1, 1, 0},
    {"Softsign", act_softsign, 0, 0, 0},
    {"Softplus", act_softplus, 0, 0, 0},
};

enum hn_status hn_cell_activation_named(struct hn_op *op, struct hn_str name, const float **alpha,
                                        size_t *n_alpha, const float **beta, size_t *n_beta,
                                        struct hn_cell_activation *out)
{
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (strlen(activations[i].name) != name.n ||
            strncasecmp(activations[i].name, name.p, name.n))
            continue;
        *out = (struct hn_cell_activation){activations[i].fn, activations[i].alpha,
                                           activations[i].beta};
        if (activations[i].n > 0 && *n_alpha) out->alpha = (double)*(*alpha)++, (*n_alpha)--;
        if (activations[i].n > 1 && *n_beta) out->beta = (double)*(*beta)++, (*n_beta)--;
        return HN_OK;
    }
    return hn_op_fail(op, HN_E_UNSUPPORTED, "activation %.*s is unknown",
                      (int)(name.n < 40 ? name.n : 40), name.p);
}
