"""Both ways between GGUF and the other forms: the file a converter writes for a Hugging Face
model, and the reference's Spec and weights of such a file.

Key and tensor names, the reordered q/k rows of some architectures, gemma's norms plus one, merged
experts and the rest follow the files that the llama.cpp family of tools writes and reads.
"""

import math

import numpy as np

from gguf_io import encode
from reference import Rope, Spec

# Architecture names by model_type.
ARCH = {"llama": "llama", "mistral": "llama", "mixtral": "llama", "smollm3": "smollm3",
        "qwen2": "qwen2", "qwen3": "qwen3", "gemma2": "gemma2", "gemma3_text": "gemma3",
        "phi3": "phi3", "granite": "granite", "olmo2": "olmo2", "qwen2_moe": "qwen2moe",
        "qwen3_moe": "qwen3moe", "gpt_oss": "gpt-oss"}
# Architectures whose rope turns neighbouring pairs: q and k rows are reordered in the file.
PAIRS = ("llama", "granite", "smollm3")
FILE_TYPE = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7, "BF16": 32, "MXFP4": 38}


# -- writing ---------------------------------------------------------------------------------


def to_pairs(x, n_head):
    """Rows of each head from halves (0, half, ...) to neighbours (0, 1, ...)."""
    return x.reshape(n_head, 2, -1, *x.shape[1:]).swapaxes(1, 2).reshape(x.shape)


def _rope_keys(c, arch, kv):
    s = c.get("rope_scaling") or {}
    kind = s.get("rope_type", s.get("type"))
    head_dim = c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])
    base = c["rope_theta"]
    if kind == "ntk":  # has no key of its own: files carry the scaled base
        base *= s["factor"] ** (head_dim / (head_dim - 2))
    kv["rope.freq_base"] = float(base)
    if arch in PAIRS or arch == "phi3":
        kv["rope.dimension_count"] = int(head_dim * c.get("partial_rotary_factor", 1.0))
    if kind in ("linear", "yarn"):
        kv["rope.scaling.type"] = kind
        kv["rope.scaling.factor"] = float(s["factor"])
    if kind == "yarn":
        kv["rope.scaling.original_context_length"] = s["original_max_position_embeddings"]
        for key in ("beta_fast", "beta_slow"):
            if key in s:
                kv["rope.scaling.yarn_" + key] = float(s[key])
    if "rope_local_base_freq" in c:
        kv["rope.freq_base_swa"] = float(c["rope_local_base_freq"])
    if arch == "phi3":
        original = c["original_max_position_embeddings"]
        kv["rope.scaling.original_context_length"] = original
        if s:
            ratio = c["max_position_embeddings"] / original
            kv["rope.scaling.attn_factor"] = (
                math.sqrt(1 + math.log(ratio) / math.log(original)) if ratio > 1 else 1.0)


def metadata(c, file_type):
    """The general and architecture keys of the file for config c."""
    arch = ARCH[c["model_type"]]
    kv = {"block_count": c["num_hidden_layers"], "context_length": c["max_position_embeddings"],
          "embedding_length": c["hidden_size"], "feed_forward_length": c["intermediate_size"],
          "attention.head_count": c["num_attention_heads"],
          "attention.head_count_kv": c["num_key_value_heads"]}
    _rope_keys(c, arch, kv)
    kv["attention.layer_norm_rms_epsilon"] = c["rms_norm_eps"]
    if "head_dim" in c:
        kv["attention.key_length"] = kv["attention.value_length"] = c["head_dim"]
    if arch in PAIRS:
        kv["vocab_size"] = c["vocab_size"]
    if arch == "phi3" or (c.get("sliding_window") and c.get("use_sliding_window", True)):
        kv["attention.sliding_window"] = c.get("sliding_window") or 0
    for key, value in (
            ("expert_count", c.get("num_local_experts", c.get("num_experts"))),
            ("expert_used_count", c.get("num_experts_per_tok")),
            ("expert_feed_forward_length", c["intermediate_size"] if arch == "gpt-oss"
             else c.get("moe_intermediate_size")),
            ("expert_shared_feed_forward_length", c.get("shared_expert_intermediate_size")),
            ("attn_logit_softcapping", c.get("attn_logit_softcapping")),
            ("final_logit_softcapping", c.get("final_logit_softcapping")),
            ("attention.scale", c.get("attention_multiplier")),
            ("embedding_scale", c.get("embedding_multiplier")),
            ("residual_scale", c.get("residual_multiplier")),
            ("logit_scale", c.get("logits_scaling"))):
        if value is not None:
            kv[key] = value
    return {"general.architecture": arch, "general.type": "model",
            "general.name": "golden", "general.file_type": file_type,
            "general.quantization_version": 2, **{f"{arch}.{k}": v for k, v in kv.items()}}


_NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "self_attn.qkv_proj": "attn_qkv",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
    "self_attn.sinks": "attn_sinks.weight",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "mlp.gate_up_proj": "ffn_up", "mlp.gate": "ffn_gate_inp", "mlp.router": "ffn_gate_inp",
    "block_sparse_moe.gate": "ffn_gate_inp",
    "mlp.shared_expert.gate_proj": "ffn_gate_shexp", "mlp.shared_expert.up_proj": "ffn_up_shexp",
    "mlp.shared_expert.down_proj": "ffn_down_shexp",
    "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "pre_feedforward_layernorm": "ffn_norm", "post_feedforward_layernorm": "post_ffw_norm",
}
_EXPERT = {"w1": "gate", "w2": "down", "w3": "up", "gate_proj": "gate", "up_proj": "up",
           "down_proj": "down"}


def _gpt_oss_experts(x, leaf, blk):
    """The fused expert tensors apart: gate and up rows alternate, matrices are (in, out)."""
    if leaf == "gate_up_proj_bias":
        return {f"{blk}ffn_gate_exps.bias": x[:, 0::2], f"{blk}ffn_up_exps.bias": x[:, 1::2]}
    if leaf == "down_proj_bias":
        return {f"{blk}ffn_down_exps.bias": x}
    x = np.swapaxes(x, 1, 2)
    if leaf == "down_proj":
        return {f"{blk}ffn_down_exps.weight": x}
    return {f"{blk}ffn_gate_exps.weight": x[:, 0::2], f"{blk}ffn_up_exps.weight": x[:, 1::2]}


def _layer_tensor(c, name, x):
    """(GGUF name -> array) of one tensor of a layer; experts one by one are left to merge."""
    _, _, i, rest = name.split(".", 3)
    arch, blk = ARCH[c["model_type"]], f"blk.{i}."
    if ".experts." in rest and arch == "gpt-oss":
        return _gpt_oss_experts(x, rest.rsplit(".", 1)[1], blk)
    stem, _, suffix = rest.rpartition(".")
    if rest == "self_attn.sinks":
        return {blk + "attn_sinks.weight": x}
    if arch in PAIRS and stem.endswith("q_proj"):
        x = to_pairs(x, c["num_attention_heads"])
    if arch in PAIRS and stem.endswith("k_proj"):
        x = to_pairs(x, c["num_key_value_heads"])
    ours = _NAMES[stem]
    if stem == "post_attention_layernorm" and arch in ("gemma2", "gemma3", "olmo2", "gpt-oss"):
        ours = "post_attention_norm"
    return {f"{blk}{ours}.{suffix}": x}


def _llama3_factors(c):
    s = c["rope_scaling"]
    dim = c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])
    original, factor = s["original_max_position_embeddings"], s["factor"]
    low, high = s["low_freq_factor"], s["high_freq_factor"]
    out = []
    for j in range(0, dim, 2):
        wave = 2 * math.pi * c["rope_theta"] ** (j / dim)
        smooth = (original / wave - low) / (high - low)
        out.append(1.0 if wave < original / high else factor if wave > original / low
                   else 1 / ((1 - smooth) / factor + smooth))
    return np.array(out, np.float32)


