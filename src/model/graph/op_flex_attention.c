/* FlexAttention: attention whose scores and probabilities graphs of the model change. */
#include <string.h>

#include "model/graph/op_attention.h"
#include "model/graph/op_list.h"

enum { ROWS = 64 }; /* queries of one block */

struct job {
    struct hn_attention a;
    enum hn_element type; /* of scores and probabilities */
    char *scores;         /* [batch, heads, queries, keys], in the lane */
    void *y;
    char *scratch;
    size_t each;
};

static void score_tile(void *arg, size_t tile, unsigned worker)
{
    const struct job *job = arg;
    const struct hn_attention *a = &job->a;
    const size_t batch = tile / a->q.heads, head = tile % a->q.heads;
    char *scratch = job->scratch + worker * job->each;
    hn_attention_turn_keys(a, batch, head, scratch);
    for (size_t first = 0; first < a->q.length; first += ROWS) {
        const size_t n = a->q.length - first < ROWS ? a->q.length - first : ROWS;
        const size_t at = (tile * a->q.length + first) * a->k.length;
        hn_attention_scores(a, batch, head, first, n, scratch,
                            job->scores + at * hn_lane_bytes(a->lane));
    }
}

static void apply_tile(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct job *job = arg;
    const struct hn_attention *a = &job->a;
    const size_t at = tile * a->q.length * a->k.length;
    hn_attention_apply(a, tile / a->q.heads, tile % a->q.heads, 0, a->q.length,
                       job->scores + at * hn_lane_bytes(a->lane), job->y, 4);
}

/* The graph in attribute `name`, where the node has one, on the scores: they become what it gives. */
static enum hn_status modify(struct hn_op *op, const char *name, struct job *job)
{
    if (!hn_op_has_graph(op, name)) return HN_OK;
    const struct hn_attention *a = &job->a;
    const enum hn_element lane = a->lane == HN_LANE_F64 ? HN_EL_F64 : HN_EL_F32;
    struct hn_array in = {.type = job->type,
                          .n_dims = 4,
                          .shape = {a->q.batch, a->q.heads, a->q.length, a->k.length},
                          .n = a->q.batch * a->q.heads * a->q.length * a->k.length,
                          .data = job->scores};
    const struct hn_convert how = {.saturate = false};
    if (job->type != lane) {
        in.data = hn_op_scratch(op, in.n, hn_element_info(job->type)->bytes);
        if (!in.data) return hn_op_failed(op);
        (void)hn_element_convert(job->type, in.data, lane, job->scores, in.n, how);
    }
    const struct hn_array *const args[] = {&in}, *const *out = NULL;
    size_t n_out = 0;
    HN_TRY(hn_op_call(op, name, args, 1, &out, &n_out));
    if (n_out != 1 || out[0]->n_dims != 4 ||
        memcmp(out[0]->shape, in.shape, 4 * sizeof *in.shape) ||
        !hn_element_convert(lane, job->scores, out[0]->type, out[0]->data, in.n, how))
        return hn_op_fail(op, HN_E_ARG, "%s does not give an array like the one it gets", name);
    return HN_OK;
}

static enum hn_status softmax_rows(struct hn_op *op, const struct job *job)
{
    const struct hn_attention *a = &job->a;
    const size_t n = a->k.length, rows = a->q.batch * a->q.heads * a->q.length;
    double *row = hn_op_scratch(op, n, sizeof *row);
    if (!row) return hn_op_failed(op);
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < n; j++)
            row[j] = a->lane == HN_LANE_F64 ? ((double *)job->scores)[i * n + j]
                                            : (double)((float *)job->scores)[i * n + j];
        hn_attention_softmax(row, n);
        for (size_t j = 0; j < n; j++) {
            if (a->lane == HN_LANE_F64) ((double *)job->scores)[i * n + j] = row[j];
            else ((float *)job->scores)[i * n + j] = (float)row[j];
        }
    }
    return HN_OK;
}

enum hn_status hn_op_flex_attention(struct hn_op *op)
{
    for (size_t i = 0; i < 3; i++)
        if (op->in[i]->n_dims != 4)
            return hn_op_fail(op, HN_E_ARG, "Q, K and V have four dimensions");
    struct job job = {0};
    HN_TRY(hn_attention_of(op, NULL, NULL, &job.a));
    const struct hn_attention *a = &job.a;
    job.type = a->lane == HN_LANE_F64 ? HN_EL_F64 : HN_EL_F32;
    if (hn_op_has(op, "softmax_precision") &&
        (!hn_element_from_onnx(hn_op_int(op, "softmax_precision", 1), &job.type) ||
         !hn_element_is_float(job.type)))
        return hn_op_fail(op, HN_E_ARG, "softmax_precision is not a float type");
    size_t shape[4], n;
    hn_attention_shape(a, 4, shape);
    const size_t all[] = {a->q.batch, a->q.heads, a->q.length, a->k.length};
    if (!hn_shape_count(all, 4, 8, &n)) return hn_op_fail(op, HN_E_LIMIT, "too many scores");
    if (!(job.y = hn_op_lane_out(op, 0, op->in[0]->type, shape, 4, a->lane)))
        return hn_op_failed(op);
    if (!op->out[0].n) return HN_OK;
    job.each = (hn_attention_scratch(a) + 63) / 64 * 64;
    if (!(job.scores = hn_op_scratch(op, n, hn_lane_bytes(a->lane))) ||
        !(job.scratch = hn_op_scratch(op, hn_op_workers(op), job.each)))
        return hn_op_failed(op);
    hn_op_parallel(op, a->q.batch * a->q.heads, score_tile, &job);
    HN_TRY(modify(op, "score_mod", &job));
    HN_TRY(softmax_rows(op, &job));
    HN_TRY(modify(op, "prob_mod", &job));
    hn_op_parallel(op, a->q.batch * a->q.heads, apply_tile, &job);
    hn_op_lane_done(op, 0, a->lane, job.y);
    return HN_OK;
}
