#include "cli/bench_run.h"

#include <stdlib.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/rng.h"
#include "cli/interrupt.h"

#define ENDLESS 1e6 /* seconds */

/* What the sinks of all sequences of a run tell. */
struct tally {
    size_t first_tokens; /* sequences that have begun their answer */
    size_t tokens;       /* generated since all had */
    size_t all;          /* sequences */
    size_t cached;       /* prompt tokens that were not computed */
    uint64_t begun_ns;   /* when the last one began its answer */
    enum hn_status status;
    struct hn_error err;
};

struct sequence {
    struct tally *tally;
    bool begun;
};

static bool on_token(void *ctx, const struct hn_token_event *event)
{
    struct sequence *s = ctx;
    struct tally *tally = s->tally;
    (void)event;
    if (tally->first_tokens == tally->all) tally->tokens++;
    if (s->begun) return true;
    s->begun = true;
    if (++tally->first_tokens == tally->all) tally->begun_ns = hn_clock_ns();
    return true;
}

static void on_done(void *ctx, enum hn_finish finish, struct hn_str text,
                    const struct hn_usage *usage, const struct hn_error *err)
{
    struct tally *tally = ((struct sequence *)ctx)->tally;
    (void)text;
    tally->cached += usage->cached_tokens;
    if (finish != HN_FINISH_ERROR || tally->status < 0) return;
    tally->status = err->status;
    tally->err = *err;
}

size_t hn_bench_context(const struct hn_bench_case *c)
{
    /* A prompt is followed by one token, an answer follows one and ends in one that is not read. */
    return c->depth + c->tokens + (c->kind == HN_BENCH_PREFILL ? 1 : 2);
}

/* Tokens [from, to) of a text that (seed, stream) names. */
static void fill(const struct hn_instance *session, int32_t *tokens, size_t from, size_t to,
                 uint64_t seed, uint64_t stream)
{
    for (size_t i = from; i < to; i++) {
        uint32_t draws[4];
        hn_philox(seed, i, stream, draws);
        tokens[i] = (int32_t)(draws[0] % session->config.n_vocab);
    }
}

static enum hn_status submit(const struct hn_instance *session, const int32_t *tokens, size_t n,
                             size_t max_tokens, struct sequence *s, struct hn_error *err)
{
    struct hn_request request = {
        .tokens = tokens,
        .n_tokens = n,
        .max_tokens = max_tokens,
        .sample = hn_sample_defaults(),
        .ignore_eog = true,
        .sink = {.ctx = s, .token = on_token, .done = on_done},
    };
    request.sample.temperature = 0;
    return hn_engine_submit(session->engine, &request, NULL, err);
}

/* Steps until all is done, and counts the steps. */
static enum hn_status run(const struct hn_instance *session, struct tally *tally, size_t *steps,
                          struct hn_error *err)
{
    while (hn_engine_busy(session->engine)) {
        if (hn_interrupted()) return hn_fail(err, HN_E_CANCELLED, "stopped");
        hn_engine_step(session->engine);
        ++*steps;
    }
    if (tally->status < 0 && err) *err = tally->err;
    return tally->status;
}

/* Reads what stands before the measured texts, so that the pages hold it. */
static enum hn_status read_depth(const struct hn_instance *session, const struct hn_bench_case *c,
                                 int32_t *tokens, struct sequence *s, struct hn_error *err)
{
    size_t steps = 0;
    for (size_t i = 0; c->depth && i < c->sequences; i++) {
        fill(session, tokens, 0, c->depth, 0, i);
        HN_TRY(submit(session, tokens, c->depth, 0, s, err));
    }
    return run(session, s->tally, &steps, err);
}

static void count_prefill(const struct hn_instance *session, const struct hn_bench_case *c,
                          size_t steps, struct hn_cost *cost)
{
    for (size_t i = 0; i < steps; i++)
        hn_cost_add_step(cost, &session->plan);
    for (size_t i = 0; i < c->sequences; i++)
        hn_cost_add(cost, &session->config, &session->plan, c->depth, c->tokens, 1);
}

static void count_decode(const struct hn_instance *session, const struct hn_bench_case *c,
                         struct hn_cost *cost)
{
    for (size_t i = 0; i < c->tokens; i++) {
        hn_cost_add_step(cost, &session->plan);
        for (size_t s = 0; s < c->sequences; s++)
            hn_cost_add(cost, &session->config, &session->plan, c->depth + 1 + i, 1, 1);
    }
}

static enum hn_status measure(const struct hn_instance *session, const struct hn_bench_case *c,
                              uint64_t seed, int32_t *tokens, struct sequence *sequences,
                              struct hn_bench_run *out, struct hn_error *err)
{
    struct tally before = {.all = c->sequences}, tally = {.all = c->sequences};
    struct sequence reader = {.tally = &before};
    const bool decode = c->kind == HN_BENCH_DECODE;
    const size_t prompt = c->depth + (decode ? 1 : c->tokens);
    hn_engine_limit_step(session->engine, ENDLESS); /* no answer runs before all prompts are read */
    HN_TRY(read_depth(session, c, tokens, &reader, err));
    for (size_t i = 0; i < c->sequences; i++) {
        sequences[i] = (struct sequence){.tally = &tally};
        fill(session, tokens, 0, c->depth, 0, i);
        fill(session, tokens, c->depth, prompt, seed, i);
        HN_TRY(submit(session, tokens, prompt, decode ? c->tokens + 1 : 1, &sequences[i], err));
    }
    size_t steps = 0;
    const uint64_t start = hn_clock_ns();
    HN_TRY(run(session, &tally, &steps, err));
    const uint64_t end = hn_clock_ns();
    *out = (struct hn_bench_run){
        .seconds = hn_clock_seconds(decode ? tally.begun_ns : start, end),
        .tokens = decode ? tally.tokens : c->sequences * prompt - tally.cached,
    };
    if (decode) count_decode(session, c, &out->cost);
    else count_prefill(session, c, steps, &out->cost);
    return HN_OK;
}

enum hn_status hn_bench_measure(const struct hn_instance *session, const struct hn_bench_case *c,
                                uint64_t *runs, struct hn_bench_run *out, struct hn_error *err)
{
    int32_t *tokens = calloc(hn_bench_context(c), sizeof *tokens);
    struct sequence *sequences = calloc(c->sequences, sizeof *sequences);
    enum hn_status status = HN_OK;
    if (!tokens || !sequences)
        status = hn_fail_nomem(err, "a benchmark", hn_bench_context(c) * sizeof *tokens);
    if (status >= 0) status = measure(session, c, ++*runs, tokens, sequences, out, err);
    free(tokens);
    free(sequences);
    return status;
}
