/* What Hugging Face directories say, family by family, and what GGUF files say in its place. */
#ifndef HN_MODEL_HF_FAMILY_H
#define HN_MODEL_HF_FAMILY_H

#include <stdbool.h>

#include "base/str.h"

enum hn_hf_flags {
    HN_HF_PAIRS = 1,         /* rope turns neighbours in GGUF: rows of q and k change places */
    HN_HF_NORM_PLUS_ONE = 2, /* norm weights are stored as their difference from one */
    HN_HF_POST_NORM = 4,     /* post_attention_layernorm acts on attention's output, as named */
    HN_HF_LONGROPE = 8,      /* carries the keys of longrope, used or not */
    HN_HF_ALL_EXPERTS = 16,  /* intermediate_size is the experts' */
    HN_HF_YARN_EXACT = 32,   /* the ends of YaRN's ramp are not rounded (truncate: false) */
};

struct hn_hf_family {
    const char *model_type; /* of config.json */
    const char *arch;       /* general.architecture */
    unsigned flags;
    int window_period;    /* every so manieth layer sees all, the others a window; 0: all alike */
    const char *defaults; /* JSON: values of the family's configuration class, which files omit */
    const char *fixed;    /* JSON: values that GGUF has no key for, so that others are refused */
};

/* NULL when the family is not known. */
const struct hn_hf_family *hn_hf_find_family(struct hn_str model_type);

/* A number of config.json that becomes a key as it is. */
struct hn_hf_key {
    const char *hf;
    const char *other; /* a second name, or NULL */
    const char *gguf;  /* behind "ARCH." */
    bool real;         /* F32; else U32 */
    bool required;
    unsigned flags; /* only for families with these; 0: all */
};

extern const struct hn_hf_key hn_hf_keys[];
extern const int hn_hf_n_keys;

/* What becomes of a tensor. */
enum hn_hf_op {
    HN_HF_COPY,       /* as it is */
    HN_HF_F32,        /* in F32: routers, read with care by every implementation */
    HN_HF_NORM,       /* in F32, plus one where the family says so */
    HN_HF_Q_ROWS,     /* rows in pairs order where the family says so, by query heads */
    HN_HF_KV_ROWS,    /* the same by key heads */
    HN_HF_STACK,      /* one expert of many: all in one tensor */
    HN_HF_IN_OUT,     /* gpt-oss: (expert, in, out) to (expert, out, in) */
    HN_HF_IN_OUT_TWO, /* the same; rows alternate between two tensors, gate and up */
    HN_HF_ROWS_TWO,   /* alternating values of the last dimension to two tensors, in F32 */
    HN_HF_BLOCKS,     /* gpt-oss: MXFP4 blocks, and their scales in another tensor */
    HN_HF_BLOCKS_TWO, /* the same; rows alternate */
    HN_HF_SKIP,       /* read together with another */
};

/* Stem (without .weight or .bias) of a layer's tensor behind "layers.N.", an expert's number written
 * '%'; the GGUF name behind "blk.N.", and the second one where there are two. */
struct hn_hf_tensor_row {
    const char *hf;
    const char *gguf;
    enum hn_hf_op op;
    unsigned flags;     /* only for families with these */
    const char *second; /* of the _TWO operations */
};

/* NULL when the stem is not known. */
const struct hn_hf_tensor_row *hn_hf_find_tensor(struct hn_str stem, unsigned flags);

#endif
