#include "model/decoder_weights.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/bits.h"
#include "tensor/codec.h"

/* One walk over all weights serves twice: without memory it checks and counts, with it, it packs. */
struct binder {
    const struct hn_gguf *file;
    const struct hn_config *config;
    const struct hn_backend_ops *ops;
    struct hn_backend *backend; /* NULL: only count */
    unsigned char *memory;
    struct hn_arena *arena;
    const struct hn_load_progress *progress;
    struct hn_weights_size size; /* so far */
    size_t expected;             /* bytes in all, for the progress */
    struct hn_error *err;
    char name[96]; /* of the tensor last looked up */
};

__attribute__((format(printf, 2, 3))) static const struct hn_tensor *find(struct binder *b,
                                                                          const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(b->name, sizeof b->name, fmt, args);
    va_end(args);
    return hn_weights_find(&b->file->weights, hn_str_from(b->name));
}

static enum hn_status missing(struct binder *b)
{
    return hn_fail(b->err, HN_E_NOTFOUND, "tensor %s is missing", b->name);
}

static enum hn_status check_shape(struct binder *b, const struct hn_tensor *t, size_t cols,
                                  size_t rows, size_t depth)
{
    if (t->ne[0] == cols && t->ne[1] == rows && t->ne[2] == depth && t->ne[3] == 1) return HN_OK;
    return hn_fail(b->err, HN_E_FORMAT,
                   "tensor %.*s is %zu x %zu x %zu, the configuration wants %zu x %zu x %zu",
                   HN_FMT(t->name), t->ne[0], t->ne[1], t->ne[2], cols, rows, depth);
}

/* Room in the model's memory, counted and, while packing, returned. */
static enum hn_status take(struct binder *b, size_t bytes, void **out)
{
    *out = b->backend ? b->memory + b->size.bytes : NULL;
    if (bytes > SIZE_MAX / 4 || !hn_add(b->size.bytes, hn_round_up(bytes, 64), &b->size.bytes))
        return hn_fail(b->err, HN_E_LIMIT, "tensor %s: too large", b->name);
    return HN_OK;
}

/* --- vectors ----------------------------------------------------------------------------------- */

/* Decodes t into part of a vector. `dst` NULL: nothing to do yet. */
static void decode(const struct hn_tensor *t, float *dst)
{
    if (dst) hn_decode(t->type, t->data, dst, hn_tensor_elements(t));
}

/* "blk.N.STEM" of `n` elements; *out stays NULL when an optional one is not there. */
static enum hn_status take_vector(struct binder *b, size_t layer, const char *stem, size_t n,
                                  bool optional, const float **out)
{
    void *memory;
    const struct hn_tensor *t = find(b, "blk.%zu.%s", layer, stem);
    if (!t) return optional ? HN_OK : missing(b);
    if (hn_tensor_elements(t) != n) return check_shape(b, t, n, 1, 1);
    HN_TRY(take(b, n * sizeof(float), &memory));
    decode(t, memory);
    *out = memory;
    return HN_OK;
}

/* The biases of stacked matrices: absent ones count as zeros, NULL when all are absent. */
static enum hn_status take_biases(struct binder *b, size_t layer, const char *const *stems,
                                  const size_t *rows, size_t n_parts, const float **out)
{
    void *memory;
    size_t all = 0, found = 0;
    for (size_t i = 0; i < n_parts; i++) {
        const struct hn_tensor *t = find(b, "blk.%zu.%s.bias", layer, stems[i]);
        all += rows[i];
        if (!t) continue;
        HN_TRY(check_shape(b, t, rows[i], 1, 1));
        found++;
    }
    if (!found) return HN_OK;
    HN_TRY(take(b, all * sizeof(float), &memory));
    *out = memory;
    float *dst = memory;
    for (size_t i = 0; i < n_parts && dst; dst += rows[i++]) {
        const struct hn_tensor *t = find(b, "blk.%zu.%s.bias", layer, stems[i]);
        if (t) decode(t, dst);
    }
    return HN_OK;
}

/* --- matrices ---------------------------------------------------------------------------------- */

static enum hn_status report(struct binder *b)
{
    if (!b->backend || !b->progress) return HN_OK;
    if (b->progress->step(b->progress->ctx, b->size.bytes, b->expected)) return HN_OK;
    return hn_fail(b->err, HN_E_CANCELLED, "loading was stopped");
}

