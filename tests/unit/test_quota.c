/* What a key may use, with a clock that the test turns. */
#include "unit.h"

#include <math.h>
#include <string.h>

#include "base/bits.h"
#include "server/quota.h"

static struct hn_quota quota;
static uint64_t now = 1000000000;

static void start(uint32_t requests, uint32_t tokens, uint32_t concurrent)
{
    hn_quota_init(&quota, (struct hn_limit){requests, tokens, concurrent}, now);
}

static void pass(double seconds)
{
    now += (uint64_t)(seconds * 1e9);
}

static struct hn_quota_answer ask(uint64_t tokens)
{
    return hn_quota_admit(&quota, tokens, now);
}

START_TEST(without_limits_all_may_go)
{
    start(0, 0, 0);
    for (int i = 0; i < 1000; i++) {
        const struct hn_quota_answer answer = ask(1u << 30);
        struct hn_figure headers[HN_QUOTA_HEADERS];
        ck_assert(answer.may_go);
        ck_assert_uint_eq(hn_quota_headers(&answer, headers), 0);
    }
    hn_quota_destroy(&quota);
}
END_TEST

START_TEST(requests_come_back_evenly)
{
    start(6, 0, 0); /* one every ten seconds */
    for (unsigned i = 0; i < 6; i++) {
        const struct hn_quota_answer answer = ask(0);
        ck_assert(answer.may_go);
        ck_assert_uint_eq(answer.requests_left, 5 - i);
        hn_quota_settle(&quota, answer.reserved, 0, now);
    }
    struct hn_quota_answer answer = ask(0);
    ck_assert(!answer.may_go);
    ck_assert_int_eq(answer.lacking, HN_QUOTA_REQUESTS);
    ck_assert_double_eq_tol(answer.retry_s, 10, 1e-6);
    ck_assert_double_eq_tol(answer.requests_reset_s, 60, 1e-6);
    pass(9);
    ck_assert(!ask(0).may_go);
    pass(1);
    ck_assert(ask(0).may_go); /* a refusal costs nothing */
    ck_assert(!ask(0).may_go);
    pass(3600);
    for (int i = 0; i < 6; i++)
        ck_assert(ask(0).may_go);
    ck_assert(!ask(0).may_go); /* an hour saves up a minute's worth */
    hn_quota_destroy(&quota);
}
END_TEST

START_TEST(tokens_are_settled_with_what_was_taken)
{
    start(0, 600, 0); /* ten a second */
    struct hn_quota_answer answer = ask(400);
    ck_assert(answer.may_go);
    ck_assert_uint_eq(answer.reserved, 400);
    ck_assert_uint_eq(answer.tokens_left, 200);
    ck_assert(!ask(300).may_go);
    hn_quota_settle(&quota, answer.reserved, 100, now); /* 500 are there again */
    answer = ask(500);
    ck_assert(answer.may_go);
    hn_quota_settle(&quota, answer.reserved, 800, now); /* and 300 are owed */
    answer = ask(0);
    ck_assert(!answer.may_go);
    ck_assert_int_eq(answer.lacking, HN_QUOTA_TOKENS);
    ck_assert_uint_eq(answer.tokens_left, 0);
    ck_assert_double_eq_tol(answer.retry_s, 30, 1e-6);
    pass(40);
    ck_assert_double_eq_tol(ask(200).retry_s, 10, 1e-6);
    hn_quota_destroy(&quota);
}
END_TEST

START_TEST(larger_than_the_limit_takes_a_full_bucket)
{
    start(0, 60, 0);
    struct hn_quota_answer answer = ask(UINT64_MAX);
    ck_assert(answer.may_go);
    ck_assert_uint_eq(answer.reserved, 60);
    hn_quota_settle(&quota, answer.reserved, 120, now);
    ck_assert_double_eq_tol(ask(1000).retry_s, 120, 1e-6);
    pass(120);
    ck_assert(ask(1000).may_go);
    hn_quota_destroy(&quota);
}
END_TEST

START_TEST(so_many_at_a_time)
{
    start(0, 0, 2);
    ck_assert(ask(0).may_go);
    ck_assert(ask(0).may_go);
    const struct hn_quota_answer answer = ask(0);
    ck_assert(!answer.may_go);
    ck_assert_int_eq(answer.lacking, HN_QUOTA_CONCURRENT);
    pass(100);
    ck_assert(!ask(0).may_go);
    hn_quota_settle(&quota, 0, 5, now);
    ck_assert(ask(0).may_go);
    ck_assert(!ask(0).may_go);
    hn_quota_destroy(&quota);
}
END_TEST

