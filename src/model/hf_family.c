#include "model/hf_family.h"

#include <stddef.h>

#include "base/bits.h"

/* The defaults are those of the families' published configuration classes. */
static const struct hn_hf_family families[] = {
    {"llama", "llama", HN_HF_PAIRS, 0,
     "{\"max_position_embeddings\": 2048, \"rms_norm_eps\": 1e-6, \"rope_theta\": 10000.0}",
     "{\"hidden_act\": \"silu\"}"},
    {"mistral", "llama", HN_HF_PAIRS, 0,
     "{\"max_position_embeddings\": 131072, \"rms_norm_eps\": 1e-6, \"rope_theta\": 10000.0,"
     " \"num_key_value_heads\": 8, \"sliding_window\": 4096}",
     "{\"hidden_act\": \"silu\"}"},
    {"mixtral", "llama", HN_HF_PAIRS, 0,
     "{\"max_position_embeddings\": 131072, \"rms_norm_eps\": 1e-5, \"rope_theta\": 1000000.0,"
     " \"num_key_value_heads\": 8, \"num_local_experts\": 8, \"num_experts_per_tok\": 2}",
     "{\"hidden_act\": \"silu\"}"},
    {"smollm3", "smollm3", HN_HF_PAIRS, 0,
     "{\"max_position_embeddings\": 32768, \"rms_norm_eps\": 1e-6, \"rope_theta\": 2000000.0,"
     " \"use_sliding_window\": false}",
     "{\"hidden_act\": \"silu\", \"no_rope_layer_interval\": 4}"},
    {"granite", "granite", HN_HF_PAIRS, 0,
     "{\"max_position_embeddings\": 2048, \"rms_norm_eps\": 1e-6, \"rope_theta\": 10000.0,"
     " \"embedding_multiplier\": 1.0, \"attention_multiplier\": 1.0,"
     " \"residual_multiplier\": 1.0, \"logits_scaling\": 1.0}",
     "{\"hidden_act\": \"silu\"}"},
    {"qwen2", "qwen2", 0, 0,
     "{\"max_position_embeddings\": 32768, \"rms_norm_eps\": 1e-6, \"rope_theta\": 10000.0,"
     " \"use_sliding_window\": false}",
     "{\"hidden_act\": \"silu\"}"},
    {"qwen3", "qwen3", 0, 0,
     "{\"max_position_embeddings\": 32768, \"rms_norm_eps\": 1e-6, \"rope_theta\": 10000.0,"
     " \"head_dim\": 128, \"use_sliding_window\": false}",
     "{\"hidden_act\": \"silu\"}"},
    {"qwen2_moe", "qwen2moe", 0, 0,
     "{\"max_position_embeddings\": 32768, \"rms_norm_eps\": 1e-6, \"rope_theta\": 10000.0,"
     " \"use_sliding_window\": false, \"num_experts\": 60, \"num_experts_per_tok\": 4,"
     " \"moe_intermediate_size\": 1408, \"shared_expert_intermediate_size\": 5632}",
     "{\"hidden_act\": \"silu\", \"decoder_sparse_step\": 1, \"mlp_only_layers\": [],"
     " \"norm_topk_prob\": false}"},
    {"qwen3_moe", "qwen3moe", 0, 0,
     "{\"max_position_embeddings\": 32768, \"rms_norm_eps\": 1e-6, \"rope_theta\": 10000.0,"
     " \"use_sliding_window\": false, \"num_experts\": 128, \"num_experts_per_tok\": 8,"
     " \"moe_intermediate_size\": 768}",
     "{\"hidden_act\": \"silu\", \"decoder_sparse_step\": 1, \"mlp_only_layers\": [],"
     " \"norm_topk_prob\": true}"},
    {"gemma2", "gemma2", HN_HF_NORM_PLUS_ONE | HN_HF_POST_NORM, 2,
     "{\"max_position_embeddings\": 8192, \"rms_norm_eps\": 1e-6, \"rope_theta\": 10000.0,"
     " \"head_dim\": 256, \"query_pre_attn_scalar\": 256, \"sliding_window\": 4096,"
     " \"attn_logit_softcapping\": 50.0, \"final_logit_softcapping\": 30.0}",
     "{\"hidden_activation\": \"gelu_pytorch_tanh\"}"},
    {"gemma3_text", "gemma3", HN_HF_NORM_PLUS_ONE | HN_HF_POST_NORM, 6,
     "{\"hidden_size\": 2304, \"intermediate_size\": 9216, \"num_hidden_layers\": 26,"
     " \"num_attention_heads\": 8, \"num_key_value_heads\": 4, \"vocab_size\": 262208,"
     " \"max_position_embeddings\": 131072, \"rms_norm_eps\": 1e-6, \"rope_theta\": 1000000.0,"
     " \"rope_local_base_freq\": 10000.0, \"head_dim\": 256, \"query_pre_attn_scalar\": 256,"
     " \"sliding_window\": 4096}",
     "{\"hidden_activation\": \"gelu_pytorch_tanh\", \"sliding_window_pattern\": 6,"
     " \"_sliding_window_pattern\": 6}"},
    {"phi3", "phi3", HN_HF_LONGROPE, 0,
     "{\"max_position_embeddings\": 4096, \"original_max_position_embeddings\": 4096,"
     " \"rms_norm_eps\": 1e-5, \"rope_theta\": 10000.0}",
     "{\"hidden_act\": \"silu\"}"},
    {"olmo2", "olmo2", HN_HF_POST_NORM, 0,
     "{\"max_position_embeddings\": 2048, \"rms_norm_eps\": 1e-5, \"rope_theta\": 10000.0}",
     "{\"hidden_act\": \"silu\"}"},
    {"gpt_oss", "gpt-oss", HN_HF_POST_NORM | HN_HF_ALL_EXPERTS | HN_HF_YARN_EXACT, 2,
     "{\"max_position_embeddings\": 131072, \"rms_norm_eps\": 1e-5, \"rope_theta\": 150000.0,"
     " \"head_dim\": 64, \"sliding_window\": 128, \"num_local_experts\": 128,"
     " \"num_experts_per_tok\": 4}",
     "{\"hidden_act\": \"silu\", \"swiglu_limit\": 7.0}"},
};