/* Packs parts that were found and checked. `share` of it is read for each token: `used` of `all`. */
static enum hn_status take_parts(struct binder *b, const struct hn_tensor *const *parts,
                                 size_t n_parts, size_t used, size_t all, struct hn_matrix *out)
{
    void *memory;
    size_t bytes = 0;
    for (size_t i = 0; i < n_parts; i++) {
        const size_t part = b->ops->matrix_bytes(parts[i]->type, parts[i]->ne[1], parts[i]->ne[0]);
        if (part > SIZE_MAX / 8 || !hn_add(bytes, part, &bytes))
            return hn_fail(b->err, HN_E_LIMIT, "tensor %.*s: too large", HN_FMT(parts[i]->name));
        b->size.macs[parts[i]->type] +=
            (double)parts[i]->ne[0] * (double)parts[i]->ne[1] * (double)used / (double)all;
    }
    HN_TRY(take(b, bytes, &memory));
    b->size.read_bytes += bytes / all * used;
    if (!b->backend) return HN_OK;
    HN_TRY(b->ops->matrix_pack(b->backend, out, parts, n_parts, memory, b->err));
    return report(b);
}

/* Stacks "blk.N.STEM.weight" of rows[i] rows each. */
static enum hn_status take_matrix(struct binder *b, size_t layer, const char *const *stems,
                                  const size_t *rows, size_t n_parts, size_t cols,
                                  struct hn_matrix *out)
{
    const struct hn_tensor *parts[HN_MATRIX_PARTS];
    for (size_t i = 0; i < n_parts; i++) {
        parts[i] = find(b, "blk.%zu.%s.weight", layer, stems[i]);
        if (!parts[i]) return missing(b);
        HN_TRY(check_shape(b, parts[i], cols, rows[i], 1));
    }
    return take_parts(b, parts, n_parts, 1, 1, out);
}

static enum hn_status take_one(struct binder *b, size_t layer, const char *stem, size_t rows,
                               size_t cols, struct hn_matrix *out)
{
    return take_matrix(b, layer, &stem, &rows, 1, cols, out);
}

/* --- layers ------------------------------------------------------------------------------------ */

static enum hn_status bind_attention(struct binder *b, size_t i, struct hn_layer *layer)
{
    static const char *const apart[] = {"attn_q", "attn_k", "attn_v"};
    static const char *const fused[] = {"attn_qkv"};
    const struct hn_config *c = b->config;
    const size_t q = c->n_heads * c->dim_k, k = c->n_kv_heads * c->dim_k;
    const size_t v = c->n_kv_heads * c->dim_v;
    const size_t rows[] = {q, k, v}, all[] = {q + k + v};
    const bool is_fused = find(b, "blk.%zu.attn_qkv.weight", i) != NULL;
    HN_TRY(take_matrix(b, i, is_fused ? fused : apart, is_fused ? all : rows, is_fused ? 1 : 3,
                       c->n_embd, &layer->qkv));
    HN_TRY(take_biases(b, i, is_fused ? fused : apart, is_fused ? all : rows, is_fused ? 1 : 3,
                       &layer->qkv_bias));

    const struct hn_tensor *norm = find(b, "blk.%zu.attn_q_norm.weight", i);
    if (norm) {
        const bool per_head = hn_tensor_elements(norm) == c->dim_k;
        layer->norm_len = per_head ? c->dim_k : q;
        HN_TRY(take_vector(b, i, "attn_q_norm.weight", layer->norm_len, false, &layer->q_norm));
        HN_TRY(take_vector(b, i, "attn_k_norm.weight", per_head ? c->dim_k : k, false,
                           &layer->k_norm));
    }
    HN_TRY(take_vector(b, i, "attn_sinks.weight", c->n_heads, true, &layer->sinks));

    static const char *const out[] = {"attn_output"};
    HN_TRY(take_one(b, i, out[0], c->n_embd, c->n_heads * c->dim_v, &layer->out));
    return take_biases(b, i, out, &c->n_embd, 1, &layer->out_bias);
}