def arrays(c, w):
    """GGUF name -> float32 array, of the weights under their Hugging Face names."""
    out = {"token_embd.weight": w["model.embed_tokens.weight"],
           "output_norm.weight": w["model.norm.weight"]}
    if "lm_head.weight" in w:
        out["output.weight"] = w["lm_head.weight"]
    merged = {}
    for name, x in w.items():
        if not name.startswith("model.layers."):
            continue
        parts = name.split(".")
        if "experts" in parts and parts[parts.index("experts") + 1].isdigit():
            key = f"blk.{parts[2]}.ffn_{_EXPERT[parts[-2]]}_exps.weight"
            merged.setdefault(key, []).append(x)
        else:
            out.update(_layer_tensor(c, name, x))
    out.update({k: np.stack(v) for k, v in merged.items()})
    if c["model_type"].startswith("gemma"):
        out = {k: x + np.float32(1) if "norm" in k else x for k, x in out.items()}
    s = c.get("rope_scaling") or {}
    if s.get("rope_type") == "llama3":
        out["rope_freqs.weight"] = _llama3_factors(c)
    if "long_factor" in s:
        out["rope_factors_long.weight"] = np.array(s["long_factor"], np.float32)
        out["rope_factors_short.weight"] = np.array(s["short_factor"], np.float32)
    return out


def tensors(c, w, type_name):
    """GGUF name -> Tensor; vectors, expert biases and routers stay F32 whatever the type."""
    out = {}
    for name, x in arrays(c, w).items():
        kind = type_name
        if x.ndim == 1 or not name.endswith(".weight") or "ffn_gate_inp" in name:
            kind = "F32"
        elif "_exps" in name and "quantization_config" in c:
            kind = "MXFP4"
        elif type_name == "MXFP4" and "_exps" not in name:
            kind = "Q8_0"
        out[name] = encode(x, kind)
    return out


# -- reading ---------------------------------------------------------------------------------


def _ramp(low, high, n):
    return 1 - np.clip((np.arange(n) - low) / max(0.001, high - low), 0, 1)


