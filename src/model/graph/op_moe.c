/* com.microsoft: MoE and QMoE, layers of experts of which each row asks a few. */
#include <math.h>

#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/op_args.h"
#include "model/graph/op_lane.h"

enum activation { RELU, GELU, SILU, IDENTITY, SWIGLU };

/* Matrices [experts][n][k], as floats or as whole numbers of some bits. */
struct layer {
    size_t n, k, bits, block; /* bits 0: floats; else so many of a row share a scale */
    const float *floats, *scales, *bias;
    const uint8_t *bytes;
};

struct moe {
    enum activation activation;
    bool quantized;
    size_t experts, rows, asked; /* asked: of each row */
    struct layer up, down;
    const float *x, *router;
    float alpha, beta, limit; /* of SWIGLU */
    float *weights;           /* [rows][experts]: what each says to a row; 0: it is not asked */
    float *in, *wide, *narrow, *out, *straight; /* of one expert: rows that go through it */
    struct hn_packed packed;
};

static enum hn_status activation_of(struct hn_op *op, struct moe *m)
{
    static const char *const names[] = {"relu", "gelu", "silu", "identity", "swiglu"};
    const struct hn_str name = hn_op_text(op, "activation_type", "relu");
    int at = 0;
    while (at <= SWIGLU && !hn_str_is(name, names[at]))
        at++;
    if (at > SWIGLU)
        return hn_op_fail(op, HN_E_UNSUPPORTED, "activation_type '%.*s'", HN_FMT(name));
    m->activation = (enum activation)at;
    m->alpha = hn_op_float(op, "activation_alpha", 1);
    m->beta = hn_op_float(op, "activation_beta", 0);
    m->limit = hn_op_float(op, "swiglu_limit", INFINITY);
    if (at == SWIGLU && hn_op_int(op, "swiglu_fusion", 0) != 1)
        return hn_op_fail(op, HN_E_UNSUPPORTED,
                          "swiglu whose gates do not alternate with its values");
    if (hn_op_int(op, "use_sparse_mixer", 0))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "use_sparse_mixer");
    return HN_OK;
}

/* Inputs from `at` on: weights, scales where they are quantized, a bias or none. */
static enum hn_status layer_of(struct hn_op *op, const struct moe *m, size_t at, size_t n, size_t k,
                               struct layer *l)
{
    const struct hn_array *w = hn_op_in(op, at),
                          *scales = m->quantized ? hn_op_in(op, at + 1) : NULL;
    const size_t bias = at + 1 + m->quantized;
    const int64_t bits = m->quantized ? hn_op_int(op, "expert_weight_bits", 4) : 0;
    const int64_t block = hn_op_int(op, "block_size", 0);
    if (m->quantized && bits != 4 && bits != 8)
        return hn_op_fail(op, HN_E_UNSUPPORTED, "weights of %lld bits", (long long)bits);
    if (block < 0) return hn_op_fail(op, HN_E_ARG, "block_size is below 0");
    *l = (struct layer){.n = n, .k = k, .bits = (size_t)bits};
    l->block = m->quantized && block ? (size_t)block : hn_max(k, 1);
    const size_t per_byte = l->bits == 4 ? 2 : 1, blocks = hn_div_up(k, l->block);
    if (!w || w->n_dims != 3 || w->shape[0] != m->experts || w->shape[1] != n || k % per_byte ||
        w->shape[2] != k / per_byte)
        return hn_op_fail(op, HN_E_ARG, "input %zu is not [%zu, %zu, %zu]", at, m->experts, n,
                          k / per_byte);
    if (m->quantized && (!scales || w->type != HN_EL_U8 || scales->n != m->experts * n * blocks))
        return hn_op_fail(op, HN_E_ARG, "input %zu has no scale for each block of bytes", at);
    if (m->quantized) l->bytes = w->data;
    else if (!(l->floats = hn_op_lane_in(op, at, HN_LANE_F32))) return hn_op_failed(op);
    if (m->quantized && !(l->scales = hn_op_lane_in(op, at + 1, HN_LANE_F32)))
        return hn_op_failed(op);
    if (!hn_op_in(op, bias)) return HN_OK;
    if (op->in[bias]->n != m->experts * n)
        return hn_op_fail(op, HN_E_ARG, "input %zu has %zu elements", bias, op->in[bias]->n);
    l->bias = hn_op_lane_in(op, bias, HN_LANE_F32);
    return l->bias ? HN_OK : hn_op_failed(op);
}

