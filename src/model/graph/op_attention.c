/* Attention: scaled dot products of queries and keys, masked, softmaxed, applied to values. */
#include "model/graph/op_attention.h"

#include <math.h>
#include <string.h>

#include "model/graph/op_list.h"

enum { ROWS = 64 }; /* queries of one block */

/* ---- from inputs to heads ---- */

/* [batch, heads, length, size], or [batch, length, heads x size] where the heads are told by an attribute. */
static enum hn_status heads_of(struct hn_op *op, const struct hn_array *a, const char *attribute,
                               struct hn_heads *out)
{
    struct hn_heads h = {.batch = a->shape[0]};
    if (a->n_dims == 4) {
        h.heads = a->shape[1];
        h.length = a->shape[2];
        h.size = a->shape[3];
        h.row = h.size;
        h.head = h.length * h.size;
    } else if (a->n_dims == 3) {
        const int64_t heads = hn_op_int(op, attribute, 0);
        if (heads < 1 || a->shape[2] % (size_t)heads)
            return hn_op_fail(op, HN_E_ARG, "%zu in %lld heads (%s)", a->shape[2], (long long)heads,
                              attribute);
        h.heads = (size_t)heads;
        h.length = a->shape[1];
        h.size = a->shape[2] / h.heads;
        h.row = a->shape[2];
        h.head = h.size;
    } else {
        return hn_op_fail(op, HN_E_ARG, "queries, keys and values have three or four dimensions");
    }
    *out = h;
    return HN_OK;
}

static size_t head_at(const struct hn_heads *h, size_t batch, size_t head)
{
    return batch * h->heads * h->length * h->size + head * h->head;
}

/* `past` [batch, heads, before, size] and the new rows after it, as [batch, heads, all, size] in output i (or
 * scratch where nobody wants it). */
static enum hn_status append(struct hn_op *op, size_t in, const struct hn_array *past, size_t out,
                             struct hn_heads *h, const void **data)
{
    const struct hn_array *now = op->in[in];
    const size_t bytes = hn_element_info(now->type)->bytes;
    size_t before = 0;
    if (past) {
        if (past->n_dims != 4 || past->shape[0] != h->batch || past->shape[1] != h->heads ||
            past->shape[3] != h->size || past->type != now->type)
            return hn_op_fail(op, HN_E_ARG, "past keys or values do not match the new ones");
        before = past->shape[2];
    }
    const size_t all = before + h->length;
    const bool wanted = out < op->n_out && op->wanted[out];
    if (!past && !wanted) {
        *data = now->data;
        return HN_OK;
    }
    size_t n;
    const size_t shape[] = {h->batch, h->heads, all, h->size};
    if (!hn_shape_count(shape, 4, bytes, &n)) return hn_op_fail(op, HN_E_LIMIT, "too many keys");
    char *to = wanted ? hn_op_out(op, out, now->type, shape, 4) : hn_op_scratch(op, n, bytes);
    if (!to) return hn_op_failed(op);
    for (size_t b = 0; b < h->batch; b++)
        for (size_t head = 0; head < h->heads; head++) {
            char *start = to + (b * h->heads + head) * all * h->size * bytes;
            const char *old =
                past ? (const char *)past->data + (b * h->heads + head) * before * h->size * bytes
                     : NULL;
            if (old) memcpy(start, old, before * h->size * bytes);
            for (size_t t = 0; t < h->length; t++)
                memcpy(start + (before + t) * h->size * bytes,
                       (const char *)now->data + (head_at(h, b, head) + t * h->row) * bytes,
                       h->size * bytes);
        }
    h->length = all;
    h->row = h->size;
    h->head = all * h->size;
    *data = to;
    return HN_OK;
}

