/* com.microsoft: GroupQueryAttention. */
#include <math.h>

#include "base/bits.h"
#include "model/graph/op_args.h"
#include "model/graph/op_heads.h"
#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"
#include "model/graph/op_rotary.h"

/* Positions turn queries and keys. */
struct turns {
    const float *cosines, *sines;
    size_t rows, half;
    const int64_t *places; /* [batch][queries], or NULL: in order after the past */
    bool interleaved;
};

static enum hn_status turns_of(struct hn_op *op, const struct hn_head_rows *q, struct turns *t)
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

static enum hn_status turn_rows(struct hn_op *op, struct hn_head_rows *r, const struct turns *t,
                                const size_t *starts)
{
    float *data = hn_heads_own(op, r);
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
static enum hn_status starts_of(struct hn_op *op, const struct hn_heads *h, size_t *all,
                                size_t **out)
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
static enum hn_status group_rows(struct hn_op *op, struct hn_heads *h)
{
    size_t heads = 0, kv_heads = 0;
    HN_TRY(hn_heads_count(op, "num_heads", &heads));
    HN_TRY(hn_heads_count(op, "kv_num_heads", &kv_heads));
    if (heads % kv_heads)
        return hn_op_fail(op, HN_E_ARG, "%zu heads of queries, %zu of keys", heads, kv_heads);
    if (hn_op_in(op, 1) && hn_op_in(op, 2)) {
        HN_TRY(hn_heads_read(op, 0, heads, &h->q));
        HN_TRY(hn_heads_read(op, 1, kv_heads, &h->k));
        return hn_heads_read(op, 2, kv_heads, &h->v);
    }
    struct hn_head_rows all;
    if (op->in[0]->n_dims != 3) return hn_op_fail(op, HN_E_ARG, "the queries have 3 dimensions");
    HN_TRY(hn_heads_read(op, 0, heads + 2 * kv_heads, &all));
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
    struct hn_heads h = {0};
    HN_TRY(refuse_rare(op));
    HN_TRY(group_rows(op, &h));
    HN_TRY(hn_heads_check(op, &h));
    if (h.k.length != h.q.length)
        return hn_op_fail(op, HN_E_ARG, "%zu new keys, %zu queries", h.k.length, h.q.length);
    HN_TRY(hn_heads_past(op, &h, 3));
    size_t all = 0, *starts = NULL;
    HN_TRY(starts_of(op, &h, &all, &starts));
    if (hn_op_int(op, "do_rotary", 0)) {
        struct turns turns;
        HN_TRY(turns_of(op, &h.q, &turns));
        HN_TRY(turn_rows(op, &h.q, &turns, starts));
        HN_TRY(turn_rows(op, &h.k, &turns, starts));
    }
    HN_TRY(hn_heads_append(op, &h.k, 3, 0, starts, all, 1));
    HN_TRY(hn_heads_append(op, &h.v, 4, 0, starts, all, 2));
    const int64_t *total, window = hn_op_int(op, "local_window_size", -1);
    size_t one;
    HN_TRY(hn_op_ints_of(op, 6, &total, &one));
    h.k.length = h.v.length = (size_t)*total; /* of `all` that there is room for */
    struct hn_score_mask m;
    HN_TRY(hn_mask_make(op, &h, 10, true, &m));
    const bool causal = hn_op_int(op, "causal", 1) != 0;
    for (size_t i = 0; i < m.shape[0] * m.shape[1] * m.shape[2]; i++) {
        float *row = hn_mask_row(&m, i);
        const size_t start = starts[hn_mask_batch(&m, i)], at = start + i % m.shape[2];
        for (size_t key = 0; key < m.shape[3]; key++) {
            const bool later = causal ? key > at : key >= start + h.q.length;
            if (later || (window > 0 && (int64_t)(at - hn_min(at, key)) >= window))
                row[key] = -INFINITY;
        }
    }
    hn_mask_set(&m, &h.attend);
    h.attend.softcap = hn_op_float(op, "softcap", 0);
    return hn_heads_finish(op, &h);
}
