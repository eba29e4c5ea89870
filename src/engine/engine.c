#include "engine/engine.h"

#include <stdlib.h>

#include "base/bits.h"
#include "engine/engine_impl.h"

enum { TEXT_BYTES = 4096 }; /* of one token, with room to spare: no step allocates for it */

static enum hn_status allocate(struct hn_engine *engine, struct hn_error *err)
{
    const struct hn_plan *plan = hn_decoder_plan(engine->decoder);
    const size_t logits = plan->logit_rows * engine->n_vocab;
    HN_TRY(hn_pages_create(hn_decoder_pages(engine->decoder), &engine->pages, err));
    HN_TRY(hn_candidates_create(engine->n_vocab, &engine->work, err));
    engine->running = calloc(plan->sequences, sizeof(struct hn_sequence *));
    engine->spans = calloc(plan->sequences, sizeof *engine->spans);
    engine->tokens = calloc(plan->batch, sizeof *engine->tokens);
    engine->wanted = calloc(plan->logit_rows, sizeof *engine->wanted);
    engine->logits = aligned_alloc(64, hn_round_up(logits * sizeof *engine->logits, 64));
    if (!engine->running || !engine->spans || !engine->tokens || !engine->wanted ||
        !engine->logits || hn_buf_reserve(&engine->text, TEXT_BYTES) < 0)
        return hn_fail_nomem(err, "the engine", logits * sizeof *engine->logits);
    return HN_OK;
}

enum hn_status hn_engine_create(struct hn_decoder *decoder, const struct hn_tokenizer *tokenizer,
                                struct hn_engine **out, struct hn_error *err)
{
    *out = NULL;
    struct hn_engine *engine = calloc(1, sizeof *engine);
    if (!engine) return hn_fail_nomem(err, "the engine", sizeof *engine);
    engine->decoder = decoder;
    engine->tokenizer = tokenizer;
    engine->n_vocab = hn_decoder_config(decoder)->n_vocab;
    engine->n_sampled = hn_min(engine->n_vocab, hn_tokenizer_size(tokenizer));
    const struct hn_plan *plan = hn_decoder_plan(decoder);
    engine->context = hn_min(plan->context, hn_decoder_pages(decoder) * HN_KV_PAGE);
    engine->pool = hn_cpu_backend_pool(hn_decoder_backend(decoder));
    engine->threads = hn_pool_threads(engine->pool);
    engine->max_running = plan->sequences;
    engine->next_deadline = UINT64_MAX;
    engine->created_ns = hn_engine_now(engine);
    hn_budget_init(&engine->budget, hn_decoder_config(decoder), plan);
    const enum hn_status status = allocate(engine, err);
    if (status < 0) {
        hn_engine_destroy(engine);
        return status;
    }
    *out = engine;
    return HN_OK;
}

enum hn_status hn_engine_assist(struct hn_engine *engine, struct hn_decoder *assistant,
                                struct hn_error *err)
{
    const size_t known = hn_decoder_config(assistant)->n_vocab;
    if (known < engine->n_sampled)
        return hn_fail(err, HN_E_ARG, "the draft model knows %zu tokens, the model itself %zu",
                       known, engine->n_sampled);
    return hn_assistant_create(assistant, engine->max_running, &engine->assistant, err);
}

void hn_engine_destroy(struct hn_engine *engine)
{
    if (!engine) return;
    for (size_t i = 0; i < engine->n_running; i++)
        hn_sequence_destroy(engine, engine->running[i]);
    while (engine->waiting) {
        struct hn_sequence *s = engine->waiting;
        engine->waiting = s->next;
        hn_sequence_destroy(engine, s);
    }
    hn_fair_free(&engine->fair);
    hn_assistant_destroy(engine->assistant);
    hn_pages_destroy(engine->pages);
    hn_candidates_destroy(engine->work);
    hn_masker_destroy(engine->masker);
    free(engine->running);
    free(engine->spans);
    free(engine->tokens);
    free(engine->wanted);
    free(engine->logits);
    hn_buf_free(&engine->text);
    free(engine);
}

void hn_engine_cancel(struct hn_engine *engine, uint64_t id)
{
    for (size_t i = 0; i < engine->n_running; i++)
        if (engine->running[i]->id == id) engine->running[i]->cancelled = engine->cancelled = true;
    for (struct hn_sequence *s = engine->waiting; s; s = s->next)
        if (s->id == id) s->cancelled = engine->cancelled = true;
}

void hn_engine_cancel_all(struct hn_engine *engine)
{
    engine->cancelled = true;
    for (size_t i = 0; i < engine->n_running; i++)
        engine->running[i]->cancelled = true;
    for (struct hn_sequence *s = engine->waiting; s; s = s->next)
        s->cancelled = true;
}

size_t hn_engine_waiting(const struct hn_engine *engine)
{
    return engine->n_waiting;
}

bool hn_engine_busy(const struct hn_engine *engine)
{
    return engine->n_running > 0 || engine->waiting;
}

void hn_engine_trace(struct hn_engine *engine, const struct hn_trace *trace)
{
    engine->trace = trace;
    hn_decoder_trace(engine->decoder, trace);
}

void hn_engine_energy(struct hn_engine *engine, struct hn_energy *energy)
{
    engine->energy = energy;
}

void hn_engine_limit_step(struct hn_engine *engine, double seconds)
{
    engine->limit_s = seconds;
}

void hn_engine_clock(struct hn_engine *engine, uint64_t (*now)(void *ctx), void *ctx)
{
    engine->now = now;
    engine->now_ctx = ctx;
    engine->created_ns = hn_engine_now(engine);
}
