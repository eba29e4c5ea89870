/* The weights of a Hugging Face directory under GGUF's names and in its forms. */
#ifndef HN_MODEL_HF_TENSORS_H
#define HN_MODEL_HF_TENSORS_H

#include "base/status.h"
#include "formats/gguf.h"
#include "formats/safetensors.h"
#include "model/hf_config.h"

/* Adds every tensor of the language model to g->weights: views of st's data where the form is the
 * same, copies in g's arena where it is not. Tensors of other parts (vision) are left out; one that
 * nothing is known about is an error that names it. `name` is the directory's, for errors. */
enum hn_status hn_hf_translate_tensors(const struct hn_hf_config *config,
                                       const struct hn_safetensors *st, const char *name,
                                       struct hn_gguf *g, struct hn_error *err);

#endif
