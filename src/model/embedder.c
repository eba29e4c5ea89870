#include "model/embedder.h"

#include <stdio.h>

#include "base/bits.h"
#include "base/clock.h"
#include "model/open.h"

#define PROMPT_KEY "embedding.prompt."

static enum hn_status make(const struct hn_embedder_options *options, struct hn_embedder *e,
                           struct hn_error *err)
{
    const unsigned threads = options->threads ? options->threads : hn_cpu_count();
    HN_TRY(hn_encoder_config_read(e->file, &e->config, err));
    HN_TRY(hn_model_tokenizer(e->file, &e->tokenizer, err));
    if (hn_tokenizer_size(e->tokenizer) > e->config.n_vocab)
        return hn_fail(err, HN_E_FORMAT, "the vocabulary has %zu tokens, and there are %zu vectors",
                       hn_tokenizer_size(e->tokenizer), e->config.n_vocab);
    const struct hn_frame f = hn_tokenizer_frame(e->tokenizer);
    if (e->config.n_context <= f.n_head + f.n_middle + f.n_tail + 1)
        return hn_fail(err, HN_E_FORMAT, "texts of %zu tokens have room for nothing",
                       e->config.n_context);
    HN_TRY(hn_cpu_choose(options->cpu, &e->level, err));
    HN_TRY(hn_cpu_backend_create(threads, e->level, &e->backend, err));
    return hn_encoder_load(e->file, &e->config, e->backend, options->progress, &e->encoder, err);
}

enum hn_status hn_embedder_open(const struct hn_embedder_options *options, struct hn_embedder *out,
                                struct hn_error *err)
{
    const uint64_t start = hn_clock_ns();
    *out = (struct hn_embedder){0};
    HN_TRY(hn_model_open(options->path, &out->file, err)); /* names the path itself */
    const enum hn_status status = make(options, out, err);
    out->load_s = hn_clock_seconds(start, hn_clock_ns());
    if (status >= 0) return HN_OK;
    hn_embedder_close(out);
    return hn_fail_in(err, status, "%s", options->name ? options->name : options->path);
}

void hn_embedder_close(struct hn_embedder *e)
{
    hn_encoder_destroy(e->encoder);
    hn_backend_destroy(e->backend);
    hn_tokenizer_destroy(e->tokenizer);
    hn_gguf_close(e->file);
    *e = (struct hn_embedder){0};
}

/* --- prompts ----------------------------------------------------------------------------------- */

static enum hn_status no_prompt(const struct hn_embedder *e, const char *name, struct hn_error *err)
{
    static const struct hn_str key = HN_STR(PROMPT_KEY);
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < e->file->meta.n && used < sizeof names; i++) {
        const struct hn_str at = e->file->meta.items[i].key;
        if (!hn_str_starts(at, key)) continue;
        used += (size_t)snprintf(names + used, sizeof names - used, " %.*s", (int)(at.n - key.n),
                                 at.p + key.n);
    }
    return hn_fail(err, HN_E_NOTFOUND, "the model has no prompt \"%s\" (there are:%s)", name,
                   used ? names : " none");
}

static enum hn_status find_prompt(const struct hn_embedder *e, struct hn_str name,
                                  struct hn_str *out, struct hn_error *err)
{
    char key[128];
    snprintf(key, sizeof key, PROMPT_KEY "%.*s", HN_FMT(name));
    return hn_meta_text(&e->file->meta, hn_str_from(key), out, err);
}

enum hn_status hn_embedder_prompt(const struct hn_embedder *e, const char *name, struct hn_str *out,
                                  struct hn_error *err)
{
    static const struct hn_str standard = HN_STR("embedding.default_prompt");
    *out = (struct hn_str){0};
    const enum hn_status status = name ? find_prompt(e, hn_str_from(name), out, err)
                                       : hn_meta_text(&e->file->meta, standard, out, err);
    if (status != HN_E_NOTFOUND) return status;
    return name ? no_prompt(e, name, err) : HN_OK;
}

