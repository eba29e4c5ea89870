/* What `hence embed` and `hence rerank` have in common: an encoder, and texts that stand on lines. */
#ifndef HN_CLI_TEXTS_H
#define HN_CLI_TEXTS_H

#include "cli/options.h"
#include "model/embedder.h"

struct hn_texts_options {
    const char *model;
    size_t threads; /* 0: all cores */
    bool truncate;
};

/* Their rows: -m, -t, --truncate, for the struct at offset 0 of the group. */
enum { HN_TEXTS_ITEMS = 3 };
extern const struct hn_opt hn_texts_items[HN_TEXTS_ITEMS];

/* Opens the encoder, with a progress bar while it loads. */
enum hn_status hn_texts_open(const struct hn_texts_options *options, struct hn_embedder *out,
                             struct hn_error *err);

/* Takes the first line off `rest`, without its end; false when there is none. */
bool hn_texts_next(struct hn_str *rest, struct hn_str *line);

/* Tokens of some texts, and what an encoder makes of them. Zero-initialised is empty. */
struct hn_texts_batch {
    struct hn_tokens ids; /* of all, one behind the other */
    struct hn_encode_item *items;
    size_t n, cap;
    size_t n_tokens; /* of all items */
    size_t n_floats; /* of all results */
    float *out;
};

/* Appends the text whose tokens were appended to batch->ids since the last one. */
enum hn_status hn_texts_add(struct hn_texts_batch *batch, const struct hn_encoder_config *config,
                            enum hn_pooling pooling, size_t n_first, struct hn_error *err);
/* Computes them all. */
enum hn_status hn_texts_run(struct hn_texts_batch *batch, struct hn_encoding *run,
                            enum hn_pooling pooling, struct hn_error *err);
void hn_texts_clear(struct hn_texts_batch *batch); /* empty again; its memory stays */
void hn_texts_free(struct hn_texts_batch *batch);

#endif
