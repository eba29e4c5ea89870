/* Runs tests of ONNX's backend suite: onnx_backend [-t THREADS] [--json] [--match TEXT] FOLDER...
 * onnx_backend --operators prints the table of operators instead.
 * A folder is a test (model.onnx, test_data_set_N/input_M.pb, output_M.pb) or holds such. Each runs in a child
 * process, so that a crash is a failure and not the end. Prints a line per test, ok or FAILED with the
 * reason (with --json an object per line), and a line of counts; exit status 1 when any failed.
 * Results are compared as ONNX's own runner does: shape and type equal, numbers within a relative 1e-3 and
 * an absolute 1e-7, NaN equal to NaN, everything else equal. */
#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "formats/onnx_wire.h"
#include "model/graph/graph.h"
#include "model/graph/op_list.h"
#include "tensor/element.h"

enum { MAX_VALUES = 64, SECONDS = 60 };

static const double RTOL = 1e-3, ATOL = 1e-7;

struct options {
    unsigned threads;
    bool json;
    const char *match;
};

static const char *__attribute__((format(printf, 2, 3))) join(char *path, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(path, PATH_MAX, fmt, args);
    va_end(args);
    return path;
}

/* Everything a test reads lives until its process ends. */

static enum hn_status read_tensor(struct hn_str bytes, const char *path, struct hn_value *out,
                                  struct hn_error *err)
{
    struct hn_onnx *file;
    HN_TRY(hn_onnx_parse_tensor(bytes, path, &file, err));
    *out = (struct hn_value){.kind = HN_VALUE_TENSOR, .array = file->graph.tensors[0].array};
    return HN_OK;
}

static enum hn_status read_sequence(struct hn_str bytes, const char *path, struct hn_value *out,
                                    struct hn_error *err);

/* OptionalProto: tensor_value 3, sequence_value 5, optional_value 7. */
static enum hn_status read_optional(struct hn_str bytes, const char *path, struct hn_value *out,
                                    struct hn_error *err)
{
    struct hn_wire_field field;
    *out = (struct hn_value){.kind = HN_VALUE_NONE};
    while (hn_wire_next(&bytes, &field)) {
        if (field.id == 3) return read_tensor(field.bytes, path, out, err);
        if (field.id == 5) return read_sequence(field.bytes, path, out, err);
        if (field.id == 7) return read_optional(field.bytes, path, out, err);
    }
    return HN_OK;
}

/* SequenceProto: tensor_values 3, sequence_values 5, optional_values 7. */
static enum hn_status read_sequence(struct hn_str bytes, const char *path, struct hn_value *out,
                                    struct hn_error *err)
{
    struct hn_value *items = calloc(bytes.n + 1, sizeof *items);
    struct hn_wire_field field;
    *out = (struct hn_value){.kind = HN_VALUE_SEQUENCE, .items = items};
    if (!items) return hn_fail_nomem(err, path, bytes.n);
    while (hn_wire_next(&bytes, &field)) {
        struct hn_value *item = &items[out->n];
        if (field.id == 3) HN_TRY(read_tensor(field.bytes, path, item, err));
        else if (field.id == 5) HN_TRY(read_sequence(field.bytes, path, item, err));
        else if (field.id == 7) HN_TRY(read_optional(field.bytes, path, item, err));
        else continue;
        out->n++;
    }
    if (out->n) out->array.type = items[0].array.type;
    return HN_OK;
}

/* HN_E_NOTFOUND when there is no such file. */
static enum hn_status read_value(const char *path, const struct hn_onnx_type *type,
                                 struct hn_value *out, struct hn_error *err)
{
    struct hn_buf bytes = {0};
    HN_TRY(hn_file_read(path, (size_t)1 << 31, &bytes, err));
    const struct hn_str view = hn_buf_view(&bytes);
    if (type->kind == HN_ONNX_IS_SEQUENCE) return read_sequence(view, path, out, err);
    if (type->kind == HN_ONNX_IS_OPTIONAL) return read_optional(view, path, out, err);
    return read_tensor(view, path, out, err);
}

