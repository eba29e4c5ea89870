#include "model/encoder_config.h"

#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "model/reader.h"

static const struct hn_encoder_family families[] = {
    {"bert", 0, HN_GLU_GELU}, /* also roberta, xlm-roberta, distilbert, electra */
    {"mpnet", HN_ENCODER_BUCKETS, HN_GLU_GELU},
    {"nomic-bert", HN_ENCODER_ROPE, HN_GLU_SILU}, /* also new, Alibaba's */
    {"nomic-bert-moe", HN_ENCODER_ROPE, HN_GLU_GELU},
    {"modern-bert", HN_ENCODER_ROPE | HN_ENCODER_NORM_FIRST | HN_ENCODER_LOCAL, HN_GLU_GELU},
    {"jina-bert-v2", HN_ENCODER_ALIBI, HN_GLU_GELU},
    {"qwen3", HN_ENCODER_ROPE | HN_ENCODER_NORM_FIRST | HN_ENCODER_DECODER, HN_GLU_SILU},
};

const char *const hn_pooling_names[HN_POOLINGS] = {
    "none", "mean", "cls", "last", "rank", "max", "mean_sqrt", "weighted", "several"};

const struct hn_encoder_family *hn_encoder_family_find(struct hn_str arch)
{
    for (size_t i = 0; i < HN_COUNT(families); i++)
        if (hn_str_is(arch, families[i].arch)) return &families[i];
    return NULL;
}

/* By which decoders that embed texts are told from those that write them. */
static bool says_pooling(const struct hn_gguf *file, struct hn_str arch)
{
    struct hn_reader r = {.meta = &file->meta, .arch = arch};
    uint32_t pooling = HN_POOLING_NONE;
    const enum hn_status status =
        hn_meta_u32(&file->meta, hn_read_key(&r, "pooling_type"), &pooling, NULL);
    return (status >= 0 && pooling != HN_POOLING_NONE) ||
           hn_meta_find(&file->meta, HN_STR("embedding.pooling"));
}

static enum hn_status find_family(const struct hn_gguf *file, struct hn_str *arch,
                                  const struct hn_encoder_family **out, struct hn_error *err)
{
    const enum hn_status status =
        hn_meta_text(&file->meta, HN_STR("general.architecture"), arch, err);
    if (status == HN_E_NOTFOUND)
        return hn_fail(err, HN_E_FORMAT, "key general.architecture is missing");
    HN_TRY(status);
    *out = hn_encoder_family_find(*arch);
    if (*out && (!((*out)->flags & HN_ENCODER_DECODER) || says_pooling(file, *arch))) return HN_OK;
    if (*out)
        return hn_fail(err, HN_E_UNSUPPORTED,
                       "architecture %.*s is no encoder where key %.*s.pooling_type is missing",
                       HN_FMT(*arch), HN_FMT(*arch));
    char names[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < HN_COUNT(families) && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                                 families[i].arch);
    return hn_fail(err, HN_E_UNSUPPORTED, "architecture %.*s is no encoder (those are: %s)",
                   HN_FMT(*arch), names);
}

bool hn_encoder_is(const struct hn_gguf *file)
{
    struct hn_str arch;
    const struct hn_encoder_family *family;
    return find_family(file, &arch, &family, NULL) == HN_OK;
}

enum hn_status hn_pooling_from_name(const char *name, enum hn_pooling *out, struct hn_error *err)
{
    for (size_t i = 0; i < HN_POOLING_SEVERAL; i++) {
        if (strcmp(name, hn_pooling_names[i]) != 0) continue;
        *out = (enum hn_pooling)i;
        return HN_OK;
    }
    return hn_fail(err, HN_E_ARG, "give none, mean, cls, last, max, mean_sqrt, weighted or rank");
}

bool hn_encoder_is_local(const struct hn_encoder_config *config, size_t layer)
{
    return config->window && layer % config->every != 0;
}

