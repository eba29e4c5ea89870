/* What /metrics tells, in Prometheus' text format. metrics.def says which figures there are.
 *
 * Figures are counted where they arise, by any thread and without a lock; a reader sees each of them
 * whole, though not all of one moment. */
#ifndef HN_SERVER_METRICS_H
#define HN_SERVER_METRICS_H

#include <stdbool.h>

#include "base/str.h"
#include "meter/usage.h"

enum hn_metric {
#define X(kind, id, name, unit, buckets, aliases, help) HN_METRIC_##id,
#include "server/metrics.def"
#undef X
    HN_METRICS
};

struct hn_metrics;
struct
    hn_series; /* the figures of a model, or of a key with a model; lives as long as the metrics */

struct hn_metrics_options {
    bool
        per_key; /* a series for each key and model: more to store, and it tells who asks how much */
    bool aliases; /* vLLM's names too */
};

enum hn_status hn_metrics_create(const struct hn_metrics_options *options, struct hn_metrics **out,
                                 struct hn_error *err);
void hn_metrics_destroy(struct hn_metrics *metrics);

/* The figures of a model; `key` (an id; NULL: none) counts where keys are told apart. Takes a lock the
 * first time. Past 1,000 of them, or out of memory, all share one whose model is "other". */
struct hn_series *hn_metrics_series(struct hn_metrics *metrics, const char *model, const char *key);

/* From any thread, without a lock. */
void hn_series_add(struct hn_series *series, enum hn_metric counter, double n);
void hn_series_set(struct hn_series *series, enum hn_metric gauge, double value);
/* NAN, which is what is not known, is left out. */
void hn_series_observe(struct hn_series *series, enum hn_metric histogram, double value);

/* Everything that a receipt says, at the end of a request. Gaps between tokens are observed as they
 * come (HN_METRIC_ITL), not here. */
void hn_series_count(struct hn_series *series, const struct hn_receipt *receipt);

/* An answer of any kind, by its HTTP status. */
void hn_metrics_answered(struct hn_metrics *metrics, int status);

/* What the process is asked for when somebody reads. */
struct hn_metrics_now {
    size_t open_connections;
    uint64_t log_lines_dropped;
    double idle_joules; /* NAN: unknown */
};

/* Appends all of it: Prometheus' text format 0.0.4, or OpenMetrics 1.0. */
enum hn_status hn_metrics_write(struct hn_metrics *metrics, const struct hn_metrics_now *now,
                                bool open_metrics, struct hn_buf *out);
/* The Content-Type of each, and whether a client's Accept header asks for OpenMetrics. */
const char *hn_metrics_type(bool open_metrics);
bool hn_metrics_wants_open(struct hn_str accept);

#endif
