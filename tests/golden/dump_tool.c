/* dump_tool MODEL IDS.npy OUTDIR: the forward's activations, one OUTDIR/NAME.npy each, for
 * compare.py. The whole prompt is one step. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "formats/npy.h"
#include "model/decoder.h"
#include "model/open.h"

enum { MAX_TOKENS = 512 };

static void check(enum hn_status status, const struct hn_error *err)
{
    if (status >= 0) return;
    fprintf(stderr, "%s\n", err->text);
    exit(EXIT_FAILURE);
}

static void dump(void *ctx, const char *name, const float *x, size_t n, size_t cols, size_t ld)
{
    char path[1000];
    struct hn_buf buf = {0};
    struct hn_error err;
    const size_t shape[] = {n, cols};
    check(hn_npy_header(&buf, "<f4", shape, 2), &err);
    for (size_t i = 0; i < n; i++)
        check(hn_buf_add(&buf, x + i * ld, cols * sizeof *x), &err);
    snprintf(path, sizeof path, "%s/%s.npy", (const char *)ctx, name);
    check(hn_file_write(path, buf.p, buf.n, &err), &err);
    hn_buf_free(&buf);
}

static size_t read_ids(const char *path, int32_t ids[MAX_TOKENS])
{
    struct hn_buf bytes = {0};
    struct hn_npy array;
    struct hn_error err;
    check(hn_file_read(path, 1 << 20, &bytes, &err), &err);
    check(hn_npy_parse(hn_buf_view(&bytes), path, &array, &err), &err);
    if (array.kind != 'i' || array.item_bytes != 4 || array.n > MAX_TOKENS) exit(EXIT_FAILURE);
    memcpy(ids, array.data, array.n * sizeof *ids);
    hn_buf_free(&bytes);
    return array.n;
}

int main(int argc, char **argv)
{
    struct hn_error err;
    struct hn_gguf *file;
    struct hn_config config;
    struct hn_plan plan;
    struct hn_backend *backend;
    struct hn_decoder *decoder;
    enum hn_cpu_level level;
    int32_t ids[MAX_TOKENS], wanted[MAX_TOKENS];
    if (argc != 4) {
        fprintf(stderr, "usage: dump_tool MODEL IDS.npy OUTDIR\n");
        return EXIT_FAILURE;
    }
    const size_t n = read_ids(argv[2], ids);
    struct hn_plan_options options = hn_plan_defaults();
    options.kv_type = HN_KV_F32;
    check(hn_model_open(argv[1], &file, &err), &err);
    check(hn_config_read(file, &config, &err), &err);
    check(hn_plan_make(&config, file, NULL, &options, &plan, &err), &err);
    check(hn_cpu_choose(getenv("HENCE_CPU"), &level, &err), &err);
    check(hn_cpu_backend_create(2, level, &backend, &err), &err);
    check(hn_decoder_load(file, &config, &plan, backend, NULL, &decoder, &err), &err);
    hn_decoder_tap(decoder, dump, argv[3]);

    int32_t pages[MAX_TOKENS / HN_KV_PAGE];
    for (int32_t i = 0; i < MAX_TOKENS / HN_KV_PAGE; i++)
        pages[i] = i;
    for (size_t i = 0; i < n; i++)
        wanted[i] = (int32_t)i;
    const struct hn_span span = {.n = n, .pages = pages};
    float *logits = calloc(n * config.n_vocab, sizeof *logits);
    if (!logits) return EXIT_FAILURE;
    hn_decoder_forward(decoder, &(struct hn_batch){.tokens = ids,
                                                   .n = n,
                                                   .spans = &span,
                                                   .n_spans = 1,
                                                   .wanted = wanted,
                                                   .n_wanted = n,
                                                   .logits = logits});
    free(logits);
    hn_decoder_destroy(decoder);
    hn_backend_destroy(backend);
    hn_gguf_close(file);
    return EXIT_SUCCESS;
}
