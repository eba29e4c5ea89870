/* Language models: opening one, and its vocabulary.
 *
 * A model belongs to one thread at a time: calls on the same model must not overlap. Different models
 * are independent. A model's own workers are its business. */
#ifndef HENCE_MODEL_H
#define HENCE_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "hence/error.h"

#ifdef __cplusplus
extern "C" {
#endif

struct hence_model;

/* How to open a model. Fill with hence_model_params_init, then change what matters. */
struct hence_model_params {
    size_t struct_size;  /* set by hence_model_params_init; lets the library grow the struct */
    unsigned threads;    /* 0: as many as the process may run on */
    size_t context;      /* tokens of the longest text; 0: the model's own, or what fits */
    size_t sequences;    /* requests that run at once; 1 at least */
    size_t batch;        /* tokens of prompts read in one step; 0: 512 */
    const char *kv_type; /* of cached keys and values: "f16", "bf16", "f32", "q8_0" */
};
HENCE_API void hence_model_params_init(struct hence_model_params *params);

/* Opens a GGUF file (any part of a split one) or a Hugging Face directory. What it will take is checked
 * against the machine's free memory before anything large is allocated (HENCE_E_LIMIT). `params` may
 * be NULL. Close with hence_model_close. */
HENCE_API int hence_model_open(const char *path, const struct hence_model_params *params,
                               struct hence_model **out, struct hence_error *err);
/* Requests that are not done are dropped without a call. NULL is fine. */
HENCE_API void hence_model_close(struct hence_model *model);

/* Tokens of the longest text: prompt and answer together. */
HENCE_API size_t hence_model_context(const struct hence_model *model);
/* Token ids go from 0 to this, exclusive. */
HENCE_API size_t hence_model_vocabulary(const struct hence_model *model);

/* Flags of hence_tokenize and hence_detokenize. */
enum {
    HENCE_ADD_SPECIAL = 1,   /* put the tokens around the text that the model wants there */
    HENCE_PARSE_SPECIAL = 2, /* the text of a control token becomes that token: for templates, not
                                for text from outside */
    HENCE_SHOW_SPECIAL = 4   /* detokenizing: control tokens appear as their text */
};

/* Writes up to `max` ids of a text of n bytes, and to *n_ids how many there are; HENCE_E_LIMIT when
 * that is more. `ids` may be NULL when max is 0. */
HENCE_API int hence_tokenize(const struct hence_model *model, const char *text, size_t n,
                             unsigned flags, int32_t *ids, size_t max, size_t *n_ids,
                             struct hence_error *err);

/* Writes up to `max` bytes of the text of n ids, no NUL, and to *n_text how many there are;
 * HENCE_E_LIMIT when that is more. HENCE_E_ARG: an id that is none. */
HENCE_API int hence_detokenize(const struct hence_model *model, const int32_t *ids, size_t n,
                               unsigned flags, char *text, size_t max, size_t *n_text,
                               struct hence_error *err);

#ifdef __cplusplus
}
#endif

#endif
