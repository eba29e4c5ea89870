/* The encoder's forward pass: every family's, switched by its row and by the tensors it has. It reads
 * as the architecture; what each operation does is said in backend/backend.h. */
#include <math.h>

#include "model/encoder_impl.h"

/* One forward: what the functions below share. */
struct run {
    struct hn_encoding *m; /* its memory */
    const struct hn_encoder *e;
    const struct hn_encoder_config *c;
    struct hn_backend *b;
    const struct hn_backend_ops *ops;
    size_t rows, n_spans;
};

/* y = norm(x) of rows of n, where there is one. */
static void norm_rows(const struct run *r, struct hn_rows y, struct hn_rows x, size_t n,
                      const struct hn_encoder_norm *w)
{
    if (!w->w) return;
    if (r->c->family->flags & HN_ENCODER_DECODER)
        r->ops->norm(r->b, y, x, r->rows, n, w->w, r->c->eps);
    else r->ops->layer_norm(r->b, y, x, r->rows, n, w->w, w->bias, r->c->eps);
}

static void norm(const struct run *r, struct hn_rows x, const struct hn_encoder_norm *w)
{
    norm_rows(r, x, x, r->c->n_embd, w);
}

static void linear(const struct run *r, struct hn_rows y, const struct hn_matrix *w,
                   const float *bias, struct hn_rows x, size_t n)
{
    r->ops->linear(r->b, y, w, bias, x, n, r->m->work);
}

/* x += table[ids] */
static void add_embedding(const struct run *r, struct hn_rows x, const struct hn_tensor *table,
                          const int32_t *ids)
{
    if (!table) return;
    r->ops->embed(r->b, r->m->t, table, ids, r->rows, 1);
    r->ops->add(r->b, x, r->m->t, r->rows, r->c->n_table, 1);
}

/* The embeddings are made where those of another width have room until they are projected. */
static void embed(const struct run *r)
{
    const struct hn_encoder_weights *w = &r->e->weights;
    struct hn_encoding *m = r->m;
    const struct hn_rows e = w->project.rows ? m->attn : m->x;
    r->ops->embed(r->b, e, w->tokens, m->tokens, r->rows, 1);
    add_embedding(r, e, w->types, m->types);
    add_embedding(r, e, w->positions, m->positions);
    norm_rows(r, e, e, r->c->n_table, &w->embd_norm);
    if (w->project.rows) linear(r, m->x, &w->project, w->project_bias, e, r->rows);
    if (!(r->c->family->flags & HN_ENCODER_ROPE)) return;
    r->ops->angles(r->b, m->cosines, m->sines, r->e->freqs, r->c->dim / 2, 1, m->spans, r->n_spans);
    if (r->c->window)
        r->ops->angles(r->b, m->cosines_local, m->sines_local, r->e->freqs_local, r->c->dim / 2, 1,
                       m->spans, r->n_spans);
}

/* norm(x) in `room`, where there is a norm; else x. */
static struct hn_rows normed(const struct run *r, struct hn_rows x, const struct hn_encoder_norm *w,
                             struct hn_rows room)
{
    norm_rows(r, room, x, r->c->n_embd, w);
    return w->w ? room : x;
}

/* x = norm(x + out(attention(x))), or x + out(attention(norm(x))): every token sees all of its text, or
 * those around it or before it. */
