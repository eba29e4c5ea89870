/* What makes up a step: first one token of every answer that is being written, and guesses at what
 * comes after it; then as much of the waiting prompts as fits, the oldest first. */
#include <string.h>

#include "base/bits.h"
#include "engine/engine_impl.h"

/* Tokens that s can put into a step, without guesses. */
static size_t pending(const struct hn_sequence *s)
{
    return s->n_tokens - s->n_done;
}

/* Rows of logits that s wants of the last of its next n tokens: of a prompt that it reports on those
 * from first_logits on, else that of the last token, from which the next one comes. */
static size_t logits_of(const struct hn_sequence *s, size_t n)
{
    const size_t next = n == pending(s) && !s->read_only ? 1 + s->n_guess : 0;
    const size_t end = s->n_done + n, first = s->sink.first_logits;
    if (!s->sink.prompt_logits || !hn_sequence_reads(s) || end <= first) return next;
    return hn_min(n, end - first);
}

/* Puts in n pending tokens of s and its guesses. */
static void put(struct hn_engine *engine, struct hn_sequence *s, size_t n)
{
    struct hn_batch *batch = &engine->batch;
    s->logits = batch->n_wanted;
    s->n_logits = logits_of(s, n);
    memcpy(engine->tokens + batch->n, s->tokens + s->n_done, n * sizeof *s->tokens);
    memcpy(engine->tokens + batch->n + n, s->guess, s->n_guess * sizeof *s->guess);
    n += s->n_guess;
    s->n_now = n;
    /* The pool holds the full context of every sequence that may run: there is always a page. */
    hn_pages_provide(engine->pages, s->n_done + n, s->pages, &s->n_pages);
    engine->spans[batch->n_spans++] =
        (struct hn_span){.row = batch->n, .n = n, .pos = s->n_done, .pages = s->pages};
    for (size_t i = n - s->n_logits; i < n; i++)
        engine->wanted[batch->n_wanted++] = (int32_t)(batch->n + i);
    batch->n += n;
}

/* Puts in what fits of the sequences that are still reading (or not) their prompts. */
static void put_all(struct hn_engine *engine, bool reading, size_t max_rows, size_t max_logits)
{
    for (size_t i = 0; i < engine->n_running; i++) {
        struct hn_sequence *s = engine->running[i];
        const struct hn_batch *batch = &engine->batch;
        size_t n = hn_min(pending(s), max_rows - batch->n);
        if (hn_sequence_reads(s) != reading || !n) continue;
        if (s->sink.prompt_logits) n = hn_min(n, max_logits - batch->n_wanted);
        else if (logits_of(s, n) && batch->n_wanted == max_logits) continue;
        if (n) put(engine, s, n);
    }
}

/* How many tokens the assistant shall guess: it can read no further than its context. */
static size_t assisted_length(const struct hn_engine *engine, const struct hn_sequence *s,
                              size_t max)
{
    const size_t context = hn_assistant_context(engine->assistant);
    if (s->n_tokens >= context) return 0;
    const float cost = hn_assistant_cost(engine->assistant) / (float)engine->n_running;
    return hn_payoff_length(&engine->payoff, engine->n_running, &s->assisted.hits, cost,
                            hn_min(max, context - s->n_tokens));
}

/* Guesses for the answers, where that pays and there is room beside one row for each. While prompts are
 * read, rows are not to be had for nothing: then there are none. */
static void guess_all(struct hn_engine *engine, size_t max_rows)
{
    size_t room = hn_min(max_rows, HN_PAYOFF_ROWS);
    for (size_t i = 0; i < engine->n_running; i++) {
        engine->running[i]->n_guess = engine->running[i]->assisted.wish = 0;
        if (hn_sequence_reads(engine->running[i])) room = 0;
    }
    room -= hn_min(room, engine->n_running);
    for (size_t i = 0; i < engine->n_running && room; i++) {
        struct hn_sequence *s = engine->running[i];
        if (!s->draft) continue;
        hn_draft_learn(s->draft, s->tokens, s->n_tokens);
        const size_t left = s->limit - s->n_tokens - 1; /* the model adds one of its own */
        const size_t max = hn_min(hn_min(s->max_draft, left), room);
        const size_t free_of_cost =
            hn_payoff_length(&engine->payoff, engine->n_running, &s->hits, 0, max);
        s->n_guess = hn_draft_guess(s->draft, s->tokens, s->n_tokens, s->guess, free_of_cost);
        s->guesser = &s->hits;
        room -= s->n_guess;
        if (s->n_guess || !s->assisted.pages) continue;
        s->assisted.wish = assisted_length(engine, s, hn_min(max, room));
        s->guesser = &s->assisted.hits;
        room -= s->assisted.wish;
    }
    if (engine->assistant) hn_assistant_guess(engine);
}

bool hn_engine_schedule(struct hn_engine *engine)
{
    const struct hn_plan *plan = hn_decoder_plan(engine->decoder);
    engine->batch = (struct hn_batch){
        .tokens = engine->tokens,
        .spans = engine->spans,
        .wanted = engine->wanted,
        .logits = engine->logits,
    };
    guess_all(engine, hn_min(plan->batch, plan->logit_rows));
    for (size_t i = 0; i < engine->n_running; i++)
        engine->running[i]->n_now = 0;
    put_all(engine, false, plan->batch, plan->logit_rows);
    put_all(engine, true, plan->batch, plan->logit_rows);
    return engine->batch.n > 0;
}
