#include "model/decoder_weights.h"

#include "base/bits.h"
#include "tensor/codec.h"

/* What a decoder's tensors are looked up with. */
struct binder {
    struct hn_binder to;
    const struct hn_config *config;
};

/* --- layers ------------------------------------------------------------------------------------ */

static enum hn_status bind_attention(struct binder *b, size_t i, struct hn_layer *layer)
{
    static const char *const apart[] = {"attn_q", "attn_k", "attn_v"};
    static const char *const fused[] = {"attn_qkv"};
    const struct hn_config *c = b->config;
    const size_t q = c->n_heads * c->dim_k, k = c->n_kv_heads * c->dim_k;
    const size_t v = c->n_kv_heads * c->dim_v;
    const size_t rows[] = {q, k, v}, all[] = {q + k + v};
    const bool is_fused = hn_bind_find(&b->to, "blk.%zu.attn_qkv.weight", i) != NULL;
    HN_TRY(hn_bind_matrix(&b->to, i, is_fused ? fused : apart, is_fused ? all : rows,
                          is_fused ? 1 : 3, c->n_embd, &layer->qkv));
    HN_TRY(hn_bind_biases(&b->to, i, is_fused ? fused : apart, is_fused ? all : rows,
                          is_fused ? 1 : 3, &layer->qkv_bias));

    const struct hn_tensor *norm = hn_bind_find(&b->to, "blk.%zu.attn_q_norm.weight", i);
    if (norm) {
        const bool per_head = hn_tensor_elements(norm) == c->dim_k;
        layer->norm_len = per_head ? c->dim_k : q;
        HN_TRY(hn_bind_vector(&b->to, i, "attn_q_norm.weight", layer->norm_len, false,
                              &layer->q_norm));
        HN_TRY(hn_bind_vector(&b->to, i, "attn_k_norm.weight", per_head ? c->dim_k : k, false,
                              &layer->k_norm));
    }
    HN_TRY(hn_bind_vector(&b->to, i, "attn_sinks.weight", c->n_heads, true, &layer->sinks));

    static const char *const out[] = {"attn_output"};
    HN_TRY(hn_bind_one(&b->to, i, out[0], c->n_embd, c->n_heads * c->dim_v, &layer->out));
    return hn_bind_biases(&b->to, i, out, &c->n_embd, 1, &layer->out_bias);
}

/* gate and up of a feed-forward, stacked; fused in one tensor in some files. */
static enum hn_status bind_ffn(struct binder *b, size_t i, struct hn_layer *layer)
{
    static const char *const apart[] = {"ffn_gate", "ffn_up"};
    static const char *const down[] = {"ffn_down"};
    const struct hn_config *c = b->config;
    const size_t rows[] = {c->n_ff, c->n_ff}, all[] = {2 * c->n_ff};
    if (!c->n_ff)
        return hn_fail(b->to.err, HN_E_FORMAT,
                       "layer %zu has no experts, and the file does not say "
                       "how wide its feed-forward is",
                       i);
    const bool is_fused = !hn_bind_find(&b->to, "blk.%zu.ffn_gate.weight", i);
    HN_TRY(hn_bind_matrix(&b->to, i, apart + is_fused, is_fused ? all : rows, 2 - is_fused,
                          c->n_embd, &layer->gate_up));
    HN_TRY(hn_bind_biases(&b->to, i, apart + is_fused, is_fused ? all : rows, 2 - is_fused,
                          &layer->gate_up_bias));
    HN_TRY(hn_bind_one(&b->to, i, down[0], c->n_embd, c->n_ff, &layer->down));
    return hn_bind_biases(&b->to, i, down, &c->n_embd, 1, &layer->down_bias);
}

