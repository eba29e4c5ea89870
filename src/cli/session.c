#include "cli/session.h"

#include <stdlib.h>

#include "cli/door.h"
#include "cli/interrupt.h"
#include "cli/progress.h"

static enum hn_status take_kv_type(void *field, const char *text, struct hn_error *err)
{
    if (hn_kv_type_from_name(text, field)) return HN_OK;
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

/* The bar begins with the first part that is there, not with the file's opening. */
static bool show_loading(void *ctx, size_t done, size_t all)
{
    struct hn_bar *bar = ctx;
    if (!bar->what) *bar = hn_bar_start("loading", all);
    hn_bar_step(bar, done, (struct hn_str){0});
    return !hn_interrupted();
}

struct hn_plan_options hn_session_plan(const struct hn_session_options *options)
{
    struct hn_plan_options plan = hn_plan_defaults();
    plan.context = options->context;
    plan.batch = options->batch;
    plan.kv_type = options->kv_type;
    return plan;
}

enum hn_status hn_session_open(const struct hn_session_options *options,
                               const struct hn_session_needs *needs, struct hn_instance *out,
                               struct hn_error *err)
{
    struct hn_buf starter = {0};
    struct hn_bar bar = {0};
    const struct hn_load_progress progress = {show_loading, &bar};
    struct hn_instance_options wanted = {
        .name = options->model ? options->model : "the starter model",
        .plan = hn_session_plan(options),
        .usual_context = needs->context,
        .threads = (unsigned)options->threads,
        .cpu = getenv("HENCE_CPU"),
        .past_context = needs->past_context,
        .draft = needs->draft,
        .progress = &progress,
    };
    *out = (struct hn_instance){0};
    if (needs->sequences) {
        wanted.plan.sequences = needs->sequences;
        wanted.plan.pool = HN_POOL_FULL;
    }
    enum hn_status status = hn_door_path(options->model, &starter, &wanted.path, err);
    if (status >= 0) status = hn_instance_open(&wanted, out, err);
    hn_bar_end(&bar);
    hn_buf_free(&starter);
    return status;
}
