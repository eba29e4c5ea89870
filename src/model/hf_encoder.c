#include "model/hf_encoder.h"

#include <math.h>
#include <stdio.h>

#include "base/bits.h"
#include "model/encoder_config.h"
#include "model/hf_encoder_impl.h"
#include "model/hf_import.h"

/* --- families ---------------------------------------------------------------------------------- */

#define BERT_DEFAULTS                                                                              \
    "{\"max_position_embeddings\": 512, \"layer_norm_eps\": 1e-12, \"pad_token_id\": 1,"           \
    " \"num_hidden_layers\": 12, \"hidden_size\": 768, \"num_attention_heads\": 12,"               \
    " \"intermediate_size\": 3072}"
#define BERT_FIXED "{\"position_embedding_type\": \"absolute\", \"is_decoder\": false}"
#define NOMIC_DEFAULTS                                                                             \
    "{\"n_positions\": 2048, \"layer_norm_epsilon\": 1e-12, \"rotary_emb_base\": 10000,"           \
    " \"moe_top_k\": 2}"
#define NOMIC_FIXED                                                                                \
    "\"prenorm\": false, \"parallel_block\": false, \"rotary_emb_interleaved\": false,"            \
    " \"rotary_emb_fraction\": 1.0, \"rotary_emb_scale_base\": null, \"use_rms_norm\": false,"     \
    " \"causal\": false"
/* Alibaba's, with rotary positions and a gate. */
#define NEW_DEFAULTS                                                                               \
    "{\"max_position_embeddings\": 8192, \"layer_norm_eps\": 1e-12, \"num_hidden_layers\": 12,"    \
    " \"hidden_size\": 768, \"num_attention_heads\": 12, \"intermediate_size\": 3072,"             \
    " \"rope_theta\": 10000.0, \"hidden_act\": \"gelu\"}"
#define NEW_FIXED                                                                                  \
    "{\"position_embedding_type\": \"rope\", \"layer_norm_type\": \"layer_norm\","                 \
    " \"logn_attention_scale\": false, \"logn_attention_clip1\": false}"

static const struct hn_hf_encoder_family families[] = {
    {"bert", "bert", HN_HF_POOLER, NULL, BERT_DEFAULTS, BERT_FIXED},
    {"roberta", "bert", HN_HF_PAST_PAD | HN_HF_ONE_TYPE, NULL, BERT_DEFAULTS, BERT_FIXED},
    {"xlm-roberta", "bert", HN_HF_PAST_PAD | HN_HF_ONE_TYPE, NULL, BERT_DEFAULTS, BERT_FIXED},
    {"camembert", "bert", HN_HF_PAST_PAD | HN_HF_ONE_TYPE, NULL, BERT_DEFAULTS, BERT_FIXED},
    {"distilbert", "bert", 0, "relu",
     "{\"max_position_embeddings\": 512, \"layer_norm_eps\": 1e-12, \"n_layers\": 6,"
     " \"dim\": 768, \"n_heads\": 12, \"hidden_dim\": 3072}",
     "{}"},
    {"electra", "bert", 0, "gelu",
     "{\"max_position_embeddings\": 512, \"layer_norm_eps\": 1e-12, \"num_hidden_layers\": 12,"
     " \"hidden_size\": 256, \"num_attention_heads\": 4, \"intermediate_size\": 1024}",
     BERT_FIXED},
    {"mpnet", "mpnet", HN_HF_PAST_PAD, NULL, BERT_DEFAULTS,
     "{\"relative_attention_num_buckets\": 32}"},
    {"nomic_bert", "nomic-bert", HN_HF_POOLER, NULL, NOMIC_DEFAULTS,
     "{" NOMIC_FIXED ", \"num_experts\": 0}"},
    {"modernbert", "modern-bert", 0, "gelu",
     "{\"max_position_embeddings\": 8192, \"norm_eps\": 1e-5, \"num_hidden_layers\": 22,"
     " \"hidden_size\": 768, \"num_attention_heads\": 12, \"intermediate_size\": 1152,"
     " \"global_rope_theta\": 160000.0, \"local_rope_theta\": 10000.0, \"local_attention\": 128,"
     " \"global_attn_every_n_layers\": 3, \"classifier_pooling\": \"cls\"}",
     "{\"rope_parameters\": null, \"classifier_activation\": \"gelu\"}"},
    {"new", "nomic-bert", HN_HF_POOLER, NULL, NEW_DEFAULTS, NEW_FIXED},
    {"gte", "nomic-bert", HN_HF_POOLER, NULL, NEW_DEFAULTS, NEW_FIXED},
};

