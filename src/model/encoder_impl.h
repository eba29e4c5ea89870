/* Inside of an encoder: shared by loading and the forward. */
#ifndef HN_MODEL_ENCODER_IMPL_H
#define HN_MODEL_ENCODER_IMPL_H

#include "model/encoder.h"

/* Of a layer norm; w is NULL where there is none. */
struct hn_encoder_norm {
    const float *w, *bias; /* [cols], bias or NULL */
};

/* Vectors are floats in the backend's memory, NULL where the model has none. */
struct hn_encoder_layer {
    struct hn_matrix qkv; /* [(n_heads + 2 * n_kv_heads) * dim][n_embd] */
    struct hn_matrix out; /* [n_embd][n_heads * dim] */
    const float *qkv_bias, *out_bias;
    struct hn_encoder_norm in_norm;        /* in front of attention */
    struct hn_encoder_norm q_norm, k_norm; /* over all heads together; of a decoder over each */
    struct hn_encoder_norm attn_norm;      /* behind attention, with what it was added to */
    struct hn_encoder_norm attn_norm_2;    /* once more, after adding that again */

    struct hn_encoder_norm ffn_norm; /* in front of the feed-forward */
    struct hn_matrix up;             /* [n_ff][n_embd]; with a gate [2 * n_ff], the gate first */
    struct hn_matrix down;           /* [n_embd][n_ff] */
    const float *up_bias, *down_bias;
    struct hn_matrix
        router; /* [n_experts][n_embd], then experts in place of up and down; or 0 rows */
    struct hn_experts experts;
    const struct hn_tensor *experts_bias; /* of their sum, as stored, or NULL */
    struct hn_encoder_norm out_norm;
};

struct hn_encoder_weights {
    const struct hn_tensor *tokens, *types, *positions; /* as stored; the last two or NULL */
    struct hn_encoder_norm embd_norm;
    struct hn_matrix project; /* [n_embd][n_table], or 0 rows */
    const float *project_bias;
    struct hn_encoder_layer *layers;
    struct hn_encoder_norm out_norm;
    struct hn_matrix head;            /* [n_embd][n_embd], or 0 rows */
    struct hn_encoder_norm head_norm; /* behind its activation */
    struct hn_matrix labels;          /* [n_labels][n_embd], or 0 rows */
    const float *head_bias, *labels_bias;
    struct hn_matrix dense[HN_ENCODER_MAX_DENSE]; /* behind the pooling */
    const float *dense_bias[HN_ENCODER_MAX_DENSE];
};

struct hn_encoder {
    struct hn_encoder_config config;
    struct hn_backend *backend; /* that the weights' memory is of */
    struct hn_encoder_weights weights;
    struct hn_arena arena;
    void *memory;
    size_t bytes;
    double *freqs, *freqs_local; /* [dim / 2], of HN_ENCODER_ROPE and HN_ENCODER_LOCAL */
    float *slopes;               /* [n_heads], of HN_ENCODER_ALIBI */
    float *bias;                 /* [n_heads][bias_ld], of HN_ENCODER_BUCKETS (hn_attention.bias) */
    size_t bias_ld;
};

struct hn_encoding {
    const struct hn_encoder *encoder;
    struct hn_backend *backend;
    size_t capacity; /* rows of a step */
    size_t n_pages;  /* of a step's keys and values */
    void *memory;    /* of all below */
    size_t bytes;

    int32_t *tokens, *types, *positions; /* [capacity] */
    struct hn_span *spans;               /* [n_pages] */
    int32_t *pages;                      /* [n_pages]: 0, 1, ... */
    int32_t *firsts;                     /* [n_pages]: the row that stands for a text */
    struct hn_rows x;                    /* the residual stream, n_embd */
    struct hn_rows t, attn;              /* what a block gives, n_embd */
    struct hn_rows qkv;                  /* q | k | v heads */
    struct hn_rows hidden;               /* gate | up */
    struct hn_rows router;               /* a number for each expert */
    int32_t *zeros;                      /* [capacity] */
    struct hn_rows pooled;               /* of each text, n_embd for each of its poolings */
    struct hn_rows dense[2];             /* of each text, what the layers behind give in turn */
    struct hn_rows labels;               /* of each text */
    struct hn_rows result;               /* one of the above, set by a step */
    float *cosines, *sines;              /* [capacity][dim / 2] */
    float *cosines_local, *sines_local;
    struct hn_kv_layout kv; /* of one layer at a time */
    void *work;             /* of linear */
};

/* One step: n texts whose tokens, types, positions and spans are set. Leaves their vectors, or labels,
 * in run->result; without pooling those of their tokens. */
void hn_encoder_forward(struct hn_encoding *run, enum hn_pooling pooling, size_t n);

#endif
