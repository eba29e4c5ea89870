#include "model/encoder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/memory.h"
#include "model/encoder_impl.h"
#include "model/rope.h"
#include "tensor/codec.h"

/* --- weights ----------------------------------------------------------------------------------- */

struct binder {
    struct hn_binder to;
    const struct hn_encoder_config *config;
};

/* STEM.weight and, if there is one, STEM.bias. */
static enum hn_status bind_norm(struct binder *b, size_t layer, const char *stem, size_t n,
                                bool optional, struct hn_encoder_norm *out)
{
    char name[64];
    snprintf(name, sizeof name, "%s.weight", stem);
    HN_TRY(hn_bind_vector(&b->to, layer, name, n, optional, &out->w));
    snprintf(name, sizeof name, "%s.bias", stem);
    return hn_bind_vector(&b->to, layer, name, n, true, &out->bias);
}

/* Stacked matrices and their biases. */
static enum hn_status bind_linear(struct binder *b, size_t layer, const char *const *stems,
                                  const size_t *rows, size_t n_parts, size_t cols,
                                  struct hn_matrix *out, const float **bias)
{
    HN_TRY(hn_bind_matrix(&b->to, layer, stems, rows, n_parts, cols, out));
    return hn_bind_biases(&b->to, layer, stems, rows, n_parts, bias);
}

static enum hn_status bind_attention(struct binder *b, size_t i, struct hn_encoder_layer *layer)
{
    const bool norm_first = b->config->family->flags & HN_ENCODER_NORM_FIRST;
    static const char *const apart[] = {"attn_q", "attn_k", "attn_v"};
    static const char *const fused[] = {"attn_qkv"}, *const out[] = {"attn_output"};
    const struct hn_encoder_config *c = b->config;
    const size_t n = c->n_embd, q = c->n_heads * c->dim, k = c->n_kv_heads * c->dim;
    const size_t rows[] = {q, k, k}, all[] = {q + 2 * k};
    const bool each = c->family->flags & HN_ENCODER_DECODER;
    if (norm_first) HN_TRY(bind_norm(b, i, "attn_norm", n, i == 0 && !each, &layer->in_norm));
    if (hn_bind_find(&b->to, "blk.%zu.attn_qkv.weight", i))
        HN_TRY(bind_linear(b, i, fused, all, 1, n, &layer->qkv, &layer->qkv_bias));
    else HN_TRY(bind_linear(b, i, apart, rows, 3, n, &layer->qkv, &layer->qkv_bias));
    HN_TRY(bind_norm(b, i, "attn_q_norm", each ? c->dim : q, true, &layer->q_norm));
    HN_TRY(bind_norm(b, i, "attn_k_norm", each ? c->dim : k, true, &layer->k_norm));
    HN_TRY(bind_linear(b, i, out, &n, 1, q, &layer->out, &layer->out_bias));
    if (norm_first) return HN_OK;
    HN_TRY(bind_norm(b, i, "attn_output_norm", n, false, &layer->attn_norm));
    return bind_norm(b, i, "attn_norm_2", n, true, &layer->attn_norm_2);
}

/* Expert e of a stack of matrices. */
static enum hn_status bind_expert(struct binder *b, size_t i, const char *stem, size_t e,
                                  size_t rows, size_t cols, struct hn_matrix *out)
{
    const struct hn_encoder_config *c = b->config;
    const struct hn_tensor *t = hn_bind_find(&b->to, "blk.%zu.%s.weight", i, stem);
    if (!t) return hn_bind_missing(&b->to);
    HN_TRY(hn_bind_check(&b->to, t, cols, rows, c->n_experts));
    struct hn_tensor part = *t;
    const struct hn_tensor *const parts[] = {&part};
    part.ne[2] = 1;
    part.n_dims = 2;
    part.bytes /= c->n_experts;
    part.data = (const char *)t->data + e * part.bytes;
    return hn_bind_parts(&b->to, parts, 1, c->n_experts_used, c->n_experts, out);
}

