/* The engine under load: who runs when, for how long, at whose cost; and that no answer shows it. Time is
 * simulated: it passes in forwards alone. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "engine/engine_impl.h"
#include "engine_rig.h"
#include "unit.h"

/* The machine that is simulated. */
#define FIXED_S  8e-3
#define ANSWER_S 4e-4 /* a row */
#define PROMPT_S 3e-4
#define KEY_S    4e-7 /* a key that a row sees, of both layers: at 750 a row costs twice as much */

static uint64_t now_ns;
static size_t prompt_rows; /* computed so far */

static uint64_t read_clock(void *ctx)
{
    (void)ctx;
    return now_ns;
}

/* One row is an answer's; there are no prompts of a single token here, nor cached ones. */
static void pass_time(void *ctx, const char *name, const float *x, size_t n, size_t cols, size_t ld)
{
    const struct hn_batch *batch = &rig.engine->batch;
    double seconds = FIXED_S;
    (void)ctx, (void)x, (void)n, (void)cols, (void)ld;
    if (strcmp(name, "embd") != 0) return;
    for (size_t i = 0; i < batch->n_spans; i++) {
        const struct hn_span *span = &batch->spans[i];
        if (span->n > 1) prompt_rows += span->n;
        seconds += (double)span->n * (span->n > 1 ? PROMPT_S : ANSWER_S);
        seconds += KEY_S * hn_cost_keys(span->pos, span->n, 0);
    }
    now_ns += (uint64_t)(seconds * 1e9);
}

static void start(const struct hn_plan_options *options)
{
    rig_start_planned(options);
    now_ns = 1000000000;
    prompt_rows = 0;
    hn_engine_clock(rig.engine, read_clock, NULL);
    hn_decoder_tap(rig.model.decoder, pass_time, NULL);
}

static double step(void)
{
    const uint64_t before = now_ns;
    hn_engine_step(rig.engine);
    return (double)(now_ns - before) * 1e-9;
}

static const struct hn_plan_options usual = {
    .context = 1024, .sequences = 16, .kv_type = HN_KV_F16};

static size_t long_prompt(int32_t tokens[1024], size_t n, size_t s)
{
    for (size_t i = 0; i < n; i++)
        tokens[i] = (int32_t)(3 + (i * 13 + s * 29 + i * i * 7) % 256);
    return n;
}

/* What each request gets with the engine to itself. */
static void answer_alone(struct rig_answer *out, const struct hn_request *like)
{
    static const struct hn_plan_options roomy = {
        .context = 1024, .sequences = 1, .kv_type = HN_KV_F16};
    struct hn_request r = *like;
    rig_start_planned(&roomy);
    memset(out, 0, sizeof *out);
    r.sink.ctx = out;
    rig_submit(&r);
    rig_run();
    rig_stop();
    ck_assert_int_eq(out->done, 1);
}

/* Eight answers are being written when a prompt of 900 tokens comes; limits as a user may set them. */
START_TEST(a_long_prompt_does_not_hold_up_answers)
{
    static const double limits[] = {0, 0.030, 0.001};
    static struct rig_answer a[8], late;
    int32_t tokens[1024];
    const double limit_s = limits[_i];
    double longest = 0, alone = 0;
    size_t steps = 0;
    memset(a, 0, sizeof a);
    memset(&late, 0, sizeof late);
    start(&usual);
    hn_engine_limit_step(rig.engine, limit_s);
    for (size_t s = 0; s < 8; s++) {
        struct hn_request r = rig_request(&a[s], tokens, rig_prompt(tokens, s));
        r.max_tokens = 500;
        rig_submit(&r);
    }
    while (a[7].n < 90)
        alone = step();
    struct hn_request r = rig_request(&late, tokens, long_prompt(tokens, _i == 2 ? 200 : 900, 1));
    rig_submit(&r);
    for (; late.n == 0; steps++)
        longest = fmax(longest, step());
    ck_assert_double_le(longest, limit_s > alone ? limit_s : limit_s > 0 ? 1.2 * alone : 2 * alone);
    /* The time that there is is used. */
    ck_assert_uint_le(steps, limit_s > alone ? 45 : limit_s > 0 ? 100 : 80);
    for (size_t s = 0; s < 8; s++)
        ck_assert_int_eq(a[s].done, 0);
    rig_stop();
}
END_TEST

