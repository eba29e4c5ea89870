"""The golden models: one row per family or variant, as the config.json that family ships.

Sizes are tiny, but every feature bites within the prompt of PROMPT tokens: windows are shorter
than the prompt, original rope contexts are shorter than it, soft-caps and the clamp of the
gpt-oss gate are inside the range of the values, the epsilon of the norms is large enough to be
seen, heads are grouped, and head sizes differ from dim / heads where the family allows it.
"""

PROMPT = 48
VOCAB = 288

# What every row shares, unless it says otherwise.
_BASE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "vocab_size": VOCAB,
    "rms_norm_eps": 1e-3,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "bos_token_id": 280,
    "eos_token_id": 281,
    "torch_dtype": "float32",
    "use_cache": True,
}


def _row(arch, model_type, **keys):
    return {"architectures": [arch], "model_type": model_type, **_BASE, **keys}


def _llama(**keys):
    return _row("LlamaForCausalLM", "llama", attention_bias=False, mlp_bias=False, **keys)


def _phi3(**keys):
    return _row("Phi3ForCausalLM", "phi3", attention_bias=False, pad_token_id=282, resid_pdrop=0.0,
                **keys)


def _gpt_oss(**keys):
    return _row("GptOssForCausalLM", "gpt_oss", num_hidden_layers=4, head_dim=32,
                attention_bias=True, intermediate_size=96, num_local_experts=6,
                num_experts_per_tok=4, experts_per_token=4, sliding_window=12, swiglu_limit=7.0,
                layer_types=["sliding_attention", "full_attention"] * 2, rope_theta=150000.0,
                initial_context_length=32, rope_scaling={
                    "rope_type": "yarn", "factor": 8.0, "beta_fast": 4.0, "beta_slow": 1.0,
                    "truncate": False, "original_max_position_embeddings": 32},
                **keys)


# Half the rotary dimensions of a phi3 head, short and long.
_SHORT = [1.0, 1.02, 1.05, 1.1, 1.15, 1.25, 1.35, 1.5]
_LONG = [1.05, 1.3, 1.9, 2.7, 4.1, 6.3, 9.0, 12.5]

