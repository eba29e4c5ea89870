#include "model/vocab_load.h"

#include <ctype.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/file.h"
#include "text/tokenizer_json.h"

#define KEY(name) HN_STR("tokenizer.ggml." name)

/* Absent keys leave *out as it is. */
static enum hn_status optional(enum hn_status status)
{
    return status == HN_E_NOTFOUND ? HN_OK : status;
}

static enum hn_status read_kind(const struct hn_meta *meta, struct hn_vocab_spec *out,
                                struct hn_error *err)
{
    struct hn_str model;
    const enum hn_status status = hn_meta_text(meta, KEY("model"), &model, err);
    if (status == HN_E_NOTFOUND)
        return hn_fail(err, status, "the file has no vocabulary (tokenizer.ggml.model)");
    HN_TRY(status);
    static const struct {
        const char *name;
        enum hn_vocab_kind kind;
        int32_t bos, eos, unk, sep; /* where the file does not say */
    } kinds[] = {
        {"llama", HN_VOCAB_SPM, 1, 2, 0, -1},     {"gpt2", HN_VOCAB_BPE, -1, -1, -1, -1},
        {"gemma4", HN_VOCAB_BPE, -1, -1, -1, -1}, {"bert", HN_VOCAB_WPM, 101, -1, 100, 102},
        {"t5", HN_VOCAB_UGM, -1, 1, 2, -1},
    };
    for (size_t i = 0; i < HN_COUNT(kinds); i++) {
        if (!hn_str_is(model, kinds[i].name)) continue;
        *out = hn_vocab_spec_init(kinds[i].kind);
        out->bos = kinds[i].bos;
        out->eos = kinds[i].eos;
        out->unk = kinds[i].unk;
        out->sep = kinds[i].sep;
        if (hn_str_is(model, "gemma4")) out->pre = model;
        return HN_OK;
    }
    return hn_fail(
        err, HN_E_UNSUPPORTED,
        "vocabularies of the kind '%.*s' (tokenizer.ggml.model) are not supported; known "
        "are llama, gpt2, gemma4, bert, t5",
        HN_FMT(model));
}

static enum hn_status read_tokens(const struct hn_meta *meta, struct hn_arena *arena,
                                  struct hn_vocab_spec *out, struct hn_error *err)
{
    struct hn_meta_array tokens, array;
    enum hn_status status = hn_meta_array(meta, KEY("tokens"), HN_META_STR, &tokens, err);
    if (status == HN_E_NOTFOUND)
        return hn_fail(err, HN_E_FORMAT, "the vocabulary has no tokens (tokenizer.ggml.tokens)");
    HN_TRY(status);
    if (tokens.n > HN_VOCAB_MAX_TOKENS)
        return hn_fail(err, HN_E_LIMIT,
                       "tokenizer.ggml.tokens: %zu tokens; at most %d are supported", tokens.n,
                       HN_VOCAB_MAX_TOKENS);
    out->n = tokens.n;
    out->texts = tokens.texts;

    status = hn_meta_array(meta, KEY("scores"), HN_META_F32, &array, err);
    HN_TRY(optional(status));
    if (status >= 0) {
        if (array.n < out->n)
            return hn_fail(err, HN_E_FORMAT, "tokenizer.ggml.scores: %zu scores for %zu tokens",
                           array.n, out->n);
        float *scores = hn_arena_alloc(arena, out->n, sizeof *scores);
        if (!scores) return hn_fail_nomem(err, "vocabulary", out->n * sizeof *scores);
        memcpy(scores, array.data, out->n * sizeof *scores);
        out->scores = scores;
    }

    status = hn_meta_array(meta, KEY("token_type"), HN_META_I32, &array, err);
    HN_TRY(optional(status));
    if (status < 0) return HN_OK;
    if (array.n < out->n)
        return hn_fail(err, HN_E_FORMAT, "tokenizer.ggml.token_type: %zu types for %zu tokens",
                       array.n, out->n);
    uint8_t *types = hn_arena_alloc(arena, out->n, 1);
    if (!types) return hn_fail_nomem(err, "vocabulary", out->n);
    for (size_t i = 0; i < out->n; i++) {
        const int64_t type = hn_meta_array_int(&array, i);
        if (type < 0 || type > HN_TOKEN_BYTE)
            return hn_fail(err, HN_E_FORMAT, "tokenizer.ggml.token_type: token %zu has type %lld",
                           i, (long long)type);
        types[i] = (uint8_t)type;
    }
    out->types = types;
    return HN_OK;
}

static enum hn_status read_merges(const struct hn_meta *meta, struct hn_vocab_spec *out,
                                  struct hn_error *err)
{
    struct hn_meta_array merges;
    const enum hn_status status = hn_meta_array(meta, KEY("merges"), HN_META_STR, &merges, err);
    if (status == HN_E_NOTFOUND)
        return hn_fail(err, HN_E_FORMAT, "a BPE vocabulary without merges (tokenizer.ggml.merges)");
    HN_TRY(status);
    out->n_merges = merges.n;
    out->merges = merges.texts;
    return HN_OK;
}

