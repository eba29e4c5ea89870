/* Steps of gradient descent, of ai.onnx.preview.training: a learning rate, a count of updates, then for
 * every tensor its values, gradients and one or two memories; out come values and memories. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"

#include <math.h>

enum { MAX_MEMORIES = 2 };

/* What an update takes beside the tensors. */
struct update {
    enum { ADAGRAD, ADAM, MOMENTUM, NESTEROV } method;
    double rate;                 /* as adjusted by the count of updates */
    double alpha, beta, epsilon; /* of Adam and Momentum; beta adjusted likewise */
    double norm, norm_post;      /* how much of the values' own size is taken for a gradient */
};

/* One element: its value x and gradient g; memories change. Returns its new value. */
static double step(const struct update *u, double x, double g, double memory[MAX_MEMORIES])
{
    g += u->norm * x;
    switch (u->method) {
    case ADAGRAD: memory[0] += g * g; return x - u->rate * g / (sqrt(memory[0]) + u->epsilon);
    case ADAM:
        memory[0] = u->alpha * memory[0] + (1 - u->alpha) * g;
        memory[1] = u->beta * memory[1] + (1 - u->beta) * g * g;
        x -= u->rate * memory[0] / (sqrt(memory[1]) + u->epsilon);
        return (1 - u->norm_post) * x;
    default:
        memory[0] = u->alpha * memory[0] + u->beta * g;
        return x - u->rate * (u->method == NESTEROV ? g + u->alpha * memory[0] : memory[0]);
    }
}

/* Tensor i of n: inputs 2 + i, 2 + n + i (the gradient), ...; outputs i, n + i, ... */
static enum hn_status update_tensor(struct hn_op *op, const struct update *u, size_t i, size_t n,
                                    size_t n_memories)
{
    const struct hn_array *x = op->in[2 + i], *g = op->in[2 + n + i], *memories[MAX_MEMORIES];
    if (!x || !hn_element_is_float(x->type)) return hn_op_fail_type(op, 2 + i);
    bool fits = g && g->n == x->n && hn_element_is_float(g->type);
    for (size_t m = 0; m < n_memories; m++) {
        memories[m] = op->in[2 + (2 + m) * n + i];
        fits =
            fits && memories[m] && memories[m]->n == x->n && hn_element_is_float(memories[m]->type);
    }
    if (!fits) return hn_op_fail(op, HN_E_FORMAT, "tensor %zu and what belongs to it differ", i);
    for (size_t m = 0; m <= n_memories; m++)
        if (!hn_op_out(op, m * n + i, x->type, x->shape, x->n_dims)) return hn_op_failed(op);
    for (size_t k = 0; k < x->n; k++) {
        double memory[MAX_MEMORIES] = {0};
        for (size_t m = 0; m < n_memories; m++)
            memory[m] = hn_array_real(memories[m], k);
        const double value = step(u, hn_array_real(x, k), hn_array_real(g, k), memory);
        hn_array_set_real(&op->out[i], k, value);
        for (size_t m = 0; m < n_memories; m++)
            hn_array_set_real(&op->out[(m + 1) * n + i], k, memory[m]);
    }
    return HN_OK;
}

static enum hn_status update_all(struct hn_op *op, const struct update *u, size_t n_memories)
{
    const size_t given = op->n_in - 2, n = given / (2 + n_memories);
    if (given % (2 + n_memories) || op->n_out != n * (1 + n_memories))
        return hn_op_fail(op, HN_E_FORMAT, "%zu inputs and %zu outputs", op->n_in, op->n_out);
    for (size_t i = 0; i < n; i++)
        HN_TRY(update_tensor(op, u, i, n, n_memories));
    return HN_OK;
}

static enum hn_status read_update(struct hn_op *op, struct update *u, double *count)
{
    for (size_t i = 0; i < 2; i++)
        if (op->in[i]->n != 1 || !hn_element_is_number(op->in[i]->type))
            return hn_op_fail(op, HN_E_FORMAT, "input %zu is not one number", i);
    u->rate = hn_array_real(op->in[0], 0);
    *count = hn_array_real(op->in[1], 0);
    u->norm = (double)hn_op_float(op, "norm_coefficient", 0);
    u->epsilon = (double)hn_op_float(op, "epsilon", 0);
    return HN_OK;
}

enum hn_status hn_op_adagrad(struct hn_op *op)
{
    struct update u = {.method = ADAGRAD};
    double count;
    HN_TRY(read_update(op, &u, &count));
    u.rate /= 1 + count * (double)hn_op_float(op, "decay_factor", 0);
    return update_all(op, &u, 1);
}

enum hn_status hn_op_adam(struct hn_op *op)
{
    struct update u = {.method = ADAM};
    double count;
    HN_TRY(read_update(op, &u, &count));
    u.alpha = (double)hn_op_float(op, "alpha", 0.9f);
    u.beta = (double)hn_op_float(op, "beta", 0.999f);
    u.norm_post = (double)hn_op_float(op, "norm_coefficient_post", 0);
    if (count > 0) u.rate *= sqrt(1 - pow(u.beta, count)) / (1 - pow(u.alpha, count));
    return update_all(op, &u, 2);
}

enum hn_status hn_op_momentum(struct hn_op *op)
{
    struct update u = {.method = MOMENTUM};
    double count;
    HN_TRY(read_update(op, &u, &count));
    const struct hn_str mode = hn_op_text(op, "mode", "standard");
    if (hn_str_is(mode, "nesterov")) u.method = NESTEROV;
    else if (!hn_str_is(mode, "standard"))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "mode '%.*s'", HN_FMT(mode));
    u.alpha = (double)hn_op_float(op, "alpha", 0);
    u.beta = count > 0 ? (double)hn_op_float(op, "beta", 1) : 1;
    return update_all(op, &u, 1);
}
