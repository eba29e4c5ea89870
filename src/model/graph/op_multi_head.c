/* com.microsoft: MultiHeadAttention and GroupQueryAttention. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/op_args.h"
#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"
#include "model/graph/op_rotary.h"

/* Rows of heads as floats: [batch][length][heads][size] with steps in floats. */
struct rows {
    const float *data;
    size_t batch, length, heads, size;
    size_t steps[3]; /* along batch, length, heads */
};

static const float *head_row(const struct rows *r, size_t batch, size_t row, size_t head)
{
    return r->data + batch * r->steps[0] + row * r->steps[1] + head * r->steps[2];
}

/* Queries, keys and values, what is added to their products, and where they go. */
struct heads {
    struct rows q, k, v;
    size_t past; /* keys before the new ones */
    struct hn_attend attend;
};

/* --- inputs --- */

/* Input i: [batch, length, heads x size], or [batch, heads, length, size]. */
static enum hn_status plain_rows(struct hn_op *op, size_t i, size_t heads, struct rows *r)
{
    const struct hn_array *a = op->in[i];
    if (!hn_element_is_float(a->type)) return hn_op_fail_type(op, i);
    *r = (struct rows){.heads = heads, .batch = a->shape[0]};
    if (a->n_dims == 3 && a->shape[2] % heads == 0) {
        r->length = a->shape[1];
        r->size = a->shape[2] / heads;
        r->steps[1] = a->shape[2];
        r->steps[2] = r->size;
    } else if (a->n_dims == 4 && a->shape[1] == heads) {
        r->length = a->shape[2];
        r->size = a->shape[3];
        r->steps[1] = r->size;
        r->steps[2] = r->length * r->size;
    } else {
        return hn_op_fail(op, HN_E_ARG, "input %zu does not hold %zu heads", i, heads);
    }
    r->steps[0] = r->length * heads * r->size;
    r->data = hn_op_lane_in(op, i, HN_LANE_F32);
    return r->data ? HN_OK : hn_op_failed(op);
}

/* Input i: [batch, length, heads, n, size], n of queries, keys, values side by side. */
static enum hn_status packed_rows(struct hn_op *op, size_t i, size_t heads, size_t n,
                                  struct rows *r)
{
    const struct hn_array *a = op->in[i];
    if (a->n_dims != 5 || a->shape[2] != heads || a->shape[3] != n || !hn_element_is_float(a->type))
        return hn_op_fail(op, HN_E_ARG, "input %zu does not hold %zu heads of %zu", i, heads, n);
    const float *data = hn_op_lane_in(op, i, HN_LANE_F32);
    if (!data) return hn_op_failed(op);
    const size_t size = a->shape[4], row = heads * n * size;
    for (size_t j = 0; j < n; j++)
        r[j] = (struct rows){.data = data + j * size,
                             .batch = a->shape[0],
                             .length = a->shape[1],
                             .heads = heads,
                             .size = size,
                             .steps = {a->shape[1] * row, row, n * size}};
    return HN_OK;
}

static enum hn_status check_rows(struct hn_op *op, const struct heads *h)
{
    const struct rows *q = &h->q, *k = &h->k, *v = &h->v;
    if (q->batch != k->batch || q->batch != v->batch || k->length != v->length ||
        q->size != k->size || k->heads != v->heads)
        return hn_op_fail(op, HN_E_ARG, "queries, keys and values do not fit each other");
    return HN_OK;
}

/* The same rows one after another, [batch][length][heads][size], in memory of its own. */
static float *own_rows(struct hn_op *op, struct rows *r)
{
    const size_t row = r->heads * r->size;
    float *to = hn_op_scratch(op, r->batch * r->length, row * sizeof *to);
    if (!to) return NULL;
    for (size_t b = 0; b < r->batch; b++)
        for (size_t t = 0; t < r->length; t++)
            for (size_t h = 0; h < r->heads; h++)
                memcpy(to + (b * r->length + t) * row + h * r->size, head_row(r, b, t, h),
                       r->size * sizeof *to);
    r->data = to;
    r->steps[0] = r->length * row;
    r->steps[1] = row;
    r->steps[2] = r->size;
    return to;
}

