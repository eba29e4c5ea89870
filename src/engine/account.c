/* What a step cost, put down to those it was done for. */
#include "engine/engine_impl.h"

#include <math.h>

/* What the compute threads did for others meanwhile is accounted for there. */
static double own_core_s(const struct hn_engine *engine, double seconds)
{
    const uint64_t guest_ns = hn_pool_guest_ns(engine->pool) - engine->guest_ns;
    return fmax(seconds * engine->threads - (double)guest_ns * 1e-9, 0);
}

/* Everybody has the fixed time in equal parts, and what its own rows and keys add. The sum is the step's
 * time, whatever is not foreseen; sampling, which is a matter of rows too, is in it. */
void hn_engine_account(struct hn_engine *engine, double seconds)
{
    const double core_s = own_core_s(engine, seconds);
    const double joules =
        engine->energy ? hn_energy_lap(engine->energy, hn_engine_now(engine), core_s) : NAN;
    const double each = engine->budget.fixed / (double)engine->batch.n_spans;
    const double all = engine->budget.fixed + hn_budget_added(&engine->budget, &engine->work_now);
    for (size_t i = 0; i < engine->n_running; i++) {
        struct hn_sequence *s = engine->running[i];
        if (!s->n_now) continue;
        const double share = (each + hn_budget_added(&engine->budget, &s->work)) / all;
        s->core_s += core_s * share;
        s->joules += joules * share;
    }
    hn_budget_note(&engine->budget, &engine->work_now, seconds);
    engine->stats.steps++;
    engine->stats.busy_s += seconds;
    engine->stats.core_s += core_s;
}

void hn_engine_stats_read(const struct hn_engine *engine, struct hn_engine_stats *out)
{
    *out = engine->stats;
    out->idle_s = hn_clock_seconds(engine->created_ns, hn_engine_now(engine)) - out->busy_s;
    for (size_t i = 0; i < engine->n_running; i++)
        out->open_core_s += engine->running[i]->core_s;
    for (const struct hn_sequence *s = engine->waiting; s; s = s->next)
        out->open_core_s += s->core_s;
    out->idle_joules = engine->energy ? hn_energy_idle_joules(engine->energy) : NAN;
    out->running = engine->n_running;
    out->waiting = engine->n_waiting;
    out->pages_all = hn_decoder_pages(engine->decoder);
    out->pages_used = out->pages_all - hn_pages_free(engine->pages);
}
