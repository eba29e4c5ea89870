/* The speed of prompts and answers, measured through the engine as any request goes through it. */
#ifndef HN_CLI_BENCH_RUN_H
#define HN_CLI_BENCH_RUN_H

#include "cli/session.h"
#include "model/cost.h"

enum hn_bench_kind { HN_BENCH_PREFILL, HN_BENCH_DECODE };

struct hn_bench_case {
    enum hn_bench_kind kind;
    size_t tokens;    /* of each sequence that are measured */
    size_t depth;     /* tokens that stand before them, a multiple of HN_KV_PAGE; not measured */
    size_t sequences; /* at once */
};

/* Positions of the context that a case needs. */
size_t hn_bench_context(const struct hn_bench_case *c);

/* One measurement. */
struct hn_bench_run {
    double seconds;
    size_t tokens; /* of all sequences */
    struct hn_cost cost;
};

/* Measures a case once. Texts are random tokens that differ between sequences and runs; what stands
 * before them is read beforehand and found in the engine's pages. `runs` counts the measurements
 * of the session. HN_E_CANCELLED after Ctrl-C. */
enum hn_status hn_bench_measure(const struct hn_instance *session, const struct hn_bench_case *c,
                                uint64_t *runs, struct hn_bench_run *out, struct hn_error *err);

#endif
