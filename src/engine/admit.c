/* Admission: what cannot be served is refused here, never later. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "engine/engine_impl.h"

static enum hn_status check_tokens(const struct hn_engine *engine, const struct hn_request *request,
                                   struct hn_error *err)
{
    const size_t context = hn_decoder_plan(engine->decoder)->context;
    if (request->n_tokens < 1) return hn_fail(err, HN_E_ARG, "the prompt has no tokens");
    if (request->n_tokens > context)
        return hn_fail(err, HN_E_CONTEXT, "the prompt has %zu tokens and the context %zu",
                       request->n_tokens, context);
    if (request->n_tokens == context && request->max_tokens)
        return hn_fail(
            err, HN_E_CONTEXT,
            "the prompt of %zu tokens fills the context and leaves no room for an answer",
            request->n_tokens);
    for (size_t i = 0; i < request->n_tokens; i++)
        if (request->tokens[i] < 0 || (size_t)request->tokens[i] >= engine->n_vocab)
            return hn_fail(err, HN_E_ARG,
                           "token %zu of the prompt is %d; the model's go from 0 to %zu", i,
                           request->tokens[i], engine->n_vocab - 1);
    return HN_OK;
}

/* The limit on tokens in all: the prompt and what may follow it within the context. */
static size_t limit_of(const struct hn_engine *engine, const struct hn_request *request)
{
    const size_t room = hn_decoder_plan(engine->decoder)->context - request->n_tokens;
    return request->n_tokens + hn_min(room, request->max_tokens);
}

static enum hn_status make_parts(const struct hn_engine *engine, const struct hn_request *request,
                                 struct hn_sequence *s, struct hn_error *err)
{
    s->tokens = malloc(s->limit * sizeof *s->tokens);
    s->pages = malloc(hn_div_up(s->limit, HN_KV_PAGE) * sizeof *s->pages);
    if (!s->tokens || !s->pages)
        return hn_fail_nomem(err, "a sequence", s->limit * sizeof *s->tokens);
    memcpy(s->tokens, request->tokens, request->n_tokens * sizeof *s->tokens);
    if (s->read_only) return HN_OK;
    if (s->max_draft) HN_TRY(hn_draft_create(s->limit, &s->draft, err));
    if (s->max_draft && engine->assistant)
        HN_TRY(hn_assistant_join(engine->assistant, &s->assisted, err));

    if (request->grammar) HN_TRY(hn_matcher_create(request->grammar, &s->matcher, err));
    HN_TRY(hn_sampler_create(&request->sample, engine->n_sampled, s->limit, &s->sampler, err));
    for (size_t i = 0; i < s->n_prompt; i++) /* padding of the vocabulary has no text to repeat */
        if ((size_t)s->tokens[i] < engine->n_sampled)
            HN_TRY(hn_sampler_accept(s->sampler, s->tokens[i], false));
    const struct hn_emit_params params = {
        .stops = request->stops,
        .n_stops = request->n_stops,
        .max_tokens = s->limit - s->n_prompt,
        .ignore_eog = request->ignore_eog,
        .show_control = request->show_control,
        .after_text = true,
    };
    return hn_emitter_create(engine->tokenizer, &params, &s->emitter, err);
}

void hn_sequence_drop(struct hn_sequence *s)
{
    if (!s) return;
    hn_sampler_destroy(s->sampler);
    hn_emitter_destroy(s->emitter);
    hn_matcher_destroy(s->matcher);
    hn_draft_destroy(s->draft);
    free(s->assisted.pages);
    free(s->tokens);
    free(s->pages);
    free(s);
}

void hn_sequence_destroy(struct hn_engine *engine, struct hn_sequence *s)
{
    hn_pages_release_all(engine->pages, s->pages, s->n_pages);
    if (s->assisted.pages) hn_assistant_leave(engine->assistant, &s->assisted);
    hn_sequence_drop(s);
}

enum hn_status hn_engine_prepare(const struct hn_engine *engine, const struct hn_request *request,
                                 struct hn_sequence **out, struct hn_error *err)
{
    *out = NULL;
    HN_TRY(check_tokens(engine, request, err));
    HN_TRY(hn_sample_check(&request->sample, engine->n_sampled, err));
    struct hn_sequence *s = calloc(1, sizeof *s);
    if (!s) return hn_fail_nomem(err, "a sequence", sizeof *s);
    s->sink = request->sink;
    s->n_prompt = s->n_tokens = request->n_tokens;
    s->limit = limit_of(engine, request);
    s->read_only = request->max_tokens == 0;
    s->max_draft = hn_min(request->max_draft, HN_DRAFT_MAX);
    s->want_pick = request->sample.top_logprobs >= 0;
    s->no_cache = request->no_cache || request->sink.prompt_logits;
    s->submitted_ns = hn_clock_ns();
    const enum hn_status status = make_parts(engine, request, s, err);
    if (status < 0) hn_sequence_drop(s);
    else *out = s;
    return status;
}

void hn_engine_enqueue(struct hn_engine *engine, struct hn_sequence *s, uint64_t id)
{
    s->id = id;
    *engine->waiting_end = s;
    engine->waiting_end = &s->next;
    engine->n_waiting++;
}

enum hn_status hn_engine_submit(struct hn_engine *engine, const struct hn_request *request,
                                uint64_t *id, struct hn_error *err)
{
    struct hn_sequence *s;
    HN_TRY(hn_engine_prepare(engine, request, &s, err));
    hn_engine_enqueue(engine, s, ++engine->ids);
    if (id) *id = s->id;
    return HN_OK;
}

void hn_engine_admit(struct hn_engine *engine)
{
    while (engine->waiting && engine->n_running < engine->max_running) {
        struct hn_sequence *s = engine->waiting;
        engine->waiting = s->next;
        if (!engine->waiting) engine->waiting_end = &engine->waiting;
        s->next = NULL;
        engine->n_waiting--;
        s->started_ns = hn_clock_ns();
        /* At least one token is computed: its logits are what the answer starts from. */
        if (!s->no_cache)
            s->n_pages =
                hn_pages_match(engine->pages, s->tokens, s->n_prompt - 1, s->pages, &s->name);
        s->n_published = s->n_pages;
        s->n_done = s->n_cached = s->n_pages * HN_KV_PAGE;
        engine->running[engine->n_running++] = s;
    }
}