/* --- which experts a row asks --- */

/* Of the same weight the later. */
static size_t best_of(const float *p, const float *taken, size_t n)
{
    size_t best = n;
    for (size_t e = 0; e < n; e++)
        if (taken[e] == 0 && (best == n || p[e] >= p[best])) best = e;
    return best;
}

static void ask(const struct moe *m, const float *logits, float *p, float *weights, bool normalize)
{
    float most = logits[0], sum = 0, taken = 0;
    for (size_t e = 1; e < m->experts; e++)
        most = fmaxf(most, logits[e]);
    for (size_t e = 0; e < m->experts; e++) {
        p[e] = expf(logits[e] - most);
        sum += p[e];
        weights[e] = 0;
    }
    for (size_t e = 0; e < m->experts; e++)
        p[e] = p[e] / sum;
    for (size_t i = 0; i < m->asked; i++) {
        const size_t e = best_of(p, weights, m->experts);
        if (e == m->experts || !(p[e] > 0)) break; /* NaN, or too far below the others */
        weights[e] = p[e];
        taken += p[e];
    }
    for (size_t e = 0; e < m->experts && normalize; e++)
        weights[e] = taken > 0 ? weights[e] / taken : 0;
}

/* --- one expert --- */

/* Its matrix, [n][k]. */
static const float *matrix_of(const struct layer *l, size_t expert, float *room)
{
    const size_t first = expert * l->n * l->k, blocks = hn_div_up(l->k, l->block);
    if (!l->bits) return l->floats + first;
    const int zero = 1 << (l->bits - 1), mask = (1 << l->bits) - 1;
    const float *scales = l->scales + expert * l->n * blocks;
    for (size_t j = 0; j < l->n; j++)
        for (size_t i = 0; i < l->k; i++) {
            const size_t bit = (first + j * l->k + i) * l->bits;
            const int q = l->bytes[bit / 8] >> bit % 8 & mask;
            room[j * l->k + i] = (float)(q - zero) * scales[j * blocks + i / l->block];
        }
    return room;
}

static enum hn_status multiply(struct hn_op *op, struct moe *m, const struct layer *l,
                               size_t expert, const float *x, size_t rows, float *y)
{
    m->packed.k = l->k;
    m->packed.n = l->n;
    hn_pack_matrix(&m->packed, matrix_of(l, expert, m->straight), 1, l->k, 1);
    const struct hn_product product = {
        .a = x,
        .lda = l->k,
        .rows = rows,
        .each = rows,
        .b = &m->packed,
        .y = y,
        .ldy = l->n,
        .epilogue = {.bias = l->bias ? l->bias + expert * l->n : NULL}};
    return hn_product_run(op, &product);
}

static float activate(const struct moe *m, float x)
{
    switch (m->activation) {
    case RELU: return fmaxf(x, 0);
    case GELU: return x / 2 * (1 + tanhf(0.7978845608f * (x + 0.044715f * x * x * x)));
    case SILU: return x / (1 + expf(-x));
    default: return x;
    }
}

static void activate_all(const struct moe *m, const float *x, size_t n, float *y)
{
    for (size_t i = 0; i < n; i++) {
        if (m->activation != SWIGLU) {
            y[i] = activate(m, x[i]);
            continue;
        }
        const float gate = fminf(x[2 * i], m->limit);
        const float value = fmaxf(fminf(x[2 * i + 1], m->limit), -m->limit);
        y[i] = gate / (1 + expf(-m->alpha * gate)) * (value + m->beta);
    }
}

/* Rows that ask it go through it together, and what it says is added to `to`. */
static enum hn_status run_expert(struct hn_op *op, struct moe *m, size_t expert, float *to)
{
    const size_t width = m->up.k, inner = m->down.k;
    size_t rows = 0;
    HN_TRY(hn_op_check(op));
    for (size_t r = 0; r < m->rows; r++) {
        if (m->weights[r * m->experts + expert] == 0) continue;
        memcpy(m->in + rows++ * width, m->x + r * width, width * sizeof *m->in);
    }
    if (rows == 0) return HN_OK;
    HN_TRY(multiply(op, m, &m->up, expert, m->in, rows, m->wide));
    activate_all(m, m->wide, rows * inner, m->narrow);
    HN_TRY(multiply(op, m, &m->down, expert, m->narrow, rows, m->out));
    const float *from = m->out;
    for (size_t r = 0; r < m->rows; r++) {
        const float weight = m->weights[r * m->experts + expert];
        for (size_t i = 0; weight != 0 && i < width; i++)
            to[r * width + i] += weight * *from++;
    }
    return HN_OK;
}