/* The text of a key that may be missing, which leaves *out. */
static enum hn_status read_text(struct hn_reader *r, struct hn_str key, struct hn_str *out)
{
    const enum hn_status status = hn_meta_text(r->meta, key, out, r->err);
    return status == HN_E_NOTFOUND ? HN_OK : status;
}

static enum hn_status read_sizes(struct hn_reader *r, struct hn_encoder_config *c)
{
    HN_TRY(hn_read_count(r, "block_count", HN_MAX_LAYERS, 0, &c->n_layers));
    HN_TRY(hn_read_count(r, "embedding_length", HN_MAX_WIDTH, 0, &c->n_embd));
    HN_TRY(hn_read_count(r, "context_length", HN_MAX_CONTEXT, 0, &c->n_context));
    HN_TRY(hn_read_count(r, "feed_forward_length", HN_MAX_WIDTH, 0, &c->n_ff));
    HN_TRY(hn_read_count(r, "attention.head_count", HN_MAX_HEADS, 0, &c->n_heads));
    HN_TRY(hn_read_count(r, "attention.head_count_kv", HN_MAX_HEADS, c->n_heads, &c->n_kv_heads));
    HN_TRY(hn_read_optional(r, "expert_count", HN_MAX_EXPERTS, &c->n_experts));
    HN_TRY(hn_read_optional(r, "expert_used_count", HN_MAX_EXPERTS_USED, &c->n_experts_used));
    if (c->n_experts_used > c->n_experts || (c->n_experts && !c->n_experts_used))
        return hn_fail(r->err, HN_E_FORMAT, "%zu experts of %zu are used", c->n_experts_used,
                       c->n_experts);
    c->dim = c->n_embd / c->n_heads;
    const bool own_dim = c->family->flags & HN_ENCODER_DECODER && c->dim;
    if (own_dim) HN_TRY(hn_read_count(r, "attention.key_length", HN_HEAD_DIM_MAX, c->dim, &c->dim));
    if (c->n_heads % c->n_kv_heads)
        return hn_fail(r->err, HN_E_FORMAT, "%zu heads cannot share %zu", c->n_heads,
                       c->n_kv_heads);
    if ((c->n_embd % c->n_heads && !own_dim) || !c->dim || c->dim > HN_HEAD_DIM_MAX || c->dim % 2)
        return hn_fail(r->err, HN_E_FORMAT,
                       "%zu heads in an embedding of %zu: heads of an even size up to %d are "
                       "supported",
                       c->n_heads, c->n_embd, HN_HEAD_DIM_MAX);
    return HN_OK;
}

static enum hn_status read_numbers(struct hn_reader *r, struct hn_encoder_config *c)
{
    const bool rms = c->family->flags & HN_ENCODER_DECODER;
    HN_TRY(hn_read_real(r,
                        rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon",
                        0, 1, &c->eps));
    if (!(c->eps > 0)) return hn_fail(r->err, HN_E_FORMAT, "key %s is missing or 0", r->key);
    c->alibi_max = 8;
    HN_TRY(hn_read_real(r, "attention.max_alibi_bias", 0, 64, &c->alibi_max));
    c->rope = (struct hn_rope_config){.base = 10000, .factor = 1, .attn_factor = 1};
    HN_TRY(hn_read_real(r, "rope.freq_base", 1, 1e12f, &c->rope.base));
    HN_TRY(hn_read_real(r, "rope.scaling.factor", 1e-6f, 1e6f, &c->rope.factor));
    if (c->rope.factor != 1) c->rope.scaling = HN_ROPE_LINEAR;
    struct hn_str scaling = {0};
    HN_TRY(read_text(r, hn_read_key(r, "rope.scaling.type"), &scaling));
    if (scaling.n && !hn_str_is(scaling, "none") && !hn_str_is(scaling, "linear"))
        return hn_fail(r->err, HN_E_UNSUPPORTED,
                       "key %s: %.*s is not supported for texts to vectors", r->key,
                       HN_FMT(scaling));
    if (!(c->family->flags & HN_ENCODER_LOCAL)) return HN_OK;
    c->rope_local = (struct hn_rope_config){.base = 10000, .factor = 1, .attn_factor = 1};
    HN_TRY(hn_read_real(r, "rope.freq_base_swa", 1, 1e12f, &c->rope_local.base));
    HN_TRY(hn_read_count(r, "attention.sliding_window", HN_MAX_CONTEXT, 0, &c->window));
    return hn_read_count(r, "attention.sliding_window_pattern", HN_MAX_LAYERS, 3, &c->every);
}

