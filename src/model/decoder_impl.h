/* Inside of a decoder: shared by loading, planning and the forward. */
#ifndef HN_MODEL_DECODER_IMPL_H
#define HN_MODEL_DECODER_IMPL_H

#include "model/decoder.h"

/* Cosines and sines of the rows of a step: [batch][dim_rope / 2]. */
struct hn_angles {
    float *cosines, *sines;
    double *freqs; /* [dim_rope / 2] */
    float scale;
};

/* Activations of a step of up to `batch` rows. */
struct hn_scratch {
    struct hn_rows x;      /* the residual stream, n_embd */
    struct hn_rows h;      /* normed, n_embd */
    struct hn_rows t;      /* what a block gives, n_embd */
    struct hn_rows qkv;    /* q | k | v heads */
    struct hn_rows attn;   /* heads side by side */
    struct hn_rows hidden; /* gate | up */
    struct hn_rows router; /* [n_experts], dense: no gap between rows */
    struct hn_rows gate;   /* of the shared expert, 1 */
    struct hn_angles angles, angles_local;
    void *work; /* of linear and experts */
};

/* Lays the scratch out from `memory` (NULL to measure) on; returns its bytes, SIZE_MAX when they
 * cannot be counted. */
size_t hn_scratch_lay_out(const struct hn_config *config, const struct hn_backend_ops *ops,
                          size_t batch, void *memory, struct hn_scratch *out);

struct hn_decoder {
    struct hn_config config;
    struct hn_plan plan;
    struct hn_backend *backend;
    struct hn_decoder_weights weights;
    struct hn_kv_layout kv;
    struct hn_scratch scratch;
    struct hn_arena arena;
    void *weight_memory, *scratch_memory;
    size_t scratch_bytes; /* without the logits, which are the host's */
    const struct hn_trace *trace;
    hn_tap_fn *tap;
    void *tap_ctx;
};

/* The KV of a model, without memory. False when sizes cannot be counted. */
bool hn_decoder_kv_layout(const struct hn_config *config, enum hn_kv_type type,
                          struct hn_kv_layout *out);

#endif