START_TEST(alone_a_prompt_is_read_in_whole_steps)
{
    static struct rig_answer a;
    int32_t tokens[1024];
    start(&usual);
    const struct hn_request r = rig_request(&a, tokens, long_prompt(tokens, 900, 1));
    rig_submit(&r);
    step();
    ck_assert_uint_eq(a.n, 0);
    step();
    ck_assert_uint_eq(a.n, 1);
    rig_stop();
}
END_TEST

/* Requests of many owners, classes and lengths, some of which begin alike, some of which guess. */
static struct hn_request mixed_request(struct rig_answer *a, int32_t tokens[1024], size_t s)
{
    const size_t n = s % 3 == 0 ? 200 + s : rig_prompt(tokens, s);
    if (s % 3 == 0) long_prompt(tokens, n, s % 2);
    struct hn_request r = rig_request(a, tokens, n);
    r.max_tokens = 20 + 17 * (s % 13);
    r.klass = s % 4 == 1 ? HN_CLASS_BATCH : HN_CLASS_INTERACTIVE;
    r.owner = s % 5;
    r.weight = (float)(s % 3);
    r.max_draft = s % 2 ? 4 : 0;
    r.sample.seed = s;
    r.sample.repeat_penalty = s % 6 == 2 ? 1.2f : 1;
    return r;
}

/* Every request alone, and all of them among one another: in a pool for a few of them at a time, more at
 * once than a step has rows, in steps cut short, preempted at any time. */
START_TEST(load_changes_nothing)
{
    static const struct {
        struct hn_plan_options plan;
        double limit_s;
    } loads[] = {
        {{.context = 1024, .sequences = 33, .kv_type = HN_KV_F16}, 0},
        {{.context = 512, .sequences = 33, .pool = 896, .kv_type = HN_KV_F16}, 0},
        {{.context = 512, .sequences = 16, .pool = 1024, .batch = 11, .kv_type = HN_KV_F16}, 0.02},
    };
    static struct rig_answer alone[33], together[33];
    int32_t tokens[1024];
    size_t preemptions = 0, cached = 0;
    for (size_t s = 0; s < 33; s++) {
        const struct hn_request r = mixed_request(&alone[s], tokens, s);
        answer_alone(&alone[s], &r);
    }
    for (size_t i = 0; i < HN_COUNT(loads); i++) {
        memset(together, 0, sizeof together);
        start(&loads[i].plan);
        hn_engine_limit_step(rig.engine, loads[i].limit_s);
        for (size_t s = 0; s < 33; s++) {
            const struct hn_request r = mixed_request(&together[s], tokens, s);
            rig_submit(&r);
            if (s % 4 == 0) step();
        }
        for (size_t k = 0; hn_engine_busy(rig.engine); k++) {
            const size_t n = rig.engine->n_running; /* not only when pages are short */
            if (i && n && k % 9 == 8) hn_engine_preempt(rig.engine, rig.engine->running[k % n]);
            step();
        }
        ck_assert_uint_eq(hn_pages_free(rig.engine->pages), hn_decoder_pages(rig.model.decoder));
        rig_stop();
        for (size_t s = 0; s < 33; s++) {
            ck_assert_int_eq(together[s].done, 1);
            ck_assert_int_eq(together[s].finish, alone[s].finish);
            ck_assert_uint_eq(together[s].usage.completion_tokens, alone[s].n);
            rig_expect_same(&alone[s], &together[s]);
            preemptions += together[s].usage.preemptions;
            cached += together[s].usage.cached_tokens;
        }
        if (i == 0) ck_assert_uint_eq(preemptions, 0);
        if (i == 0) ck_assert_uint_gt(cached, 0);
    }
    ck_assert_uint_gt(preemptions, 40);
}
END_TEST

