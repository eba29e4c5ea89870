#include "model/graph/op_heads.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "model/graph/op_args.h"
#include "model/graph/op_lane.h"

/* --- inputs --- */

enum hn_status hn_heads_count(struct hn_op *op, const char *name, size_t *out)
{
    const int64_t n = hn_op_int(op, name, 0);
    if (n < 1 || n > INT32_MAX) return hn_op_fail(op, HN_E_ARG, "%s is %lld", name, (long long)n);
    *out = (size_t)n;
    return HN_OK;
}

enum hn_status hn_heads_read(struct hn_op *op, size_t i, size_t heads, struct hn_head_rows *r)
{
    const struct hn_array *a = op->in[i];
    if (!hn_element_is_float(a->type)) return hn_op_fail_type(op, i);
    *r = (struct hn_head_rows){.heads = heads, .batch = a->shape[0]};
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

enum hn_status hn_heads_check(struct hn_op *op, const struct hn_heads *h)
{
    const struct hn_head_rows *q = &h->q, *k = &h->k, *v = &h->v;
    if (q->batch != k->batch || q->batch != v->batch || k->length != v->length ||
        q->size != k->size || k->heads != v->heads)
        return hn_op_fail(op, HN_E_ARG, "queries, keys and values do not fit each other");
    return HN_OK;
}

float *hn_heads_own(struct hn_op *op, struct hn_head_rows *r)
{
    const size_t row = r->heads * r->size;
    float *to = hn_op_scratch(op, r->batch * r->length, row * sizeof *to);
    if (!to) return NULL;
    for (size_t b = 0; b < r->batch; b++)
        for (size_t t = 0; t < r->length; t++)
            for (size_t h = 0; h < r->heads; h++)
                memcpy(to + (b * r->length + t) * row + h * r->size, hn_head_row(r, b, t, h),
                       r->size * sizeof *to);
    r->data = to;
    r->steps[0] = r->length * row;
    r->steps[1] = row;
    r->steps[2] = r->size;
    return to;
}

/* --- past and present --- */

enum hn_status hn_heads_append(struct hn_op *op, struct hn_head_rows *r, size_t in, size_t before,
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
            memcpy(head + (kept + t) * r->size, hn_head_row(r, b, t, i % r->heads),
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

static enum hn_status check_past(struct hn_op *op, const struct hn_head_rows *r,
                                 const struct hn_array *past)
{
    if (past && (past->n_dims != 4 || past->shape[0] != r->batch || past->shape[1] != r->heads ||
                 past->shape[3] != r->size))
        return hn_op_fail(op, HN_E_ARG, "past keys or values do not fit the new ones");
    return HN_OK;
}

enum hn_status hn_heads_past(struct hn_op *op, struct hn_heads *h, size_t in)
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

enum hn_status hn_mask_make(struct hn_op *op, const struct hn_heads *h, size_t bias, bool by_batch,
                            struct hn_score_mask *m)
{
    const struct hn_array *add = hn_op_in(op, bias);
    const size_t full[] = {h->q.batch, h->q.heads, h->q.length, h->k.length};
    *m = (struct hn_score_mask){.shape = {by_batch ? full[0] : 1, 1, full[2], full[3]}};
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

float *hn_mask_row(const struct hn_score_mask *m, size_t i)
{
    return m->values + i * m->shape[3];
}

size_t hn_mask_batch(const struct hn_score_mask *m, size_t i)
{
    return i / m->shape[2] / m->shape[1];
}

void hn_mask_set(const struct hn_score_mask *m, struct hn_attend *a)
{
    a->masks[0].values = m->values;
    a->masks[0].steps[3] = 1;
    a->masks[0].steps[2] = m->shape[3];
    a->masks[0].steps[1] = m->shape[1] == 1 ? 0 : m->shape[2] * m->shape[3];
    a->masks[0].steps[0] = m->shape[0] == 1 ? 0 : m->shape[1] * m->shape[2] * m->shape[3];
}

/* --- the product --- */

enum hn_status hn_heads_finish(struct hn_op *op, struct hn_heads *h)
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
