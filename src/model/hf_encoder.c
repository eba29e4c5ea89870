#include "model/hf_encoder.h"

#include <math.h>
#include <stdio.h>

#include "base/bits.h"
#include "model/encoder_config.h"
#include "model/hf_import.h"
#include "model/hf_tensors.h"

/* --- families ---------------------------------------------------------------------------------- */

enum flags {
    PAST_PAD = 1,  /* positions are counted from behind the padding token's id */
    RELU_HEAD = 2, /* in a classifier's head, in place of tanh */
};

struct family {
    const char *model_type; /* of config.json */
    const char *arch;       /* general.architecture */
    unsigned flags;
    const char *defaults; /* JSON: values of the configuration class, which files may omit */
    const char *fixed;    /* JSON: values that GGUF has no key for, so that others are refused */
};

#define BERT_DEFAULTS                                                                              \
    "{\"max_position_embeddings\": 512, \"layer_norm_eps\": 1e-12, \"pad_token_id\": 1,"           \
    " \"num_hidden_layers\": 12, \"hidden_size\": 768, \"num_attention_heads\": 12,"               \
    " \"intermediate_size\": 3072}"
#define BERT_FIXED                                                                                 \
    "{\"hidden_act\": \"gelu\", \"position_embedding_type\": \"absolute\", \"is_decoder\": false}"

static const struct family families[] = {
    {"bert", "bert", 0, BERT_DEFAULTS, BERT_FIXED},
    {"roberta", "bert", PAST_PAD, BERT_DEFAULTS, BERT_FIXED},
    {"xlm-roberta", "bert", PAST_PAD, BERT_DEFAULTS, BERT_FIXED},
    {"camembert", "bert", PAST_PAD, BERT_DEFAULTS, BERT_FIXED},
    {"distilbert", "bert", RELU_HEAD,
     "{\"max_position_embeddings\": 512, \"layer_norm_eps\": 1e-12, \"n_layers\": 6,"
     " \"dim\": 768, \"n_heads\": 12, \"hidden_dim\": 3072}",
     "{\"activation\": \"gelu\"}"},
    {"nomic_bert", "nomic-bert", 0,
     "{\"n_positions\": 2048, \"layer_norm_epsilon\": 1e-12, \"rotary_emb_base\": 10000}",
     "{\"activation_function\": \"swiglu\", \"prenorm\": false, \"parallel_block\": false,"
     " \"rotary_emb_interleaved\": false, \"rotary_emb_fraction\": 1.0, \"use_rms_norm\": false,"
     " \"causal\": false, \"num_experts\": 0}"},
};

/* Jina's second BERT calls itself one; its positions tell. */
static const struct family jina = {
    "bert", "jina-bert-v2", 0, BERT_DEFAULTS,
    "{\"hidden_act\": \"gelu\", \"feed_forward_type\": \"geglu\", \"is_decoder\": false}"};

static const struct family *find_family(const json_t *config)
{
    const json_t *type = json_object_get(config, "model_type");
    const json_t *positions = json_object_get(config, "position_embedding_type");
    if (!json_is_string(type)) return NULL;
    if (json_is_string(positions) && hn_str_is(hn_json_str(positions), "alibi"))
        return hn_str_is(hn_json_str(type), jina.model_type) ? &jina : NULL;
    for (size_t i = 0; i < HN_COUNT(families); i++)
        if (hn_str_is(hn_json_str(type), families[i].model_type)) return &families[i];
    return NULL;
}

bool hn_hf_encoder_is(const json_t *config)
{
    return find_family(config) != NULL;
}

/* --- keys -------------------------------------------------------------------------------------- */

/* One directory on its way. */
struct job {
    const struct family *family;
    const json_t *config, *defaults;
    const struct hn_safetensors *st;
    const char *name;
    struct hn_gguf *g;
    struct hn_error *err;
    bool classifies;
    uint32_t n_layers, first_position; /* rows of position embeddings that stand for no token */
};

static const json_t *get(const struct job *j, const char *key)
{
    const json_t *value = json_object_get(j->config, key);
    if (!value) value = json_object_get(j->defaults, key);
    return json_is_null(value) ? NULL : value;
}