static enum hn_status bind_experts(struct binder *b, size_t i, struct hn_encoder_layer *layer)
{
    const struct hn_encoder_config *c = b->config;
    struct hn_matrix counted = {0}, *matrices = NULL;
    HN_TRY(hn_bind_one(&b->to, i, "ffn_gate_inp", c->n_experts, c->n_embd, &layer->router));
    if (b->to.backend) {
        matrices = hn_arena_alloc(b->to.arena, 2 * c->n_experts, sizeof *matrices);
        if (!matrices)
            return hn_fail_nomem(b->to.err, "experts", 2 * c->n_experts * sizeof *matrices);
    }
    layer->experts = (struct hn_experts){.gate_up = matrices,
                                         .down = matrices ? matrices + c->n_experts : NULL,
                                         .n_experts = c->n_experts,
                                         .n_used = c->n_experts_used,
                                         .n_ff = c->n_ff,
                                         .n_embd = c->n_embd,
                                         .glu = c->act,
                                         .plain = true};
    for (size_t e = 0; e < c->n_experts; e++) {
        HN_TRY(bind_expert(b, i, "ffn_up_exps", e, c->n_ff, c->n_embd,
                           matrices ? matrices + e : &counted));
        HN_TRY(bind_expert(b, i, "ffn_down_exps", e, c->n_embd, c->n_ff,
                           matrices ? matrices + c->n_experts + e : &counted));
    }
    layer->experts_bias = hn_bind_find(&b->to, "blk.%zu.ffn_exps.bias", i);
    if (layer->experts_bias) HN_TRY(hn_bind_check(&b->to, layer->experts_bias, c->n_embd, 1, 1));
    return HN_OK;
}

/* A gate is where the file has one: apart, or the first half of ffn_up. */
static enum hn_status bind_ffn(struct binder *b, size_t i, struct hn_encoder_layer *layer)
{
    static const char *const both[] = {"ffn_gate", "ffn_up"}, *const down[] = {"ffn_down"};
    const size_t n = b->config->n_embd, n_ff = b->config->n_ff;
    const size_t rows[] = {n_ff, n_ff};
    const bool norm_first = b->config->family->flags & HN_ENCODER_NORM_FIRST;
    if (!norm_first) HN_TRY(bind_norm(b, i, "layer_output_norm", n, false, &layer->out_norm));
    if (b->config->n_experts && hn_bind_find(&b->to, "blk.%zu.ffn_gate_inp.weight", i))
        return bind_experts(b, i, layer);
    const bool gate = hn_bind_find(&b->to, "blk.%zu.ffn_gate.weight", i);
    const struct hn_tensor *up = hn_bind_find(&b->to, "blk.%zu.ffn_up.weight", i);
    const size_t all[] = {up && up->ne[1] == 2 * n_ff ? 2 * n_ff : n_ff};
    if (norm_first) HN_TRY(bind_norm(b, i, "ffn_norm", n, false, &layer->ffn_norm));
    HN_TRY(bind_linear(b, i, gate ? both : both + 1, gate ? rows : all, gate ? 2 : 1, n, &layer->up,
                       &layer->up_bias));
    return bind_linear(b, i, down, &n, 1, n_ff, &layer->down, &layer->down_bias);
}

/* Two layers with an activation between them, or one. */
static enum hn_status bind_head(struct binder *b, struct hn_encoder_weights *w)
{
    static const char *const inner[] = {"cls"}, *const outer[] = {"cls.output"};
    const struct hn_encoder_config *c = b->config;
    if (!c->n_labels) return HN_OK;
    const bool two = hn_bind_find(&b->to, "cls.output.weight");
    if (two && hn_bind_find(&b->to, "cls.weight"))
        HN_TRY(
            bind_linear(b, HN_BIND_TOP, inner, &c->n_embd, 1, c->n_embd, &w->head, &w->head_bias));
    HN_TRY(bind_norm(b, HN_BIND_TOP, "cls.norm", c->n_embd, true, &w->head_norm));
    return bind_linear(b, HN_BIND_TOP, two ? outer : inner, &c->n_labels, 1, c->n_embd, &w->labels,
                       &w->labels_bias);
}

static enum hn_status bind_dense(struct binder *b, struct hn_encoder_weights *w)
{
    const struct hn_encoder_config *c = b->config;
    size_t cols = hn_max(c->n_pools, 1) * c->n_embd;
    for (size_t i = 0; i < c->n_dense; i++) {
        char name[20];
        const char *const stem[] = {name};
        snprintf(name, sizeof name, "dense_%zu", HN_ENCODER_FIRST_DENSE + i);
        HN_TRY(bind_linear(b, HN_BIND_TOP, stem, &c->dense[i].rows, 1, cols, &w->dense[i],
                           &w->dense_bias[i]));
        cols = c->dense[i].rows;
    }
    return HN_OK;
}

