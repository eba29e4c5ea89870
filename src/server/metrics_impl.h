/* Inside of the metrics: metrics.c counts, metrics_write.c tells. */
#ifndef HN_SERVER_METRICS_IMPL_H
#define HN_SERVER_METRICS_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/clock.h"
#include "server/metrics.h"

enum {
    HN_METRIC_BUCKETS = 17, /* of a histogram at most, without the one that has no end */
    HN_METRIC_SERIES = 1000,
    HN_METRIC_SLOTS = 256,
    HN_METRIC_FINISHES = 5,
    HN_METRIC_CODES = 500, /* of HTTP, from 100 on */
};

enum hn_metric_kind { HN_METRIC_COUNTER, HN_METRIC_GAUGE, HN_METRIC_HISTOGRAM };
enum hn_metric_unit { HN_METRIC_COUNT, HN_METRIC_NANO, HN_METRIC_REAL };

struct hn_metric_row {
    enum hn_metric_kind kind;
    enum hn_metric_unit unit;
    const char *name, *aliases, *help;
    const double *edges; /* upper ends of buckets */
    size_t n_edges;
};
extern const struct hn_metric_row hn_metric_rows[HN_METRICS];

/* How a request may end, and what vLLM calls it. The last is for all else. */
struct hn_finish_row {
    const char *name, *alias;
};
extern const struct hn_finish_row hn_finish_rows[HN_METRIC_FINISHES];

struct hn_series {
    struct hn_metrics *metrics;
    const char *model, *key; /* key "": of the model */
    struct hn_series *next;  /* in its slot */
    bool listed;
    /* A counter in its unit, the bits of a gauge's double, or a histogram's sum. */
    _Atomic uint64_t values[HN_METRICS];
    _Atomic uint64_t buckets[HN_METRICS][HN_METRIC_BUCKETS + 1];
    _Atomic uint64_t finishes[HN_METRIC_FINISHES];
};

struct hn_metrics {
    struct hn_metrics_options options;
    int64_t started_ms;
    atomic_bool knows_joules;
    _Atomic uint64_t codes[HN_METRIC_CODES];
    struct hn_series other;
    pthread_mutex_t lock; /* for what follows */
    struct hn_series *slots[HN_METRIC_SLOTS];
    struct hn_series *series[HN_METRIC_SERIES]; /* in the order they came */
    size_t n;
};

#endif