/* --- comparing --- */

static bool near(double got, double want)
{
    if (isnan(got) || isnan(want)) return isnan(got) && isnan(want);
    if (isinf(got) || isinf(want)) return got == want;
    return fabs(got - want) <= ATOL + RTOL * fabs(want);
}

static enum hn_status compare_complex(const struct hn_array *got, const struct hn_array *want,
                                      struct hn_error *err)
{
    struct hn_array a = *got, b = *want;
    a.type = b.type = got->type == HN_EL_C64 ? HN_EL_F32 : HN_EL_F64;
    for (size_t i = 0; i < 2 * got->n; i++)
        if (!near(hn_array_real(&a, i), hn_array_real(&b, i)))
            return hn_fail(err, HN_E_ARG, "[%zu] is %g, not %g", i / 2, hn_array_real(&a, i),
                           hn_array_real(&b, i));
    return HN_OK;
}

static enum hn_status compare_elements(const struct hn_array *got, const struct hn_array *want,
                                       struct hn_error *err)
{
    if (got->type == HN_EL_C64 || got->type == HN_EL_C128) return compare_complex(got, want, err);
    for (size_t i = 0; i < got->n; i++) {
        if (got->type == HN_EL_STRING) {
            const struct hn_str a = ((const struct hn_str *)got->data)[i];
            const struct hn_str b = ((const struct hn_str *)want->data)[i];
            if (hn_str_eq(a, b)) continue;
            return hn_fail(err, HN_E_ARG, "[%zu] is '%.*s', not '%.*s'", i, HN_FMT(a), HN_FMT(b));
        }
        if (hn_element_is_float(got->type)) {
            const double a = hn_array_real(got, i), b = hn_array_real(want, i);
            if (near(a, b)) continue;
            return hn_fail(err, HN_E_ARG, "[%zu] is %.9g, not %.9g", i, a, b);
        }
        const int64_t a = hn_array_integer(got, i), b = hn_array_integer(want, i);
        if (!near((double)a, (double)b))
            return hn_fail(err, HN_E_ARG, "[%zu] is %lld, not %lld", i, (long long)a, (long long)b);
    }
    return HN_OK;
}

static enum hn_status compare(const struct hn_value *got, const struct hn_value *want,
                              struct hn_error *err)
{
    if (got->kind != want->kind)
        return hn_fail(err, HN_E_ARG, "kind %d, not %d", got->kind, want->kind);
    if (got->kind == HN_VALUE_NONE) return HN_OK;
    if (got->kind == HN_VALUE_SEQUENCE) {
        if (got->n != want->n)
            return hn_fail(err, HN_E_ARG, "a sequence of %zu, not %zu", got->n, want->n);
        for (size_t i = 0; i < got->n; i++) {
            const enum hn_status status = compare(&got->items[i], &want->items[i], err);
            if (status < 0) return hn_fail_in(err, status, "item %zu", i);
        }
        return HN_OK;
    }
    const struct hn_array *a = &got->array, *b = &want->array;
    char is[100], wants[100];
    if (a->type != b->type)
        return hn_fail(err, HN_E_ARG, "type %s, not %s", hn_element_info(a->type)->name,
                       hn_element_info(b->type)->name);
    if (a->n_dims != b->n_dims || memcmp(a->shape, b->shape, a->n_dims * sizeof *a->shape) != 0)
        return hn_fail(err, HN_E_ARG, "shape %s, not %s",
                       hn_shape_text(a->shape, a->n_dims, is, sizeof is),
                       hn_shape_text(b->shape, b->n_dims, wants, sizeof wants));
    return compare_elements(a, b, err);
}

/* --- one test --- */