/* The feed-forward's function, by the names that config.json has for it; with a gate or without is told by
 * the tensors. */
static enum hn_status read_act(struct hn_reader *r, struct hn_encoder_config *c)
{
    static const struct {
        const char *name;
        enum hn_glu act;
    } known[] = {
        {"gelu", HN_GLU_GELU},
        {"gelu_python", HN_GLU_GELU},
        {"geglu", HN_GLU_GELU},
        {"gelu_new", HN_GLU_GELU_TANH},
        {"gelu_fast", HN_GLU_GELU_TANH},
        {"gelu_accurate", HN_GLU_GELU_TANH},
        {"gelu_pytorch_tanh", HN_GLU_GELU_TANH},
        {"relu", HN_GLU_RELU},
        {"silu", HN_GLU_SILU},
        {"swish", HN_GLU_SILU},
        {"swiglu", HN_GLU_SILU},
    };
    struct hn_str name = {0};
    c->act = c->family->act;
    HN_TRY(read_text(r, hn_read_key(r, "hidden_activation"), &name));
    if (!name.n) return HN_OK;
    for (size_t i = 0; i < HN_COUNT(known); i++) {
        if (!hn_str_is(name, known[i].name)) continue;
        c->act = known[i].act;
        return HN_OK;
    }
    return hn_fail(r->err, HN_E_UNSUPPORTED, "key %s: %.*s is not supported", r->key, HN_FMT(name));
}

static enum hn_status parse_act(struct hn_str name, const char *key, enum hn_encoder_act *out,
                                struct hn_error *err)
{
    static const char *const names[HN_ENCODER_ACTS] = {"tanh", "identity",  "relu",
                                                       "gelu", "gelu_tanh", "silu"};
    if (!name.n) return HN_OK;
    for (size_t i = 0; i < HN_ENCODER_ACTS; i++) {
        if (!hn_str_is(name, names[i])) continue;
        *out = (enum hn_encoder_act)i;
        return HN_OK;
    }
    return hn_fail(err, HN_E_UNSUPPORTED, "key %s: %.*s is not supported", key, HN_FMT(name));
}

static enum hn_status read_head(struct hn_reader *r, struct hn_encoder_config *c)
{
    struct hn_str act = {0}, pooling = {0};
    HN_TRY(read_text(r, hn_read_key(r, "classifier.pooling"), &pooling));
    c->head_mean = hn_str_is(pooling, "mean");
    if (pooling.n && !c->head_mean && !hn_str_is(pooling, "cls"))
        return hn_fail(r->err, HN_E_UNSUPPORTED, "key %s: %.*s is not supported", r->key,
                       HN_FMT(pooling));
    if (c->family->flags & HN_ENCODER_NORM_FIRST) c->head_act = HN_ENCODER_GELU;
    HN_TRY(read_text(r, hn_read_key(r, "classifier.activation"), &act));
    return parse_act(act, r->key, &c->head_act, r->err);
}

