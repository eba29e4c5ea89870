/* Metrics: what is counted is what is told. tests/golden/metrics_oracle.py reads the text with a
 * parser that others wrote. */
#include "unit.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/bits.h"
#include "server/metrics.h"

static const struct hn_metrics_now now = {3, 2, 1.5};

static struct hn_metrics *create(bool per_key, bool aliases)
{
    struct hn_metrics *metrics;
    const struct hn_metrics_options options = {per_key, aliases};
    ck_assert_int_eq(hn_metrics_create(&options, &metrics, NULL), HN_OK);
    return metrics;
}

/* The value of the line that begins so; -1 when there is none. */
static double value_of(struct hn_metrics *metrics, const char *begins)
{
    struct hn_buf text = {0};
    double value = -1;
    ck_assert_int_eq(hn_metrics_write(metrics, &now, false, &text), HN_OK);
    for (char *line = text.p; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, begins, strlen(begins)) == 0 && line[strlen(begins)] == ' ') {
            ck_assert_msg(value == -1, "%s twice", begins);
            value = strtod(line + strlen(begins), NULL);
        }
    }
    hn_buf_free(&text);
    return value;
}

static struct hn_receipt some_receipt(const char *finish)
{
    struct hn_receipt receipt = hn_receipt_blank();
    receipt.finish = finish;
    receipt.prompt_tokens = 100;
    receipt.cached_tokens = 64;
    receipt.completion_tokens = 10;
    receipt.preemptions = 1;
    receipt.queue_s = 0.002;
    receipt.ttft_s = 0.3;
    receipt.total_s = 1000;
    receipt.core_s = 2.5;
    return receipt;
}

START_TEST(a_receipt_is_counted)
{
    struct hn_metrics *metrics = create(false, true);
    struct hn_series *series = hn_metrics_series(metrics, "m", "ignored");
    struct hn_receipt receipt = some_receipt("stop");
    hn_series_count(series, &receipt);
    receipt.finish = "tool_calls";
    hn_series_count(series, &receipt);
    receipt.finish = "cancelled";
    hn_series_count(series, &receipt);
    static const struct {
        const char *line;
        double value;
    } lines[] = {
        {"hence_prompt_tokens_total{model=\"m\"}", 300},
        {"hence_generation_tokens_total{model=\"m\"}", 30},
        {"hence_prefix_cache_hits_total{model=\"m\"}", 192},
        {"hence_preemptions_total{model=\"m\"}", 3},
        {"hence_core_seconds_total{model=\"m\"}", 7.5},
        {"hence_joules_total{model=\"m\"}", -1},
        {"hence_requests_total{model=\"m\",finish=\"stop\"}", 1},
        {"hence_requests_total{model=\"m\",finish=\"tool_calls\"}", 1},
        {"hence_requests_total{model=\"m\",finish=\"error\"}", 0},
        {"hence_request_queue_seconds_bucket{model=\"m\",le=\"0.001\"}", 0},
        {"hence_request_queue_seconds_bucket{model=\"m\",le=\"0.0025\"}", 3},
        {"hence_time_to_first_token_seconds_bucket{model=\"m\",le=\"0.25\"}", 0},
        {"hence_time_to_first_token_seconds_bucket{model=\"m\",le=\"0.5\"}", 3},
        {"hence_time_to_first_token_seconds_sum{model=\"m\"}", 0.9},
        {"hence_request_seconds_bucket{model=\"m\",le=\"300.0\"}", 0},
        {"hence_request_seconds_bucket{model=\"m\",le=\"+Inf\"}", 3},
        {"hence_request_seconds_count{model=\"m\"}", 3},
        {"hence_request_decode_seconds_count{model=\"m\"}", 0}, /* was not known */
        {"vllm:prompt_tokens_total{engine=\"0\",model_name=\"m\"}", 300},
        {"vllm:request_success_total{engine=\"0\",model_name=\"m\",finished_reason=\"stop\"}", 2},
        {"vllm:request_success_total{engine=\"0\",model_name=\"m\",finished_reason=\"abort\"}", 1},
    };
    for (size_t i = 0; i < HN_COUNT(lines); i++)
        ck_assert_msg(fabs(value_of(metrics, lines[i].line) - lines[i].value) < 1e-9, "%s: %g",
                      lines[i].line, value_of(metrics, lines[i].line));
    receipt.joules = 1.5;
    hn_series_count(series, &receipt);
    ck_assert_double_eq(value_of(metrics, "hence_joules_total{model=\"m\"}"), 1.5);
    hn_metrics_destroy(metrics);
}
END_TEST

START_TEST(the_ends_of_buckets_belong_to_them)
{
    struct hn_metrics *metrics = create(false, false);
    struct hn_series *series = hn_metrics_series(metrics, "m", NULL);
    hn_series_observe(series, HN_METRIC_ITL, 0.01);
    hn_series_observe(series, HN_METRIC_ITL, 0);
    hn_series_observe(series, HN_METRIC_ITL, INFINITY);
    hn_series_observe(series, HN_METRIC_ITL, NAN);
    const char *bucket = "hence_inter_token_latency_seconds_bucket{model=\"m\",le=\"0.0075\"}";
    ck_assert_double_eq(value_of(metrics, bucket), 1);
    bucket = "hence_inter_token_latency_seconds_bucket{model=\"m\",le=\"0.01\"}";
    ck_assert_double_eq(value_of(metrics, bucket), 2);
    bucket = "hence_inter_token_latency_seconds_count{model=\"m\"}";
    ck_assert_double_eq(value_of(metrics, bucket), 3);
    ck_assert_double_eq(value_of(metrics, "vllm:prompt_tokens_total{model_name=\"m\"}"), -1);
    hn_metrics_destroy(metrics);
}
END_TEST