/* Expert e's matrix: a slice of the stacked tensor, or one of its own in files from before 2024. */
static enum hn_status expert_part(struct binder *b, size_t i, const char *stem, size_t e,
                                  size_t rows, size_t cols, struct hn_tensor *out)
{
    const struct hn_tensor *t = hn_bind_find(&b->to, "blk.%zu.%s.%zu.weight", i, stem, e);
    if (t) {
        *out = *t;
        return hn_bind_check(&b->to, t, cols, rows, 1);
    }
    t = hn_bind_find(&b->to, "blk.%zu.%s_exps.weight", i, stem);
    if (!t) return hn_bind_missing(&b->to);
    HN_TRY(hn_bind_check(&b->to, t, cols, rows, b->config->n_experts));
    *out = *t;
    out->n_dims = 2;
    out->ne[2] = 1;
    out->bytes = t->bytes / b->config->n_experts;
    out->data = (const char *)t->data + e * out->bytes;
    return HN_OK;
}

static enum hn_status bind_expert(struct binder *b, size_t i, size_t e, struct hn_matrix *gate_up,
                                  struct hn_matrix *down)
{
    const struct hn_config *c = b->config;
    struct hn_tensor gate, up, out;
    HN_TRY(expert_part(b, i, "ffn_gate", e, c->n_ff_expert, c->n_embd, &gate));
    HN_TRY(expert_part(b, i, "ffn_up", e, c->n_ff_expert, c->n_embd, &up));
    HN_TRY(expert_part(b, i, "ffn_down", e, c->n_embd, c->n_ff_expert, &out));
    const struct hn_tensor *two[] = {&gate, &up}, *one[] = {&out};
    HN_TRY(hn_bind_parts(&b->to, two, 2, c->n_experts_used, c->n_experts, gate_up));
    return hn_bind_parts(&b->to, one, 1, c->n_experts_used, c->n_experts, down);
}

/* The experts' biases, [n_experts][rows of all parts]; NULL when there are none. */
static enum hn_status take_expert_biases(struct binder *b, size_t i, const char *const *stems,
                                         size_t rows, size_t n_parts, const float **out)
{
    void *memory;
    const size_t n = b->config->n_experts;
    const struct hn_tensor *parts[2] = {NULL};
    for (size_t p = 0; p < n_parts; p++) {
        parts[p] = hn_bind_find(&b->to, "blk.%zu.%s_exps.bias", i, stems[p]);
        if (!parts[p] && p == 0) return HN_OK;
        if (!parts[p]) return hn_bind_missing(&b->to);
        HN_TRY(hn_bind_check(&b->to, parts[p], rows, n, 1));
        if (parts[p]->type != HN_F32)
            return hn_fail(b->to.err, HN_E_UNSUPPORTED, "tensor %s is not F32", b->to.name);
    }
    HN_TRY(hn_bind_room(&b->to, n * n_parts * rows * sizeof(float), &memory));
    *out = memory;
    float *dst = memory;
    for (size_t e = 0; e < n && dst; e++)
        for (size_t p = 0; p < n_parts; p++, dst += rows)
            hn_decode(HN_F32, (const char *)parts[p]->data + e * rows * sizeof(float), dst, rows);
    return HN_OK;
}

static enum hn_status bind_shared(struct binder *b, size_t i, struct hn_layer *layer)
{
    static const char *const stems[] = {"ffn_gate_shexp", "ffn_up_shexp"};
    const struct hn_config *c = b->config;
    if (!hn_bind_find(&b->to, "blk.%zu.ffn_gate_shexp.weight", i)) return HN_OK;
    if (!c->n_ff_shared)
        return hn_fail(b->to.err, HN_E_FORMAT,
                       "tensor %s: the file does not say how wide the shared "
                       "expert is",
                       b->to.name);
    const size_t rows[] = {c->n_ff_shared, c->n_ff_shared};
    HN_TRY(hn_bind_matrix(&b->to, i, stems, rows, 2, c->n_embd, &layer->shared_gate_up));
    HN_TRY(
        hn_bind_one(&b->to, i, "ffn_down_shexp", c->n_embd, c->n_ff_shared, &layer->shared_down));
    const struct hn_tensor *t = hn_bind_find(&b->to, "blk.%zu.ffn_gate_inp_shexp.weight", i);
    if (!t) return hn_bind_missing(&b->to);
    HN_TRY(hn_bind_check(&b->to, t, c->n_embd, 1, 1));
    return hn_bind_parts(&b->to, &t, 1, 1, 1, &layer->shared_router);
}