static enum hn_status add_bias(struct hn_op *op, struct rows *r, const float *bias)
{
    float *to = own_rows(op, r);
    if (!to) return hn_op_failed(op);
    for (size_t i = 0; i < r->batch * r->length; i++)
        op->kernels->add(to + i * r->steps[1], bias, r->steps[1]);
    return HN_OK;
}

/* --- past and present --- */

/* Rows `r` after the first `before` of those in input `in` (or none), [batch, heads, all, size], as output
 * `out` or in scratch; `before` may differ by batch (GroupQueryAttention): then starts[b] instead. */
static enum hn_status append(struct hn_op *op, struct rows *r, size_t in, size_t before,
                             const size_t *starts, size_t all, size_t out)
{
    const struct hn_array *past = hn_op_in(op, in);
    const bool wanted = hn_op_wants(op, out);
    if (!past && !wanted && !starts) return HN_OK;
    const enum hn_element type = op->in[0]->type;
    const size_t shape[] = {r->batch, r->heads, all, r->size}, in_past = past ? past->shape[2] : 0;
    size_t n;
    if (!hn_shape_count(shape, 4, sizeof(float), &n))
        return hn_op_fail(op, HN_E_LIMIT, "too many keys");
    float *to = wanted ? hn_op_lane_out(op, out, type, shape, 4, HN_LANE_F32)
                       : hn_op_scratch(op, n, sizeof *to);
    if (!to) return hn_op_failed(op);
    const float *old = past ? hn_op_lane_in(op, in, HN_LANE_F32) : NULL;
    if (past && !old) return hn_op_failed(op);
    for (size_t i = 0; i < r->batch * r->heads; i++) {
        float *head = to + i * all * r->size;
        const size_t b = i / r->heads, kept = starts ? starts[b] : before;
        if (old) memcpy(head, old + i * in_past * r->size, kept * r->size * sizeof *head);
        const size_t new = hn_min(r->length, all - kept);
        for (size_t t = 0; t < new; t++)
            memcpy(head + (kept + t) * r->size, head_row(r, b, t, i % r->heads),
                   r->size * sizeof *head);
        memset(head + (kept + new) * r->size, 0, (all - kept - new) * r->size * sizeof *head);
    }
    if (wanted) hn_op_lane_done(op, out, HN_LANE_F32, to);
    r->data = to;
    r->length = all;
    r->steps[0] = r->heads * all * r->size;
    r->steps[1] = r->size;
    r->steps[2] = all * r->size;
    return HN_OK;
}

static enum hn_status check_past(struct hn_op *op, const struct rows *r,
                                 const struct hn_array *past)
{
    if (past && (past->n_dims != 4 || past->shape[0] != r->batch || past->shape[1] != r->heads ||
                 past->shape[3] != r->size))
        return hn_op_fail(op, HN_E_ARG, "past keys or values do not fit the new ones");
    return HN_OK;
}

/* Keys in input `in` and values in the next that were there before; they come together. */
static enum hn_status read_past(struct hn_op *op, struct heads *h, size_t in)
{
    const struct hn_array *key = hn_op_in(op, in), *value = hn_op_in(op, in + 1);
    HN_TRY(check_past(op, &h->k, key));
    HN_TRY(check_past(op, &h->v, value));
    if (!key != !value || (key && key->shape[2] != value->shape[2]))
        return hn_op_fail(op, HN_E_ARG, "past keys and values come together");
    h->past = key ? key->shape[2] : 0;
    return HN_OK;
}

/* --- masks --- */

/* What is added to scores, [batch or 1][heads or 1][queries][keys] of floats. */
struct mask {
    size_t shape[4];
    float *values;
};

