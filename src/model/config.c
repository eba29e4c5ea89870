#include "model/config.h"

#include <math.h>
#include <stdio.h>

#include "base/bits.h"
#include "model/encoder_config.h"
#include "model/reader.h"

static enum hn_status read_scaling_type(struct hn_reader *r, struct hn_rope_config *rope)
{
    static const char *const names[] = {"none", "linear", "yarn", "longrope"};
    struct hn_str name = HN_STR("linear");
    const enum hn_status status =
        hn_meta_text(r->meta, hn_read_key(r, "rope.scaling.type"), &name, r->err);
    if (status < 0 && status != HN_E_NOTFOUND) return status;
    for (size_t i = 0; i < HN_COUNT(names); i++) {
        if (!hn_str_is(name, names[i])) continue;
        rope->scaling = (enum hn_rope_scaling)i;
        return HN_OK;
    }
    return hn_fail(r->err, HN_E_UNSUPPORTED, "key %s: rope scaling \"%.*s\" is not supported",
                   r->key, HN_FMT(name));
}

static enum hn_status read_rope(struct hn_reader *r, struct hn_config *c)
{
    struct hn_rope_config *rope = &c->rope;
    size_t original = 0;
    *rope = (struct hn_rope_config){
        .base = 10000, .factor = 1, .attn_factor = 1, .beta_fast = 32, .beta_slow = 1};
    HN_TRY(read_scaling_type(r, rope));
    HN_TRY(hn_read_real(r, "rope.freq_base", 1, 1e12f, &rope->base));
    HN_TRY(hn_read_real(r, "rope.scale_linear", 1e-6f, 1e6f, &rope->factor)); /* old files' name */
    HN_TRY(hn_read_real(r, "rope.scaling.factor", 1e-6f, 1e6f, &rope->factor));
    HN_TRY(hn_read_real(r, "rope.scaling.attn_factor", 1e-6f, 1e6f, &rope->attn_factor));
    HN_TRY(hn_read_real(r, "rope.scaling.yarn_beta_fast", 1e-6f, 1e6f, &rope->beta_fast));
    HN_TRY(hn_read_real(r, "rope.scaling.yarn_beta_slow", 1e-6f, 1e6f, &rope->beta_slow));
    HN_TRY(hn_read_count(r, "rope.scaling.original_context_length", HN_MAX_CONTEXT, c->n_context,
                         &original));
    rope->original = (uint32_t)original;
    if (rope->scaling == HN_ROPE_NONE) rope->factor = 1;

    c->rope_local = *rope;
    if (!(c->family->flags & HN_FAMILY_LOCAL_ROPE)) return HN_OK;
    c->rope_local = (struct hn_rope_config){.base = 10000, .factor = 1, .attn_factor = 1};
    return hn_read_real(r, "rope.freq_base_swa", 1, 1e12f, &c->rope_local.base);
}

static enum hn_status read_heads(struct hn_reader *r, struct hn_config *c)
{
    HN_TRY(hn_read_count(r, "attention.head_count", HN_MAX_HEADS, 0, &c->n_heads));
    HN_TRY(hn_read_count(r, "attention.head_count_kv", HN_MAX_HEADS, c->n_heads, &c->n_kv_heads));
    if (c->n_heads % c->n_kv_heads)
        return hn_fail(r->err, HN_E_FORMAT, "%zu query heads cannot share %zu key heads evenly",
                       c->n_heads, c->n_kv_heads);
    const size_t dim = c->n_embd / c->n_heads;
    if (!dim)
        return hn_fail(r->err, HN_E_FORMAT, "%zu heads in an embedding of %zu", c->n_heads,
                       c->n_embd);
    HN_TRY(hn_read_count(r, "attention.key_length", HN_HEAD_DIM_MAX, dim, &c->dim_k));
    HN_TRY(hn_read_count(r, "attention.value_length", HN_HEAD_DIM_MAX, dim, &c->dim_v));
    HN_TRY(hn_read_count(r, "rope.dimension_count", c->dim_k, c->dim_k, &c->dim_rope));
    if (c->dim_k > HN_HEAD_DIM_MAX || c->dim_v > HN_HEAD_DIM_MAX || c->dim_rope % 2)
        return hn_fail(r->err, HN_E_LIMIT,
                       "heads of %zu (keys) and %zu (values), %zu of them rotated: at most %d are "
                       "supported, rotated in pairs",
                       c->dim_k, c->dim_v, c->dim_rope, HN_HEAD_DIM_MAX);
    if (c->n_heads * c->dim_k > HN_MAX_WIDTH || c->n_heads * c->dim_v > HN_MAX_WIDTH)
        return hn_fail(r->err, HN_E_LIMIT, "%zu heads of %zu are more than %d wide", c->n_heads,
                       c->dim_k, HN_MAX_WIDTH);
    return HN_OK;
}

static enum hn_status read_ffn(struct hn_reader *r, struct hn_config *c)
{
    HN_TRY(hn_read_optional(r, "expert_count", HN_MAX_EXPERTS, &c->n_experts));
    HN_TRY(hn_read_optional(r, "feed_forward_length", HN_MAX_WIDTH, &c->n_ff));
    if (!c->n_experts) {
        if (!c->n_ff)
            return hn_fail(r->err, HN_E_FORMAT, "key %s is missing or 0",
                           hn_read_key(r, "feed_forward_length").p);
        return HN_OK;
    }
    const size_t limit = hn_min(c->n_experts, HN_MAX_EXPERTS_USED);
    HN_TRY(hn_read_count(r, "expert_used_count", limit, 0, &c->n_experts_used));
    HN_TRY(hn_read_count(r, "expert_feed_forward_length", HN_MAX_WIDTH, c->n_ff, &c->n_ff_expert));
    return hn_read_optional(r, "expert_shared_feed_forward_length", HN_MAX_WIDTH, &c->n_ff_shared);
}