/* Jina's second BERT calls itself one; its positions tell. */
static const struct hn_hf_encoder_family jina = {
    "bert",
    "jina-bert-v2",
    HN_HF_POOLER,
    NULL,
    BERT_DEFAULTS,
    "{\"hidden_act\": \"gelu\", \"feed_forward_type\": \"geglu\", \"is_decoder\": false}"};

/* And so does Nomic's second, whose every other layer has experts. */
static const struct hn_hf_encoder_family nomic_moe = {
    "nomic_bert",
    "nomic-bert-moe",
    HN_HF_POOLER,
    NULL,
    NOMIC_DEFAULTS,
    "{" NOMIC_FIXED ", \"num_shared_experts\": 0, \"expert_choice_router\": false,"
    " \"moe_normalize_expert_weights\": false, \"ffn_div\": 1}"};

static const struct hn_hf_encoder_family *find_family(const json_t *config)
{
    const json_t *type = json_object_get(config, "model_type");
    const json_t *positions = json_object_get(config, "position_embedding_type");
    if (!json_is_string(type)) return NULL;
    if (json_is_string(positions) && hn_str_is(hn_json_str(positions), "alibi"))
        return hn_str_is(hn_json_str(type), jina.model_type) ? &jina : NULL;
    if (hn_str_is(hn_json_str(type), nomic_moe.model_type) &&
        json_number_value(json_object_get(config, "num_experts")) > 0)
        return &nomic_moe;
    for (size_t i = 0; i < HN_COUNT(families); i++)
        if (hn_str_is(hn_json_str(type), families[i].model_type)) return &families[i];
    return NULL;
}

bool hn_hf_encoder_is(const json_t *config)
{
    return find_family(config) != NULL;
}

/* --- keys -------------------------------------------------------------------------------------- */

static const json_t *get(const struct hn_hf_encoder *e, const char *key)
{
    const json_t *value = json_object_get(e->config, key);
    if (!value) value = json_object_get(e->defaults, key);
    return json_is_null(value) ? NULL : value;
}

static enum hn_status add(const struct hn_hf_encoder *e, struct hn_meta_kv kv)
{
    return hn_meta_add(&e->g->meta, &e->g->arena, &kv, e->err);
}

/* PREFIX.KEY, in the arena. */
static enum hn_status copy_key(const struct hn_hf_encoder *e, const char *prefix, struct hn_str key,
                               struct hn_str *out)
{
    char text[256];
    const int n = snprintf(text, sizeof text, "%s.%.*s", prefix, HN_FMT(key));
    if (n < 0 || (size_t)n >= sizeof text)
        return hn_fail(e->err, HN_E_LIMIT, "%s: a key is too long", e->name);
    *out = hn_arena_str(&e->g->arena, (struct hn_str){text, (size_t)n});
    return out->p ? HN_OK : hn_fail_nomem(e->err, "metadata", (size_t)n);
}

enum hn_status hn_hf_encoder_count(const struct hn_hf_encoder *e, const char *key, uint32_t value)
{
    struct hn_meta_kv kv = {.type = HN_META_U32, .u = value};
    HN_TRY(copy_key(e, e->family->arch, hn_str_from(key), &kv.key));
    return add(e, kv);
}

static enum hn_status add_real(const struct hn_hf_encoder *e, const char *key, double value)
{
    struct hn_meta_kv kv = {.type = HN_META_F32, .f = (double)(float)value};
    HN_TRY(copy_key(e, e->family->arch, hn_str_from(key), &kv.key));
    return add(e, kv);
}

enum hn_status hn_hf_encoder_text(const struct hn_hf_encoder *e, const char *prefix,
                                  struct hn_str key, struct hn_str value)
{
    struct hn_meta_kv kv = {.type = HN_META_STR, .text = hn_arena_str(&e->g->arena, value)};
    if (!kv.text.p) return hn_fail_nomem(e->err, "metadata", value.n);
    HN_TRY(copy_key(e, prefix, key, &kv.key));
    return add(e, kv);
}