/* Room for a mask, with input `bias` (or none), which broadcasts, in it. */
static enum hn_status mask_of(struct hn_op *op, const struct heads *h, size_t bias, bool by_batch,
                              struct mask *m)
{
    const struct hn_array *add = hn_op_in(op, bias);
    const size_t full[] = {h->q.batch, h->q.heads, h->q.length, h->k.length};
    *m = (struct mask){.shape = {by_batch ? full[0] : 1, 1, full[2], full[3]}};
    if (add) {
        if (add->n_dims != 4) return hn_op_fail(op, HN_E_ARG, "attention_bias has 4 dimensions");
        for (size_t d = 0; d < 4; d++) {
            const bool fits = d == 3 ? add->shape[3] >= full[3] : add->shape[d] == full[d];
            if (!fits && (add->shape[d] != 1 || d == 3))
                return hn_op_fail(op, HN_E_ARG, "attention_bias has %zu where %zu are",
                                  add->shape[d], full[d]);
            if (d < 2 && add->shape[d] != 1) m->shape[d] = full[d];
        }
    }
    size_t n;
    if (!hn_shape_count(m->shape, 4, sizeof(float), &n))
        return hn_op_fail(op, HN_E_LIMIT, "too many scores");
    if (!(m->values = hn_op_scratch(op, n, sizeof *m->values))) return hn_op_failed(op);
    if (!add) {
        memset(m->values, 0, n * sizeof *m->values);
        return HN_OK;
    }
    const float *from = hn_op_lane_in(op, bias, HN_LANE_F32);
    if (!from) return hn_op_failed(op);
    for (size_t i = 0; i < n / hn_max(1, full[3]); i++) {
        const size_t query = i % full[2], head = i / full[2] % m->shape[1],
                     batch = i / full[2] / m->shape[1];
        const size_t at =
            ((add->shape[0] == 1 ? 0 : batch) * add->shape[1] + (add->shape[1] == 1 ? 0 : head)) *
                add->shape[2] +
            (add->shape[2] == 1 ? 0 : query);
        memcpy(m->values + i * full[3], from + at * add->shape[3], full[3] * sizeof *from);
    }
    return HN_OK;
}

/* One row of scores, of a query. */
static float *mask_row(const struct mask *m, size_t i)
{
    return m->values + i * m->shape[3];
}

static size_t row_batch(const struct mask *m, size_t i)
{
    return i / m->shape[2] / m->shape[1];
}

static void set_mask(const struct mask *m, struct hn_attend *a)
{
    a->masks[0].values = m->values;
    a->masks[0].steps[3] = 1;
    a->masks[0].steps[2] = m->shape[3];
    a->masks[0].steps[1] = m->shape[1] == 1 ? 0 : m->shape[2] * m->shape[3];
    a->masks[0].steps[0] = m->shape[0] == 1 ? 0 : m->shape[1] * m->shape[2] * m->shape[3];
}

/* Padding as com.microsoft has it: lengths [batch], ends and starts [2 batch], or a flag for each key [batch,
 * keys] or query and key [batch, queries, keys]. */
struct padding {
    const int64_t *values;
    size_t n_dims, n;
    float filter; /* what hides a key */
};

static enum hn_status padding_of(struct hn_op *op, size_t i, const struct heads *h,
                                 struct padding *p)
{
    const struct hn_array *a = hn_op_in(op, i);
    *p = (struct padding){.filter = hn_op_float(op, "mask_filter_value", -10000)};
    if (!a) return HN_OK;
    const size_t batch = h->q.batch, keys = h->k.length;
    const bool fits = (a->n_dims == 1 && (a->n == batch || a->n == 2 * batch)) ||
                      (a->n_dims == 2 && a->shape[0] == batch && a->shape[1] == keys) ||
                      (a->n_dims == 3 && a->shape[0] == batch && a->shape[1] == h->q.length &&
                       a->shape[2] == keys);
    if (!fits) return hn_op_fail(op, HN_E_UNSUPPORTED, "a mask of another shape than it takes");
    p->n_dims = a->n_dims;
    return hn_op_ints_of(op, i, &p->values, &p->n);
}

static bool hides(const struct padding *p, const struct mask *m, size_t row, size_t key)
{
    const size_t batch = row_batch(m, row), keys = m->shape[3];
    if (p->n_dims == 3)
        return p->values[(batch * m->shape[2] + row % m->shape[2]) * keys + key] <= 0;
    if (p->n_dims == 2) return p->values[batch * keys + key] <= 0;
    return (int64_t)key >= p->values[batch] ||
           (p->n > m->shape[0] && (int64_t)key < p->values[m->shape[0] + batch]);
}

/* --- MultiHeadAttention --- */

