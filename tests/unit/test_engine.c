/* The engine: requests in, steps, text out. What a request gets never depends on its company. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../fuzz/faults.h"
#include "base/bits.h"
#include "engine/engine.h"
#include "tiny_model.h"
#include "unit.h"

enum { SEQUENCES = 4, VOCAB = 259 };

static struct tiny_model model;
static struct hn_tokenizer *tokenizer;
static struct hn_engine *engine;

static void start(size_t context, size_t batch)
{
    const struct tiny_spec spec = tiny_llama(HN_Q8_0);
    const struct hn_plan_options options = {
        .context = context, .sequences = SEQUENCES, .batch = batch, .kv_type = HN_KV_F16};
    struct hn_error err = {.text = ""};
    tiny_load(&model, &spec, &options, 2);
    tokenizer = tiny_tokenizer();
    ck_assert_int_eq(hn_engine_create(model.decoder, tokenizer, &engine, &err), HN_OK);
}

static void stop(void)
{
    hn_engine_destroy(engine);
    hn_tokenizer_destroy(tokenizer);
    tiny_unload(&model);
}

/* An answer as its sink sees it. */
struct answer {
    int32_t ids[512];
    size_t n;
    char text[4096];
    size_t text_n;
    size_t stop_after; /* the sink wants no more after so many tokens; 0: it does */
    enum hn_finish finish;
    struct hn_usage usage;
    struct hn_error err;
    int done;
};

static void put_text(struct answer *a, struct hn_str text)
{
    ck_assert_uint_le(a->text_n + text.n, sizeof a->text);
    if (text.n) memcpy(a->text + a->text_n, text.p, text.n);
    a->text_n += text.n;
}

static bool on_token(void *ctx, const struct hn_token_event *event)
{
    struct answer *a = ctx;
    ck_assert_int_eq(a->done, 0);
    ck_assert_uint_lt(a->n, HN_COUNT(a->ids));
    a->ids[a->n++] = event->id;
    put_text(a, event->text);
    return a->n != a->stop_after;
}

static void on_done(void *ctx, enum hn_finish finish, struct hn_str text,
                    const struct hn_usage *usage, const struct hn_error *err)
{
    struct answer *a = ctx;
    a->done++;
    a->finish = finish;
    a->usage = *usage;
    if (err) a->err = *err;
    put_text(a, text);
}

/* Prompts are long enough to fill pages; sequence `s` has one of its own. */
static size_t prompt(int32_t tokens[400], size_t s)
{
    const size_t n = 100 + 40 * (s % 6);
    for (size_t i = 0; i < n; i++)
        tokens[i] = (int32_t)(3 + (i * 31 + s * 17 + i * i) % 256);
    return n;
}

static struct hn_request request(struct answer *a, const int32_t *tokens, size_t n)
{
    struct hn_request r = {
        .tokens = tokens,
        .n_tokens = n,
        .max_tokens = 24,
        .sample = hn_sample_defaults(),
        .ignore_eog = true,
        .sink = {a, on_token, on_done, NULL},
    };
    r.sample.seed = 7;
    return r;
}

static uint64_t submit(const struct hn_request *r)
{
    struct hn_error err = {.text = ""};
    uint64_t id;
    ck_assert_msg(hn_engine_submit(engine, r, &id, &err) == HN_OK, "%s", err.text);
    return id;
}

static void run(void)
{
    for (int steps = 0; hn_engine_busy(engine); steps++) {
        ck_assert_int_lt(steps, 10000);
        hn_engine_step(engine);
    }
}

static void expect_same(const struct answer *a, const struct answer *b)
{
    ck_assert_uint_eq(a->n, b->n);
    for (size_t i = 0; i < a->n; i++)
        ck_assert_msg(a->ids[i] == b->ids[i], "token %zu is %d, not %d", i, b->ids[i], a->ids[i]);
    ck_assert_mem_eq(a->text, b->text, a->text_n);
}

