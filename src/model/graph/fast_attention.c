/* softmax(q k scale + mask) v, head by head and some queries at a time. */
#include <string.h>

#include "base/bits.h"
#include "model/graph/fast.h"
#include "model/graph/op_lane.h"

enum { QUERIES = 64 }; /* of a head that a tile takes */

struct attention {
    struct hn_attend at;
    const struct hn_op *op;
    size_t parts;                    /* of a head's queries */
    size_t kv_heads, group;          /* query heads that share one of keys */
    struct hn_packed k_form, v_form; /* of one head; panels: where the first lies */
    size_t k_floats, v_floats;
    size_t pitch; /* floats between rows of scores */
    char *scratch;
    size_t scratch_bytes; /* of a thread */
};

/* Keys as columns and values as rows, of one head of one element of the batch. */
static void pack_head(void *arg, size_t tile, unsigned worker)
{
    (void)worker;
    const struct attention *a = arg;
    const struct hn_attend *t = &a->at;
    const size_t batch = tile / a->kv_heads, head = tile % a->kv_heads;
    struct hn_packed k = a->k_form, v = a->v_form;
    k.panels += tile * a->k_floats;
    v.panels += tile * a->v_floats;
    hn_pack_matrix(&k, t->k + batch * t->k_steps[0] + head * t->k_steps[2], 1, t->k_steps[1],
                   t->scale);
    hn_pack_matrix(&v, t->v + batch * t->v_steps[0] + head * t->v_steps[2], t->v_steps[1], 1, 1);
}

/* y = a b for some rows, whatever k is. */
static void multiply(const struct attention *a, const float *left, size_t lda,
                     const struct hn_packed *b, float *y, size_t ldy, size_t m, void *scratch)
{
    const struct hn_gemm gemm = {.a = left,
                                 .lda = lda,
                                 .b = b->panels,
                                 .ldb = b->k * HN_PANEL,
                                 .k = b->k,
                                 .n = b->n,
                                 .y = y,
                                 .ldy = ldy,
                                 .scratch = scratch};
    hn_gemm_whole(a->op->kernels, hn_fast_many(a->at.queries, b->n, b->k), gemm, m);
}

static void add_masks(const struct hn_kernels *kernels, const struct hn_attend *a, float *scores,
                      size_t batch, size_t head, size_t query)
{
    for (size_t m = 0; m < HN_ATTEND_MASKS && a->masks[m].values; m++) {
        const size_t *steps = a->masks[m].steps;
        const float *mask =
            a->masks[m].values + batch * steps[0] + head * steps[1] + query * steps[2];
        if (steps[3] == 1) kernels->add(scores, mask, a->keys);
        else
            for (size_t i = 0; i < a->keys; i++)
                scores[i] += *mask;
    }
}

static void run_part(void *arg, size_t tile, unsigned worker)
{
    const struct attention *a = arg;
    const struct hn_attend *t = &a->at;
    const struct hn_kernels *kernels = a->op->kernels;
    const size_t part = tile % a->parts, at = tile / a->parts;
    const size_t batch = at / t->heads, head = at % t->heads;
    const size_t kv = batch * a->kv_heads + head / a->group;
    const size_t first = part * QUERIES, m = hn_min(QUERIES, t->queries - first);
    const size_t row_v = t->heads * t->width_v;
    struct hn_packed k = a->k_form, v = a->v_form;
    k.panels += kv * a->k_floats;
    v.panels += kv * a->v_floats;
    void *scratch = a->scratch + worker * a->scratch_bytes;
    float *scores = (float *)(void *)((char *)scratch + HN_GEMM_SCRATCH);
    multiply(a, t->q + batch * t->q_steps[0] + first * t->q_steps[1] + head * t->q_steps[2],
             t->q_steps[1], &k, scores, a->pitch, m, scratch);
    for (size_t i = 0; i < m; i++) {
        float *row = scores + i * a->pitch;
        if (t->softcap > 0) kernels->softcap(row, t->softcap, t->keys);
        add_masks(kernels, t, row, batch, head, first + i);
        kernels->softmax(row, t->keys);
    }
    multiply(a, scores, a->pitch, &v,
             t->out + (batch * t->queries + first) * row_v + head * t->width_v, row_v, m, scratch);
}

