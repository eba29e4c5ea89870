/* A model file all the way: an encoder's configuration, packed weights, and three texts together. */
#include "fuzz.h"

#include <stdlib.h>

#include "base/bits.h"
#include "model/encoder.h"

enum {
    MAX_BYTES = 32 << 20,
    MAX_CONTEXT = 1 << 10,
    MAX_VOCAB = 1 << 16,
    MAX_FLOATS = 1 << 20,
    MAX_EXPERTS = 4
};

static void run(const struct hn_encoder *encoder, struct hn_backend *backend)
{
    const struct hn_encoder_config *c = hn_encoder_config(encoder);
    struct hn_encoding *run;
    struct hn_error err;
    const size_t lengths[] = {1, hn_min(c->n_context, 3), hn_min(c->n_context, 70)};
    const size_t each = hn_encode_floats(c, c->pooling, 70);
    int32_t tokens[70];
    if (each > MAX_FLOATS || hn_encoding_begin(encoder, backend, &run, &err) < 0) return;
    for (size_t i = 0; i < HN_COUNT(tokens); i++)
        tokens[i] = (int32_t)(i % c->n_vocab);
    float *out = calloc(3 * each, sizeof *out);
    struct hn_encode_item items[3];
    for (size_t i = 0; out && i < 3; i++)
        items[i] = (struct hn_encode_item){tokens, lengths[i], 1, out + i * each};
    if (out && hn_encoding_run(run, c->pooling, items, 3, &err) == HN_OK)
        fuzz_touch(out, 3 * each * sizeof *out);
    free(out);
    hn_encoding_end(run);
}

void fuzz_one(const uint8_t *data, size_t n)
{
    struct hn_gguf *file;
    struct hn_backend *backend;
    struct hn_encoder *encoder;
    struct hn_encoder_config config;
    struct hn_weights_size size;
    struct hn_error err;
    if (hn_gguf_parse(data, n, "input", &file, &err) < 0) return;
    if (hn_encoder_config_read(file, &config, &err) == HN_OK && config.n_context <= MAX_CONTEXT &&
        config.n_vocab <= MAX_VOCAB && config.n_experts <= MAX_EXPERTS &&
        hn_encoder_measure(file, &config, &hn_cpu_backend_ops, &size, &err) == HN_OK &&
        size.bytes <= MAX_BYTES && config.n_ff <= MAX_CONTEXT && config.n_embd <= MAX_CONTEXT &&
        hn_cpu_backend_create(1, hn_cpu_detect(), &backend, &err) == HN_OK) {
        if (hn_encoder_load(file, &config, backend, NULL, &encoder, &err) == HN_OK) {
            run(encoder, backend);
            hn_encoder_destroy(encoder);
        }
        hn_backend_destroy(backend);
    }
    hn_gguf_close(file);
}
