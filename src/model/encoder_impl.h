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
    struct hn_matrix qkv; /* [3 * n_embd][n_embd] */
    struct hn_matrix out; /* [n_embd][n_embd] */
    const float *qkv_bias, *out_bias;
    struct hn_encoder_norm q_norm, k_norm; /* over all heads together */
    struct hn_encoder_norm attn_norm;      /* behind attention, with what it was added to */
    struct hn_encoder_norm attn_norm_2;    /* once more, after adding that again */

    struct hn_matrix up;   /* [n_ff][n_embd]; with a gate [2 * n_ff], the gate first */
    struct hn_matrix down; /* [n_embd][n_ff] */
    const float *up_bias, *down_bias;
    struct hn_encoder_norm out_norm;
};

struct hn_encoder_weights {
    const struct hn_tensor *tokens, *types, *positions; /* as stored; the last two or NULL */
    struct hn_encoder_norm embd_norm;
    struct hn_encoder_layer *layers;
    struct hn_matrix head;   /* [n_embd][n_embd], or 0 rows */
    struct hn_matrix labels; /* [n_labels][n_embd], or 0 rows */
    const float *head_bias, *labels_bias;
};

struct hn_encoder {
    struct hn_encoder_config config;
    struct hn_backend *backend; /* that the weights' memory is of */
    struct hn_encoder_weights weights;
    struct hn_arena arena;
    void *memory;
    size_t bytes;
    double *freqs; /* [dim / 2], of HN_ENCODER_ROPE */
    float *slopes; /* [n_heads], of HN_ENCODER_ALIBI */
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
    struct hn_rows pooled;               /* of each text, n_embd */
    struct hn_rows labels;               /* of each text */
    float *cosines, *sines;              /* [capacity][dim / 2] */
    struct hn_kv_layout kv;              /* of one layer at a time */
    void *work;                          /* of linear */
};

/* One step: n texts whose tokens, types, positions and spans are set. Leaves their vectors, or labels,
 * in run->pooled or run->labels; without pooling, in run->x. */
void hn_encoder_forward(struct hn_encoding *run, enum hn_pooling pooling, size_t n);

#endif