/* `data` of the type of input i, in the lane. */
static const void *in_lane(struct hn_op *op, const void *data, enum hn_element type,
                           const struct hn_heads *h, enum hn_lane lane)
{
    const enum hn_element wide = lane == HN_LANE_F64 ? HN_EL_F64 : HN_EL_F32;
    if (type == wide) return data;
    const size_t n = h->batch * h->heads * h->length * h->size;
    void *to = hn_op_scratch(op, n, hn_lane_bytes(lane));
    if (to && !hn_element_convert(wide, to, type, data, n, (struct hn_convert){0})) {
        (void)hn_op_fail(op, HN_E_ARG, "queries, keys and values are floats");
        return NULL;
    }
    return to;
}

enum hn_status hn_attention_of(struct hn_op *op, const struct hn_array *past_key,
                               const struct hn_array *past_value, struct hn_attention *out)
{
    struct hn_attention a = {.lane = HN_LANE_F32};
    const void *data[3] = {op->in[0]->data};
    HN_TRY(heads_of(op, op->in[0], "q_num_heads", &a.q));
    HN_TRY(heads_of(op, op->in[1], "kv_num_heads", &a.k));
    HN_TRY(heads_of(op, op->in[2], "kv_num_heads", &a.v));
    if (a.q.batch != a.k.batch || a.q.batch != a.v.batch || a.k.heads != a.v.heads ||
        a.k.length != a.v.length || a.q.size != a.k.size)
        return hn_op_fail(op, HN_E_ARG, "queries, keys and values do not fit each other");
    if (a.q.heads && (!a.k.heads || a.q.heads % a.k.heads))
        return hn_op_fail(op, HN_E_ARG, "%zu heads of queries, %zu of keys", a.q.heads, a.k.heads);
    if (past_key && past_value && past_key->n_dims == 4 && past_value->n_dims == 4 &&
        past_key->shape[2] != past_value->shape[2])
        return hn_op_fail(op, HN_E_ARG, "past keys and values have different lengths");
    a.past = past_key && past_key->n_dims == 4 ? past_key->shape[2] : 0;
    HN_TRY(append(op, 1, past_key, 1, &a.k, &data[1]));
    HN_TRY(append(op, 2, past_value, 2, &a.v, &data[2]));
    for (size_t i = 0; i < 3; i++)
        if (op->in[i]->type == HN_EL_F64) a.lane = HN_LANE_F64;
    if (!(a.query = in_lane(op, data[0], op->in[0]->type, &a.q, a.lane)) ||
        !(a.key = in_lane(op, data[1], op->in[1]->type, &a.k, a.lane)) ||
        !(a.value = in_lane(op, data[2], op->in[2]->type, &a.v, a.lane)))
        return hn_op_failed(op);
    const double usual = 1 / sqrt((double)a.q.size);
    a.scale = hn_op_has(op, "scale") ? (double)hn_op_float(op, "scale", 1) : usual;
    *out = a;
    return HN_OK;
}

size_t hn_attention_shape(const struct hn_attention *a, size_t n_dims, size_t *shape)
{
    const size_t four[] = {a->q.batch, a->q.heads, a->q.length, a->v.size};
    const size_t three[] = {a->q.batch, a->q.length, a->q.heads * a->v.size};
    memcpy(shape, n_dims == 4 ? four : three, n_dims * sizeof *shape);
    return n_dims;
}

/* ---- products ---- */

size_t hn_attention_scratch(const struct hn_attention *a)
{
    return (a->k.length * a->k.size + ROWS * a->q.size) * hn_lane_bytes(a->lane);
}

static void scaled(enum hn_lane lane, const void *from, size_t n, double by, void *to)
{
    for (size_t i = 0; i < n; i++) {
        if (lane == HN_LANE_F64) ((double *)to)[i] = ((const double *)from)[i] * by;
        else ((float *)to)[i] = ((const float *)from)[i] * (float)by;
    }
}

void hn_attention_turn_keys(const struct hn_attention *a, size_t batch, size_t head, void *scratch)
{
    const size_t bytes = hn_lane_bytes(a->lane);
    const size_t kv = head / (a->q.heads / a->k.heads);
    hn_lane_transpose(a->lane, a->k.length, a->k.size,
                      (const char *)a->key + head_at(&a->k, batch, kv) * bytes, a->k.row, scratch);
}

