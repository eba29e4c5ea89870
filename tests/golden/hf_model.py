"""Spec and weights of the reference from a Hugging Face config and its tensors.

The rope formulas are those of the published modeling code (its rope utilities), where angles are
pre-scaled frequencies; gguf_model.py has the other reading of the same scalings.
"""

import math

import numpy as np

from reference import Rope, Spec


def _inverse(base, dim):
    return 1.0 / base ** (np.arange(0, dim, 2) / dim)


def _yarn(c, s, base, dim):
    factor = s["factor"]
    original = s.get("original_max_position_embeddings") or c["max_position_embeddings"]
    fast, slow = s.get("beta_fast") or 32.0, s.get("beta_slow") or 1.0

    def turns(n):  # the dimension whose wave turns n times within the original context
        return dim * math.log(original / (n * 2 * math.pi)) / (2 * math.log(base))

    low, high = turns(fast), turns(slow)
    if s.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dim - 1)
    if low == high:
        high += 0.001
    ramp = np.clip((np.arange(dim // 2) - low) / (high - low), 0, 1)
    inv = _inverse(base, dim)
    scale = s.get("attention_factor") or (0.1 * math.log(factor) + 1 if factor > 1 else 1.0)
    return Rope(inv / factor * ramp + inv * (1 - ramp), scale)


def _llama3(s, base, dim):
    inv = _inverse(base, dim)
    original, factor = s["original_max_position_embeddings"], s["factor"]
    low, high = s["low_freq_factor"], s["high_freq_factor"]
    wave = 2 * np.pi / inv
    smooth = (original / wave - low) / (high - low)
    mixed = (1 - smooth) * inv / factor + smooth * inv
    return Rope(np.where(wave > original / low, inv / factor,
                         np.where(wave < original / high, inv, mixed)))


def _longrope(c, s, base, dim, n_tokens):
    original = c["original_max_position_embeddings"]
    ratio = c["max_position_embeddings"] / original
    factors = s["long_factor"] if n_tokens > original else s["short_factor"]
    scale = math.sqrt(1 + math.log(ratio) / math.log(original)) if ratio > 1 else 1.0
    return Rope(_inverse(base, dim) / np.array(factors, np.float32), scale)


def rope(c, n_tokens):
    """The rotation of a layer with full attention."""
    head_dim = c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])
    dim = int(head_dim * c.get("partial_rotary_factor", 1.0))
    base, s = c["rope_theta"], c.get("rope_scaling") or {}
    kind = s.get("rope_type", s.get("type", "default"))
    if kind == "linear":
        return Rope(_inverse(base, dim) / s["factor"])
    if kind == "ntk":
        return Rope(_inverse(base * s["factor"] ** (dim / (dim - 2)), dim))
    if kind == "yarn":
        return _yarn(c, s, base, dim)
    if kind == "llama3":
        return _llama3(s, base, dim)
    if kind in ("longrope", "su"):
        return _longrope(c, s, base, dim, n_tokens)
    if kind != "default":
        raise ValueError(f"rope type {kind} is not known")
    return Rope(_inverse(base, dim))


def _layers(c, n_tokens):
    """(ropes, windows) per layer."""
    n, kind = c["num_hidden_layers"], c["model_type"]
    ropes = [rope(c, n_tokens)] * n
    window = c.get("sliding_window") or 0
    if not c.get("use_sliding_window", True):
        window = 0
    windows = [window] * n
    if kind == "gemma2":
        windows = [window if i % 2 == 0 else 0 for i in range(n)]
    elif kind == "gemma3_text":
        local = [(i + 1) % c["sliding_window_pattern"] != 0 for i in range(n)]
        windows = [window if x else 0 for x in local]
        near = Rope(_inverse(c["rope_local_base_freq"], c["head_dim"]))
        ropes = [near if x else ropes[0] for x in local]
    elif kind == "smollm3":
        ropes = [r if keep else None for r, keep in zip(ropes, c["no_rope_layers"])]
    elif "layer_types" in c:
        windows = [window if t == "sliding_attention" else 0 for t in c["layer_types"]]
    return ropes, windows


def spec_of(c, n_tokens):
    kind = c["model_type"]
    ropes, windows = _layers(c, n_tokens)
    gemma = kind.startswith("gemma")
    return Spec(
        n_layer=c["num_hidden_layers"], n_head=c["num_attention_heads"],
        n_kv=c["num_key_value_heads"], eps=c["rms_norm_eps"], ropes=ropes, windows=windows,
        head_dim=c.get("head_dim", c["hidden_size"] // c["num_attention_heads"]),
        attn_scale=c["query_pre_attn_scalar"] ** -0.5 if gemma else c.get("attention_multiplier",
                                                                          0.0),
        attn_cap=c.get("attn_logit_softcapping") or 0.0,
        final_cap=c.get("final_logit_softcapping") or 0.0,
        embd_scale=c["hidden_size"] ** 0.5 if gemma else c.get("embedding_multiplier", 1.0),
        residual_scale=c.get("residual_multiplier", 1.0),
        logit_divisor=c.get("logits_scaling", 1.0),
        activation="gelu" if gemma else "oai" if kind == "gpt_oss" else "silu",
        top_k=c.get("num_experts_per_tok", 0),
        renormalise=c.get("norm_topk_prob", True))


def _norms(kind):
    if kind.startswith("gemma"):
        return {"input_layernorm": "attn_norm", "post_attention_layernorm": "post_attn_norm",
                "pre_feedforward_layernorm": "ffn_norm",
                "post_feedforward_layernorm": "post_ffn_norm"}
    if kind == "olmo2":
        return {"post_attention_layernorm": "post_attn_norm",
                "post_feedforward_layernorm": "post_ffn_norm"}
    return {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"}


def _stack(w, names):
    return np.stack([w[n] for n in names])


def _layer(c, w, i):
    """The reference's names of layer i, without their prefix."""
    kind, p, out = c["model_type"], f"model.layers.{i}.", {}
    for theirs, ours in _norms(kind).items():
        out[ours] = w[f"{p}{theirs}.weight"]
    a = p + "self_attn."
    if kind == "phi3":
        head_dim = c["hidden_size"] // c["num_attention_heads"]
        q, kv = c["hidden_size"], c["num_key_value_heads"] * head_dim
        out["q"], out["k"], out["v"] = np.split(w[a + "qkv_proj.weight"], [q, q + kv])
        out["gate"], out["up"] = np.split(w[p + "mlp.gate_up_proj.weight"], 2)
        out["down"] = w[p + "mlp.down_proj.weight"]
        out["o"] = w[a + "o_proj.weight"]
        return out
    for s in "qkvo":
        out[s] = w[f"{a}{s}_proj.weight"]
        if f"{a}{s}_proj.bias" in w:
            out[s + ".b"] = w[f"{a}{s}_proj.bias"]
    for s in ("q_norm", "k_norm"):
        if f"{a}{s}.weight" in w:
            out[s] = w[f"{a}{s}.weight"]
    if kind == "mixtral":
        m = p + "block_sparse_moe."
        out["router"] = w[m + "gate.weight"]
        for ours, theirs in (("gate", "w1"), ("up", "w3"), ("down", "w2")):
            out["experts." + ours] = _stack(
                w, [f"{m}experts.{e}.{theirs}.weight" for e in range(c["num_local_experts"])])
    elif kind in ("qwen2_moe", "qwen3_moe"):
        m = p + "mlp."
        out["router"] = w[m + "gate.weight"]
        for s in ("gate", "up", "down"):
            out["experts." + s] = _stack(
                w, [f"{m}experts.{e}.{s}_proj.weight" for e in range(c["num_experts"])])
            if kind == "qwen2_moe":
                out["shared." + s] = w[f"{m}shared_expert.{s}_proj.weight"]
        if kind == "qwen2_moe":
            out["shared.router"] = w[m + "shared_expert_gate.weight"]
    elif kind == "gpt_oss":
        m = p + "mlp."
        out["sinks"] = w[a + "sinks"]
        out["router"], out["router.b"] = w[m + "router.weight"], w[m + "router.bias"]
        both = np.swapaxes(w[m + "experts.gate_up_proj"], 1, 2)
        bias = w[m + "experts.gate_up_proj_bias"]
        for j, s in enumerate(("gate", "up")):  # rows alternate: gate, up, gate, up, ...
            out["experts." + s], out[f"experts.{s}.b"] = both[:, j::2], bias[:, j::2]
        out["experts.down"] = np.swapaxes(w[m + "experts.down_proj"], 1, 2)
        out["experts.down.b"] = w[m + "experts.down_proj_bias"]
    else:
        for s in ("gate", "up", "down"):
            out[s] = w[f"{p}mlp.{s}_proj.weight"]
            if f"{p}mlp.{s}_proj.bias" in w:
                out[s + ".b"] = w[f"{p}mlp.{s}_proj.bias"]
    return out


def load(c, w, n_tokens):
    """(Spec, weights) for a prompt of n_tokens (which decides between longrope's factors)."""
    out = {"embd": w["model.embed_tokens.weight"], "final_norm": w["model.norm.weight"]}
    if "lm_head.weight" in w:
        out["head"] = w["lm_head.weight"]
    for i in range(c["num_hidden_layers"]):
        out.update({f"{i}.{k}": v for k, v in _layer(c, w, i).items()})
    if c["model_type"].startswith("gemma"):  # gemma stores norm weights minus one
        out = {k: v + 1 if "norm" in k else v for k, v in out.items()}
    return spec_of(c, n_tokens), out