START_TEST(keys_are_told_apart_where_wanted)
{
    struct hn_metrics *metrics = create(true, false);
    hn_series_add(hn_metrics_series(metrics, "m", "k1"), HN_METRIC_PROMPT_TOKENS, 1);
    hn_series_add(hn_metrics_series(metrics, "m", "k2"), HN_METRIC_PROMPT_TOKENS, 2);
    hn_series_add(hn_metrics_series(metrics, "m", NULL), HN_METRIC_PROMPT_TOKENS, 4);
    hn_series_add(hn_metrics_series(metrics, "m", "k1"), HN_METRIC_PROMPT_TOKENS, 8);
    const char *line = "hence_prompt_tokens_total{model=\"m\",key=\"k1\"}";
    ck_assert_double_eq(value_of(metrics, line), 9);
    ck_assert_double_eq(value_of(metrics, "hence_prompt_tokens_total{model=\"m\",key=\"\"}"), 4);
    hn_metrics_destroy(metrics);
}
END_TEST

START_TEST(names_are_escaped_and_bounded)
{
    struct hn_metrics *metrics = create(false, false);
    char name[20];
    hn_series_set(hn_metrics_series(metrics, "a\"b\\c\nd", NULL), HN_METRIC_KV_USED, 0.25);
    ck_assert_double_eq(value_of(metrics, "hence_kv_cache_used_ratio{model=\"a\\\"b\\\\c\\nd\"}"),
                        0.25);
    for (int i = 0; i < 1100; i++) {
        snprintf(name, sizeof name, "m%d", i);
        hn_series_add(hn_metrics_series(metrics, name, NULL), HN_METRIC_PROMPT_TOKENS, 1);
    }
    ck_assert_double_eq(value_of(metrics, "hence_prompt_tokens_total{model=\"m998\"}"), 1);
    ck_assert_double_eq(value_of(metrics, "hence_prompt_tokens_total{model=\"m999\"}"), -1);
    ck_assert_double_eq(value_of(metrics, "hence_prompt_tokens_total{model=\"other\"}"), 101);
    hn_metrics_destroy(metrics);
}
END_TEST

START_TEST(the_process_is_told_of)
{
    struct hn_metrics *metrics = create(false, false);
    hn_metrics_answered(metrics, 200);
    hn_metrics_answered(metrics, 200);
    hn_metrics_answered(metrics, 429);
    hn_metrics_answered(metrics, 9999);
    ck_assert_double_eq(value_of(metrics, "hence_http_responses_total{code=\"200\"}"), 2);
    ck_assert_double_eq(value_of(metrics, "hence_http_responses_total{code=\"429\"}"), 1);
    ck_assert_double_eq(value_of(metrics, "hence_open_connections"), 3);
    ck_assert_double_eq(value_of(metrics, "hence_access_log_dropped_total"), 2);
    ck_assert_double_eq(value_of(metrics, "hence_idle_joules_total"), 1.5);
    ck_assert_double_gt(value_of(metrics, "process_resident_memory_bytes"), 100000);
    ck_assert_double_gt(value_of(metrics, "process_start_time_seconds"), 1e9);
    hn_metrics_destroy(metrics);
}
END_TEST

START_TEST(a_client_chooses_the_format)
{
    ck_assert(!hn_metrics_wants_open((struct hn_str){0}));
    ck_assert(!hn_metrics_wants_open(HN_STR("text/plain;version=0.0.4, */*")));
    ck_assert(hn_metrics_wants_open(
        HN_STR("Application/OpenMetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5")));
}
END_TEST

static void *count(void *metrics)
{
    for (int i = 0; i < 1000; i++) {
        struct hn_series *series = hn_metrics_series(metrics, i % 2 ? "a" : "b", NULL);
        hn_series_observe(series, HN_METRIC_ITL, 0.5);
        hn_series_add(series, HN_METRIC_CORE_SECONDS, 0.25);
    }
    return NULL;
}

START_TEST(threads_count_together)
{
    struct hn_metrics *metrics = create(false, true);
    pthread_t threads[4];
    for (size_t i = 0; i < HN_COUNT(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count, metrics), 0);
    for (int i = 0; i < 10; i++)
        value_of(metrics, "hence_open_connections");
    for (size_t i = 0; i < HN_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    ck_assert_double_eq(value_of(metrics, "hence_core_seconds_total{model=\"a\"}"), 500);
    ck_assert_double_eq(value_of(metrics, "hence_inter_token_latency_seconds_count{model=\"b\"}"),
                        2000);
    hn_metrics_destroy(metrics);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("metrics");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, a_receipt_is_counted);
    tcase_add_test(tcase, the_ends_of_buckets_belong_to_them);
    tcase_add_test(tcase, keys_are_told_apart_where_wanted);
    tcase_add_test(tcase, names_are_escaped_and_bounded);
    tcase_add_test(tcase, the_process_is_told_of);
    tcase_add_test(tcase, a_client_chooses_the_format);
    tcase_add_test(tcase, threads_count_together);
    return run_unit("metrics", tcase);
}