/* Four answers outgrow their pages: the newest yields, and goes on later where it stood. */
START_TEST(the_newest_gives_its_pages_back)
{
    static const struct hn_plan_options small = {
        .context = 512, .sequences = 4, .pool = 896, .kv_type = HN_KV_F16};
    static struct rig_answer a[4], alone;
    int32_t tokens[1024];
    struct hn_request r;
    start(&small);
    for (size_t s = 0; s < 4; s++) {
        r = rig_request(&a[s], tokens, long_prompt(tokens, 120, s));
        r.max_tokens = 300;
        rig_submit(&r);
    }
    rig_run();
    struct hn_engine_stats stats;
    hn_engine_stats_read(rig.engine, &stats);
    ck_assert_uint_eq(stats.preemptions, a[2].usage.preemptions + a[3].usage.preemptions);
    ck_assert_uint_ge(a[3].usage.preemptions, 1);
    rig_stop();
    answer_alone(&alone, &r);
    rig_expect_same(&alone, &a[3]);
}
END_TEST

/* A prompt's logits are told once, even if it loses its pages in between. */
static size_t next_position;

static void count_logits(void *ctx, size_t position, const float *logits, size_t n)
{
    (void)ctx, (void)logits, (void)n;
    ck_assert_uint_eq(position, next_position++);
}

START_TEST(preempted_logits_are_told_once)
{
    static const struct hn_plan_options small = {
        .context = 512, .sequences = 4, .batch = 32, .kv_type = HN_KV_F16};
    static struct rig_answer a;
    int32_t tokens[1024];
    start(&small);
    struct hn_request r = rig_request(&a, tokens, long_prompt(tokens, 300, 1));
    r.max_tokens = 40;
    r.sink.prompt_logits = count_logits;
    rig_submit(&r);
    for (size_t i = 0; hn_engine_busy(rig.engine); i++) {
        if (i % 12 == 5) hn_engine_preempt(rig.engine, rig.engine->running[0]);
        step();
    }
    ck_assert_uint_eq(next_position, 300);
    ck_assert_uint_eq(a.n, 40);
    ck_assert_uint_ge(a.usage.preemptions, 4);
    rig_stop();
}
END_TEST

START_TEST(what_never_fits_is_refused)
{
    static const struct hn_plan_options small = {
        .context = 1024, .sequences = 4, .pool = 256, .kv_type = HN_KV_F16};
    static struct rig_answer a;
    int32_t tokens[1024];
    struct hn_error err = {.text = ""};
    start(&small);
    struct hn_request r = rig_request(&a, tokens, long_prompt(tokens, 257, 1));
    ck_assert_int_eq(hn_engine_submit(rig.engine, &r, NULL, &err), HN_E_CONTEXT);
    ck_assert_msg(strstr(err.text, "257 tokens") && strstr(err.text, "256"), "%s", err.text);
    r.n_tokens = 200;
    r.max_tokens = 500; /* more than there are pages for: as the context allows */
    rig_submit(&r);
    rig_run();
    ck_assert_uint_eq(a.n, 56);
    ck_assert_int_eq(a.finish, HN_FINISH_LENGTH);
    r.klass = HN_CLASSES;
    ck_assert_int_eq(hn_engine_submit(rig.engine, &r, NULL, &err), HN_E_ARG);
    rig_stop();
}
END_TEST

/* One owner has a hundred requests in the queue when another one comes with one. */
START_TEST(a_flood_does_not_drown_others)
{
    static struct rig_answer flood[100], one;
    int32_t tokens[1024];
    static const struct hn_plan_options four = {
        .context = 512, .sequences = 4, .kv_type = HN_KV_F16};
    start(&four);
    for (size_t s = 0; s < 100; s++) {
        struct hn_request r = rig_request(&flood[s], tokens, rig_prompt(tokens, s));
        r.owner = 1;
        rig_submit(&r);
    }
    for (size_t i = 0; i < 10; i++)
        step();
    struct hn_request r = rig_request(&one, tokens, long_prompt(tokens, 100, 1));
    r.owner = 2;
    rig_submit(&r);
    while (!one.done)
        step();
    size_t served = 0;
    for (size_t s = 0; s < 100; s++)
        served += flood[s].done;
    ck_assert_uint_le(served, 4);              /* those that ran when it came */
    ck_assert_double_le(one.usage.queue_s, 0); /* it had a seat at once */
    size_t preemptions = 0;
    rig_run();
    for (size_t s = 0; s < 100; s++)
        preemptions += flood[s].usage.preemptions;
    ck_assert_uint_eq(preemptions, 1);
    rig_stop();
}
END_TEST

