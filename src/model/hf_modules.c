/* What sentence-transformers puts beside an encoder: what becomes of its rows, and prompts. */
#include <stdio.h>

#include "base/bits.h"
#include "model/encoder_config.h"
#include "model/hf_encoder_impl.h"
#include "model/hf_import.h"
#include "model/hf_tensors.h"

struct hn_str hn_hf_module_folder(const json_t *modules, struct hn_str kind, size_t which)
{
    for (size_t i = 0; i < json_array_size(modules); i++) {
        const json_t *module = json_array_get(modules, i);
        const json_t *type = json_object_get(module, "type");
        const json_t *path = json_object_get(module, "path");
        if (!json_is_string(type) || !json_is_string(path)) continue;
        if (!hn_str_ends(hn_json_str(type), kind)) continue;
        const struct hn_str folder = hn_json_str(path);
        const bool leaves = memchr(folder.p, '/', folder.n) || hn_str_starts(folder, HN_STR("."));
        if (!folder.n || folder.n >= 100 || leaves) continue;
        if (!which--) return folder;
    }
    return (struct hn_str){0};
}

/* The steps behind the encoder, in their order: one that is not here must not be missed silently. */
static enum hn_status check_modules(const struct hn_hf_encoder *e, struct hn_str text)
{
    static const struct hn_str known[] = {HN_STR(".Transformer"), HN_STR(".Pooling"),
                                          HN_STR(".Dense"), HN_STR(".Normalize")};
    json_t *modules;
    enum hn_status status = HN_OK;
    size_t at = 0;
    if (!text.n) return HN_OK;
    HN_TRY(hn_json_parse(text, "modules.json", &modules, e->err));
    for (size_t i = 0; status >= 0 && i < json_array_size(modules); i++) {
        const json_t *type = json_object_get(json_array_get(modules, i), "type");
        if (!json_is_string(type)) continue;
        size_t kind = 0;
        while (kind < HN_COUNT(known) && !hn_str_ends(hn_json_str(type), known[kind]))
            kind++;
        if (kind == HN_COUNT(known) || kind < at)
            status = hn_fail(e->err, HN_E_UNSUPPORTED,
                             "%s: modules.json: a step of the kind %s is not supported%s", e->name,
                             json_string_value(type), kind < at ? " there" : "");
        at = kind;
    }
    json_decref(modules);
    return status;
}

/* --- pooling ----------------------------------------------------------------------------------- */

/* In the order in which several stand side by side. */
static const struct {
    const char *key;
    const char *mode; /* newer files: the value of pooling_mode */
    enum hn_pooling pooling;
} poolings[] = {
    {"pooling_mode_cls_token", "cls", HN_POOLING_CLS},
    {"pooling_mode_max_tokens", "max", HN_POOLING_MAX},
    {"pooling_mode_mean_tokens", "mean", HN_POOLING_MEAN},
    {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", HN_POOLING_MEAN_SQRT},
    {"pooling_mode_weightedmean_tokens", "weightedmean", HN_POOLING_WEIGHTED},
    {"pooling_mode_lasttoken", "lasttoken", HN_POOLING_LAST},
};

static bool has_pooling(const json_t *config, size_t i)
{
    const json_t *mode = json_object_get(config, "pooling_mode");
    return json_is_true(json_object_get(config, poolings[i].key)) ||
           (json_is_string(mode) && hn_str_is(hn_json_str(mode), poolings[i].mode));
}

/* One that GGUF numbers goes under its key; others, and several, under ours. */
static enum hn_status add_pooling(const struct hn_hf_encoder *e, const json_t *config)
{
    char text[128] = "";
    size_t used = 0, found = 0, last = 0;
    for (size_t i = 0; i < HN_COUNT(poolings); i++) {
        if (!has_pooling(config, i)) continue;
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", found ? "+" : "",
                                 hn_pooling_names[poolings[i].pooling]);
        last = i;
        found++;
    }
    if (json_is_false(json_object_get(config, "include_prompt")))
        return hn_fail(e->err, HN_E_UNSUPPORTED,
                       "%s: pooling that leaves the prompt out (include_prompt) is not supported",
                       e->name);
    if (!found)
        return hn_fail(e->err, HN_E_UNSUPPORTED, "%s: no kind of pooling that is known is on",
                       e->name);
    if (found == 1 && poolings[last].pooling <= HN_POOLING_LAST)
        return hn_hf_encoder_count(e, "pooling_type", poolings[last].pooling);
    return hn_hf_encoder_text(e, "embedding", HN_STR("pooling"), (struct hn_str){text, used});
}

static enum hn_status read_pooling(const struct hn_hf_encoder *e, struct hn_str text)
{
    json_t *config;
    if (!text.n) return hn_hf_encoder_count(e, "pooling_type", HN_POOLING_MEAN);
    HN_TRY(hn_json_parse(text, "the configuration of pooling", &config, e->err));
    const enum hn_status status = add_pooling(e, config);
    json_decref(config);
    return status;
}

/* --- layers behind it -------------------------------------------------------------------------- */

