#include "cli/bench_predict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bits.h"
#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/rng.h"
#include "cli/bench_show.h"
#include "cli/door.h"
#include "cli/interrupt.h"
#include "cli/show.h"
#include "model/predictor.h"
#include "tensor/element.h"

enum { USUAL_SIZE = 128 /* of dimensions that vary and are not named */, MANY_WORDS = 100 };

static const double WARM_S = 0.05;   /* of runs that do not count */
static const double SAMPLE_S = 0.02; /* of runs that make one measurement */

struct bench {
    const struct hn_bench_predict *o;
    struct hn_predictor *predictor;
    const struct hn_predictor_about *about;
    double load_s;
    size_t loaded_bytes; /* what the process grew by */
    struct hn_array *arrays;
    const struct hn_array **in;
    struct hn_array *out;
    struct hn_json_writer w;
};

/* Seconds of a run: the median measurement, the least, the greatest. */
struct figures {
    double median, fastest, slowest;
    size_t runs;
};

/* --- inputs ------------------------------------------------------------------------------------ */

/* The size that --dim gives a dimension. */
static bool named_size(const char *list, const char *name, size_t *out)
{
    const size_t n = strlen(name);
    for (const char *at = list; at && *at; at += strcspn(at, ","), at += *at == ',')
        if (strncmp(at, name, n) == 0 && at[n] == '=') {
            *out = strtoul(at + n + 1, NULL, 10);
            return true;
        }
    return false;
}

static enum hn_status shape_input(const struct bench *b, const struct hn_port *port, size_t batch,
                                  struct hn_array *a, struct hn_error *err)
{
    *a = (struct hn_array){.type = port->type, .n_dims = port->known_rank ? port->n_dims : 1};
    for (size_t i = 0; i < a->n_dims; i++) {
        const int64_t fixed = port->known_rank ? port->shape[i] : -1;
        if (fixed >= 0 && (i || (size_t)fixed == batch)) a->shape[i] = (size_t)fixed;
        else if (fixed >= 0)
            return hn_fail(err, HN_E_ARG, "the input '%s' is made for %lld rows, not %zu",
                           port->name, (long long)fixed, batch);
        else if (port->dim_names[i] && named_size(b->o->dims, port->dim_names[i], &a->shape[i]))
            continue;
        else a->shape[i] = i ? USUAL_SIZE : batch;
    }
    const size_t bytes = hn_element_info(a->type)->bytes;
    if (!hn_shape_count(a->shape, a->n_dims, bytes, &a->n))
        return hn_fail(err, HN_E_LIMIT, "the input '%s' would be too large", port->name);
    if (!(a->data = calloc(a->n + 1, bytes))) return hn_fail_nomem(err, port->name, a->n * bytes);
    return HN_OK;
}

/* Integers are below `most`: they often number words, or say yes and no. */
static void fill_input(struct hn_array *a, uint64_t stream, unsigned most)
{
    for (size_t i = 0; i < a->n; i++) {
        uint32_t r[4];
        hn_philox(1, i, stream, r);
        if (a->type == HN_EL_STRING) ((struct hn_str *)a->data)[i] = HN_STR("a");
        else if (hn_element_is_float(a->type))
            hn_array_set_real(a, i, 4 * hn_uniform(r[0], r[1]) - 2);
        else if (hn_element_is_number(a->type)) hn_array_set_real(a, i, r[0] % most);
    }
}

static void free_inputs(struct bench *b)
{
    for (size_t i = 0; i < b->about->n_inputs; i++) {
        free(b->arrays[i].data);
        b->arrays[i] = (struct hn_array){0};
    }
}

static enum hn_status make_inputs(struct bench *b, size_t batch, unsigned most,
                                  struct hn_error *err)
{
    for (size_t i = 0; i < b->about->n_inputs; i++) {
        HN_TRY(shape_input(b, &b->about->inputs[i], batch, &b->arrays[i], err));
        fill_input(&b->arrays[i], i, most);
        b->in[i] = &b->arrays[i];
    }
    return HN_OK;
}

