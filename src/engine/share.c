/* Prompts that begin alike and come together: who needs a page that another sequence is about to compute
 * lets it go first, and takes the page from the cache. */
#include <string.h>

#include "engine/engine_impl.h"

/* Whether s stands at the beginning of a page that others could compute for it. At least one token is
 * left for itself: its logits are what the answer goes on from. */
static bool could_share(const struct hn_sequence *s)
{
    return !s->no_cache && !s->n_now && s->n_pages == s->n_published &&
           s->n_done == s->n_pages * HN_KV_PAGE && s->n_done + HN_KV_PAGE < s->n_tokens;
}

void hn_engine_catch_up(struct hn_engine *engine, struct hn_sequence *s)
{
    if (!could_share(s)) return;
    const size_t n =
        hn_pages_match_on(engine->pages, s->tokens + s->n_done, s->n_tokens - 1 - s->n_done,
                          s->pages + s->n_pages, &s->name);
    s->n_pages = s->n_published += n;
    s->n_done += n * HN_KV_PAGE;
    if (s->preemptions) return;
    s->n_cached += n * HN_KV_PAGE;
    engine->stats.cached_tokens += n * HN_KV_PAGE;
    hn_fair_skip(s, s->n_done);
}

/* Whether other, which comes before s or not, will sooner have computed the page that s needs. */
static bool computes_for(const struct hn_sequence *other, const struct hn_sequence *s, bool before)
{
    const size_t stands = other->n_done + other->n_now;
    return hn_sequence_reads(other) && other->n_published == s->n_published &&
           other->name == s->name && other->n_tokens >= s->n_done + HN_KV_PAGE &&
           (stands > s->n_done || before) &&
           memcmp(other->tokens + s->n_done, s->tokens + s->n_done,
                  HN_KV_PAGE * sizeof *s->tokens) == 0;
}

static struct hn_sequence *computing_for(const struct hn_engine *engine,
                                         const struct hn_sequence *s)
{
    bool before = true;
    if (!could_share(s)) return NULL;
    for (size_t i = 0; i < engine->n_running; i++) {
        struct hn_sequence *other = engine->running[i];
        if (other == s) before = false;
        else if (computes_for(other, s, before)) return other;
    }
    return NULL;
}

/* Whoever goes before s stands further on in the text or, at the same place, earlier in the list: so this
 * comes to an end. */
struct hn_sequence *hn_engine_ahead(struct hn_engine *engine, struct hn_sequence *s)
{
    for (struct hn_sequence *other = s; other; other = computing_for(engine, s)) {
        s = other;
        hn_engine_catch_up(engine, s);
    }
    return s;
}
