/* Losses of classifiers. */
#include "model/graph/op_args.h"
#include "model/graph/op_list.h"

#include <math.h>

#include "base/bits.h"

/* Scores are [rows][classes][places], labels and losses [rows][places]. */
struct loss {
    size_t rows, classes, places;
    const struct hn_array *scores, *weights; /* weights: [classes], or NULL */
    const int64_t *labels;
    int64_t ignored;
    bool ignores; /* labels that are `ignored` count for nothing */
};

static enum hn_status read_loss(struct hn_op *op, struct loss *l)
{
    const struct hn_array *x = op->in[0], *labels = op->in[1];
    size_t n;
    *l = (struct loss){.scores = x, .weights = hn_op_in(op, 2)};
    if (!hn_element_is_float(x->type)) return hn_op_fail_type(op, 0);
    bool fits =
        x->n_dims >= 2 && labels->n_dims == x->n_dims - 1 && labels->shape[0] == x->shape[0];
    for (size_t i = 2; fits && i < x->n_dims; i++)
        fits = labels->shape[i - 1] == x->shape[i];
    if (!fits) return hn_op_fail(op, HN_E_FORMAT, "labels of another shape than the scores");
    l->rows = x->shape[0], l->classes = x->shape[1], l->places = hn_dims_after(x, 1);
    if (l->weights && (l->weights->n != l->classes || !hn_element_is_float(l->weights->type)))
        return hn_op_fail(op, HN_E_FORMAT, "%zu weights for %zu classes", l->weights->n,
                          l->classes);
    l->ignores = hn_op_has(op, "ignore_index");
    l->ignored = hn_op_int(op, "ignore_index", 0);
    HN_TRY(hn_op_ints_of(op, 1, &l->labels, &n));
    for (size_t i = 0; i < n; i++) {
        const int64_t label = l->labels[i];
        if (!(l->ignores && label == l->ignored) && (label < 0 || (size_t)label >= l->classes))
            return hn_op_fail(op, HN_E_FORMAT, "label %lld of %zu", (long long)label, l->classes);
    }
    return HN_OK;
}

static double weight_of(const struct loss *l, size_t i)
{
    if (l->ignores && l->labels[i] == l->ignored) return 0;
    return l->weights ? hn_array_real(l->weights, (size_t)l->labels[i]) : 1;
}

/* Output 0 from log-probabilities, laid out as the scores are. */
static enum hn_status give_loss(struct hn_op *op, const struct loss *l, const struct hn_array *logs)
{
    const struct hn_array *labels = op->in[1];
    const struct hn_str how = hn_op_text(op, "reduction", "mean");
    const bool each = hn_str_is(how, "none"), mean = hn_str_is(how, "mean");
    if (!each && !mean && !hn_str_is(how, "sum"))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "reduction '%.*s'", HN_FMT(how));
    if (!hn_op_out(op, 0, l->scores->type, labels->shape, each ? labels->n_dims : 0))
        return hn_op_failed(op);
    double sum = 0, weights = 0;
    for (size_t i = 0; i < labels->n; i++) {
        const size_t row = i / l->places, place = i % l->places;
        const double weight = weight_of(l, i);
        double loss = 0;
        if (!(l->ignores && l->labels[i] == l->ignored)) {
            const size_t at = (row * l->classes + (size_t)l->labels[i]) * l->places + place;
            loss = -hn_array_real(logs, at) * weight;
        }
        if (each) hn_array_set_real(&op->out[0], i, loss);
        sum += loss, weights += weight;
    }
    if (!each) hn_array_set_real(&op->out[0], 0, mean ? sum / weights : sum);
    return HN_OK;
}

enum hn_status hn_op_negative_log_likelihood_loss(struct hn_op *op)
{
    struct loss l;
    HN_TRY(read_loss(op, &l));
    return give_loss(op, &l, op->in[0]);
}

enum hn_status hn_op_softmax_cross_entropy_loss(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    struct loss l;
    HN_TRY(read_loss(op, &l));
    struct hn_array logs = {.type = HN_EL_F64, .n = x->n};
    double *out = logs.data = hn_op_scratch(op, x->n, sizeof *out);
    if (!out) return hn_op_failed(op);
    for (size_t line = 0; line < l.rows * l.places && l.classes; line++) {
        const size_t start = line / l.places * l.classes * l.places + line % l.places;
        double most = -INFINITY, sum = 0;
        for (size_t c = 0; c < l.classes; c++)
            most = fmax(most, hn_array_real(x, start + c * l.places));
        for (size_t c = 0; c < l.classes; c++)
            sum += exp(hn_array_real(x, start + c * l.places) - most);
        for (size_t c = 0; c < l.classes; c++) {
            const size_t at = start + c * l.places;
            out[at] = hn_array_real(x, at) - most - log(sum);
        }
    }
    HN_TRY(give_loss(op, &l, &logs));
    if (op->n_out < 2 || !hn_op_wants(op, 1)) return HN_OK;
    void *y = hn_op_out(op, 1, x->type, x->shape, x->n_dims);
    if (!y) return hn_op_failed(op);
    (void)hn_element_convert(x->type, y, HN_EL_F64, out, x->n, (struct hn_convert){0});
    return HN_OK;
}
