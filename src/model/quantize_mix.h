/* Mixes: which tensor of a model is stored in which type. "Q4_K_M" is mostly Q4_K, with more bits
 * where errors cost most. The names, numbers and rules are those of the llama.cpp family of tools,
 * so that a file's name says what is in it. */
#ifndef HN_MODEL_QUANTIZE_MIX_H
#define HN_MODEL_QUANTIZE_MIX_H

#include <stddef.h>
#include <stdint.h>

#include "tensor/meta.h"
#include "tensor/weights.h"

/* The part of a model that a rule speaks of. */
enum hn_mix_where {
    HN_MIX_BASE,        /* nowhere: the mix's base type */
    HN_MIX_ALL,         /* every layer */
    HN_MIX_FIRST_2,     /* the first two layers */
    HN_MIX_FIRST_4,     /* the first four layers */
    HN_MIX_FIRST_8TH,   /* the first eighth of the layers */
    HN_MIX_FIRST_16TH,  /* the first sixteenth */
    HN_MIX_MORE,        /* the first and last eighth, and every third layer between */
    HN_MIX_SHARED_HEAD, /* models where four or more query heads share a value head */
};

struct hn_mix_rule {
    enum hn_mix_where where;
    enum hn_dtype there, elsewhere;
};

struct hn_mix {
    const char *name;
    uint32_t file_type; /* general.file_type */
    enum hn_dtype base;
    struct hn_mix_rule value;    /* attn_v */
    struct hn_mix_rule down;     /* ffn_down, of experts too */
    struct hn_mix_rule out;      /* attn_output */
    struct hn_mix_rule out_of_8; /* attn_output of models with eight experts */
    struct hn_mix_rule qkv;      /* the fused attn_qkv */
};

/* By name in any case; "Q3_K", "Q4_K" and "Q5_K" mean their _M. NULL when unknown. */
const struct hn_mix *hn_mix_find(const char *name);

/* What the rules ask about a model. */
struct hn_mix_model {
    size_t layers, heads, kv_heads, experts;
    bool has_output; /* false: token_embd is the output matrix too */
};

/* Reads the model's shape; what the metadata does not say is taken from the tensors' names or left
 * at a harmless 1. */
void hn_mix_model_read(struct hn_mix_model *out, const struct hn_meta *meta,
                       const struct hn_weights *weights);

/* The type that a tensor gets. Tensors that must stay precise (norms, biases, expert
 * routers, anything with one row) keep their type, half floats among them becoming F32. Sets
 * *fallback when rows do not divide into the wanted type's blocks and another was taken. */
enum hn_dtype hn_mix_type(const struct hn_mix *mix, const struct hn_mix_model *model,
                          const struct hn_tensor *t, bool *fallback);

#endif