/* Whatever there is of config.json's reals, texts and counts under GGUF's names. */
static enum hn_status add_plain(const struct hn_hf_encoder *e)
{
    static const struct {
        const char *hf, *gguf;
    } rows[] = {
        {"hidden_act", "hidden_activation"},          {"activation", "hidden_activation"},
        {"activation_function", "hidden_activation"}, {"hidden_activation", "hidden_activation"},
        {"classifier_pooling", "classifier.pooling"}, {"rotary_emb_base", "rope.freq_base"},
        {"global_rope_theta", "rope.freq_base"},      {"local_rope_theta", "rope.freq_base_swa"},
    };
    for (size_t i = 0; i < HN_COUNT(rows); i++) {
        const json_t *value = get(e, rows[i].hf);
        if (json_is_number(value)) HN_TRY(add_real(e, rows[i].gguf, json_number_value(value)));
        if (json_is_string(value))
            HN_TRY(hn_hf_encoder_text(e, e->family->arch, hn_str_from(rows[i].gguf),
                                      hn_json_str(value)));
    }
    return HN_OK;
}

/* A count of config.json under any of its names. */
static enum hn_status get_count(const struct hn_hf_encoder *e, const char *const *names,
                                uint32_t *out)
{
    const json_t *value = NULL;
    for (; *names && !value; names++)
        value = get(e, *names);
    const double real = json_is_number(value) ? json_number_value(value) : -1;
    if (!(real >= 0 && real < INT32_MAX) || real != floor(real))
        return hn_fail(e->err, HN_E_FORMAT, "%s: config.json: %s is missing or no count", e->name,
                       names[-1]);
    *out = (uint32_t)real;
    return HN_OK;
}

static enum hn_status add_sizes(struct hn_hf_encoder *e)
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
        HN_TRY(get_count(e, rows[i].hf, &n));
        HN_TRY(hn_hf_encoder_count(e, rows[i].gguf, n));
        if (i == 0) e->n_layers = n;
    }
    return HN_OK;
}

static enum hn_status add_positions(struct hn_hf_encoder *e)
{
    static const char *const lengths[] = {"max_position_embeddings", "n_positions", NULL};
    /* Beyond what it was trained for such a model would change its angles with the length. */
    static const char *const trained[] = {"max_trained_positions", "n_positions", NULL};
    static const char *const pad[] = {"pad_token_id", NULL};
    uint32_t n;
    HN_TRY(get_count(e, get(e, "rotary_scaling_factor") ? trained : lengths, &n));
    if (e->family->flags & HN_HF_PAST_PAD) {
        HN_TRY(get_count(e, pad, &e->first_position));
        e->first_position++;
        if (n <= e->first_position)
            return hn_fail(e->err, HN_E_FORMAT, "%s: config.json: no positions are left", e->name);
        n -= e->first_position;
    }
    if (e->longest && e->longest < n) n = e->longest;
    return hn_hf_encoder_count(e, "context_length", n);
}

/* Of layers that see a window: how wide it is, and which do not. */
static enum hn_status add_window(const struct hn_hf_encoder *e)
{
    static const char *const window[] = {"local_attention", NULL};
    static const char *const every[] = {"global_attn_every_n_layers", NULL};
    uint32_t n;
    if (!get(e, window[0])) return HN_OK;
    HN_TRY(get_count(e, window, &n));
    HN_TRY(hn_hf_encoder_count(e, "attention.sliding_window", n));
    HN_TRY(get_count(e, every, &n));
    return hn_hf_encoder_count(e, "attention.sliding_window_pattern", n);
}

static enum hn_status add_experts(struct hn_hf_encoder *e)
{
    static const char *const all[] = {"num_experts", NULL}, *const used[] = {"moe_top_k", NULL};
    uint32_t n;
    if (e->family != &nomic_moe) return HN_OK;
    HN_TRY(get_count(e, used, &n));
    HN_TRY(hn_hf_encoder_count(e, "expert_used_count", n));
    HN_TRY(get_count(e, all, &e->n_experts));
    return hn_hf_encoder_count(e, "expert_count", e->n_experts);
}

/* Alibaba's kind of NTK: the base is multiplied by the factor, and what comes of it is divided by
 * factor^(2 / size of a head). */
static enum hn_status add_theta(const struct hn_hf_encoder *e)
{
    static const char *const widths[] = {"hidden_size", NULL};
    static const char *const heads[] = {"num_attention_heads", NULL};
    const json_t *theta = get(e, "rope_theta"), *scaling = get(e, "rope_scaling");
    if (!json_is_number(theta)) return HN_OK;
    if (!scaling) return add_real(e, "rope.freq_base", json_number_value(theta));
    const json_t *type = json_object_get(scaling, "type");
    const json_t *factor = json_object_get(scaling, "factor"),
                 *mixed = json_object_get(scaling, "mixed_b");
    uint32_t width, n_heads;
    HN_TRY(get_count(e, widths, &width));
    HN_TRY(get_count(e, heads, &n_heads));
    const double f = json_number_value(factor);
    if (!json_is_string(type) || !hn_str_is(hn_json_str(type), "ntk") || !(f >= 1) || !n_heads ||
        width < n_heads || (mixed && !json_is_null(mixed)))
        return hn_fail(e->err, HN_E_UNSUPPORTED,
                       "%s: config.json: rope_scaling: only ntk with a factor is supported",
                       e->name);
    HN_TRY(add_real(e, "rope.freq_base", json_number_value(theta) * f));
    return add_real(e, "rope.scaling.factor", pow(f, 2.0 / (double)(width / n_heads)));
}