static enum hn_status add(const struct job *j, struct hn_meta_kv kv)
{
    return hn_meta_add(&j->g->meta, &j->g->arena, &kv, j->err);
}

/* PREFIX KEY, in the arena. */
static enum hn_status copy_key(const struct job *j, const char *prefix, const char *dot,
                               struct hn_str key, struct hn_str *out)
{
    char text[256];
    const int n = snprintf(text, sizeof text, "%s%s%.*s", prefix, dot, HN_FMT(key));
    if (n < 0 || (size_t)n >= sizeof text)
        return hn_fail(j->err, HN_E_LIMIT, "%s: a key is too long", j->name);
    *out = hn_arena_str(&j->g->arena, (struct hn_str){text, (size_t)n});
    return out->p ? HN_OK : hn_fail_nomem(j->err, "metadata", (size_t)n);
}

static enum hn_status add_count(const struct job *j, const char *key, uint32_t value)
{
    struct hn_meta_kv kv = {.type = HN_META_U32, .u = value};
    HN_TRY(copy_key(j, j->family->arch, ".", hn_str_from(key), &kv.key));
    return add(j, kv);
}

static enum hn_status add_real(const struct job *j, const char *key, double value)
{
    struct hn_meta_kv kv = {.type = HN_META_F32, .f = (double)(float)value};
    HN_TRY(copy_key(j, j->family->arch, ".", hn_str_from(key), &kv.key));
    return add(j, kv);
}

static enum hn_status add_text(const struct job *j, const char *prefix, const char *dot,
                               struct hn_str key, struct hn_str value)
{
    struct hn_meta_kv kv = {.type = HN_META_STR, .text = hn_arena_str(&j->g->arena, value)};
    if (!kv.text.p) return hn_fail_nomem(j->err, "metadata", value.n);
    HN_TRY(copy_key(j, prefix, dot, key, &kv.key));
    return add(j, kv);
}

/* A count of config.json under any of its names. */
static enum hn_status get_count(const struct job *j, const char *const *names, uint32_t *out)
{
    const json_t *value = NULL;
    for (; *names && !value; names++)
        value = get(j, *names);
    const double real = json_is_number(value) ? json_number_value(value) : -1;
    if (!(real >= 0 && real < INT32_MAX) || real != floor(real))
        return hn_fail(j->err, HN_E_FORMAT, "%s: config.json: %s is missing or no count", j->name,
                       names[-1]);
    *out = (uint32_t)real;
    return HN_OK;
}

static enum hn_status add_sizes(struct job *j)
{
    static const struct {
        const char *gguf;
        const char *hf[4];
    } rows[] = {
        {"block_count", {"num_hidden_layers", "n_layers", "n_layer"}},
        {"embedding_length", {"hidden_size", "dim", "n_embd"}},
        {"feed_forward_length", {"intermediate_size", "hidden_dim", "n_inner"}},
        {"attention.head_count", {"num_attention_heads", "n_heads", "n_head"}},
    };
    for (size_t i = 0; i < HN_COUNT(rows); i++) {
        uint32_t n;
        HN_TRY(get_count(j, rows[i].hf, &n));
        HN_TRY(add_count(j, rows[i].gguf, n));
        if (i == 0) j->n_layers = n;
    }
    return HN_OK;
}

static enum hn_status add_positions(struct job *j)
{
    static const char *const lengths[] = {"max_position_embeddings", "n_positions", NULL};
    /* Beyond what it was trained for such a model would change its angles with the length. */
    static const char *const trained[] = {"max_trained_positions", "n_positions", NULL};
    static const char *const pad[] = {"pad_token_id", NULL};
    uint32_t n;
    HN_TRY(get_count(j, get(j, "rotary_scaling_factor") ? trained : lengths, &n));
    if (j->family->flags & PAST_PAD) {
        HN_TRY(get_count(j, pad, &j->first_position));
        j->first_position++;
        if (n <= j->first_position)
            return hn_fail(j->err, HN_E_FORMAT, "%s: config.json: no positions are left", j->name);
        n -= j->first_position;
    }
    const json_t *base = get(j, "rotary_emb_base");
    if (json_is_number(base)) HN_TRY(add_real(j, "rope.freq_base", json_number_value(base)));
    return add_count(j, "context_length", n);
}

