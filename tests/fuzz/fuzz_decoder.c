/* A model file all the way: configuration, plan, packed weights, and two steps of two sequences. */
#include "fuzz.h"

#include <stdlib.h>

#include "base/bits.h"
#include "model/decoder.h"

enum { BATCH = 8, STEPS = 2, MAX_CONTEXT = 128, MAX_BYTES = 32 << 20 };

/* Both sequences put in as many tokens as the context allows, up to half a batch. */
static void forward(struct hn_decoder *decoder, float *logits)
{
    const struct hn_plan *plan = hn_decoder_plan(decoder);
    const size_t n = hn_min(BATCH / 2, plan->context / STEPS);
    const int32_t pages[2][2] = {{0, 1}, {2, 3}};
    const int32_t near[2][1] = {{0}, {1}};
    const bool one_page = hn_decoder_pages(decoder) < 4;
    int32_t tokens[BATCH];
    for (size_t i = 0; i < BATCH; i++)
        tokens[i] = (int32_t)(i % hn_decoder_config(decoder)->n_vocab);
    for (size_t step = 0; step < STEPS && n; step++) {
        const struct hn_span spans[2] = {
            {0, n, step * n, one_page ? near[0] : pages[0]},
            {n, n, step * n, one_page ? near[1] : pages[1]},
        };
        const int32_t wanted[2] = {(int32_t)n - 1, (int32_t)(2 * n) - 1};
        hn_decoder_forward(decoder, &(struct hn_batch){tokens, 2 * n, spans, 2, wanted, 2, logits});
    }
}

static void run(const struct hn_gguf *file, const struct hn_config *config,
                const struct hn_plan *plan)
{
    struct hn_backend *backend;
    struct hn_decoder *decoder;
    struct hn_error err;
    const size_t bytes = 2 * config->n_vocab * sizeof(float);
    if (hn_cpu_backend_create(1, hn_cpu_detect(), &backend, &err) < 0) return;
    if (hn_decoder_load(file, config, plan, backend, NULL, &decoder, &err) == HN_OK) {
        float *logits = malloc(bytes);
        if (logits) forward(decoder, logits);
        if (logits) fuzz_touch(logits, bytes);
        free(logits);
        hn_decoder_destroy(decoder);
    }
    hn_backend_destroy(backend);
}

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_gguf *file;
    struct hn_config config;
    struct hn_plan plan;
    struct hn_error err;
    struct hn_plan_options options = {.sequences = 2, .batch = BATCH, .kv_type = HN_KV_F16};
    if (hn_gguf_parse(data, n, "input", &file, &err) < 0) return;
    if (hn_config_read(file, &config, &err) == HN_OK) {
        options.context = hn_min(config.n_context, MAX_CONTEXT);
        if (n % 2 && config.dim_k % 32 == 0 && config.dim_v % 32 == 0) options.kv_type = HN_KV_Q8_0;
        if (hn_plan_make(&config, file, NULL, &options, &plan, &err) == HN_OK &&
            plan.total_bytes <= MAX_BYTES)
            run(file, &config, &plan);
    }
    hn_gguf_close(file);
}
