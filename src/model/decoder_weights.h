/* A decoder's weights, found in its file by name, checked, and packed. */
#ifndef HN_MODEL_DECODER_WEIGHTS_H
#define HN_MODEL_DECODER_WEIGHTS_H

#include "backend/backend.h"
#include "model/binder.h"
#include "model/config.h"

/* Vectors are floats in the backend's memory; NULL where the model has none. Matrices of 0 rows are
 * not there. */
struct hn_layer {
    const float *attn_norm; /* [n_embd] */
    const float *q_norm;    /* [norm_len], and k_norm: per head or over the projection */
    const float *k_norm;
    size_t norm_len;
    const float *sinks;          /* [n_heads] */
    const float *post_attn_norm; /* [n_embd] */
    const float *ffn_norm;       /* [n_embd] */
    const float *post_ffn_norm;  /* [n_embd] */

    struct hn_matrix qkv; /* [n_heads * dim_k + n_kv_heads * (dim_k + dim_v)][n_embd] */
    struct hn_matrix out; /* [n_embd][n_heads * dim_v] */
    const float *qkv_bias, *out_bias;

    struct hn_matrix gate_up; /* [2 * n_ff][n_embd] */
    struct hn_matrix down;    /* [n_embd][n_ff] */
    const float *gate_up_bias, *down_bias;

    struct hn_matrix router; /* [n_experts][n_embd]; 0 rows: a dense layer */
    const float *router_bias;
    struct hn_experts experts;
    struct hn_matrix shared_gate_up, shared_down; /* as gate_up and down, n_ff_shared */
    struct hn_matrix shared_router;               /* [1][n_embd] */
};

struct hn_decoder_weights {
    const struct hn_tensor *embd; /* [n_vocab][n_embd], as stored */
    struct hn_layer *layers;
    const float *final_norm;
    struct hn_matrix head;     /* [n_vocab][n_embd] */
    const float *rope_factors; /* [dim_rope / 2], host memory */
};

/* Finds and checks every weight without touching its data. Errors name the tensor. */
enum hn_status hn_decoder_weights_measure(const struct hn_gguf *file,
                                          const struct hn_config *config,
                                          const struct hn_backend_ops *ops,
                                          struct hn_weights_size *out, struct hn_error *err);

/* Packs them into `memory` (as measured, of `backend`); tables come from the arena. `context`
 * chooses between the factors of longrope. `progress` may be NULL. */
enum hn_status hn_decoder_weights_load(const struct hn_gguf *file, const struct hn_config *config,
                                       struct hn_backend *backend, size_t context,
                                       const struct hn_weights_size *size, void *memory,
                                       struct hn_arena *arena,
                                       const struct hn_load_progress *progress,
                                       struct hn_decoder_weights *out, struct hn_error *err);

#endif
