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

/* A tensor as it is, its shape in GGUF's order; its name is not set. Floats only. */
enum hn_status hn_hf_view(const struct hn_st_tensor *in, const char *name, struct hn_tensor *out,
                          struct hn_error *err);
/* Turns *t, a view of `in`, into F32 in g's arena, with `plus` added to each element. */
enum hn_status hn_hf_widen(const struct hn_st_tensor *in, const char *name, float plus,
                           struct hn_gguf *g, struct hn_tensor *t, struct hn_error *err);

#endif
