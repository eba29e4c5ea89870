/* What an encoder computes, read from a model's metadata. A family is a row: what its files do not say
 * by keys or by the tensors they have. */
#ifndef HN_MODEL_ENCODER_CONFIG_H
#define HN_MODEL_ENCODER_CONFIG_H

#include "formats/gguf.h"
#include "model/config.h"

enum hn_encoder_flags {
    HN_ENCODER_ROPE = 1,  /* queries and keys are rotated; else positions have embeddings */
    HN_ENCODER_ALIBI = 2, /* scores fall with the distance (Press et al. 2022), to both sides */
};

struct hn_encoder_family {
    const char *arch; /* general.architecture */
    unsigned flags;
    enum hn_glu act;
};

/* How the rows of a text become one vector. The values are GGUF's pooling_type. */
enum hn_pooling {
    HN_POOLING_NONE, /* they do not: a vector for each token */
    HN_POOLING_MEAN,
    HN_POOLING_CLS, /* the first row */
    HN_POOLING_LAST,
    HN_POOLING_RANK, /* the first row, through the head: a number for each label */
    HN_POOLINGS
};
extern const char *const hn_pooling_names[HN_POOLINGS]; /* "none", "mean", ... */

struct hn_encoder_config {
    const struct hn_encoder_family *family;
    size_t n_layers;
    size_t n_embd;
    size_t n_heads;
    size_t dim; /* of one head */
    size_t n_ff;
    size_t n_vocab;
    size_t n_types;   /* rows of token_types.weight; 0: there are none */
    size_t n_context; /* the longest text */
    size_t n_labels;  /* of HN_POOLING_RANK, else 0 */
    float eps;
    float alibi_max; /* of HN_ENCODER_ALIBI: the slopes go from 2^-alibi_max up */
    struct hn_rope_config rope;
    enum hn_pooling pooling;
    bool head_relu; /* between the two layers of the head, in place of tanh */
};

/* NULL: no encoder of that name. */
const struct hn_encoder_family *hn_encoder_family_find(struct hn_str arch);
/* Whether an opened model is an encoder. */
bool hn_encoder_is(const struct hn_gguf *file);

/* Errors as hn_config_read. */
enum hn_status hn_encoder_config_read(const struct hn_gguf *file, struct hn_encoder_config *out,
                                      struct hn_error *err);

/* HN_E_ARG lists the names. */
enum hn_status hn_pooling_from_name(const char *name, enum hn_pooling *out, struct hn_error *err);

#endif
