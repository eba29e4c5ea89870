"""Random weights under the names and shapes that each family's Hugging Face form has."""

import zlib

import numpy as np

from gguf_io import FP4, from_bf16_bits, quantize_fp4, to_bf16_bits


def _attention(c, p):
    """name -> (shape, gain) of one layer's attention; gain g means a deviation of g / sqrt(in)."""
    dim, heads, kv = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"]
    hd = c.get("head_dim", dim // heads)
    kind = c["model_type"]
    if kind == "phi3":
        w = {"qkv_proj.weight": ((heads + 2 * kv) * hd, dim)}
    else:
        w = {"q_proj.weight": (heads * hd, dim), "k_proj.weight": (kv * hd, dim),
             "v_proj.weight": (kv * hd, dim)}
    w["o_proj.weight"] = (dim, heads * hd)
    if kind in ("qwen2", "qwen2_moe") or c.get("attention_bias"):
        w.update({"q_proj.bias": (heads * hd,), "k_proj.bias": (kv * hd,),
                  "v_proj.bias": (kv * hd,)})
        if c.get("attention_bias"):
            w["o_proj.bias"] = (dim,)
    if kind in ("qwen3", "qwen3_moe", "gemma3_text"):
        w.update({"q_norm.weight": (hd,), "k_norm.weight": (hd,)})
    if kind == "olmo2":
        w.update({"q_norm.weight": (heads * hd,), "k_norm.weight": (kv * hd,)})
    if kind == "gpt_oss":
        w["sinks"] = (heads,)
    return {f"{p}self_attn.{k}": v for k, v in w.items()}


def _gated(p, dim, hidden, names=("gate_proj", "up_proj", "down_proj")):
    gate, up, down = names
    return {f"{p}{gate}.weight": (hidden, dim), f"{p}{up}.weight": (hidden, dim),
            f"{p}{down}.weight": (dim, hidden)}


def _feed_forward(c, p):
    dim, hidden, kind = c["hidden_size"], c["intermediate_size"], c["model_type"]
    if kind == "phi3":
        return {f"{p}mlp.gate_up_proj.weight": (2 * hidden, dim),
                f"{p}mlp.down_proj.weight": (dim, hidden)}
    if kind == "mixtral":
        w = {f"{p}block_sparse_moe.gate.weight": (c["num_local_experts"], dim)}
        for e in range(c["num_local_experts"]):
            w.update(_gated(f"{p}block_sparse_moe.experts.{e}.", dim, hidden, ("w1", "w3", "w2")))
        return w
    if kind in ("qwen2_moe", "qwen3_moe"):
        w = {f"{p}mlp.gate.weight": (c["num_experts"], dim)}
        for e in range(c["num_experts"]):
            w.update(_gated(f"{p}mlp.experts.{e}.", dim, c["moe_intermediate_size"]))
        if kind == "qwen2_moe":
            w.update(_gated(f"{p}mlp.shared_expert.", dim, c["shared_expert_intermediate_size"]))
            w[f"{p}mlp.shared_expert_gate.weight"] = (1, dim)
        return w
    if kind == "gpt_oss":
        n = c["num_local_experts"]
        return {f"{p}mlp.router.weight": (n, dim), f"{p}mlp.router.bias": (n,),
                f"{p}mlp.experts.gate_up_proj": (n, dim, 2 * hidden),
                f"{p}mlp.experts.gate_up_proj_bias": (n, 2 * hidden),
                f"{p}mlp.experts.down_proj": (n, hidden, dim),
                f"{p}mlp.experts.down_proj_bias": (n, dim)}
    w = _gated(f"{p}mlp.", dim, hidden)
    if c.get("mlp_bias"):
        w.update({k.replace("weight", "bias"): v[:1] for k, v in list(w.items())})
    return w


def _norm_names(kind):
    if kind == "olmo2":
        return ["post_attention_layernorm", "post_feedforward_layernorm"]
    names = ["input_layernorm", "post_attention_layernorm"]
    if kind in ("gemma2", "gemma3_text"):
        names += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
    return names


def shapes(c):
    """name -> shape of every tensor of the model with config c."""
    dim = c["hidden_size"]
    w = {"model.embed_tokens.weight": (c["vocab_size"], dim)}
    for i in range(c["num_hidden_layers"]):
        p = f"model.layers.{i}."
        w.update({f"{p}{n}.weight": (dim,) for n in _norm_names(c["model_type"])})
        w.update(_attention(c, p))
        w.update(_feed_forward(c, p))
    w["model.norm.weight"] = (dim,)
    if not c["tie_word_embeddings"]:
        w["lm_head.weight"] = (c["vocab_size"], dim)
    return w


def _draw(c, name, shape, rng):
    x = rng.standard_normal(shape)
    kind, dim = c["model_type"], c["hidden_size"]
    if "norm" in name:
        # Gemma stores the deviation from one.
        return 0.2 * x + (0 if kind.startswith("gemma") else 1)
    if "embed_tokens" in name:
        return x * (1.5 / np.sqrt(dim) if c["tie_word_embeddings"] else 0.7)
    if name.endswith("sinks"):
        return 1.5 * x
    if "mlp.experts" in name and kind == "gpt_oss":
        # Wide enough for the gate's clamp at 7 to act; input sizes are the last but one.
        if name.endswith("bias"):
            return 0.5 * x
        return x * (3.0 if "gate_up" in name else 0.5) / np.sqrt(shape[-2])
    if "bias" in name:
        return 0.3 * x
    gain = 1.0
    if any(s in name for s in ("q_proj", "k_proj", "qkv_proj")):
        gain = 1.6  # sharp attention: an error in the rotation shows
    if any(s in name for s in ("router", "moe.gate", "mlp.gate.", "shared_expert_gate")):
        gain = 3.0  # decisive routing: rounding rarely changes the choice
    return x * gain / np.sqrt(shape[-1])


def round_to(x, dtype):
    """float32 values that the given float type holds exactly."""
    x = np.asarray(x, np.float32)
    if dtype == "bf16":
        return from_bf16_bits(to_bf16_bits(x)).reshape(x.shape)
    return x.astype(np.float16).astype(np.float32) if dtype == "f16" else x


def _to_fp4(x):
    """An expert tensor of (experts, in, out) rounded to MXFP4 along its inputs."""
    t = np.swapaxes(x, 1, 2)
    e, code = quantize_fp4(t)
    v = FP4[code] * np.exp2(e.astype(np.float32) - 127)[:, None]
    return np.ascontiguousarray(np.swapaxes(v.reshape(t.shape), 1, 2))


def make_weights(c, seed, dtype="f32"):
    """name -> float32 array; each tensor depends on the seed and its own name only."""
    w = {}
    for name, shape in shapes(c).items():
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        x = round_to(_draw(c, name, shape, rng), dtype)
        if "quantization_config" in c and name.endswith(("experts.gate_up_proj",
                                                         "experts.down_proj")):
            x = _to_fp4(x)
        w[name] = x
    return w