/* Twelve requests for four seats, in small steps, against each alone in an engine of its own. */
START_TEST(company_changes_nothing)
{
    static struct answer alone[12], together[12];
    int32_t tokens[400];
    for (size_t s = 0; s < 12; s++) {
        start(512, 512);
        const struct hn_request r = request(&alone[s], tokens, prompt(tokens, s));
        submit(&r);
        run();
        stop();
        ck_assert_int_eq(alone[s].done, 1);
        ck_assert_int_eq(alone[s].finish, HN_FINISH_LENGTH);
        ck_assert_uint_eq(alone[s].n, 24);
    }
    start(512, 48);
    for (size_t s = 0; s < 12; s++) {
        const struct hn_request r = request(&together[s], tokens, prompt(tokens, s));
        submit(&r);
        hn_engine_step(engine); /* they come one by one */
    }
    run();
    stop();
    for (size_t s = 0; s < 12; s++)
        expect_same(&alone[s], &together[s]);
    ck_assert_int_ne(memcmp(alone[0].ids, alone[1].ids, 24 * sizeof *alone[0].ids), 0);
}
END_TEST

START_TEST(a_cached_prefix_changes_nothing)
{
    static struct answer fresh, cached, apart;
    int32_t tokens[400];
    start(512, 512);
    const size_t n = prompt(tokens, 5);
    struct hn_request r = request(&fresh, tokens, n);
    submit(&r);
    run();
    r.sink.ctx = &cached;
    submit(&r);
    run();
    r.sink.ctx = &apart;
    r.no_cache = true;
    submit(&r);
    run();
    expect_same(&fresh, &cached);
    expect_same(&fresh, &apart);
    ck_assert_uint_eq(fresh.usage.cached_tokens, 0);
    ck_assert_uint_eq(cached.usage.cached_tokens, (n - 1) / HN_KV_PAGE * HN_KV_PAGE);
    ck_assert_uint_eq(apart.usage.cached_tokens, 0);
    ck_assert_uint_eq(cached.usage.prompt_tokens, n);
    stop();
}
END_TEST

/* A conversation goes on: the second prompt is the first, its answer, and more. */
START_TEST(answers_are_cached_too)
{
    static struct answer first, second;
    int32_t tokens[400];
    start(512, 512);
    size_t n = prompt(tokens, 3);
    struct hn_request r = request(&first, tokens, n);
    r.max_tokens = 100;
    submit(&r);
    run();
    memcpy(tokens + n, first.ids, 100 * sizeof *tokens);
    r = request(&second, tokens, n + 100);
    submit(&r);
    run();
    ck_assert_uint_eq(second.usage.cached_tokens, (n + 99) / HN_KV_PAGE * HN_KV_PAGE);
    stop();
}
END_TEST

/* Texts of many lengths through a pool that can hold four: pages go round. */
START_TEST(pages_are_given_up_and_taken_anew)
{
    static struct answer first, again, other;
    int32_t tokens[400];
    start(320, 64);
    struct hn_request r = request(&first, tokens, prompt(tokens, 4));
    submit(&r);
    run();
    for (size_t s = 20; s < 60; s++) {
        int32_t text[400];
        memset(&other, 0, sizeof other);
        r = request(&other, text, hn_min(prompt(text, s), 290));
        submit(&r);
        run();
        ck_assert_int_eq(other.finish, HN_FINISH_LENGTH);
    }
    r = request(&again, tokens, prompt(tokens, 4));
    submit(&r);
    run();
    ck_assert_uint_eq(again.usage.cached_tokens, 0);
    expect_same(&first, &again);
    stop();
}
END_TEST

/* Prompts full of repetition, greedy and drawn, alone and together, with stops and limits: guessing
 * ahead never shows in an answer. */