static enum hn_status finish(struct hn_op *op, struct heads *h)
{
    struct hn_attend *a = &h->attend;
    const size_t shape[] = {h->q.batch, h->q.length, h->q.heads * h->v.size};
    a->out = hn_op_lane_out(op, 0, op->in[0]->type, shape, 3, HN_LANE_F32);
    if (!a->out) return hn_op_failed(op);
    if (!op->out[0].n) return HN_OK;
    a->q = h->q.data, a->k = h->k.data, a->v = h->v.data;
    memcpy(a->q_steps, h->q.steps, sizeof a->q_steps);
    memcpy(a->k_steps, h->k.steps, sizeof a->k_steps);
    memcpy(a->v_steps, h->v.steps, sizeof a->v_steps);
    a->batch = h->q.batch;
    a->heads = h->q.heads;
    a->kv_heads = h->k.heads;
    a->queries = h->q.length;
    a->keys = h->k.length;
    a->width = h->q.size;
    a->width_v = h->v.size;
    const float scale = hn_op_float(op, "scale", 0);
    a->scale = scale != 0 ? scale : (float)(1 / sqrt((double)h->q.size));
    HN_TRY(hn_attend_run(op, a));
    hn_op_lane_done(op, 0, HN_LANE_F32, a->out);
    return HN_OK;
}

static enum hn_status heads_count(struct hn_op *op, const char *name, size_t *out)
{
    const int64_t n = hn_op_int(op, name, 0);
    if (n < 1 || n > INT32_MAX) return hn_op_fail(op, HN_E_ARG, "%s is %lld", name, (long long)n);
    *out = (size_t)n;
    return HN_OK;
}

/* (q, k, v), (q, keys and values packed) or all packed; four dimensions are heads first. */
static enum hn_status multi_head_rows(struct hn_op *op, size_t heads, struct heads *h)
{
    struct rows all[3];
    if (op->in[0]->n_dims == 5) {
        HN_TRY(packed_rows(op, 0, heads, 3, all));
        h->q = all[0], h->k = all[1], h->v = all[2];
        return HN_OK;
    }
    HN_TRY(plain_rows(op, 0, heads, &h->q));
    const struct hn_array *k = hn_op_in(op, 1), *v = hn_op_in(op, 2);
    if (!k) return hn_op_fail(op, HN_E_ARG, "there are no keys");
    if (k->n_dims == 5) {
        HN_TRY(packed_rows(op, 1, heads, 2, all));
        h->k = all[0], h->v = all[1];
        return HN_OK;
    }
    if (!v) return hn_op_fail(op, HN_E_ARG, "there are no values");
    HN_TRY(plain_rows(op, 1, heads, &h->k));
    return plain_rows(op, 2, heads, &h->v);
}

/* Of queries, keys and values, one after the other. */
static enum hn_status multi_head_bias(struct hn_op *op, struct heads *h)
{
    const struct hn_array *bias = hn_op_in(op, 3);
    if (!bias) return HN_OK;
    const size_t q = h->q.heads * h->q.size, v = h->v.heads * h->v.size;
    if (bias->n != 2 * q + v)
        return hn_op_fail(op, HN_E_ARG, "the bias has %zu elements, not %zu", bias->n, 2 * q + v);
    const float *add = hn_op_lane_in(op, 3, HN_LANE_F32);
    if (!add) return hn_op_failed(op);
    HN_TRY(add_bias(op, &h->q, add));
    HN_TRY(add_bias(op, &h->k, add + q));
    return add_bias(op, &h->v, add + 2 * q);
}

enum hn_status hn_op_multi_head_attention(struct hn_op *op)
{
    struct heads h = {0};
    size_t heads = 0;
    HN_TRY(heads_count(op, "num_heads", &heads));
    HN_TRY(multi_head_rows(op, heads, &h));
    HN_TRY(check_rows(op, &h));
    HN_TRY(multi_head_bias(op, &h));
    HN_TRY(read_past(op, &h, 6));
    if (hn_op_in(op, 8) || hn_op_in(op, 9))
        return hn_op_fail(op, HN_E_UNSUPPORTED,
                          "shared buffers and indirections are not supported");
    const size_t all = h.past + h.k.length;
    HN_TRY(append(op, &h.k, 6, h.past, NULL, all, 1));
    HN_TRY(append(op, &h.v, 7, h.past, NULL, all, 2));

