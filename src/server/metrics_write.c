#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "hence/version.h"
#include "server/metrics_impl.h"

/* A page of figures being written. */
struct page {
    struct hn_metrics *metrics;
    struct hn_series *series[HN_METRIC_SERIES + 1];
    size_t n;
    bool open; /* OpenMetrics */
    struct hn_buf *out;
};

static uint64_t load(const _Atomic uint64_t *value)
{
    return atomic_load_explicit(value, memory_order_relaxed);
}

/* What begins a family. OpenMetrics wants a counter's name without its _total here. */
static void put_head(struct page *page, const char *name, const char *type, const char *help)
{
    size_t n = strlen(name);
    if (page->open && strcmp(type, "counter") == 0) n -= strlen("_total");
    hn_buf_printf(page->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)n, name, help, (int)n, name,
                  type);
}

static void put_label(struct page *page, const char *name, const char *value)
{
    hn_buf_printf(page->out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\n') hn_buf_text(page->out, "\\n");
        else if (*value == '"' || *value == '\\') hn_buf_printf(page->out, "\\%c", *value);
        else hn_buf_char(page->out, *value);
    }
    hn_buf_char(page->out, '"');
}

/* NAME{model="m",key="k", without the last brace; an alias has vLLM's labels. */
static void put_name(struct page *page, const char *name, const char *end, bool alias,
                     const struct hn_series *series)
{
    hn_buf_printf(page->out, "%s%s{", name, end);
    if (alias) hn_buf_text(page->out, "engine=\"0\",");
    put_label(page, alias ? "model_name" : "model", series->model);
    if (!page->metrics->options.per_key) return;
    hn_buf_char(page->out, ',');
    put_label(page, "key", series->key);
}

static void put_value(struct page *page, enum hn_metric_unit unit, uint64_t value)
{
    double real;
    memcpy(&real, &value, sizeof real);
    const unsigned long long whole = value, billion = 1000000000;
    if (unit == HN_METRIC_COUNT) hn_buf_printf(page->out, "} %llu\n", whole);
    else if (unit == HN_METRIC_REAL) hn_buf_printf(page->out, "} %.10g\n", real);
    else hn_buf_printf(page->out, "} %llu.%09llu\n", whole / billion, whole % billion);
}

/* "0.5", and "1.0" where %g would write "1", as the field writes the ends of buckets. */
static void put_edge(struct page *page, double edge)
{
    char text[32];
    snprintf(text, sizeof text, "%.10g", edge);
    hn_buf_printf(page->out, ",le=\"%s%s\"", text, strpbrk(text, ".e") ? "" : ".0");
}

/* A count is the sum of its buckets, so that both fit together while others go on counting. */
static void put_histogram(struct page *page, enum hn_metric id, const char *name, bool alias,
                          const struct hn_series *series)
{
    const struct hn_metric_row *row = &hn_metric_rows[id];
    uint64_t count = 0;
    for (size_t i = 0; i <= row->n_edges; i++) {
        count += load(&series->buckets[id][i]);
        put_name(page, name, "_bucket", alias, series);
        if (i < row->n_edges) put_edge(page, row->edges[i]);
        else hn_buf_text(page->out, ",le=\"+Inf\"");
        put_value(page, HN_METRIC_COUNT, count);
    }
    put_name(page, name, "_sum", alias, series);
    put_value(page, row->unit, load(&series->values[id]));
    put_name(page, name, "_count", alias, series);
    put_value(page, HN_METRIC_COUNT, count);
}

static void put_family(struct page *page, enum hn_metric id, const char *name, bool alias)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    const struct hn_metric_row *row = &hn_metric_rows[id];
    put_head(page, name, types[row->kind], row->help);
    for (size_t i = 0; i < page->n; i++) {
        if (row->kind == HN_METRIC_HISTOGRAM) {
            put_histogram(page, id, name, alias, page->series[i]);
            continue;
        }
        put_name(page, name, "", alias, page->series[i]);
        put_value(page, row->unit, load(&page->series[i]->values[id]));
    }
}

static void put_aliases(struct page *page, enum hn_metric id)
{
    char names[200], *rest = names, *name;
    snprintf(names, sizeof names, "%s", hn_metric_rows[id].aliases);
    while ((name = strsep(&rest, " ")))
        if (*name) put_family(page, id, name, true);
}

static void put_finishes(struct page *page)
{
    const char *name = "hence_requests_total";
    put_head(page, name, "counter", "Requests that ended, by how.");
    for (size_t i = 0; i < page->n; i++)
        for (size_t f = 0; f < HN_METRIC_FINISHES; f++) {
            put_name(page, name, "", false, page->series[i]);
            hn_buf_char(page->out, ',');
            put_label(page, "finish", hn_finish_rows[f].name);
            put_value(page, HN_METRIC_COUNT, load(&page->series[i]->finishes[f]));
        }
}

