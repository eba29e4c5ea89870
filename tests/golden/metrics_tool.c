/* Prints metrics with known content: metrics_tool FORMAT [OPTION...], FORMAT "text" or "open", options
 * "keys" and "aliases". For metrics_oracle.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/metrics.h"

static bool asked(int argc, char **argv, const char *word)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], word) == 0) return true;
    return false;
}

static void count_some(struct hn_metrics *metrics, const char *model, const char *key)
{
    struct hn_series *series = hn_metrics_series(metrics, model, key);
    struct hn_receipt receipt = hn_receipt_blank();
    receipt.finish = "stop";
    receipt.prompt_tokens = 300;
    receipt.cached_tokens = 256;
    receipt.completion_tokens = 20;
    receipt.ttft_s = 0.25;
    receipt.total_s = 1.5;
    receipt.core_s = 0.000000001;
    receipt.joules = 12.5;
    hn_series_count(series, &receipt);
    hn_series_observe(series, HN_METRIC_ITL, 0.0301);
    hn_series_set(series, HN_METRIC_RUNNING, 3);
    hn_series_set(series, HN_METRIC_KV_USED, 1.0 / 3);
}

int main(int argc, char **argv)
{
    const struct hn_metrics_options options = {asked(argc, argv, "keys"),
                                               asked(argc, argv, "aliases")};
    struct hn_metrics *metrics;
    struct hn_buf text = {0};
    if (hn_metrics_create(&options, &metrics, NULL) < 0) return EXIT_FAILURE;
    count_some(metrics, "plain", NULL);
    count_some(metrics, "odd \"name\"\\n,\n}", "k1");
    count_some(metrics, "plain", "k2");
    hn_metrics_answered(metrics, 200);
    hn_metrics_answered(metrics, 404);
    const struct hn_metrics_now now = {7, 8, 0.25};
    if (hn_metrics_write(metrics, &now, asked(argc, argv, "open"), &text) < 0) return EXIT_FAILURE;
    fwrite(text.p, 1, text.n, stdout);
    hn_buf_free(&text);
    hn_metrics_destroy(metrics);
    return EXIT_SUCCESS;
}
