/* Speed of the kernels of list.def on this machine, beside what the machine can do at most: matrix
 * products through hn_linear over weights that no cache holds, with one token and with many; everything
 * else on rows that stay in the first caches.
 *
 *     kernels [-t THREADS] [--all] [--json] [NAME...]
 *
 * Without --all the kernels in use here (HENCE_CPU lowers the level), with it every one that runs here.
 * A NAME is a part of a kernel's. Figures are the best of several runs; --json has the medians too. */
#include <getopt.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "../tests/kernels/calls.h"
#include "../tests/kernels/sample.h"
#include "backend/cpu/limits.h"
#include "backend/cpu/linear.h"
#include "base/bits.h"
#include "base/clock.h"
#include "base/cpu.h"

enum {
    ROWS = 2048,
    COLS = 5632,
    FOOTPRINT = 256 << 20, /* bytes of weights for one token, at least */
    SAMPLED_ROWS = 16,     /* made up; the rest repeats them */
    TOKENS = 512,
    ROW_LENGTH = 4096, /* of the other kernels */
    HEAD_DIM = 128,
    RUNS_MIN = 5,
    RUNS_MAX = 25,
};
static const double seconds_wanted = 0.5; /* for the runs of one figure */

struct bench {
    struct hn_pool *pool;
    const struct hn_kernels *kernels;
    struct hn_limits limits;
    bool all;
    char **names;
    int n_names;
    json_t *results; /* NULL: print lines */
};

static void die(const char *what, const struct hn_error *err)
{
    fprintf(stderr, "kernels: %s%s%s\n", what, err ? ": " : "", err ? err->text : "");
    exit(EXIT_FAILURE);
}

static void *allocate(size_t n)
{
    void *p = aligned_alloc(64, hn_round_up(n, 64));
    if (!p) die("out of memory", NULL);
    return p;
}

static bool asked_for(const struct bench *bench, const char *name)
{
    for (int i = 0; i < bench->n_names; i++)
        if (strstr(name, bench->names[i])) return true;
    return bench->n_names == 0;
}

/* Seconds of one run. */
struct timing {
    double best, median;
};

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static struct timing measure(void (*run)(void *), void *arg)
{
    double seconds[RUNS_MAX], total = 0;
    int n = 0;
    run(arg);
    while (n < RUNS_MAX && (n < RUNS_MIN || total < seconds_wanted)) {
        const uint64_t start = hn_clock_ns();
        run(arg);
        seconds[n] = hn_clock_seconds(start, hn_clock_ns());
        total += seconds[n++];
    }
    qsort(seconds, (size_t)n, sizeof *seconds, by_value);
    return (struct timing){seconds[0], seconds[n / 2]};
}

/* Matrix products. */

struct product {
    const struct bench *bench;
    struct hn_kernels kernels; /* the level's, with the kernel in question in its place */
    enum hn_pack pack;
    struct hn_matrix matrix;
    size_t n_copies; /* of the matrix, one behind the other */
    unsigned char *memory;
    size_t n_tokens;
    float *x, *y;
    void *scratch;
};

/* A stored type that is packed so. */
static enum hn_dtype source_of(enum hn_pack pack)
{
    switch (pack) {
    case HN_PACK_I8G32M: return HN_Q4_1;
    case HN_PACK_I8G16M: return HN_Q2_K;
    case HN_PACK_I8G16: return HN_Q3_K;
    default: break;
    }
    for (int type = 0; type < HN_DTYPES; type++)
        if (hn_pack_for((enum hn_dtype)type) == pack) return (enum hn_dtype)type;
    die("a layout that no type is packed to", NULL);
    return HN_F32;
}

