/* Rotary positions: RotaryEmbedding of ai.onnx, (x, cosines, sines, positions), and of com.microsoft, (x,
 * positions, cosines, sines). */
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
    /* Rows of the tables: one for every step of every sequence, or NULL, where these follow each other from
     * `first` on, and those of the next sequence begin `next` further. */
    const int64_t *rows;
    size_t first, next;
};

/* [batch, heads, steps, size], or [batch, steps, heads x size], where without a number of heads `usual` is the
 * size; 0: there must be one. */
static enum hn_status heads_of(struct hn_op *op, size_t usual, struct rotary *r)
{
    const struct hn_array *x = op->in[0];
    if (x->n_dims != 3 && x->n_dims != 4)
        return hn_op_fail(op, HN_E_ARG, "X has %zu dimensions", x->n_dims);
    r->batch = x->shape[0];
    if (x->n_dims == 4) {
        r->heads = x->shape[1], r->steps = x->shape[2], r->size = x->shape[3];
        r->by_step = r->size;
        r->by_head = r->steps * r->size;
        return HN_OK;
    }
    const int64_t heads = hn_op_int(op, "num_heads", 0);
    const size_t parts = heads > 0 ? (size_t)heads : usual;
    if (!parts || x->shape[2] % parts)
        return hn_op_fail(op, HN_E_ARG, "%zu in %lld heads", x->shape[2], (long long)heads);
    r->steps = x->shape[1];
    r->size = heads > 0 ? x->shape[2] / parts : usual;
    r->heads = heads > 0 ? parts : x->shape[2] / parts;
    r->by_step = x->shape[2];
    r->by_head = r->size;
    return HN_OK;
}

/* Input j says which row every step has, or the first alone where `common`. */
static enum hn_status rows_of(struct hn_op *op, size_t j, bool common, size_t n_rows,
                              struct rotary *r)
{
    const size_t steps = r->batch * r->steps;
    const int64_t *rows;
    size_t n;
    HN_TRY(hn_op_ints_of(op, j, &rows, &n));
    const bool first = common && n == 1;
    if (!first && n != steps)
        return hn_op_fail(op, HN_E_ARG, "%zu positions for %zu steps", n, steps);
    for (size_t i = 0; i < n; i++)
        if (rows[i] < 0 || (uint64_t)rows[i] >= n_rows ||
            (first && n_rows - (size_t)rows[i] < r->steps))
            return hn_op_fail(op, HN_E_ARG, "position %lld of %zu", (long long)rows[i], n_rows);
    if (first) r->first = (size_t)rows[0];
    else r->rows = rows;
    return HN_OK;
}

/* The tables are inputs j and j + 1. */
static enum hn_status turn(struct hn_op *op, size_t j, const struct rotary *r)
{
    const struct hn_array *x = op->in[0];
    const bool interleaved = hn_op_int(op, "interleaved", 0) != 0;
    const float *from = hn_op_lane_in(op, 0, HN_LANE_F32),
                *cosines = hn_op_lane_in(op, j, HN_LANE_F32),
                *sines = hn_op_lane_in(op, j + 1, HN_LANE_F32);
    float *to = hn_op_lane_out(op, 0, x->type, x->shape, x->n_dims, HN_LANE_F32);
    if (!from || !cosines || !sines || !to) return hn_op_failed(op);
    if (x->n) memcpy(to, from, x->n * sizeof *to);
    const size_t each = r->steps * r->heads;
    for (size_t i = 0; x->n && i < r->batch * each; i++) {
        const size_t b = i / each, t = i / r->heads % r->steps, head = i % r->heads;
        const size_t row = r->rows ? (size_t)r->rows[b * r->steps + t] : r->first + b * r->next + t;
        hn_rotary_turn(to + b * each * r->size + t * r->by_step + head * r->by_head,
                       cosines + row * r->half, sines + row * r->half, r->half, interleaved);
    }
    hn_op_lane_done(op, 0, HN_LANE_F32, to);
    return HN_OK;
}

enum hn_status hn_op_rotary_embedding(struct hn_op *op)
{
    const struct hn_array *c = op->in[1], *s = op->in[2];
    const bool placed = hn_op_given(op, 3);
    struct rotary r = {0};
    HN_TRY(heads_of(op, 0, &r));
    const int64_t turned = hn_op_int(op, "rotary_embedding_dim", 0);
    if (turned < 0 || (size_t)turned > r.size)
        return hn_op_fail(op, HN_E_ARG, "rotary_embedding_dim is out of range");
    r.half = (turned ? (size_t)turned : r.size) / 2;
    if (c->n_dims != (placed ? 2 : 3) || s->n_dims != c->n_dims ||
        memcmp(c->shape, s->shape, c->n_dims * sizeof *c->shape) ||
        c->shape[c->n_dims - 1] != r.half)
        return hn_op_fail(op, HN_E_ARG, "the caches do not fit %zu pairs", r.half);
    r.next = r.steps;
    if (placed) HN_TRY(rows_of(op, 3, false, c->shape[0], &r));
    else if (c->shape[0] != r.batch || c->shape[1] != r.steps)
        return hn_op_fail(op, HN_E_ARG, "the caches are not for these steps");
    return turn(op, 1, &r);
}

enum hn_status hn_op_rotary_embedding_ms(struct hn_op *op)
{
    const struct hn_array *c = op->in[2], *s = op->in[3];
    struct rotary r = {0};
    if (c->n_dims != 2 || s->n_dims != 2 || memcmp(c->shape, s->shape, 2 * sizeof *c->shape))
        return hn_op_fail(op, HN_E_ARG, "the tables have another shape than it takes");
    if (hn_op_int(op, "is_packed_batching", 0))
        return hn_op_fail(op, HN_E_UNSUPPORTED, "packed batches are not supported");
    r.half = c->shape[1];
    HN_TRY(heads_of(op, 2 * r.half, &r));
    if (r.half > r.size / 2)
        return hn_op_fail(op, HN_E_ARG, "%zu pairs in heads of %zu", r.half, r.size);
    HN_TRY(rows_of(op, 1, true, c->shape[0], &r));
    return turn(op, 2, &r);
}
