#include "model/encoder_config.h"

#include <string.h>

#include "base/bits.h"
#include "model/reader.h"

static const struct hn_encoder_family families[] = {
    {"bert", 0, HN_GLU_GELU}, /* also roberta, xlm-roberta, distilbert */
    {"nomic-bert", HN_ENCODER_ROPE, HN_GLU_SILU},
    {"jina-bert-v2", HN_ENCODER_ALIBI, HN_GLU_GELU},
};

const char *const hn_pooling_names[HN_POOLINGS] = {"none", "mean", "cls", "last", "rank"};

const struct hn_encoder_family *hn_encoder_family_find(struct hn_str arch)
{
    for (size_t i = 0; i < HN_COUNT(families); i++)
        if (hn_str_is(arch, families[i].arch)) return &families[i];
    return NULL;
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
    if (*out) return HN_OK;
    return hn_fail(err, HN_E_UNSUPPORTED, "architecture %.*s is no encoder", HN_FMT(*arch));
}

bool hn_encoder_is(const struct hn_gguf *file)
{
    struct hn_str arch;
    const struct hn_encoder_family *family;
    return find_family(file, &arch, &family, NULL) == HN_OK;
}

enum hn_status hn_pooling_from_name(const char *name, enum hn_pooling *out, struct hn_error *err)
{
    for (size_t i = 0; i < HN_POOLINGS; i++) {
        if (strcmp(name, hn_pooling_names[i]) != 0) continue;
        *out = (enum hn_pooling)i;
        return HN_OK;
    }
    return hn_fail(err, HN_E_ARG, "give none, mean, cls, last or rank");
}

static enum hn_status read_sizes(struct hn_reader *r, struct hn_encoder_config *c)
{
    HN_TRY(hn_read_count(r, "block_count", HN_MAX_LAYERS, 0, &c->n_layers));
    HN_TRY(hn_read_count(r, "embedding_length", HN_MAX_WIDTH, 0, &c->n_embd));
    HN_TRY(hn_read_count(r, "context_length", HN_MAX_CONTEXT, 0, &c->n_context));
    HN_TRY(hn_read_count(r, "feed_forward_length", HN_MAX_WIDTH, 0, &c->n_ff));
    HN_TRY(hn_read_count(r, "attention.head_count", HN_MAX_HEADS, 0, &c->n_heads));
    c->dim = c->n_embd / c->n_heads;
    if (c->n_embd % c->n_heads || c->dim > HN_HEAD_DIM_MAX || c->dim % 2)
        return hn_fail(r->err, HN_E_FORMAT,
                       "%zu heads in an embedding of %zu: heads of an even size up to %d are "
                       "supported",
                       c->n_heads, c->n_embd, HN_HEAD_DIM_MAX);
    return HN_OK;
}

static enum hn_status read_numbers(struct hn_reader *r, struct hn_encoder_config *c)
{
    HN_TRY(hn_read_real(r, "attention.layer_norm_epsilon", 0, 1, &c->eps));
    if (!(c->eps > 0)) return hn_fail(r->err, HN_E_FORMAT, "key %s is missing or 0", r->key);
    c->alibi_max = 8;
    HN_TRY(hn_read_real(r, "attention.max_alibi_bias", 0, 64, &c->alibi_max));
    c->rope = (struct hn_rope_config){.base = 10000, .factor = 1, .attn_factor = 1};
    HN_TRY(hn_read_real(r, "rope.freq_base", 1, 1e12f, &c->rope.base));
    HN_TRY(hn_read_real(r, "rope.scaling.factor", 1e-6f, 1e6f, &c->rope.factor));
    if (c->rope.factor != 1) c->rope.scaling = HN_ROPE_LINEAR;
    return HN_OK;
}

static enum hn_status read_switches(struct hn_reader *r, struct hn_encoder_config *c)
{
    bool causal = false;
    struct hn_str act = {0};
    size_t pooling = HN_POOLING_MEAN;
    enum hn_status status =
        hn_meta_bool(r->meta, hn_read_key(r, "attention.causal"), &causal, r->err);
    if (status < 0 && status != HN_E_NOTFOUND) return status;
    if (causal)
        return hn_fail(r->err, HN_E_UNSUPPORTED, "key %s: an encoder that looks back only", r->key);
    if (hn_meta_find(r->meta, hn_read_key(r, "pooling_type")))
        HN_TRY(hn_read_optional(r, "pooling_type", HN_POOLINGS - 1, &pooling));
    c->pooling = (enum hn_pooling)pooling;
    status = hn_meta_text(r->meta, hn_read_key(r, "classifier.activation"), &act, r->err);
    if (status < 0 && status != HN_E_NOTFOUND) return status;
    c->head_relu = hn_str_is(act, "relu");
    if (act.n && !c->head_relu && !hn_str_is(act, "tanh"))
        return hn_fail(r->err, HN_E_UNSUPPORTED, "key %s: %.*s is not supported", r->key,
                       HN_FMT(act));
    return HN_OK;
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
    size_t positions;
    HN_TRY(measure_table(file, "token_embd.weight", c->n_embd, &c->n_vocab, err));
    HN_TRY(measure_table(file, "token_types.weight", c->n_embd, &c->n_types, err));
    HN_TRY(measure_table(file, "position_embd.weight", c->n_embd, &positions, err));
    if (!c->n_vocab)
        return hn_fail(err, HN_E_NOTFOUND,
                       "tensor token_embd.weight is missing: the file has no weights to run");
    if (c->family->flags) return HN_OK;
    if (!positions) return hn_fail(err, HN_E_NOTFOUND, "tensor position_embd.weight is missing");
    c->n_context = hn_min(c->n_context, positions);
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
    return read_labels(file, out, err);
}
