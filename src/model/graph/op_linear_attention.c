/* Operators of models whose state does not grow: LinearAttention and CausalConvWithState; and
 * RotaryEmbedding. */
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

/* ---- RotaryEmbedding ---- */

struct rotary {
    size_t batch, heads, steps, size;
    size_t by_batch, by_head, by_step; /* from one to the next, in elements */
    size_t half;                       /* pairs that turn */
    bool interleaved;
};

static enum hn_status rotary_sizes(struct hn_op *op, struct rotary *r)
{
    const struct hn_array *x = op->in[0];
    if (x->n_dims == 4) {
        *r = (struct rotary){
            .batch = x->shape[0], .heads = x->shape[1], .steps = x->shape[2], .size = x->shape[3]};
        r->by_step = r->size;
        r->by_head = r->steps * r->size;
    } else if (x->n_dims == 3) {
        const int64_t heads = hn_op_int(op, "num_heads", 0);
        if (heads < 1 || x->shape[2] % (size_t)heads)
            return hn_op_fail(op, HN_E_ARG, "%zu in %lld heads", x->shape[2], (long long)heads);
        *r = (struct rotary){.batch = x->shape[0], .heads = (size_t)heads, .steps = x->shape[1]};
        r->size = x->shape[2] / r->heads;
        r->by_step = x->shape[2];
        r->by_head = r->size;
    } else {
        return hn_op_fail(op, HN_E_ARG, "X has %zu dimensions", x->n_dims);
    }
    r->by_batch = r->heads * r->steps * r->size;
    const int64_t turned = hn_op_int(op, "rotary_embedding_dim", 0);
    if (turned < 0 || (size_t)turned > r->size)
        return hn_op_fail(op, HN_E_ARG, "rotary_embedding_dim is out of range");
    r->half = (turned ? (size_t)turned : r->size) / 2;
    r->interleaved = hn_op_int(op, "interleaved", 0) != 0;
    return HN_OK;
}

/* The row of the caches for every step of every sequence. */
static enum hn_status rotary_rows(struct hn_op *op, const struct rotary *r, const int64_t **rows)
{
    const struct hn_array *cos_cache = op->in[1], *sin_cache = op->in[2];
    const bool has_ids = op->n_in > 3 && op->in[3];
    if (cos_cache->n_dims != (has_ids ? 2 : 3) || sin_cache->n_dims != cos_cache->n_dims ||
        memcmp(cos_cache->shape, sin_cache->shape, cos_cache->n_dims * sizeof *cos_cache->shape) ||
        cos_cache->shape[cos_cache->n_dims - 1] != r->half)
        return hn_op_fail(op, HN_E_ARG, "the caches do not fit %zu pairs", r->half);
    if (!has_ids) {
        if (cos_cache->shape[0] != r->batch || cos_cache->shape[1] != r->steps)
            return hn_op_fail(op, HN_E_ARG, "the caches are not for these steps");
        *rows = NULL;
        return HN_OK;
    }
    size_t n;
    HN_TRY(hn_op_ints_of(op, 3, rows, &n));
    if (n != r->batch * r->steps)
        return hn_op_fail(op, HN_E_ARG, "%zu positions for %zu steps", n, r->batch * r->steps);
    for (size_t i = 0; i < n; i++)
        if ((*rows)[i] < 0 || (size_t)(*rows)[i] >= cos_cache->shape[0])
            return hn_op_fail(op, HN_E_ARG, "position %lld of %zu", (long long)(*rows)[i],
                              cos_cache->shape[0]);
    return HN_OK;
}

enum hn_status hn_op_rotary_embedding(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    struct rotary r = {0};
    const int64_t *rows;
    HN_TRY(rotary_sizes(op, &r));
    HN_TRY(rotary_rows(op, &r, &rows));
    const double *from = hn_op_reals(op, 0), *cosines = hn_op_reals(op, 1),
                 *sines = hn_op_reals(op, 2);
    double *to = hn_op_lane_out(op, 0, x->type, x->shape, x->n_dims, HN_LANE_F64);
    if (!from || !cosines || !sines || !to) return hn_op_failed(op);
    for (size_t i = 0; x->n && i < r.batch * r.steps * r.heads; i++) {
        const size_t b = i / r.heads / r.steps, t = i / r.heads % r.steps, head = i % r.heads;
        const size_t at = b * r.by_batch + t * r.by_step + head * r.by_head;
        const size_t row = (rows ? (size_t)rows[b * r.steps + t] : b * r.steps + t) * r.half;
        memcpy(to + at, from + at, r.size * sizeof *to);
        for (size_t j = 0; j < r.half; j++) {
            const size_t one = at + (r.interleaved ? 2 * j : j),
                         two = at + (r.interleaved ? 2 * j + 1 : r.half + j);
            const double c = cosines[row + j], s = sines[row + j];
            to[one] = c * from[one] - s * from[two];
            to[two] = s * from[one] + c * from[two];
        }
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}
