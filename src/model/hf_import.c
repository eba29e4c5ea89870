#include "model/hf_import.h"

#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bits.h"
#include "base/file.h"
#include "base/json.h"
#include "model/hf_config.h"
#include "model/hf_encoder.h"
#include "model/hf_tensors.h"

/* A copy of `value` in the arena under a copied key. */
static enum hn_status add_text(struct hn_gguf *g, struct hn_str key, struct hn_str value,
                               struct hn_error *err)
{
    const struct hn_meta_kv kv = {.key = hn_arena_str(&g->arena, key),
                                  .type = HN_META_STR,
                                  .text = hn_arena_str(&g->arena, value)};
    if (!kv.key.p || !kv.text.p) return hn_fail_nomem(err, "metadata", value.n);
    return hn_meta_add(&g->meta, &g->arena, &kv, err);
}

/* The templates of tokenizer_config.json: one text, or several with names. */
static enum hn_status add_listed_templates(struct hn_gguf *g, const json_t *value,
                                           struct hn_error *err)
{
    static const struct hn_str key = HN_STR("tokenizer.chat_template");
    if (json_is_string(value)) return add_text(g, key, hn_json_str(value), err);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *entry = json_array_get(value, i);
        const json_t *name = json_object_get(entry, "name");
        const json_t *text = json_object_get(entry, "template");
        char named[128];
        if (!json_is_string(name) || !json_is_string(text)) continue;
        const bool plain = hn_str_is(hn_json_str(name), "default");
        const int n = snprintf(named, sizeof named, "tokenizer.chat_template%s%.60s",
                               plain ? "" : ".", plain ? "" : json_string_value(name));
        HN_TRY(add_text(g, (struct hn_str){named, (size_t)n}, hn_json_str(text), err));
    }
    return HN_OK;
}

static enum hn_status add_template(struct hn_gguf *g, const struct hn_hf_texts *texts,
                                   struct hn_error *err)
{
    json_t *config;
    if (texts->jinja.n) return add_text(g, HN_STR("tokenizer.chat_template"), texts->jinja, err);
    if (!texts->tokenizer.n) return HN_OK;
    HN_TRY(hn_json_parse(texts->tokenizer, "tokenizer_config.json", &config, err));
    const enum hn_status status =
        add_listed_templates(g, json_object_get(config, "chat_template"), err);
    json_decref(config);
    return status;
}

static bool is_id(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 &&
           json_integer_value(value) <= INT32_MAX;
}

/* One id, or a list of them. */
static enum hn_status add_ends(struct hn_gguf *g, const json_t *value, struct hn_error *err)
{
    const size_t n = json_array_size(value);
    const json_t *first = n ? json_array_get(value, 0) : value;
    if (!is_id(first)) return HN_OK;
    const uint32_t id = (uint32_t)json_integer_value(first);
    if (hn_meta_add_u32(&g->meta, &g->arena, HN_STR("tokenizer.ggml.eos_token_id"), id) < 0)
        return hn_fail_nomem(err, "metadata", sizeof id);
    if (n < 2) return HN_OK;
    int32_t *ids = hn_arena_alloc(&g->arena, n, sizeof *ids);
    if (!ids) return hn_fail_nomem(err, "metadata", n * sizeof *ids);
    for (size_t i = 0; i < n; i++) {
        if (!is_id(json_array_get(value, i)))
            return hn_fail(err, HN_E_FORMAT, "eos_token_id: entry %zu is not a token's id", i);
        ids[i] = (int32_t)json_integer_value(json_array_get(value, i));
    }
    const struct hn_meta_kv kv = {.key = HN_STR("tokenizer.ggml.eos_token_ids"),
                                  .type = HN_META_ARRAY,
                                  .array = {.type = HN_META_I32, .n = n, .data = ids}};
    return hn_meta_add(&g->meta, &g->arena, &kv, err);
}

