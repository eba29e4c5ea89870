/* Small random models in memory, for tests of the forward and of the engine. */
#ifndef HN_TESTS_TINY_MODEL_H
#define HN_TESTS_TINY_MODEL_H

#include "backend/backend.h"
#include "formats/gguf.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

/* Widths are multiples of 32. Any family's tensors without biases; experts where n_experts is set. */
struct tiny_spec {
    const char *arch;
    enum hn_dtype type;                                  /* of matrices */
    uint32_t n_layers, n_embd, n_heads, n_kv_heads, dim; /* dim: of a head */
    uint32_t n_ff, n_vocab, n_context;
    uint32_t window;    /* 0: none */
    uint32_t n_experts; /* 0: dense; two of them are used */
};

/* Two layers, 64 wide, 4/2 heads of 32, 259 words, a context of 1024. */
struct tiny_spec tiny_llama(enum hn_dtype type);

/* The file as a reader would give it. Aborts when out of memory. Close with hn_gguf_close. */
struct hn_gguf *tiny_file(const struct tiny_spec *spec);

/* A file with all that it takes to run it. */
struct tiny_model {
    struct hn_gguf *file;
    struct hn_config config;
    struct hn_backend *backend;
    struct hn_decoder *decoder;
};

/* Loads the spec's model with the kernels of HENCE_CPU; the test fails where that fails. */
void tiny_load(struct tiny_model *model, const struct tiny_spec *spec,
               const struct hn_plan_options *options, unsigned threads);
void tiny_unload(struct tiny_model *model);

/* The vocabulary of all of them: <unk>, <s>, </s>, and from TINY_BYTE on every byte. */
enum { TINY_BYTE = 3 };
struct hn_tokenizer *tiny_tokenizer(void);

/* The model as a file. */
void tiny_write(const struct tiny_spec *spec, const char *path);

#endif