/* --- measuring --------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs for so many seconds, once at least; returns how many times. */
static enum hn_status run_for(struct bench *b, struct hn_prediction *run, double seconds, size_t *n,
                              double *took, struct hn_error *err)
{
    const uint64_t start = hn_clock_ns();
    for (*n = 0, *took = 0; !*n || *took < seconds; ++*n) {
        HN_TRY(hn_prediction_run(run, b->in, NULL, b->out, err));
        *took = hn_clock_seconds(start, hn_clock_ns());
        if (hn_interrupted()) return hn_fail(err, HN_E_CANCELLED, "stopped");
    }
    return HN_OK;
}

static enum hn_status measure(struct bench *b, struct hn_prediction *run, struct figures *f,
                              struct hn_error *err)
{
    double samples[HN_BENCH_MAX_REPEATS], took;
    size_t n;
    *f = (struct figures){0};
    HN_TRY(run_for(b, run, WARM_S, &n, &took, err));
    for (size_t i = 0; i < b->o->repeats; i++) {
        HN_TRY(run_for(b, run, SAMPLE_S, &n, &took, err));
        samples[i] = took / (double)n;
        f->runs += n;
    }
    qsort(samples, b->o->repeats, sizeof *samples, by_size);
    f->fastest = samples[0];
    f->median = samples[b->o->repeats / 2];
    f->slowest = samples[b->o->repeats - 1];
    return HN_OK;
}

static void tell(struct bench *b, unsigned threads, size_t batch, const struct figures *f)
{
    char median[HN_SHOW_BYTES], fast[HN_SHOW_BYTES], slow[HN_SHOW_BYTES];
    struct hn_json_writer *w = &b->w;
    if (!b->o->json) {
        snprintf(median, sizeof median, "%.1f", f->median * 1e6);
        snprintf(fast, sizeof fast, "%.1f", f->fastest * 1e6);
        snprintf(slow, sizeof slow, "%.1f", f->slowest * 1e6);
        printf("  %8zu %8u %12s %12s %12s %14.0f\n", batch, threads, median, fast, slow,
               (double)batch / f->median);
        return;
    }
    hn_json_open(w, NULL, '{');
    hn_json_put_uint(w, "batch", batch);
    hn_json_put_uint(w, "threads", threads);
    hn_json_put_real(w, "seconds", f->median);
    hn_json_put_real(w, "fastest_s", f->fastest);
    hn_json_put_real(w, "slowest_s", f->slowest);
    hn_json_put_real(w, "rows_per_s", (double)batch / f->median);
    hn_json_put_uint(w, "runs", f->runs);
    hn_json_close(w, '}');
}

/* Integers that are no word of the model are an error: then none but the first two are used. */
static enum hn_status bench_batch(struct bench *b, struct hn_prediction *run, unsigned threads,
                                  size_t batch, struct hn_error *err)
{
    struct figures f = {0};
    enum hn_status status = HN_OK;
    for (unsigned most = MANY_WORDS; most; most = most > 2 ? 2 : 0) {
        status = make_inputs(b, batch, most, err);
        if (status >= 0) status = measure(b, run, &f, err);
        free_inputs(b);
        if (status >= 0 || status == HN_E_CANCELLED) break;
    }
    if (status >= 0) tell(b, threads, batch, &f);
    return status;
}

static enum hn_status bench_threads(struct bench *b, unsigned threads, struct hn_error *err)
{
    struct hn_pool *pool = NULL;
    struct hn_prediction *run = NULL;
    enum hn_status status = threads > 1 ? hn_pool_create(threads, &pool, err) : HN_OK;
    if (status >= 0) status = hn_prediction_begin(b->predictor, pool, &run, err);
    for (size_t i = 0; status >= 0 && i < b->o->batches->n; i++)
        status = bench_batch(b, run, threads, b->o->batches->items[i], err);
    hn_prediction_end(run);
    hn_pool_destroy(pool);
    return status;
}

