/* com.microsoft: Inverse, CDist, IsAllFinite, NGramRepeatBlock. */
#include <math.h>
#include <string.h>

#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"

/* a [n][n] becomes 1, and `to`, which began as 1, its inverse; false where there is none. */
static bool invert(double *a, double *to, size_t n)
{
    for (size_t c = 0; c < n; c++) {
        size_t best = c;
        for (size_t i = c + 1; i < n; i++)
            if (fabs(a[i * n + c]) > fabs(a[best * n + c])) best = i;
        if (a[best * n + c] == 0) return false;
        for (size_t j = 0; j < n && best != c; j++) {
            const double x = a[c * n + j], y = to[c * n + j];
            a[c * n + j] = a[best * n + j], to[c * n + j] = to[best * n + j];
            a[best * n + j] = x, to[best * n + j] = y;
        }
        const double by = 1 / a[c * n + c];
        for (size_t j = 0; j < n; j++)
            a[c * n + j] *= by, to[c * n + j] *= by;
        for (size_t i = 0; i < n; i++) {
            const double factor = a[i * n + c];
            if (i == c || factor == 0) continue;
            for (size_t j = 0; j < n; j++) {
                a[i * n + j] -= factor * a[c * n + j];
                to[i * n + j] -= factor * to[c * n + j];
            }
        }
    }
    return true;
}

enum hn_status hn_op_inverse(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    if (!hn_element_is_float(x->type)) return hn_op_fail_type(op, 0);
    const size_t n = x->n_dims < 2 ? 0 : x->shape[x->n_dims - 1];
    if (x->n_dims < 2 || x->shape[x->n_dims - 2] != n)
        return hn_op_fail(op, HN_E_ARG, "the matrices are not square");
    const double *from = hn_op_reals(op, 0);
    double *to = from ? hn_op_lane_out(op, 0, x->type, x->shape, x->n_dims, HN_LANE_F64) : NULL;
    double *a = to ? hn_op_scratch(op, n * n, sizeof *a) : NULL;
    if (!a) return hn_op_failed(op);
    for (size_t at = 0; at < x->n; at += n * n) {
        HN_TRY(hn_op_check(op));
        memcpy(a, from + at, n * n * sizeof *a);
        for (size_t i = 0; i < n * n; i++)
            to[at + i] = i % (n + 1) == 0;
        if (!invert(a, to + at, n)) return hn_op_fail(op, HN_E_ARG, "a matrix has no inverse");
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

/* Distances of all rows of A from all rows of B. */
enum hn_status hn_op_cdist(struct hn_op *op)
{
    const struct hn_array *a = op->in[0], *b = op->in[1];
    const struct hn_str metric = hn_op_text(op, "metric", "sqeuclidean");
    const bool root = hn_str_is(metric, "euclidean");
    if (!root && !hn_str_is(metric, "sqeuclidean"))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "the metric is unknown");
    if (a->n_dims != 2 || b->n_dims != 2 || a->shape[1] != b->shape[1])
        return hn_op_fail(op, HN_E_ARG, "A and B are not matrices of equal rows");
    const size_t rows = a->shape[0], columns = b->shape[0], k = a->shape[1];
    const double *x = hn_op_reals(op, 0), *y = x ? hn_op_reals(op, 1) : NULL;
    double *to =
        y ? hn_op_lane_out(op, 0, a->type, (size_t[]){rows, columns}, 2, HN_LANE_F64) : NULL;
    if (!to) return hn_op_failed(op);
    for (size_t i = 0; i < op->out[0].n; i++) {
        double sum = 0;
        for (size_t l = 0; l < k; l++) {
            const double off = x[i / columns * k + l] - y[i % columns * k + l];
            sum += off * off;
        }
        to[i] = root ? sqrt(sum) : sum;
    }
    hn_op_lane_done(op, 0, HN_LANE_F64, to);
    return HN_OK;
}

enum hn_status hn_op_is_all_finite(struct hn_op *op)
{
    const bool infinite = hn_op_int(op, "isinf_only", 0) != 0,
               nan = hn_op_int(op, "isnan_only", 0) != 0;
    bool all = true;
    for (size_t i = 0; i < op->n_in; i++) {
        if (!op->in[i]) continue;
        const double *x = hn_op_reals(op, i);
        if (!x) return hn_op_failed(op);
        for (size_t j = 0; j < op->in[i]->n; j++)
            all = all && !(isnan(x[j]) ? !infinite : isinf(x[j]) && !nan);
    }
    bool *out = hn_op_out(op, 0, HN_EL_BOOL, NULL, 0);
    if (!out) return hn_op_failed(op);
    *out = all;
    return HN_OK;
}

/* (ids [batch, length], scores [batch, vocabulary]): what would end an n-gram that was there before scores
 * -inf. */
enum hn_status hn_op_ngram_repeat_block(struct hn_op *op)
{
    const struct hn_array *ids = op->in[0], *scores = op->in[1];
    const int64_t size = hn_op_int(op, "ngram_size", 0), *id;
    size_t n;
    if (ids->n_dims != 2 || scores->n_dims != 2 || ids->shape[0] != scores->shape[0] ||
        scores->type != HN_EL_F32 || size < 1)
        return hn_op_fail(op, HN_E_ARG, "ids, scores or ngram_size are not as they should be");
    HN_TRY(hn_op_ints_of(op, 0, &id, &n));
    float *to = hn_op_out(op, 0, HN_EL_F32, scores->shape, 2);
    if (!to) return hn_op_failed(op);
    if (scores->n) memcpy(to, scores->data, scores->n * sizeof *to);
    const size_t length = ids->shape[1], vocabulary = scores->shape[1];
    if ((uint64_t)size > length) return HN_OK;
    const size_t before = (size_t)size - 1;
    for (size_t row = 0; row < ids->shape[0]; row++) {
        const int64_t *tokens = id + row * length, *last = tokens + length - before;
        for (size_t i = 0; i + before < length; i++) {
            if (before && memcmp(tokens + i, last, before * sizeof *last)) continue;
            const int64_t end = tokens[i + before];
            if (end < 0 || (uint64_t)end >= vocabulary)
                return hn_op_fail(op, HN_E_ARG, "token %lld of %zu", (long long)end, vocabulary);
            to[row * vocabulary + (size_t)end] = -INFINITY;
        }
    }
    return HN_OK;
}