/* Several of our ways to end may be one of vLLM's. */
static void put_finish_alias(struct page *page, const struct hn_series *series, size_t f)
{
    const char *alias = hn_finish_rows[f].alias;
    uint64_t count = 0;
    for (size_t i = 0; i < HN_METRIC_FINISHES; i++) {
        if (strcmp(hn_finish_rows[i].alias, alias) != 0) continue;
        if (i < f) return; /* told with the first of them */
        count += load(&series->finishes[i]);
    }
    put_name(page, "vllm:request_success_total", "", true, series);
    hn_buf_char(page->out, ',');
    put_label(page, "finished_reason", alias);
    put_value(page, HN_METRIC_COUNT, count);
}

static void put_finish_aliases(struct page *page)
{
    put_head(page, "vllm:request_success_total", "counter", "Requests that ended, by how.");
    for (size_t i = 0; i < page->n; i++)
        for (size_t f = 0; f < HN_METRIC_FINISHES; f++)
            put_finish_alias(page, page->series[i], f);
}

static void put_one(struct page *page, const char *name, const char *type, double value,
                    const char *help)
{
    put_head(page, name, type, help);
    hn_buf_printf(page->out, "%s %.15g\n", name, value);
}

static void put_codes(struct page *page)
{
    put_head(page, "hence_http_responses_total", "counter", "Answers, by their HTTP status.");
    for (int i = 0; i < HN_METRIC_CODES; i++) {
        const uint64_t count = load(&page->metrics->codes[i]);
        if (count)
            hn_buf_printf(page->out, "hence_http_responses_total{code=\"%d\"} %llu\n", 100 + i,
                          (unsigned long long)count);
    }
}

static double resident_bytes(void)
{
    struct hn_buf text = {0};
    unsigned long long size = 0, resident = 0;
    if (hn_file_read("/proc/self/statm", 4096, &text, NULL) >= 0)
        if (sscanf(text.p, "%llu %llu", &size, &resident) != 2) resident = 0;
    hn_buf_free(&text);
    return (double)resident * (double)sysconf(_SC_PAGESIZE);
}

static double cpu_seconds(void)
{
    struct timespec used = {0};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

static void put_process(struct page *page, const struct hn_metrics_now *now)
{
    put_head(page, "hence_build_info", "gauge", "The version, as a label.");
    hn_buf_printf(page->out, "hence_build_info{version=\"%s\"} 1\n", hence_version());
    put_codes(page);
    put_one(page, "hence_open_connections", "gauge", (double)now->open_connections,
            "Clients that are connected.");
    put_one(page, "hence_access_log_dropped_total", "counter", (double)now->log_lines_dropped,
            "Lines that the access log could not take.");
    if (!isnan(now->idle_joules))
        put_one(page, "hence_idle_joules_total", "counter", now->idle_joules,
                "Joules that the machine used while there was nothing to compute.");
    put_one(page, "process_resident_memory_bytes", "gauge", resident_bytes(),
            "Memory in use, mapped models included.");
    put_one(page, "process_cpu_seconds_total", "counter", cpu_seconds(),
            "Processor time of the process.");
    put_one(page, "process_start_time_seconds", "gauge", (double)page->metrics->started_ms * 1e-3,
            "When it began, in seconds since 1970.");
}

/* Series are never freed before the metrics are, so a list of them may be read without the lock. */
static void list_series(struct page *page)
{
    struct hn_metrics *metrics = page->metrics;
    pthread_mutex_lock(&metrics->lock);
    memcpy(page->series, metrics->series, metrics->n * sizeof *page->series);
    page->n = metrics->n;
    pthread_mutex_unlock(&metrics->lock);
    if (page->n == HN_METRIC_SERIES) page->series[page->n++] = &metrics->other;
}

enum hn_status hn_metrics_write(struct hn_metrics *metrics, const struct hn_metrics_now *now,
                                bool open_metrics, struct hn_buf *out)
{
    struct page page = {.metrics = metrics, .open = open_metrics, .out = out};
    list_series(&page);
    for (enum hn_metric id = 0; id < HN_METRICS; id++) {
        if (id == HN_METRIC_JOULES && !atomic_load(&metrics->knows_joules)) continue;
        put_family(&page, id, hn_metric_rows[id].name, false);
        if (metrics->options.aliases) put_aliases(&page, id);
    }
    put_finishes(&page);
    if (metrics->options.aliases) put_finish_aliases(&page);
    put_process(&page, now);
    if (open_metrics) hn_buf_text(out, "# EOF\n");
    return out->failed;
}

const char *hn_metrics_type(bool open_metrics)
{
    return open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                        : "text/plain; version=0.0.4; charset=utf-8";
}

bool hn_metrics_wants_open(struct hn_str accept)
{
    const struct hn_str type = HN_STR("application/openmetrics-text");
    for (size_t i = 0; i + type.n <= accept.n; i++)
        if (strncasecmp(accept.p + i, type.p, type.n) == 0) return true;
    return false;
}