static enum hn_status bind_experts(struct binder *b, size_t i, struct hn_layer *layer)
{
    static const char *const gate_up[] = {"ffn_gate", "ffn_up"}, *const down[] = {"ffn_down"};
    static const char *const router[] = {"ffn_gate_inp"};
    const struct hn_config *c = b->config;
    struct hn_matrix *matrices = NULL;
    if (b->to.backend) {
        matrices = hn_arena_alloc(b->to.arena, 2 * c->n_experts, sizeof *matrices);
        if (!matrices)
            return hn_fail_nomem(b->to.err, "experts", 2 * c->n_experts * sizeof *matrices);
    }
    HN_TRY(hn_bind_one(&b->to, i, router[0], c->n_experts, c->n_embd, &layer->router));
    HN_TRY(hn_bind_biases(&b->to, i, router, &c->n_experts, 1, &layer->router_bias));
    struct hn_experts *experts = &layer->experts;
    *experts = (struct hn_experts){
        .gate_up = matrices,
        .down = matrices ? matrices + c->n_experts : NULL,
        .n_experts = c->n_experts,
        .n_used = c->n_experts_used,
        .n_ff = c->n_ff_expert,
        .n_embd = c->n_embd,
        .glu = c->family->glu,
        .renormalise = !(c->family->flags & HN_FAMILY_RAW_EXPERTS),
    };
    for (size_t e = 0; e < c->n_experts; e++)
        HN_TRY(bind_expert(b, i, e, matrices ? matrices + e : NULL,
                           matrices ? matrices + c->n_experts + e : NULL));
    HN_TRY(take_expert_biases(b, i, gate_up, c->n_ff_expert, 2, &experts->gate_up_bias));
    HN_TRY(take_expert_biases(b, i, down, c->n_embd, 1, &experts->down_bias));
    return bind_shared(b, i, layer);
}

static enum hn_status bind_layer(struct binder *b, size_t i, struct hn_layer *layer)
{
    const size_t n = b->config->n_embd;
    const bool post_is_ffn = b->config->family->flags & HN_FAMILY_POST_IS_FFN;
    /* A norm before may be left out where there is one after. */
    const bool has_post_attn =
        !post_is_ffn && hn_bind_find(&b->to, "blk.%zu.post_attention_norm.weight", i);
    const bool has_post_ffn = hn_bind_find(&b->to, "blk.%zu.post_ffw_norm.weight", i);
    HN_TRY(hn_bind_vector(&b->to, i, "attn_norm.weight", n, has_post_attn, &layer->attn_norm));
    HN_TRY(bind_attention(b, i, layer));
    HN_TRY(hn_bind_vector(&b->to, i, "post_attention_norm.weight", n, !post_is_ffn,
                          post_is_ffn ? &layer->ffn_norm : &layer->post_attn_norm));
    if (!post_is_ffn)
        HN_TRY(hn_bind_vector(&b->to, i, "ffn_norm.weight", n, has_post_ffn, &layer->ffn_norm));
    HN_TRY(hn_bind_vector(&b->to, i, "post_ffw_norm.weight", n, true, &layer->post_ffn_norm));
    if (b->config->n_experts && hn_bind_find(&b->to, "blk.%zu.ffn_gate_inp.weight", i))
        return bind_experts(b, i, layer);
    return bind_ffn(b, i, layer);
}

/* --- the whole --------------------------------------------------------------------------------- */