const struct hn_hf_family *hn_hf_find_family(struct hn_str model_type)
{
    /* The wrapper of gemma3 with its vision part: its text_config may not say what it is. */
    if (hn_str_is(model_type, "gemma3")) model_type = HN_STR("gemma3_text");
    for (size_t i = 0; i < HN_COUNT(families); i++)
        if (hn_str_is(model_type, families[i].model_type)) return &families[i];
    return NULL;
}

const struct hn_hf_key hn_hf_keys[] = {
    {"num_hidden_layers", NULL, "block_count", false, true, 0},
    {"max_position_embeddings", NULL, "context_length", false, true, 0},
    {"hidden_size", NULL, "embedding_length", false, true, 0},
    {"intermediate_size", NULL, "feed_forward_length", false, true, 0},
    {"num_attention_heads", NULL, "attention.head_count", false, true, 0},
    {"num_key_value_heads", NULL, "attention.head_count_kv", false, false, 0},
    {"rms_norm_eps", NULL, "attention.layer_norm_rms_epsilon", true, true, 0},
    {"head_dim", NULL, "attention.key_length", false, false, 0},
    {"head_dim", NULL, "attention.value_length", false, false, 0},
    {"vocab_size", NULL, "vocab_size", false, true, HN_HF_PAIRS},
    {"num_local_experts", "num_experts", "expert_count", false, false, 0},
    {"num_experts_per_tok", "experts_per_token", "expert_used_count", false, false, 0},
    {"moe_intermediate_size", NULL, "expert_feed_forward_length", false, false, 0},
    {"intermediate_size", NULL, "expert_feed_forward_length", false, true, HN_HF_ALL_EXPERTS},
    {"shared_expert_intermediate_size", NULL, "expert_shared_feed_forward_length", false, false, 0},
    {"attn_logit_softcapping", NULL, "attn_logit_softcapping", true, false, 0},
    {"final_logit_softcapping", NULL, "final_logit_softcapping", true, false, 0},
    {"attention_multiplier", NULL, "attention.scale", true, false, 0},
    {"embedding_multiplier", NULL, "embedding_scale", true, false, 0},
    {"residual_multiplier", NULL, "residual_scale", true, false, 0},
    {"logits_scaling", NULL, "logit_scale", true, false, 0},
};
const int hn_hf_n_keys = HN_COUNT(hn_hf_keys);