static enum hn_status add_numbers(struct hn_hf_encoder *e)
{
    const json_t *eps = get(e, "norm_eps");
    if (!eps) eps = get(e, "layer_norm_eps");
    if (!eps) eps = get(e, "layer_norm_epsilon");
    if (!json_is_number(eps))
        return hn_fail(e->err, HN_E_FORMAT, "%s: config.json: layer_norm_eps is no number",
                       e->name);
    HN_TRY(add_real(e, "attention.layer_norm_epsilon", json_number_value(eps)));
    HN_TRY(add_plain(e));
    HN_TRY(add_theta(e));
    HN_TRY(add_experts(e));
    HN_TRY(add_window(e));
    if (!e->family->head_act) return HN_OK;
    return hn_hf_encoder_text(e, e->family->arch, HN_STR("classifier.activation"),
                              hn_str_from(e->family->head_act));
}

/* What GGUF has no key for must be as the architecture implies. */
static enum hn_status check_fixed(const struct hn_hf_encoder *e)
{
    json_t *fixed;
    const char *key;
    json_t *want;
    HN_TRY(hn_json_parse(hn_str_from(e->family->fixed), "fixed values", &fixed, e->err));
    enum hn_status status = HN_OK;
    json_object_foreach(fixed, key, want)
    {
        const json_t *value = json_object_get(e->config, key);
        const bool numbers = json_is_number(value) && json_is_number(want);
        if (!value || json_is_null(value) || json_equal(value, want) ||
            (numbers && json_number_value(value) == json_number_value(want)))
            continue;
        status = hn_fail(e->err, HN_E_UNSUPPORTED,
                         "%s: config.json: %s: this value is not supported for %s models", e->name,
                         key, e->family->model_type);
        break;
    }
    json_decref(fixed);
    return status;
}

/* --- the whole --------------------------------------------------------------------------------- */

/* How long texts may be, and whether they are made lower-case before anything else. */
static enum hn_status read_sentence(struct hn_hf_encoder *e, struct hn_str text)
{
    json_t *config;
    if (!text.n) return HN_OK;
    HN_TRY(hn_json_parse(text, "sentence_bert_config.json", &config, e->err));
    const json_t *longest = json_object_get(config, "max_seq_length");
    const json_int_t n = json_integer_value(longest);
    if (json_is_integer(longest) && n > 0 && n < INT32_MAX) e->longest = (uint32_t)n;
    const bool lower = json_is_true(json_object_get(config, "do_lower_case"));
    json_decref(config);
    if (hn_meta_add_bool(&e->g->meta, &e->g->arena, HN_STR("embedding.lowercase"), lower) < 0)
        return hn_fail_nomem(e->err, "metadata", sizeof lower);
    return HN_OK;
}

static enum hn_status translate(struct hn_hf_encoder *e, const struct hn_hf_texts *texts)
{
    const struct hn_meta_kv arch = {.key = HN_STR("general.architecture"),
                                    .type = HN_META_STR,
                                    .text = hn_str_from(e->family->arch)};
    HN_TRY(check_fixed(e));
    HN_TRY(add(e, arch));
    HN_TRY(add_sizes(e));
    HN_TRY(read_sentence(e, texts->sentence));
    HN_TRY(add_positions(e));
    HN_TRY(add_numbers(e));
    HN_TRY(hn_hf_encoder_modules(e, texts));
    return hn_hf_encoder_tensors(e);
}

enum hn_status hn_hf_encoder_translate(const json_t *config, const struct hn_hf_texts *texts,
                                       const struct hn_safetensors *st, const char *name,
                                       struct hn_gguf *g, struct hn_error *err)
{
    json_t *defaults;
    struct hn_hf_encoder e = {.family = find_family(config),
                              .config = config,
                              .st = st,
                              .name = name,
                              .g = g,
                              .err = err};
    HN_TRY(hn_json_parse(hn_str_from(e.family->defaults), "defaults", &defaults, err));
    e.defaults = defaults;
    const enum hn_status status = translate(&e, texts);
    json_decref(defaults);
    return status;
}
