#include "model/quantize_mix.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bits.h"
#include "tensor/codec.h"

/* clang-format off */
static const struct hn_mix mixes[] = {
    {"F32", 0, HN_F32},
    {"F16", 1, HN_F16},
    {"BF16", 32, HN_BF16},
    {"Q8_0", 7, HN_Q8_0},
    {"Q6_K", 18, HN_Q6_K},
    {"Q5_K_M", 17, HN_Q5_K,
     .value = {HN_MIX_MORE, HN_Q6_K, HN_Q5_K},
     .down = {HN_MIX_MORE, HN_Q6_K, HN_Q5_K},
     .qkv = {HN_MIX_ALL, HN_Q6_K}},
    {"Q5_K_S", 16, HN_Q5_K},
    {"Q5_1", 9, HN_Q5_1},
    {"Q5_0", 8, HN_Q5_0},
    {"Q4_K_M", 15, HN_Q4_K,
     .value = {HN_MIX_MORE, HN_Q6_K, HN_Q4_K},
     .down = {HN_MIX_MORE, HN_Q6_K, HN_Q4_K},
     .out_of_8 = {HN_MIX_ALL, HN_Q5_K},
     .qkv = {HN_MIX_ALL, HN_Q5_K}},
    {"Q4_K_S", 14, HN_Q4_K,
     .value = {HN_MIX_FIRST_4, HN_Q5_K, HN_Q4_K},
     .down = {HN_MIX_FIRST_8TH, HN_Q5_K, HN_Q4_K},
     .out_of_8 = {HN_MIX_ALL, HN_Q5_K}},
    {"Q4_1", 3, HN_Q4_1},
    {"Q4_0", 2, HN_Q4_0},
    {"IQ4_NL", 25, HN_IQ4_NL,
     .value = {HN_MIX_SHARED_HEAD, HN_Q5_K, HN_IQ4_NL},
     .down = {HN_MIX_FIRST_8TH, HN_Q5_K, HN_IQ4_NL},
     .out_of_8 = {HN_MIX_ALL, HN_Q5_K}},
    {"IQ4_XS", 30, HN_IQ4_XS,
     .value = {HN_MIX_SHARED_HEAD, HN_Q5_K, HN_IQ4_XS},
     .down = {HN_MIX_FIRST_8TH, HN_Q5_K, HN_IQ4_XS},
     .out_of_8 = {HN_MIX_ALL, HN_Q5_K}},
    {"MXFP4", 38, HN_MXFP4},
    {"Q3_K_L", 13, HN_Q3_K,
     .value = {HN_MIX_ALL, HN_Q5_K},
     .down = {HN_MIX_ALL, HN_Q5_K},
     .out = {HN_MIX_ALL, HN_Q5_K},
     .qkv = {HN_MIX_ALL, HN_Q4_K}},
    {"Q3_K_M", 12, HN_Q3_K,
     .value = {HN_MIX_FIRST_2, HN_Q5_K, HN_Q4_K},
     .down = {HN_MIX_FIRST_16TH, HN_Q5_K, HN_Q4_K},
     .out = {HN_MIX_ALL, HN_Q4_K},
     .out_of_8 = {HN_MIX_ALL, HN_Q5_K},
     .qkv = {HN_MIX_ALL, HN_Q4_K}},
    {"Q3_K_S", 11, HN_Q3_K,
     .out_of_8 = {HN_MIX_ALL, HN_Q5_K}},
    {"Q2_K", 10, HN_Q2_K,
     .value = {HN_MIX_SHARED_HEAD, HN_Q4_K, HN_Q3_K},
     .down = {HN_MIX_ALL, HN_Q3_K},
     .out = {HN_MIX_ALL, HN_Q3_K},
     .out_of_8 = {HN_MIX_ALL, HN_Q5_K}},
};
/* clang-format on */

const struct hn_mix *hn_mix_find(const char *name)
{
    const size_t n = strlen(name);
    for (size_t i = 0; i < HN_COUNT(mixes); i++) {
        if (strncasecmp(mixes[i].name, name, n) != 0) continue;
        const char *rest = mixes[i].name + n;
        if (*rest == '\0' || strcmp(rest, "_M") == 0) return &mixes[i];
    }
    return NULL;
}

static bool contains(struct hn_str s, const char *part)
{
    return memmem(s.p, s.n, part, strlen(part)) != NULL;
}

/* The number in "blk.NUMBER."; 0 for tensors outside the layers. */
static size_t layer_of(struct hn_str name)
{
    size_t layer = 0;
    if (!hn_str_starts(name, HN_STR("blk."))) return 0;
    for (size_t i = 4; i < name.n && name.p[i] >= '0' && name.p[i] <= '9' && layer < 100000; i++)
        layer = layer * 10 + (size_t)(name.p[i] - '0');
    return layer;
}

/* An integer under "ARCH.KEY"; of an array, which some models have one entry per layer of, the
 * largest. */
static size_t read_size(const struct hn_meta *meta, struct hn_str arch, const char *key,
                        size_t missing)
{
    char text[160];
    const int n = snprintf(text, sizeof text, "%.*s.%s", HN_FMT(arch), key);
    if (n < 0 || (size_t)n >= sizeof text) return missing;
    const struct hn_meta_kv *kv = hn_meta_find(meta, hn_str_from(text));
    if (!kv) return missing;
    uint32_t value;
    if (kv->type == HN_META_ARRAY) {
        int64_t most = 0;
        for (size_t i = 0; i < kv->array.n && hn_meta_type_bytes(kv->array.type); i++) {
            const int64_t v = hn_meta_array_int(&kv->array, i);
            most = v > most ? v : most;
        }
        return most > 0 ? (size_t)most : missing;
    }
    return hn_meta_u32(meta, kv->key, &value, NULL) == HN_OK && value ? value : missing;
}

