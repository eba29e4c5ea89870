/* The decoder's forward pass: every family's, switched by its configuration. It reads as the
 * architecture; what each operation does is said in backend/backend.h. */
#include <stdio.h>

#include "base/clock.h"
#include "model/decoder_impl.h"

/* One forward: what the functions below share. */
struct run {
    struct hn_decoder *d;
    const struct hn_config *c;
    const struct hn_scratch *s;
    struct hn_backend *b;
    const struct hn_backend_ops *ops;
    const struct hn_batch *batch;
    int layer;         /* -1 outside the layers */
    uint64_t stage_ns; /* when the current stage began */
};

/* Ends a stage that read the matrix w (or NULL). */
static void mark(struct run *r, const char *stage, const struct hn_matrix *w)
{
    const struct hn_trace *trace = r->d->trace;
    if (!trace) return;
    const uint64_t now = hn_clock_ns();
    trace->event(trace->ctx, &(struct hn_trace_event){
                                 .stage = stage,
                                 .kernel = w ? r->ops->matrix_kernel(r->b, w) : NULL,
                                 .layer = r->layer,
                                 .rows = r->batch->n,
                                 .bytes = w ? w->bytes : 0,
                                 .ns = now - r->stage_ns,
                             });
    r->stage_ns = now;
}

/* Shows an activation to whoever listens. */
static void tap(const struct run *r, const char *name, struct hn_rows x, size_t cols)
{
    char full[40];
    if (!r->d->tap) return;
    if (r->layer < 0) snprintf(full, sizeof full, "%s", name);
    else snprintf(full, sizeof full, "l%d.%s", r->layer, name);
    r->d->tap(r->d->tap_ctx, full, x.x, r->batch->n, cols, x.ld);
}

/* h = norm(x); the input as it is where the family has no norm there. */
static struct hn_rows norm(const struct run *r, struct hn_rows x, const float *w)
{
    if (!w) return x;
    r->ops->norm(r->b, r->s->h, x, r->batch->n, r->c->n_embd, w, r->c->eps);
    return r->s->h;
}

/* x += scale * norm(t) */
static void add(const struct run *r, const float *post_norm)
{
    const struct hn_scratch *s = r->s;
    if (post_norm) r->ops->norm(r->b, s->t, s->t, r->batch->n, r->c->n_embd, post_norm, r->c->eps);
    r->ops->add(r->b, s->x, s->t, r->batch->n, r->c->n_embd, r->c->residual_scale);
}

static void attention(struct run *r, const struct hn_layer *layer)
{
    const struct hn_config *c = r->c;
    const struct hn_scratch *s = r->s;
    const struct hn_batch *batch = r->batch;
    const size_t i = (size_t)r->layer;
    const bool window = hn_config_has_window(c, i);
    const struct hn_angles *angles = window ? &s->angles_local : &s->angles;
    const bool rope = hn_config_has_rope(c, i);
    const size_t q = c->n_heads * c->dim_k, k = c->n_kv_heads * c->dim_k;
    const struct hn_qkv qkv = {
        .x = s->qkv.x,
        .ld = s->qkv.ld,
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .dim_k = c->dim_k,
        .dim_v = c->dim_v,
        .q_norm = layer->q_norm,
        .k_norm = layer->k_norm,
        .norm_len = layer->norm_len,
        .eps = c->eps,
        .cosines = rope ? angles->cosines : NULL,
        .sines = rope ? angles->sines : NULL,
        .half = c->dim_rope / 2,
        .pairs = c->family->flags & HN_FAMILY_PAIRS,
    };
    const struct hn_attention a = {
        .n_heads = c->n_heads,
        .n_kv_heads = c->n_kv_heads,
        .dim_k = c->dim_k,
        .dim_v = c->dim_v,
        .window = window ? c->window : 0,
        .scale = c->attn_scale,
        .softcap = c->attn_softcap,
        .sinks = layer->sinks,
    };
    const struct hn_rows h = norm(r, s->x, layer->attn_norm);
    tap(r, "attn_norm", h, c->n_embd);
    mark(r, "attn_norm", NULL);
    r->ops->linear(r->b, s->qkv, &layer->qkv, layer->qkv_bias, h, batch->n, s->work);
    mark(r, "attn_qkv", &layer->qkv);
    r->ops->store(r->b, &qkv, &r->d->kv, i, batch->spans, batch->n_spans);
    tap(r, "q_rope", s->qkv, q);
    tap(r, "k_rope", (struct hn_rows){s->qkv.x + q, s->qkv.ld}, k);
    tap(r, "v", (struct hn_rows){s->qkv.x + q + k, s->qkv.ld}, c->n_kv_heads * c->dim_v);
    mark(r, "rope_store", NULL);
    r->ops->attend(r->b, s->attn, s->qkv, &a, &r->d->kv, i, batch->spans, batch->n_spans);
    tap(r, "attn", s->attn, c->n_heads * c->dim_v);
    mark(r, "attention", NULL);
    r->ops->linear(r->b, s->t, &layer->out, layer->out_bias, s->attn, batch->n, s->work);
    tap(r, "attn_out", s->t, c->n_embd);
    mark(r, "attn_out", &layer->out);
    add(r, layer->post_attn_norm);
    tap(r, "ffn_inp", s->x, c->n_embd);
}