    struct padding padding;
    const bool causal = hn_op_int(op, "unidirectional", 0) != 0;
    HN_TRY(padding_of(op, 4, &h, &padding));
    if (!causal && !padding.values && !hn_op_in(op, 5)) return finish(op, &h);
    struct mask m;
    HN_TRY(mask_of(op, &h, 5, padding.values != NULL, &m));
    for (size_t i = 0; i < m.shape[0] * m.shape[1] * m.shape[2]; i++) {
        float *row = mask_row(&m, i);
        const size_t query = i % m.shape[2];
        for (size_t key = 0; key < m.shape[3]; key++) {
            if (padding.values && hides(&padding, &m, i, key)) row[key] += padding.filter;
            if (causal && key > h.past + query) row[key] = -FLT_MAX;
        }
    }
    set_mask(&m, &h.attend);
    return finish(op, &h);
}

/* --- GroupQueryAttention --- */

/* Positions turn queries and keys. */
struct turns {
    const float *cosines, *sines;
    size_t rows, half;
    const int64_t *places; /* [batch][queries], or NULL: in order after the past */
    bool interleaved;
};

static enum hn_status turns_of(struct hn_op *op, const struct rows *q, struct turns *t)
{
    const struct hn_array *c = hn_op_in(op, 7), *s = hn_op_in(op, 8);
    if (!c || !s || c->n_dims != 2 || s->n_dims != 2 || c->shape[0] != s->shape[0] ||
        c->shape[1] != s->shape[1] || 2 * c->shape[1] > q->size)
        return hn_op_fail(op, HN_E_ARG, "the tables of cosines and sines do not fit");
    *t = (struct turns){.rows = c->shape[0], .half = c->shape[1]};
    t->interleaved = hn_op_int(op, "rotary_interleaved", 0) != 0;
    t->cosines = hn_op_lane_in(op, 7, HN_LANE_F32);
    t->sines = hn_op_lane_in(op, 8, HN_LANE_F32);
    if (!t->cosines || !t->sines) return hn_op_failed(op);
    if (!hn_op_in(op, 9)) return HN_OK;
    size_t n;
    HN_TRY(hn_op_ints_of(op, 9, &t->places, &n));
    if (n != q->batch * q->length)
        return hn_op_fail(op, HN_E_ARG, "%zu positions for %zu rows", n, q->batch * q->length);
    return HN_OK;
}

static enum hn_status turn_rows(struct hn_op *op, struct rows *r, const struct turns *t,
                                const size_t *starts)
{
    float *data = own_rows(op, r);
    if (!data) return hn_op_failed(op);
    for (size_t i = 0; i < r->batch * r->length; i++) {
        const size_t b = i / r->length, step = i % r->length;
        const size_t at = t->places && t->places[i] >= 0 ? (size_t)t->places[i] : starts[b] + step;
        if (at >= t->rows || (t->places && t->places[i] < 0))
            return hn_op_fail(op, HN_E_ARG, "position %zu of %zu", at, t->rows);
        for (size_t h = 0; h < r->heads; h++)
            hn_rotary_turn(data + (i * r->heads + h) * r->size, t->cosines + at * t->half,
                           t->sines + at * t->half, t->half, t->interleaved);
    }
    return HN_OK;
}

/* Where the new keys of each row of the batch go: after its own past. */
static enum hn_status starts_of(struct hn_op *op, const struct heads *h, size_t *all, size_t **out)
{
    const int64_t *lengths, *total;
    size_t n, one;
    if (!hn_op_in(op, 5) || !hn_op_in(op, 6))
        return hn_op_fail(op, HN_E_ARG, "seqlens_k or total_sequence_length is missing");
    HN_TRY(hn_op_ints_of(op, 5, &lengths, &n));
    HN_TRY(hn_op_ints_of(op, 6, &total, &one));
    if (n != h->q.batch || one != 1 || *total < (int64_t)h->q.length || *total > INT32_MAX)
        return hn_op_fail(op, HN_E_ARG, "seqlens_k or total_sequence_length do not fit");
    size_t *starts = hn_op_scratch(op, n, sizeof *starts);
    if (!starts) return hn_op_failed(op);
    const bool prompt = *total == (int64_t)h->q.length;
    for (size_t b = 0; b < n; b++) {
        const bool fits = lengths[b] >= 0 && lengths[b] < *total;
        const int64_t before = !fits || prompt ? 0 : lengths[b] + 1 - (int64_t)h->q.length;
        if (!fits || before < 0 || before > (int64_t)h->past)
            return hn_op_fail(op, HN_E_ARG, "%lld keys of %lld, %zu of them past",
                              (long long)lengths[b], (long long)*total, h->past);
        starts[b] = (size_t)before;
    }
    *all = hn_max((size_t)*total, h->past);
    *out = starts;
    return HN_OK;
}

