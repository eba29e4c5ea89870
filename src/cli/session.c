#include "cli/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "cli/door.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

static const char *const kv_names[HN_KV_TYPES] = {
    [HN_KV_F32] = "f32", [HN_KV_F16] = "f16", [HN_KV_BF16] = "bf16", [HN_KV_Q8_0] = "q8_0"};

const char *hn_kv_type_name(enum hn_kv_type type)
{
    return kv_names[type];
}

static enum hn_status take_kv_type(void *field, const char *text, struct hn_error *err)
{
    for (int i = 0; i < HN_KV_TYPES; i++)
        if (strcmp(kv_names[i], text) == 0) {
            *(enum hn_kv_type *)field = (enum hn_kv_type)i;
            return HN_OK;
        }
    return hn_fail(err, HN_E_ARG, "give f16, bf16, f32 or q8_0");
}

#define AT(field) offsetof(struct hn_session_options, field)
const struct hn_opt hn_session_items[HN_SESSION_ITEMS] = {
    HN_OPT_MODEL(struct hn_session_options, model),
    {"threads", 't', "N", HN_OPT_SIZE, AT(threads), 1, HN_POOL_MAX_THREADS,
     .help = "worker threads (default: all cores); results do not depend on it"},
    {"context", 'c', "N", HN_OPT_SIZE, AT(context), 1, HN_MAX_CONTEXT,
     .help =
         "longest text in tokens, prompt and answer (default: what the model was made for, or as "
         "much of it as fits into memory)"},
    {"batch", 'b', "N", HN_OPT_SIZE, AT(batch), 1, 1 << 16,
     .help = "tokens of a prompt read at a time (default: 512)"},
    {"kv-type", 0, "TYPE", HN_OPT_CALL, AT(kv_type), .take = take_kv_type,
     .help = "how keys and values are kept: f16 (the default), bf16, f32, or q8_0 for half the "
             "memory"},
};
#undef AT

struct hn_session_options hn_session_defaults(void)
{
    return (struct hn_session_options){.kv_type = hn_plan_defaults().kv_type};
}

static bool show_loading(void *ctx, size_t done, size_t all)
{
    struct hn_bar *bar = ctx;
    bar->total = all;
    hn_bar_step(bar, done, (struct hn_str){0});
    return !hn_interrupted();
}

static enum hn_status plan(const struct hn_session_options *options,
                           const struct hn_session_needs *needs, struct hn_session *s,
                           struct hn_error *err)
{
    HN_TRY(hn_config_read(s->file, &s->config, err));
    s->config.n_context = hn_max(s->config.n_context, needs->past_context);
    struct hn_plan_options wanted = hn_plan_defaults();
    wanted.context =
        options->context ? options->context : hn_min(needs->context, s->config.n_context);
    wanted.batch = options->batch;
    wanted.kv_type = options->kv_type;
    if (needs->sequences) wanted.sequences = needs->sequences;
    return hn_plan_make(&s->config, s->file, NULL, &wanted, &s->plan, err);
}

static enum hn_status load(struct hn_session *s, struct hn_error *err)
{
    enum hn_cpu_level level;
    HN_TRY(hn_cpu_choose(getenv("HENCE_CPU"), &level, err));
    HN_TRY(hn_cpu_backend_create(s->threads, level, &s->backend, err));
    struct hn_bar bar = hn_bar_start("loading", 0);
    const struct hn_load_progress progress = {show_loading, &bar};
    const enum hn_status status =
        hn_decoder_load(s->file, &s->config, &s->plan, s->backend, &progress, &s->decoder, err);
    hn_bar_end(&bar);
    if (status < 0) return status;
    return hn_engine_create(s->decoder, s->tokenizer, &s->engine, err);
}

enum hn_status hn_session_open(const struct hn_session_options *options,
                               const struct hn_session_needs *needs, struct hn_session *out,
                               struct hn_error *err)
{
    const uint64_t start = hn_clock_ns();
    *out = (struct hn_session){
        .name = options->model ? options->model : "the starter model",
        .threads = options->threads ? (unsigned)options->threads : hn_cpu_count(),
    };
    HN_TRY(hn_door_open(options->model, &out->file, err));
    enum hn_status status = plan(options, needs, out, err);
    /* The vocabulary's errors name the model themselves. */
    if (status < 0) hn_fail_in(err, status, "%s", out->name);
    else status = hn_door_tokenizer(out->file, options->model, &out->tokenizer, err);
    if (status >= 0) {
        status = load(out, err);
        if (status < 0) hn_fail_in(err, status, "%s", out->name);
    }
    out->load_s = hn_clock_seconds(start, hn_clock_ns());
    if (status < 0) hn_session_close(out);
    return status;
}

void hn_session_close(struct hn_session *s)
{
    hn_engine_destroy(s->engine);
    hn_decoder_destroy(s->decoder);
    hn_backend_destroy(s->backend);
    hn_tokenizer_destroy(s->tokenizer);
    hn_gguf_close(s->file);
    *s = (struct hn_session){0};
}
