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

/* x = norm(x), where there is one. */
static void norm(const struct run *r, struct hn_rows x, const struct hn_encoder_norm *w)
{
    if (w->w) r->ops->layer_norm(r->b, x, x, r->rows, r->c->n_embd, w->w, w->bias, r->c->eps);
}

static void linear(const struct run *r, struct hn_rows y, const struct hn_matrix *w,
                   const float *bias, struct hn_rows x, size_t n)
{
    r->ops->linear(r->b, y, w, bias, x, n, r->m->work);
}

/* x += table[ids] */
static void add_embedding(const struct run *r, const struct hn_tensor *table, const int32_t *ids)
{
    if (!table) return;
    r->ops->embed(r->b, r->m->t, table, ids, r->rows, 1);
    r->ops->add(r->b, r->m->x, r->m->t, r->rows, r->c->n_embd, 1);
}

static void embed(const struct run *r)
{
    const struct hn_encoder_weights *w = &r->e->weights;
    r->ops->embed(r->b, r->m->x, w->tokens, r->m->tokens, r->rows, 1);
    add_embedding(r, w->types, r->m->types);
    add_embedding(r, w->positions, r->m->positions);
    norm(r, r->m->x, &w->embd_norm);
    if (r->c->family->flags & HN_ENCODER_ROPE)
        r->ops->angles(r->b, r->m->cosines, r->m->sines, r->e->freqs, r->c->dim / 2, 1, r->m->spans,
                       r->n_spans);
}

/* x = norm(x + out(attention(x))): every token sees all of its text. */
static void attention(const struct run *r, const struct hn_encoder_layer *layer)
{
    const struct hn_encoder_config *c = r->c;
    struct hn_encoding *m = r->m;
    const bool rope = c->family->flags & HN_ENCODER_ROPE;
    const struct hn_rows k = {m->qkv.x + c->n_embd, m->qkv.ld};
    const struct hn_qkv qkv = {
        .x = m->qkv.x,
        .ld = m->qkv.ld,
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_heads,
        .dim_k = c->dim,
        .dim_v = c->dim,
        .cosines = rope ? m->cosines : NULL,
        .sines = rope ? m->sines : NULL,
        .half = c->dim / 2,
    };
    const struct hn_attention a = {
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_heads,
        .dim_k = c->dim,
        .dim_v = c->dim,
        .both = true,
        .slopes = c->family->flags & HN_ENCODER_ALIBI ? r->e->slopes : NULL,
        .scale = 1 / sqrtf((float)c->dim),
    };
    linear(r, m->qkv, &layer->qkv, layer->qkv_bias, m->x, r->rows);
    norm(r, m->qkv, &layer->q_norm);
    norm(r, k, &layer->k_norm);
    r->ops->store(r->b, &qkv, &m->kv, 0, m->spans, r->n_spans);
    r->ops->attend(r->b, m->t, m->qkv, &a, &m->kv, 0, m->spans, r->n_spans);
    linear(r, m->attn, &layer->out, layer->out_bias, m->t, r->rows);
    r->ops->add(r->b, m->attn, m->x, r->rows, c->n_embd, 1);
    norm(r, m->attn, &layer->attn_norm);
    if (!layer->attn_norm_2.w) return;
    r->ops->add(r->b, m->attn, m->x, r->rows, c->n_embd, 1);
    norm(r, m->attn, &layer->attn_norm_2);
}

/* x = norm(x + down(act(up(x)))), with or without a gate. */
static void feed_forward(const struct run *r, const struct hn_encoder_layer *layer)
{
    const struct hn_encoder_config *c = r->c;
    struct hn_encoding *m = r->m;
    linear(r, m->hidden, &layer->up, layer->up_bias, m->attn, r->rows);
    const bool gated = layer->up.rows == 2 * c->n_ff;
    (gated ? r->ops->glu : r->ops->act)(r->b, m->hidden, r->rows, c->n_ff, c->family->act);
    linear(r, m->x, &layer->down, layer->down_bias, m->hidden, r->rows);
    r->ops->add(r->b, m->x, m->attn, r->rows, c->n_embd, 1);
    norm(r, m->x, &layer->out_norm);
}

/* labels = outer(act(inner(pooled))) */
static void head(const struct run *r)
{
    const struct hn_encoder_weights *w = &r->e->weights;
    struct hn_encoding *m = r->m;
    struct hn_rows h = m->pooled;
    const size_t n = r->n_spans, cols = r->c->n_embd;
    if (w->head.rows) {
        linear(r, m->t, &w->head, w->head_bias, m->pooled, n);
        if (r->c->head_relu) r->ops->act(r->b, m->t, n, cols, HN_GLU_RELU);
        else r->ops->finish_logits(r->b, m->t, n, cols, 1, 1); /* tanh */
        h = m->t;
    }
    linear(r, m->labels, &w->labels, w->labels_bias, h, n);
}

static void pool(const struct run *r, enum hn_pooling pooling)
{
    struct hn_encoding *m = r->m;
    if (pooling == HN_POOLING_NONE) return;
    if (pooling == HN_POOLING_MEAN) {
        r->ops->mean(r->b, m->pooled, m->x, m->spans, r->n_spans, r->c->n_embd);
        return;
    }
    const bool last = pooling == HN_POOLING_LAST;
    for (size_t i = 0; i < r->n_spans; i++)
        m->firsts[i] = (int32_t)(m->spans[i].row + (last ? m->spans[i].n - 1 : 0));
    r->ops->gather(r->b, m->pooled, m->x, m->firsts, r->n_spans, r->c->n_embd);
    if (pooling == HN_POOLING_RANK) head(r);
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
        attention(&r, &r.e->weights.layers[i]);
        feed_forward(&r, &r.e->weights.layers[i]);
    }
    pool(&r, pooling);
}