static enum hn_status read_id(const struct hn_meta *meta, struct hn_str key, size_t n, int32_t *out,
                              struct hn_error *err)
{
    uint32_t id;
    const enum hn_status status = hn_meta_u32(meta, key, &id, err);
    if (status == HN_E_NOTFOUND) {
        if (*out >= 0 && (size_t)*out >= n) *out = -1; /* a default that this vocabulary lacks */
        return HN_OK;
    }
    HN_TRY(status);
    if (id == UINT32_MAX) {
        *out = -1; /* how some converters write "none" */
        return HN_OK;
    }
    if (id >= n)
        return hn_fail(err, HN_E_FORMAT, "%.*s: %u in a vocabulary of %zu tokens", HN_FMT(key), id,
                       n);
    *out = (int32_t)id;
    return HN_OK;
}

static enum hn_status read_ids(const struct hn_meta *meta, struct hn_vocab_spec *out,
                               struct hn_error *err)
{
    HN_TRY(read_id(meta, KEY("bos_token_id"), out->n, &out->bos, err));
    HN_TRY(read_id(meta, KEY("eos_token_id"), out->n, &out->eos, err));
    HN_TRY(read_id(meta, KEY("eot_token_id"), out->n, &out->eot, err));
    HN_TRY(read_id(meta, KEY("unknown_token_id"), out->n, &out->unk, err));
    HN_TRY(read_id(meta, KEY("seperator_token_id"), out->n, &out->sep, err)); /* sic */
    HN_TRY(read_id(meta, KEY("padding_token_id"), out->n, &out->pad, err));
    HN_TRY(read_id(meta, KEY("cls_token_id"), out->n, &out->cls, err));
    return read_id(meta, KEY("mask_token_id"), out->n, &out->mask, err);
}

static enum hn_status read_switch(const struct hn_meta *meta, struct hn_str key, int8_t *out,
                                  struct hn_error *err)
{
    bool on;
    const enum hn_status status = hn_meta_bool(meta, key, &on, err);
    if (status >= 0) *out = on;
    return optional(status);
}

static enum hn_status read_charsmap(const struct hn_meta *meta, struct hn_str *out,
                                    struct hn_error *err)
{
    const struct hn_meta_kv *kv = hn_meta_find(meta, KEY("precompiled_charsmap"));
    if (!kv) return HN_OK;
    if (kv->type != HN_META_ARRAY || (kv->array.type != HN_META_U8 && kv->array.type != HN_META_I8))
        return hn_fail(err, HN_E_FORMAT,
                       "tokenizer.ggml.precompiled_charsmap is no array of bytes");
    *out = (struct hn_str){kv->array.data, kv->array.n};
    return HN_OK;
}

static bool contains_word(struct hn_str text, const char *word)
{
    const size_t n = strlen(word);
    for (size_t at = 0; at + n <= text.n; at++) {
        size_t i = 0;
        while (i < n && tolower((unsigned char)text.p[at + i]) == word[i])
            i++;
        if (i == n) return true;
    }
    return false;
}

/* GGUF has no place for the strip attributes of added tokens; these are the models that have them. */
static enum hn_status guess_attrs(const struct hn_meta *meta, struct hn_arena *arena,
                                  struct hn_vocab_spec *out, struct hn_error *err)
{
    struct hn_str name = {0}, architecture = {0};
    HN_TRY(optional(hn_meta_text(meta, HN_STR("general.name"), &name, err)));
    HN_TRY(optional(hn_meta_text(meta, HN_STR("general.architecture"), &architecture, err)));
    const bool phi3 = contains_word(name, "phi-3") || contains_word(name, "phi3");
    const bool mask = contains_word(out->pre, "jina-v2") ||
                      hn_str_is(architecture, "nomic-bert-moe") ||
                      hn_str_is(architecture, "jina-bert-v3") || contains_word(name, "modern-bert");
    if (!phi3 && !mask) return HN_OK;
    uint8_t *attrs = hn_arena_alloc(arena, out->n, 1);
    if (!attrs) return hn_fail_nomem(err, "vocabulary", out->n);
    for (size_t i = 0; i < out->n; i++) {
        const struct hn_str text = out->texts[i];
        if (mask && (hn_str_is(text, "<mask>") || hn_str_is(text, "[MASK]")))
            attrs[i] |= HN_TOKEN_LSTRIP;
        const bool bare =
            hn_str_is(text, "<unk>") || hn_str_is(text, "<s>") || hn_str_is(text, "<|endoftext|>");
        if (phi3 && !bare) attrs[i] |= HN_TOKEN_RSTRIP; /* matters to special tokens alone */
    }
    out->attrs = attrs;
    return HN_OK;
}