void hn_attention_scores(const struct hn_attention *a, size_t batch, size_t head, size_t first,
                         size_t n, void *scratch, void *scores)
{
    const size_t bytes = hn_lane_bytes(a->lane), size = a->q.size;
    char *queries = (char *)scratch + a->k.length * size * bytes;
    for (size_t i = 0; i < n; i++)
        scaled(a->lane,
               (const char *)a->query +
                   (head_at(&a->q, batch, head) + (first + i) * a->q.row) * bytes,
               size, a->scale, queries + i * size * bytes);
    memset(scores, 0, n * a->k.length * bytes);
    hn_lane_product(a->lane, n, a->k.length, size, queries, size, scratch, a->k.length, scores,
                    a->k.length);
}

void hn_attention_apply(const struct hn_attention *a, size_t batch, size_t head, size_t first,
                        size_t n, const void *probabilities, void *out, size_t out_dims)
{
    const size_t bytes = hn_lane_bytes(a->lane), size = a->v.size;
    const size_t kv = head / (a->q.heads / a->k.heads);
    const size_t row = out_dims == 4 ? size : a->q.heads * size;
    const size_t at = batch * a->q.heads * a->q.length * size +
                      (out_dims == 4 ? head * a->q.length * size : head * size) + first * row;
    char *to = (char *)out + at * bytes;
    for (size_t i = 0; i < n; i++)
        memset(to + i * row * bytes, 0, size * bytes);
    hn_lane_product(a->lane, n, size, a->k.length, probabilities, a->k.length,
                    (const char *)a->value + head_at(&a->v, batch, kv) * bytes, a->v.row, to, row);
}

void hn_attention_softmax(double *row, size_t n)
{
    double max = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        if (row[i] > max) max = row[i];
    for (size_t i = 0; i < n; i++)
        sum += row[i] = exp(row[i] - max);
    for (size_t i = 0; i < n; i++)
        row[i] /= sum;
}

/* ---- the operator ---- */

struct job {
    struct hn_attention a;
    const struct hn_array *mask; /* or NULL */
    size_t mask_step[4];
    const double *mask_values; /* of a mask of floats */
    const int64_t *valid;      /* [batch]: keys that are there; or NULL */
    bool causal;
    int64_t left, right; /* how far a query sees; -1: all the way */
    double softcap;
    int64_t mode;
    enum hn_element precision; /* of the softmax; HN_ELEMENTS: that of the computation */
    size_t out_dims;
    void *y, *shown; /* `shown`: the fourth output, or NULL */
    char *scratch;
    size_t each;
};

/* What is added to the score of one query and one key: -inf where it may not look. */
static double bias_at(const struct job *job, size_t batch, size_t head, size_t query, size_t key)
{
    int64_t offset = (int64_t)job->a.past;
    if (job->valid) {
        if ((int64_t)key >= job->valid[batch]) return -INFINITY;
        if (!job->a.past) offset = job->valid[batch] - (int64_t)job->a.q.length;
    }
    const int64_t ahead = (int64_t)key - ((int64_t)query + offset);
    if ((job->causal && ahead > 0) || (job->left >= 0 && -ahead > job->left) ||
        (job->right >= 0 && ahead > job->right))
        return -INFINITY;
    if (!job->mask) return 0;
    /* A mask for fewer keys: those beyond it are hidden. */
    if (job->mask->n_dims && key >= job->mask->shape[job->mask->n_dims - 1]) return -INFINITY;
    const size_t *s = job->mask_step;
    const size_t at = batch * s[0] + head * s[1] + query * s[2] + key * s[3];
    if (job->mask->type == HN_EL_BOOL) return ((const bool *)job->mask->data)[at] ? 0 : -INFINITY;
    return job->mask_values[at];
}

static double rounded(double value, enum hn_element type)
{
    double cell; /* room for any type */
    struct hn_array one = {.type = type, .n = 1, .data = &cell};
    hn_array_set_real(&one, 0, value);
    return hn_array_real(&one, 0);
}

