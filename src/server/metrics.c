#include "server/metrics.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "server/metrics_impl.h"

static const double latency[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                 1,     2.5,    5,     10,   30,    60,   120, 300};
static const double gap[] = {0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04,
                             0.06,  0.08,   0.1,   0.15,   0.25, 0.5,   1,    2.5};
static const double tokens[] = {16,   32,   64,   128,   256,   512,   1024,
                                2048, 4096, 8192, 16384, 32768, 65536, 131072};
_Static_assert(HN_COUNT(latency) <= HN_METRIC_BUCKETS && HN_COUNT(gap) <= HN_METRIC_BUCKETS &&
                   HN_COUNT(tokens) <= HN_METRIC_BUCKETS,
               "room for the buckets");

#define NONE    NULL, 0
#define LATENCY latency, HN_COUNT(latency)
#define GAP     gap, HN_COUNT(gap)
#define TOKENS  tokens, HN_COUNT(tokens)
const struct hn_metric_row hn_metric_rows[HN_METRICS] = {
#define X(kind, id, name, unit, buckets, aliases, help)                                            \
    {HN_METRIC_##kind, HN_METRIC_##unit, name, aliases, help, buckets},
#include "server/metrics.def"
#undef X
};

const struct hn_finish_row hn_finish_rows[HN_METRIC_FINISHES] = {
    {"stop", "stop"},       {"length", "length"}, {"tool_calls", "stop"},
    {"cancelled", "abort"}, {"error", "error"},
};

enum hn_status hn_metrics_create(const struct hn_metrics_options *options, struct hn_metrics **out,
                                 struct hn_error *err)
{
    struct hn_metrics *metrics = calloc(1, sizeof *metrics);
    *out = NULL;
    if (!metrics) return hn_fail_nomem(err, "metrics", sizeof *metrics);
    metrics->options = *options;
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->started_ms = hn_clock_wall_ms();
    metrics->other.model = "other";
    metrics->other.key = "";
    metrics->other.metrics = metrics;
    *out = metrics;
    return HN_OK;
}

void hn_metrics_destroy(struct hn_metrics *metrics)
{
    if (!metrics) return;
    for (size_t i = 0; i < metrics->n; i++)
        free(metrics->series[i]);
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

/* A series with its two names behind it; NULL: no memory. */
static struct hn_series *make_series(struct hn_metrics *metrics, const char *model, const char *key)
{
    const size_t n_model = strlen(model) + 1, n_key = strlen(key) + 1;
    struct hn_series *series = calloc(1, sizeof *series + n_model + n_key);
    if (!series) return NULL;
    char *names = (char *)(series + 1);
    series->metrics = metrics;
    series->model = memcpy(names, model, n_model);
    series->key = memcpy(names + n_model, key, n_key);
    return series;
}

struct hn_series *hn_metrics_series(struct hn_metrics *metrics, const char *model, const char *key)
{
    if (!key || !metrics->options.per_key) key = "";
    const uint64_t hash = hn_str_hash(hn_str_from(key), hn_str_hash(hn_str_from(model), 0));
    pthread_mutex_lock(&metrics->lock);
    struct hn_series **slot = &metrics->slots[hash % HN_METRIC_SLOTS], *series = *slot;
    while (series && (strcmp(series->model, model) != 0 || strcmp(series->key, key) != 0))
        series = series->next;
    if (!series && metrics->n < HN_METRIC_SERIES) series = make_series(metrics, model, key);
    if (series && !series->listed) {
        series->listed = true;
        series->next = *slot;
        *slot = metrics->series[metrics->n++] = series;
    }
    pthread_mutex_unlock(&metrics->lock);
    return series ? series : &metrics->other;
}

static void add(_Atomic uint64_t *to, uint64_t n)
{
    atomic_fetch_add_explicit(to, n, memory_order_relaxed);
}

/* What is no number, or no amount, counts as nothing. */
static uint64_t in_units(enum hn_metric metric, double n)
{
    if (!(n > 0)) return 0;
    return (uint64_t)(fmin(n, 1e9) * (hn_metric_rows[metric].unit == HN_METRIC_NANO ? 1e9 : 1) +
                      0.5);
}

void hn_series_add(struct hn_series *series, enum hn_metric counter, double n)
{
    add(&series->values[counter], in_units(counter, n));
}

void hn_series_set(struct hn_series *series, enum hn_metric gauge, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    atomic_store_explicit(&series->values[gauge], bits, memory_order_relaxed);
}

void hn_series_observe(struct hn_series *series, enum hn_metric histogram, double value)
{
    const struct hn_metric_row *row = &hn_metric_rows[histogram];
    size_t bucket = 0;
    if (isnan(value)) return;
    while (bucket < row->n_edges && value > row->edges[bucket])
        bucket++;
    add(&series->buckets[histogram][bucket], 1);
    add(&series->values[histogram], in_units(histogram, value));
}

static size_t finish_index(const char *finish)
{
    for (size_t i = 0; finish && i < HN_METRIC_FINISHES; i++)
        if (strcmp(finish, hn_finish_rows[i].name) == 0) return i;
    return HN_METRIC_FINISHES - 1;
}

void hn_series_count(struct hn_series *series, const struct hn_receipt *receipt)
{
    const struct {
        enum hn_metric metric;
        double value;
    } counters[] =
        {
            {HN_METRIC_PROMPT_TOKENS, (double)receipt->prompt_tokens},
            {HN_METRIC_GENERATION_TOKENS, (double)receipt->completion_tokens},
            {HN_METRIC_ROWS, (double)receipt->rows},
            {HN_METRIC_CACHE_QUERIES, (double)receipt->prompt_tokens},
            {HN_METRIC_CACHE_HITS, (double)receipt->cached_tokens},
            {HN_METRIC_PREEMPTIONS, (double)receipt->preemptions},
            {HN_METRIC_CORE_SECONDS, receipt->core_s},
            {HN_METRIC_JOULES, receipt->joules},
        },
      histograms[] = {
          {HN_METRIC_TTFT, receipt->ttft_s},
          {HN_METRIC_E2E, receipt->total_s},
          {HN_METRIC_QUEUE, receipt->queue_s},
          {HN_METRIC_PREFILL, receipt->prefill_s},
          {HN_METRIC_DECODE, receipt->decode_s},
          {HN_METRIC_PROMPT_LENGTH, (double)receipt->prompt_tokens},
          {HN_METRIC_ANSWER_LENGTH, (double)receipt->completion_tokens},
      };
    for (size_t i = 0; i < HN_COUNT(counters); i++)
        hn_series_add(series, counters[i].metric, counters[i].value);
    for (size_t i = 0; i < HN_COUNT(histograms); i++)
        hn_series_observe(series, histograms[i].metric, histograms[i].value);
    add(&series->finishes[finish_index(receipt->finish)], 1);
    if (!isnan(receipt->joules)) atomic_store(&series->metrics->knows_joules, true);
}

void hn_metrics_answered(struct hn_metrics *metrics, int status)
{
    if (status >= 100 && status < 100 + HN_METRIC_CODES) add(&metrics->codes[status - 100], 1);
}
