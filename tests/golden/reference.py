"""The reference forward pass: every family, every position at once, in float64.

Deliberately plain: the whole attention matrix, no cache, experts one token at a time. A model is
a Spec and a dict of weights under the names below; hf_model.py and gguf_model.py make both from
the two forms in which models ship.

Weights: embd, final_norm, head, and per layer N.x with x among attn_norm, q, k, v, o (each with
an optional .b), q_norm, k_norm, sinks, post_attn_norm, ffn_norm, gate, up, down (optional .b),
post_ffn_norm, router (optional .b), experts.gate/up/down (stacked; optional .b),
shared.gate/up/down and shared.router. Matrices are (out, in).
"""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Rope:
    """Rotation of one layer: angle = position * freq; cos and sin are multiplied by scale."""

    freq: np.ndarray
    scale: float = 1.0


@dataclass
class Spec:
    n_layer: int
    n_head: int
    n_kv: int
    head_dim: int
    eps: float
    ropes: list  # per layer, None where the layer has no rope
    windows: list  # per layer, keys a query sees including its own, 0 for all
    rope_pairs: bool = False  # rotate (0,1), (2,3), ... instead of (i, i + half)
    attn_scale: float = 0.0  # 0: 1 / sqrt(head_dim)
    attn_cap: float = 0.0
    final_cap: float = 0.0
    embd_scale: float = 1.0
    residual_scale: float = 1.0
    logit_divisor: float = 1.0
    activation: str = "silu"  # or gelu, or oai: the clamped gate of gpt-oss
    top_k: int = 0
    renormalise: bool = True  # expert weights sum to one over the chosen
    extra: dict = field(default_factory=dict)


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps) * weight


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gated(gate, up, activation):
    if activation == "silu":
        return gate * sigmoid(gate) * up
    if activation == "gelu":
        return 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3))) * up
    gate, up = np.minimum(gate, 7.0), np.clip(up, -7.0, 7.0)
    return (up + 1) * gate * sigmoid(1.702 * gate)


def rotate(x, rope, pairs):
    """x: (tokens, heads, head_dim); only the first 2 * len(freq) of a head turn."""
    half = len(rope.freq)
    angle = np.arange(x.shape[0])[:, None, None] * rope.freq
    c, s = np.cos(angle) * rope.scale, np.sin(angle) * rope.scale
    out = x.copy()
    first, second = (slice(0, 2 * half, 2), slice(1, 2 * half, 2)) if pairs else (
        slice(0, half), slice(half, 2 * half))
    out[..., first] = x[..., first] * c - x[..., second] * s
    out[..., second] = x[..., second] * c + x[..., first] * s
    return out


def linear(w, name, x):
    y = x @ w[name].T
    return y + w[name + ".b"] if name + ".b" in w else y


def attention(spec, i, q, k, v, sinks):
    """(tokens, heads, head_dim) each -> (tokens, heads * head_dim)."""
    n = q.shape[0]
    group = spec.n_head // spec.n_kv
    k, v = np.repeat(k, group, axis=1), np.repeat(v, group, axis=1)
    scale = spec.attn_scale or spec.head_dim**-0.5
    score = np.einsum("qhd,khd->hqk", q, k) * scale
    if spec.attn_cap:
        score = spec.attn_cap * np.tanh(score / spec.attn_cap)
    age = np.arange(n)[:, None] - np.arange(n)[None, :]
    seen = age >= 0
    if spec.windows[i]:
        seen &= age < spec.windows[i]
    score = np.where(seen, score, -np.inf)
    if sinks is not None:
        # A sink takes part in the softmax and gives nothing to the sum.
        score = np.concatenate([score, np.broadcast_to(sinks[:, None, None],
                                                       (spec.n_head, n, 1))], axis=2)
    p = softmax(score)[..., :n]
    return np.einsum("hqk,khd->qhd", p, v).reshape(n, -1)


def experts(spec, w, p, x):
    """Each token through its top_k experts, weighted by the router."""
    logits = linear(w, p + "router", x)
    out = np.zeros_like(x)
    for t in range(x.shape[0]):
        chosen = np.argsort(-logits[t], kind="stable")[:spec.top_k]
        # Softmax over all, then renormalised over the chosen, is softmax over the chosen.
        share = softmax(logits[t][chosen]) if spec.renormalise else softmax(logits[t])[chosen]
        for e, s in zip(chosen, share):
            def side(name, y, e=e):
                z = w[p + "experts." + name][e] @ y
                bias = w.get(p + "experts." + name + ".b")
                return z if bias is None else z + bias[e]
            out[t] += s * side("down", gated(side("gate", x[t]), side("up", x[t]),
                                             spec.activation))
    if p + "shared.gate" in w:
        y = gated(linear(w, p + "shared.gate", x), linear(w, p + "shared.up", x), spec.activation)
        out += sigmoid(linear(w, p + "shared.router", x)) * linear(w, p + "shared.down", y)
    return out


def forward(spec, weights, tokens):
    """name -> activation, each (tokens, size); see README.md for the names."""
    w = {k: np.asarray(v, np.float64) for k, v in weights.items()}
    n, acts = len(tokens), {}

    def keep(name, x):
        acts[name] = x.reshape(n, -1).astype(np.float32)
        return x

    def norm(name, x):
        return rms_norm(x, w[name], spec.eps) if name in w else x

    x = keep("embd", w["embd"][np.asarray(tokens)] * spec.embd_scale)
    for i in range(spec.n_layer):
        p, tag = f"{i}.", f"l{i}."
        h = keep(tag + "attn_norm", norm(p + "attn_norm", x))
        q, k, v = (linear(w, p + s, h) for s in "qkv")
        if q.shape[1] == w.get(p + "q_norm", np.empty(0)).shape[0]:  # over the whole projection
            q, k = norm(p + "q_norm", q), norm(p + "k_norm", k)
            per_head = False
        else:
            per_head = p + "q_norm" in w
        q, k, v = (y.reshape(n, -1, spec.head_dim) for y in (q, k, v))
        if per_head:
            q, k = norm(p + "q_norm", q), norm(p + "k_norm", k)
        if spec.ropes[i] is not None:
            q, k = (rotate(y, spec.ropes[i], spec.rope_pairs) for y in (q, k))
        keep(tag + "q_rope", q)
        keep(tag + "k_rope", k)
        keep(tag + "v", v)
        a = keep(tag + "attn", attention(spec, i, q, k, v, w.get(p + "sinks")))
        a = keep(tag + "attn_out", linear(w, p + "o", a))
        x = keep(tag + "ffn_inp", x + spec.residual_scale * norm(p + "post_attn_norm", a))
        h = keep(tag + "ffn_norm", norm(p + "ffn_norm", x))
        if p + "router" in w:
            f = experts(spec, w, p, h)
        else:
            f = linear(w, p + "down", gated(linear(w, p + "gate", h), linear(w, p + "up", h),
                                            spec.activation))
        keep(tag + "ffn_out", f)
        x = keep(tag + "out", x + spec.residual_scale * norm(p + "post_ffn_norm", f))
    h = keep("final_norm", norm("final_norm", x))
    logits = h @ w.get("head", w["embd"]).T / spec.logit_divisor
    if spec.final_cap:
        logits = spec.final_cap * np.tanh(logits / spec.final_cap)
    keep("logits", logits)
    return acts