START_TEST(guessing_changes_nothing)
{
    static struct answer plain[6], guessed[6];
    int32_t tokens[400];
    size_t right = 0;
    for (int round = 0; round < 2; round++) {
        start(512, 512);
        for (size_t s = 0; s < 6; s++) {
            const size_t n = 90 + 7 * s;
            for (size_t i = 0; i < n; i++)
                tokens[i] = (int32_t)(TINY_BYTE + 'a' + (i % (5 + s) + s) % 26);
            struct hn_request r = request(round ? &guessed[s] : &plain[s], tokens, n);
            r.max_tokens = s == 1 ? SIZE_MAX : 200;
            r.sample.temperature = s < 3 ? 0 : 0.2f * (float)s;
            r.stops = &(const struct hn_str){"x", 1};
            r.n_stops = s == 2;
            r.max_draft = round ? 8 : 0;
            submit(&r);
        }
        run();
        stop();
    }
    for (size_t s = 0; s < 6; s++) {
        expect_same(&plain[s], &guessed[s]);
        ck_assert_int_eq(plain[s].finish, guessed[s].finish);
        ck_assert_uint_eq(plain[s].usage.completion_tokens, guessed[s].usage.completion_tokens);
        ck_assert_uint_eq(plain[s].usage.guessed_tokens, 0);
        ck_assert_uint_le(guessed[s].usage.right_tokens, guessed[s].usage.guessed_tokens);
        right += guessed[s].usage.right_tokens;
    }
    ck_assert_uint_gt(right, 20);
}
END_TEST

/* Prompts that do not repeat themselves, which only an assistant can go on with: one that is the model
 * itself, and one of another mind and a shorter context. */
START_TEST(an_assistant_changes_nothing)
{
    static struct answer plain[6], helped[6];
    int32_t tokens[400];
    for (int round = 0; round < 3; round++) {
        struct tiny_model assistant = {0};
        struct tiny_spec spec = tiny_llama(HN_Q8_0);
        struct hn_plan_options options = {
            .context = 512, .sequences = SEQUENCES, .batch = 96, .kv_type = HN_KV_F16};
        struct hn_error err = {.text = ""};
        size_t right = 0;
        start(512, 512);
        if (round == 2) {
            spec.n_layers = 1;
            options.context = 256;
        }
        if (round) {
            tiny_load(&assistant, &spec, &options, 2);
            ck_assert_int_eq(hn_engine_assist(engine, assistant.decoder, &err), HN_OK);
        }
        for (size_t s = 0; s < 6; s++) {
            struct hn_request r =
                request(round ? &helped[s] : &plain[s], tokens, prompt(tokens, s));
            if (round) helped[s] = (struct answer){0};
            r.max_tokens = 100;
            r.sample.temperature = 0.5f * (float)(s % 3);
            r.sample.repeat_penalty = s == 5 ? 1.2f : 1;
            r.max_draft = round ? 8 : 0;
            submit(&r);
        }
        run();
        for (size_t s = 0; round && s < 6; s++) {
            expect_same(&plain[s], &helped[s]);
            right += helped[s].usage.right_tokens;
        }
        stop();
        if (round) tiny_unload(&assistant);
        if (round == 1) ck_assert_uint_gt(right, 0); /* how often it pays is a matter of time */
    }
}
END_TEST

/* Answers that follow grammars are whole, and the same with guesses and without, alone and together. */
START_TEST(grammars_are_followed)
{
    static const char *const expressions[] = {"([a-c]{3} ){5,9}end", "(abcd|efgh){20,30}",
                                              "[\\x20-\\x7e]{150}", "x{10}(yz)*"};
    static struct answer plain[4], guessed[4];
    struct hn_grammar *grammars[4];
    int32_t tokens[400];
    size_t right = 0;
    for (int round = 0; round < 3; round++) {
        static struct answer rest[4];
        struct answer *answers = round == 0 ? plain : round == 1 ? guessed : rest;
        start(512, 512);
        for (size_t s = 0; s < 4; s++) {
            ck_assert_int_eq(hn_grammar_regex(hn_str_from(expressions[s]), &grammars[s], NULL),
                             HN_OK);
            struct hn_request r = request(&answers[s], tokens, prompt(tokens, s));
            r.grammar = grammars[s];
            r.max_tokens = 200;
            r.ignore_eog = false;
            r.sample.temperature = s % 2 ? 0 : 1;
            r.max_draft = round == 1 ? 8 : 0;
            submit(&r);
            hn_grammar_release(grammars[s]);
            if (round == 2) run();
        }
        run();
        stop();
        for (size_t s = 0; s < 4; s++) {
            expect_same(&plain[s], &answers[s]);
            ck_assert_msg(answers[s].finish == HN_FINISH_EOG || s == 3, "%s", answers[s].err.text);
            right += answers[s].usage.right_tokens;
        }
    }
    ck_assert_uint_gt(right, 20);
    ck_assert_msg(strncmp(plain[0].text + plain[0].text_n - 4, " end", 4) == 0, "%s",
                  plain[0].text);
    ck_assert_uint_eq(plain[1].text_n % 4, 0);
    ck_assert_uint_eq(plain[2].text_n, 150);
    ck_assert_mem_eq(plain[3].text, "xxxxxxxxxx", 10);
}
END_TEST