static enum hn_status add_numbers(const struct job *j)
{
    const json_t *eps = get(j, "layer_norm_eps");
    if (!eps) eps = get(j, "layer_norm_epsilon");
    if (!json_is_number(eps))
        return hn_fail(j->err, HN_E_FORMAT, "%s: config.json: layer_norm_eps is no number",
                       j->name);
    HN_TRY(add_real(j, "attention.layer_norm_epsilon", json_number_value(eps)));
    if (!(j->family->flags & RELU_HEAD)) return HN_OK;
    return add_text(j, j->family->arch, ".", HN_STR("classifier.activation"), HN_STR("relu"));
}

/* What GGUF has no key for must be as the architecture implies. */
static enum hn_status check_fixed(const struct job *j)
{
    json_t *fixed;
    const char *key;
    json_t *want;
    HN_TRY(hn_json_parse(hn_str_from(j->family->fixed), "fixed values", &fixed, j->err));
    enum hn_status status = HN_OK;
    json_object_foreach(fixed, key, want)
    {
        const json_t *value = json_object_get(j->config, key);
        const bool numbers = json_is_number(value) && json_is_number(want);
        if (!value || json_is_null(value) || json_equal(value, want) ||
            (numbers && json_number_value(value) == json_number_value(want)))
            continue;
        status = hn_fail(j->err, HN_E_UNSUPPORTED,
                         "%s: config.json: %s: this value is not supported for %s models", j->name,
                         key, j->family->model_type);
        break;
    }
    json_decref(fixed);
    return status;
}

/* --- sentence-transformers --------------------------------------------------------------------- */

struct hn_str hn_hf_pooling_folder(const json_t *modules)
{
    for (size_t i = 0; i < json_array_size(modules); i++) {
        const json_t *module = json_array_get(modules, i);
        const json_t *type = json_object_get(module, "type");
        const json_t *path = json_object_get(module, "path");
        if (!json_is_string(type) || !json_is_string(path)) continue;
        if (!hn_str_ends(hn_json_str(type), HN_STR("Pooling"))) continue;
        const struct hn_str folder = hn_json_str(path);
        const bool leaves = memchr(folder.p, '/', folder.n) || hn_str_starts(folder, HN_STR("."));
        if (folder.n && folder.n < 100 && !leaves) return folder;
    }
    return (struct hn_str){0};
}

/* The steps behind the encoder: those that are not here must not be missed silently. */
static enum hn_status check_modules(const struct job *j, struct hn_str text)
{
    static const struct hn_str known[] = {HN_STR("Transformer"), HN_STR("Pooling"),
                                          HN_STR("Normalize")};
    json_t *modules;
    enum hn_status status = HN_OK;
    if (!text.n) return HN_OK;
    HN_TRY(hn_json_parse(text, "modules.json", &modules, j->err));
    for (size_t i = 0; status >= 0 && i < json_array_size(modules); i++) {
        const json_t *type = json_object_get(json_array_get(modules, i), "type");
        bool found = !json_is_string(type);
        for (size_t k = 0; k < HN_COUNT(known); k++)
            found = found || hn_str_ends(hn_json_str(type), known[k]);
        if (!found)
            status = hn_fail(j->err, HN_E_UNSUPPORTED,
                             "%s: modules.json: a step of the kind %s is not supported", j->name,
                             json_string_value(type));
    }
    json_decref(modules);
    return status;
}

static enum hn_status read_pooling(const struct job *j, struct hn_str text, enum hn_pooling *out)
{
    static const struct {
        const char *key;
        const char *mode; /* newer files: the value of pooling_mode */
        enum hn_pooling pooling;
    } rows[] = {
        {"pooling_mode_mean_tokens", "mean", HN_POOLING_MEAN},
        {"pooling_mode_cls_token", "cls", HN_POOLING_CLS},
        {"pooling_mode_lasttoken", "lasttoken", HN_POOLING_LAST},
    };
    json_t *config;
    size_t found = 0;
    if (!text.n) return HN_OK;
    HN_TRY(hn_json_parse(text, "the configuration of pooling", &config, j->err));
    const json_t *mode = json_object_get(config, "pooling_mode");
    for (size_t i = 0; i < HN_COUNT(rows); i++) {
        if (!json_is_true(json_object_get(config, rows[i].key)) &&
            !(json_is_string(mode) && hn_str_is(hn_json_str(mode), rows[i].mode)))
            continue;
        *out = rows[i].pooling;
        found++;
    }
    json_decref(config);
    if (found == 1) return HN_OK;
    return hn_fail(j->err, HN_E_UNSUPPORTED,
                   "%s: pooling is done otherwise than by mean, first or last token", j->name);
}