static enum hn_status bind_factors(struct binder *b, size_t context, const float **out)
{
    const size_t half = b->config->dim_rope / 2;
    const struct hn_tensor *t = hn_bind_find(&b->to, "rope_freqs.weight");
    /* Longrope has one set for contexts up to the original one and one for longer ones. Which holds
     * is settled by the context the model is loaded with, so that a result never depends on how far
     * a text has come. */
    if (!t && context > b->config->rope.original)
        t = hn_bind_find(&b->to, "rope_factors_long.weight");
    else if (!t) t = hn_bind_find(&b->to, "rope_factors_short.weight");
    if (!t) return HN_OK;
    HN_TRY(hn_bind_check(&b->to, t, half, 1, 1));
    if (!b->to.backend) return HN_OK;
    float *factors = hn_arena_alloc(b->to.arena, half, sizeof *factors);
    if (!factors) return hn_fail_nomem(b->to.err, "rope factors", half * sizeof *factors);
    hn_decode(t->type, t->data, factors, half);
    for (size_t i = 0; i < half; i++)
        if (!(factors[i] > 0))
            return hn_fail(b->to.err, HN_E_FORMAT, "tensor %.*s: factor %zu is %g", HN_FMT(t->name),
                           i, (double)factors[i]);
    *out = factors;
    return HN_OK;
}

static enum hn_status bind_all(struct binder *b, size_t context, struct hn_decoder_weights *w)
{
    const struct hn_config *c = b->config;
    void *memory;
    w->embd = hn_bind_find(&b->to, "token_embd.weight"); /* checked with the configuration */
    HN_TRY(bind_factors(b, context, &w->rope_factors));
    for (size_t i = 0; i < c->n_layers; i++) {
        struct hn_layer counted = {0};
        HN_TRY(bind_layer(b, i, w->layers ? &w->layers[i] : &counted));
    }
    const struct hn_tensor *t = hn_bind_find(&b->to, "output_norm.weight");
    if (!t) return hn_bind_missing(&b->to);
    HN_TRY(hn_bind_check(&b->to, t, c->n_embd, 1, 1));
    HN_TRY(hn_bind_room(&b->to, c->n_embd * sizeof(float), &memory));
    hn_bind_decode(t, memory);
    w->final_norm = memory;

    t = hn_bind_find(&b->to, "output.weight");
    if (!t) t = w->embd; /* tied */
    HN_TRY(hn_bind_check(&b->to, t, c->n_embd, c->n_vocab, 1));
    b->to.size.head_type = t->type;
    return hn_bind_parts(&b->to, &t, 1, 1, 1, &w->head);
}

enum hn_status hn_decoder_weights_measure(const struct hn_gguf *file,
                                          const struct hn_config *config,
                                          const struct hn_backend_ops *ops,
                                          struct hn_weights_size *out, struct hn_error *err)
{
    struct binder b = {.to = {.file = file, .ops = ops, .err = err}, .config = config};
    struct hn_decoder_weights w = {0};
    HN_TRY(bind_all(&b, 0, &w));
    *out = b.to.size;
    return HN_OK;
}

enum hn_status hn_decoder_weights_load(const struct hn_gguf *file, const struct hn_config *config,
                                       struct hn_backend *backend, size_t context,
                                       const struct hn_weights_size *size, void *memory,
                                       struct hn_arena *arena,
                                       const struct hn_load_progress *progress,
                                       struct hn_decoder_weights *out, struct hn_error *err)
{
    struct binder b = {
        .to = {.file = file,
               .ops = backend->ops,
               .backend = backend,
               .memory = memory,
               .arena = arena,
               .progress = progress,
               .expected = size->bytes,
               .err = err},
        .config = config,
    };
    *out = (struct hn_decoder_weights){0};
    out->layers = hn_arena_alloc(arena, config->n_layers, sizeof *out->layers);
    if (!out->layers) return hn_fail_nomem(err, "layers", config->n_layers * sizeof *out->layers);
    return bind_all(&b, context, out);
}
