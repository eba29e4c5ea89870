/* What an encoder computes, read from a model's metadata. A family is a row: what its files do not say
 * by keys or by the tensors they have. */
#ifndef HN_MODEL_ENCODER_CONFIG_H
#define HN_MODEL_ENCODER_CONFIG_H

#include "formats/gguf.h"
#include "model/config.h"

enum hn_encoder_flags {
    HN_ENCODER_ROPE = 1,  /* queries and keys are rotated; else positions have embeddings */
    HN_ENCODER_ALIBI = 2, /* scores fall with the distance (Press et al. 2022), to both sides */
    HN_ENCODER_NORM_FIRST = 4, /* norms stand in front of what they were behind, and at the end */
    HN_ENCODER_LOCAL = 8,      /* most layers see a window only, and have a rotation of their own */
    HN_ENCODER_DECODER =
        32, /* a decoder's layers: RMS norms, heads that share keys, and tokens that see
                                * those before them, unless the file says otherwise */
    HN_ENCODER_BUCKETS = 16, /* scores change with the distance, by buckets (Raffel et al. 2020) */
};

struct hn_encoder_family {
    const char *arch; /* general.architecture */
    unsigned flags;
    enum hn_glu act; /* unless the file says another */
};

/* How the rows of a text become one vector. Up to HN_POOLING_RANK the values are GGUF's pooling_type. */
enum hn_pooling {
    HN_POOLING_NONE, /* they do not: a vector for each token */
    HN_POOLING_MEAN,
    HN_POOLING_CLS, /* the first row */
    HN_POOLING_LAST,
    HN_POOLING_RANK, /* through the head: a number for each label */
    HN_POOLING_MAX,
    HN_POOLING_MEAN_SQRT, /* the sum over the root of their number */
    HN_POOLING_WEIGHTED,  /* the mean, the i-th row counting i times */
    HN_POOLING_SEVERAL,   /* the model's own several ones, side by side */
    HN_POOLINGS
};
extern const char *const hn_pooling_names[HN_POOLINGS]; /* "none", "mean", ... */

/* What follows a linear layer behind the pooling. */
enum hn_encoder_act {
    HN_ENCODER_TANH,
    HN_ENCODER_IDENTITY,
    HN_ENCODER_RELU,
    HN_ENCODER_GELU,
    HN_ENCODER_GELU_TANH,
    HN_ENCODER_SILU,
    HN_ENCODER_ACTS
};

enum {
    HN_ENCODER_MAX_POOLS = 6,
    HN_ENCODER_MAX_DENSE = 4,   /* linear layers behind the pooling */
    HN_ENCODER_FIRST_DENSE = 2, /* their tensors are called dense_2, dense_3, ... */
    HN_ENCODER_N_BUCKETS = 32,  /* of HN_ENCODER_BUCKETS */
};

struct hn_encoder_dense {
    size_t rows;
    enum hn_encoder_act act;
};

struct hn_encoder_config {
    const struct hn_encoder_family *family;
    size_t n_layers;
    size_t n_embd;
    size_t n_heads;
    size_t n_kv_heads;
    size_t dim; /* of one head */
    size_t n_ff;
    size_t n_table; /* elements of a row of the embeddings; a matrix makes n_embd of others */
    size_t n_vocab;
    size_t n_experts; /* in layers that have a router; 0: no layer has */
    size_t n_experts_used;
    size_t n_types;   /* rows of token_types.weight; 0: there are none */
    size_t n_context; /* the longest text */
    size_t n_labels;  /* of HN_POOLING_RANK, else 0 */
    size_t n_out;     /* elements of what the model's own pooling gives, and the layers behind it */
    size_t n_buckets; /* of HN_ENCODER_BUCKETS */
    size_t window;    /* of HN_ENCODER_LOCAL: half of it on each side, and the token itself */
    size_t every;     /* and the layers 0, every, 2 * every, ... see everything */
    float eps;
    float alibi_max; /* of HN_ENCODER_ALIBI: the slopes go from 2^-alibi_max up */
    struct hn_rope_config rope, rope_local;
    enum hn_glu act;
    enum hn_pooling pooling;
    enum hn_pooling pools[HN_ENCODER_MAX_POOLS]; /* of HN_POOLING_SEVERAL */
    size_t n_pools;
    struct hn_encoder_dense dense[HN_ENCODER_MAX_DENSE];
    size_t n_dense;
    enum hn_encoder_act head_act; /* between the two layers of the head */
    bool causal;                  /* tokens see those before them */
    bool head_mean;               /* it reads the mean of the rows, not the first */
};

/* NULL: no encoder of that name. */
const struct hn_encoder_family *hn_encoder_family_find(struct hn_str arch);
/* Whether an opened model is an encoder. */
bool hn_encoder_is(const struct hn_gguf *file);

/* Errors as hn_config_read. */
enum hn_status hn_encoder_config_read(const struct hn_gguf *file, struct hn_encoder_config *out,
                                      struct hn_error *err);

bool hn_encoder_is_local(const struct hn_encoder_config *config, size_t layer);

/* HN_E_ARG lists the names. */
enum hn_status hn_pooling_from_name(const char *name, enum hn_pooling *out, struct hn_error *err);

#endif
