/* What a decoder computes, read from a model's metadata by its family's row. */
#ifndef HN_MODEL_CONFIG_H
#define HN_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "formats/gguf.h"
#include "kernels/kernels.h"
#include "model/family.h"

/* Bounds on what a file may claim; far above any model seen. */
enum {
    HN_MAX_LAYERS = 1 << 10,
    HN_MAX_WIDTH = 1 << 20, /* of any vector: embedding, feed-forward, all heads of a token */
    HN_MAX_HEADS = 1 << 12,
    HN_MAX_EXPERTS = 1 << 12,
    HN_MAX_EXPERTS_USED = 64,
    HN_MAX_CONTEXT = 1 << 26,
    HN_MAX_VOCAB = 1 << 24,
};

enum hn_rope_scaling { HN_ROPE_NONE, HN_ROPE_LINEAR, HN_ROPE_YARN, HN_ROPE_LONGROPE };

/* Rotary positions of one kind of layer (a model has at most two kinds). */
struct hn_rope_config {
    float base;
    enum hn_rope_scaling scaling;
    float factor;      /* positions are divided by it */
    uint32_t original; /* context length before scaling */
    float attn_factor; /* multiplies cosines and sines */
    float beta_fast, beta_slow;
};

struct hn_config {
    const struct hn_family *family;
    size_t n_layers;
    size_t n_embd;
    size_t n_heads;
    size_t n_kv_heads;
    size_t dim_k, dim_v; /* of one head */
    size_t dim_rope;     /* rotated elements of a head, even */
    size_t n_ff;         /* 0 when every layer has experts */
    size_t n_experts;    /* 0: a dense model */
    size_t n_experts_used;
    size_t n_ff_expert;
    size_t n_ff_shared; /* 0: no shared expert */
    size_t n_vocab;
    size_t n_context; /* that the model was trained for */
    size_t window;    /* keys a query sees in layers with a window, its own among them; 0: all */
    float eps;
    float attn_scale;
    float attn_softcap;  /* 0: none */
    float logit_softcap; /* 0: none */
    float embd_scale;
    float residual_scale;
    float logit_scale;                /* logits are multiplied by it */
    struct hn_rope_config rope;       /* of layers that see everything */
    struct hn_rope_config rope_local; /* of layers with a window */
};

/* Reads and checks the configuration. HN_E_UNSUPPORTED names an architecture that has no row and
 * lists those that have; HN_E_FORMAT and HN_E_LIMIT name the key. */
enum hn_status hn_config_read(const struct hn_gguf *file, struct hn_config *out,
                              struct hn_error *err);

/* Whether layer i sees a window only, and whether its queries and keys are rotated. */
bool hn_config_has_window(const struct hn_config *config, size_t layer);
bool hn_config_has_rope(const struct hn_config *config, size_t layer);

#endif
