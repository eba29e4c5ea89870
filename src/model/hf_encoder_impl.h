/* Inside of the translation of encoders' directories: shared by its keys, its tensors and what
 * sentence-transformers adds. */
#ifndef HN_MODEL_HF_ENCODER_IMPL_H
#define HN_MODEL_HF_ENCODER_IMPL_H

#include "model/hf_encoder.h"

enum hn_hf_encoder_flags {
    HN_HF_PAST_PAD = 1, /* positions are counted from behind the padding token's id */
    HN_HF_ONE_TYPE = 2, /* texts are of the first type, whatever types there are */
    HN_HF_POOLER = 4,   /* a classifier's head begins with the pooler */
};

struct hn_hf_encoder_family {
    const char *model_type; /* of config.json */
    const char *arch;       /* general.architecture */
    unsigned flags;
    const char *head_act; /* in a classifier's head; NULL: tanh */
    const char *defaults; /* JSON: values of the configuration class, which files may omit */
    const char *fixed;    /* JSON: values that GGUF has no key for, so that others are refused */
};

/* One directory on its way. */
struct hn_hf_encoder {
    const struct hn_hf_encoder_family *family;
    const json_t *config, *defaults;
    const struct hn_safetensors *st;
    const char *name; /* of the directory, for errors */
    struct hn_gguf *g;
    struct hn_error *err;
    bool classifies;
    uint32_t longest; /* tokens of a text, where its files say so; else 0 */
    uint32_t n_experts;
    uint32_t n_layers, first_position; /* rows of position embeddings that stand for no token */
};

/* ARCH.KEY = value */
enum hn_status hn_hf_encoder_count(const struct hn_hf_encoder *e, const char *key, uint32_t value);
/* PREFIX.KEY = value, copied */
enum hn_status hn_hf_encoder_text(const struct hn_hf_encoder *e, const char *prefix,
                                  struct hn_str key, struct hn_str value);

/* Pooling, the layers behind it, and prompts. */
enum hn_status hn_hf_encoder_modules(struct hn_hf_encoder *e, const struct hn_hf_texts *texts);

/* Every tensor under GGUF's name. One that nothing is known about is an error that names it. */
enum hn_status hn_hf_encoder_tensors(const struct hn_hf_encoder *e);

#endif
