/* bench_forests MODEL [compiled.so] [xgboost.so]: rows per second and microseconds of one row, in one
 * interleaved run, of hence, of the same trees compiled from C (`void predict(const float *, float *)`),
 * and of XGBoost's C interface, predicting in place. bench/forests.py makes the models and calls it. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "model/predictor.h"

enum { FEATURES_MAX = 4096, ROUNDS = 7 };

static struct hn_error err;

static void check(enum hn_status status)
{
    if (status >= 0) return;
    (void)fprintf(stderr, "%s\n", err.text);
    exit(1);
}

/* A way to predict `rows` rows; false when it is not there. */
struct job {
    size_t rows, n_features, n_out;
    unsigned threads;
    const float *x;
    float *out;
    struct hn_prediction *run;
    void (*compiled)(const float *row, float *out);
    struct hn_pool *pool;
    void *booster;
    int (*predict)(void *, const char *, const char *, void *, const unsigned long **,
                   unsigned long *, const float **);
    char array[256], config[256];
};

static void run_hence(struct job *j)
{
    struct hn_array in = {.type = HN_EL_F32,
                          .n_dims = 2,
                          .shape = {j->rows, j->n_features},
                          .n = j->rows * j->n_features,
                          .data = (void *)j->x};
    struct hn_array out[8];
    check(hn_prediction_run(j->run, (const struct hn_array *const[]){&in}, NULL, out, &err));
}

static void compiled_tile(void *arg, size_t tile, unsigned worker)
{
    struct job *j = arg;
    (void)worker;
    for (size_t r = tile * 64; r < j->rows && r < tile * 64 + 64; r++)
        j->compiled(j->x + r * j->n_features, j->out + r * j->n_out);
}

static void run_compiled(struct job *j)
{
    hn_pool_run(j->pool, (j->rows + 63) / 64, compiled_tile, j);
}

static void run_xgboost(struct job *j)
{
    const unsigned long *shape;
    unsigned long dim;
    const float *result;
    if (j->predict(j->booster, j->array, j->config, NULL, &shape, &dim, &result) != 0) exit(1);
}

/* On one thread its own time counts, which other programs do not disturb. */
static uint64_t clock_of(const struct job *j)
{
    return j->threads == 1 ? hn_clock_thread_ns() : hn_clock_ns();
}

/* Seconds of one call, over as many as fill the time. */
static double time_of(void (*run)(struct job *), struct job *j, double seconds)
{
    size_t n = 0;
    const uint64_t start = clock_of(j);
    uint64_t now;
    do {
        for (size_t i = 0; i < (j->rows == 1 ? 100 : 1); i++, n++)
            run(j);
        now = clock_of(j);
    } while ((double)(now - start) < seconds * 1e9);
    return (double)(now - start) / 1e9 / (double)n;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void *open_xgboost(struct job *j, const char *library, const char *model)
{
    void *lib = dlopen(library, RTLD_NOW);
    if (!lib) return NULL;
    int (*create)(const void *, unsigned long, void **);
    int (*load)(void *, const char *);
    *(void **)&create = dlsym(lib, "XGBoosterCreate");
    *(void **)&load = dlsym(lib, "XGBoosterLoadModel");
    *(void **)&j->predict = dlsym(lib, "XGBoosterPredictFromDense");
    if (create(NULL, 0, &j->booster) != 0 || load(j->booster, model) != 0) return NULL;
    return lib;
}

int main(int argc, char **argv)
{
    static const size_t batches[] = {1, 1000, 100000};
    struct hn_predictor *model;
    struct job j = {0};
    if (argc < 3) return 2;
    const unsigned most = (unsigned)atoi(argv[2]);
    const struct hn_predictor_options options = {.cpu = getenv("HENCE_CPU")};
    check(hn_predictor_open(argv[1], &options, &model, &err));
    const struct hn_predictor_about *about = hn_predictor_about(model);
    j.n_features = (size_t)about->inputs[0].shape[1];
    j.n_out = about->outputs[0].n_dims > 1 ? (size_t)about->outputs[0].shape[1] : 1;
    float *x = malloc(100000 * j.n_features * sizeof *x);
    j.out = malloc(100000 * j.n_out * sizeof *j.out);
    if (!x || !j.out) return 1;
    uint64_t state = 1;
    for (size_t i = 0; i < 100000 * j.n_features; i++) {
        double sum = 0; /* about normal, as the models' data */
        for (int k = 0; k < 4; k++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            sum += (double)(state >> 40) / (1 << 24) - 0.5;
        }
        x[i] = state >> 33 & 31 ? (float)(sum * 1.73) : __builtin_nanf("");
    }
    j.x = x;
    void *lib = argc > 3 ? dlopen(argv[3], RTLD_NOW) : NULL;
    if (lib) *(void **)&j.compiled = dlsym(lib, "predict");
    if (argc > 4 && !open_xgboost(&j, argv[4], argv[1])) return 1;
    for (unsigned threads = 1; threads <= most; threads *= 2) {
        j.threads = threads;
        check(hn_pool_create(threads, &j.pool, &err));
        check(hn_prediction_begin(model, j.pool, &j.run, &err));
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
            double t[3][ROUNDS];
            j.rows = batches[b];
            (void)snprintf(j.array, sizeof j.array,
                           "{\"data\":[%zu,true],\"shape\":[%zu,%zu],\"typestr\":\"<f4\","
                           "\"version\":3}",
                           (size_t)j.x, j.rows, j.n_features);
            (void)snprintf(j.config, sizeof j.config,
                           "{\"type\":0,\"training\":false,\"iteration_begin\":0,"
                           "\"iteration_end\":0,\"strict_shape\":false,\"missing\":NaN,"
                           "\"nthread\":%u,\"cache_id\":0}",
                           threads);
            if (j.booster) {
                char n[16];
                int (*set)(void *, const char *, const char *);
                *(void **)&set = dlsym(dlopen(argv[4], RTLD_NOW), "XGBoosterSetParam");
                (void)snprintf(n, sizeof n, "%u", threads);
                set(j.booster, "nthread", n);
            }
            for (int round = 0; round < ROUNDS; round++) {
                const double seconds = 0.05;
                t[0][round] = time_of(run_hence, &j, seconds);
                if (j.compiled) t[1][round] = time_of(run_compiled, &j, seconds);
                if (j.booster) t[2][round] = time_of(run_xgboost, &j, seconds);
            }
            printf("%zu rows, %u threads:", j.rows, threads);
            for (int k = 0; k < 3; k++) {
                static const char *const names[] = {"hence", "compiled C", "XGBoost"};
                if ((k == 1 && !j.compiled) || (k == 2 && !j.booster)) continue;
                qsort(t[k], ROUNDS, sizeof t[k][0], by_value);
                const double median = t[k][ROUNDS / 2];
                printf("  %s %.2f us, %.0f rows/s", names[k], median * 1e6,
                       (double)j.rows / median);
            }
            printf("\n");
        }
        hn_prediction_end(j.run);
        hn_pool_destroy(j.pool);
    }
    hn_predictor_close(model);
    return 0;
}
