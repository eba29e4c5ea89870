/* A step: the spine of the engine. */
#include <math.h>

#include "base/bits.h"
#include "engine/engine_impl.h"

/* Tells a stage's time to whoever traces. */
static void mark(const struct hn_engine *engine, const char *stage, size_t rows, uint64_t *since)
{
    if (!engine->trace) return;
    const uint64_t now = hn_engine_now(engine);
    engine->trace->event(
        engine->trace->ctx,
        &(struct hn_trace_event){.stage = stage, .layer = -1, .rows = rows, .ns = now - *since});
    *since = now;
}

static struct hn_usage usage_of(const struct hn_engine *engine, const struct hn_sequence *s)
{
    const uint64_t started = s->started_ns ? s->started_ns : s->last_ns;
    const uint64_t first = s->first_ns ? s->first_ns : s->last_ns;
    return (struct hn_usage){
        .prompt_tokens = s->n_prompt,
        .cached_tokens = s->n_cached,
        .completion_tokens = s->emitter ? hn_emitter_count(s->emitter) : 0,
        .guessed_tokens = s->guessed,
        .right_tokens = s->right,
        .queue_s = hn_clock_seconds(s->submitted_ns, started),
        .prefill_s = hn_clock_seconds(started, first),
        .decode_s = hn_clock_seconds(first, s->last_ns),
        .core_s = s->core_s,
        .joules = engine->energy ? s->joules : NAN,
        .preemptions = s->preemptions,
    };
}

/* The last word to a sink. */
static void finish(struct hn_engine *engine, struct hn_sequence *s)
{
    hn_buf_clear(&engine->text);
    if (s->emitter) (void)hn_emitter_finish(s->emitter, &engine->text);
    s->last_ns = hn_engine_now(engine);
    const struct hn_usage usage = usage_of(engine, s);
    s->sink.done(s->sink.ctx, s->finish, hn_buf_view(&engine->text), &usage,
                 s->finish == HN_FINISH_ERROR ? &s->err : NULL);
    hn_sequence_destroy(engine, s);
}

/* Full pages become known, so that others can start from them. */
static void publish(struct hn_engine *engine, struct hn_sequence *s)
{
    while ((s->n_published + 1) * HN_KV_PAGE <= s->n_done) {
        s->name = hn_pages_publish(engine->pages, s->pages[s->n_published], s->name,
                                   s->tokens + s->n_published * HN_KV_PAGE);
        s->n_published++;
    }
}

/* Each position once, even if it is read again. */
static void report_logits(const struct hn_engine *engine, struct hn_sequence *s)
{
    const size_t end = s->n_done + s->n_now, first = end - s->n_logits;
    for (size_t i = 0; i < s->n_logits; i++)
        if (first + i >= s->sink.first_logits && first + i < s->n_prompt)
            s->sink.prompt_logits(s->sink.ctx, first + i,
                                  engine->logits + (s->logits + i) * engine->n_vocab,
                                  engine->n_vocab);
    s->sink.first_logits = hn_max(s->sink.first_logits, end);
}

/* The tokens that may come next; NULL: all. */
static enum hn_status allowed_next(struct hn_engine *engine, struct hn_sequence *s,
                                   const uint32_t **allowed)
{
    *allowed = NULL;
    return s->matcher ? hn_matcher_mask(s->matcher, engine->masker, allowed, &s->err) : HN_OK;
}

/* Chooses the next token from row `row` of the logits and shows its text. s->finish says whether the
 * answer ends with it. */
static enum hn_status generate(struct hn_engine *engine, struct hn_sequence *s, size_t row)
{
    struct hn_pick pick;
    const float *logits = engine->logits + row * engine->n_vocab;
    const uint32_t *allowed;
    HN_TRY(allowed_next(engine, s, &allowed));
    HN_TRY(hn_sampler_pick(s->sampler, engine->work, logits, allowed, s->n_tokens, &pick, &s->err));
    HN_TRY(hn_sampler_accept(s->sampler, pick.id, true));
    if (s->matcher) HN_TRY(hn_matcher_accept(s->matcher, engine->masker, pick.id, &s->err));
    hn_buf_clear(&engine->text);
    HN_TRY(hn_emitter_push(s->emitter, pick.id, &engine->text, &s->finish, &s->err));
    engine->stats.completion_tokens++;
    s->last_ns = hn_engine_now(engine);
    if (!s->first_ns) s->first_ns = s->last_ns;
    if (s->finish == HN_FINISH_EOG || s->finish == HN_FINISH_STOP_TOKEN) return HN_OK;
    s->tokens[s->n_tokens++] = pick.id;
    const struct hn_token_event event = {pick.id, hn_buf_view(&engine->text),
                                         s->want_pick ? &pick : NULL};
    if (s->sink.token && !s->sink.token(s->sink.ctx, &event)) s->cancelled = true;
    return HN_OK;
}