/* Two owners with much to do share by their weights, whatever the sizes of their requests. */
START_TEST(owners_share_by_weight)
{
    static struct rig_answer a[2][60];
    int32_t tokens[1024];
    static const struct hn_plan_options four = {
        .context = 512, .sequences = 4, .kv_type = HN_KV_F16};
    size_t work[2] = {0};
    start(&four);
    for (size_t s = 0; s < 60; s++)
        for (size_t o = 0; o < 2; o++) {
            struct hn_request r =
                rig_request(&a[o][s], tokens, long_prompt(tokens, o ? 40 : 120, 2 * s + o));
            r.max_tokens = o ? 10 : 30;
            r.owner = o + 1;
            r.weight = o ? 1 : 3;
            rig_submit(&r);
        }
    while (!a[0][30].done)
        step();
    for (size_t s = 0; s < 60; s++)
        for (size_t o = 0; o < 2; o++)
            if (a[o][s].done) work[o] += a[o][s].usage.prompt_tokens + a[o][s].n;
    const double ratio = (double)work[0] / (double)work[1];
    ck_assert_msg(ratio > 2.4 && ratio < 3.75, "%.2f", ratio);
    rig_run();
    rig_stop();
}
END_TEST

/* Batches have all seats; somebody comes who waits for an answer. */
START_TEST(interactive_goes_before_batch)
{
    static struct rig_answer batch[6], live, alone;
    int32_t tokens[1024];
    static const struct hn_plan_options four = {
        .context = 1024, .sequences = 4, .kv_type = HN_KV_F16};
    struct hn_request last = {0};
    start(&four);
    for (size_t s = 0; s < 6; s++) {
        last = rig_request(&batch[s], tokens, long_prompt(tokens, 200, s));
        last.klass = HN_CLASS_BATCH;
        last.max_tokens = 100;
        rig_submit(&last);
    }
    for (size_t i = 0; i < 20; i++)
        step();
    struct hn_request r = rig_request(&live, tokens, long_prompt(tokens, 300, 9));
    r.max_tokens = 60;
    rig_submit(&r);
    double longest = 0;
    step();
    ck_assert_uint_eq(live.n, 1); /* its prompt in one step, in the seat of the newest batch */
    while (live.n < 60)
        longest = fmax(longest, step());
    const double live_alone = FIXED_S + ANSWER_S + 360 * KEY_S;
    ck_assert_double_le(longest, 2 * live_alone);
    size_t written = 0, preemptions = 0;
    for (size_t s = 0; s < 6; s++)
        written += batch[s].n;
    ck_assert_uint_gt(written, 4 * 20); /* they go on beside it */
    rig_run();
    for (size_t s = 0; s < 6; s++)
        preemptions += batch[s].usage.preemptions;
    ck_assert_uint_eq(preemptions, 1);
    rig_stop();
    long_prompt(tokens, 200, 5);
    answer_alone(&alone, &last);
    rig_expect_same(&alone, &batch[5]);
}
END_TEST

START_TEST(deadlines_end_requests)
{
    static struct rig_answer a[6];
    int32_t tokens[1024];
    static const struct hn_plan_options four = {
        .context = 512, .sequences = 4, .kv_type = HN_KV_F16};
    start(&four);
    for (size_t s = 0; s < 6; s++) {
        struct hn_request r = rig_request(&a[s], tokens, rig_prompt(tokens, s));
        r.max_tokens = 200;
        r.deadline_ns = s == 1 || s == 5 ? now_ns + 600000000 : s == 2 ? now_ns + 900000000 : 0;
        rig_submit(&r);
    }
    while (now_ns < 1600000000) {
        ck_assert(!a[1].done && !a[5].done);
        step();
    }
    step();
    ck_assert(a[1].done && a[5].done && !a[2].done);
    ck_assert_int_eq(a[1].finish, HN_FINISH_DEADLINE);
    ck_assert_uint_gt(a[1].n, 0);
    ck_assert_int_eq(a[5].finish, HN_FINISH_DEADLINE); /* it never ran */
    ck_assert_uint_eq(a[5].n, 0);
    ck_assert_str_eq(hn_finish_text(a[5].finish), "deadline");
    rig_run();
    ck_assert_int_eq(a[2].finish, HN_FINISH_DEADLINE);
    ck_assert_int_eq(a[0].finish, HN_FINISH_LENGTH);
    ck_assert_int_eq(a[4].finish, HN_FINISH_LENGTH);
    rig_stop();
}
END_TEST

