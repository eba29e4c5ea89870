#include "cli/load_show.h"

#include <inttypes.h>
#include <stdarg.h>

#include "base/bits.h"
#include "cli/show.h"
#include "cli/terminal.h"

static const double points[] = {0.5, 0.9, 0.95, 0.99, 1};

/* --- the load in a line ------------------------------------------------------------------------ */

static void add(char *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(char *out, const char *fmt, ...)
{
    const size_t used = strlen(out);
    va_list args;
    va_start(args, fmt);
    vsnprintf(out + used, HN_LOAD_LINE - used, fmt, args);
    va_end(args);
}

static void add_length(char *out, const struct hn_length *length, const char *what)
{
    if (length->low == length->high) add(out, "%" PRIu32 " %s", length->low, what);
    else add(out, "%" PRIu32 "-%" PRIu32 " %s", length->low, length->high, what);
}

const char *hn_load_line(char out[HN_LOAD_LINE], const struct hn_load_options *o)
{
    *out = '\0';
    if (o->rate > 0) add(out, "%g requests a second", (double)o->rate);
    if (o->rate > 0 && o->concurrency) add(out, ", ");
    if (o->concurrency) add(out, "%zu at once%s", o->concurrency, o->rate > 0 ? " at most" : "");
    if (o->spread) add(out, ", connections in turn");
    if (o->post) {
        add(out, ", %zu bodies of a file", o->bodies.n);
    } else if (o->pairs.n) {
        add(out, ", lengths of a file");
    } else {
        add(out, ", ");
        add_length(out, &o->prompt, "prompt and ");
        add_length(out, &o->output, "output tokens");
    }
    if (o->prefix_tokens) {
        add(out, ", behind %zu that ", o->prefix_tokens);
        if (o->prefix_share < 1) add(out, "%.0f%% share", (double)o->prefix_share * 100);
        else add(out, "all share");
    }
    add(out, "; seed %" PRIu64, o->seed);
    return out;
}

/* --- the table --------------------------------------------------------------------------------- */

static double per_second(double n, const struct hn_load_report *r)
{
    return r->seconds > 0 ? n / r->seconds : 0;
}

/* A time in milliseconds, with digits that count. */
static void show_ms(double us)
{
    const double ms = us * 1e-3;
    printf(" %9.*f", ms >= 99.95 ? 0 : ms >= 9.995 ? 1 : 2, ms);
}

static void show_group(const struct hn_load_group *group)
{
    for (size_t i = 0; i < HN_LOAD_MEASURE_COUNT; i++) {
        const struct hn_spread *s = &group->of[i];
        if (!s->n) continue;
        printf("  %-16s", hn_load_titles[i]);
        for (size_t p = 0; p < HN_COUNT(points); p++)
            show_ms(hn_spread_at(s, points[p]));
        show_ms(hn_spread_mean(s));
        putchar('\n');
    }
}

static void show_counts(const struct hn_load_report *r)
{
    char took[HN_SHOW_BYTES];
    printf("  requests   %" PRIu64 " answered, %" PRIu64 " failed", r->groups[0].answered,
           r->failed);
    if (r->early) printf(", %" PRIu64 " abandoned", r->abandoned);
    printf(" in %s; %zu at once at most; %.2f/s\n", hn_show_seconds(took, r->seconds), r->most_open,
           per_second((double)r->groups[0].answered, r));
    if (!r->output.n) return;
    printf("  prompt     %.0f tokens, %.1f each (%.0f to %.0f), %.0f%% of them cached; %.1f/s\n",
           r->prompt.sum, hn_spread_mean(&r->prompt), (double)r->prompt.min, (double)r->prompt.max,
           r->prompt.sum > 0 ? r->cached.sum / r->prompt.sum * 100 : 0,
           per_second(r->prompt.sum, r));
    printf("  generated  %.0f tokens, %.1f each (%.0f to %.0f); %.1f/s\n", r->output.sum,
           hn_spread_mean(&r->output), (double)r->output.min, (double)r->output.max,
           per_second(r->output.sum, r));
    if (r->uncounted)
        printf("             (%" PRIu64 " answers without usage: their texts were counted)\n",
               r->uncounted);
}

static void show_good(const struct hn_load_options *o, const struct hn_load_report *r)
{
    if (!(o->good_ttft_ms > 0) && !(o->good_itl_ms > 0)) return;
    const uint64_t all = r->groups[0].answered + r->failed;
    printf("  goodput    %.2f requests/s, %.1f%% of all:", per_second((double)r->groups[0].good, r),
           all ? (double)r->groups[0].good / (double)all * 100 : 0);
    if (o->good_ttft_ms > 0) printf(" first token within %g ms", (double)o->good_ttft_ms);
    if (o->good_ttft_ms > 0 && o->good_itl_ms > 0) printf(",");
    if (o->good_itl_ms > 0) printf(" %g ms per token", (double)o->good_itl_ms);
    putchar('\n');
}

static void show_errors(const struct hn_load_report *r)
{
    const struct hn_style style = hn_terminal_style(stdout);
    for (size_t i = 0; i < r->n_errors; i++) {
        printf("  %s%" PRIu64 " x %s%s: ", style.bad, r->errors[i].n, r->errors[i].kind,
               style.plain);
        hn_show_quoted(stdout, hn_str_from(r->errors[i].text), sizeof r->errors[i].text);
        putchar('\n');
    }
}

static void show_own(const struct hn_load_report *r)
{
    const struct hn_style style = hn_terminal_style(stdout);
    printf("  %smeasuring took %.2f s of a processor, %.1f%% of a core", style.dim, r->cpu_seconds,
           per_second(r->cpu_seconds, r) * 100);
    if (r->events) printf(", %.1f us a text", r->cpu_seconds * 1e6 / (double)r->events);
    printf("%s\n", style.plain);
}

void hn_load_show(const struct hn_load_options *o, const struct hn_load_report *r)
{
    const struct hn_style style = hn_terminal_style(stdout);
    char line[HN_LOAD_LINE];
    printf("%s%s%s at %s\n  %s\n", style.bold, r->model, style.plain, o->url,
           hn_load_line(line, o));
    show_counts(r);
    show_good(o, r);
    show_errors(r);
    if (r->groups[0].answered)
        printf("%s\n  %-16s %9s %9s %9s %9s %9s %9s%s\n", style.dim, "milliseconds", "p50", "p90",
               "p95", "p99", "max", "mean", style.plain);
    show_group(&r->groups[0]);
    for (size_t i = 1; i < r->n_groups; i++) {
        printf("  %s%s%s: %" PRIu64 " answered\n", style.bold, r->groups[i].name, style.plain,
               r->groups[i].answered);
        show_group(&r->groups[i]);
    }
    putchar('\n');
    show_own(r);
}
