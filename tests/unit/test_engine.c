/* The engine: requests in, steps, text out. What a request gets never depends on its company. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../fuzz/faults.h"
#include "base/bits.h"
#include "engine_rig.h"
#include "unit.h"

/* Twelve requests for four seats, in small steps, against each alone in an engine of its own. */
START_TEST(company_changes_nothing)
{
    static struct rig_answer alone[12], together[12];
    int32_t tokens[400];
    for (size_t s = 0; s < 12; s++) {
        rig_start(512, 512);
        const struct hn_request r = rig_request(&alone[s], tokens, rig_prompt(tokens, s));
        rig_submit(&r);
        rig_run();
        rig_stop();
        ck_assert_int_eq(alone[s].done, 1);
        ck_assert_int_eq(alone[s].finish, HN_FINISH_LENGTH);
        ck_assert_uint_eq(alone[s].n, 24);
    }
    rig_start(512, 48);
    for (size_t s = 0; s < 12; s++) {
        const struct hn_request r = rig_request(&together[s], tokens, rig_prompt(tokens, s));
        rig_submit(&r);
        hn_engine_step(rig.engine); /* they come one by one */
    }
    rig_run();
    rig_stop();
    for (size_t s = 0; s < 12; s++)
        rig_expect_same(&alone[s], &together[s]);
    ck_assert_int_ne(memcmp(alone[0].ids, alone[1].ids, 24 * sizeof *alone[0].ids), 0);
}
END_TEST

START_TEST(a_cached_prefix_changes_nothing)
{
    static struct rig_answer fresh, cached, apart;
    int32_t tokens[400];
    rig_start(512, 512);
    const size_t n = rig_prompt(tokens, 5);
    struct hn_request r = rig_request(&fresh, tokens, n);
    rig_submit(&r);
    rig_run();
    r.sink.ctx = &cached;
    rig_submit(&r);
    rig_run();
    r.sink.ctx = &apart;
    r.no_cache = true;
    rig_submit(&r);
    rig_run();
    rig_expect_same(&fresh, &cached);
    rig_expect_same(&fresh, &apart);
    ck_assert_uint_eq(fresh.usage.cached_tokens, 0);
    ck_assert_uint_eq(cached.usage.cached_tokens, (n - 1) / HN_KV_PAGE * HN_KV_PAGE);
    ck_assert_uint_eq(apart.usage.cached_tokens, 0);
    ck_assert_uint_eq(cached.usage.prompt_tokens, n);
    rig_stop();
}
END_TEST

/* A conversation goes on: the second prompt is the first, its answer, and more. */
START_TEST(answers_are_cached_too)
{
    static struct rig_answer first, second;
    int32_t tokens[400];
    rig_start(512, 512);
    size_t n = rig_prompt(tokens, 3);
    struct hn_request r = rig_request(&first, tokens, n);
    r.max_tokens = 100;
    rig_submit(&r);
    rig_run();
    memcpy(tokens + n, first.ids, 100 * sizeof *tokens);
    r = rig_request(&second, tokens, n + 100);
    rig_submit(&r);
    rig_run();
    ck_assert_uint_eq(second.usage.cached_tokens, (n + 99) / HN_KV_PAGE * HN_KV_PAGE);
    rig_stop();
}
END_TEST

/* Texts of many lengths through a pool that can hold four: pages go round. */
START_TEST(pages_are_given_up_and_taken_anew)
{
    static struct rig_answer first, again, other;
    int32_t tokens[400];
    rig_start(320, 64);
    struct hn_request r = rig_request(&first, tokens, rig_prompt(tokens, 4));
    rig_submit(&r);
    rig_run();
    for (size_t s = 20; s < 60; s++) {
        int32_t text[400];
        memset(&other, 0, sizeof other);
        r = rig_request(&other, text, hn_min(rig_prompt(text, s), 290));
        rig_submit(&r);
        rig_run();
        ck_assert_int_eq(other.finish, HN_FINISH_LENGTH);
    }
    r = rig_request(&again, tokens, rig_prompt(tokens, 4));
    rig_submit(&r);
    rig_run();
    ck_assert_uint_eq(again.usage.cached_tokens, 0);
    rig_expect_same(&first, &again);
    rig_stop();
}
END_TEST

/* Prompts full of repetition, greedy and drawn, alone and together, with stops and limits: guessing
 * ahead never shows in an answer. */
