#include "cli/cmd_quantize.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "model/quantize.h"

static const char usage[] =
    "usage: hence quantize [options] IN.gguf OUT.gguf TYPE\n"
    "\n"
    "Stores a model's weights in fewer bits. IN is best an F32, F16 or BF16 file.\n"
    "\n"
    "  -t, --threads N   worker threads (default: all cores)\n"
    "  -n, --dry-run     print each tensor's new type and the sizes, write nothing\n"
    "      --requantize  accept a file that is quantised already (costs accuracy)\n"
    "  -h, --help        this text\n"
    "\n"
    "TYPE, with about the bits it takes per weight:\n"
    "  Q8_0    8.5   as good as F16              Q4_0    4.6   simple and fast\n"
    "  Q6_K    6.6   hardly a difference         IQ4_NL  4.6   for rows of odd length\n"
    "  Q5_K_M  5.7   very small loss             Q3_K_M  3.9   visible loss\n"
    "  Q4_K_M  4.9   the usual choice            Q2_K    3.0   large loss\n"
    "also F32 F16 BF16 Q5_K_S Q5_1 Q5_0 Q4_K_S Q4_1 IQ4_XS MXFP4 Q3_K_L Q3_K_S\n"
    "\n"
    "  hence quantize model-f16.gguf model-q4_k_m.gguf Q4_K_M\n";

struct options {
    const char *in, *out;
    const struct hn_mix *mix;
    unsigned threads;
    bool dry_run, requantize;
};

/* The only thing a signal handler may touch. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* 0: go on; 1: done (help); 2: wrong use. */
static int parse(int argc, char **argv, struct options *o)
{
    enum { REQUANTIZE = 256 };
    static const struct option names[] = {
        {"threads", required_argument, NULL, 't'},
        {"dry-run", no_argument, NULL, 'n'},
        {"requantize", no_argument, NULL, REQUANTIZE},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    *o = (struct options){.threads = hn_cpu_count()};
    optind = 0;
    for (int c; (c = getopt_long(argc, argv, "t:nh", names, NULL)) != -1;) {
        char *end;
        switch (c) {
        case 't': {
            const long n = strtol(optarg, &end, 10);
            if (*end || n < 1 || n > HN_POOL_MAX_THREADS) {
                fprintf(stderr, "hence quantize: -t %s: give a number from 1 to %d\n", optarg,
                        HN_POOL_MAX_THREADS);
                return 2;
            }
            o->threads = (unsigned)n;
            break;
        }
        case 'n': o->dry_run = true; break;
        case REQUANTIZE: o->requantize = true; break;
        case 'h': fputs(usage, stdout); return 1;
        default: return 2;
        }
    }
    if (argc - optind != 3) {
        fputs(usage, stderr);
        return 2;
    }
    o->in = argv[optind];
    o->out = argv[optind + 1];
    o->mix = hn_mix_find(argv[optind + 2]);
    if (!o->mix) {
        fprintf(stderr, "hence quantize: unknown type %s; hence quantize --help lists them\n",
                argv[optind + 2]);
        return 2;
    }
    return 0;
}

static void print_size(FILE *f, size_t bytes)
{
    if (bytes >= 1000000000u) fprintf(f, "%.2f GB", (double)bytes * 1e-9);
    else if (bytes >= 1000000u) fprintf(f, "%.1f MB", (double)bytes * 1e-6);
    else fprintf(f, "%.1f kB", (double)bytes * 1e-3);
}

struct bar {
    size_t bytes; /* to do */
    uint64_t start, shown;
    bool terminal;
};

static bool step(void *ctx, const struct hn_tensor *t, size_t done)
{
    struct bar *bar = ctx;
    const uint64_t now = hn_clock_ns();
    if (bar->terminal && !t) fputs("\r\033[K", stderr);
    /* Ten times a second is enough for eyes. */
    if (bar->terminal && t && (bar->shown == 0 || now - bar->shown > 100000000u)) {
        char cells[31];
        const double share = bar->bytes ? (double)done / (double)bar->bytes : 1;
        for (size_t i = 0; i < 30; i++)
            cells[i] = (double)i < share * 30 ? '#' : '.';
        cells[30] = '\0';
        fprintf(stderr, "\r\033[K[%s] %3.0f%%  %.*s", cells, share * 100, HN_FMT(t->name));
        fflush(stderr);
        bar->shown = now;
    }
    return !interrupted;
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
    size_t count[HN_DTYPES] = {0};
    for (size_t i = 0; i < plan->in->weights.n; i++)
        count[plan->out[i].type]++;
    fprintf(stderr, "%s: ", o->in);
    print_size(stderr, plan->bytes_in);
    fprintf(stderr, ", %.2f bits per weight\n%s: %s, ", (double)plan->bytes_in * 8 / elements,
            o->dry_run ? "would be" : o->out, plan->mix->name);
    print_size(stderr, plan->bytes_out);
    fprintf(stderr, ", %.2f bits per weight; tensors:", (double)plan->bytes_out * 8 / elements);
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
    HN_TRY(hn_pool_create(o->threads, &pool, err));
    struct bar bar = {plan->bytes_in, hn_clock_ns(), 0, isatty(STDERR_FILENO) == 1};
    const struct hn_quantize_progress progress = {step, &bar};
    const struct sigaction catch = {.sa_handler = on_interrupt};
    struct sigaction before;
    sigaction(SIGINT, &catch, &before);
    const enum hn_status status = hn_quantize_write(plan, o->out, pool, &progress, err);
    sigaction(SIGINT, &before, NULL);
    hn_pool_destroy(pool);
    if (status < 0) return status;
    print_summary(o, plan);
    fprintf(stderr, "took %.1f s\n", hn_clock_seconds(bar.start, hn_clock_ns()));
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
    struct options o;
    const int parsed = parse(argc, argv, &o);
    if (parsed) return parsed == 1 ? EXIT_SUCCESS : parsed;
    struct hn_error err;
    if (quantize(&o, &err) == HN_OK) return EXIT_SUCCESS;
    fprintf(stderr, "hence quantize: %s\n", err.text);
    return EXIT_FAILURE;
}
