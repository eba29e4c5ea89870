/* Hugging Face directories of encoders, with what sentence-transformers puts beside them. */
#ifndef HN_MODEL_HF_ENCODER_H
#define HN_MODEL_HF_ENCODER_H

#include "base/json.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"

struct hn_hf_texts;

/* Whether a config.json is of an encoder. */
bool hn_hf_encoder_is(const json_t *config);

/* The folder beside modules.json of the `which`-th module whose class ends in `kind`; empty when there is
 * none. A view of `modules`. */
struct hn_str hn_hf_module_folder(const json_t *modules, struct hn_str kind, size_t which);

/* Adds to a decoder's g what modules.json says of it as one that embeds texts. */
enum hn_status hn_hf_decoder_modules(const json_t *config, const char *arch,
                                     const struct hn_hf_texts *texts, const char *name,
                                     struct hn_gguf *g, struct hn_error *err);

/* Adds the keys and tensors of an encoder to g. `name` is the directory's, for errors. Besides GGUF's
 * keys there may be ARCH.hidden_activation (as config.json names it), ARCH.classifier.activation (in a head of
 * two layers) and .pooling, embedding.pooling ("cls+mean"), embedding.dense_N.activation, embedding.lowercase,
 * embedding.prompt.NAME and embedding.default_prompt. */
enum hn_status hn_hf_encoder_translate(const json_t *config, const struct hn_hf_texts *texts,
                                       const struct hn_safetensors *st, const char *name,
                                       struct hn_gguf *g, struct hn_error *err);

#endif