enum hn_status hn_attend_run(struct hn_op *op, const struct hn_attend *attend)
{
    if (attend->keys == 0 || attend->width == 0)
        return hn_op_fail(op, HN_E_ARG, "attention to nothing");
    struct attention a = {.at = *attend,
                          .op = op,
                          .parts = hn_div_up(attend->queries, QUERIES),
                          .kv_heads = attend->kv_heads,
                          .group = attend->heads / attend->kv_heads};
    a.k_form = (struct hn_packed){.k = attend->width, .n = attend->keys};
    a.v_form = (struct hn_packed){.k = attend->keys, .n = attend->width_v};
    const size_t tiles = attend->batch * attend->kv_heads;
    size_t floats;
    if (!hn_packed_size(attend->width, attend->keys, &a.k_floats) ||
        !hn_packed_size(attend->keys, attend->width_v, &a.v_floats) ||
        !hn_add(a.k_floats, a.v_floats, &floats))
        return hn_op_fail(op, HN_E_LIMIT, "too many keys");
    float *panels = hn_op_scratch(op, tiles, floats * sizeof(float));
    if (!panels) return hn_op_failed(op);
    a.k_form.panels = panels;
    a.v_form.panels = panels + tiles * a.k_floats;
    a.pitch =
        hn_round_up(attend->keys, HN_PANEL); /* a row's tail is not what the next one waits for */
    a.scratch_bytes = HN_GEMM_SCRATCH + hn_min(QUERIES, attend->queries) * a.pitch * sizeof(float);
    const size_t threads = hn_op_workers(op);
    a.scratch = hn_op_scratch(op, threads, a.scratch_bytes);
    if (!a.scratch) return hn_op_failed(op);
    hn_op_parallel(op, tiles, pack_head, &a);
    hn_op_parallel(op, attend->batch * attend->heads * a.parts, run_part, &a);
    return HN_OK;
}

/* Its steps along [batch, heads, queries, keys]. */
static enum hn_status read_mask(struct hn_op *op, size_t in, const size_t shape[4],
                                struct hn_attend_mask *out)
{
    const struct hn_array *mask = op->in[in];
    if (!mask) return HN_OK;
    if (mask->type != HN_EL_F32) return hn_op_fail_type(op, in);
    size_t step = 1;
    for (size_t i = 4; i-- > 0;) {
        const size_t from_end = 4 - i;
        const size_t d = from_end <= mask->n_dims ? mask->shape[mask->n_dims - from_end] : 1;
        if (mask->n_dims > 4 || (d != 1 && d != shape[i]))
            return hn_op_fail(op, HN_E_UNSUPPORTED, "a mask that does not broadcast to the scores");
        out->steps[i] = d == 1 ? 0 : step;
        step *= d;
    }
    out->values = mask->data;
    return HN_OK;
}

const char *const hn_fast_parts[3] = {"q_part", "k_part", "v_part"};

/* Heads as rows lie in an array of [batch, length, heads, width], of [length, heads, width], or of [batch, length,
 * parts, heads, width] where they are one of the parts. */
struct heads {
    const float *data;
    size_t batch, length, heads, width;
    size_t steps[3]; /* of the batch, the length, the heads */
};

