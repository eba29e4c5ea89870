/* A decoder ready to run: weights packed by the backend, memory allocated. */
#ifndef HN_MODEL_DECODER_H
#define HN_MODEL_DECODER_H

#include "backend/backend.h"
#include "model/config.h"
#include "model/decoder_weights.h"
#include "model/plan.h"

struct hn_decoder;

/* Loads by the plan. `file` must outlive the decoder (embeddings stay mapped); so must `backend`.
 * Errors name the tensor that is missing or has the wrong shape. `progress` may be NULL. */
enum hn_status hn_decoder_load(const struct hn_gguf *file, const struct hn_config *config,
                               const struct hn_plan *plan, struct hn_backend *backend,
                               const struct hn_load_progress *progress, struct hn_decoder **out,
                               struct hn_error *err);
void hn_decoder_destroy(struct hn_decoder *decoder);

/* What it was loaded with; they stay the decoder's, or its creator's. */
const struct hn_config *hn_decoder_config(const struct hn_decoder *decoder);
const struct hn_plan *hn_decoder_plan(const struct hn_decoder *decoder);
struct hn_backend *hn_decoder_backend(const struct hn_decoder *decoder);
/* KV pages there are, numbered from 0: those of the plan's pool. */
size_t hn_decoder_pages(const struct hn_decoder *decoder);

/* One step of several sequences. Rows are tokens; the rows of one sequence stand together, their
 * positions follow one another. */
struct hn_batch {
    const int32_t *tokens; /* [n], each below the vocabulary's size */
    size_t n;              /* at most the plan's batch */
    const struct hn_span *spans;
    size_t n_spans;
    const int32_t *wanted; /* rows whose logits are wanted, ascending; may be NULL when none */
    size_t n_wanted;
    float *logits; /* [n_wanted][vocabulary], owned by the caller */
};

/* Runs the batch: writes keys and values into the pages of its spans, and the wanted logits. Cannot
 * fail, allocates nothing. A result depends on its sequence's tokens alone. */
void hn_decoder_forward(struct hn_decoder *decoder, const struct hn_batch *batch);

/* NULL turns tracing off. */
void hn_decoder_trace(struct hn_decoder *decoder, const struct hn_trace *trace);

/* For tests and comparisons: called with every named activation of a forward, in order; x has n
 * rows of `cols`, `ld` apart. Names as in tests/golden/README.md. NULL turns it off. */
typedef void hn_tap_fn(void *ctx, const char *name, const float *x, size_t n, size_t cols,
                       size_t ld);
void hn_decoder_tap(struct hn_decoder *decoder, hn_tap_fn *fn, void *ctx);

#endif
