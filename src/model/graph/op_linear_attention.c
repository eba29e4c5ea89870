/* Operators of models whose state does not grow: LinearAttention and CausalConvWithState. */
#include <math.h>
#include <string.h>

#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"

/* ---- LinearAttention ---- */

struct linear {
    size_t batch, steps, q_heads, heads, keys, values; /* sizes of a head's keys and values */
    double scale;
    const double *q, *k, *v;
    const double *decay; /* [batch, steps, decays], or NULL */
    const double *beta;  /* [batch, steps, betas], or NULL */
    size_t decays, betas;
    double *y;
    double *state; /* [batch, heads, keys, values] */
    double *room;  /* per worker: values */
};

/* One head of keys of one sequence: step after step, its state read by all its heads of queries. */
static void linear_tile(void *arg, size_t tile, unsigned worker)
{
    const struct linear *l = arg;
    const size_t b = tile / l->heads, head = tile % l->heads, group = l->q_heads / l->heads;
    double *state = l->state + tile * l->keys * l->values, *change = l->room + worker * l->values;
    for (size_t t = 0; t < l->steps; t++) {
        const size_t at = b * l->steps + t;
        const double *k = l->k + (at * l->heads + head) * l->keys,
                     *v = l->v + (at * l->heads + head) * l->values;
        memcpy(change, v, l->values * sizeof *change);
        for (size_t i = 0; i < l->keys; i++) {
            double *row = state + i * l->values;
            if (l->decay) {
                const size_t g = l->decays == l->heads ? head : head * l->keys + i;
                const double by = exp(l->decay[at * l->decays + g]);
                for (size_t j = 0; j < l->values; j++)
                    row[j] *= by;
            }
            /* What the state already gives for this key is not written again. */
            for (size_t j = 0; l->beta && j < l->values; j++)
                change[j] -= row[j] * k[i];
        }
        const double rate = l->beta ? l->beta[at * l->betas + (l->betas == 1 ? 0 : head)] : 1;
        for (size_t i = 0; i < l->keys; i++)
            for (size_t j = 0; j < l->values; j++)
                state[i * l->values + j] += k[i] * (rate * change[j]);
        for (size_t h = head * group; h < (head + 1) * group; h++) {
            const double *q = l->q + (at * l->q_heads + h) * l->keys;
            double *y = l->y + (at * l->q_heads + h) * l->values;
            memset(y, 0, l->values * sizeof *y);
            for (size_t i = 0; i < l->keys; i++)
                for (size_t j = 0; j < l->values; j++)
                    y[j] += q[i] * state[i * l->values + j];
            for (size_t j = 0; j < l->values; j++)
                y[j] *= l->scale;
        }
    }
}

static bool is_rows(const struct hn_array *a, const struct linear *l)
{
    return a->n_dims == 3 && a->shape[0] == l->batch && a->shape[1] == l->steps;
}

/* Optional input i, which the rule either needs or forbids. */
static enum hn_status gate(struct hn_op *op, const struct linear *l, size_t i, bool needed,
                           const double **out, size_t *n)
{
    const struct hn_array *a = i < op->n_in ? op->in[i] : NULL;
    if (!a != !needed) return hn_op_fail(op, HN_E_ARG, "input %zu does not go with update_rule", i);
    if (!a) return HN_OK;
    if (!is_rows(a, l)) return hn_op_fail(op, HN_E_ARG, "input %zu is not [batch, steps, ...]", i);
    *n = a->shape[2];
    *out = hn_op_reals(op, i);
    return *out ? HN_OK : hn_op_failed(op);
}

static enum hn_status linear_sizes(struct hn_op *op, struct linear *l)
{
    const struct hn_array *q = op->in[0], *k = op->in[1], *v = op->in[2];
    const int64_t q_heads = hn_op_int(op, "q_num_heads", 0),
                  heads = hn_op_int(op, "kv_num_heads", 0);
    if (heads < 1 || q_heads < 1 || q_heads % heads)
        return hn_op_fail(op, HN_E_ARG, "%lld heads of queries, %lld of keys", (long long)q_heads,
                          (long long)heads);
    l->heads = (size_t)heads;
    l->q_heads = (size_t)q_heads;
    if (q->n_dims != 3) return hn_op_fail(op, HN_E_ARG, "the query has %zu dimensions", q->n_dims);
    l->batch = q->shape[0];
    l->steps = q->shape[1];
    if (!is_rows(k, l) || !is_rows(v, l) || q->shape[2] % l->q_heads || k->shape[2] % l->heads ||
        v->shape[2] % l->heads || q->shape[2] / l->q_heads != k->shape[2] / l->heads)
        return hn_op_fail(op, HN_E_ARG, "query, key and value do not fit each other");
    l->keys = k->shape[2] / l->heads;
    l->values = v->shape[2] / l->heads;
    size_t row;
    if (__builtin_mul_overflow(l->q_heads, l->values, &row))
        return hn_op_fail(op, HN_E_LIMIT, "too many heads");
    l->scale = (double)hn_op_float(op, "scale", 0);
    if (l->scale == 0) l->scale = 1 / sqrt((double)l->keys);

    const struct hn_str rule = hn_op_text(op, "update_rule", "gated_delta");
    const bool gated = hn_str_is(rule, "gated") || hn_str_is(rule, "gated_delta");
    const bool delta = hn_str_is(rule, "delta") || hn_str_is(rule, "gated_delta");
    if (!gated && !delta && !hn_str_is(rule, "linear"))
        return hn_op_fail(op, HN_E_ARG, "update_rule is unknown");
    HN_TRY(gate(op, l, 4, gated, &l->decay, &l->decays));
    HN_TRY(gate(op, l, 5, delta, &l->beta, &l->betas));
    if ((gated && l->decays != l->heads && l->decays != l->heads * l->keys) ||
        (delta && l->betas != l->heads && l->betas != 1))
        return hn_op_fail(op, HN_E_ARG, "decay or beta is not for these heads");
    return HN_OK;
}