/* Eight answers to one prompt, asked for at once: it is computed once, also when the one that does so
 * goes away half-way. */
START_TEST(a_prompt_is_computed_once)
{
    static struct rig_answer a[8], alone;
    int32_t tokens[1024];
    struct hn_request r = {0};
    static const struct hn_plan_options slow = {
        .context = 1024, .sequences = 8, .batch = 128, .kv_type = HN_KV_F16};
    for (int cancel = 0; cancel < 2; cancel++) {
        uint64_t first = 0;
        memset(a, 0, sizeof a);
        start(&slow);
        for (size_t s = 0; s < 8; s++) {
            r = rig_request(&a[s], tokens, long_prompt(tokens, 700, 1));
            r.sample.seed = s;
            r.owner = s;
            const uint64_t id = rig_submit(&r);
            if (s == 0) first = id;
        }
        step();
        step();
        if (cancel) hn_engine_cancel(rig.engine, first);
        rig_run();
        /* All but 60 tokens are full pages. The first pages of the one that left remain. */
        ck_assert_uint_eq(prompt_rows, 700 + (7 - (size_t)cancel) * 60);
        for (size_t s = 1; s < 8; s++)
            ck_assert_uint_eq(a[s].usage.cached_tokens, cancel && s == 1 ? 256 : 640);
        rig_stop();
    }
    answer_alone(&alone, &r);
    rig_expect_same(&alone, &a[7]);
    ck_assert_int_ne(memcmp(a[6].ids, a[7].ids, sizeof a[6].ids), 0);
}
END_TEST

/* What requests are told that they cost is what the engine spent. */
START_TEST(costs_add_up)
{
    static struct rig_answer a[33];
    int32_t tokens[1024];
    static const struct hn_plan_options small = {
        .context = 512, .sequences = 16, .pool = 1024, .kv_type = HN_KV_F16};
    struct hn_engine_stats stats;
    const uint64_t begun = 1000000000;
    start(&small);
    for (size_t s = 0; s < 33; s++) {
        const struct hn_request r = mixed_request(&a[s], tokens, s);
        const uint64_t id = rig_submit(&r);
        if (s % 10 == 9) hn_engine_cancel(rig.engine, id);
    }
    for (int i = 0;; i++) {
        double told = 0;
        size_t tokens_told = 0;
        if (i % 7 == 0) now_ns += 50000000; /* nobody asked for anything */
        hn_engine_stats_read(rig.engine, &stats);
        for (size_t s = 0; s < 33; s++) {
            told += a[s].usage.core_s;
            tokens_told += a[s].n;
            if (a[s].done && a[s].n) ck_assert_double_gt(a[s].usage.core_s, 0);
        }
        ck_assert_double_eq_tol(told + stats.open_core_s, stats.core_s, 1e-9 * (1 + stats.core_s));
        ck_assert_double_eq_tol(stats.core_s, 2 * stats.busy_s, 1e-9); /* two threads */
        ck_assert_double_eq_tol(stats.busy_s + stats.idle_s, (double)(now_ns - begun) * 1e-9, 1e-6);
        ck_assert_uint_eq(stats.completion_tokens, tokens_told);
        if (!hn_engine_busy(rig.engine)) break;
        step();
    }
    ck_assert_uint_eq(stats.requests, 33);
    ck_assert_uint_eq(stats.running + stats.waiting + stats.pages_used, 0);
    ck_assert_uint_eq(stats.pages_all, 16);
    rig_stop();
}
END_TEST