START_TEST(refusals_say_why)
{
    static struct answer a;
    static int32_t tokens[600];
    static const struct {
        size_t n, max_tokens;
        int32_t bad;
        enum hn_status status;
        const char *text;
    } refused[] = {
        {0, 1, 5, HN_E_ARG, "no tokens"},
        {513, 1, 5, HN_E_CONTEXT, "513 tokens and the context 512"},
        {512, 1, 5, HN_E_CONTEXT, "fills the context"},
        {10, 1, VOCAB, HN_E_ARG, "token 3 of the prompt is 259"},
        {10, 1, -1, HN_E_ARG, "token 3 of the prompt is -1"},
    };
    start(512, 64);
    for (size_t i = 0; i < HN_COUNT(refused); i++) {
        struct hn_error err = {.text = ""};
        tokens[3] = refused[i].bad;
        struct hn_request r = request(&a, tokens, refused[i].n);
        r.max_tokens = refused[i].max_tokens;
        ck_assert_int_eq(hn_engine_submit(engine, &r, NULL, &err), refused[i].status);
        ck_assert_msg(strstr(err.text, refused[i].text), "%s", err.text);
    }
    tokens[3] = 5;
    struct hn_request r = request(&a, tokens, 10);
    struct hn_error err = {.text = ""};
    r.sample.temperature = -1;
    ck_assert_int_eq(hn_engine_submit(engine, &r, NULL, &err), HN_E_ARG);
    ck_assert(!hn_engine_busy(engine));
    ck_assert_int_eq(a.done, 0);
    stop();
}
END_TEST

START_TEST(the_context_ends_an_answer)
{
    static struct answer a;
    int32_t tokens[400];
    start(192, 64);
    struct hn_request r = request(&a, tokens, prompt(tokens, 0));
    r.max_tokens = SIZE_MAX;
    submit(&r);
    run();
    ck_assert_int_eq(a.finish, HN_FINISH_LENGTH);
    ck_assert_uint_eq(a.n, 192 - 100);
    ck_assert_uint_eq(a.usage.completion_tokens, 192 - 100);
    stop();
}
END_TEST

START_TEST(cancelling_reaches_running_and_waiting)
{
    static struct answer a[SEQUENCES + 2], b;
    uint64_t ids[SEQUENCES + 2];
    int32_t tokens[400];
    start(512, 512);
    for (size_t s = 0; s < SEQUENCES + 2; s++) {
        const struct hn_request r = request(&a[s], tokens, prompt(tokens, s));
        ids[s] = submit(&r);
    }
    hn_engine_step(engine);
    hn_engine_step(engine);
    hn_engine_cancel(engine, ids[1]);
    hn_engine_cancel(engine, ids[SEQUENCES + 1]); /* still in the queue */
    hn_engine_cancel(engine, 12345);              /* nobody */
    hn_engine_step(engine);
    ck_assert_int_eq(a[1].finish, HN_FINISH_CANCELLED);
    ck_assert_int_eq(a[SEQUENCES + 1].finish, HN_FINISH_CANCELLED);
    ck_assert_uint_eq(a[SEQUENCES + 1].n, 0);
    b.stop_after = 5; /* the other way: the sink has had enough */
    const struct hn_request r = request(&b, tokens, prompt(tokens, 9));
    submit(&r);
    run();
    ck_assert_int_eq(b.finish, HN_FINISH_CANCELLED);
    ck_assert_uint_eq(b.n, 5);
    for (size_t s = 0; s < SEQUENCES + 2; s++)
        ck_assert_int_eq(a[s].done, 1);
    ck_assert_int_eq(a[SEQUENCES].finish, HN_FINISH_LENGTH);
    stop();
}
END_TEST

