/* What makes up a step: first one token of every answer that is being written, then as much of the
 * waiting prompts as fits, the oldest first. */
#include <assert.h>
#include <string.h>

#include "base/bits.h"
#include "engine/engine_impl.h"

/* Tokens that s can put into a step. */
static size_t pending(const struct hn_sequence *s)
{
    return s->n_tokens - s->n_done;
}

/* Rows of logits that s wants of the last of its next n tokens: of a prompt that it reports on those
 * from first_logits on, else that of the last token, from which the next one comes. */
static size_t logits_of(const struct hn_sequence *s, size_t n)
{
    const size_t next = n == pending(s) && !s->read_only;
    const size_t end = s->n_done + n, first = s->sink.first_logits;
    if (!s->sink.prompt_logits || s->n_done >= s->n_prompt || end <= first) return next;
    return hn_min(n, end - first);
}

/* Pages for every position up to the step's last. The pool holds the full context of every sequence
 * that may run, so there is always one to take. */
static void provide_pages(struct hn_engine *engine, struct hn_sequence *s)
{
    while (s->n_pages * HN_KV_PAGE < s->n_done + s->n_now) {
        const int32_t page = hn_pages_take(engine->pages);
        assert(page >= 0);
        s->pages[s->n_pages++] = page;
    }
}

static void put(struct hn_engine *engine, struct hn_sequence *s, size_t n)
{
    struct hn_batch *batch = &engine->batch;
    s->n_now = n;
    s->row = batch->n;
    s->logits = batch->n_wanted;
    s->n_logits = logits_of(s, n);
    provide_pages(engine, s);
    memcpy(engine->tokens + batch->n, s->tokens + s->n_done, n * sizeof *s->tokens);
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
        if ((s->n_done < s->n_prompt) != reading || !n) continue;
        if (s->sink.prompt_logits) n = hn_min(n, max_logits - batch->n_wanted);
        else if (logits_of(s, n) && batch->n_wanted == max_logits) continue;
        if (n) put(engine, s, n);
    }
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
    for (size_t i = 0; i < engine->n_running; i++)
        engine->running[i]->n_now = 0;
    put_all(engine, false, plan->batch, plan->logit_rows);
    put_all(engine, true, plan->batch, plan->logit_rows);
    return engine->batch.n > 0;
}