/* "cls+mean": poolings that GGUF has no number for. */
static enum hn_status read_pools(struct hn_reader *r, struct hn_encoder_config *c)
{
    struct hn_str rest = {0};
    HN_TRY(read_text(r, HN_STR("embedding.pooling"), &rest));
    while (rest.n) {
        const char *plus = memchr(rest.p, '+', rest.n);
        const struct hn_str name = {rest.p, plus ? (size_t)(plus - rest.p) : rest.n};
        size_t i = 1;
        while (i < HN_POOLING_SEVERAL && !hn_str_is(name, hn_pooling_names[i]))
            i++;
        if (i == HN_POOLING_SEVERAL || i == HN_POOLING_RANK || c->n_pools == HN_ENCODER_MAX_POOLS)
            return hn_fail(r->err, HN_E_UNSUPPORTED, "key embedding.pooling: %.*s", HN_FMT(name));
        c->pools[c->n_pools++] = (enum hn_pooling)i;
        rest = (struct hn_str){rest.p + name.n + 1, plus ? rest.n - name.n - 1 : 0};
    }
    if (c->n_pools) c->pooling = c->n_pools == 1 ? c->pools[0] : HN_POOLING_SEVERAL;
    return HN_OK;
}

static enum hn_status read_switches(struct hn_reader *r, struct hn_encoder_config *c)
{
    const bool decoder = c->family->flags & HN_ENCODER_DECODER;
    size_t pooling = HN_POOLING_MEAN;
    c->causal = decoder;
    const enum hn_status status =
        hn_meta_bool(r->meta, hn_read_key(r, "attention.causal"), &c->causal, r->err);
    if (status < 0 && status != HN_E_NOTFOUND) return status;
    if (c->causal && !decoder)
        return hn_fail(r->err, HN_E_UNSUPPORTED, "key %s: an encoder that looks back only", r->key);
    if (hn_meta_find(r->meta, hn_read_key(r, "pooling_type")))
        HN_TRY(hn_read_optional(r, "pooling_type", HN_POOLING_RANK, &pooling));
    c->pooling = (enum hn_pooling)pooling;
    if (decoder && c->pooling == HN_POOLING_RANK)
        return hn_fail(r->err, HN_E_UNSUPPORTED, "a decoder that ranks pairs is not supported");
    HN_TRY(read_pools(r, c));
    HN_TRY(read_act(r, c));
    return read_head(r, c);
}

/* A table of vectors, if it is there: how many rows it has. */
static enum hn_status measure_table(const struct hn_gguf *file, const char *name, size_t cols,
                                    size_t *rows, struct hn_error *err)
{
    const struct hn_tensor *t = hn_weights_find(&file->weights, hn_str_from(name));
    *rows = 0;
    if (!t) return HN_OK;
    if (t->ne[0] != cols || t->ne[1] > HN_MAX_VOCAB || t->ne[2] != 1 || t->ne[3] != 1)
        return hn_fail(err, HN_E_FORMAT, "tensor %s is %zu x %zu, the embedding has %zu elements",
                       name, t->ne[0], t->ne[1], cols);
    *rows = t->ne[1];
    return HN_OK;
}

/* What the tensors say: tables are as large as they are, whatever the keys say. */
static enum hn_status read_tables(const struct hn_gguf *file, struct hn_encoder_config *c,
                                  struct hn_error *err)
{
    const unsigned free_of_tables = HN_ENCODER_ROPE | HN_ENCODER_ALIBI;
    const struct hn_tensor *project =
        hn_weights_find(&file->weights, HN_STR("token_embd_proj.weight"));
    size_t positions;
    c->n_table = project ? project->ne[0] : c->n_embd;
    if (c->n_table > HN_MAX_WIDTH)
        return hn_fail(err, HN_E_LIMIT, "tensor token_embd_proj.weight is too wide");
    HN_TRY(measure_table(file, "token_embd.weight", c->n_table, &c->n_vocab, err));
    HN_TRY(measure_table(file, "token_types.weight", c->n_table, &c->n_types, err));
    HN_TRY(measure_table(file, "position_embd.weight", c->n_table, &positions, err));
    HN_TRY(measure_table(file, "attn_rel_b.weight", c->n_heads, &c->n_buckets, err));
    if (!c->n_vocab)
        return hn_fail(err, HN_E_NOTFOUND,
                       "tensor token_embd.weight is missing: the file has no weights to run");
    if (c->family->flags & HN_ENCODER_BUCKETS && c->n_buckets != HN_ENCODER_N_BUCKETS)
        return hn_fail(err, HN_E_UNSUPPORTED, "tensor attn_rel_b.weight has %zu rows, not %d",
                       c->n_buckets, HN_ENCODER_N_BUCKETS);
    if (c->family->flags & free_of_tables) return HN_OK;
    if (!positions) return hn_fail(err, HN_E_NOTFOUND, "tensor position_embd.weight is missing");
    c->n_context = hn_min(c->n_context, positions);
    return HN_OK;
}

