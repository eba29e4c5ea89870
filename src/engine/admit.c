/* Admission: what cannot be served is refused here, never later. */
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "engine/engine_impl.h"

static enum hn_status check_tokens(const struct hn_engine *engine, const struct hn_request *request,
                                   struct hn_error *err)
{
    const size_t context = engine->context;
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
    const size_t room = engine->context - request->n_tokens;
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
    HN_TRY(hn_owner_create(request, &s->owner, err));
    if (s->read_only) return HN_OK;
    if (s->max_draft) HN_TRY(hn_draft_create(s->limit, &s->draft, err));
    if (s->max_draft && engine->assistant)
        HN_TRY(hn_assistant_join(engine->assistant, &s->assisted, err));

    if (request->grammar) HN_TRY(hn_matcher_create(request->grammar, &s->matcher, err));
    if (request->grammar && request->trigger.texts[0].n)
        HN_TRY(hn_matcher_await(s->matcher, engine->tokenizer, &request->trigger, err));
    if (request->grammar && !engine->masker)
        HN_TRY(hn_masker_create(engine->tokenizer, HN_MASKER_MEMORY, &s->masker, err));
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
    if (!s->joined) free(s->owner);
    hn_sampler_destroy(s->sampler);
    hn_emitter_destroy(s->emitter);
    hn_matcher_destroy(s->matcher);
    hn_masker_destroy(s->masker);
    hn_draft_destroy(s->draft);
    free(s->assisted.pages);
    free(s->tokens);
    free(s->pages);
    free(s);
}

void hn_sequence_destroy(struct hn_engine *engine, struct hn_sequence *s)
{
    hn_fair_leave(s->owner, s->klass);
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
    if ((unsigned)request->klass >= HN_CLASSES) return hn_fail(err, HN_E_ARG, "no such class");
    struct hn_sequence *s = calloc(1, sizeof *s);
    if (!s) return hn_fail_nomem(err, "a sequence", sizeof *s);
    s->sink = request->sink;
    s->n_prompt = s->n_tokens = request->n_tokens;
    s->limit = limit_of(engine, request);
    s->read_only = request->max_tokens == 0;
    s->max_draft = hn_min(request->max_draft, HN_DRAFT_MAX);
    s->want_pick = request->sample.top_logprobs >= 0;
    s->no_cache = request->no_cache || request->sink.prompt_logits;
    s->klass = request->klass;
    s->deadline_ns = request->deadline_ns ? request->deadline_ns : UINT64_MAX;
    s->submitted_ns = hn_engine_now(engine);
    const enum hn_status status = make_parts(engine, request, s, err);
    if (status < 0) hn_sequence_drop(s);
    else *out = s;
    return status;
}

void hn_engine_enqueue(struct hn_engine *engine, struct hn_sequence *s, uint64_t id)
{
    s->id = id;
    s->owner = hn_fair_join(&engine->fair, s->owner, s->klass);
    s->joined = true;
    if (!engine->masker) {
        engine->masker = s->masker;
        s->masker = NULL;
    }
    if (s->deadline_ns < engine->next_deadline) engine->next_deadline = s->deadline_ns;
    engine->stats.requests++;
    hn_engine_wait(engine, s);
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

/* Pages with which s, once it runs, computes what is there and goes on for a while. */
static size_t pages_to_begin(const struct hn_sequence *s)
{
    const size_t pages = hn_div_up(hn_min(s->limit, s->n_tokens + HN_KV_PAGE), HN_KV_PAGE);
    return pages > s->n_pages ? pages - s->n_pages : 0;
}

/* Pages that s lacks to run, beside what those that run are still going to take. */
static size_t pages_lacking(const struct hn_engine *engine, const struct hn_sequence *s)
{
    size_t wanted = pages_to_begin(s);
    for (size_t i = 0; i < engine->n_running; i++)
        wanted += pages_to_begin(engine->running[i]);
    const size_t free = hn_pages_free(engine->pages);
    return engine->n_running && wanted > free ? wanted - free : 0;
}

/* Whether it would help s to take the pages of all that have to make room for it. */
static bool can_displace(const struct hn_engine *engine, const struct hn_sequence *s,
                         size_t lacking)
{
    size_t gained = 0;
    for (size_t i = 0; i < engine->n_running; i++) {
        const struct hn_sequence *other = engine->running[i];
        if (hn_fair_yields(other, s)) gained += other->n_pages + pages_to_begin(other);
    }
    return gained >= lacking;
}

/* Finds a seat and pages for s; others may have to make room. False when it has to wait. */
static bool find_room(struct hn_engine *engine, const struct hn_sequence *s)
{
    for (;;) {
        const size_t lacking = pages_lacking(engine, s);
        if (!lacking && engine->n_running < engine->max_running) return true;
        struct hn_sequence *victim = hn_engine_victim(engine, s);
        if (!victim || !can_displace(engine, s, lacking)) return false;
        hn_engine_preempt(engine, victim);
    }
}

static void begin(struct hn_engine *engine, struct hn_sequence *s)
{
    if (!s->started_ns) {
        s->started_ns = hn_engine_now(engine);
        engine->stats.prompt_tokens += s->n_prompt;
    }
    hn_fair_begin(s);
    engine->running[engine->n_running++] = s;
}

/* In the order of classes and of whose turn it is; nobody is let past one whom there is no room for. */
void hn_engine_admit(struct hn_engine *engine)
{
    for (struct hn_sequence **at; (at = hn_fair_next(&engine->waiting));) {
        struct hn_sequence *s = *at;
        *at = s->next;
        s->next = NULL;
        engine->n_waiting--;
        hn_engine_catch_up(engine, s);
        if (!find_room(engine, s)) {
            hn_engine_wait(engine, s);
            return;
        }
        begin(engine, s);
    }
}
