/* When pages or seats run out: a sequence of the lowest class gives its own back and waits. */
#include "base/bits.h"
#include "engine/engine_impl.h"

void hn_engine_leave(struct hn_engine *engine, struct hn_sequence *s)
{
    size_t at = 0;
    while (engine->running[at] != s)
        at++;
    engine->n_running--;
    for (size_t i = at; i < engine->n_running; i++)
        engine->running[i] = engine->running[i + 1];
    for (int k = 0; k < HN_CLASSES; k++)
        if (engine->turn[k] > at) engine->turn[k]--;
    hn_fair_end(s);
}

void hn_engine_wait(struct hn_engine *engine, struct hn_sequence *s)
{
    hn_pages_release_all(engine->pages, s->pages, s->n_pages);
    s->n_pages = s->n_published = s->n_done = s->n_now = s->n_guess = 0;
    s->name = 0;
    if (!s->started_ns) { /* what the cache has for it may be another matter later */
        engine->stats.cached_tokens -= s->n_cached;
        s->n_cached = s->n_paid = 0;
    }
    s->next = engine->waiting;
    engine->waiting = s;
    engine->n_waiting++;
}

void hn_engine_preempt(struct hn_engine *engine, struct hn_sequence *s)
{
    hn_engine_leave(engine, s);
    if (s->assisted.pages) hn_assistant_rest(engine->assistant, &s->assisted);
    s->preemptions++;
    engine->stats.preemptions++;
    hn_engine_wait(engine, s);
}

struct hn_sequence *hn_engine_victim(const struct hn_engine *engine, const struct hn_sequence *s)
{
    struct hn_sequence *victim = NULL;
    for (size_t i = 0; i < engine->n_running; i++) {
        struct hn_sequence *other = engine->running[i];
        if (s && !hn_fair_yields(other, s)) continue;
        if (!victim || hn_fair_yields_first(other, victim)) victim = other;
    }
    return victim;
}

/* Pages that this step takes from the pool. */
static size_t pages_wanted(const struct hn_engine *engine)
{
    size_t wanted = 0;
    for (size_t i = 0; i < engine->n_running; i++) {
        const struct hn_sequence *s = engine->running[i];
        if (!s->n_now) continue;
        const size_t after = hn_div_up(s->n_done + s->n_now + s->n_guess, HN_KV_PAGE);
        if (after > s->n_pages) wanted += after - s->n_pages;
    }
    return wanted;
}

void hn_engine_make_room(struct hn_engine *engine)
{
    if (pages_wanted(engine) <= hn_pages_free(engine->pages)) return;
    for (size_t i = 0; i < engine->n_running; i++) /* guesses can be done without */
        engine->running[i]->n_guess = 0;
    /* The last one left fits alone: its limit says so. */
    while (pages_wanted(engine) > hn_pages_free(engine->pages))
        hn_engine_preempt(engine, hn_engine_victim(engine, NULL));
}