static void make_matrix(struct product *product)
{
    const enum hn_dtype type = source_of(product->pack);
    struct sample s = {.seed = 1};
    struct hn_error err;
    size_t row;
    if (!hn_dtype_bytes(type, COLS, &row)) die("the row length", NULL);
    unsigned char *stored = allocate(ROWS * row);
    sample_weights(&s, type, stored, (size_t)SAMPLED_ROWS * COLS);
    for (size_t r = SAMPLED_ROWS; r < ROWS; r++)
        memcpy(stored + r * row, stored + (r - SAMPLED_ROWS) * row, row);
    const struct hn_tensor tensor = {
        .type = type, .n_dims = 2, .ne = {COLS, ROWS, 1, 1}, .data = stored, .bytes = ROWS * row};
    const struct hn_tensor *parts[] = {&tensor};
    const size_t bytes = hn_matrix_bytes(type, ROWS, COLS);
    product->n_copies = hn_div_up(FOOTPRINT, bytes);
    product->memory = allocate(product->n_copies * bytes);
    if (hn_matrix_pack(&product->matrix, parts, 1, product->memory, product->bench->pool, &err) < 0)
        die("packing", &err);
    for (size_t i = 1; i < product->n_copies; i++)
        memcpy(product->memory + i * bytes, product->memory, bytes);
    free(stored);
}

static void multiply(struct product *product, size_t copy)
{
    struct hn_matrix matrix = product->matrix;
    matrix.segments[0].data = product->memory + copy * matrix.bytes;
    hn_linear(product->bench->pool, &product->kernels, product->y, ROWS, &matrix, NULL, product->x,
              COLS, product->n_tokens, product->scratch);
}

static void multiply_all(void *arg)
{
    struct product *product = arg;
    for (size_t i = 0; i < product->n_copies; i++)
        multiply(product, i);
}

static void multiply_one(void *arg)
{
    multiply(arg, 0);
}

static double multiply_adds(const struct product *product)
{
    return (double)ROWS * COLS * (double)product->n_tokens;
}

static json_t *timing_json(struct timing t, double amount, const char *unit, double limit)
{
    return json_pack("{s:f, s:f, s:s, s:f}", "best", amount / t.best, "median", amount / t.median,
                     "unit", unit, "share", amount / t.best / limit);
}

static void bench_product(struct bench *bench, enum hn_pack pack, const char *name,
                          hn_matmul_fn *fn, enum hn_act_kind act, size_t tile)
{
    struct product product = {.bench = bench, .pack = pack, .kernels = *bench->kernels};
    product.kernels.matmul[pack].fn = fn;
    product.kernels.matmul[pack].act = act;
    product.kernels.matmul[pack].tile_tokens = tile;
    make_matrix(&product);
    struct sample s = {.seed = 2};
    product.x = allocate(sizeof(float) * COLS * TOKENS);
    product.y = allocate(sizeof(float) * ROWS * TOKENS);
    product.scratch = allocate(hn_linear_scratch(COLS, TOKENS));
    sample_floats(&s, product.x, (size_t)COLS * TOKENS, 1);

    product.n_tokens = 1;
    const struct timing one = measure(multiply_all, &product);
    const double bytes = (double)product.matrix.bytes * (double)product.n_copies;
    product.n_tokens = TOKENS;
    const struct timing many = measure(multiply_one, &product);
    const double dots = multiply_adds(&product);
    const double read_limit = bench->limits.read_bytes, dot_limit = bench->limits.dot[act];
    if (bench->results)
        json_array_append_new(
            bench->results, json_pack("{s:s, s:o, s:o}", "name", name, "one_token",
                                      timing_json(one, bytes, "bytes/s", read_limit), "many_tokens",
                                      timing_json(many, 2 * dots, "op/s", 2 * dot_limit)));
    else
        printf("%-26s %7.1f GB/s %5.0f%%  %9.1f GOP/s %5.0f%%\n", name, bytes / one.best * 1e-9,
               bytes / one.best / read_limit * 100, 2 * dots / many.best * 1e-9,
               dots / many.best / dot_limit * 100);
    fflush(stdout);
    free(product.memory);
    free(product.x);
    free(product.y);
    free(product.scratch);
}