START_TEST(guessing_changes_nothing)
{
    static struct rig_answer plain[6], guessed[6];
    int32_t tokens[400];
    size_t right = 0;
    for (int round = 0; round < 2; round++) {
        rig_start(512, 512);
        for (size_t s = 0; s < 6; s++) {
            const size_t n = 90 + 7 * s;
            for (size_t i = 0; i < n; i++)
                tokens[i] = (int32_t)(TINY_BYTE + 'a' + (i % (5 + s) + s) % 26);
            struct hn_request r = rig_request(round ? &guessed[s] : &plain[s], tokens, n);
            r.max_tokens = s == 1 ? SIZE_MAX : 200;
            r.sample.temperature = s < 3 ? 0 : 0.2f * (float)s;
            r.stops = &(const struct hn_str){"x", 1};
            r.n_stops = s == 2;
            r.max_draft = round ? 8 : 0;
            rig_submit(&r);
        }
        rig_run();
        rig_stop();
    }
    for (size_t s = 0; s < 6; s++) {
        rig_expect_same(&plain[s], &guessed[s]);
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
    static struct rig_answer plain[6], helped[6];
    int32_t tokens[400];
    struct hn_grammar *words;
    ck_assert_int_eq(hn_grammar_regex(HN_STR("([a-z]{1,4} )*"), &words, NULL), HN_OK);
    for (int round = 0; round < 3; round++) {
        struct tiny_model assistant = {0};
        struct tiny_spec spec = tiny_llama(HN_Q8_0);
        struct hn_plan_options options = {
            .context = 512, .sequences = RIG_SEQUENCES, .batch = 96, .kv_type = HN_KV_F16};
        struct hn_error err = {.text = ""};
        size_t right = 0;
        rig_start(512, 512);
        if (round == 2) {
            spec.n_layers = 1;
            options.context = 256;
        }
        if (round) {
            tiny_load(&assistant, &spec, &options, 2);
            ck_assert_int_eq(hn_engine_assist(rig.engine, assistant.decoder, &err), HN_OK);
        }
        for (size_t s = 0; s < 6; s++) {
            struct hn_request r =
                rig_request(round ? &helped[s] : &plain[s], tokens, rig_prompt(tokens, s));
            if (round) helped[s] = (struct rig_answer){0};
            r.max_tokens = 100;
            r.sample.temperature = 0.5f * (float)(s % 3);
            r.sample.repeat_penalty = s == 5 ? 1.2f : 1;
            r.grammar = s == 2 || s == 3 ? words : NULL;
            r.max_draft = round ? 8 : 0;
            rig_submit(&r);
        }
        rig_run();
        for (size_t s = 0; round && s < 6; s++) {
            rig_expect_same(&plain[s], &helped[s]);
            right += helped[s].usage.right_tokens;
        }
        rig_stop();
        if (round) tiny_unload(&assistant);
        if (round == 1) ck_assert_uint_gt(right, 0); /* how often it pays is a matter of time */
    }
    hn_grammar_release(words);
}
END_TEST

/* Answers that follow grammars are whole, and the same with guesses and without, alone and together. */
START_TEST(grammars_are_followed)
{
    static const char *const expressions[] = {"([a-c]{3} ){5,9}end", "(abcd|efgh){20,30}",
                                              "[\\x20-\\x7e]{150}", "x{10}(yz)*"};
    static struct rig_answer plain[4], guessed[4];
    struct hn_grammar *grammars[4];
    int32_t tokens[400];
    size_t right = 0;
    for (int round = 0; round < 3; round++) {
        static struct rig_answer rest[4];
        struct rig_answer *answers = round == 0 ? plain : round == 1 ? guessed : rest;
        rig_start(512, 512);
        for (size_t s = 0; s < 4; s++) {
            ck_assert_int_eq(hn_grammar_regex(hn_str_from(expressions[s]), &grammars[s], NULL),
                             HN_OK);
            struct hn_request r = rig_request(&answers[s], tokens, rig_prompt(tokens, s));
            r.grammar = grammars[s];
            r.max_tokens = 200;
            r.ignore_eog = false;
            r.sample.temperature = s % 2 ? 0 : 1;
            r.max_draft = round == 1 ? 8 : 0;
            rig_submit(&r);
            hn_grammar_release(grammars[s]);
            if (round == 2) rig_run();
        }
        rig_run();
        rig_stop();
        for (size_t s = 0; s < 4; s++) {
            rig_expect_same(&plain[s], &answers[s]);
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
    static struct rig_answer a;
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
        {10, 1, RIG_VOCAB, HN_E_ARG, "token 3 of the prompt is 259"},
        {10, 1, -1, HN_E_ARG, "token 3 of the prompt is -1"},
    };
    rig_start(512, 64);
    for (size_t i = 0; i < HN_COUNT(refused); i++) {
        struct hn_error err = {.text = ""};
        tokens[3] = refused[i].bad;
        struct hn_request r = rig_request(&a, tokens, refused[i].n);
        r.max_tokens = refused[i].max_tokens;
        ck_assert_int_eq(hn_engine_submit(rig.engine, &r, NULL, &err), refused[i].status);
        ck_assert_msg(strstr(err.text, refused[i].text), "%s", err.text);
    }
    tokens[3] = 5;
    struct hn_request r = rig_request(&a, tokens, 10);
    struct hn_error err = {.text = ""};
    r.sample.temperature = -1;
    ck_assert_int_eq(hn_engine_submit(rig.engine, &r, NULL, &err), HN_E_ARG);
    ck_assert(!hn_engine_busy(rig.engine));
    ck_assert_int_eq(a.done, 0);
    rig_stop();
}
END_TEST

START_TEST(the_context_ends_an_answer)
{
    static struct rig_answer a;
    int32_t tokens[400];
    rig_start(192, 64);
    struct hn_request r = rig_request(&a, tokens, rig_prompt(tokens, 0));
    r.max_tokens = SIZE_MAX;
    rig_submit(&r);
    rig_run();
    ck_assert_int_eq(a.finish, HN_FINISH_LENGTH);
    ck_assert_uint_eq(a.n, 192 - 100);
    ck_assert_uint_eq(a.usage.completion_tokens, 192 - 100);
    rig_stop();
}
END_TEST

START_TEST(cancelling_reaches_running_and_waiting)
{
    static struct rig_answer a[RIG_SEQUENCES + 2], b;
    uint64_t ids[RIG_SEQUENCES + 2];
    int32_t tokens[400];
    rig_start(512, 512);
    for (size_t s = 0; s < RIG_SEQUENCES + 2; s++) {
        const struct hn_request r = rig_request(&a[s], tokens, rig_prompt(tokens, s));
        ids[s] = rig_submit(&r);
    }
    hn_engine_step(rig.engine);
    hn_engine_step(rig.engine);
    hn_engine_cancel(rig.engine, ids[1]);
    hn_engine_cancel(rig.engine, ids[RIG_SEQUENCES + 1]); /* still in the queue */
    hn_engine_cancel(rig.engine, 12345);                  /* nobody */
    hn_engine_step(rig.engine);
    ck_assert_int_eq(a[1].finish, HN_FINISH_CANCELLED);
    ck_assert_int_eq(a[RIG_SEQUENCES + 1].finish, HN_FINISH_CANCELLED);
    ck_assert_uint_eq(a[RIG_SEQUENCES + 1].n, 0);
    b.stop_after = 5; /* the other way: the sink has had enough */
    const struct hn_request r = rig_request(&b, tokens, rig_prompt(tokens, 9));
    rig_submit(&r);
    rig_run();
    ck_assert_int_eq(b.finish, HN_FINISH_CANCELLED);
    ck_assert_uint_eq(b.n, 5);
    for (size_t s = 0; s < RIG_SEQUENCES + 2; s++)
        ck_assert_int_eq(a[s].done, 1);
    ck_assert_int_eq(a[RIG_SEQUENCES].finish, HN_FINISH_LENGTH);
    rig_stop();
}
END_TEST

static size_t logit_rows;
static float logit_sum;

static void on_logits(void *ctx, size_t position, const float *logits, size_t n)
{
    ck_assert_int_eq(((struct rig_answer *)ctx)->done, 0);
    ck_assert_uint_eq(position, logit_rows++);
    ck_assert_uint_eq(n, RIG_VOCAB);
    logit_sum += logits[position % n];
}

START_TEST(prompt_logits_come_in_order_once)
{
    static struct rig_answer a;
    int32_t tokens[400];
    float sums[2];
    for (int i = 0; i < 2; i++) { /* in one step, and in many */
        rig_start(512, i ? 17 : 512);
        const size_t n = rig_prompt(tokens, 2);
        struct hn_request r = rig_request(&a, tokens, n);
        a = (struct rig_answer){0};
        r.max_tokens = 0;
        r.sink.prompt_logits = on_logits;
        logit_rows = 0;
        logit_sum = 0;
        rig_submit(&r);
        rig_run();
        ck_assert_uint_eq(logit_rows, n);
        ck_assert_uint_eq(a.n, 0);
        ck_assert_int_eq(a.done, 1);
        sums[i] = logit_sum;
        rig_stop();
    }
    ck_assert_mem_eq(&sums[0], &sums[1], sizeof sums[0]);
}
END_TEST

static float last_logits[RIG_VOCAB];
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
    for (size_t i = 0; i < RIG_VOCAB; i++)
        sum += exp((double)last_logits[i]);
    for (int i = 0; i < 3 && n_picks == 0; i++)
        ck_assert_double_eq_tol((double)pick->top[i].logprob,
                                (double)last_logits[pick->top[i].id] - log(sum), 1e-4);
    return ++n_picks < 4;
}

/* Those of the first positions may be left out; the others are the same. */
START_TEST(prompt_logits_may_begin_later)
{
    static struct rig_answer a;
    int32_t tokens[400];
    float last[2][RIG_VOCAB];
    for (int i = 0; i < 2; i++) {
        rig_start(512, i ? 17 : 512);
        const size_t n = rig_prompt(tokens, 2), first = n - 20;
        struct hn_request r = rig_request(&a, tokens, n);
        a = (struct rig_answer){0};
        r.max_tokens = i; /* with an answer, and without */
        r.sink.prompt_logits = on_logits;
        r.sink.first_logits = first;
        logit_rows = first;
        rig_submit(&r);
        rig_run();
        ck_assert_uint_eq(logit_rows, n);
        ck_assert_uint_eq(a.n, i);
        r.sink.prompt_logits = keep_logits;
        r.sink.first_logits = i ? 0 : n - 1;
        a = (struct rig_answer){0};
        rig_submit(&r);
        rig_run();
        memcpy(last[i], last_logits, sizeof last_logits);
        rig_stop();
    }
    ck_assert_mem_eq(last[0], last[1], sizeof last[0]);
}
END_TEST

START_TEST(logprobs_are_the_models)
{
    static struct rig_answer a;
    int32_t tokens[400];
    rig_start(512, 512);
    struct hn_request r = rig_request(&a, tokens, rig_prompt(tokens, 1));
    r.sample.temperature = 0;
    r.sample.top_logprobs = 3;
    r.sink.token = check_pick;
    r.sink.prompt_logits = keep_logits;
    rig_submit(&r);
    rig_run();
    ck_assert_int_eq(a.finish, HN_FINISH_CANCELLED);
    ck_assert_uint_eq(n_picks, 4);
    rig_stop();
}
END_TEST

#ifdef HAVE_FAULTS
/* Once under way, a step asks the system for nothing: it cannot run out of memory. */
START_TEST(steps_allocate_nothing)
{
    static struct rig_answer a[RIG_SEQUENCES];
    int32_t tokens[400];
    struct hn_grammar *words;
    ck_assert_int_eq(hn_grammar_regex(HN_STR("([a-z]{1,4} ){300}"), &words, NULL), HN_OK);
    rig_start(512, 96);
    for (size_t s = 0; s < RIG_SEQUENCES; s++) {
        struct hn_request r = rig_request(&a[s], tokens, rig_prompt(tokens, s));
        r.max_tokens = 150;
        r.sample.top_p = 0.9f;
        r.sample.repeat_penalty = 1.1f;
        r.max_draft = 8;
        r.grammar = s ? words : NULL;
        r.sink.token = NULL; /* what it asserts allocates */
        rig_submit(&r);
    }
    faults_start(0);
    for (int i = 0; i < 90; i++) /* until none has ended: that is not counted */
        hn_engine_step(rig.engine);
    const size_t allocations = faults_stop();
    rig_run();
    ck_assert_uint_eq(allocations, 0);
    for (size_t s = 0; s < RIG_SEQUENCES; s++)
        ck_assert_uint_eq(a[s].usage.completion_tokens, 150);
    rig_stop();
    hn_grammar_release(words);
}
END_TEST

/* A request that runs out of memory is refused whole; those before and after it are served. */
START_TEST(a_refused_request_leaves_no_trace)
{
    static struct rig_answer a, b;
    int32_t tokens[400];
    rig_start(512, 512);
    struct hn_request r = rig_request(&a, tokens, rig_prompt(tokens, 1));
    r.sample.repeat_penalty = 1.1f;
    r.stops = (const struct hn_str[]){HN_STR("zzzz"), HN_STR("yyyy")};
    r.n_stops = 2;
    ck_assert_int_eq(hn_grammar_regex(HN_STR("[a-x ]*"), &r.grammar, NULL), HN_OK);
    r.trigger.texts[0] = HN_STR("x");
    size_t refused = 0;
    for (;; refused++) {
        struct hn_error err = {.text = ""};
        faults_start(refused + 1);
        const enum hn_status status = hn_engine_submit(rig.engine, &r, NULL, &err);
        faults_stop();
        if (status == HN_OK) break;
        ck_assert_int_eq(status, HN_E_NOMEM);
        ck_assert(!hn_engine_busy(rig.engine));
    }
    ck_assert_uint_ge(refused, 5);
    r.sink.ctx = &b;
    rig_submit(&r);
    rig_run();
    ck_assert_int_eq(a.done, 1);
    hn_grammar_release(r.grammar);
    rig_expect_same(&a, &b);
    rig_stop();
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
