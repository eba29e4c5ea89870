/* An encoder: texts to vectors, or through its head to a number for each label. The weights are shared
 * by any number of threads, each with an encoding of its own. */
#ifndef HN_MODEL_ENCODER_H
#define HN_MODEL_ENCODER_H

#include "backend/backend.h"
#include "model/binder.h"
#include "model/encoder_config.h"

struct hn_encoder;  /* immutable once it is loaded */
struct hn_encoding; /* memory for running it: one thread's at a time */

/* Bytes of the packed weights. Finds and checks every weight; errors name the tensor. */
enum hn_status hn_encoder_measure(const struct hn_gguf *file,
                                  const struct hn_encoder_config *config,
                                  const struct hn_backend_ops *ops, struct hn_weights_size *out,
                                  struct hn_error *err);

/* Packs the weights with the threads of `backend`, which must outlive the encoder, as must `file`:
 * tables of embeddings stay mapped. HN_E_LIMIT when the machine has not the memory. `progress` may be
 * NULL. */
enum hn_status hn_encoder_load(const struct hn_gguf *file, const struct hn_encoder_config *config,
                               struct hn_backend *backend, const struct hn_load_progress *progress,
                               struct hn_encoder **out, struct hn_error *err);
void hn_encoder_destroy(struct hn_encoder *encoder); /* NULL is fine; no encoding may be left */

const struct hn_encoder_config *hn_encoder_config(const struct hn_encoder *encoder);
size_t hn_encoder_bytes(const struct hn_encoder *encoder); /* of the packed weights */

/* Runs on the threads of `backend`, which must have the kernels that the encoder was loaded with. */
enum hn_status hn_encoding_begin(const struct hn_encoder *encoder, struct hn_backend *backend,
                                 struct hn_encoding **out, struct hn_error *err);
void hn_encoding_end(struct hn_encoding *run); /* NULL is fine */
const struct hn_encoder *hn_encoding_encoder(const struct hn_encoding *run);

/* One text. */
struct hn_encode_item {
    const int32_t *tokens; /* [n], 1 to n_context of them, each below n_vocab */
    size_t n;
    size_t n_first; /* tokens from here on are of the second type, where the model has types */
    float *out;     /* hn_encode_floats() of them */
};

/* What an item's result takes: n_labels, n_out of the model's own pooling, n_embd of another, or
 * n * n_embd without pooling. */
size_t hn_encode_floats(const struct hn_encoder_config *config, enum hn_pooling pooling, size_t n);

/* Computes all items, packed without gaps into as few steps as their tokens need. An item's result is
 * the same bits alone and among others. Another pooling than the model's own is fine, but for
 * HN_POOLING_RANK, which wants the head. Allocates only when an item is longer than all before it.
 * HN_E_ARG, HN_E_CONTEXT name the item that is wrong. */
enum hn_status hn_encoding_run(struct hn_encoding *run, enum hn_pooling pooling,
                               const struct hn_encode_item *items, size_t n, struct hn_error *err);

/* Keeps the first n elements of a vector, of length 1 if `normalise`; one of zeros stays so. */
void hn_embedding_finish(float *vector, size_t n, bool normalise);

/* What a head's numbers say of a pair, from 0 to 1: of one label its logistic function, of two the
 * share of the second. */
float hn_rerank_score(const float *labels, size_t n);

#endif
