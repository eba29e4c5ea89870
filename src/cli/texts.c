#include "cli/texts.h"

#include <stdlib.h>

#include "base/bits.h"
#include "cli/door.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

#define AT(field) offsetof(struct hn_texts_options, field)
const struct hn_opt hn_texts_items[HN_TEXTS_ITEMS] = {
    HN_OPT_MODEL(struct hn_texts_options, model),
    {"threads", 't', "N", HN_OPT_SIZE, AT(threads), 1, HN_POOL_MAX_THREADS,
     .help = "worker threads (default: all cores); results do not depend on it"},
    {"truncate", 0, NULL, HN_OPT_FLAG, AT(truncate),
     .help = "cut what is too long for the model at its end; otherwise it is an error"},
};
#undef AT

static bool show_loading(void *ctx, size_t done, size_t all)
{
    struct hn_bar *bar = ctx;
    if (!bar->what) *bar = hn_bar_start("loading", all);
    hn_bar_step(bar, done, (struct hn_str){0});
    return !hn_interrupted();
}

enum hn_status hn_texts_open(const struct hn_texts_options *options, struct hn_embedder *out,
                             struct hn_error *err)
{
    struct hn_bar bar = {0};
    const struct hn_load_progress progress = {show_loading, &bar};
    const enum hn_status status =
        hn_embedder_open(&(struct hn_embedder_options){.path = options->model,
                                                       .threads = (unsigned)options->threads,
                                                       .cpu = getenv("HENCE_CPU"),
                                                       .progress = &progress},
                         out, err);
    hn_bar_end(&bar);
    return status;
}

bool hn_texts_next(struct hn_str *rest, struct hn_str *line)
{
    if (!rest->n) return false;
    const char *end = memchr(rest->p, '\n', rest->n);
    *line = (struct hn_str){rest->p, end ? (size_t)(end - rest->p) : rest->n};
    const size_t step = line->n + (end != NULL);
    *rest = (struct hn_str){rest->p + step, rest->n - step};
    if (line->n && line->p[line->n - 1] == '\r') line->n--;
    return true;
}

enum hn_status hn_texts_add(struct hn_texts_batch *batch, const struct hn_encoder_config *config,
                            enum hn_pooling pooling, size_t n_first, struct hn_error *err)
{
    if (batch->n == batch->cap) {
        const size_t cap = 2 * batch->cap + 16;
        struct hn_encode_item *items = realloc(batch->items, cap * sizeof *items);
        if (!items) return hn_fail_nomem(err, "texts", cap * sizeof *items);
        batch->items = items;
        batch->cap = cap;
    }
    const size_t n = batch->ids.n - batch->n_tokens;
    batch->n_tokens = batch->ids.n;
    batch->items[batch->n++] = (struct hn_encode_item){.n = n, .n_first = n_first};
    batch->n_floats += hn_encode_floats(config, pooling, n);
    return HN_OK;
}

enum hn_status hn_texts_run(struct hn_texts_batch *batch, struct hn_encoding *run,
                            enum hn_pooling pooling, struct hn_error *err)
{
    const struct hn_encoder_config *config = hn_encoder_config(hn_encoding_encoder(run));
    float *out = realloc(batch->out, batch->n_floats * sizeof *out + 1);
    if (!out) return hn_fail_nomem(err, "vectors", batch->n_floats * sizeof *out);
    batch->out = out;
    const int32_t *ids = batch->ids.ids;
    for (size_t i = 0; i < batch->n; i++) {
        struct hn_encode_item *item = &batch->items[i];
        item->tokens = ids;
        item->out = out;
        ids += item->n;
        out += hn_encode_floats(config, pooling, item->n);
    }
    return hn_encoding_run(run, pooling, batch->items, batch->n, err);
}

void hn_texts_clear(struct hn_texts_batch *batch)
{
    batch->ids.n = batch->n = batch->n_tokens = batch->n_floats = 0;
}

void hn_texts_free(struct hn_texts_batch *batch)
{
    hn_tokens_free(&batch->ids);
    free(batch->items);
    free(batch->out);
    *batch = (struct hn_texts_batch){0};
}
