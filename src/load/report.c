#include "load/report.h"

#include <stdio.h>

const char *const hn_load_keys[HN_LOAD_MEASURE_COUNT] = {
#define X(id, key, title, streams) [HN_LOAD_##id] = key,
    HN_LOAD_MEASURES(X)
#undef X
};
const char *const hn_load_titles[HN_LOAD_MEASURE_COUNT] = {
#define X(id, key, title, streams) [HN_LOAD_##id] = title,
    HN_LOAD_MEASURES(X)
#undef X
};
const bool hn_load_of_streams[HN_LOAD_MEASURE_COUNT] = {
#define X(id, key, title, streams) [HN_LOAD_##id] = streams,
    HN_LOAD_MEASURES(X)
#undef X
};

void hn_load_count_error(struct hn_load_report *report, const char *kind, const char *text)
{
    size_t i = 0;
    while (i < report->n_errors && strcmp(report->errors[i].kind, kind) != 0)
        i++;
    if (i == HN_LOAD_MAX_ERRORS) i--;
    struct hn_load_error *error = &report->errors[i];
    if (i == report->n_errors) {
        snprintf(error->kind, sizeof error->kind, "%s", kind);
        snprintf(error->text, sizeof error->text, "%s", text);
        report->n_errors++;
    }
    error->n++;
}

/* --- JSON -------------------------------------------------------------------------------------- */

static double per_second(double n, const struct hn_load_report *report)
{
    return report->seconds > 0 ? n / report->seconds : 0;
}

static void put_spread(struct hn_json_writer *w, const char *key, const struct hn_spread *s,
                       double unit)
{
    static const struct {
        const char *key;
        double at;
    } points[] = {{"min", 0}, {"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"max", 1}};
    hn_json_open(w, key, '{');
    hn_json_put_uint(w, "count", s->n);
    hn_json_put_real(w, "mean", hn_spread_mean(s) * unit);
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        hn_json_put_real(w, points[i].key, hn_spread_at(s, points[i].at) * unit);
    hn_json_close(w, '}');
}

static void put_group(struct hn_json_writer *w, const struct hn_load_group *group,
                      const struct hn_load_report *report)
{
    hn_json_put_uint(w, "answered", group->answered);
    hn_json_put_uint(w, "good", group->good);
    hn_json_put_real(w, "goodput_per_s", per_second((double)group->good, report));
    for (size_t i = 0; i < HN_LOAD_MEASURE_COUNT; i++)
        if (group->of[i].n) put_spread(w, hn_load_keys[i], &group->of[i], 1e-3);
}

static void put_errors(struct hn_json_writer *w, const struct hn_load_report *report)
{
    hn_json_open(w, "errors", '[');
    for (size_t i = 0; i < report->n_errors; i++) {
        hn_json_open(w, NULL, '{');
        hn_json_put_text(w, "kind", hn_str_from(report->errors[i].kind));
        hn_json_put_uint(w, "count", report->errors[i].n);
        hn_json_put_text(w, "first", hn_str_from(report->errors[i].text));
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
}

/* What measuring cost. */
static void put_own(struct hn_json_writer *w, const struct hn_load_report *report)
{
    hn_json_open(w, "own", '{');
    hn_json_put_real(w, "cpu_s", report->cpu_seconds);
    hn_json_put_real(w, "cores", per_second(report->cpu_seconds, report));
    if (report->events)
        hn_json_put_real(w, "cpu_us_per_event", report->cpu_seconds * 1e6 / (double)report->events);
    if (report->started)
        hn_json_put_real(w, "cpu_us_per_request",
                         report->cpu_seconds * 1e6 / (double)report->started);
    hn_json_close(w, '}');
}

void hn_load_report_json(struct hn_json_writer *w, const struct hn_load_report *report)
{
    hn_json_put_text(w, "model", hn_str_from(report->model));
    hn_json_put_uint(w, "started", report->started);
    hn_json_put_uint(w, "failed", report->failed);
    hn_json_put_uint(w, "abandoned", report->abandoned);
    hn_json_put_bool(w, "ended_early", report->early);
    hn_json_put_uint(w, "most_open", report->most_open);
    hn_json_put_real(w, "seconds", report->seconds);
    hn_json_put_uint(w, "prompt_tokens", (uint64_t)report->prompt.sum);
    hn_json_put_uint(w, "cached_tokens", (uint64_t)report->cached.sum);
    hn_json_put_uint(w, "output_tokens", (uint64_t)report->output.sum);
    hn_json_put_uint(w, "answers_without_usage", report->uncounted);
    hn_json_put_real(w, "requests_per_s", per_second((double)report->groups[0].answered, report));
    hn_json_put_real(w, "prompt_tokens_per_s", per_second(report->prompt.sum, report));
    hn_json_put_real(w, "output_tokens_per_s", per_second(report->output.sum, report));
    put_group(w, &report->groups[0], report);
    put_spread(w, "prompt_tokens_each", &report->prompt, 1);
    put_spread(w, "output_tokens_each", &report->output, 1);
    hn_json_put_real(w, "tokens_per_word", report->tokens_per_word);
    hn_json_put_real(w, "tokens_besides", report->tokens_besides);
    put_errors(w, report);
    hn_json_open(w, "classes", '[');
    for (size_t i = 1; i < report->n_groups; i++) {
        hn_json_open(w, NULL, '{');
        hn_json_put_text(w, "service_tier", hn_str_from(report->groups[i].name));
        put_group(w, &report->groups[i], report);
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
    put_own(w, report);
}