/* torch.nn.modules.activation.Tanh -> tanh. What is not known goes on, to be refused by its name. */
static struct hn_str act_name(struct hn_str class)
{
    static const struct {
        const char *torch;
        struct hn_str name;
    } rows[] = {{"Tanh", HN_STR("tanh")},
                {"Identity", HN_STR("identity")},
                {"ReLU", HN_STR("relu")},
                {"GELU", HN_STR("gelu")},
                {"SiLU", HN_STR("silu")}};
    const char *dot = class.n ? memrchr(class.p, '.', class.n) : NULL;
    const struct hn_str last =
        dot ? (struct hn_str){dot + 1, class.n - (size_t)(dot + 1 - class.p)} : class;
    for (size_t i = 0; i < HN_COUNT(rows); i++)
        if (hn_str_is(last, rows[i].torch)) return rows[i].name;
    return last;
}

static enum hn_status add_dense_tensor(const struct hn_hf_encoder *e, const char *stem,
                                       const char *suffix, const struct hn_st_tensor *in)
{
    char name[40];
    struct hn_tensor t = {0};
    const int n = snprintf(name, sizeof name, "%s.%s", stem, suffix);
    HN_TRY(hn_hf_view(in, e->name, &t, e->err));
    t.name = hn_arena_str(&e->g->arena, (struct hn_str){name, (size_t)n});
    if (!t.name.p) return hn_fail_nomem(e->err, name, (size_t)n);
    if (t.n_dims == 1) HN_TRY(hn_hf_widen(in, e->name, 0, e->g, &t, e->err));
    return hn_weights_add(&e->g->weights, &e->g->arena, &t, e->err);
}

static enum hn_status add_dense(const struct hn_hf_encoder *e, size_t i,
                                const struct hn_hf_dense *dense)
{
    char stem[20], key[40];
    json_t *config;
    const struct hn_st_tensor *w = hn_safetensors_find(dense->st, HN_STR("linear.weight"));
    const struct hn_st_tensor *bias = hn_safetensors_find(dense->st, HN_STR("linear.bias"));
    if (!w)
        return hn_fail(e->err, HN_E_FORMAT, "%s: a dense layer has no tensor linear.weight",
                       e->name);
    snprintf(stem, sizeof stem, "dense_%zu", HN_ENCODER_FIRST_DENSE + i);
    const int n = snprintf(key, sizeof key, "%s.activation", stem);
    HN_TRY(hn_json_parse(dense->config, "the configuration of a dense layer", &config, e->err));
    const json_t *act = json_object_get(config, "activation_function");
    const struct hn_str class = json_is_string(act) ? hn_json_str(act) : HN_STR("Tanh");
    enum hn_status status =
        hn_hf_encoder_text(e, "embedding", (struct hn_str){key, (size_t)n}, act_name(class));
    json_decref(config);
    if (status >= 0) status = add_dense_tensor(e, stem, "weight", w);
    if (status >= 0 && bias) status = add_dense_tensor(e, stem, "bias", bias);
    return status;
}

/* --- prompts ----------------------------------------------------------------------------------- */

static enum hn_status add_prompts(const struct hn_hf_encoder *e, const json_t *config)
{
    const json_t *prompts = json_object_get(config, "prompts");
    const json_t *standard = json_object_get(config, "default_prompt_name");
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)prompts, key, value)
    {
        if (!json_is_string(value)) continue;
        const struct hn_str name = hn_str_from(key), text = hn_json_str(value);
        HN_TRY(hn_hf_encoder_text(e, "embedding.prompt", name, text));
        if (json_is_string(standard) && hn_str_eq(hn_json_str(standard), name))
            HN_TRY(hn_hf_encoder_text(e, "embedding", HN_STR("default_prompt"), text));
    }
    return HN_OK;
}

static enum hn_status read_prompts(const struct hn_hf_encoder *e, struct hn_str text)
{
    json_t *config;
    if (!text.n) return HN_OK;
    HN_TRY(hn_json_parse(text, "config_sentence_transformers.json", &config, e->err));
    const enum hn_status status = add_prompts(e, config);
    json_decref(config);
    return status;
}

/* --- the whole --------------------------------------------------------------------------------- */

/* A model that classifies has its labels; others the pooling that is said beside them. */
enum hn_status hn_hf_encoder_modules(struct hn_hf_encoder *e, const struct hn_hf_texts *texts)
{
    static const struct hn_str ending = HN_STR("ForSequenceClassification");
    const json_t *name = json_array_get(json_object_get(e->config, "architectures"), 0);
    e->classifies = json_is_string(name) && hn_str_ends(hn_json_str(name), ending);
    HN_TRY(read_prompts(e, texts->prompts));
    if (e->classifies) return hn_hf_encoder_count(e, "pooling_type", HN_POOLING_RANK);
    HN_TRY(check_modules(e, texts->modules));
    HN_TRY(read_pooling(e, texts->pooling));
    for (size_t i = 0; i < texts->n_dense; i++)
        HN_TRY(add_dense(e, i, &texts->dense[i]));
    return HN_OK;
}

enum hn_status hn_hf_decoder_modules(const json_t *config, const char *arch,
                                     const struct hn_hf_texts *texts, const char *name,
                                     struct hn_gguf *g, struct hn_error *err)
{
    const struct hn_hf_encoder_family family = {.arch = arch};
    struct hn_hf_encoder e = {
        .family = &family, .config = config, .name = name, .g = g, .err = err};
    return texts->pooling.n ? hn_hf_encoder_modules(&e, texts) : HN_OK;
}