/* The next token, and, as long as the guesses are those that the model chooses, those after it: their
 * rows were computed from the very tokens that now stand before them, so their bits are those of one
 * step each. */
static enum hn_status generate_all(struct hn_engine *engine, struct hn_sequence *s)
{
    const size_t first = s->logits + s->n_logits - 1 - s->n_guess, before_all = s->n_tokens;
    const uint64_t last_ns = s->last_ns;
    size_t right = 0;
    for (;; right++) {
        const size_t before = s->n_tokens;
        HN_TRY(generate(engine, s, first + right));
        if (s->finish == HN_FINISH_NONE && s->cancelled) s->finish = HN_FINISH_CANCELLED;
        if (s->finish != HN_FINISH_NONE || right == s->n_guess ||
            s->tokens[before] != s->guess[right])
            break;
        s->n_done++;
    }
    if (last_ns) hn_rhythm_note(&s->rhythm, hn_clock_seconds(last_ns, s->last_ns));
    /* What the assistant read behind a wrong guess, it reads anew. */
    s->assisted.n_done = hn_min(s->assisted.n_done, before_all + right);
    s->right += right;
    s->guessed += s->n_guess;
    if (s->n_guess) hn_hits_note(s->guesser, right, hn_min(right + 1, s->n_guess));
    return HN_OK;
}

/* After the forward: what a sequence gets out of it. */
static void advance(struct hn_engine *engine, struct hn_sequence *s)
{
    if (!s->n_now) return;
    if (hn_sequence_reads(s) && s->sink.prompt_logits) report_logits(engine, s);
    s->n_done += s->n_now;
    if (s->n_done == s->n_tokens) {
        if (s->read_only) s->finish = HN_FINISH_LENGTH;
        else if (generate_all(engine, s) < 0) s->finish = HN_FINISH_ERROR;
        hn_fair_pay(s, s->n_tokens);
    }
    publish(engine, s);
}

static void advance_all(struct hn_engine *engine)
{
    for (size_t i = 0; i < engine->n_running; i++)
        advance(engine, engine->running[i]);
}

/* Tells the sinks of those that have ended, when nothing of the engine is in the middle of something: a
 * sink may ask for more. */
static void finish_all(struct hn_engine *engine)
{
    struct hn_sequence *ended = NULL;
    for (size_t i = engine->n_running; i-- > 0;) {
        struct hn_sequence *s = engine->running[i];
        if (s->finish == HN_FINISH_NONE) continue;
        hn_engine_leave(engine, s);
        s->next = ended;
        ended = s;
    }
    for (struct hn_sequence **at = &engine->waiting; *at;) {
        struct hn_sequence *s = *at;
        if (s->finish == HN_FINISH_NONE) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        engine->n_waiting--;
        s->next = ended;
        ended = s;
    }
    while (ended) {
        struct hn_sequence *s = ended;
        ended = s->next;
        finish(engine, s);
    }
}

static void end(struct hn_engine *engine, struct hn_sequence *s, uint64_t now)
{
    if (s->cancelled) s->finish = HN_FINISH_CANCELLED;
    else if (s->deadline_ns <= now) s->finish = HN_FINISH_DEADLINE;
    else if (s->deadline_ns < engine->next_deadline) engine->next_deadline = s->deadline_ns;
}

/* Ends what was cancelled since the last step or is out of time, running or waiting. */
static void end_overdue(struct hn_engine *engine)
{
    const uint64_t now = hn_engine_now(engine);
    if (!engine->cancelled && now < engine->next_deadline) return;
    engine->cancelled = false;
    engine->next_deadline = UINT64_MAX;
    for (size_t i = 0; i < engine->n_running; i++)
        end(engine, engine->running[i], now);
    for (struct hn_sequence *s = engine->waiting; s; s = s->next)
        end(engine, s, now);
    finish_all(engine);
}

void hn_engine_step(struct hn_engine *engine)
{
    end_overdue(engine);
    const uint64_t start = hn_engine_now(engine);
    uint64_t since = start;
    engine->guest_ns = hn_pool_guest_ns(engine->pool);
    hn_engine_admit(engine);
    if (!hn_engine_schedule(engine)) return;
    mark(engine, "schedule", engine->batch.n, &since);
    const uint64_t before = hn_engine_now(engine);
    hn_decoder_forward(engine->decoder, &engine->batch);
    if (engine->work_now.rows[HN_PROMPTS] <= 0)
        hn_payoff_note(&engine->payoff, engine->batch.n,
                       hn_clock_seconds(before, hn_engine_now(engine)));
    mark(engine, "forward", engine->batch.n, &since);
    advance_all(engine);
    hn_engine_account(engine, hn_clock_seconds(start, hn_engine_now(engine)));
    finish_all(engine);
    mark(engine, "sample_emit", engine->batch.n_wanted, &since);
}