/* Tables, and what makes rows of the width of the layers of them. */
static enum hn_status bind_tables(struct binder *b, struct hn_encoder_weights *w)
{
    static const char *const project[] = {"token_embd_proj"};
    const struct hn_encoder_config *c = b->config;
    w->tokens = hn_bind_find(&b->to, "token_embd.weight"); /* checked with the configuration */
    w->types = hn_bind_find(&b->to, "token_types.weight");
    if (!(c->family->flags & (HN_ENCODER_ROPE | HN_ENCODER_ALIBI)))
        w->positions = hn_bind_find(&b->to, "position_embd.weight");
    HN_TRY(bind_norm(b, HN_BIND_TOP, "token_embd_norm", c->n_table,
                     c->family->flags & HN_ENCODER_DECODER, &w->embd_norm));
    if (!hn_bind_find(&b->to, "token_embd_proj.weight")) return HN_OK;
    return bind_linear(b, HN_BIND_TOP, project, &c->n_embd, 1, c->n_table, &w->project,
                       &w->project_bias);
}

static enum hn_status bind_all(struct binder *b, struct hn_encoder_weights *w)
{
    const struct hn_encoder_config *c = b->config;
    HN_TRY(bind_tables(b, w));
    for (size_t i = 0; i < c->n_layers; i++) {
        struct hn_encoder_layer counted = {0};
        struct hn_encoder_layer *layer = w->layers ? &w->layers[i] : &counted;
        HN_TRY(bind_attention(b, i, layer));
        HN_TRY(bind_ffn(b, i, layer));
    }
    if (c->family->flags & HN_ENCODER_NORM_FIRST)
        HN_TRY(bind_norm(b, HN_BIND_TOP, "output_norm", c->n_embd, false, &w->out_norm));
    HN_TRY(bind_dense(b, w));
    return bind_head(b, w);
}

enum hn_status hn_encoder_measure(const struct hn_gguf *file,
                                  const struct hn_encoder_config *config,
                                  const struct hn_backend_ops *ops, struct hn_weights_size *out,
                                  struct hn_error *err)
{
    struct binder b = {.to = {.file = file, .ops = ops, .err = err}, .config = config};
    struct hn_encoder_weights w = {0};
    HN_TRY(bind_all(&b, &w));
    *out = b.to.size;
    return HN_OK;
}

/* --- loading ----------------------------------------------------------------------------------- */

/* Slopes of ALiBi: powers of 2^(-max / n) for n heads, a power of two; the heads above one take those
 * of twice as many, every other one. */
static void set_slopes(const struct hn_encoder_config *c, float *slopes)
{
    size_t n = 1;
    while (2 * n <= c->n_heads)
        n *= 2;
    for (size_t h = 0; h < c->n_heads; h++) {
        const double step = (double)c->alibi_max / (double)n;
        slopes[h] = (float)(h < n ? exp2(-step * (double)(h + 1))
                                  : exp2(-step / 2 * (double)(2 * (h - n) + 1)));
    }
}

/* The bucket of a key so far behind the query, as T5 and MPNet have it: half of them for each direction,
 * half of those for single distances, the rest for logarithms of up to 128. */
static size_t bucket_of(ptrdiff_t ahead)
{
    const size_t half = HN_ENCODER_N_BUCKETS / 2, exact = half / 2;
    const size_t base = ahead > 0 ? half : 0, n = (size_t)(ahead < 0 ? -ahead : ahead);
    if (n < exact) return base + n;
    /* In floats: a distance on the border of two buckets must fall as it does where models are trained. */
    const float turns = logf((float)n / (float)exact) / (float)log(128.0 / (double)exact);
    return base + hn_min(exact + (size_t)(turns * (float)(half - exact)), half - 1);
}

/* What each distance adds to the scores of each head. */
static enum hn_status set_bias(struct hn_encoder *e, const struct hn_gguf *file,
                               struct hn_error *err)
{
    const struct hn_encoder_config *c = &e->config;
    const size_t reach = c->n_context - 1;
    const struct hn_tensor *t = hn_weights_find(&file->weights, HN_STR("attn_rel_b.weight"));
    if (!(c->family->flags & HN_ENCODER_BUCKETS)) return HN_OK;
    float *table = hn_arena_alloc(&e->arena, HN_ENCODER_N_BUCKETS * c->n_heads, sizeof *table);
    e->bias_ld = 2 * reach + 1 + HN_KV_PAGE;
    e->bias = hn_arena_alloc(&e->arena, c->n_heads * e->bias_ld, sizeof *e->bias);
    if (!table || !e->bias) return hn_fail_nomem(err, "positions", e->bias_ld * sizeof *e->bias);
    hn_decode(t->type, t->data, table, HN_ENCODER_N_BUCKETS * c->n_heads);
    for (size_t i = 0; i < e->bias_ld; i++) {
        const float *row = table + bucket_of((ptrdiff_t)i - (ptrdiff_t)reach) * c->n_heads;
        for (size_t h = 0; h < c->n_heads; h++)
            e->bias[h * e->bias_ld + i] = row[h];
    }
    return HN_OK;
}