static double score_get(enum hn_lane lane, const void *scores, size_t i)
{
    return lane == HN_LANE_F64 ? ((const double *)scores)[i] : (double)((const float *)scores)[i];
}

static void score_put(enum hn_lane lane, void *scores, size_t i, double value)
{
    if (lane == HN_LANE_F64) ((double *)scores)[i] = value;
    else ((float *)scores)[i] = (float)value;
}

/* One row of scores becomes probabilities; `row` is room for it, `shown` the row of the fourth output. */
static void attend_row(const struct job *job, size_t batch, size_t head, size_t query, void *scores,
                       double *row, char *shown)
{
    const size_t n = job->a.k.length;
    const enum hn_lane lane = job->a.lane;
    bool hidden = true;
    for (size_t j = 0; j < n; j++) {
        double score = score_get(lane, scores, j);
        if (shown && job->mode == 0) score_put(lane, shown, j, score);
        if (job->softcap > 0) score = job->softcap * tanh(score / job->softcap);
        if (shown && job->mode == 1) score_put(lane, shown, j, score);
        const double bias = bias_at(job, batch, head, query, j);
        hidden = hidden && bias == -INFINITY;
        row[j] = score + bias;
        if (shown && job->mode == 2) score_put(lane, shown, j, row[j]);
        if (job->precision != HN_ELEMENTS) row[j] = rounded(row[j], job->precision);
    }
    /* Nothing to look at gives nothing, rather than NaN. */
    if (hidden) memset(row, 0, n * sizeof *row);
    else hn_attention_softmax(row, n);
    for (size_t j = 0; j < n; j++) {
        if (job->precision != HN_ELEMENTS) row[j] = rounded(row[j], job->precision);
        score_put(lane, scores, j, row[j]);
        if (shown && job->mode == 3) score_put(lane, shown, j, row[j]);
    }
}

/* All queries of one head. */
static void attend_tile(void *arg, size_t tile, unsigned worker)
{
    const struct job *job = arg;
    const struct hn_attention *a = &job->a;
    const size_t batch = tile / a->q.heads, head = tile % a->q.heads,
                 bytes = hn_lane_bytes(a->lane);
    char *scratch = job->scratch + worker * job->each;
    double *row = (double *)scratch;
    char *scores = scratch + a->k.length * sizeof *row, *keys = scores + ROWS * a->k.length * bytes;
    hn_attention_turn_keys(a, batch, head, keys);
    for (size_t first = 0; first < a->q.length; first += ROWS) {
        const size_t n = a->q.length - first < ROWS ? a->q.length - first : ROWS;
        hn_attention_scores(a, batch, head, first, n, keys, scores);
        for (size_t i = 0; i < n; i++) {
            const size_t at = (tile * a->q.length + first + i) * a->k.length * bytes;
            attend_row(job, batch, head, first + i, scores + i * a->k.length * bytes, row,
                       job->shown ? (char *)job->shown + at : NULL);
        }
        hn_attention_apply(a, batch, head, first, n, scores, job->y, job->out_dims);
    }
}

/* The mask broadcasts to [batch, heads, queries, keys]; its last dimension may be shorter. */
static enum hn_status read_mask(struct hn_op *op, struct job *job)
{
    const struct hn_array *mask = op->n_in > 3 ? op->in[3] : NULL;
    if (!mask) return HN_OK;
    const struct hn_attention *a = &job->a;
    const size_t full[] = {a->q.batch, a->q.heads, a->q.length, a->k.length};
    if (mask->n_dims > 4)
        return hn_op_fail(op, HN_E_ARG, "the mask has %zu dimensions", mask->n_dims);
    size_t step = 1;
    for (size_t d = 4, from = mask->n_dims; from-- > 0 && d-- > 0;) {
        const size_t n = mask->shape[from];
        const bool fits = d == 3 ? n <= full[d] : n == full[d] || n == 1;
        if (!fits) return hn_op_fail(op, HN_E_ARG, "the mask has %zu where %zu are", n, full[d]);
        job->mask_step[d] = n == 1 ? 0 : step;
        step *= n;
    }
    job->mask = mask;
    if (mask->type != HN_EL_BOOL && !(job->mask_values = hn_op_reals(op, 3)))
        return hn_op_failed(op);
    return HN_OK;
}

