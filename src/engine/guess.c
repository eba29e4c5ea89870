/* Guesses at what comes after the answers' last tokens, for the step that is being made up. */
#include "base/bits.h"
#include "engine/engine_impl.h"

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

void hn_engine_guess(struct hn_engine *engine)
{
    const struct hn_plan *plan = hn_decoder_plan(engine->decoder);
    size_t room = hn_min(hn_min(plan->batch, plan->logit_rows), HN_PAYOFF_ROWS);
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