static void bench_products(struct bench *bench)
{
    static const struct {
        enum hn_pack pack;
        enum hn_cpu_level level;
        const char *name;
        hn_matmul_fn *fn;
        enum hn_act_kind act;
        size_t tile;
    } rows[] = {
#define MATMUL(pack, type, level, isa, act, tile, bound)                                           \
    {HN_PACK_##pack,           HN_CPU_##level, "matmul_" #type "_" #isa,                           \
     hn_matmul_##type##_##isa, HN_ACT_##act,   tile},
#define KERNEL(slot, op, type, level, isa, bound)
#include "kernels/list.def"
#undef MATMUL
#undef KERNEL
    };
    if (!bench->results)
        printf("\n%-26s %12s %6s  %15s %6s\n", "matrix products", "one token", "limit",
               "512 tokens", "limit");
    for (size_t i = 0; i < HN_COUNT(rows); i++) {
        const bool used = bench->kernels->matmul[rows[i].pack].fn == rows[i].fn;
        if (rows[i].level > bench->kernels->level || !asked_for(bench, rows[i].name)) continue;
        if (used || bench->all)
            bench_product(bench, rows[i].pack, rows[i].name, rows[i].fn, rows[i].act, rows[i].tile);
    }
}

/* Kernels of rows. */

struct row_run {
    const struct row_kernel *kernel;
    struct operands operands;
    int calls;
};

static void call_row(void *arg)
{
    struct row_run *run = arg;
    for (int i = 0; i < run->calls; i++)
        call(run->kernel, run->kernel->fn, &run->operands);
}

/* Bytes that one call reads and writes. */
static double row_bytes(const struct row_kernel *kernel, size_t n)
{
    const size_t result = result_bytes(kernel, n);
    switch (kernel->shape) {
    case ACT_Q8:
    case ACT_BF16:
    case KV_STORE: return (double)(result + 4 * n);
    case RMS_NORM:
    case GLU: return (double)(result + 8 * n);
    case LAYER_NORM: return (double)(result + 12 * n);
    case ADD:
    case ADD_SCALED: return (double)(2 * result + 4 * n);
    case SCALE:
    case SOFTMAX: return (double)(2 * result);
    case ATTEND: return (double)(2 * HN_KV_PAGE * hn_kv_row_bytes(kv_type_of(kernel->type), n));
    case PEAK:
    case BLOCK:
    case SCREEN:
    case PRODUCT: return 0;
    }
    return 0;
}

static void bench_row(struct bench *bench, const struct row_kernel *kernel)
{
    static _Alignas(64) unsigned char y[ROW_LENGTH * 8], pages[2][HN_KV_PAGE * HEAD_DIM * 4];
    static _Alignas(64) float inputs[3][ROW_LENGTH];
    struct sample s = {.seed = 3};
    for (size_t i = 0; i < HN_COUNT(inputs); i++)
        sample_floats(&s, inputs[i], ROW_LENGTH, 1);
    memset(y, 0, sizeof y);
    memset(pages, 0, sizeof pages);
    struct row_run run = {
        .kernel = kernel,
        .calls = 100,
        .operands = {.y = y,
                     .a = inputs[0],
                     .b = inputs[1],
                     .c = inputs[2],
                     .k = pages[0],
                     .v = pages[1],
                     .n = kernel->shape == ATTEND ? HEAD_DIM : ROW_LENGTH,
                     .last = HN_KV_PAGE,
                     .scalar = 1,
                     .state = {.m = -INFINITY}},
    };
    const struct timing time = measure(call_row, &run);
    const double calls = run.calls;
    const double bytes = row_bytes(kernel, run.operands.n) * calls;
    if (bench->results)
        json_array_append_new(bench->results,
                              json_pack("{s:s, s:i, s:f, s:f, s:f}", "name", kernel->name,
                                        "elements", (int)run.operands.n, "best_seconds",
                                        time.best / calls, "median_seconds", time.median / calls,
                                        "bytes_per_second", bytes / time.best));
    else
        printf("%-26s %7.1f GB/s %9.0f ns for %zu\n", kernel->name, bytes / time.best * 1e-9,
               time.best / calls * 1e9, run.operands.n);
}

/* Whether the level in use has this very function. */
static bool in_use(const struct hn_kernels *kernels, void (*fn)(void))
{
#define MATMUL(pack, type, level, isa, act, tile, bound)
#define KERNEL(slot, op, type, level, isa, bound)                                                  \
    if ((void (*)(void))kernels->slot == fn) return true;
#include "kernels/list.def"
#undef MATMUL
#undef KERNEL
    return false;
}

static void bench_rows(struct bench *bench)
{
    if (!bench->results) printf("\nrows in cache, one thread\n");
    for (size_t i = 0; i < HN_COUNT(row_kernels); i++) {
        const struct row_kernel *kernel = &row_kernels[i];
        if (kernel->shape >= PEAK || kernel->level > bench->kernels->level) continue;
        if ((bench->all || in_use(bench->kernels, kernel->fn)) && asked_for(bench, kernel->name))
            bench_row(bench, kernel);
    }
}

static json_t *machine_json(const struct bench *bench, const char *cpu)
{
    const struct hn_limits *limits = &bench->limits;
    return json_pack("{s:s, s:s, s:i, s:f, s:{s:f, s:f, s:f}}", "cpu", cpu, "level",
                     hn_cpu_level_name(bench->kernels->level), "threads", (int)limits->threads,
                     "read_bytes_per_second", limits->read_bytes, "multiply_adds_per_second", "f32",
                     limits->dot[HN_ACT_F32], "bf16", limits->dot[HN_ACT_BF16], "q8",
                     limits->dot[HN_ACT_Q8]);
}

static void run_all(struct bench *bench, bool json)
{
    char cpu[64];
    hn_cpu_model(cpu, sizeof cpu);
    if (json) bench->results = json_array();
    else
        printf("%s, %s, %u threads: read %.1f GB/s; f32 %.0f, bf16 %.0f, q8 %.0f GOP/s\n", cpu,
               hn_cpu_level_name(bench->kernels->level), bench->limits.threads,
               bench->limits.read_bytes * 1e-9, bench->limits.dot[HN_ACT_F32] * 2e-9,
               bench->limits.dot[HN_ACT_BF16] * 2e-9, bench->limits.dot[HN_ACT_Q8] * 2e-9);
    bench_products(bench);
    bench_rows(bench);
    if (!json) return;
    json_t *all =
        json_pack("{s:o, s:o}", "machine", machine_json(bench, cpu), "kernels", bench->results);
    json_dumpf(all, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(all);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"threads", required_argument, NULL, 't'},
        {"all", no_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {0},
    };
    struct bench bench = {0};
    struct hn_error err;
    enum hn_cpu_level level;
    unsigned threads = hn_cpu_count();
    bool json = false;
    for (int c; (c = getopt_long(argc, argv, "t:", options, NULL)) != -1;) {
        if (c == 't') threads = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'a') bench.all = true;
        else if (c == 'j') json = true;
        else return EXIT_FAILURE;
    }
    bench.names = argv + optind;
    bench.n_names = argc - optind;
    if (hn_cpu_choose(getenv("HENCE_CPU"), &level, &err) < 0) die("processor", &err);
    if (hn_pool_create(threads, &bench.pool, &err) < 0) die("threads", &err);
    bench.kernels = hn_kernels_for(level);
    if (hn_limits_measure(bench.pool, bench.kernels, &bench.limits, &err) < 0) die("limits", &err);
    run_all(&bench, json);
    hn_pool_destroy(bench.pool);
    return EXIT_SUCCESS;
}