static enum hn_status read_options(struct hn_op *op, struct job *job)
{
    job->causal = hn_op_int(op, "is_causal", 0) != 0;
    job->left = hn_op_int(op, "left_window_size", -1);
    job->right = hn_op_int(op, "right_window_size", -1);
    job->softcap = (double)hn_op_float(op, "softcap", 0);
    job->mode = hn_op_int(op, "qk_matmul_output_mode", 0);
    if (job->left < -1 || job->right < -1 || job->mode < 0 || job->mode > 3)
        return hn_op_fail(op, HN_E_ARG, "a window or qk_matmul_output_mode is out of range");
    job->precision = HN_ELEMENTS;
    if (hn_op_has(op, "softmax_precision")) {
        if (!hn_element_from_onnx(hn_op_int(op, "softmax_precision", 1), &job->precision) ||
            !hn_element_is_float(job->precision))
            return hn_op_fail(op, HN_E_ARG, "softmax_precision is not a float type");
        if (job->precision == HN_EL_F32 || job->precision == HN_EL_F64)
            job->precision = HN_ELEMENTS;
    }
    if (op->n_in > 6 && op->in[6]) {
        size_t n;
        HN_TRY(hn_op_ints_of(op, 6, &job->valid, &n));
        if (n != job->a.q.batch)
            return hn_op_fail(op, HN_E_ARG, "%zu lengths for %zu rows", n, job->a.q.batch);
        for (size_t i = 0; i < n; i++)
            if (job->valid[i] < 0 || job->valid[i] > (int64_t)job->a.k.length)
                return hn_op_fail(op, HN_E_ARG, "%lld keys of %zu", (long long)job->valid[i],
                                  job->a.k.length);
    }
    return HN_OK;
}

enum hn_status hn_op_attention(struct hn_op *op)
{
    const struct hn_array *past_key = op->n_in > 4 ? op->in[4] : NULL,
                          *past_value = op->n_in > 5 ? op->in[5] : NULL;
    if (!past_key != !past_value)
        return hn_op_fail(op, HN_E_ARG, "past keys and values come together");
    struct job job = {.out_dims = op->in[0]->n_dims};
    HN_TRY(hn_attention_of(op, past_key, past_value, &job.a));
    HN_TRY(read_options(op, &job));
    HN_TRY(read_mask(op, &job));
    const struct hn_attention *a = &job.a;
    size_t shape[4];
    hn_attention_shape(a, job.out_dims, shape);
    if (!(job.y = hn_op_lane_out(op, 0, op->in[0]->type, shape, job.out_dims, a->lane)))
        return hn_op_failed(op);
    if (op->n_out > 3 && op->wanted[3]) {
        const size_t all[] = {a->q.batch, a->q.heads, a->q.length, a->k.length};
        if (!(job.shown = hn_op_lane_out(op, 3, op->in[0]->type, all, 4, a->lane)))
            return hn_op_failed(op);
    }
    if (!op->out[0].n && !job.shown) return HN_OK;
    const size_t per_row = sizeof(double) + ROWS * hn_lane_bytes(a->lane);
    job.each = a->k.length * per_row + hn_attention_scratch(a);
    job.each = (job.each + 63) / 64 * 64;
    if (!(job.scratch = hn_op_scratch(op, hn_op_workers(op), job.each))) return hn_op_failed(op);
    hn_op_parallel(op, a->q.batch * a->q.heads, attend_tile, &job);
    hn_op_lane_done(op, 0, a->lane, job.y);
    if (job.shown) hn_op_lane_done(op, 3, a->lane, job.shown);
    return HN_OK;
}