static enum hn_status read_heads(struct hn_op *op, size_t in, struct heads *out)
{
    const struct hn_array *x = op->in[in];
    const int64_t part = hn_op_int(op, hn_fast_parts[in], -1);
    const bool joined = part >= 0;
    if (x->type != HN_EL_F32) return hn_op_fail_type(op, in);
    const bool alone = x->n_dims == 3 && !joined;
    if ((x->n_dims != 4u + joined && !alone) || (joined && (uint64_t)part >= x->shape[2]))
        return hn_op_fail(op, HN_E_ARG, "an array of %zu dimensions has no such heads", x->n_dims);
    const size_t *shape = alone ? x->shape : x->shape + 1; /* from the length on */
    const size_t heads = shape[1 + joined], width = shape[2 + joined];
    const size_t row = (joined ? shape[1] : 1) * heads * width; /* as large as the array at most */
    *out = (struct heads){
        .data = x->data,
        .batch = alone ? 1 : x->shape[0],
        .length = shape[0],
        .heads = heads,
        .width = width,
        .steps = {alone || x->shape[0] == 1 ? 0 : shape[0] * row, row, heads == 1 ? 0 : width}};
    if (joined && x->n) out->data += (size_t)part * heads * width;
    return HN_OK;
}

static bool together(size_t a, size_t b)
{
    return a == b || a == 1 || b == 1;
}

static size_t common(size_t a, size_t b)
{
    return a == 1 ? b : a;
}

static bool fit(const struct heads *a, const struct heads *b)
{
    return together(a->batch, b->batch) && together(a->heads, b->heads);
}

/* Where only one of them is asked for. */
static enum hn_status take_query(struct hn_op *op, struct hn_attend *a)
{
    const int64_t place = hn_op_int(op, HN_FAST_PLACE_X, -1);
    if (place < 0) return HN_OK;
    if ((uint64_t)place >= a->queries)
        return hn_op_fail(op, HN_E_ARG, "query %lld of %zu", (long long)place, a->queries);
    a->q += (size_t)place * a->q_steps[1];
    for (size_t m = 0; m < HN_ATTEND_MASKS && a->masks[m].values; m++)
        a->masks[m].values += (size_t)place * a->masks[m].steps[2];
    a->queries = 1;
    return HN_OK;
}

static enum hn_status run_attention(struct hn_op *op)
{
    struct heads q = {0}, k = {0}, v = {0};
    HN_TRY(read_heads(op, 0, &q));
    HN_TRY(read_heads(op, 1, &k));
    HN_TRY(read_heads(op, 2, &v));
    if (!fit(&q, &k) || !fit(&q, &v) || !fit(&k, &v) || k.length != v.length || q.width != k.width)
        return hn_op_fail(op, HN_E_ARG,
                          "queries, keys and values of shapes that do not go together");
    const size_t batch = common(common(q.batch, k.batch), v.batch);
    const size_t heads = common(common(q.heads, k.heads), v.heads);
    struct hn_attend a = {.q = q.data,
                          .k = k.data,
                          .v = v.data,
                          .batch = batch,
                          .heads = heads,
                          .kv_heads = heads,
                          .queries = q.length,
                          .keys = k.length,
                          .width = q.width,
                          .width_v = v.width,
                          .scale = hn_op_float(op, "scale", 1)};
    memcpy(a.q_steps, q.steps, sizeof a.q_steps);
    memcpy(a.k_steps, k.steps, sizeof a.k_steps);
    memcpy(a.v_steps, v.steps, sizeof a.v_steps);
    const size_t scores[] = {batch, heads, a.queries, a.keys};
    for (size_t m = 0; m < HN_ATTEND_MASKS; m++)
        HN_TRY(read_mask(op, 3 + m, scores, &a.masks[m]));
    HN_TRY(take_query(op, &a));
    const size_t shape[] = {batch, a.queries, heads, a.width_v};
    const bool alone = op->in[0]->n_dims == 3;
    a.out = hn_op_out(op, 0, HN_EL_F32, shape + alone, 4 - alone);
    if (!a.out) return hn_op_failed(op);
    return op->out[0].n ? hn_attend_run(op, &a) : HN_OK;
}

const struct hn_op_row hn_fast_attention = {
    .domain = "hence", .name = "Attention", .fn = run_attention};