/* --- all --------------------------------------------------------------------------------------- */

static size_t resident_bytes(void)
{
    struct hn_buf text = {0};
    size_t size = 0, resident = 0;
    if (hn_file_read("/proc/self/statm", 4096, &text, NULL) >= 0 &&
        sscanf(text.p, "%zu %zu", &size, &resident) != 2)
        resident = 0;
    hn_buf_free(&text);
    return resident * 4096;
}

static enum hn_status open_model(struct bench *b, struct hn_error *err)
{
    const size_t before = resident_bytes();
    const struct hn_predictor_options options = {.cpu = getenv("HENCE_CPU")};
    const uint64_t start = hn_clock_ns();
    HN_TRY(hn_predictor_open(b->o->model, &options, &b->predictor, err));
    b->load_s = hn_clock_seconds(start, hn_clock_ns());
    const size_t after = resident_bytes();
    b->loaded_bytes = after > before ? after - before : 0;
    b->about = hn_predictor_about(b->predictor);
    b->arrays = calloc(b->about->n_inputs + 1, sizeof *b->arrays);
    b->in = calloc(b->about->n_inputs + 1, sizeof *b->in);
    b->out = calloc(b->about->n_outputs + 1, sizeof *b->out);
    if (b->arrays && b->in && b->out) return HN_OK;
    return hn_fail_nomem(err, "inputs", b->about->n_inputs * sizeof *b->arrays);
}

static void put_head(struct bench *b, enum hn_cpu_level level)
{
    struct hn_json_writer *w = &b->w;
    hn_json_open(w, NULL, '{');
    hn_json_put_text(w, "model", hn_str_from(b->o->model));
    hn_json_put_text(w, "kind", hn_str_from(b->about->kind));
    hn_bench_json_machine(w, level);
    hn_json_put_uint(w, "model_bytes", b->about->bytes);
    hn_json_put_uint(w, "loaded_bytes", b->loaded_bytes);
    hn_json_put_real(w, "load_s", b->load_s);
    hn_json_open(w, "rows", '[');
}

static void show_head(const struct bench *b, enum hn_cpu_level level)
{
    char cpu[100], bytes[HN_SHOW_BYTES], seconds[HN_SHOW_BYTES];
    hn_cpu_model(cpu, sizeof cpu);
    printf("%s (%s)\n  %s in memory, loaded in %s\n  %s, kernels %s\n", b->o->model, b->about->kind,
           hn_show_size(bytes, (double)b->about->bytes), hn_show_seconds(seconds, b->load_s), cpu,
           hn_cpu_level_name(level));
    printf("  %8s %8s %12s %12s %12s %14s\n", "batch", "threads", "microseconds", "fastest",
           "slowest", "rows/s");
}

static enum hn_status bench_all(struct bench *b, struct hn_error *err)
{
    enum hn_cpu_level level;
    HN_TRY(hn_cpu_choose(getenv("HENCE_CPU"), &level, err));
    HN_TRY(open_model(b, err));
    if (b->o->json) put_head(b, level);
    else show_head(b, level);
    for (size_t i = 0; i < b->o->threads->n; i++)
        HN_TRY(bench_threads(b, (unsigned)b->o->threads->items[i], err));
    if (!b->o->json) return HN_OK;
    hn_json_close(&b->w, ']');
    hn_json_close(&b->w, '}');
    return hn_door_print(&b->w, err);
}

enum hn_status hn_bench_predict(const struct hn_bench_predict *o, struct hn_error *err)
{
    struct bench b = {.o = o};
    hn_interrupt_catch();
    const enum hn_status status = bench_all(&b, err);
    hn_predictor_close(b.predictor);
    hn_buf_free(&b.w.out);
    free(b.arrays);
    free(b.in);
    free(b.out);
    return status;
}