static enum hn_status run_set(struct hn_graph *graph, struct hn_run *run, const char *folder,
                              struct hn_error *err)
{
    struct hn_value in[MAX_VALUES] = {0}, out[MAX_VALUES] = {0}, want;
    char path[PATH_MAX];
    const size_t n_in = hn_graph_inputs(graph), n_out = hn_graph_outputs(graph);
    if (n_in > MAX_VALUES || n_out > MAX_VALUES) return hn_fail(err, HN_E_LIMIT, "too many values");
    for (size_t i = 0; i < n_in; i++) {
        (void)join(path, "%s/input_%zu.pb", folder, i);
        const enum hn_status status =
            read_value(path, &hn_graph_input(graph, i)->type, &in[i], err);
        if (status < 0 && status != HN_E_NOTFOUND) return status;
    }
    /* Twice: the second run has the memory of the first. */
    for (int round = 0; round < 2; round++) {
        HN_TRY(hn_run_go(run, in, out, NULL, err));
        for (size_t i = 0; i < n_out; i++) {
            (void)join(path, "%s/output_%zu.pb", folder, i);
            HN_TRY(read_value(path, &hn_graph_output(graph, i)->type, &want, err));
            const enum hn_status status = compare(&out[i], &want, err);
            if (status < 0) return hn_fail_in(err, status, "output %zu", i);
        }
    }
    return HN_OK;
}

static enum hn_status run_test(const char *folder, const struct options *options,
                               struct hn_error *err)
{
    char path[PATH_MAX];
    struct hn_graph *graph;
    struct hn_run *run = NULL;
    struct hn_pool *pool = NULL;
    const struct hn_predictor_options how = {.cpu = getenv("HENCE_CPU")};
    (void)join(path, "%s/model.onnx", folder);
    HN_TRY(hn_graph_open(path, &how, &graph, err));
    enum hn_status status = HN_OK;
    if (options->threads > 1) status = hn_pool_create(options->threads, &pool, err);
    if (status >= 0) status = hn_run_create(graph, pool, &run, err);
    for (int set = 0; status >= 0; set++) {
        struct stat st;
        (void)join(path, "%s/test_data_set_%d", folder, set);
        if (stat(path, &st) < 0) {
            if (set == 0) status = hn_fail(err, HN_E_NOTFOUND, "it has no data");
            break;
        }
        status = run_set(graph, run, path, err);
    }
    hn_run_destroy(run);
    hn_pool_destroy(pool);
    hn_graph_close(graph);
    return status;
}

/* The reason of a failure comes back through a pipe. False when it failed. */
static bool run_child(const char *folder, const struct options *options, struct hn_error *err)
{
    int ends[2];
    if (pipe(ends) < 0) return (void)hn_fail(err, HN_E_IO, "no pipe"), false;
    (void)fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit time = {SECONDS, SECONDS + 5};
        (void)setrlimit(RLIMIT_CPU, &time);
        struct hn_error why = {0};
        const enum hn_status status = run_test(folder, options, &why);
        const ssize_t written = status < 0 ? write(ends[1], why.text, strlen(why.text) + 1) : 0;
        _exit(status < 0 || written < 0);
    }
    (void)close(ends[1]);
    size_t n = 0;
    for (ssize_t got; n < sizeof err->text - 1; n += (size_t)got)
        if ((got = read(ends[0], err->text + n, sizeof err->text - 1 - n)) <= 0) break;
    err->text[n] = '\0';
    (void)close(ends[0]);
    int how = 0;
    if (child < 0 || waitpid(child, &how, 0) < 0)
        return (void)hn_fail(err, HN_E_IO, "no child"), false;
    if (WIFSIGNALED(how)) (void)hn_fail(err, HN_E_INTERNAL, "CRASHED: signal %d", WTERMSIG(how));
    else if (WEXITSTATUS(how) && n == 0)
        (void)hn_fail(err, HN_E_INTERNAL, "CRASHED: exit status %d", WEXITSTATUS(how));
    return how == 0;
}

