#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "cli/commands.h"
#include "cli/door.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/show.h"
#include "model/quantize.h"

struct options {
    const char *in, *out;
    const struct hn_mix *mix;
    size_t threads;
    bool dry_run, requantize;
};

static const struct hn_opt items[] = {
    {"threads", 't', "N", HN_OPT_SIZE, offsetof(struct options, threads), 1, HN_POOL_MAX_THREADS,
     .help = "worker threads (default: all cores)"},
    {"dry-run", 'n', NULL, HN_OPT_FLAG, offsetof(struct options, dry_run),
     .help = "print each tensor's new type and the sizes, write nothing"},
    {"requantize", 0, NULL, HN_OPT_FLAG, offsetof(struct options, requantize),
     .help = "accept a file that is quantised already (costs accuracy)"},
};
static const struct hn_opt_group groups[] = {{"Options", items, HN_COUNT(items), 0}};
static const struct hn_cli_spec spec = {
    .name = "quantize",
    .operands = "IN.gguf OUT.gguf TYPE",
    .min_operands = 3,
    .max_operands = 3,
    .about = "Stores a model's weights in fewer bits. IN is best an F32, F16 or BF16 file.",
    .groups = groups,
    .n_groups = HN_COUNT(groups),
    .more = "TYPE, with about the bits it takes per weight:\n"
            "  Q8_0    8.5   as good as F16              Q4_0    4.6   simple and fast\n"
            "  Q6_K    6.6   hardly a difference         IQ4_NL  4.6   for rows of odd length\n"
            "  Q5_K_M  5.7   very small loss             Q3_K_M  3.9   visible loss\n"
            "  Q4_K_M  4.9   the usual choice            Q2_K    3.0   large loss\n"
            "also F32 F16 BF16 Q5_K_S Q5_1 Q5_0 Q4_K_S Q4_1 IQ4_XS MXFP4 Q3_K_L Q3_K_S\n"
            "\n"
            "  hence quantize model-f16.gguf model-q4_k_m.gguf Q4_K_M\n"
            "  hence perplexity -m model-q4_k_m.gguf -f text.txt       # what it cost",
};

static bool step(void *ctx, const struct hn_tensor *t, size_t done)
{
    hn_bar_step(ctx, done, t ? t->name : (struct hn_str){0});
    return !hn_interrupted();
}

/* True when both names lead to one file. */
static bool same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

static void print_tensors(const struct hn_quantize_plan *plan)
{
    for (size_t i = 0; i < plan->in->weights.n; i++) {
        const struct hn_tensor *from = &plan->in->weights.items[i], *to = &plan->out[i];
        printf("%-40.*s %-6s -> %-6s %12zu bytes\n", HN_FMT(from->name),
               hn_dtype_info(from->type)->name, hn_dtype_info(to->type)->name, to->bytes);
    }
}

static void print_summary(const struct options *o, const struct hn_quantize_plan *plan)
{
    const double elements = (double)(plan->elements ? plan->elements : 1);
    const double in = (double)plan->bytes_in, out = (double)plan->bytes_out;
    char size[HN_SHOW_BYTES];
    size_t count[HN_DTYPES] = {0};
    for (size_t i = 0; i < plan->in->weights.n; i++)
        count[plan->out[i].type]++;
    fprintf(stderr, "%s: %s, %.2f bits per weight\n", o->in, hn_show_size(size, in),
            in * 8 / elements);
    fprintf(stderr, "%s: %s, %s, %.2f bits per weight; tensors:", o->dry_run ? "would be" : o->out,
            plan->mix->name, hn_show_size(size, out), out * 8 / elements);
    for (int type = 0; type < HN_DTYPES; type++)
        if (count[type]) fprintf(stderr, " %zu %s", count[type], hn_dtype_info(type)->name);
    fputc('\n', stderr);
    if (plan->fallbacks)
        fprintf(stderr,
                "%zu of the tensors took another type: their rows do not divide into %s's blocks\n",
                plan->fallbacks, plan->mix->name);
}

static enum hn_status convert(const struct options *o, const struct hn_quantize_plan *plan,
                              struct hn_error *err)
{
    struct hn_pool *pool;
    HN_TRY(hn_pool_create((unsigned)o->threads, &pool, err));
    struct hn_bar bar = hn_bar_start("quantising", plan->bytes_in);
    const struct hn_quantize_progress progress = {step, &bar};
    hn_interrupt_catch();
    const enum hn_status status = hn_quantize_write(plan, o->out, pool, &progress, err);
    hn_interrupt_release();
    hn_bar_end(&bar);
    hn_pool_destroy(pool);
    if (status < 0) return status;
    print_summary(o, plan);
    char took[HN_SHOW_BYTES];
    fprintf(stderr, "took %s\n", hn_show_seconds(took, hn_clock_seconds(bar.start, hn_clock_ns())));
    return HN_OK;
}

static enum hn_status quantize(const struct options *o, struct hn_error *err)
{
    if (!o->dry_run && same_file(o->in, o->out))
        return hn_fail(err, HN_E_ARG, "%s: is the file to read; give the result another name",
                       o->out);
    struct hn_gguf *gguf;
    HN_TRY(hn_gguf_open(o->in, &gguf, err));
    struct hn_arena arena = {0};
    struct hn_quantize_plan plan;
    enum hn_status status = hn_quantize_plan(gguf, o->mix, o->requantize, &arena, &plan, err);
    if (status < 0) {
        (void)hn_fail_in(err, status, "%s", o->in);
    } else if (o->dry_run) {
        print_tensors(&plan);
        print_summary(o, &plan);
    } else {
        status = convert(o, &plan, err);
    }
    hn_arena_free(&arena);
    hn_gguf_close(gguf);
    return status;
}

int hn_cmd_quantize(int argc, char **argv)
{
    struct options o = {.threads = hn_cpu_count()};
    struct hn_operands operands;
    int status;
    if (!hn_cli_parse(&spec, argc, argv, &o, &operands, &status)) return status;
    o.in = operands.words[0];
    o.out = operands.words[1];
    o.mix = hn_mix_find(operands.words[2]);
    if (!o.mix) return hn_cli_wrong(&spec, "there is no type %s", operands.words[2]);
    struct hn_error err;
    return hn_cli_end(&spec, quantize(&o, &err), &err);
}
