/* com.microsoft: RotaryEmbedding, (x, positions, cosines, sines). */
#include "model/graph/op_rotary.h"

#include <string.h>

#include "model/graph/op_args.h"
#include "model/graph/op_lane.h"
#include "model/graph/op_list.h"

void hn_rotary_turn(float *x, const float *cosines, const float *sines, size_t half,
                    bool interleaved)
{
    for (size_t j = 0; j < half; j++) {
        float *one = x + (interleaved ? 2 * j : j), *two = x + (interleaved ? 2 * j + 1 : half + j);
        const float a = *one, b = *two;
        *one = a * cosines[j] - b * sines[j];
        *two = a * sines[j] + b * cosines[j];
    }
}

struct rotary {
    size_t batch, heads, steps, size;
    size_t by_head, by_step; /* from one to the next, in elements */
    size_t half;             /* pairs that turn */
    bool interleaved;
};

/* [batch, heads, steps, size], or [batch, steps, heads x size], where without a number of heads the tables
 * tell the size. */
static enum hn_status sizes_of(struct hn_op *op, struct rotary *r)
{
    const struct hn_array *x = op->in[0], *c = op->in[2], *s = op->in[3];
    if (c->n_dims != 2 || s->n_dims != 2 || memcmp(c->shape, s->shape, 2 * sizeof *c->shape) ||
        (x->n_dims != 3 && x->n_dims != 4))
        return hn_op_fail(op, HN_E_ARG, "x or its tables have another shape than it takes");
    if (hn_op_int(op, "is_packed_batching", 0))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "packed batches are not supported");
    *r = (struct rotary){.batch = x->shape[0], .half = c->shape[1]};
    r->interleaved = hn_op_int(op, "interleaved", 0) != 0;
    if (x->n_dims == 4) {
        r->heads = x->shape[1], r->steps = x->shape[2], r->size = x->shape[3];
        r->by_step = r->size;
        r->by_head = r->steps * r->size;
    } else {
        const int64_t heads = hn_op_int(op, "num_heads", 0);
        r->steps = x->shape[1];
        r->size = heads > 0 ? x->shape[2] / (size_t)heads : 2 * r->half;
        if (!r->size || x->shape[2] % r->size)
            return hn_op_fail(op, HN_E_ARG, "%zu in heads of %zu", x->shape[2], r->size);
        r->heads = x->shape[2] / r->size;
        r->by_step = x->shape[2];
        r->by_head = r->size;
    }
    if (r->half > r->size / 2)
        return hn_op_fail(op, HN_E_ARG, "%zu pairs in heads of %zu", r->half, r->size);
    return HN_OK;
}

enum hn_status hn_op_rotary_embedding_ms(struct hn_op *op)
{
    const struct hn_array *x = op->in[0];
    struct rotary r = {0};
    const int64_t *places;
    size_t n;
    HN_TRY(sizes_of(op, &r));
    HN_TRY(hn_op_ints_of(op, 1, &places, &n));
    if (n != 1 && n != r.batch * r.steps)
        return hn_op_fail(op, HN_E_ARG, "%zu positions for %zu steps", n, r.batch * r.steps);
    const float *from = hn_op_lane_in(op, 0, HN_LANE_F32),
                *cosines = hn_op_lane_in(op, 2, HN_LANE_F32),
                *sines = hn_op_lane_in(op, 3, HN_LANE_F32);
    float *to = hn_op_lane_out(op, 0, x->type, x->shape, x->n_dims, HN_LANE_F32);
    if (!from || !cosines || !sines || !to) return hn_op_failed(op);
    if (x->n) memcpy(to, from, x->n * sizeof *to);
    const size_t each = r.steps * r.heads;
    for (size_t i = 0; x->n && i < r.batch * each; i++) {
        const size_t b = i / each, t = i / r.heads % r.steps, head = i % r.heads;
        const int64_t first = n == 1 ? places[0] : places[b * r.steps + t];
        size_t at;
        if (first < 0 || !hn_index(first, op->in[2]->shape[0], &at) ||
            (n == 1 && op->in[2]->shape[0] - at <= t))
            return hn_op_fail(op, HN_E_ARG, "a position is not in the tables");
        const size_t row = (at + (n == 1 ? t : 0)) * r.half;
        float *y = to + b * each * r.size + t * r.by_step + head * r.by_head;
        hn_rotary_turn(y, cosines + row, sines + row, r.half, r.interleaved);
    }
    hn_op_lane_done(op, 0, HN_LANE_F32, to);
    return HN_OK;
}