/* Where a text begins and where a generation ends: generation_config.json, else config.json. */
static enum hn_status add_special(struct hn_gguf *g, const struct hn_hf_texts *texts,
                                  const json_t *config, struct hn_error *err)
{
    json_t *generation = NULL;
    if (texts->generation.n)
        HN_TRY(hn_json_parse(texts->generation, "generation_config.json", &generation, err));
    const json_t *begin = json_object_get(generation, "bos_token_id");
    const json_t *end = json_object_get(generation, "eos_token_id");
    if (!begin) begin = json_object_get(config, "bos_token_id");
    if (!end) end = json_object_get(config, "eos_token_id");
    enum hn_status status = HN_OK;
    if (is_id(begin))
        status = hn_meta_add_u32(&g->meta, &g->arena, HN_STR("tokenizer.ggml.bos_token_id"),
                                 (uint32_t)json_integer_value(begin));
    if (status < 0) hn_fail_nomem(err, "metadata", sizeof(uint32_t));
    else status = add_ends(g, end, err);
    json_decref(generation);
    return status;
}

/* The last part of the path is the model's name. */
static enum hn_status add_name(struct hn_gguf *g, const char *folder, struct hn_error *err)
{
    struct hn_str path = hn_str_from(folder);
    while (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    g->folder = hn_arena_str(&g->arena, path);
    if (!g->folder.p) return hn_fail_nomem(err, folder, path.n);
    const char *slash = memrchr(path.p, '/', path.n);
    const size_t start = slash && path.n > 1 ? (size_t)(slash - path.p) + 1 : 0;
    return add_text(g, HN_STR("general.name"), (struct hn_str){path.p + start, path.n - start},
                    err);
}

static enum hn_status fill_encoder(struct hn_gguf *g, const json_t *config,
                                   const struct hn_hf_texts *texts, struct hn_safetensors *st,
                                   const char *name, struct hn_error *err)
{
    HN_TRY(add_name(g, name, err));
    HN_TRY(hn_hf_encoder_translate(config, texts, st, name, g, err));
    HN_TRY(hn_weights_index(&g->weights, &g->arena, err));
    return hn_meta_index(&g->meta, &g->arena, err);
}

static enum hn_status fill_decoder(struct hn_gguf *g, const struct hn_hf_texts *texts,
                                   struct hn_safetensors *st, const char *name,
                                   struct hn_error *err)
{
    struct hn_hf_config c;
    HN_TRY(hn_hf_config_read(texts->config, "config.json", &c, err));
    enum hn_status status = add_name(g, name, err);
    if (status == HN_OK) status = hn_hf_translate_config(&c, g, err);
    if (status == HN_OK) status = hn_hf_translate_tensors(&c, st, name, g, err);
    if (status == HN_OK) status = add_special(g, texts, c.root, err);
    if (status == HN_OK) status = add_template(g, texts, err);
    if (status == HN_OK)
        status = hn_hf_decoder_modules(c.root, c.family->arch, texts, name, g, err);
    if (status == HN_OK) status = hn_weights_index(&g->weights, &g->arena, err);
    if (status == HN_OK) status = hn_meta_index(&g->meta, &g->arena, err);
    hn_hf_config_free(&c);
    return status;
}

static enum hn_status fill(struct hn_gguf *g, const struct hn_hf_texts *texts,
                           struct hn_safetensors *st, const char *name, struct hn_error *err)
{
    json_t *config;
    HN_TRY(hn_json_parse(texts->config, "config.json", &config, err));
    const enum hn_status status = hn_hf_encoder_is(config)
                                      ? fill_encoder(g, config, texts, st, name, err)
                                      : fill_decoder(g, texts, st, name, err);
    json_decref(config);
    return status;
}

/* Moves the mappings, so that the views stay valid without st. */
static void move_maps(struct hn_gguf *g, struct hn_safetensors *st)
{
    for (size_t i = 0; i < st->n_maps; i++)
        g->maps[g->n_maps++] = st->maps[i];
    st->n_maps = 0;
}

static enum hn_status take_maps(struct hn_gguf *g, const struct hn_hf_texts *texts,
                                struct hn_safetensors *st, const char *name, struct hn_error *err)
{
    size_t n = st->n_maps;
    for (size_t i = 0; i < texts->n_dense; i++)
        n += texts->dense[i].st->n_maps;
    if (!n) return HN_OK;
    g->maps = hn_arena_alloc(&g->arena, n, sizeof *g->maps);
    if (!g->maps) return hn_fail_nomem(err, name, n * sizeof *g->maps);
    move_maps(g, st);
    for (size_t i = 0; i < texts->n_dense; i++)
        move_maps(g, texts->dense[i].st);
    return HN_OK;
}

enum hn_status hn_hf_translate(const struct hn_hf_texts *texts, struct hn_safetensors *st,
                               const char *name, struct hn_gguf **out, struct hn_error *err)
{
    *out = NULL;
    struct hn_gguf *g = calloc(1, sizeof *g);
    if (!g) return hn_fail_nomem(err, name, sizeof *g);
    g->alignment = 1;
    enum hn_status status = take_maps(g, texts, st, name, err);
    if (status == HN_OK) status = fill(g, texts, st, name, err);
    if (status == HN_OK) *out = g;
    else hn_gguf_close(g);
    return status;
}

/* A file of the folder; HN_E_NOTFOUND when it is not there. */
static enum hn_status read_named(const char *folder, const char *file, size_t limit,
                                 struct hn_buf *out, struct hn_error *err)
{
    char path[PATH_MAX];
    const int n = snprintf(path, sizeof path, "%s/%s", folder, file);
    if (n < 0 || (size_t)n >= sizeof path)
        return hn_fail(err, HN_E_LIMIT, "%s: the path is too long", folder);
    return hn_file_read(path, limit, out, err);
}

/* What modules.json names, in folders of its own. */
struct modules {
    struct hn_buf pooling, dense[HN_HF_MAX_DENSE];
    struct hn_hf_texts *texts;
};

static enum hn_status read_dense(const char *folder, struct hn_str inner, struct modules *m,
                                 struct hn_error *err)
{
    char path[PATH_MAX];
    struct hn_hf_texts *texts = m->texts;
    if (texts->n_dense == HN_HF_MAX_DENSE)
        return hn_fail(err, HN_E_UNSUPPORTED, "modules.json: more than %d dense layers",
                       HN_HF_MAX_DENSE);
    struct hn_buf *config = &m->dense[texts->n_dense];
    const int n = snprintf(path, sizeof path, "%s/%.*s", folder, HN_FMT(inner));
    if (n < 0 || (size_t)n >= sizeof path)
        return hn_fail(err, HN_E_LIMIT, "%s: the path is too long", folder);
    HN_TRY(read_named(path, "config.json", HN_HF_MAX_CONFIG_BYTES, config, err));
    HN_TRY(hn_safetensors_open_folder(path, &texts->dense[texts->n_dense].st, err));
    texts->dense[texts->n_dense++].config = hn_buf_view(config);
    return HN_OK;
}

static enum hn_status read_listed(const char *folder, const json_t *modules, struct modules *m,
                                  struct hn_error *err)
{
    char file[128];
    const struct hn_str pooling = hn_hf_module_folder(modules, HN_STR(".Pooling"), 0);
    if (pooling.n) {
        snprintf(file, sizeof file, "%.*s/config.json", HN_FMT(pooling));
        HN_TRY(read_named(folder, file, HN_HF_MAX_CONFIG_BYTES, &m->pooling, err));
        m->texts->pooling = hn_buf_view(&m->pooling);
    }
    struct hn_str inner;
    while ((inner = hn_hf_module_folder(modules, HN_STR(".Dense"), m->texts->n_dense)).n)
        HN_TRY(read_dense(folder, inner, m, err));
    return HN_OK;
}

static enum hn_status read_modules(const char *folder, struct modules *m, struct hn_error *err)
{
    json_t *parsed;
    if (!m->texts->modules.n) return HN_OK;
    HN_TRY(hn_json_parse(m->texts->modules, "modules.json", &parsed, err));
    const enum hn_status status = read_listed(folder, parsed, m, err);
    json_decref(parsed);
    return status;
}

static void free_modules(struct modules *m)
{
    hn_buf_free(&m->pooling);
    for (size_t i = 0; i < HN_HF_MAX_DENSE; i++) {
        hn_buf_free(&m->dense[i]);
        hn_safetensors_close(m->texts->dense[i].st);
    }
}

/* The files of the folder itself: where their texts go, and what else they may be called. */
static const struct {
    const char *names[5];
    size_t limit;
    bool required;
    size_t at;
} files[] = {
#define AT(member) offsetof(struct hn_hf_texts, member)
    {{"config.json"}, HN_HF_MAX_CONFIG_BYTES, true, AT(config)},
    {{"generation_config.json"}, HN_HF_MAX_CONFIG_BYTES, false, AT(generation)},
    {{"tokenizer_config.json"}, HN_HF_MAX_TOKENIZER_CONFIG_BYTES, false, AT(tokenizer)},
    {{"chat_template.jinja"}, HN_HF_MAX_TEMPLATE_BYTES, false, AT(jinja)},
    {{"modules.json"}, HN_HF_MAX_CONFIG_BYTES, false, AT(modules)},
    {{"config_sentence_transformers.json"}, HN_HF_MAX_CONFIG_BYTES, false, AT(prompts)},
    {{"sentence_bert_config.json", "sentence_roberta_config.json",
      "sentence_xlm-roberta_config.json", "sentence_distilbert_config.json",
      "sentence_camembert_config.json"},
     HN_HF_MAX_CONFIG_BYTES,
     false,
     AT(sentence)},
#undef AT
};

/* The first of a file's names that is there. */
static enum hn_status read_row(const char *folder, size_t row, struct hn_buf *buf,
                               struct hn_hf_texts *texts, struct hn_error *err)
{
    enum hn_status status = HN_E_NOTFOUND;
    for (size_t k = 0; k < HN_COUNT(files[row].names) && status == HN_E_NOTFOUND; k++)
        if (files[row].names[k])
            status = read_named(folder, files[row].names[k], files[row].limit, buf, err);
    if (status == HN_E_NOTFOUND && !files[row].required) return HN_OK;
    *(struct hn_str *)((char *)texts + files[row].at) = hn_buf_view(buf);
    return status;
}

enum hn_status hn_hf_open(const char *folder, struct hn_gguf **out, struct hn_error *err)
{
    struct hn_buf bufs[HN_COUNT(files)] = {0};
    struct hn_hf_texts texts = {0};
    struct modules modules = {.texts = &texts};
    struct hn_safetensors *st = NULL;
    enum hn_status status = HN_OK;
    *out = NULL;
    for (size_t i = 0; i < HN_COUNT(files) && status == HN_OK; i++)
        status = read_row(folder, i, &bufs[i], &texts, err);
    if (status == HN_OK) status = read_modules(folder, &modules, err);
    if (status == HN_OK) status = hn_safetensors_open_folder(folder, &st, err);
    if (status == HN_OK) status = hn_hf_translate(&texts, st, folder, out, err);
    hn_safetensors_close(st);
    free_modules(&modules);
    for (size_t i = 0; i < HN_COUNT(files); i++)
        hn_buf_free(&bufs[i]);
    return status;
}

/* Whether sentence-transformers pools what the model of the folder computes. */
static bool pools(const char *folder)
{
    struct hn_buf text = {0};
    json_t *modules = NULL;
    enum hn_status status = read_named(folder, "modules.json", HN_HF_MAX_CONFIG_BYTES, &text, NULL);
    if (status >= 0) status = hn_json_parse(hn_buf_view(&text), "modules.json", &modules, NULL);
    const bool is = status >= 0 && hn_hf_module_folder(modules, HN_STR(".Pooling"), 0).n;
    json_decref(modules);
    hn_buf_free(&text);
    return is;
}

bool hn_hf_is_encoder(const char *folder)
{
    struct hn_buf text = {0};
    json_t *config = NULL;
    enum hn_status status = read_named(folder, "config.json", HN_HF_MAX_CONFIG_BYTES, &text, NULL);
    if (status >= 0) status = hn_json_parse(hn_buf_view(&text), "config.json", &config, NULL);
    const bool is = status >= 0 && (hn_hf_encoder_is(config) || pools(folder));
    json_decref(config);
    hn_buf_free(&text);
    return is;
}