START_TEST(joules_of_all_add_up_to_those_of_the_steps)
{
    static struct rig_answer a[12], without;
    int32_t tokens[1024];
    double told = 0;
    struct hn_energy *energy;
    const struct hn_energy_options watts = {"/nowhere", 10, 5};
    ck_assert_int_eq(hn_energy_open(&watts, &energy, NULL), HN_OK);
    start(&usual);
    now_ns += hn_clock_ns();
    hn_engine_energy(rig.engine, energy);
    (void)hn_energy_lap(energy, now_ns, 0);
    for (size_t s = 0; s < HN_COUNT(a); s++) {
        const struct hn_request r = mixed_request(&a[s], tokens, s);
        rig_submit(&r);
    }
    const uint64_t begun = now_ns;
    rig_run();
    for (size_t s = 0; s < HN_COUNT(a); s++) {
        ck_assert_double_gt(a[s].usage.joules, 0);
        told += a[s].usage.joules;
    }
    const double seconds = (double)(now_ns - begun) * 1e-9;
    ck_assert_double_eq_tol(told, hn_energy_busy_joules(energy), 1e-9 * (1 + told));
    ck_assert_double_eq_tol(told, (10 + 2 * 5) * seconds, 1e-6); /* two threads */
    hn_engine_energy(rig.engine, NULL);
    const struct hn_request r = mixed_request(&without, tokens, 1);
    rig_submit(&r);
    rig_run();
    ck_assert(isnan(without.usage.joules));
    rig_stop();
    hn_energy_close(energy);
}
END_TEST

/* Who puts more into steps pays more for them: of two requests at once, the one with the long prompt. */
START_TEST(work_is_paid_by_those_who_cause_it)
{
    static struct rig_answer a[2];
    int32_t tokens[1024];
    start(&usual);
    for (size_t s = 0; s < 2; s++) {
        const struct hn_request r =
            rig_request(&a[s], tokens, long_prompt(tokens, s ? 100 : 800, s));
        rig_submit(&r);
    }
    rig_run();
    ck_assert_double_gt(a[0].usage.core_s, 2 * a[1].usage.core_s);
    rig_stop();
}
END_TEST

/* More answers than a step has rows take turns, and a newcomer's prompt is read all the same. */
START_TEST(answers_take_turns)
{
    static struct rig_answer a[24], late;
    int32_t tokens[1024];
    static const struct hn_plan_options narrow = {
        .context = 512, .sequences = 25, .batch = 16, .kv_type = HN_KV_F16};
    start(&narrow);
    hn_engine_limit_step(rig.engine, 1);
    for (size_t s = 0; s < 24; s++) {
        struct hn_request r = rig_request(&a[s], tokens, long_prompt(tokens, 20, s));
        r.max_tokens = 300;
        rig_submit(&r);
    }
    for (size_t s = 0; s < 24; s++)
        while (!a[s].n)
            step();
    size_t before[24], least = SIZE_MAX, most = 0;
    for (size_t s = 0; s < 24; s++)
        before[s] = a[s].n;
    for (size_t i = 0; i < 30; i++)
        step();
    for (size_t s = 0; s < 24; s++) {
        least = hn_min(least, a[s].n - before[s]);
        most = hn_max(most, a[s].n - before[s]);
    }
    ck_assert_uint_ge(least, 19); /* 30 * 16 / 24 = 20 */
    ck_assert_uint_le(most, 21);
    struct hn_request r = rig_request(&late, tokens, long_prompt(tokens, 20, 99));
    rig_submit(&r);
    for (size_t i = 0; i < 12; i++)
        step();
    ck_assert_uint_ge(late.n, 1);
    rig_stop();
}
END_TEST