/* Keys and values apart, or behind the queries in input 0. */
static enum hn_status group_rows(struct hn_op *op, struct heads *h)
{
    size_t heads = 0, kv_heads = 0;
    HN_TRY(heads_count(op, "num_heads", &heads));
    HN_TRY(heads_count(op, "kv_num_heads", &kv_heads));
    if (heads % kv_heads)
        return hn_op_fail(op, HN_E_ARG, "%zu heads of queries, %zu of keys", heads, kv_heads);
    if (hn_op_in(op, 1) && hn_op_in(op, 2)) {
        HN_TRY(plain_rows(op, 0, heads, &h->q));
        HN_TRY(plain_rows(op, 1, kv_heads, &h->k));
        return plain_rows(op, 2, kv_heads, &h->v);
    }
    struct rows all;
    if (op->in[0]->n_dims != 3) return hn_op_fail(op, HN_E_ARG, "the queries have 3 dimensions");
    HN_TRY(plain_rows(op, 0, heads + 2 * kv_heads, &all));
    h->q = h->k = h->v = all;
    h->q.heads = heads;
    h->k.heads = h->v.heads = kv_heads;
    h->k.data += heads * all.size;
    h->v.data += (heads + kv_heads) * all.size;
    return HN_OK;
}

static enum hn_status refuse_rare(struct hn_op *op)
{
    if (hn_op_in(op, 11) || hn_op_int(op, "smooth_softmax", 0) > 0 ||
        hn_op_int(op, "qk_output", 0) || hn_op_int(op, "sliding_window_cache", 0))
        return hn_op_fail(
            op, HN_E_UNSUPPORTED,
            "head_sink, smooth_softmax, qk_output and window caches are not supported");
    for (size_t i = 12; i < op->n_in; i++)
        if (op->in[i])
            return hn_op_fail(op, HN_E_UNSUPPORTED,
                              "quantized caches and norms of heads are not supported");
    return HN_OK;
}

enum hn_status hn_op_group_query_attention(struct hn_op *op)
{
    struct heads h = {0};
    HN_TRY(refuse_rare(op));
    HN_TRY(group_rows(op, &h));
    HN_TRY(check_rows(op, &h));
    if (h.k.length != h.q.length)
        return hn_op_fail(op, HN_E_ARG, "%zu new keys, %zu queries", h.k.length, h.q.length);
    HN_TRY(read_past(op, &h, 3));
    size_t all = 0, *starts = NULL;
    HN_TRY(starts_of(op, &h, &all, &starts));
    if (hn_op_int(op, "do_rotary", 0)) {
        struct turns turns;
        HN_TRY(turns_of(op, &h.q, &turns));
        HN_TRY(turn_rows(op, &h.q, &turns, starts));
        HN_TRY(turn_rows(op, &h.k, &turns, starts));
    }
    HN_TRY(append(op, &h.k, 3, 0, starts, all, 1));
    HN_TRY(append(op, &h.v, 4, 0, starts, all, 2));
    const int64_t *total, window = hn_op_int(op, "local_window_size", -1);
    size_t one;
    HN_TRY(hn_op_ints_of(op, 6, &total, &one));
    h.k.length = h.v.length = (size_t)*total; /* of `all` that there is room for */
    struct mask m;
    HN_TRY(mask_of(op, &h, 10, true, &m));
    const bool causal = hn_op_int(op, "causal", 1) != 0;
    for (size_t i = 0; i < m.shape[0] * m.shape[1] * m.shape[2]; i++) {
        float *row = mask_row(&m, i);
        const size_t start = starts[row_batch(&m, i)], at = start + i % m.shape[2];
        for (size_t key = 0; key < m.shape[3]; key++) {
            const bool later = causal ? key > at : key >= start + h.q.length;
            if (later || (window > 0 && (int64_t)(at - hn_min(at, key)) >= window))
                row[key] = -INFINITY;
        }
    }
    set_mask(&m, &h.attend);
    h.attend.softcap = hn_op_float(op, "softcap", 0);
    return finish(op, &h);
}