static const struct hn_hf_tensor_row tensors[] = {
    {"input_layernorm", "attn_norm", HN_HF_NORM, 0, NULL},
    {"post_attention_layernorm", "post_attention_norm", HN_HF_NORM, HN_HF_POST_NORM, NULL},
    {"post_attention_layernorm", "ffn_norm", HN_HF_NORM, 0, NULL},
    {"pre_feedforward_layernorm", "ffn_norm", HN_HF_NORM, 0, NULL},
    {"post_feedforward_layernorm", "post_ffw_norm", HN_HF_NORM, 0, NULL},
    {"self_attn.q_proj", "attn_q", HN_HF_Q_ROWS, 0, NULL},
    {"self_attn.k_proj", "attn_k", HN_HF_KV_ROWS, 0, NULL},
    {"self_attn.v_proj", "attn_v", HN_HF_COPY, 0, NULL},
    {"self_attn.o_proj", "attn_output", HN_HF_COPY, 0, NULL},
    {"self_attn.qkv_proj", "attn_qkv", HN_HF_COPY, 0, NULL},
    {"self_attn.q_norm", "attn_q_norm", HN_HF_NORM, 0, NULL},
    {"self_attn.k_norm", "attn_k_norm", HN_HF_NORM, 0, NULL},
    {"self_attn.sinks", "attn_sinks", HN_HF_F32, 0, NULL},
    {"mlp.gate_proj", "ffn_gate", HN_HF_COPY, 0, NULL},
    {"mlp.up_proj", "ffn_up", HN_HF_COPY, 0, NULL},
    {"mlp.down_proj", "ffn_down", HN_HF_COPY, 0, NULL},
    {"mlp.gate_up_proj", "ffn_up", HN_HF_COPY, 0, NULL},
    {"mlp.gate", "ffn_gate_inp", HN_HF_F32, 0, NULL},
    {"mlp.router", "ffn_gate_inp", HN_HF_F32, 0, NULL},
    {"block_sparse_moe.gate", "ffn_gate_inp", HN_HF_F32, 0, NULL},
    {"mlp.experts.%.gate_proj", "ffn_gate_exps", HN_HF_STACK, 0, NULL},
    {"mlp.experts.%.up_proj", "ffn_up_exps", HN_HF_STACK, 0, NULL},
    {"mlp.experts.%.down_proj", "ffn_down_exps", HN_HF_STACK, 0, NULL},
    {"block_sparse_moe.experts.%.w1", "ffn_gate_exps", HN_HF_STACK, 0, NULL},
    {"block_sparse_moe.experts.%.w2", "ffn_down_exps", HN_HF_STACK, 0, NULL},
    {"block_sparse_moe.experts.%.w3", "ffn_up_exps", HN_HF_STACK, 0, NULL},
    {"mlp.shared_expert.gate_proj", "ffn_gate_shexp", HN_HF_COPY, 0, NULL},
    {"mlp.shared_expert.up_proj", "ffn_up_shexp", HN_HF_COPY, 0, NULL},
    {"mlp.shared_expert.down_proj", "ffn_down_shexp", HN_HF_COPY, 0, NULL},
    {"mlp.shared_expert_gate", "ffn_gate_inp_shexp", HN_HF_F32, 0, NULL},
    {"mlp.experts.gate_up_proj", "ffn_gate_exps.weight", HN_HF_IN_OUT_TWO, 0, "ffn_up_exps.weight"},
    {"mlp.experts.down_proj", "ffn_down_exps.weight", HN_HF_IN_OUT, 0, NULL},
    {"mlp.experts.gate_up_proj_bias", "ffn_gate_exps.bias", HN_HF_ROWS_TWO, 0, "ffn_up_exps.bias"},
    {"mlp.experts.down_proj_bias", "ffn_down_exps.bias", HN_HF_F32, 0, NULL},
    {"mlp.experts.gate_up_proj_blocks", "ffn_gate_exps.weight", HN_HF_BLOCKS_TWO, 0,
     "ffn_up_exps.weight"},
    {"mlp.experts.gate_up_proj_scales", NULL, HN_HF_SKIP, 0, NULL},
    {"mlp.experts.down_proj_blocks", "ffn_down_exps.weight", HN_HF_BLOCKS, 0, NULL},
    {"mlp.experts.down_proj_scales", NULL, HN_HF_SKIP, 0, NULL},
    {"self_attn.rotary_emb.inv_freq", NULL, HN_HF_SKIP, 0, NULL}, /* computed, not learnt */
};

const struct hn_hf_tensor_row *hn_hf_find_tensor(struct hn_str stem, unsigned flags)
{
    for (size_t i = 0; i < HN_COUNT(tensors); i++)
        if ((tensors[i].flags & ~flags) == 0 && hn_str_is(stem, tensors[i].hf)) return &tensors[i];
    return NULL;
}