enum hn_status hn_vocab_from_meta(const struct hn_meta *meta, struct hn_arena *arena,
                                  struct hn_vocab_spec *out, struct hn_error *err)
{
    HN_TRY(read_kind(meta, out, err));
    if (!out->pre.n) HN_TRY(optional(hn_meta_text(meta, KEY("pre"), &out->pre, err)));
    HN_TRY(read_tokens(meta, arena, out, err));
    if (out->kind == HN_VOCAB_BPE) HN_TRY(read_merges(meta, out, err));
    HN_TRY(read_ids(meta, out, err));
    HN_TRY(read_switch(meta, KEY("add_bos_token"), &out->add_bos, err));
    HN_TRY(read_switch(meta, KEY("add_eos_token"), &out->add_eos, err));
    HN_TRY(read_switch(meta, KEY("add_sep_token"), &out->add_sep, err));
    HN_TRY(read_switch(meta, KEY("add_space_prefix"), &out->add_space_prefix, err));
    HN_TRY(read_switch(meta, KEY("normalizer.lowercase"), &out->lowercase, err));
    HN_TRY(read_switch(meta, KEY("normalizer.strip_accents"), &out->strip_accents, err));
    HN_TRY(optional(
        hn_meta_bool(meta, KEY("remove_extra_whitespaces"), &out->remove_extra_whitespaces, err)));
    HN_TRY(read_charsmap(meta, &out->charsmap, err));
    return guess_attrs(meta, arena, out, err);
}

/* FOLDER/NAME into *out; *out stays empty when there is no such file and it is optional. */
static enum hn_status read_file(struct hn_str folder, const char *name, bool required,
                                struct hn_buf *out, struct hn_error *err)
{
    struct hn_buf path = {0};
    hn_buf_str(&path, folder);
    hn_buf_printf(&path, "/%s", name);
    enum hn_status status = path.failed;
    if (status < 0) hn_fail_nomem(err, "path", folder.n);
    else if (required || access(path.p, F_OK) == 0)
        status = hn_file_read(path.p, HN_TOKENIZER_JSON_MAX_BYTES, out, err);
    hn_buf_free(&path);
    return status;
}

static enum hn_status from_folder(struct hn_str folder, struct hn_arena *arena,
                                  struct hn_vocab_spec *out, struct hn_error *err)
{
    struct hn_buf tokenizer = {0}, lines = {0}, config = {0};
    enum hn_status status = read_file(folder, "vocab.txt", false, &lines, err);
    if (status >= 0) status = read_file(folder, "tokenizer.json", !lines.n, &tokenizer, err);
    if (status >= 0) status = read_file(folder, "tokenizer_config.json", false, &config, err);
    if (status >= 0 && !tokenizer.n)
        status = hn_vocab_from_lines(hn_buf_view(&lines), hn_buf_view(&config), arena, out, err);
    else if (status >= 0)
        status = hn_vocab_from_json(hn_buf_view(&tokenizer), hn_buf_view(&config), arena, out, err);
    hn_buf_free(&tokenizer);
    hn_buf_free(&lines);
    hn_buf_free(&config);
    return status;
}

/* In front of all else that is done to a text (key embedding.lowercase). */
static enum hn_status lower_first(const struct hn_meta *meta, struct hn_arena *arena,
                                  struct hn_vocab_spec *out, struct hn_error *err)
{
    bool on = false;
    HN_TRY(optional(hn_meta_bool(meta, HN_STR("embedding.lowercase"), &on, err)));
    if (!on) return HN_OK;
    out->lowercase = 1;
    if (!out->has_pipeline) return HN_OK;
    struct hn_normal *steps = hn_arena_alloc(arena, out->n_normals + 1, sizeof *steps);
    if (!steps) return hn_fail_nomem(err, "vocabulary", (out->n_normals + 1) * sizeof *steps);
    steps[0] = (struct hn_normal){.kind = HN_NORMAL_LOWERCASE};
    for (size_t i = 0; i < out->n_normals; i++)
        steps[i + 1] = out->normals[i];
    out->normals = steps;
    out->n_normals++;
    return HN_OK;
}

enum hn_status hn_tokenizer_load(const struct hn_meta *meta, struct hn_str folder,
                                 struct hn_tokenizer **out, struct hn_error *err)
{
    struct hn_arena arena = {0};
    struct hn_vocab_spec spec;
    enum hn_status status = hn_vocab_from_meta(meta, &arena, &spec, err);
    if (status == HN_E_NOTFOUND && folder.n) status = from_folder(folder, &arena, &spec, err);
    if (status >= 0) status = lower_first(meta, &arena, &spec, err);
    if (status >= 0) status = hn_tokenizer_create(&spec, out, err);
    hn_arena_free(&arena);
    return status;
}
