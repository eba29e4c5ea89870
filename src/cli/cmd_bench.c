#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/cpu.h"
#include "cli/bench_predict.h"
#include "cli/bench_run.h"
#include "cli/bench_show.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/interrupt.h"
#include "cli/number_list.h"
#include "cli/progress.h"
#include "cli/session.h"
#include "cli/yardstick.h"
#include "engine/predict.h"

enum {
    MAX_TOKENS = 1 << 20,
    MAX_PARALLEL = 1 << 10,
    MAX_CASES = 2 * HN_LIST_MAX * HN_LIST_MAX * HN_LIST_MAX,
};

struct options {
    struct hn_session_options session;
    struct hn_number_list prompts, answers, threads, depths, parallel, batches;
    const char *dims;
    size_t repeats;
    bool json;
};

static enum hn_status take_lengths(void *field, const char *text, struct hn_error *err)
{
    return hn_number_list_read(field, text, 0, MAX_TOKENS, err);
}

static enum hn_status take_threads(void *field, const char *text, struct hn_error *err)
{
    return hn_number_list_read(field, text, 1, HN_POOL_MAX_THREADS, err);
}

static enum hn_status take_batches(void *field, const char *text, struct hn_error *err)
{
    return hn_number_list_read(field, text, 1, 1 << 20, err);
}

static enum hn_status take_parallel(void *field, const char *text, struct hn_error *err)
{
    return hn_number_list_read(field, text, 1, MAX_PARALLEL, err);
}

#define AT(field) offsetof(struct options, field)
static const struct hn_opt items[] = {
    HN_OPT_MODEL(struct options, session.model),
    {"prompt", 'p', "N,...", HN_OPT_CALL, AT(prompts), .take = take_lengths,
     .help = "lengths of prompts to read, in tokens (default: 512; 0: none)"},
    {"tokens", 'n', "N,...", HN_OPT_CALL, AT(answers), .take = take_lengths,
     .help = "lengths of answers to write (default: 128; 0: none)"},
    {"threads", 't', "N,...", HN_OPT_CALL, AT(threads), .take = take_threads,
     .help = "worker threads (default: all cores)"},
    {"depth", 'd', "N,...", HN_OPT_CALL, AT(depths), .take = take_lengths,
     .help = "tokens that stand before what is measured, rounded up to whole pages of 64 "
             "(default: 0)"},
    {"parallel", 0, "N,...", HN_OPT_CALL, AT(parallel), .take = take_parallel,
     .help = "sequences at once (default: 1)"},
    {"batch", 'b', "N,...", HN_OPT_CALL, AT(batches), .take = take_batches,
     .help = "tokens of a prompt read at a time (default: 512); of a model that predicts, rows at "
             "once (default: 1)"},
    {"dim", 0, "NAME=N,...", HN_OPT_TEXT, AT(dims),
     .help =
         "sizes of what varies in the inputs of a model that predicts, by the names that it gives "
         "them (default: 128)"},
    {"repeats", 'r', "N", HN_OPT_SIZE, AT(repeats), 1, HN_BENCH_MAX_REPEATS,
     .help = "measurements of each, after one that does not count (default: 5); the median is "
             "what is told"},
    {"json", 0, NULL, HN_OPT_FLAG, AT(json), .help = "the same and more as JSON, at the end"},
};
static const struct hn_opt_group groups[] = {
    {"Options", items, HN_COUNT(items), 0},
    {"Model", hn_session_items + HN_SESSION_BATCH_ITEM + 1,
     HN_SESSION_ITEMS - HN_SESSION_BATCH_ITEM - 1, AT(session)},
};
#undef AT
static const struct hn_cli_spec spec = {
    .name = "bench",
    .operands = "",
    .about =
        "Measures how fast a model reads prompts and writes answers here, and what share that\n"
        "is of what this machine can do: of the bandwidth with which it reads memory, and of\n"
        "the rate at which it multiplies, both measured first. Every combination of the\n"
        "numbers given is measured; several go with commas between them.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more = "  hence bench -m model.gguf\n"
            "  hence bench -m model.gguf -p 128,512,2048 -n 0 -t 1,4    # prompts only\n"
            "  hence bench -m model.gguf -p 0 -d 0,4096 --parallel 1,8  # answers, long contexts\n"
            "  hence bench -m model.onnx --batch 1,32 -t 1,4            # a model that predicts\n"
            "\n"
            "In the table, read is the weights, keys and values that a step must read, in percent\n"
            "of what memory could deliver in that time (more than 100 where caches hold them);\n"
            "peak is the same of the multiplications. Answers are bound by the first, prompts by\n"
            "the second. Tokens are random and their choice is greedy, so that nothing but the\n"
            "lengths counts. Let nothing else run meanwhile.",
};

/* The cases of all combinations, in the order in which they are shown. */
struct cases {
    struct hn_bench_case items[MAX_CASES];
    size_t n;
};

static void add_cases(struct cases *cases, enum hn_bench_kind kind,
                      const struct hn_number_list *lengths, size_t depth, size_t sequences)
{
    for (size_t i = 0; i < lengths->n; i++)
        if (lengths->items[i])
            cases->items[cases->n++] =
                (struct hn_bench_case){kind, lengths->items[i], depth, sequences};
}

