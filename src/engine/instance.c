#include "engine/instance.h"

#include "base/bits.h"
#include "base/clock.h"
#include "model/open.h"

static enum hn_status same_vocabulary(const struct hn_instance *in, struct hn_error *err)
{
    struct hn_tokenizer *own = NULL;
    enum hn_status status = hn_model_tokenizer(in->draft.file, &own, err);
    if (status >= 0) status = hn_tokenizer_same(in->tokenizer, own, err);
    hn_tokenizer_destroy(own);
    return status;
}

static enum hn_status make_draft(const struct hn_instance_options *options, struct hn_instance *in,
                                 struct hn_error *err)
{
    struct hn_draft_model *draft = &in->draft;
    struct hn_plan_options plan = options->plan;
    HN_TRY(same_vocabulary(in, err));
    HN_TRY(hn_config_read(draft->file, &draft->config, err));
    plan.context = hn_min(in->plan.context, draft->config.n_context);
    HN_TRY(hn_plan_make(&draft->config, draft->file, NULL, &plan, &draft->plan, err));
    HN_TRY(hn_decoder_load(draft->file, &draft->config, &draft->plan, in->backend, NULL,
                           &draft->decoder, err));
    return hn_engine_assist(in->engine, draft->decoder, err);
}

static enum hn_status open_draft(const struct hn_instance_options *options, struct hn_instance *in,
                                 struct hn_error *err)
{
    HN_TRY(hn_model_open(options->draft, &in->draft.file, err));
    const enum hn_status status = make_draft(options, in, err);
    return status < 0 ? hn_fail_in(err, status, "the draft model %s", options->draft) : status;
}

static enum hn_status make(const struct hn_instance_options *options, struct hn_instance *in,
                           struct hn_error *err)
{
    enum hn_cpu_level level;
    HN_TRY(hn_config_read(in->file, &in->config, err));
    in->config.n_context = hn_max(in->config.n_context, options->past_context);
    struct hn_plan_options plan = options->plan;
    if (!plan.context) plan.context = hn_min(options->usual_context, in->config.n_context);
    HN_TRY(hn_plan_make(&in->config, in->file, NULL, &plan, &in->plan, err));
    HN_TRY(hn_model_tokenizer(in->file, &in->tokenizer, err));
    HN_TRY(hn_cpu_choose(options->cpu, &level, err));
    HN_TRY(hn_cpu_backend_create(in->threads, level, &in->backend, err));
    HN_TRY(hn_decoder_load(in->file, &in->config, &in->plan, in->backend, options->progress,
                           &in->decoder, err));
    HN_TRY(hn_engine_create(in->decoder, in->tokenizer, &in->engine, err));
    hn_engine_limit_step(in->engine, options->step_s);
    return HN_OK;
}

enum hn_status hn_instance_open(const struct hn_instance_options *options, struct hn_instance *out,
                                struct hn_error *err)
{
    const uint64_t start = hn_clock_ns();
    *out = (struct hn_instance){
        .name = options->name ? options->name : options->path,
        .threads = options->threads ? options->threads : hn_cpu_count(),
    };
    HN_TRY(hn_model_open(options->path, &out->file, err)); /* names the path itself */
    enum hn_status status = make(options, out, err);
    if (status < 0) hn_fail_in(err, status, "%s", out->name);
    if (status >= 0 && options->draft) status = open_draft(options, out, err);
    out->load_s = hn_clock_seconds(start, hn_clock_ns());
    if (status < 0) hn_instance_close(out);
    return status;
}

void hn_instance_close(struct hn_instance *in)
{
    hn_engine_destroy(in->engine);
    hn_decoder_destroy(in->draft.decoder);
    hn_gguf_close(in->draft.file);
    hn_decoder_destroy(in->decoder);
    hn_backend_destroy(in->backend);
    hn_tokenizer_destroy(in->tokenizer);
    hn_gguf_close(in->file);
    *in = (struct hn_instance){0};
}
