/* com.microsoft: MultiHeadAttention. */
#include <float.h>

#include "model/graph/op_args.h"
#include "model/graph/op_heads.h"
#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"

/* Input i: [batch, length, heads, n, size], n of queries, keys, values side by side. */
static enum hn_status packed_rows(struct hn_op *op, size_t i, size_t heads, size_t n,
                                  struct hn_head_rows *r)
{
    const struct hn_array *a = op->in[i];
    if (a->n_dims != 5 || a->shape[2] != heads || a->shape[3] != n || !hn_element_is_float(a->type))
        return hn_op_fail(op, HN_E_ARG, "input %zu does not hold %zu heads of %zu", i, heads, n);
    const float *data = hn_op_lane_in(op, i, HN_LANE_F32);
    if (!data) return hn_op_failed(op);
    const size_t size = a->shape[4], row = heads * n * size;
    for (size_t j = 0; j < n; j++)
        r[j] = (struct hn_head_rows){.data = data + j * size,
                                     .batch = a->shape[0],
                                     .length = a->shape[1],
                                     .heads = heads,
                                     .size = size,
                                     .steps = {a->shape[1] * row, row, n * size}};
    return HN_OK;
}

static enum hn_status add_bias(struct hn_op *op, struct hn_head_rows *r, const float *bias)
{
    float *to = hn_heads_own(op, r);
    if (!to) return hn_op_failed(op);
    for (size_t i = 0; i < r->batch * r->length; i++)
        op->kernels->add(to + i * r->steps[1], bias, r->steps[1]);
    return HN_OK;
}

/* Padding as com.microsoft has it: lengths [batch], ends and starts [2 batch], or a flag for each key [batch,
 * keys] or query and key [batch, queries, keys]. */
struct padding {
    const int64_t *values;
    size_t n_dims, n;
    float filter; /* what hides a key */
};

static enum hn_status padding_of(struct hn_op *op, size_t i, const struct hn_heads *h,
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

static bool hides(const struct padding *p, const struct hn_score_mask *m, size_t row, size_t key)
{
    const size_t batch = hn_mask_batch(m, row), keys = m->shape[3];
    if (p->n_dims == 3)
        return p->values[(batch * m->shape[2] + row % m->shape[2]) * keys + key] <= 0;
    if (p->n_dims == 2) return p->values[batch * keys + key] <= 0;
    return (int64_t)key >= p->values[batch] ||
           (p->n > m->shape[0] && (int64_t)key < p->values[m->shape[0] + batch]);
}

/* (q, k, v), (q, keys and values packed) or all packed; four dimensions are heads first. */
static enum hn_status multi_head_rows(struct hn_op *op, size_t heads, struct hn_heads *h)
{
    struct hn_head_rows all[3];
    if (op->in[0]->n_dims == 5) {
        HN_TRY(packed_rows(op, 0, heads, 3, all));
        h->q = all[0], h->k = all[1], h->v = all[2];
        return HN_OK;
    }
    HN_TRY(hn_heads_read(op, 0, heads, &h->q));
    const struct hn_array *k = hn_op_in(op, 1), *v = hn_op_in(op, 2);
    if (!k) return hn_op_fail(op, HN_E_ARG, "there are no keys");
    if (k->n_dims == 5) {
        HN_TRY(packed_rows(op, 1, heads, 2, all));
        h->k = all[0], h->v = all[1];
        return HN_OK;
    }
    if (!v) return hn_op_fail(op, HN_E_ARG, "there are no values");
    HN_TRY(hn_heads_read(op, 1, heads, &h->k));
    return hn_heads_read(op, 2, heads, &h->v);
}

/* Of queries, keys and values, one after the other. */
static enum hn_status multi_head_bias(struct hn_op *op, struct hn_heads *h)
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
    struct hn_heads h = {0};
    size_t heads = 0;
    HN_TRY(hn_heads_count(op, "num_heads", &heads));
    HN_TRY(multi_head_rows(op, heads, &h));
    HN_TRY(hn_heads_check(op, &h));
    HN_TRY(multi_head_bias(op, &h));
    HN_TRY(hn_heads_past(op, &h, 6));
    if (hn_op_in(op, 8) || hn_op_in(op, 9))
        return hn_op_fail(op, HN_E_UNSUPPORTED,
                          "shared buffers and indirections are not supported");
    const size_t all = h.past + h.k.length;
    HN_TRY(hn_heads_append(op, &h.k, 6, h.past, NULL, all, 1));
    HN_TRY(hn_heads_append(op, &h.v, 7, h.past, NULL, all, 2));

    struct padding padding;
    const bool causal = hn_op_int(op, "unidirectional", 0) != 0;
    HN_TRY(padding_of(op, 4, &h, &padding));
    if (!causal && !padding.values && !hn_op_in(op, 5)) return hn_heads_finish(op, &h);
    struct hn_score_mask m;
    HN_TRY(hn_mask_make(op, &h, 5, padding.values != NULL, &m));
    for (size_t i = 0; i < m.shape[0] * m.shape[1] * m.shape[2]; i++) {
        float *row = hn_mask_row(&m, i);
        const size_t query = i % m.shape[2];
        for (size_t key = 0; key < m.shape[3]; key++) {
            if (padding.values && hides(&padding, &m, i, key)) row[key] += padding.filter;
            if (causal && key > h.past + query) row[key] = -FLT_MAX;
        }
    }
    hn_mask_set(&m, &h.attend);
    return hn_heads_finish(op, &h);
}