FAMILIES = {
    "llama": _llama(head_dim=16, rope_theta=500000.0),
    "llama-bias": dict(_llama(), attention_bias=True, mlp_bias=True),
    "llama-linear": _llama(rope_scaling={"type": "linear", "factor": 4.0}),
    "llama-ntk": _llama(rope_scaling={"type": "ntk", "factor": 4.0}),
    "llama-yarn": _llama(rope_scaling={"rope_type": "yarn", "factor": 4.0,
                                       "original_max_position_embeddings": 32,
                                       "beta_fast": 8.0, "beta_slow": 1.0}),
    "llama-llama3": _llama(hidden_size=128, head_dim=32, rope_theta=1000.0, rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32}),
    "mistral": _row("MistralForCausalLM", "mistral", head_dim=32, sliding_window=12),
    "smollm": _llama(tie_word_embeddings=True),
    "smollm3": _row("SmolLM3ForCausalLM", "smollm3", num_hidden_layers=5, attention_bias=False,
                    mlp_bias=False, no_rope_layer_interval=4, no_rope_layers=[1, 1, 1, 0, 1],
                    use_sliding_window=False, sliding_window=None,
                    layer_types=["full_attention"] * 5, rope_theta=5000000.0,
                    tie_word_embeddings=True),
    "qwen2": _row("Qwen2ForCausalLM", "qwen2", rms_norm_eps=2e-3, rope_theta=1000000.0,
                  use_sliding_window=False, sliding_window=32, max_window_layers=3,
                  tie_word_embeddings=True),
    "qwen2-yarn": _row("Qwen2ForCausalLM", "qwen2", rms_norm_eps=2e-3, rope_theta=1000000.0,
                       use_sliding_window=False, sliding_window=32, max_window_layers=3,
                       rope_scaling={"type": "yarn", "factor": 4.0,
                                     "original_max_position_embeddings": 32}),
    "qwen3": _row("Qwen3ForCausalLM", "qwen3", head_dim=32, rms_norm_eps=2e-3,
                  rope_theta=1000000.0, attention_bias=False, use_sliding_window=False,
                  sliding_window=None, max_window_layers=3),
    "gemma2": _row("Gemma2ForCausalLM", "gemma2", num_hidden_layers=4, head_dim=32,
                   query_pre_attn_scalar=32, rms_norm_eps=2e-3, sliding_window=12,
                   attn_logit_softcapping=5.0, final_logit_softcapping=3.0,
                   hidden_activation="gelu_pytorch_tanh", hidden_act="gelu_pytorch_tanh",
                   attention_bias=False, tie_word_embeddings=True),
    "gemma3": _row("Gemma3ForCausalLM", "gemma3_text", num_hidden_layers=7, head_dim=32,
                   query_pre_attn_scalar=32, rms_norm_eps=2e-3, sliding_window=10,
                   sliding_window_pattern=6, attn_logit_softcapping=None,
                   final_logit_softcapping=None, hidden_activation="gelu_pytorch_tanh",
                   rope_theta=1000000.0, rope_local_base_freq=10000.0,
                   rope_scaling={"rope_type": "linear", "factor": 8.0},
                   attention_bias=False, tie_word_embeddings=True),
    "phi3": _phi3(original_max_position_embeddings=256, rope_scaling=None, sliding_window=14),
    # Within the original context the short factors hold, beyond it the long ones.
    "phi3-short": _phi3(original_max_position_embeddings=256, sliding_window=None,
                        rope_scaling={"type": "longrope", "short_factor": _SHORT,
                                      "long_factor": _LONG}),
    "phi3-long": _phi3(original_max_position_embeddings=32, sliding_window=None,
                       rope_scaling={"type": "su", "short_factor": _SHORT, "long_factor": _LONG}),
    # As Phi-4-mini: three quarters of each head rotate.
    "phi3-partial": _phi3(hidden_size=128, original_max_position_embeddings=32,
                          partial_rotary_factor=0.75, sliding_window=256,
                          tie_word_embeddings=True,
                          rope_scaling={"type": "longrope", "short_factor": _SHORT + [1.6] * 4,
                                        "long_factor": _LONG + [13.0, 15.0, 17.0, 20.0]}),
    "granite": _row("GraniteForCausalLM", "granite", attention_bias=False, mlp_bias=False,
                    embedding_multiplier=12.0, attention_multiplier=0.11,
                    residual_multiplier=0.22, logits_scaling=8.0, tie_word_embeddings=True),
    "olmo2": _row("Olmo2ForCausalLM", "olmo2", rms_norm_eps=2e-3, rope_theta=500000.0,
                  attention_bias=False),
    "mixtral": _row("MixtralForCausalLM", "mixtral", num_local_experts=4, num_experts_per_tok=2,
                    sliding_window=None, rope_theta=1000000.0, router_aux_loss_coef=0.02),
    "qwen2moe": _row("Qwen2MoeForCausalLM", "qwen2_moe", num_experts=6, num_experts_per_tok=3,
                     moe_intermediate_size=64, shared_expert_intermediate_size=128,
                     norm_topk_prob=False, decoder_sparse_step=1, mlp_only_layers=[],
                     rms_norm_eps=2e-3, rope_theta=1000000.0, use_sliding_window=False,
                     sliding_window=32, max_window_layers=3),
    "qwen3moe": _row("Qwen3MoeForCausalLM", "qwen3_moe", head_dim=32, num_experts=8,
                     num_experts_per_tok=3, moe_intermediate_size=64, norm_topk_prob=True,
                     decoder_sparse_step=1, mlp_only_layers=[], rms_norm_eps=2e-3,
                     rope_theta=1000000.0, attention_bias=False, use_sliding_window=False,
                     sliding_window=None, max_window_layers=3),
    "gpt-oss": _gpt_oss(),
    "gpt-oss-mxfp4": _gpt_oss(quantization_config={
        "quant_method": "mxfp4",
        "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router",
                                   "model.embed_tokens", "lm_head"]}),
}

# The Hugging Face form of this family is split in two files with an index.
SHARDED = "qwen3"

# What each row is there to show, for the table.
FEATURES = {
    "llama": "grouped queries, interleaved q/k rows in GGUF",
    "llama-bias": "biases on every projection",
    "llama-linear": "linear rope scaling",
    "llama-ntk": "rope base scaled once (NTK)",
    "llama-yarn": "YaRN",
    "llama-llama3": "llama3 rope factors",
    "mistral": "sliding window, head size of its own",
    "smollm": "tied embeddings",
    "smollm3": "every fourth layer without rope, tied embeddings",
    "qwen2": "q/k/v biases, tied embeddings",
    "qwen2-yarn": "q/k/v biases, YaRN",
    "qwen3": "q/k norms per head, sharded safetensors",
    "gemma2": "soft-caps, alternating windows, pre/post norms, scaled embeddings, GELU",
    "gemma3": "q/k norms, five windows to one global layer, two rope bases, linear scaling",
    "phi3": "fused qkv and gate/up, sliding window",
    "phi3-short": "longrope within the original context",
    "phi3-long": "longrope beyond the original context",
    "phi3-partial": "partial rotary, longrope",
    "granite": "embedding, residual, attention and logit multipliers",
    "olmo2": "post-norms only, q/k norms over the whole projection",
    "mixtral": "experts, top 2 of 4 renormalised",
    "qwen2moe": "experts, top 3 of 6, gated shared expert",
    "qwen3moe": "experts, top 3 of 8 renormalised, q/k norms",
    "gpt-oss": "sinks, alternating windows, YaRN, biases, clamped SwiGLU, experts top 4 of 6",
    "gpt-oss-mxfp4": "the same with MXFP4 experts",
}