static void list_cases(const struct options *o, struct cases *cases)
{
    cases->n = 0;
    for (size_t p = 0; p < o->parallel.n; p++)
        for (size_t d = 0; d < o->depths.n; d++) {
            const size_t depth = hn_round_up(o->depths.items[d], HN_KV_PAGE);
            add_cases(cases, HN_BENCH_PREFILL, &o->prompts, depth, o->parallel.items[p]);
            add_cases(cases, HN_BENCH_DECODE, &o->answers, depth, o->parallel.items[p]);
        }
}

static enum hn_status measure_row(const struct hn_instance *session, size_t repeats, uint64_t *runs,
                                  struct hn_bench_row *row, struct hn_bar *bar,
                                  struct hn_error *err)
{
    char label[80];
    const int n = snprintf(label, sizeof label, "%s %zu, depth %zu, parallel %zu",
                           row->what.kind == HN_BENCH_DECODE ? "answer" : "prompt",
                           row->what.tokens, row->what.depth, row->what.sequences);
    struct hn_bench_run warm_up;
    const struct hn_str detail = {label, (size_t)n};
    hn_bar_step(bar, *runs, detail);
    HN_TRY(hn_bench_measure(session, &row->what, runs, &warm_up, err));
    for (row->n = 0; row->n < repeats; row->n++) {
        hn_bar_step(bar, *runs, detail);
        HN_TRY(hn_bench_measure(session, &row->what, runs, &row->runs[row->n], err));
    }
    hn_bench_sort(row);
    return HN_OK;
}

static enum hn_status measure_rows(const struct options *o, const struct hn_instance *session,
                                   const struct cases *cases, const struct hn_yardstick *y,
                                   struct hn_json_writer *w, struct hn_error *err)
{
    uint64_t runs = 0;
    struct hn_bench_row *row = malloc(sizeof *row);
    if (!row) return hn_fail_nomem(err, "a benchmark", sizeof *row);
    enum hn_status status = HN_OK;
    struct hn_bar bar = hn_bar_start("measuring", cases->n * (o->repeats + 1));
    for (size_t i = 0; status >= 0 && i < cases->n; i++) {
        row->what = cases->items[i];
        status = measure_row(session, o->repeats, &runs, row, &bar, err);
        hn_bar_end(&bar);
        if (status >= 0 && w) hn_bench_json_row(w, row, y);
        else if (status >= 0) hn_bench_show_row(row, y);
    }
    free(row);
    return status;
}

/* Everything for the i-th number of threads. */
static enum hn_status bench_threads(const struct options *o, const struct cases *cases, size_t i,
                                    struct hn_yardstick *y, struct hn_json_writer *w,
                                    struct hn_error *err)
{
    struct hn_instance session;
    struct hn_session_options options = o->session;
    size_t context = HN_KV_PAGE;
    for (size_t c = 0; c < cases->n; c++)
        context = hn_max(context, hn_bench_context(&cases->items[c]));
    const struct hn_session_needs needs = {.sequences = hn_number_list_max(&o->parallel),
                                           .past_context = context};
    options.context = context;
    options.threads = o->threads.items[i];
    HN_TRY(hn_session_open(&options, &needs, &session, err));
    const struct hn_kernels *kernels = hn_cpu_backend_kernels(session.backend);
    enum hn_status status =
        hn_yardstick_measure(hn_cpu_backend_pool(session.backend), kernels, y, err);
    if (status >= 0 && !w) hn_bench_show_head(&session, y);
    else if (status >= 0 && i == 0) hn_bench_json_head(w, &session, kernels->level);
    if (status >= 0) status = measure_rows(o, &session, cases, y, w, err);
    hn_instance_close(&session);
    return status;
}

static enum hn_status bench(const struct options *o, const struct cases *cases,
                            struct hn_error *err)
{
    struct hn_json_writer w = {0};
    struct hn_yardstick yardsticks[HN_LIST_MAX];
    enum hn_status status = HN_OK;
    hn_interrupt_catch();
    for (size_t i = 0; status >= 0 && i < o->threads.n; i++) {
        if (i && !o->json) putchar('\n');
        status = bench_threads(o, cases, i, &yardsticks[i], o->json ? &w : NULL, err);
    }
    if (status >= 0 && o->json) {
        hn_bench_json_end(&w, yardsticks, o->threads.n);
        status = hn_door_print(&w, err);
    }
    hn_buf_free(&w.out);
    return status;
}

int hn_cmd_bench(int argc, char **argv)
{
    struct options o = {
        .session = hn_session_defaults(),
        .prompts = {1, {512}},
        .answers = {1, {128}},
        .threads = {1, {hn_cpu_count()}},
        .depths = {1, {0}},
        .parallel = {1, {1}},
        .repeats = 5,
    };
    static struct cases cases;
    struct hn_operands operands;
    int status;
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    struct hn_error err;
    if (o.session.model && hn_predict_is(o.session.model)) {
        if (!o.batches.n) o.batches = (struct hn_number_list){1, {1}};
        const struct hn_bench_predict predict = {.model = o.session.model,
                                                 .batches = &o.batches,
                                                 .threads = &o.threads,
                                                 .repeats = o.repeats,
                                                 .dims = o.dims,
                                                 .json = o.json};
        return hn_cli_end(&spec, hn_bench_predict(&predict, &err), &err);
    }
    if (o.batches.n > 1) return hn_cli_wrong(&spec, "--batch: one number for a language model");
    if (o.batches.n) o.session.batch = o.batches.items[0];
    list_cases(&o, &cases);
    if (!cases.n) return hn_cli_wrong(&spec, "with -p 0 and -n 0 there is nothing to measure");
    return hn_cli_end(&spec, bench(&o, &cases, &err), &err);
}
