/* hence's side of bench/graphs/race.py: runner MODEL THREADS. A line of JSON per request on the standard
 * input, one per answer on the standard output.
 *   (at start)                                   -> {"seconds", "rss"}: loading, and memory it took
 *   {"inputs": {name: {type, dims, file}},
 *    "runs": n, "out": FILE or absent}           -> {"seconds": [...]}: of single runs; the first output's
 *                                                   elements in FILE */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "model/predictor.h"

enum { INPUTS_MAX = 8, OUTPUTS_MAX = 8 };

static _Noreturn void die(const char *what, const struct hn_error *err)
{
    fprintf(stderr, "runner: %s%s%s\n", what, err ? ": " : "", err ? err->text : "");
    exit(1);
}

/* Bytes of this process in memory. */
static size_t resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    size_t pages = 0;
    if (!file || fscanf(file, "%*u %zu", &pages) != 1) pages = 0;
    if (file) fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void read_input(const json_t *about, struct hn_array *out)
{
    const char *type = json_string_value(json_object_get(about, "type"));
    const char *path = json_string_value(json_object_get(about, "file"));
    const json_t *dims = json_object_get(about, "dims");
    *out = (struct hn_array){.type = type && !strcmp(type, "int64") ? HN_EL_I64 : HN_EL_F32};
    out->n_dims = json_array_size(dims);
    for (size_t i = 0; i < out->n_dims && i < HN_ARRAY_DIMS; i++)
        out->shape[i] = (size_t)json_integer_value(json_array_get(dims, i));
    const size_t bytes = out->type == HN_EL_I64 ? 8 : 4;
    if (!hn_shape_count(out->shape, out->n_dims, bytes, &out->n)) die("a shape too large", NULL);
    out->data = malloc(out->n * bytes + 1);
    FILE *file = path ? fopen(path, "rb") : NULL;
    if (!file || !out->data || fread(out->data, bytes, out->n, file) != out->n)
        die("an input cannot be read", NULL);
    fclose(file);
}

static void write_output(const char *path, const struct hn_array *array)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(array->data, sizeof(float), array->n, file) != array->n)
        die("an output cannot be written", NULL);
    fclose(file);
}

static json_t *answer(struct hn_prediction *run, const struct hn_predictor_about *about,
                      const json_t *request)
{
    static struct hn_array arrays[INPUTS_MAX];
    const struct hn_array *in[INPUTS_MAX];
    struct hn_array out[OUTPUTS_MAX];
    struct hn_error err;
    const json_t *inputs = json_object_get(request, "inputs");
    for (size_t i = 0; i < about->n_inputs; i++) {
        const json_t *of = json_object_get(inputs, about->inputs[i].name);
        if (!of) die("an input is missing", NULL);
        free(arrays[i].data);
        read_input(of, &arrays[i]);
        in[i] = &arrays[i];
    }
    const json_int_t runs = json_integer_value(json_object_get(request, "runs"));
    json_t *seconds = json_array();
    for (json_int_t r = -1; r < runs; r++) { /* the first one warms up */
        const uint64_t start = hn_clock_ns();
        if (hn_prediction_run(run, in, NULL, out, &err) < 0) die("running", &err);
        if (r >= 0)
            json_array_append_new(seconds, json_real(hn_clock_seconds(start, hn_clock_ns())));
    }
    const char *path = json_string_value(json_object_get(request, "out"));
    if (path) write_output(path, &out[0]);
    return json_pack("{s:o}", "seconds", seconds);
}

static void say(json_t *line)
{
    json_dumpf(line, stdout, JSON_COMPACT);
    printf("\n");
    fflush(stdout);
    json_decref(line);
}

int main(int argc, char **argv)
{
    struct hn_error err;
    struct hn_predictor *model;
    struct hn_prediction *run;
    struct hn_pool *pool;
    if (argc != 3) die("usage: runner MODEL THREADS", NULL);
    if (hn_pool_create((unsigned)atoi(argv[2]), &pool, &err) < 0) die("threads", &err);
    const struct hn_predictor_options options = {.cpu = getenv("HENCE_CPU")};
    const size_t before = resident();
    const uint64_t start = hn_clock_ns();
    if (hn_predictor_open(argv[1], &options, &model, &err) < 0) die("loading", &err);
    if (hn_prediction_begin(model, pool, &run, &err) < 0) die("loading", &err);
    const double seconds = hn_clock_seconds(start, hn_clock_ns());
    const struct hn_predictor_about *about = hn_predictor_about(model);
    if (about->n_inputs > INPUTS_MAX || about->n_outputs > OUTPUTS_MAX) die("many ports", NULL);
    say(json_pack("{s:f, s:I, s:I}", "seconds", seconds, "rss", (json_int_t)(resident() - before),
                  "bytes", (json_int_t)about->bytes));
    json_t *request;
    while ((request = json_loadf(stdin, JSON_DISABLE_EOF_CHECK, NULL))) {
        say(answer(run, about, request));
        json_decref(request);
    }
    hn_prediction_end(run);
    hn_predictor_close(model);
    hn_pool_destroy(pool);
    return 0;
}