static void attention(const struct run *r, const struct hn_encoder_layer *layer, bool local)
{
    const struct hn_encoder_config *c = r->c;
    struct hn_encoding *m = r->m;
    const bool rope = c->family->flags & HN_ENCODER_ROPE;
    const bool each =
        c->family->flags & HN_ENCODER_DECODER; /* norms of queries and keys are a head's */
    const struct hn_rows k = {m->qkv.x + c->n_embd, m->qkv.ld};
    const struct hn_qkv qkv = {
        .x = m->qkv.x,
        .ld = m->qkv.ld,
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .dim_k = c->dim,
        .dim_v = c->dim,
        .q_norm = each ? layer->q_norm.w : NULL,
        .k_norm = each ? layer->k_norm.w : NULL,
        .norm_len = c->dim,
        .eps = c->eps,
        .cosines = !rope   ? NULL
                   : local ? m->cosines_local
                           : m->cosines,
        .sines = !rope   ? NULL
                 : local ? m->sines_local
                         : m->sines,
        .half = c->dim / 2,
    };
    const struct hn_attention a = {
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .dim_k = c->dim,
        .dim_v = c->dim,
        .window = local ? c->window : 0,
        .both = !c->causal,
        .slopes = c->family->flags & HN_ENCODER_ALIBI ? r->e->slopes : NULL,
        .bias = r->e->bias,
        .bias_ld = r->e->bias_ld,
        .reach = c->n_context - 1,
        .scale = 1 / sqrtf((float)c->dim),
    };
    const struct hn_rows in = normed(r, m->x, &layer->in_norm, m->attn);
    linear(r, m->qkv, &layer->qkv, layer->qkv_bias, in, r->rows);
    if (!each) {
        norm(r, m->qkv, &layer->q_norm);
        norm(r, k, &layer->k_norm);
    }
    r->ops->store(r->b, &qkv, &m->kv, 0, m->spans, r->n_spans);
    r->ops->attend(r->b, m->t, m->qkv, &a, &m->kv, 0, m->spans, r->n_spans);
    linear(r, m->attn, &layer->out, layer->out_bias, m->t, r->rows);
    r->ops->add(r->b, m->attn, m->x, r->rows, c->n_embd, 1);
    norm(r, m->attn, &layer->attn_norm);
    if (!layer->attn_norm_2.w) return;
    r->ops->add(r->b, m->attn, m->x, r->rows, c->n_embd, 1);
    norm(r, m->attn, &layer->attn_norm_2);
}

/* y = the sum of the experts that a router chooses for each row of x. */
static void experts(const struct run *r, struct hn_rows y, struct hn_rows x,
                    const struct hn_encoder_layer *layer)
{
    struct hn_encoding *m = r->m;
    linear(r, m->router, &layer->router, NULL, x, r->rows);
    r->ops->experts(r->b, y, &layer->experts, x, m->router.x, r->rows, m->work);
    if (!layer->experts_bias) return;
    r->ops->embed(r->b, m->t, layer->experts_bias, m->zeros, r->rows, 1);
    r->ops->add(r->b, y, m->t, r->rows, r->c->n_embd, 1);
}

/* x = norm(x + down(act(up(x)))), or x + down(act(up(norm(x)))), with or without a gate. */
static void feed_forward(const struct run *r, const struct hn_encoder_layer *layer)
{
    const struct hn_encoder_config *c = r->c;
    struct hn_encoding *m = r->m;
    const struct hn_rows in = normed(r, m->attn, &layer->ffn_norm, m->t);
    if (layer->router.rows) {
        experts(r, m->x, in, layer);
    } else {
        linear(r, m->hidden, &layer->up, layer->up_bias, in, r->rows);
        const bool gated = layer->up.rows == 2 * c->n_ff;
        (gated ? r->ops->glu : r->ops->act)(r->b, m->hidden, r->rows, c->n_ff, c->act);
        linear(r, m->x, &layer->down, layer->down_bias, m->hidden, r->rows);
    }
    r->ops->add(r->b, m->x, m->attn, r->rows, c->n_embd, 1);
    norm(r, m->x, &layer->out_norm);
}

static void activate(const struct run *r, struct hn_rows x, size_t cols, enum hn_encoder_act act)
{
    static const enum hn_glu glus[HN_ENCODER_ACTS] = {[HN_ENCODER_RELU] = HN_GLU_RELU,
                                                      [HN_ENCODER_GELU] = HN_GLU_GELU,
                                                      [HN_ENCODER_GELU_TANH] = HN_GLU_GELU_TANH,
                                                      [HN_ENCODER_SILU] = HN_GLU_SILU};
    if (act == HN_ENCODER_IDENTITY) return;
    if (act == HN_ENCODER_TANH) r->ops->finish_logits(r->b, x, r->n_spans, cols, 1, 1);
    else r->ops->act(r->b, x, r->n_spans, cols, glus[act]);
}