/* A model that classifies has its labels; others the pooling that is said beside them. */
static enum hn_status add_pooling(struct job *j, const struct hn_hf_texts *texts)
{
    static const struct hn_str ending = HN_STR("ForSequenceClassification");
    const json_t *name = json_array_get(json_object_get(j->config, "architectures"), 0);
    enum hn_pooling pooling = HN_POOLING_MEAN;
    j->classifies = json_is_string(name) && hn_str_ends(hn_json_str(name), ending);
    HN_TRY(check_modules(j, texts->modules));
    HN_TRY(read_pooling(j, texts->pooling, &pooling));
    return add_count(j, "pooling_type", j->classifies ? HN_POOLING_RANK : pooling);
}

static enum hn_status add_prompts(const struct job *j, const json_t *config)
{
    const json_t *prompts = json_object_get(config, "prompts");
    const json_t *standard = json_object_get(config, "default_prompt_name");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)prompts, key, value)
    {
        if (!json_is_string(value)) continue;
        const struct hn_str name = hn_str_from(key), text = hn_json_str(value);
        HN_TRY(add_text(j, "embedding.prompt", ".", name, text));
        if (json_is_string(standard) && hn_str_eq(hn_json_str(standard), name))
            HN_TRY(add_text(j, "embedding", ".", HN_STR("default_prompt"), text));
    }
    return HN_OK;
}

static enum hn_status read_prompts(const struct job *j, struct hn_str text)
{
    json_t *config;
    if (!text.n) return HN_OK;
    HN_TRY(hn_json_parse(text, "config_sentence_transformers.json", &config, j->err));
    const enum hn_status status = add_prompts(j, config);
    json_decref(config);
    return status;
}

/* --- tensors ----------------------------------------------------------------------------------- */

/* Stems, without .weight or .bias, '%' for a layer's number; NULL: of no use here. */
static const struct {
    const char *hf, *gguf;
} stems[] = {
    {"embeddings.word_embeddings", "token_embd"},
    {"embeddings.position_embeddings", "position_embd"},
    {"embeddings.token_type_embeddings", "token_types"},
    {"embeddings.LayerNorm", "token_embd_norm"},
    {"emb_ln", "token_embd_norm"},
    {"encoder.layer.%.attention.self.query", "blk.%.attn_q"},
    {"encoder.layer.%.attention.self.key", "blk.%.attn_k"},
    {"encoder.layer.%.attention.self.value", "blk.%.attn_v"},
    {"encoder.layer.%.attention.self.layer_norm_q", "blk.%.attn_q_norm"},
    {"encoder.layer.%.attention.self.layer_norm_k", "blk.%.attn_k_norm"},
    {"encoder.layer.%.attention.output.dense", "blk.%.attn_output"},
    {"encoder.layer.%.attention.output.LayerNorm", "blk.%.attn_output_norm"},
    {"encoder.layer.%.intermediate.dense", "blk.%.ffn_up"},
    {"encoder.layer.%.output.dense", "blk.%.ffn_down"},
    {"encoder.layer.%.output.LayerNorm", "blk.%.layer_output_norm"},
    {"encoder.layer.%.mlp.gated_layers", "blk.%.ffn_up"},
    {"encoder.layer.%.mlp.wo", "blk.%.ffn_down"},
    {"encoder.layer.%.mlp.layernorm", "blk.%.layer_output_norm"},
    {"encoder.layers.%.attn.Wqkv", "blk.%.attn_qkv"},
    {"encoder.layers.%.attn.out_proj", "blk.%.attn_output"},
    {"encoder.layers.%.norm1", "blk.%.attn_output_norm"},
    {"encoder.layers.%.mlp.fc11", "blk.%.ffn_up"},
    {"encoder.layers.%.mlp.fc12", "blk.%.ffn_gate"},
    {"encoder.layers.%.mlp.fc2", "blk.%.ffn_down"},
    {"encoder.layers.%.norm2", "blk.%.layer_output_norm"},
    {"transformer.layer.%.attention.q_lin", "blk.%.attn_q"},
    {"transformer.layer.%.attention.k_lin", "blk.%.attn_k"},
    {"transformer.layer.%.attention.v_lin", "blk.%.attn_v"},
    {"transformer.layer.%.attention.out_lin", "blk.%.attn_output"},
    {"transformer.layer.%.sa_layer_norm", "blk.%.attn_output_norm"},
    {"transformer.layer.%.ffn.lin1", "blk.%.ffn_up"},
    {"transformer.layer.%.ffn.lin2", "blk.%.ffn_down"},
    {"transformer.layer.%.output_layer_norm", "blk.%.layer_output_norm"},
    {"pooler.dense", "cls"},
    {"pre_classifier", "cls"},
    {"classifier.dense", "cls"},
    {"classifier", "cls.output"},
    {"classifier.out_proj", "cls.output"},
    {"embeddings.position_ids", NULL},
    {"embeddings.token_type_ids", NULL},
};