enum hn_status hn_embedder_hint(const struct hn_embedder *e, struct hn_str hint, struct hn_str *out,
                                struct hn_error *err)
{
    /* One meaning a line, as models and APIs call it. */
    static const char *const names[][5] = {
        {"query", "search_query", NULL},
        {"document", "search_document", "passage", "corpus", NULL},
    };
    enum hn_status status = find_prompt(e, hint, out, err);
    for (size_t i = 0; i < HN_COUNT(names) && status == HN_E_NOTFOUND; i++) {
        size_t k = 0;
        while (names[i][k] && !hn_str_is(hint, names[i][k]))
            k++;
        const char *const *other = names[i][k] ? names[i] : &names[i][k];
        for (; *other && status == HN_E_NOTFOUND; other++)
            status = find_prompt(e, hn_str_from(*other), out, err);
    }
    return status == HN_E_NOTFOUND ? hn_embedder_prompt(e, NULL, out, err) : status;
}

/* --- texts to tokens --------------------------------------------------------------------------- */

static enum hn_status add_all(struct hn_tokens *out, const int32_t *ids, size_t n,
                              struct hn_error *err)
{
    for (size_t i = 0; i < n; i++)
        if (hn_tokens_add(out, ids[i]) < 0)
            return hn_fail_nomem(err, "tokens", (out->n + 1) * sizeof *ids);
    return HN_OK;
}

/* Appends the bare tokens of a text, of which at most `room` may follow. */
static enum hn_status add_text(const struct hn_embedder *e, struct hn_str text, size_t room,
                               bool truncate, struct hn_tokens *out, struct hn_error *err)
{
    const size_t before = out->n;
    HN_TRY(hn_tokenize(e->tokenizer, text, 0, out, err));
    if (out->n - before <= room) return HN_OK;
    if (!truncate)
        return hn_fail(err, HN_E_CONTEXT,
                       "the text has %zu tokens, with those around it, and the model takes %zu",
                       out->n + e->config.n_context - before - room, e->config.n_context);
    out->n = before + room;
    return HN_OK;
}

enum hn_status hn_embedder_tokens(const struct hn_embedder *e, struct hn_str prefix,
                                  struct hn_str text, bool truncate, struct hn_tokens *out,
                                  struct hn_error *err)
{
    const struct hn_frame f = hn_tokenizer_frame(e->tokenizer);
    const size_t around = f.n_head + f.n_tail;
    struct hn_buf whole = {0};
    hn_buf_str(&whole, prefix);
    hn_buf_str(&whole, text);
    enum hn_status status = whole.failed;
    if (status < 0) hn_fail_nomem(err, "a text", prefix.n + text.n);
    if (status >= 0) status = add_all(out, f.head, f.n_head, err);
    if (status >= 0)
        status = add_text(e, hn_buf_view(&whole), e->config.n_context - around, truncate, out, err);
    if (status >= 0) status = add_all(out, f.tail, f.n_tail, err);
    hn_buf_free(&whole);
    return status;
}

enum hn_status hn_embedder_pair(const struct hn_embedder *e, struct hn_str query,
                                struct hn_str document, const struct hn_pair_limits *limits,
                                struct hn_tokens *out, size_t *n_first, struct hn_error *err)
{
    const struct hn_frame f = hn_tokenizer_frame(e->tokenizer);
    const size_t start = out->n, around = f.n_head + f.n_middle + f.n_tail;
    const size_t room = e->config.n_context - around;
    HN_TRY(add_all(out, f.head, f.n_head, err));
    const enum hn_status status = add_text(e, query, room - 1, false, out, err);
    if (status < 0) return hn_fail_in(err, status, "the query, which leaves room for a document");
    const size_t rest = room - (out->n - start - f.n_head);
    HN_TRY(add_all(out, f.middle, f.n_middle, err));
    *n_first = f.two_types ? out->n - start : SIZE_MAX;
    const bool less = limits->document && limits->document < rest;
    HN_TRY(
        add_text(e, document, less ? limits->document : rest, less || limits->truncate, out, err));
    return add_all(out, f.tail, f.n_tail, err);
}

enum hn_status hn_embedder_ranks(const struct hn_embedder *e, struct hn_error *err)
{
    const size_t n = e->config.n_labels;
    if (n == 1 || n == 2) return HN_OK;
    if (!n) return hn_fail(err, HN_E_UNSUPPORTED, "the model embeds texts and ranks none");
    return hn_fail(err, HN_E_UNSUPPORTED, "the model tells %zu labels apart, and ranks nothing", n);
}