/* t = down(act(gate(h)) * up(h)) */
static void gated(struct run *r, struct hn_rows h, const struct hn_matrix *gate_up,
                  const float *gate_up_bias, const struct hn_matrix *down, const float *down_bias)
{
    const struct hn_scratch *s = r->s;
    const size_t n = r->batch->n, n_ff = gate_up->rows / 2;
    r->ops->linear(r->b, s->hidden, gate_up, gate_up_bias, h, n, s->work);
    mark(r, "ffn_gate_up", gate_up);
    r->ops->glu(r->b, s->hidden, n, n_ff, r->c->family->glu);
    mark(r, "ffn_act", NULL);
    r->ops->linear(r->b, s->t, down, down_bias, s->hidden, n, s->work);
    mark(r, "ffn_down", down);
}

/* t = the chosen experts of h. Where there is a shared expert, it joins the residual stream first:
 * families that have one have neither a norm nor a scale behind it. */
static void experts(struct run *r, struct hn_rows h, const struct hn_layer *layer)
{
    const struct hn_scratch *s = r->s;
    const size_t n = r->batch->n;
    r->ops->linear(r->b, s->router, &layer->router, layer->router_bias, h, n, s->work);
    mark(r, "ffn_router", &layer->router);
    if (layer->shared_down.rows) {
        gated(r, h, &layer->shared_gate_up, NULL, &layer->shared_down, NULL);
        r->ops->linear(r->b, s->gate, &layer->shared_router, NULL, h, n, s->work);
        r->ops->add_gated(r->b, s->x, s->t, n, r->c->n_embd, s->gate);
        mark(r, "ffn_shared", &layer->shared_router);
    }
    r->ops->experts(r->b, s->t, &layer->experts, h, s->router.x, n, s->work);
    mark(r, "ffn_experts", &layer->experts.gate_up[0]);
}

static void feed_forward(struct run *r, const struct hn_layer *layer)
{
    const struct hn_rows h = norm(r, r->s->x, layer->ffn_norm);
    tap(r, "ffn_norm", h, r->c->n_embd);
    mark(r, "ffn_norm", NULL);
    if (layer->router.rows) experts(r, h, layer);
    else gated(r, h, &layer->gate_up, layer->gate_up_bias, &layer->down, layer->down_bias);
    if (!layer->shared_down.rows) tap(r, "ffn_out", r->s->t, r->c->n_embd);
    add(r, layer->post_ffn_norm);
    tap(r, "out", r->s->x, r->c->n_embd);
}

static void set_angles(struct run *r, const struct hn_angles *a)
{
    r->ops->angles(r->b, a->cosines, a->sines, a->freqs, r->c->dim_rope / 2, a->scale,
                   r->batch->spans, r->batch->n_spans);
}

/* The logits of the wanted rows. */
static void head(struct run *r)
{
    const struct hn_config *c = r->c;
    const struct hn_scratch *s = r->s;
    const struct hn_batch *batch = r->batch;
    const struct hn_rows logits = {batch->logits, c->n_vocab};
    if (!batch->n_wanted) return;
    r->ops->gather(r->b, s->t, s->x, batch->wanted, batch->n_wanted, c->n_embd);
    r->ops->norm(r->b, s->h, s->t, batch->n_wanted, c->n_embd, r->d->weights.final_norm, c->eps);
    if (batch->n_wanted == batch->n) tap(r, "final_norm", s->h, c->n_embd);
    mark(r, "final_norm", NULL);
    r->ops->linear(r->b, logits, &r->d->weights.head, NULL, s->h, batch->n_wanted, s->work);
    r->ops->finish_logits(r->b, logits, batch->n_wanted, c->n_vocab, c->logit_scale,
                          c->logit_softcap);
    if (batch->n_wanted == batch->n) tap(r, "logits", logits, c->n_vocab);
    mark(r, "head", &r->d->weights.head);
}

void hn_decoder_forward(struct hn_decoder *decoder, const struct hn_batch *batch)
{
    struct hn_decoder *d = decoder;
    struct run run = {
        .d = d,
        .c = &d->config,
        .s = &d->scratch,
        .b = d->backend,
        .ops = d->backend->ops,
        .batch = batch,
        .layer = -1,
        .stage_ns = d->trace ? hn_clock_ns() : 0,
    };
    set_angles(&run, &d->scratch.angles);
    if (d->config.window) set_angles(&run, &d->scratch.angles_local);
    run.ops->embed(run.b, run.s->x, d->weights.embd, batch->tokens, batch->n, d->config.embd_scale);
    tap(&run, "embd", run.s->x, d->config.n_embd);
    mark(&run, "embed", NULL);
    for (size_t i = 0; i < d->config.n_layers; i++) {
        run.layer = (int)i;
        attention(&run, &d->weights.layers[i]);
        feed_forward(&run, &d->weights.layers[i]);
    }
    run.layer = -1;
    head(&run);
}