/* Parts that predict masked words, and the like. */
static bool is_foreign(struct hn_str name)
{
    static const struct hn_str parts[] = {
        HN_STR("cls."),
        HN_STR("lm_head."),
        HN_STR("vocab_transform."),
        HN_STR("vocab_layer_norm."),
        HN_STR("vocab_projector."),
        HN_STR("encoder.rotary_emb."),
    };
    for (size_t i = 0; i < HN_COUNT(parts); i++)
        if (hn_str_starts(name, parts[i])) return true;
    return hn_str_ends(name, HN_STR("rotary_emb.inv_freq"));
}

/* Whether `name` is `pattern`; the number that stands for '%' goes to *layer. */
static bool matches(struct hn_str name, const char *pattern, uint32_t *layer)
{
    for (; *pattern; pattern++) {
        if (*pattern != '%') {
            if (!name.n || *name.p != *pattern) return false;
            name = (struct hn_str){name.p + 1, name.n - 1};
            continue;
        }
        size_t digits = 0;
        for (*layer = 0; digits < name.n && name.p[digits] >= '0' && name.p[digits] <= '9';
             digits++)
            *layer =
                (uint32_t)hn_min(*layer * 10 + (uint32_t)(name.p[digits] - '0'), HN_MAX_LAYERS);
        if (!digits) return false;
        name = (struct hn_str){name.p + digits, name.n - digits};
    }
    return !name.n;
}

/* The name behind what wraps the model. */
static struct hn_str bare_name(struct hn_str name)
{
    static const struct hn_str wraps[] = {HN_STR("bert."), HN_STR("roberta."),
                                          HN_STR("distilbert."), HN_STR("model.")};
    for (size_t i = 0; i < HN_COUNT(wraps); i++)
        if (hn_str_starts(name, wraps[i]))
            return (struct hn_str){name.p + wraps[i].n, name.n - wraps[i].n};
    return name;
}

/* Splits "STEM.weight" or "STEM.bias"; files of TensorFlow's time say gamma and beta. */
static struct hn_str split(struct hn_str name, const char **suffix)
{
    static const struct {
        struct hn_str hf;
        const char *gguf;
    } rows[] = {{HN_STR(".weight"), ".weight"},
                {HN_STR(".bias"), ".bias"},
                {HN_STR(".gamma"), ".weight"},
                {HN_STR(".beta"), ".bias"}};
    *suffix = "";
    for (size_t i = 0; i < HN_COUNT(rows); i++) {
        if (!hn_str_ends(name, rows[i].hf)) continue;
        *suffix = rows[i].gguf;
        return (struct hn_str){name.p, name.n - rows[i].hf.n};
    }
    return name;
}