/* gate and up of a feed-forward, stacked; fused in one tensor in some files. */
static enum hn_status bind_ffn(struct binder *b, size_t i, struct hn_layer *layer)
{
    static const char *const apart[] = {"ffn_gate", "ffn_up"};
    static const char *const down[] = {"ffn_down"};
    const struct hn_config *c = b->config;
    const size_t rows[] = {c->n_ff, c->n_ff}, all[] = {2 * c->n_ff};
    if (!c->n_ff)
        return hn_fail(b->err, HN_E_FORMAT,
                       "layer %zu has no experts, and the file does not say "
                       "how wide its feed-forward is",
                       i);
    const bool is_fused = !find(b, "blk.%zu.ffn_gate.weight", i);
    HN_TRY(take_matrix(b, i, apart + is_fused, is_fused ? all : rows, 2 - is_fused, c->n_embd,
                       &layer->gate_up));
    HN_TRY(take_biases(b, i, apart + is_fused, is_fused ? all : rows, 2 - is_fused,
                       &layer->gate_up_bias));
    HN_TRY(take_one(b, i, down[0], c->n_embd, c->n_ff, &layer->down));
    return take_biases(b, i, down, &c->n_embd, 1, &layer->down_bias);
}

/* Expert e's matrix: a slice of the stacked tensor, or one of its own in files from before 2024. */
static enum hn_status expert_part(struct binder *b, size_t i, const char *stem, size_t e,
                                  size_t rows, size_t cols, struct hn_tensor *out)
{
    const struct hn_tensor *t = find(b, "blk.%zu.%s.%zu.weight", i, stem, e);
    if (t) {
        *out = *t;
        return check_shape(b, t, cols, rows, 1);
    }
    t = find(b, "blk.%zu.%s_exps.weight", i, stem);
    if (!t) return missing(b);
    HN_TRY(check_shape(b, t, cols, rows, b->config->n_experts));
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
    HN_TRY(take_parts(b, two, 2, c->n_experts_used, c->n_experts, gate_up));
    return take_parts(b, one, 1, c->n_experts_used, c->n_experts, down);
}

/* The experts' biases, [n_experts][rows of all parts]; NULL when there are none. */
static enum hn_status take_expert_biases(struct binder *b, size_t i, const char *const *stems,
                                         size_t rows, size_t n_parts, const float **out)
{
    void *memory;
    const size_t n = b->config->n_experts;
    const struct hn_tensor *parts[2] = {NULL};
    for (size_t p = 0; p < n_parts; p++) {
        parts[p] = find(b, "blk.%zu.%s_exps.bias", i, stems[p]);
        if (!parts[p] && p == 0) return HN_OK;
        if (!parts[p]) return missing(b);
        HN_TRY(check_shape(b, parts[p], rows, n, 1));
        if (parts[p]->type != HN_F32)
            return hn_fail(b->err, HN_E_UNSUPPORTED, "tensor %s is not F32", b->name);
    }
    HN_TRY(take(b, n * n_parts * rows * sizeof(float), &memory));
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
    if (!find(b, "blk.%zu.ffn_gate_shexp.weight", i)) return HN_OK;
    if (!c->n_ff_shared)
        return hn_fail(b->err, HN_E_FORMAT,
                       "tensor %s: the file does not say how wide the shared "
                       "expert is",
                       b->name);
    const size_t rows[] = {c->n_ff_shared, c->n_ff_shared};
    HN_TRY(take_matrix(b, i, stems, rows, 2, c->n_embd, &layer->shared_gate_up));
    HN_TRY(take_one(b, i, "ffn_down_shexp", c->n_embd, c->n_ff_shared, &layer->shared_down));
    const struct hn_tensor *t = find(b, "blk.%zu.ffn_gate_inp_shexp.weight", i);
    if (!t) return missing(b);
    HN_TRY(check_shape(b, t, c->n_embd, 1, 1));
    return take_parts(b, &t, 1, 1, 1, &layer->shared_router);
}

