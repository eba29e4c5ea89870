/* An encoder with its vocabulary and its prompts: texts and pairs of texts to what an encoding takes. */
#ifndef HN_MODEL_EMBEDDER_H
#define HN_MODEL_EMBEDDER_H

#include "model/encoder.h"
#include "text/tokenizer.h"

struct hn_embedder_options {
    const char *path; /* a GGUF file or a Hugging Face directory */
    const char *name; /* in errors; NULL: the path */
    unsigned threads; /* of the backend; 0: as many as the process may run on */
    const char *cpu;  /* lowers the instruction set; NULL: the best */
    const struct hn_load_progress *progress; /* or NULL */
};

/* Immutable once it is open. */
struct hn_embedder {
    struct hn_gguf *file;
    struct hn_tokenizer *tokenizer;
    struct hn_backend *backend; /* that the weights were packed with */
    struct hn_encoder *encoder;
    struct hn_encoder_config config;
    enum hn_cpu_level level;
    double load_s;
};

/* On failure everything is closed. */
enum hn_status hn_embedder_open(const struct hn_embedder_options *options, struct hn_embedder *out,
                                struct hn_error *err);
void hn_embedder_close(struct hn_embedder *e); /* a zeroed one is fine */

/* The text that the model wants in front of others, by its name ("query"; NULL: the model's default,
 * often none), from the metadata (key embedding.prompt.NAME). HN_E_NOTFOUND lists the names. */
enum hn_status hn_embedder_prompt(const struct hn_embedder *e, const char *name, struct hn_str *out,
                                  struct hn_error *err);

/* The same by what the texts are meant for ("query", "document", "search_query", "passage"): the prompt of
 * that name or one of the same meaning, else the model's default. */
enum hn_status hn_embedder_hint(const struct hn_embedder *e, struct hn_str hint, struct hn_str *out,
                                struct hn_error *err);

/* Appends the tokens of prefix and text, with those that the model wants around them. A text that is
 * too long is HN_E_CONTEXT, or, with `truncate`, cut at its end. */
enum hn_status hn_embedder_tokens(const struct hn_embedder *e, struct hn_str prefix,
                                  struct hn_str text, bool truncate, struct hn_tokens *out,
                                  struct hn_error *err);

struct hn_pair_limits {
    bool truncate; /* a document that is too long is cut, not an error */
    size_t
        document; /* tokens of a document, which is cut to them; 0: as many as there is room for */
};

/* The same of a query and a document; *n_first tokens are of the query's type. It is the document that is
 * cut. */
enum hn_status hn_embedder_pair(const struct hn_embedder *e, struct hn_str query,
                                struct hn_str document, const struct hn_pair_limits *limits,
                                struct hn_tokens *out, size_t *n_first, struct hn_error *err);

/* Whether the head's labels can rank pairs: one label, or two. HN_E_UNSUPPORTED says why not. */
enum hn_status hn_embedder_ranks(const struct hn_embedder *e, struct hn_error *err);

#endif