static size_t logit_rows;
static float logit_sum;

static void on_logits(void *ctx, size_t position, const float *logits, size_t n)
{
    ck_assert_int_eq(((struct answer *)ctx)->done, 0);
    ck_assert_uint_eq(position, logit_rows++);
    ck_assert_uint_eq(n, VOCAB);
    logit_sum += logits[position % n];
}

START_TEST(prompt_logits_come_in_order_once)
{
    static struct answer a;
    int32_t tokens[400];
    float sums[2];
    for (int i = 0; i < 2; i++) { /* in one step, and in many */
        start(512, i ? 17 : 512);
        const size_t n = prompt(tokens, 2);
        struct hn_request r = request(&a, tokens, n);
        a = (struct answer){0};
        r.max_tokens = 0;
        r.sink.prompt_logits = on_logits;
        logit_rows = 0;
        logit_sum = 0;
        submit(&r);
        run();
        ck_assert_uint_eq(logit_rows, n);
        ck_assert_uint_eq(a.n, 0);
        ck_assert_int_eq(a.done, 1);
        sums[i] = logit_sum;
        stop();
    }
    ck_assert_mem_eq(&sums[0], &sums[1], sizeof sums[0]);
}
END_TEST

static float last_logits[VOCAB];
static size_t n_picks;

static void keep_logits(void *ctx, size_t position, const float *logits, size_t n)
{
    (void)ctx;
    (void)position;
    memcpy(last_logits, logits, n * sizeof *logits);
}

/* Of a greedy choice: the model's own log-probabilities, the largest first. */
static bool check_pick(void *ctx, const struct hn_token_event *event)
{
    const struct hn_pick *pick = event->pick;
    double sum = 0;
    (void)ctx;
    ck_assert_ptr_nonnull(pick);
    ck_assert_int_eq(pick->n_top, 3);
    ck_assert_int_eq(pick->top[0].id, event->id);
    ck_assert_float_eq(pick->top[0].logprob, pick->logprob);
    ck_assert_float_ge(pick->top[0].logprob, pick->top[1].logprob);
    ck_assert_float_ge(pick->top[1].logprob, pick->top[2].logprob);
    for (size_t i = 0; i < VOCAB; i++)
        sum += exp((double)last_logits[i]);
    for (int i = 0; i < 3 && n_picks == 0; i++)
        ck_assert_double_eq_tol((double)pick->top[i].logprob,
                                (double)last_logits[pick->top[i].id] - log(sum), 1e-4);
    return ++n_picks < 4;
}

/* Those of the first positions may be left out; the others are the same. */
START_TEST(prompt_logits_may_begin_later)
{
    static struct answer a;
    int32_t tokens[400];
    float last[2][VOCAB];
    for (int i = 0; i < 2; i++) {
        start(512, i ? 17 : 512);
        const size_t n = prompt(tokens, 2), first = n - 20;
        struct hn_request r = request(&a, tokens, n);
        a = (struct answer){0};
        r.max_tokens = i; /* with an answer, and without */
        r.sink.prompt_logits = on_logits;
        r.sink.first_logits = first;
        logit_rows = first;
        submit(&r);
        run();
        ck_assert_uint_eq(logit_rows, n);
        ck_assert_uint_eq(a.n, i);
        r.sink.prompt_logits = keep_logits;
        r.sink.first_logits = i ? 0 : n - 1;
        a = (struct answer){0};
        submit(&r);
        run();
        memcpy(last[i], last_logits, sizeof last_logits);
        stop();
    }
    ck_assert_mem_eq(last[0], last[1], sizeof last[0]);
}
END_TEST

