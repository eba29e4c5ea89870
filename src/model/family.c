#include "model/family.h"

#include "base/bits.h"

static const struct hn_family families[] = {
    /* arch, flags, glu, window period, no-rope period, wide scale */
    {"llama", HN_FAMILY_PAIRS, HN_GLU_SILU, 0, 0, 0}, /* also mistral, mixtral, smollm, yi */
    {"smollm3", HN_FAMILY_PAIRS, HN_GLU_SILU, 0, 4, 0},
    {"granite", HN_FAMILY_PAIRS, HN_GLU_SILU, 0, 0, 0},
    {"qwen2", 0, HN_GLU_SILU, 0, 0, 0},
    {"qwen3", 0, HN_GLU_SILU, 0, 0, 0},
    {"qwen2moe", HN_FAMILY_RAW_EXPERTS, HN_GLU_SILU, 0, 0, 0},
    {"qwen3moe", 0, HN_GLU_SILU, 0, 0, 0},
    {"gemma", HN_FAMILY_EMBD_SQRT, HN_GLU_GELU_TANH, 0, 0, 0},
    {"gemma2", HN_FAMILY_EMBD_SQRT | HN_FAMILY_ATTN_SOFTCAP, HN_GLU_GELU_TANH, 2, 0, 46},
    {"gemma3", HN_FAMILY_EMBD_SQRT | HN_FAMILY_LOCAL_ROPE, HN_GLU_GELU_TANH, 6, 0, 62},
    {"phi3", 0, HN_GLU_SILU, 0, 0, 0},
    {"olmo2", 0, HN_GLU_SILU, 0, 0, 0},
    {"gpt-oss", HN_FAMILY_POST_IS_FFN | HN_FAMILY_YARN_EXACT, HN_GLU_SWIGLU_OAI, 2, 0, 0},
};

const struct hn_family *hn_family_find(struct hn_str arch)
{
    for (size_t i = 0; i < HN_COUNT(families); i++)
        if (hn_str_is(arch, families[i].arch)) return &families[i];
    return NULL;
}

const struct hn_family *hn_family_rows(size_t *n)
{
    *n = HN_COUNT(families);
    return families;
}