void hn_mix_model_read(struct hn_mix_model *out, const struct hn_meta *meta,
                       const struct hn_weights *weights)
{
    *out = (struct hn_mix_model){0};
    size_t layers = 1;
    for (size_t i = 0; i < weights->n; i++) {
        layers = hn_max(layers, layer_of(weights->items[i].name) + 1);
        out->has_output |= hn_str_is(weights->items[i].name, "output.weight");
    }
    struct hn_str arch = {"", 0};
    (void)hn_meta_text(meta, HN_STR("general.architecture"), &arch, NULL);
    out->layers = read_size(meta, arch, "block_count", layers);
    out->heads = read_size(meta, arch, "attention.head_count", 1);
    out->kv_heads = read_size(meta, arch, "attention.head_count_kv", out->heads);
    out->experts = read_size(meta, arch, "expert_count", 1);
}

static bool applies(enum hn_mix_where where, const struct hn_mix_model *model, size_t layer)
{
    const size_t n = model->layers;
    switch (where) {
    case HN_MIX_BASE: return false;
    case HN_MIX_ALL: return true;
    case HN_MIX_FIRST_2: return layer < 2;
    case HN_MIX_FIRST_4: return layer < 4;
    case HN_MIX_FIRST_8TH: return layer < n / 8;
    case HN_MIX_FIRST_16TH: return layer < n / 16;
    case HN_MIX_MORE: return layer < n / 8 || layer >= 7 * n / 8 || (layer - n / 8) % 3 == 2;
    case HN_MIX_SHARED_HEAD: return model->heads >= 4 * model->kv_heads;
    }
    return false;
}

static enum hn_dtype by_rule(const struct hn_mix *mix, const struct hn_mix_rule *rule,
                             const struct hn_mix_model *model, size_t layer)
{
    if (rule->where == HN_MIX_BASE) return mix->base;
    return applies(rule->where, model, layer) ? rule->there : rule->elsewhere;
}

static enum hn_dtype value_type(const struct hn_mix *mix, const struct hn_mix_model *model,
                                size_t layer)
{
    if (model->experts == 8) return HN_Q8_0;
    const enum hn_dtype type = by_rule(mix, &mix->value, model, layer);
    /* In 80-layer models eight heads share one attn_v: more bits cost next to nothing. */
    const bool small = model->layers == 80 && model->heads > model->kv_heads;
    return small && (type == HN_Q3_K || type == HN_Q4_K) ? HN_Q5_K : type;
}

static enum hn_dtype wanted_type(const struct hn_mix *mix, const struct hn_mix_model *model,
                                 struct hn_str name)
{
    const size_t layer = layer_of(name);
    if (hn_dtype_group(mix->base) == 0) return mix->base;
    if (hn_str_is(name, model->has_output ? "output.weight" : "token_embd.weight"))
        return mix->base == HN_Q8_0 ? HN_Q8_0 : HN_Q6_K;
    if (contains(name, "attn_v.weight")) return value_type(mix, model, layer);
    if (contains(name, "attn_k.weight")) return model->experts == 8 ? HN_Q8_0 : mix->base;
    if (contains(name, "ffn_down")) return by_rule(mix, &mix->down, model, layer);
    if (contains(name, "attn_output.weight"))
        return by_rule(mix, model->experts == 8 ? &mix->out_of_8 : &mix->out, model, layer);
    if (contains(name, "attn_qkv.weight")) return by_rule(mix, &mix->qkv, model, layer);
    return mix->base;
}

/* Small matrices whose errors would be felt everywhere. */
static bool stays_precise(const struct hn_tensor *t)
{
    static const char *const precise[] = {
        "_norm.weight",      "ffn_gate_inp.weight", "position_embd.weight", "token_types.weight",
        "attn_rel_b.weight", "ssm_conv1d",          "ssm_x.weight",         "ssm_dt.weight",
    };
    if (!hn_str_ends(t->name, HN_STR("weight")) || hn_tensor_rows(t) < 2) return true;
    for (size_t i = 0; i < HN_COUNT(precise); i++)
        if (contains(t->name, precise[i])) return true;
    return false;
}

/* For rows that do not divide into 256-element blocks: the nearest type with 32-element blocks. */
static enum hn_dtype fallback_of(enum hn_dtype type)
{
    switch (type) {
    case HN_Q2_K:
    case HN_Q3_K:
    case HN_IQ4_XS: return HN_IQ4_NL;
    case HN_Q4_K: return HN_Q5_0;
    case HN_Q5_K: return HN_Q5_1;
    case HN_Q6_K: return HN_Q8_0;
    default: return HN_F16;
    }
}

enum hn_dtype hn_mix_type(const struct hn_mix *mix, const struct hn_mix_model *model,
                          const struct hn_tensor *t, bool *fallback)
{
    *fallback = false;
    if (stays_precise(t)) {
        const bool half = t->type == HN_F16 || t->type == HN_BF16;
        return half && hn_tensor_rows(t) < 2 ? HN_F32 : t->type;
    }
    enum hn_dtype type = wanted_type(mix, model, t->name);
    while (t->ne[0] % hn_dtype_info(type)->block) {
        type = fallback_of(type);
        *fallback = true;
    }
    return type;
}