START_TEST(logprobs_are_the_models)
{
    static struct answer a;
    int32_t tokens[400];
    start(512, 512);
    struct hn_request r = request(&a, tokens, prompt(tokens, 1));
    r.sample.temperature = 0;
    r.sample.top_logprobs = 3;
    r.sink.token = check_pick;
    r.sink.prompt_logits = keep_logits;
    submit(&r);
    run();
    ck_assert_int_eq(a.finish, HN_FINISH_CANCELLED);
    ck_assert_uint_eq(n_picks, 4);
    stop();
}
END_TEST

#ifdef HAVE_FAULTS
/* Once under way, a step asks the system for nothing: it cannot run out of memory. */
START_TEST(steps_allocate_nothing)
{
    static struct answer a[SEQUENCES];
    int32_t tokens[400];
    start(512, 96);
    for (size_t s = 0; s < SEQUENCES; s++) {
        struct hn_request r = request(&a[s], tokens, prompt(tokens, s));
        r.max_tokens = 150;
        r.sample.top_p = 0.9f;
        r.sample.repeat_penalty = 1.1f;
        r.max_draft = 8;
        r.sink.token = NULL; /* what it asserts allocates */
        submit(&r);
    }
    faults_start(0);
    for (int i = 0; i < 150; i++)
        hn_engine_step(engine);
    const size_t allocations = faults_stop();
    run();
    ck_assert_uint_eq(allocations, 0);
    for (size_t s = 0; s < SEQUENCES; s++)
        ck_assert_uint_eq(a[s].usage.completion_tokens, 150);
    stop();
}
END_TEST

/* A request that runs out of memory is refused whole; those before and after it are served. */
START_TEST(a_refused_request_leaves_no_trace)
{
    static struct answer a, b;
    int32_t tokens[400];
    start(512, 512);
    struct hn_request r = request(&a, tokens, prompt(tokens, 1));
    r.sample.repeat_penalty = 1.1f;
    r.stops = (const struct hn_str[]){HN_STR("zzzz"), HN_STR("yyyy")};
    r.n_stops = 2;
    size_t refused = 0;
    for (;; refused++) {
        struct hn_error err = {.text = ""};
        faults_start(refused + 1);
        const enum hn_status status = hn_engine_submit(engine, &r, NULL, &err);
        faults_stop();
        if (status == HN_OK) break;
        ck_assert_int_eq(status, HN_E_NOMEM);
        ck_assert(!hn_engine_busy(engine));
    }
    ck_assert_uint_ge(refused, 5);
    r.sink.ctx = &b;
    submit(&r);
    run();
    ck_assert_int_eq(a.done, 1);
    expect_same(&a, &b);
    stop();
}
END_TEST
#endif

int main(void)
{
    TCase *tcase = tcase_create("engine");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, company_changes_nothing);
    tcase_add_test(tcase, a_cached_prefix_changes_nothing);
    tcase_add_test(tcase, answers_are_cached_too);
    tcase_add_test(tcase, pages_are_given_up_and_taken_anew);
    tcase_add_test(tcase, guessing_changes_nothing);
    tcase_add_test(tcase, an_assistant_changes_nothing);
    tcase_add_test(tcase, grammars_are_followed);
    tcase_add_test(tcase, refusals_say_why);
    tcase_add_test(tcase, the_context_ends_an_answer);
    tcase_add_test(tcase, cancelling_reaches_running_and_waiting);
    tcase_add_test(tcase, prompt_logits_come_in_order_once);
    tcase_add_test(tcase, prompt_logits_may_begin_later);
    tcase_add_test(tcase, logprobs_are_the_models);
#ifdef HAVE_FAULTS
    tcase_add_test(tcase, steps_allocate_nothing);
    tcase_add_test(tcase, a_refused_request_leaves_no_trace);
#else
    puts("skipped: failing allocations, which this sanitizer does not let in");
#endif
    return run_unit("engine", tcase);
}