static enum hn_status set_positions(struct hn_encoder *e, struct hn_error *err)
{
    const struct hn_encoder_config *c = &e->config;
    const size_t half = c->dim / 2;
    e->freqs = hn_arena_alloc(&e->arena, half, sizeof *e->freqs);
    e->freqs_local = hn_arena_alloc(&e->arena, half, sizeof *e->freqs_local);
    e->slopes = hn_arena_alloc(&e->arena, c->n_heads, sizeof *e->slopes);
    if (!e->freqs || !e->freqs_local || !e->slopes)
        return hn_fail_nomem(err, "positions", half * sizeof *e->freqs);
    hn_rope_freqs(&c->rope, c->dim, false, NULL, e->freqs);
    if (c->window) hn_rope_freqs(&c->rope_local, c->dim, false, NULL, e->freqs_local);
    set_slopes(c, e->slopes);
    return HN_OK;
}

static enum hn_status fill(struct hn_encoder *e, const struct hn_gguf *file,
                           const struct hn_load_progress *progress, struct hn_error *err)
{
    struct hn_weights_size size;
    HN_TRY(hn_encoder_measure(file, &e->config, e->backend->ops, &size, err));
    const size_t machine = hn_memory_available();
    if (size.bytes > machine)
        return hn_fail(err, HN_E_LIMIT, "needs %zu MiB for its weights and there are %zu",
                       size.bytes >> 20, machine >> 20);
    e->memory = e->backend->ops->alloc(e->backend, size.bytes);
    if (!e->memory) return hn_fail_nomem(err, "packed weights", size.bytes);
    e->bytes = size.bytes;
    e->weights.layers = hn_arena_alloc(&e->arena, e->config.n_layers, sizeof *e->weights.layers);
    if (!e->weights.layers)
        return hn_fail_nomem(err, "layers", e->config.n_layers * sizeof *e->weights.layers);
    struct binder b = {
        .to = {.file = file,
               .ops = e->backend->ops,
               .backend = e->backend,
               .memory = e->memory,
               .arena = &e->arena,
               .progress = progress,
               .expected = size.bytes,
               .err = err},
        .config = &e->config,
    };
    HN_TRY(bind_all(&b, &e->weights));
    HN_TRY(set_bias(e, file, err));
    return set_positions(e, err);
}

enum hn_status hn_encoder_load(const struct hn_gguf *file, const struct hn_encoder_config *config,
                               struct hn_backend *backend, const struct hn_load_progress *progress,
                               struct hn_encoder **out, struct hn_error *err)
{
    *out = NULL;
    struct hn_encoder *e = calloc(1, sizeof *e);
    if (!e) return hn_fail_nomem(err, "the encoder", sizeof *e);
    e->config = *config;
    e->backend = backend;
    const enum hn_status status = fill(e, file, progress, err);
    if (status < 0) hn_encoder_destroy(e);
    else *out = e;
    return status;
}

void hn_encoder_destroy(struct hn_encoder *e)
{
    if (!e) return;
    e->backend->ops->release(e->backend, e->memory, e->bytes);
    hn_arena_free(&e->arena);
    free(e);
}

const struct hn_encoder_config *hn_encoder_config(const struct hn_encoder *encoder)
{
    return &encoder->config;
}

size_t hn_encoder_bytes(const struct hn_encoder *encoder)
{
    return encoder->bytes;
}

/* --- what becomes of a result ------------------------------------------------------------------ */

size_t hn_encode_floats(const struct hn_encoder_config *config, enum hn_pooling pooling, size_t n)
{
    if (pooling == HN_POOLING_RANK) return config->n_labels;
    if (pooling == HN_POOLING_NONE) return n * config->n_embd;
    return pooling == config->pooling ? config->n_out : config->n_embd;
}

void hn_embedding_finish(float *vector, size_t n, bool normalise)
{
    double squares = 0;
    if (!normalise) return;
    for (size_t i = 0; i < n; i++)
        squares += (double)vector[i] * (double)vector[i];
    const double length = sqrt(squares);
    for (size_t i = 0; i < n && length > 0; i++)
        vector[i] = (float)((double)vector[i] / length);
}

float hn_rerank_score(const float *labels, size_t n)
{
    const double x = n == 2 ? (double)labels[1] - (double)labels[0] : (double)labels[0];
    return (float)(1 / (1 + exp(-x)));
}
