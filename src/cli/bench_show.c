#include "cli/bench_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cpu.h"
#include "cli/show.h"
#include "cli/terminal.h"
#include "hence/version.h"

static int by_seconds(const void *a, const void *b)
{
    const double x = ((const struct hn_bench_run *)a)->seconds;
    const double y = ((const struct hn_bench_run *)b)->seconds;
    return (x > y) - (x < y);
}

void hn_bench_sort(struct hn_bench_row *row)
{
    qsort(row->runs, row->n, sizeof *row->runs, by_seconds);
}

static double rate(const struct hn_bench_run *run)
{
    return run->seconds > 0 ? (double)run->tokens / run->seconds : 0;
}

/* Of the machine's limits, what the run reached. */
struct shares {
    double read_bytes; /* per second */
    double bandwidth, peak;
};

static struct shares shares_of(const struct hn_bench_run *run, const struct hn_yardstick *y)
{
    if (!(run->seconds > 0)) return (struct shares){0};
    return (struct shares){
        .read_bytes = (run->cost.weight_bytes + run->cost.kv_bytes) / run->seconds,
        .bandwidth = hn_yardstick_read_s(y, &run->cost) / run->seconds,
        .peak = hn_yardstick_multiply_s(y, &run->cost) / run->seconds,
    };
}

/* Decimals that make three digits, if there are not more before the point. */
static int decimals(double x)
{
    return x >= 999.95 ? 0 : x >= 9.995 ? 1 : 2;
}

void hn_bench_show_head(const struct hn_instance *session, const struct hn_yardstick *y)
{
    const struct hn_style style = hn_terminal_style(stdout);
    char cpu[100], weights[HN_SHOW_BYTES], read[HN_SHOW_BYTES];
    hn_cpu_model(cpu, sizeof cpu);
    printf("%s%s%s\n", style.bold, session->name, style.plain);
    printf("  weights %s, KV %s, steps of up to %zu tokens\n",
           hn_show_size(weights, (double)session->plan.weight_bytes),
           hn_kv_type_name(session->plan.kv_type), session->plan.batch);
    printf("  %s, kernels %s, %u thread%s\n", cpu, hn_cpu_level_name(y->kernels->level),
           session->threads, session->threads > 1 ? "s" : "");
    printf("  reads %s/s and multiplies", hn_show_size(read, y->limits.read_bytes));
    for (int kind = HN_ACT_KINDS; kind-- > 0;) {
        const double giga = y->limits.dot[kind] * 1e-9;
        if (kind == HN_ACT_SPLIT) continue; /* bf16 several times over */
        printf(" %s %.*f%s", hn_yardstick_form((enum hn_act_kind)kind), decimals(giga), giga,
               kind ? "," : " G/s\n");
    }
    printf("%s\n  %-13s %8s %8s  %10s %19s %7s %6s%s\n", style.dim, "", "depth", "parallel",
           "tokens/s", "slowest .. fastest", "read", "peak", style.plain);
    fflush(stdout);
}

void hn_bench_show_row(const struct hn_bench_row *row, const struct hn_yardstick *y)
{
    const struct hn_bench_run *median = &row->runs[row->n / 2];
    const struct shares shares = shares_of(median, y);
    char what[40], spread[60];
    snprintf(what, sizeof what, "%s %zu", row->what.kind == HN_BENCH_DECODE ? "answer" : "prompt",
             row->what.tokens);
    const double slow = rate(&row->runs[row->n - 1]), fast = rate(&row->runs[0]);
    const double middle = rate(median), read = shares.bandwidth * 100, peak = shares.peak * 100;
    snprintf(spread, sizeof spread, "%.*f .. %.*f", decimals(slow), slow, decimals(fast), fast);
    printf("  %-13s %8zu %8zu  %10.*f %19s %6.*f%% %5.*f%%\n", what, row->what.depth,
           row->what.sequences, decimals(middle), middle, spread, decimals(read), read,
           decimals(peak), peak);
    fflush(stdout);
}

