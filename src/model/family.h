/* Families of decoders: a row each. docs/families.md shows how to add one. */
#ifndef HN_MODEL_FAMILY_H
#define HN_MODEL_FAMILY_H

#include "base/str.h"
#include "kernels/kernels.h"

enum hn_family_flags {
    HN_FAMILY_PAIRS = 1,        /* rope turns neighbours (2i, 2i + 1), not halves (i, i + half) */
    HN_FAMILY_EMBD_SQRT = 2,    /* embeddings are scaled by sqrt(n_embd) */
    HN_FAMILY_ATTN_SOFTCAP = 4, /* honours attn_logit_softcapping */
    HN_FAMILY_POST_IS_FFN = 8,  /* the file's post_attention_norm is the norm before the FFN */
    HN_FAMILY_RAW_EXPERTS = 16, /* expert weights are not renormalised over the chosen */
    HN_FAMILY_YARN_EXACT = 32,  /* the ends of YaRN's ramp are not rounded */
    HN_FAMILY_LOCAL_ROPE = 64,  /* layers with a window have a rope base of their own, unscaled */
};

struct hn_family {
    const char *arch; /* general.architecture */
    unsigned flags;
    enum hn_glu glu;
    /* Of every `window_period` layers the last sees everything and the others a window; 0: all
     * layers are alike, with a window where the file gives one. */
    unsigned window_period;
    unsigned no_rope_period; /* every so manieth layer has no rope; 0: all have */
    /* A model of this many layers scales attention by its width per head, not by the head's own size
     * (the 27B models of gemma 2 and 3); 0: none. */
    unsigned wide_scale_layers;
};

/* NULL when there is no row. */
const struct hn_family *hn_family_find(struct hn_str arch);

/* All rows. */
const struct hn_family *hn_family_rows(size_t *n);

#endif
