/* A model's files, through either door. */
#ifndef HN_MODEL_OPEN_H
#define HN_MODEL_OPEN_H

#include "formats/gguf.h"
#include "text/tokenizer.h"

/* Opens a GGUF file (any part of a split one) or a Hugging Face directory as the same tables. Errors
 * name the path; HN_E_UNSUPPORTED: it is a model that predicts or recommends. Close with hn_gguf_close. */
enum hn_status hn_model_open(const char *path, struct hn_gguf **out, struct hn_error *err);

/* Whether what is at a path is an encoder, by a short look; false too when it cannot be read. */
bool hn_model_is_encoder(const char *path);

/* The tokenizer of an opened model, from either door. HN_E_NOTFOUND: it has no vocabulary. */
enum hn_status hn_model_tokenizer(const struct hn_gguf *file, struct hn_tokenizer **out,
                                  struct hn_error *err);

/* The chat template of that name (NULL or empty: the default one), from the metadata; a view.
 * HN_E_NOTFOUND: the model has none. */
enum hn_status hn_model_template(const struct hn_gguf *file, const char *name, struct hn_str *out,
                                 struct hn_error *err);

#endif