enum hn_status hn_op_linear_attention(struct hn_op *op)
{
    struct linear l = {0};
    HN_TRY(linear_sizes(op, &l));
    const size_t shape[] = {l.batch, l.heads, l.keys, l.values};
    size_t n;
    if (!hn_shape_count(shape, 4, sizeof *l.state, &n))
        return hn_op_fail(op, HN_E_LIMIT, "the state is too large");
    if (!(l.q = hn_op_reals(op, 0)) || !(l.k = hn_op_reals(op, 1)) || !(l.v = hn_op_reals(op, 2)))
        return hn_op_failed(op);
    const struct hn_array *past = op->n_in > 3 ? op->in[3] : NULL;
    const double *before = NULL;
    if (past) {
        if (past->n_dims != 4 || memcmp(past->shape, shape, sizeof shape))
            return hn_op_fail(op, HN_E_ARG, "past_state does not fit the heads");
        if (!(before = hn_op_reals(op, 3))) return hn_op_failed(op);
    }
    const enum hn_element type = op->in[0]->type;
    l.y = hn_op_lane_out(op, 0, type, (size_t[]){l.batch, l.steps, l.q_heads * l.values}, 3,
                         HN_LANE_F64);
    if (!l.y) return hn_op_failed(op);
    const bool keep = op->n_out > 1 && op->wanted[1];
    l.state = keep ? hn_op_lane_out(op, 1, past ? past->type : type, shape, 4, HN_LANE_F64)
                   : hn_op_scratch(op, n, sizeof *l.state);
    if (!l.state || !(l.room = hn_op_scratch(op, hn_op_workers(op), l.values * sizeof *l.room)))
        return hn_op_failed(op);
    if (before) memcpy(l.state, before, n * sizeof *l.state);
    else memset(l.state, 0, n * sizeof *l.state);
    if (l.values) hn_op_parallel(op, l.batch * l.heads, linear_tile, &l);
    hn_op_lane_done(op, 0, HN_LANE_F64, l.y);
    if (keep) hn_op_lane_done(op, 1, HN_LANE_F64, l.state);
    return HN_OK;
}

/* ---- CausalConvWithState ---- */

enum hn_status hn_op_causal_conv_with_state(struct hn_op *op)
{
    const struct hn_array *x = op->in[0], *w = op->in[1];
    if (x->n_dims != 3 || w->n_dims != 3 || w->shape[0] != x->shape[1] || w->shape[1] != 1 ||
        !w->shape[2])
        return hn_op_fail(op, HN_E_ARG, "input and weight do not fit each other");
    const size_t channels = x->shape[1], length = x->shape[2], k = w->shape[2], carry = k - 1;
    const struct hn_str activation = hn_op_text(op, "activation", "none");
    const bool silu = hn_str_is(activation, "silu") || hn_str_is(activation, "swish");
    if (!silu && !hn_str_is(activation, "none"))
        return hn_op_fail(op, HN_E_ARG, "activation is unknown");
    const size_t state_shape[] = {x->shape[0], channels, carry};
    const struct hn_array *bias = op->n_in > 2 ? op->in[2] : NULL,
                          *past = op->n_in > 3 ? op->in[3] : NULL;
    if (bias && bias->n != channels)
        return hn_op_fail(op, HN_E_ARG, "the bias has %zu elements", bias->n);
    if (past && (past->n_dims != 3 || memcmp(past->shape, state_shape, sizeof state_shape)))
        return hn_op_fail(op, HN_E_ARG, "past_state is not [batch, channels, kernel - 1]");
    const double *from = hn_op_reals(op, 0), *weights = hn_op_reals(op, 1);
    const double *add = bias ? hn_op_reals(op, 2) : NULL,
                 *before = past ? hn_op_reals(op, 3) : NULL;
    double *to = hn_op_lane_out(op, 0, x->type, x->shape, 3, HN_LANE_F64);
    double *after = op->n_out > 1 && op->wanted[1]
                        ? hn_op_lane_out(op, 1, x->type, state_shape, 3, HN_LANE_F64)
                        : NULL;
    double *all =
        hn_op_scratch(op, carry + length, sizeof *all); /* a channel, with what was before it */
    if (!from || !weights || (bias && !add) || (past && !before) || !to || !all ||
        (op->n_out > 1 && op->wanted[1] && !after))
        return hn_op_failed(op);
    for (size_t row = 0; row < x->shape[0] * channels; row++) {
        const double *kernel = weights + row % channels * k;
        if (before) memcpy(all, before + row * carry, carry * sizeof *all);
        else memset(all, 0, carry * sizeof *all);
        memcpy(all + carry, from + row * length, length * sizeof *all);
        for (size_t t = 0; t < length; t++) {
            double sum = add ? add[row % channels] : 0;
            for (size_t i = 0; i < k; i++)
                sum += all[t + i] * kernel[i];
            to[row * length + t] = silu ? sum / (1 + exp(-sum)) : sum;
        }
        if (after) memcpy(after + row * carry, all + length, carry * sizeof *all);
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    if (after) hn_op_lane_done(op, 1, HN_LANE_F64, after);
    return HN_OK;
}
