/* A model's vocabulary from its metadata. */
#ifndef HN_MODEL_VOCAB_LOAD_H
#define HN_MODEL_VOCAB_LOAD_H

#include "base/arena.h"
#include "tensor/meta.h"
#include "text/tokenizer.h"

/* Reads the keys tokenizer.ggml.*. The description points into the metadata and the arena. Errors
 * name the key. HN_E_NOTFOUND: the file has no vocabulary. */
enum hn_status hn_vocab_from_meta(const struct hn_meta *meta, struct hn_arena *arena,
                                  struct hn_vocab_spec *out, struct hn_error *err);

/* The tokenizer of a model: from its metadata, or, where that has none and `folder` is not empty,
 * from folder/tokenizer.json, or vocab.txt where there is none, and tokenizer_config.json. */
enum hn_status hn_tokenizer_load(const struct hn_meta *meta, struct hn_str folder,
                                 struct hn_tokenizer **out, struct hn_error *err);

#endif