/* A thousand at once, whose prompts begin alike. */
START_TEST(a_thousand_run_at_once)
{
    enum { MANY = 1000 };
    static struct rig_answer a[MANY];
    int32_t tokens[1024];
    struct hn_engine_stats stats;
    static const struct hn_plan_options wide = {
        .context = 256, .sequences = MANY, .kv_type = HN_KV_F16};
    start(&wide);
    for (size_t s = 0; s < MANY; s++) {
        struct hn_request r = rig_request(&a[s], tokens, long_prompt(tokens, 70, 1));
        r.max_tokens = 6;
        r.sample.seed = s % 10;
        rig_submit(&r);
    }
    step();
    hn_engine_stats_read(rig.engine, &stats);
    ck_assert_uint_eq(stats.running, MANY);
    rig_run();
    for (size_t s = 0; s < MANY; s++)
        rig_expect_same(&a[s % 10], &a[s]);
    ck_assert_uint_eq(a[MANY - 1].usage.cached_tokens, 64);
    rig_stop();
}
END_TEST

static double noise(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return (double)(*state >> 8) / (1 << 24);
}

/* Steps of many kinds on a machine that is not what was supposed, and noisy; at times something holds one
 * up. What steps take is foreseen all the same. */
START_TEST(costs_are_learned)
{
    uint32_t state = 1;
    start(&usual);
    struct hn_budget budget = rig.engine->budget;
    rig_stop();
    for (int i = 0; i < 2000; i++) {
        struct hn_work work = {0};
        const size_t answers = (size_t)(noise(&state) * 16), pos = (size_t)(noise(&state) * 1000);
        const size_t prompt =
            answers && i % 3 ? 0 : 1 + (size_t)(noise(&state) * (i % 2 ? 20 : 500));
        work.rows[HN_ANSWERS] = (double)answers;
        work.keys[HN_ANSWERS] = (double)answers * hn_budget_keys(&budget, pos, 1);
        work.rows[HN_PROMPTS] = (double)prompt;
        work.keys[HN_PROMPTS] = hn_budget_keys(&budget, pos / 2, prompt);
        const double took = FIXED_S + ANSWER_S * work.rows[HN_ANSWERS] +
                            PROMPT_S * work.rows[HN_PROMPTS] +
                            KEY_S * (work.keys[HN_ANSWERS] + work.keys[HN_PROMPTS] / 4);
        const double foreseen = budget.fixed + hn_budget_added(&budget, &work);
        if (i >= 300)
            ck_assert_msg(fabs(foreseen / took - 1) < 0.3, "step %d: %g, not %g", i, foreseen,
                          took);
        hn_budget_note(&budget, &work,
                       took * (0.95 + 0.1 * noise(&state)) * (i % 100 == 99 ? 20 : 1));
    }
    /* Rows are cut to the time that they take. */
    const size_t n = hn_budget_rows(&budget, 500, 512, 0.05);
    const double cost = budget.row[HN_PROMPTS], key = budget.key[HN_PROMPTS];
    ck_assert_double_le((double)n * cost + key * hn_budget_keys(&budget, 500, n), 0.05);
    ck_assert_double_gt((double)(n + 1) * cost + key * hn_budget_keys(&budget, 500, n + 1), 0.05);
    ck_assert_uint_eq(hn_budget_rows(&budget, 500, 512, -1), 0);
    ck_assert_uint_eq(hn_budget_rows(&budget, 500, 512, 1e6), 512);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("load");
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, a_long_prompt_does_not_hold_up_answers, 0, 3);
    tcase_add_test(tcase, alone_a_prompt_is_read_in_whole_steps);
    tcase_add_test(tcase, load_changes_nothing);
    tcase_add_test(tcase, the_newest_gives_its_pages_back);
    tcase_add_test(tcase, preempted_logits_are_told_once);
    tcase_add_test(tcase, what_never_fits_is_refused);
    tcase_add_test(tcase, a_flood_does_not_drown_others);
    tcase_add_test(tcase, owners_share_by_weight);
    tcase_add_test(tcase, interactive_goes_before_batch);
    tcase_add_test(tcase, deadlines_end_requests);
    tcase_add_test(tcase, a_prompt_is_computed_once);
    tcase_add_test(tcase, costs_add_up);
    tcase_add_test(tcase, joules_of_all_add_up_to_those_of_the_steps);
    tcase_add_test(tcase, work_is_paid_by_those_who_cause_it);
    tcase_add_test(tcase, answers_take_turns);
    tcase_add_test(tcase, a_thousand_run_at_once);
    tcase_add_test(tcase, costs_are_learned);
    return run_unit("load", tcase);
}