static enum hn_status bind_experts(struct binder *b, size_t i, struct hn_layer *layer)
{
    static const char *const gate_up[] = {"ffn_gate", "ffn_up"}, *const down[] = {"ffn_down"};
    static const char *const router[] = {"ffn_gate_inp"};
    const struct hn_config *c = b->config;
    struct hn_matrix *matrices = NULL;
    if (b->backend) {
        matrices = hn_arena_alloc(b->arena, 2 * c->n_experts, sizeof *matrices);
        if (!matrices) return hn_fail_nomem(b->err, "experts", 2 * c->n_experts * sizeof *matrices);
    }
    HN_TRY(take_one(b, i, router[0], c->n_experts, c->n_embd, &layer->router));
    HN_TRY(take_biases(b, i, router, &c->n_experts, 1, &layer->router_bias));
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
    const bool has_post_attn = !post_is_ffn && find(b, "blk.%zu.post_attention_norm.weight", i);
    const bool has_post_ffn = find(b, "blk.%zu.post_ffw_norm.weight", i);
    HN_TRY(take_vector(b, i, "attn_norm.weight", n, has_post_attn, &layer->attn_norm));
    HN_TRY(bind_attention(b, i, layer));
    HN_TRY(take_vector(b, i, "post_attention_norm.weight", n, !post_is_ffn,
                       post_is_ffn ? &layer->ffn_norm : &layer->post_attn_norm));
    if (!post_is_ffn)
        HN_TRY(take_vector(b, i, "ffn_norm.weight", n, has_post_ffn, &layer->ffn_norm));
    HN_TRY(take_vector(b, i, "post_ffw_norm.weight", n, true, &layer->post_ffn_norm));
    if (b->config->n_experts && find(b, "blk.%zu.ffn_gate_inp.weight", i))
        return bind_experts(b, i, layer);
    return bind_ffn(b, i, layer);
}

/* --- the whole --------------------------------------------------------------------------------- */

static enum hn_status bind_factors(struct binder *b, size_t context, const float **out)
{
    const size_t half = b->config->dim_rope / 2;
    const struct hn_tensor *t = find(b, "rope_freqs.weight");
    /* Longrope has one set for contexts up to the original one and one for longer ones. Which holds
     * is settled by the context the model is loaded with, so that a result never depends on how far
     * a text has come. */
    if (!t && context > b->config->rope.original) t = find(b, "rope_factors_long.weight");
    else if (!t) t = find(b, "rope_factors_short.weight");
    if (!t) return HN_OK;
    HN_TRY(check_shape(b, t, half, 1, 1));
    if (!b->backend) return HN_OK;
    float *factors = hn_arena_alloc(b->arena, half, sizeof *factors);
    if (!factors) return hn_fail_nomem(b->err, "rope factors", half * sizeof *factors);
    hn_decode(t->type, t->data, factors, half);
    for (size_t i = 0; i < half; i++)
        if (!(factors[i] > 0))
            return hn_fail(b->err, HN_E_FORMAT, "tensor %.*s: factor %zu is %g", HN_FMT(t->name), i,
                           (double)factors[i]);
    *out = factors;
    return HN_OK;
}

static enum hn_status bind_all(struct binder *b, size_t context, struct hn_decoder_weights *w)
{
    const struct hn_config *c = b->config;
    void *memory;
    w->embd = find(b, "token_embd.weight"); /* checked with the configuration */
    HN_TRY(bind_factors(b, context, &w->rope_factors));
    for (size_t i = 0; i < c->n_layers; i++) {
        struct hn_layer counted = {0};
        HN_TRY(bind_layer(b, i, w->layers ? &w->layers[i] : &counted));
    }
    const struct hn_tensor *t = find(b, "output_norm.weight");
    if (!t) return missing(b);
    HN_TRY(check_shape(b, t, c->n_embd, 1, 1));
    HN_TRY(take(b, c->n_embd * sizeof(float), &memory));
    decode(t, memory);
    w->final_norm = memory;

    t = find(b, "output.weight");
    if (!t) t = w->embd; /* tied */
    HN_TRY(check_shape(b, t, c->n_embd, c->n_vocab, 1));
    b->size.head_type = t->type;
    return take_parts(b, &t, 1, 1, 1, &w->head);
}

enum hn_status hn_decoder_weights_measure(const struct hn_gguf *file,
                                          const struct hn_config *config,
                                          const struct hn_backend_ops *ops,
                                          struct hn_weights_size *out, struct hn_error *err)
{
    struct binder b = {.file = file, .config = config, .ops = ops, .err = err};
    struct hn_decoder_weights w = {0};
    HN_TRY(bind_all(&b, 0, &w));
    *out = b.size;
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
        .file = file,
        .config = config,
        .ops = backend->ops,
        .backend = backend,
        .memory = memory,
        .arena = arena,
        .progress = progress,
        .expected = size->bytes,
        .err = err,
    };
    *out = (struct hn_decoder_weights){0};
    out->layers = hn_arena_alloc(arena, config->n_layers, sizeof *out->layers);
    if (!out->layers) return hn_fail_nomem(err, "layers", config->n_layers * sizeof *out->layers);
    return bind_all(&b, context, out);
}