/* One vector for each text, in y. */
static void pool(const struct run *r, enum hn_pooling pooling, struct hn_rows y)
{
    static const enum hn_reduction reductions[HN_POOLINGS] = {
        [HN_POOLING_MEAN] = HN_REDUCE_MEAN,
        [HN_POOLING_MAX] = HN_REDUCE_MAX,
        [HN_POOLING_MEAN_SQRT] = HN_REDUCE_MEAN_SQRT,
        [HN_POOLING_WEIGHTED] = HN_REDUCE_WEIGHTED,
    };
    struct hn_encoding *m = r->m;
    if (pooling != HN_POOLING_CLS && pooling != HN_POOLING_LAST) {
        r->ops->reduce(r->b, y, m->x, m->spans, r->n_spans, r->c->n_embd, reductions[pooling]);
        return;
    }
    for (size_t i = 0; i < r->n_spans; i++)
        m->firsts[i] =
            (int32_t)(m->spans[i].row + (pooling == HN_POOLING_LAST ? m->spans[i].n - 1 : 0));
    r->ops->gather(r->b, y, m->x, m->firsts, r->n_spans, r->c->n_embd);
}

/* labels = outer(norm(act(inner(pooled)))) */
static void rank(const struct run *r)
{
    const struct hn_encoder_weights *w = &r->e->weights;
    const struct hn_encoder_norm *norm = &w->head_norm;
    struct hn_encoding *m = r->m;
    struct hn_rows h = m->pooled;
    const size_t cols = r->c->n_embd;
    pool(r, r->c->head_mean ? HN_POOLING_MEAN : HN_POOLING_CLS, m->pooled);
    if (w->head.rows) {
        h = m->t;
        linear(r, h, &w->head, w->head_bias, m->pooled, r->n_spans);
        activate(r, h, cols, r->c->head_act);
    }
    if (norm->w) r->ops->layer_norm(r->b, h, h, r->n_spans, cols, norm->w, norm->bias, r->c->eps);
    linear(r, m->labels, &w->labels, w->labels_bias, h, r->n_spans);
    m->result = m->labels;
}

/* The model's own poolings, side by side, and the layers behind them. */
static void pool_own(const struct run *r)
{
    const struct hn_encoder_weights *w = &r->e->weights;
    struct hn_encoding *m = r->m;
    for (size_t i = 0; i < r->c->n_pools; i++)
        pool(r, r->c->pools[i], (struct hn_rows){m->pooled.x + i * r->c->n_embd, m->pooled.ld});
    if (!r->c->n_pools) pool(r, r->c->pooling, m->pooled);
    m->result = m->pooled;
    for (size_t i = 0; i < r->c->n_dense; i++) {
        const struct hn_rows in = m->result;
        m->result = m->dense[i % 2];
        linear(r, m->result, &w->dense[i], w->dense_bias[i], in, r->n_spans);
        activate(r, m->result, r->c->dense[i].rows, r->c->dense[i].act);
    }
}

static void finish(const struct run *r, enum hn_pooling pooling)
{
    struct hn_encoding *m = r->m;
    m->result = m->x;
    if (pooling == HN_POOLING_NONE) return;
    if (pooling == HN_POOLING_RANK) {
        rank(r);
    } else if (pooling == r->c->pooling) {
        pool_own(r);
    } else {
        pool(r, pooling, m->pooled);
        m->result = m->pooled;
    }
}

void hn_encoder_forward(struct hn_encoding *run, enum hn_pooling pooling, size_t n)
{
    const struct hn_span *last = &run->spans[n - 1];
    const struct run r = {
        .m = run,
        .e = run->encoder,
        .c = &run->encoder->config,
        .b = run->backend,
        .ops = run->backend->ops,
        .rows = last->row + last->n,
        .n_spans = n,
    };
    embed(&r);
    for (size_t i = 0; i < r.c->n_layers; i++) {
        attention(&r, &r.e->weights.layers[i], hn_encoder_is_local(r.c, i));
        feed_forward(&r, &r.e->weights.layers[i]);
    }
    norm(&r, run->x, &run->encoder->weights.out_norm);
    finish(&r, pooling);
}