void hn_bench_json_machine(struct hn_json_writer *w, enum hn_cpu_level level)
{
    char cpu[100], date[40] = "", system[200] = "";
    struct utsname os;
    struct tm tm;
    const time_t now = time(NULL);
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    hn_cpu_model(cpu, sizeof cpu);
    if (gmtime_r(&now, &tm)) strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (uname(&os) == 0) snprintf(system, sizeof system, "%s %s", os.sysname, os.release);
    hn_json_put_text(w, "date", hn_str_from(date));
    hn_json_put_text(w, "hence", hn_str_from(hence_version()));
    hn_json_put_text(w, "compiler", hn_str_from(HN_COMPILER));
    hn_json_put_text(w, "system", hn_str_from(system));
    hn_json_put_text(w, "cpu", hn_str_from(cpu));
    hn_json_put_uint(w, "cores", hn_cpu_count());
    hn_json_put_uint(w, "memory_bytes", pages > 0 && page > 0 ? (uint64_t)pages * (size_t)page : 0);
    hn_json_put_text(w, "kernels", hn_str_from(hn_cpu_level_name(level)));
}

void hn_bench_json_head(struct hn_json_writer *w, const struct hn_instance *session,
                        enum hn_cpu_level level)
{
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "model", hn_str_from(session->name));
    hn_bench_json_machine(w, level);
    hn_json_put_uint(w, "batch", session->plan.batch);
    hn_json_put_text(w, "kv_type", hn_str_from(hn_kv_type_name(session->plan.kv_type)));
    hn_json_put_uint(w, "weight_bytes", session->plan.weight_bytes);
    hn_json_put_uint(w, "weight_bytes_per_token", session->plan.read_bytes);
    hn_json_put_uint(w, "kv_bytes_per_position", session->plan.kv_token_bytes);
    hn_json_put_real(w, "load_s", session->load_s);
    hn_json_open(w, "rows", '[');
}

void hn_bench_json_row(struct hn_json_writer *w, const struct hn_bench_row *row,
                       const struct hn_yardstick *y)
{
    const struct hn_bench_run *median = &row->runs[row->n / 2];
    const struct shares shares = shares_of(median, y);
    const bool decode = row->what.kind == HN_BENCH_DECODE;
    double macs = median->cost.attention_macs;
    for (int type = 0; type < HN_DTYPES; type++)
        macs += median->cost.macs[type];
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "test", decode ? HN_STR("decode") : HN_STR("prefill"));
    hn_json_put_uint(w, "tokens", row->what.tokens);
    hn_json_put_uint(w, "threads", y->limits.threads);
    hn_json_put_uint(w, "depth", row->what.depth);
    hn_json_put_uint(w, "parallel", row->what.sequences);
    hn_json_put_real(w, "tokens_per_s", rate(median));
    hn_json_put_real(w, "seconds", median->seconds);
    hn_json_put_real(w, "read_bytes", median->cost.weight_bytes + median->cost.kv_bytes);
    hn_json_put_real(w, "read_bytes_per_s", shares.read_bytes);
    hn_json_put_real(w, "multiply_adds", macs);
    hn_json_put_real(w, "share_of_bandwidth", shares.bandwidth);
    hn_json_put_real(w, "share_of_peak", shares.peak);
    hn_json_open(w, "runs_tokens_per_s", '[');
    for (size_t i = row->n; i-- > 0;)
        hn_json_put_real(w, NULL, rate(&row->runs[i]));
    hn_json_close(w, ']');
    hn_json_close(w, '}');
}

void hn_bench_json_end(struct hn_json_writer *w, const struct hn_yardstick *yardsticks, size_t n)
{
    hn_json_close(w, ']');
    hn_json_open(w, "limits_per_s", '[');
    for (size_t i = 0; i < n; i++) {
        hn_json_open(w, NULL, '{');
        hn_json_put_uint(w, "threads", yardsticks[i].limits.threads);
        hn_yardstick_json(w, &yardsticks[i]);
        hn_json_close(w, '}');
    }
    hn_json_close(w, ']');
    hn_json_close(w, '}');
}