/* The linear layers behind the pooling, each as wide as the one before gives. */
static enum hn_status read_dense(const struct hn_gguf *file, struct hn_encoder_config *c,
                                 struct hn_error *err)
{
    c->n_out = hn_max(c->n_pools, 1) * c->n_embd;
    for (; c->n_dense < HN_ENCODER_MAX_DENSE; c->n_dense++) {
        struct hn_encoder_dense *dense = &c->dense[c->n_dense];
        char name[40], key[60];
        struct hn_str act = {0};
        snprintf(name, sizeof name, "dense_%zu.weight", HN_ENCODER_FIRST_DENSE + c->n_dense);
        const struct hn_tensor *t = hn_weights_find(&file->weights, hn_str_from(name));
        if (!t) break;
        if (t->ne[0] != c->n_out || t->ne[1] > HN_MAX_WIDTH)
            return hn_fail(err, HN_E_FORMAT, "tensor %s is %zu x %zu, behind %zu elements", name,
                           t->ne[0], t->ne[1], c->n_out);
        c->n_out = dense->rows = t->ne[1];
        dense->act = HN_ENCODER_IDENTITY;
        snprintf(key, sizeof key, "embedding.dense_%zu.activation",
                 HN_ENCODER_FIRST_DENSE + c->n_dense);
        struct hn_reader r = {.meta = &file->meta, .err = err};
        HN_TRY(read_text(&r, hn_str_from(key), &act));
        HN_TRY(parse_act(act, key, &dense->act, err));
    }
    if (c->n_dense && c->pooling == HN_POOLING_NONE)
        return hn_fail(err, HN_E_FORMAT, "there are layers behind a pooling, and no pooling");
    return HN_OK;
}

static enum hn_status read_labels(const struct hn_gguf *file, struct hn_encoder_config *c,
                                  struct hn_error *err)
{
    const struct hn_tensor *t = hn_weights_find(&file->weights, HN_STR("cls.output.weight"));
    if (!t) t = hn_weights_find(&file->weights, HN_STR("cls.weight"));
    if (c->pooling != HN_POOLING_RANK) return HN_OK;
    if (!t)
        return hn_fail(err, HN_E_NOTFOUND, "tensor cls.weight is missing: the model has no head");
    if (t->ne[1] > HN_MAX_WIDTH)
        return hn_fail(err, HN_E_LIMIT, "tensor %.*s: too many labels", HN_FMT(t->name));
    c->n_labels = t->ne[1];
    return HN_OK;
}

enum hn_status hn_encoder_config_read(const struct hn_gguf *file, struct hn_encoder_config *out,
                                      struct hn_error *err)
{
    struct hn_reader r = {.meta = &file->meta, .err = err};
    *out = (struct hn_encoder_config){0};
    HN_TRY(find_family(file, &r.arch, &out->family, err));
    HN_TRY(read_sizes(&r, out));
    HN_TRY(read_numbers(&r, out));
    HN_TRY(read_switches(&r, out));
    HN_TRY(read_tables(file, out, err));
    HN_TRY(read_dense(file, out, err));
    return read_labels(file, out, err);
}