static void print_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') (void)putchar('\\');
        (void)putchar(*text);
    }
}

/* The operators that its graph lists, those of graphs in it and of functions aside. */
static void print_operators(const char *folder)
{
    char path[PATH_MAX];
    struct hn_onnx *file;
    struct hn_error err;
    if (hn_onnx_open(join(path, "%s/model.onnx", folder), &file, &err) < 0) return;
    for (size_t i = 0; i < file->graph.n_nodes; i++) {
        const struct hn_onnx_node *node = &file->graph.nodes[i];
        printf("%s\"%.*s%s%.*s\"", i ? ", " : "", HN_FMT(node->domain), node->domain.n ? "." : "",
               HN_FMT(node->op));
    }
    hn_onnx_close(file);
}

/* The table, one row a line. */
static void print_rows(void)
{
    size_t n;
    const struct hn_op_row *rows = hn_op_rows(&n);
    for (size_t i = 0; i < n; i++)
        printf("{\"operator\": \"%s%s%s\", \"since\": %d}\n", rows[i].domain,
               rows[i].domain[0] ? "." : "", rows[i].name, rows[i].since);
}

static void report(const char *folder, const char *name, bool good, const char *why, bool json)
{
    if (!json) {
        if (good) printf("ok %s\n", name);
        else printf("FAILED %s: %s\n", name, why);
        return;
    }
    printf("{\"test\": \"%s\", \"passed\": %s, \"reason\": \"", name, good ? "true" : "false");
    print_text(good ? "" : why);
    printf("\", \"operators\": [");
    print_operators(folder);
    printf("]}\n");
}

/* --- all of them --- */

static int is_test(const struct dirent *entry)
{
    return strncmp(entry->d_name, "test_", 5) == 0;
}

static bool has_model(const char *folder)
{
    char path[PATH_MAX];
    struct stat st;
    (void)join(path, "%s/model.onnx", folder);
    return stat(path, &st) == 0;
}

static void run_one(const char *folder, const struct options *options, size_t *passed,
                    size_t *failed)
{
    const char *slash = strrchr(folder, '/');
    const char *name = slash ? slash + 1 : folder;
    if (options->match && !strstr(name, options->match)) return;
    struct hn_error err = {0};
    const bool good = run_child(folder, options, &err);
    ++*(good ? passed : failed);
    report(folder, name, good, err.text, options->json);
}

static void run_folder(const char *folder, const struct options *options, size_t *passed,
                       size_t *failed)
{
    struct dirent **entries;
    if (has_model(folder)) {
        run_one(folder, options, passed, failed);
        return;
    }
    const int n = scandir(folder, &entries, is_test, alphasort);
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        (void)join(path, "%s/%s", folder, entries[i]->d_name);
        free(entries[i]);
        if (has_model(path)) run_one(path, options, passed, failed);
    }
    if (n >= 0) free(entries);
}

int main(int argc, char **argv)
{
    struct options options = {.threads = 1};
    size_t passed = 0, failed = 0;
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--operators") == 0) return print_rows(), 0;
        if (strcmp(argv[i], "--json") == 0) options.json = true;
        else if (strcmp(argv[i], "-t") == 0 && i + 1 < argc)
            options.threads = (unsigned)atoi(argv[++i]);
        else if (strcmp(argv[i], "--match") == 0 && i + 1 < argc) options.match = argv[++i];
        else break;
    }
    if (i == argc || argv[i][0] == '-') {
        fprintf(stderr, "usage: onnx_backend [-t THREADS] [--json] [--match TEXT] FOLDER...\n");
        return 2;
    }
    for (; i < argc; i++)
        run_folder(argv[i], &options, &passed, &failed);
    printf(options.json ? "{\"passed\": %zu, \"failed\": %zu}\n" : "%zu passed, %zu failed\n",
           passed, failed);
    return failed != 0;
}