START_TEST(new_limits_keep_what_was_used)
{
    start(10, 1000, 0);
    for (int i = 0; i < 4; i++)
        ck_assert(ask(200).may_go);
    hn_quota_change(&quota, (struct hn_limit){20, 1000, 0}, now);
    struct hn_quota_answer answer = ask(100);
    ck_assert(answer.may_go);
    ck_assert_uint_eq(answer.requests_left, 15);
    ck_assert_uint_eq(answer.tokens_left, 100);
    hn_quota_change(&quota, (struct hn_limit){3, 0, 0}, now);
    answer = ask(1000000);
    ck_assert(!answer.may_go);
    ck_assert_int_eq(answer.lacking, HN_QUOTA_REQUESTS);
    ck_assert_double_eq_tol(answer.retry_s, 60, 1e-6); /* two are owed, one is wanted */
    hn_quota_destroy(&quota);
}
END_TEST

START_TEST(a_clock_reading_from_before_changes_nothing)
{
    start(1, 0, 0);
    ck_assert(ask(0).may_go);
    ck_assert(!hn_quota_admit(&quota, 0, now - 500).may_go);
    ck_assert(!hn_quota_admit(&quota, 0, 0).may_go);
    pass(60);
    ck_assert(ask(0).may_go);
    hn_quota_destroy(&quota);
}
END_TEST

static const char *header(const struct hn_quota_answer *answer, const char *name)
{
    static struct hn_figure headers[HN_QUOTA_HEADERS];
    const size_t n = hn_quota_headers(answer, headers);
    for (size_t i = 0; i < n; i++)
        if (strcmp(headers[i].name, name) == 0) return headers[i].text;
    return "none";
}

START_TEST(headers_are_as_clients_know_them)
{
    start(60, 90000, 0);
    struct hn_quota_answer answer = ask(90000);
    ck_assert_str_eq(header(&answer, "x-ratelimit-limit-requests"), "60");
    ck_assert_str_eq(header(&answer, "x-ratelimit-remaining-requests"), "59");
    ck_assert_str_eq(header(&answer, "x-ratelimit-reset-requests"), "1s");
    ck_assert_str_eq(header(&answer, "x-ratelimit-limit-tokens"), "90000");
    ck_assert_str_eq(header(&answer, "x-ratelimit-remaining-tokens"), "0");
    ck_assert_str_eq(header(&answer, "x-ratelimit-reset-tokens"), "1m0s");
    ck_assert_str_eq(header(&answer, "Retry-After"), "none");
    answer = ask(150);
    ck_assert_str_eq(header(&answer, "Retry-After"), "1"); /* 0.1 s, but never 0 */
    char text[100];
    hn_quota_explain(&answer, text, sizeof text);
    ck_assert_str_eq(text, "This API key may use 90000 tokens a minute; try again in 1 second.");
    answer.tokens_reset_s = 0.0123;
    ck_assert_str_eq(header(&answer, "x-ratelimit-reset-tokens"), "13ms");
    answer.tokens_reset_s = 12.25;
    ck_assert_str_eq(header(&answer, "x-ratelimit-reset-tokens"), "12.25s");
    answer.tokens_reset_s = 360;
    ck_assert_str_eq(header(&answer, "x-ratelimit-reset-tokens"), "6m0s");
    answer.tokens_reset_s = 59.9999;
    ck_assert_str_eq(header(&answer, "x-ratelimit-reset-tokens"), "1m0s");
    hn_quota_destroy(&quota);
}
END_TEST

static void *hammer(void *gone)
{
    for (int i = 0; i < 2000; i++) {
        const struct hn_quota_answer answer = hn_quota_admit(&quota, 10, now);
        if (!answer.may_go) continue;
        __atomic_add_fetch((unsigned *)gone, 1, __ATOMIC_RELAXED);
        hn_quota_settle(&quota, answer.reserved, 10, now);
    }
    return NULL;
}

START_TEST(threads_share_one_bucket)
{
    pthread_t threads[4];
    unsigned gone = 0;
    start(1000, 5000, 0);
    for (size_t i = 0; i < HN_COUNT(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, hammer, &gone), 0);
    for (size_t i = 0; i < HN_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(gone, 500);
    ck_assert_uint_eq(quota.running, 0);
    hn_quota_destroy(&quota);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("quota");
    tcase_add_test(tcase, without_limits_all_may_go);
    tcase_add_test(tcase, requests_come_back_evenly);
    tcase_add_test(tcase, tokens_are_settled_with_what_was_taken);
    tcase_add_test(tcase, larger_than_the_limit_takes_a_full_bucket);
    tcase_add_test(tcase, so_many_at_a_time);
    tcase_add_test(tcase, new_limits_keep_what_was_used);
    tcase_add_test(tcase, a_clock_reading_from_before_changes_nothing);
    tcase_add_test(tcase, headers_are_as_clients_know_them);
    tcase_add_test(tcase, threads_share_one_bucket);
    return run_unit("quota", tcase);
}