def _rope(get, arch, t, dim, context):
    """Rotation as GGUF readers see it: position scale, mixed by YaRN, over per-pair factors."""
    base, factor = get("rope.freq_base", 10000.0), get("rope.scaling.factor", 1.0)
    kind = get("rope.scaling.type", "linear")
    original = get("rope.scaling.original_context_length", get("context_length"))
    theta = base ** (-2.0 * np.arange(dim // 2) / dim)
    scale = get("rope.scaling.attn_factor", 1.0)
    if "rope_freqs.weight" in t:
        theta = theta / t["rope_freqs.weight"].decode()
    if "rope_factors_long.weight" in t:
        which = "long" if context > original else "short"
        theta = theta / t[f"rope_factors_{which}.weight"].decode()
    if kind != "yarn":
        return Rope(theta / factor, scale)
    ends = [dim * math.log(original / (n * 2 * math.pi)) / (2 * math.log(base))
            for n in (get("rope.scaling.yarn_beta_fast", 32.0),
                      get("rope.scaling.yarn_beta_slow", 1.0))]
    # The authors of gpt-oss do not round the ends of its ramp; its files have no key for that.
    low, high = ends if arch == "gpt-oss" else (math.floor(ends[0]), math.ceil(ends[1]))
    keep = _ramp(max(0, low), min(dim - 1, high), dim // 2)
    return Rope(theta / factor * (1 - keep) + theta * keep, scale * (1 + 0.1 * math.log(factor)))


def spec_of(meta, t, context):
    """The Spec of a file's metadata, run with the given context length."""
    arch = meta["general.architecture"]

    def get(key, default=None):
        return meta.get(f"{arch}.{key}", default)

    n, heads = get("block_count"), get("attention.head_count")
    head_dim = get("attention.key_length", get("embedding_length") // heads)
    rope = _rope(get, arch, t, get("rope.dimension_count", head_dim), context)
    window = get("attention.sliding_window", 0)
    ropes, windows = [rope] * n, [window] * n
    if arch in ("gemma2", "gpt-oss"):
        windows = [window if i % 2 == 0 else 0 for i in range(n)]
    elif arch == "gemma3":
        near = Rope(get("rope.freq_base_swa", 10000.0) ** (-2.0 * np.arange(head_dim // 2)
                                                           / head_dim))
        windows = [window if (i + 1) % 6 else 0 for i in range(n)]
        ropes = [near if x else rope for x in windows]
    elif arch == "smollm3":
        ropes = [rope if (i + 1) % 4 else None for i in range(n)]
    gemma = arch in ("gemma2", "gemma3")
    return Spec(
        n_layer=n, n_head=heads, n_kv=get("attention.head_count_kv", heads), head_dim=head_dim,
        eps=get("attention.layer_norm_rms_epsilon"), ropes=ropes, windows=windows,
        rope_pairs=arch in PAIRS, attn_scale=get("attention.scale", 0.0),
        attn_cap=get("attn_logit_softcapping", 0.0) if arch == "gemma2" else 0.0,
        final_cap=get("final_logit_softcapping", 0.0),
        embd_scale=get("embedding_length") ** 0.5 if gemma else get("embedding_scale", 1.0),
        residual_scale=get("residual_scale", 1.0), logit_divisor=get("logit_scale", 1.0),
        activation="gelu" if gemma else "oai" if arch == "gpt-oss" else "silu",
        top_k=get("expert_used_count", 0), renormalise=arch != "qwen2moe")


_READ = {
    "attn_q": "q", "attn_k": "k", "attn_v": "v", "attn_output": "o", "attn_q_norm": "q_norm",
    "attn_k_norm": "k_norm", "attn_sinks": "sinks", "attn_norm": "attn_norm",
    "post_attention_norm": "post_attn_norm", "ffn_norm": "ffn_norm",
    "post_ffw_norm": "post_ffn_norm", "ffn_gate": "gate", "ffn_up": "up", "ffn_down": "down",
    "ffn_gate_inp": "router", "ffn_gate_exps": "experts.gate", "ffn_up_exps": "experts.up",
    "ffn_down_exps": "experts.down", "ffn_gate_shexp": "shared.gate",
    "ffn_up_shexp": "shared.up", "ffn_down_shexp": "shared.down",
    "ffn_gate_inp_shexp": "shared.router",
}


def load(meta, t, context):
    """(Spec, weights) of a file read with read_gguf."""
    spec, out = spec_of(meta, t, context), {}
    top = {"token_embd.weight": "embd", "output_norm.weight": "final_norm", "output.weight": "head"}
    for name, tensor in t.items():
        if name in top:
            out[top[name]] = tensor.decode()
            continue
        if not name.startswith("blk."):
            continue
        _, i, stem, suffix = name.split(".")
        x, bias = tensor.decode(), ".b" if suffix == "bias" else ""
        if stem == "attn_qkv":
            q, kv = spec.n_head * spec.head_dim, spec.n_kv * spec.head_dim
            out[f"{i}.q"], out[f"{i}.k"], out[f"{i}.v"] = np.split(x, [q, q + kv])
        elif stem == "ffn_up" and f"blk.{i}.ffn_gate.weight" not in t:
            out[f"{i}.gate"], out[f"{i}.up"] = np.split(x, 2)
        elif stem == "post_attention_norm" and meta["general.architecture"] == "gpt-oss":
            out[f"{i}.ffn_norm"] = x
        elif stem == "ffn_gate_inp_shexp":
            out[f"{i}.shared.router"] = x.reshape(1, -1)
        else:
            out[f"{i}.{_READ[stem]}{bias}"] = x
    return spec, out