/* --- all --- */

static enum hn_status make_room(struct hn_op *op, struct moe *m)
{
    size_t up, down;
    if (!hn_packed_size(m->up.k, m->up.n, &up) || !hn_packed_size(m->down.k, m->down.n, &down))
        return hn_op_fail(op, HN_E_LIMIT, "the experts are too large");
    m->weights = hn_op_scratch(op, m->rows, m->experts * sizeof(float));
    m->in = hn_op_scratch(op, m->rows, m->up.k * sizeof(float));
    m->wide = hn_op_scratch(op, m->rows, m->up.n * sizeof(float));
    m->narrow = hn_op_scratch(op, m->rows, m->down.k * sizeof(float));
    m->out = hn_op_scratch(op, m->rows, m->down.n * sizeof(float));
    m->packed.panels = hn_op_scratch(op, hn_max(up, down), sizeof(float));
    m->straight = hn_op_scratch(op, m->quantized ? m->up.n : 0, m->up.k * sizeof(float));
    const bool good = m->weights && m->in && m->wide && m->narrow && m->out && m->packed.panels;
    return good && m->straight ? HN_OK : hn_op_failed(op);
}

static enum hn_status run(struct hn_op *op, bool quantized)
{
    const struct hn_array *x = op->in[0], *router = op->in[1];
    const size_t second = quantized ? 5 : 4, width = x->n_dims ? x->shape[x->n_dims - 1] : 0;
    const struct hn_array *down = hn_op_in(op, second);
    const int64_t asked = hn_op_int(op, "k", 1);
    struct moe m = {.quantized = quantized, .rows = width ? x->n / width : 0};
    HN_TRY(activation_of(op, &m));
    for (size_t i = quantized ? 8 : 6; i < op->n_in; i++)
        if (op->in[i]) return hn_op_fail(op, HN_E_UNSUPPORTED, "input %zu", i);
    if (router->n_dims != 2 || router->shape[0] != m.rows || !width || !router->shape[1])
        return hn_op_fail(op, HN_E_ARG, "the router does not say something to each row");
    m.experts = router->shape[1];
    if (asked < 1 || (size_t)asked > m.experts || !down || down->n_dims != 3)
        return hn_op_fail(op, HN_E_ARG, "k is %lld of %zu experts", (long long)asked, m.experts);
    m.asked = (size_t)asked;
    const size_t per_byte = quantized && hn_op_int(op, "expert_weight_bits", 4) == 4 ? 2 : 1;
    const size_t inner = down->shape[2] * per_byte;
    HN_TRY(layer_of(op, &m, 2, m.activation == SWIGLU ? 2 * inner : inner, width, &m.up));
    HN_TRY(layer_of(op, &m, second, width, inner, &m.down));
    m.x = hn_op_lane_in(op, 0, HN_LANE_F32);
    m.router = m.x ? hn_op_lane_in(op, 1, HN_LANE_F32) : NULL;
    if (!m.router) return hn_op_failed(op);
    float *to = hn_op_lane_out(op, 0, x->type, x->shape, x->n_dims, HN_LANE_F32);
    if (!to) return hn_op_failed(op);
    HN_TRY(make_room(op, &m));
    float *p = hn_op_scratch(op, m.experts, sizeof *p);
    if (!p) return hn_op_failed(op);
    /* ONNX Runtime's QMoE does not ask. */
    const bool normalize = quantized || hn_op_int(op, "normalize_routing_weights", 0);
    for (size_t r = 0; r < m.rows; r++)
        ask(&m, m.router + r * m.experts, p, m.weights + r * m.experts, normalize);
    if (x->n) memset(to, 0, x->n * sizeof *to);
    for (size_t e = 0; e < m.experts; e++)
        HN_TRY(run_expert(op, &m, e, to));
    hn_op_lane_done(op, 0, HN_LANE_F32, to);
    return HN_OK;
}

enum hn_status hn_op_moe(struct hn_op *op)
{
    return run(op, false);
}

enum hn_status hn_op_qmoe(struct hn_op *op)
{
    return run(op, true);
}
