#include "engine/assistant.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/clock.h"
#include "engine/engine_impl.h"

struct hn_assistant {
    struct hn_decoder *decoder;
    struct hn_pages *pages;
    size_t n_vocab, logit_rows;
    float cost; /* seconds of a forward of one token for each sequence, lately; 0: none yet */

    int32_t *tokens;       /* [batch] */
    struct hn_span *spans; /* [sequences] */
    int32_t *wanted;       /* [logit_rows] */
    float *logits;         /* [logit_rows][n_vocab] */
    struct hn_batch batch;
};

enum hn_status hn_assistant_create(struct hn_decoder *decoder, size_t sequences,
                                   struct hn_assistant **out, struct hn_error *err)
{
    const struct hn_plan *plan = hn_decoder_plan(decoder);
    *out = NULL;
    struct hn_assistant *a = calloc(1, sizeof *a);
    if (!a) return hn_fail_nomem(err, "the draft model", sizeof *a);
    a->decoder = decoder;
    a->n_vocab = hn_decoder_config(decoder)->n_vocab;
    a->logit_rows = hn_min(sequences, plan->logit_rows);
    const size_t logits = hn_round_up(a->logit_rows * a->n_vocab * sizeof *a->logits, 64);
    a->tokens = calloc(plan->batch, sizeof *a->tokens);
    a->spans = calloc(sequences, sizeof *a->spans);
    a->wanted = calloc(a->logit_rows, sizeof *a->wanted);
    a->logits = aligned_alloc(64, logits);
    enum hn_status status = a->tokens && a->spans && a->wanted && a->logits
                                ? hn_pages_create(hn_decoder_pages(decoder), &a->pages, err)
                                : hn_fail_nomem(err, "the draft model", logits);
    if (status >= 0) *out = a;
    else hn_assistant_destroy(a);
    return status;
}

void hn_assistant_destroy(struct hn_assistant *a)
{
    if (!a) return;
    hn_pages_destroy(a->pages);
    free(a->tokens);
    free(a->spans);
    free(a->wanted);
    free(a->logits);
    free(a);
}

enum hn_status hn_assistant_join(const struct hn_assistant *a, struct hn_assisted *assisted,
                                 struct hn_error *err)
{
    const size_t pages = hn_div_up(hn_assistant_context(a), HN_KV_PAGE);
    assisted->pages = calloc(pages, sizeof *assisted->pages);
    return assisted->pages ? HN_OK : hn_fail_nomem(err, "a sequence", pages * sizeof(int32_t));
}

void hn_assistant_rest(struct hn_assistant *a, struct hn_assisted *assisted)
{
    hn_pages_release_all(a->pages, assisted->pages, assisted->n_pages);
    assisted->n_pages = assisted->n_done = 0;
}

void hn_assistant_leave(struct hn_assistant *a, struct hn_assisted *assisted)
{
    hn_assistant_rest(a, assisted);
    free(assisted->pages);
    *assisted = (struct hn_assisted){0};
}

size_t hn_assistant_context(const struct hn_assistant *a)
{
    return hn_decoder_plan(a->decoder)->context;
}

float hn_assistant_cost(const struct hn_assistant *a)
{
    return a->cost;
}

/* Token i of a text that goes on with its guesses. */
static int32_t token_at(const struct hn_sequence *s, size_t i)
{
    return i < s->n_tokens ? s->tokens[i] : s->guess[i - s->n_tokens];
}

static bool wants_more(const struct hn_sequence *s)
{
    return s->n_guess < s->assisted.wish;
}

/* Puts in what the assistant has not read of s, as far as there is room. Without pages for it there are
 * no guesses. */
static void put(struct hn_assistant *a, struct hn_sequence *s, size_t max_rows)
{
    struct hn_batch *batch = &a->batch;
    struct hn_assisted *own = &s->assisted;
    const size_t pending = s->n_tokens + s->n_guess - own->n_done;
    const size_t n = hn_min(pending, max_rows - batch->n);
    if (!n || (n == pending && batch->n_wanted == a->logit_rows)) return;
    if (!hn_pages_provide(a->pages, own->n_done + n, own->pages, &own->n_pages)) {
        own->wish = s->n_guess;
        return;
    }
    s->n_now = n;
    for (size_t i = 0; i < n; i++)
        a->tokens[batch->n + i] = token_at(s, own->n_done + i);
    a->spans[batch->n_spans++] =
        (struct hn_span){.row = batch->n, .n = n, .pos = own->n_done, .pages = own->pages};
    own->n_done += n;
    batch->n += n;
    if (n < pending) return;
    s->logits = batch->n_wanted;
    a->wanted[batch->n_wanted++] = (int32_t)(batch->n - 1);
}

/* The guess that s draws, if its text has been read; none where the logits give none. */
static void draw(struct hn_engine *engine, struct hn_sequence *s)
{
    const struct hn_assistant *a = engine->assistant;
    struct hn_pick pick;
    if (!s->n_now || s->assisted.n_done < s->n_tokens + s->n_guess) return;
    const float *logits = a->logits + s->logits * a->n_vocab;
    if (hn_sampler_pick(s->sampler, engine->work, logits, NULL, s->n_tokens + s->n_guess, &pick,
                        NULL) < 0)
        s->assisted.wish = s->n_guess;
    else s->guess[s->n_guess++] = pick.id;
}

void hn_assistant_guess(struct hn_engine *engine)
{
    struct hn_assistant *a = engine->assistant;
    const size_t max_rows = hn_decoder_plan(a->decoder)->batch;
    for (;;) {
        a->batch = (struct hn_batch){
            .tokens = a->tokens, .spans = a->spans, .wanted = a->wanted, .logits = a->logits};
        for (size_t i = 0; i < engine->n_running; i++) {
            engine->running[i]->n_now = 0;
            if (wants_more(engine->running[i])) put(a, engine->running[i], max_rows);
        }
        if (!a->batch.n) return;
        const uint64_t start = hn_engine_now(engine);
        hn_decoder_forward(a->decoder, &a->batch);
        const float seconds = (float)hn_clock_seconds(start, hn_engine_now(engine));
        if (a->batch.n <= 2 * a->batch.n_spans) /* no text that was read first */
            a->cost = a->cost > 0 ? a->cost + 0.25f * (seconds - a->cost) : seconds;
        for (size_t i = 0; i < engine->n_running; i++)
            if (wants_more(engine->running[i])) draw(engine, engine->running[i]);
    }
}
