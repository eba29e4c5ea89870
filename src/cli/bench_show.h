/* The results of `hence bench`, as a table and as JSON. */
#ifndef HN_CLI_BENCH_SHOW_H
#define HN_CLI_BENCH_SHOW_H

#include "cli/bench_run.h"
#include "cli/yardstick.h"
#include "text/json_write.h"

enum { HN_BENCH_MAX_REPEATS = 100 };

/* A case with its measurements. */
struct hn_bench_row {
    struct hn_bench_case what;
    size_t n;
    struct hn_bench_run runs[HN_BENCH_MAX_REPEATS];
};

/* Sorts the measurements by their time; the middle one is then runs[n / 2]. */
void hn_bench_sort(struct hn_bench_row *row);

/* The table goes to standard output: a head once for each number of threads, then a line for each row. */
void hn_bench_show_head(const struct hn_instance *session, const struct hn_yardstick *y);
void hn_bench_show_row(const struct hn_bench_row *row, const struct hn_yardstick *y);

/* What a figure has to stand beside (docs/perf.md), into an open object. */
void hn_bench_json_machine(struct hn_json_writer *w, enum hn_cpu_level level);

/* The same as one object: what all rows share, once; "rows", an array left open for hn_bench_json_row;
 * and at its end what the machine can do with each number of threads. */
void hn_bench_json_head(struct hn_json_writer *w, const struct hn_instance *session,
                        enum hn_cpu_level level);
void hn_bench_json_row(struct hn_json_writer *w, const struct hn_bench_row *row,
                       const struct hn_yardstick *y);
void hn_bench_json_end(struct hn_json_writer *w, const struct hn_yardstick *yardsticks, size_t n);

#endif