/* The numbers that multiply or bound activations. */
static enum hn_status read_scales(struct hn_reader *r, struct hn_config *c)
{
    const unsigned flags = c->family->flags;
    c->eps = 0;
    HN_TRY(hn_read_real(r, "attention.layer_norm_rms_epsilon", 0, 1, &c->eps));
    if (!(c->eps > 0)) return hn_fail(r->err, HN_E_FORMAT, "key %s is missing or 0", r->key);

    const size_t wide = c->family->wide_scale_layers;
    const size_t dim = wide && c->n_layers == wide ? c->n_embd / c->n_heads : c->dim_k;
    c->attn_scale = 1 / sqrtf((float)dim);
    HN_TRY(hn_read_real(r, "attention.scale", 1e-9f, 1e6f, &c->attn_scale));
    if (flags & HN_FAMILY_ATTN_SOFTCAP)
        HN_TRY(hn_read_real(r, "attn_logit_softcapping", 0, 1e6f, &c->attn_softcap));
    HN_TRY(hn_read_real(r, "final_logit_softcapping", 0, 1e6f, &c->logit_softcap));

    c->embd_scale = flags & HN_FAMILY_EMBD_SQRT ? sqrtf((float)c->n_embd) : 1;
    HN_TRY(hn_read_real(r, "embedding_scale", 1e-9f, 1e9f, &c->embd_scale));
    c->residual_scale = 1;
    HN_TRY(hn_read_real(r, "residual_scale", 1e-9f, 1e9f, &c->residual_scale));
    float divisor = 1;
    HN_TRY(hn_read_real(r, "logit_scale", 1e-9f, 1e9f, &divisor));
    c->logit_scale = 1 / divisor;
    return HN_OK;
}

/* The vocabulary is as large as the table of embeddings, whatever the keys say. */
static enum hn_status read_vocab(const struct hn_gguf *file, struct hn_config *c,
                                 struct hn_error *err)
{
    const struct hn_tensor *embd = hn_weights_find(&file->weights, HN_STR("token_embd.weight"));
    if (!embd)
        return hn_fail(err, HN_E_NOTFOUND,
                       "tensor token_embd.weight is missing: the file has no weights to run");
    if (embd->n_dims != 2 || embd->ne[0] != c->n_embd || embd->ne[1] > HN_MAX_VOCAB || !embd->ne[1])
        return hn_fail(err, HN_E_FORMAT,
                       "tensor token_embd.weight is %zu x %zu, the embedding has %zu elements",
                       embd->ne[0], embd->ne[1], c->n_embd);
    c->n_vocab = embd->ne[1];
    return HN_OK;
}

static enum hn_status find_family(const struct hn_meta *meta, struct hn_str *arch,
                                  const struct hn_family **out, struct hn_error *err)
{
    const enum hn_status status = hn_meta_text(meta, HN_STR("general.architecture"), arch, err);
    if (status == HN_E_NOTFOUND)
        return hn_fail(err, HN_E_FORMAT, "key general.architecture is missing");
    HN_TRY(status);
    *out = hn_family_find(*arch);
    if (*out) return HN_OK;
    if (hn_encoder_family_find(*arch))
        return hn_fail(err, HN_E_UNSUPPORTED,
                       "architecture %.*s writes no text: it is an encoder, for hence embed and "
                       "hence rerank",
                       HN_FMT(*arch));
    char known[256] = "";
    size_t n, used = 0;
    const struct hn_family *rows = hn_family_rows(&n);
    for (size_t i = 0; i < n && used < sizeof known; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, " %s", rows[i].arch);
    return hn_fail(err, HN_E_UNSUPPORTED, "architecture %.*s is not supported (there are:%s)",
                   HN_FMT(*arch), known);
}

enum hn_status hn_config_read(const struct hn_gguf *file, struct hn_config *out,
                              struct hn_error *err)
{
    struct hn_reader r = {.meta = &file->meta, .err = err};
    *out = (struct hn_config){0};
    HN_TRY(find_family(&file->meta, &r.arch, &out->family, err));
    HN_TRY(hn_read_count(&r, "block_count", HN_MAX_LAYERS, 0, &out->n_layers));
    HN_TRY(hn_read_count(&r, "embedding_length", HN_MAX_WIDTH, 0, &out->n_embd));
    HN_TRY(hn_read_count(&r, "context_length", HN_MAX_CONTEXT, 0, &out->n_context));
    HN_TRY(hn_read_optional(&r, "attention.sliding_window", HN_MAX_CONTEXT, &out->window));
    HN_TRY(read_heads(&r, out));
    HN_TRY(read_ffn(&r, out));
    HN_TRY(read_scales(&r, out));
    HN_TRY(read_rope(&r, out));
    return read_vocab(file, out, err);
}

bool hn_config_has_window(const struct hn_config *config, size_t layer)
{
    const unsigned period = config->family->window_period;
    return config->window && (!period || (layer + 1) % period != 0);
}

bool hn_config_has_rope(const struct hn_config *config, size_t layer)
{
    const unsigned period = config->family->no_rope_period;
    return !period || (layer + 1) % period != 0;
}