static enum hn_status gguf_name(const struct job *j, const char *pattern, uint32_t layer,
                                const char *suffix, struct hn_str *out)
{
    char text[128];
    const char *mark = strchr(pattern, '%');
    const int n = mark ? snprintf(text, sizeof text, "%.*s%u%s%s", (int)(mark - pattern), pattern,
                                  layer, mark + 1, suffix)
                       : snprintf(text, sizeof text, "%s%s", pattern, suffix);
    *out = hn_arena_str(&j->g->arena, (struct hn_str){text, (size_t)n});
    return out->p ? HN_OK : hn_fail_nomem(j->err, pattern, (size_t)n);
}

/* Positions begin behind those that stand for no token. */
static enum hn_status skip_positions(const struct job *j, struct hn_tensor *t)
{
    const size_t skip = j->first_position, row = t->bytes / hn_tensor_rows(t);
    if (!skip) return HN_OK;
    if (t->n_dims != 2 || t->ne[1] <= skip)
        return hn_fail(j->err, HN_E_FORMAT, "%s: tensor %.*s: too few positions", j->name,
                       HN_FMT(t->name));
    t->data = (const char *)t->data + skip * row;
    t->bytes -= skip * row;
    t->ne[1] -= skip;
    return HN_OK;
}

static enum hn_status add_tensor(const struct job *j, const struct hn_st_tensor *in)
{
    const char *suffix;
    uint32_t layer = 0;
    size_t row = 0;
    const struct hn_str name = bare_name(in->name);
    const struct hn_str stem = split(name, &suffix);
    if (is_foreign(name)) return HN_OK;
    while (row < HN_COUNT(stems) && !matches(stem, stems[row].hf, &layer))
        row++;
    if (row == HN_COUNT(stems))
        return hn_fail(j->err, HN_E_UNSUPPORTED, "%s: tensor %.*s: nothing is known about it",
                       j->name, HN_FMT(in->name));
    const char *const gguf = stems[row].gguf;
    if (!gguf || (!j->classifies && hn_str_starts(hn_str_from(gguf), HN_STR("cls")))) return HN_OK;
    if (layer >= j->n_layers)
        return hn_fail(j->err, HN_E_FORMAT,
                       "%s: tensor %.*s: is of a layer that config.json does not have", j->name,
                       HN_FMT(in->name));
    struct hn_tensor t = {0};
    HN_TRY(hn_hf_view(in, j->name, &t, j->err));
    HN_TRY(gguf_name(j, gguf, layer, suffix, &t.name));
    if (hn_str_is(t.name, "position_embd.weight")) HN_TRY(skip_positions(j, &t));
    if (t.n_dims == 1) HN_TRY(hn_hf_widen(in, j->name, 0, j->g, &t, j->err));
    return hn_weights_add(&j->g->weights, &j->g->arena, &t, j->err);
}

/* --- the whole --------------------------------------------------------------------------------- */

static enum hn_status translate(struct job *j, const struct hn_hf_texts *texts)
{
    const struct hn_meta_kv arch = {.key = HN_STR("general.architecture"),
                                    .type = HN_META_STR,
                                    .text = hn_str_from(j->family->arch)};
    HN_TRY(check_fixed(j));
    HN_TRY(add(j, arch));
    HN_TRY(add_sizes(j));
    HN_TRY(add_positions(j));
    HN_TRY(add_numbers(j));
    HN_TRY(add_pooling(j, texts));
    HN_TRY(read_prompts(j, texts->prompts));
    for (size_t i = 0; i < j->st->n; i++)
        HN_TRY(add_tensor(j, &j->st->items[i]));
    return HN_OK;
}

enum hn_status hn_hf_encoder_translate(const json_t *config, const struct hn_hf_texts *texts,
                                       const struct hn_safetensors *st, const char *name,
                                       struct hn_gguf *g, struct hn_error *err)
{
    json_t *defaults;
    struct job j = {.family = find_family(config),
                    .config = config,
                    .st = st,
                    .name = name,
                    .g = g,
                    .err = err};
    HN_TRY(hn_json_parse(hn_str_from(j.family->defaults), "defaults", &defaults, err));
    j.defaults = defaults;
    const enum hn_status status = translate(&j, texts);
    json_decref(defaults);
    return status;
}
