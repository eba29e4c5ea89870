#!/usr/bin/env python3
"""Encoders against a forward pass in NumPy: every family in small, with random weights, through both
doors, the GGUF file and the Hugging Face directory.

The reference is float64, one text at a time, the whole attention matrix. It is written from the
published modeling code of the families and shares nothing with the C engine.
"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

try:
    import numpy as np
except ImportError:
    print("skipped: this Python has no NumPy (Debian: python3-numpy)")
    sys.exit(77)

import gguf_io
from hf_files import write_safetensors

N_LAYER, N_EMBD, N_HEAD, N_FF, CONTEXT, EPS, SEED = 3, 96, 6, 160, 200, 1e-6, 7
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
WORDS = [a + b for a in "bdfgklmn" for b in "aeiou"] + [a + b + c for a in "prst" for b in "aeiou"
                                                         for c in "lmn"]
# How far results may be off, by the type of the weights: of the largest value.
BOUNDS = {"F32": 3e-6, "F16": 2e-3, "Q8_0": 6e-2}

FAMILIES = {
    # name: type of config.json, labels (0: an embedder), pooling, and what it has
    "bert": dict(type="bert", pooling="mean", types=2),
    "bert-ranker": dict(type="bert", labels=1, types=2),
    "roberta": dict(type="roberta", pooling="cls", types=1, offset=2),
    "roberta-classifier": dict(type="roberta", labels=3, types=1, offset=2),
    "xlm-roberta": dict(type="xlm-roberta", pooling="last", types=1, offset=2),
    "xlm-roberta-ranker": dict(type="xlm-roberta", labels=1, types=1, offset=2),
    "distilbert": dict(type="distilbert", pooling="cls", types=0),
    "distilbert-ranker": dict(type="distilbert", labels=2, types=0, head_act="relu"),
    "nomic-bert": dict(type="nomic_bert", pooling="mean", types=2, rope=1000.0, gate="silu",
                       plain=True),
    "nomic-bert-ungated": dict(type="nomic_bert", pooling="cls", types=0, rope=10000.0, act="gelu_new"),
    "nomic-bert-moe": dict(type="nomic_bert", pooling="mean", types=1, rope=10000.0, act="gelu", experts=4),
    "jina-bert": dict(type="jina", pooling="mean", types=2, alibi=True, gate="gelu"),
    "bert-relu": dict(type="bert", pooling="max", types=1, act="relu"),
    "bert-silu": dict(type="bert", pooling="mean_sqrt", types=2, act="silu"),
    "bert-dense": dict(type="bert", pooling="weighted", types=2, act="gelu_new",
                       dense=[(40, "Tanh", True), (24, "Identity", False)]),
    "bert-several": dict(type="bert", pooling="cls+max+mean", types=2, longest=30,
                         dense=[(50, "ReLU", True)]),
    "roberta-two-types": dict(type="roberta", labels=1, types=2, offset=2, one_type=True),
    "electra": dict(type="electra", pooling="mean", types=2, table=64),
    "electra-ranker": dict(type="electra", labels=1, types=2, head_act="gelu"),
    "mpnet": dict(type="mpnet", pooling="mean", types=0, offset=2, buckets=True),
    "modernbert": dict(type="modernbert", pooling="cls", types=0, rope=160000.0, rope_local=10000.0,
                       window=32, gate="gelu", norm_first=True, plain=True),
    "modernbert-ranker": dict(type="modernbert", labels=2, types=0, rope=160000.0, rope_local=10000.0,
                              window=32, gate="gelu", norm_first=True, plain=True,
                              head_act="gelu", head_mean=True),
    "qwen3": dict(type="qwen3", pooling="last", types=0, rope=1e6, gate="silu", norm_first=True, plain=True,
                  rms=True, kv_heads=2, dim=24),
    "new": dict(type="new", pooling="cls", types=1, rope=500000.0, gate="gelu", factor=2.0),
}


# --- the reference ------------------------------------------------------------------------------


def layer_norm(x, w, b):
    mean = x.mean(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + EPS) * w + b


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


ACTS = {"gelu": gelu, "silu": lambda x: x / (1 + np.exp(-x)), "relu": lambda x: np.maximum(x, 0),
        "gelu_new": lambda x: x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
        "tanh": np.tanh, "identity": lambda x: x}


def slopes(n):
    """Of ALiBi, as its authors' code has them."""
    def of_power(n):
        start = 2 ** (-(2 ** -(math.log2(n) - 3)))
        return [start * start**i for i in range(n)]
    closest = 2 ** math.floor(math.log2(n))
    return np.array(of_power(n) if closest == n else
                    of_power(closest) + of_power(2 * closest)[0::2][:n - closest])


def buckets(apart):
    """T5's and MPNet's, of key less query: half of 32 for each direction, half of those exact, the rest
    logarithms of up to 128, in single precision."""
    n = np.abs(apart)
    far = 8 + (np.log(np.maximum(n, 1).astype(np.float32) / np.float32(8)) /
               np.float32(math.log(16)) * np.float32(8)).astype(np.int64)
    return np.where(apart > 0, 16, 0) + np.where(n < 8, n, np.minimum(far, 15))


def rotate(x, base, factor=1.0):
    """(tokens, heads, dim): halves of a head turn against each other. `factor`: Alibaba's NTK."""
    half = x.shape[2] // 2
    freqs = (base * factor) ** (-np.arange(half) / half) / factor ** (1 / half)
    angle = np.arange(len(x))[:, None, None] * freqs
    a, b, c, s = x[..., :half], x[..., half:], np.cos(angle), np.sin(angle)
    return np.concatenate([a * c - b * s, b * c + a * s], axis=2)


def mixture(f, w, p, x):
    """The two likeliest of the experts, by the router's softmax over all."""
    e = np.exp(x @ w[p + "router"].T)
    share = e / e.sum(axis=1, keepdims=True)
    up, down = (w[p + name].reshape(f["experts"], N_FF, N_EMBD) for name in ("w1", "w2"))
    out = np.zeros_like(x)
    for t, row in enumerate(x):
        for i in np.argsort(-share[t])[:2]:
            out[t] += share[t, i] * (ACTS[f["act"]](up[i] @ row) @ down[i])
    return out + w[p + "experts.b"]


def forward(f, w, ids, n_first):
    """The last layer's rows, and the labels if there is a head."""
    n, dim = len(ids), f.get("dim", N_EMBD // N_HEAD)
    groups = N_HEAD // f.get("kv_heads", N_HEAD)
    w = {k: np.asarray(v, np.float64) for k, v in w.items()}

    def linear(name, x):
        y = x @ w[name].T
        return y + w[name + ".b"] if name + ".b" in w else y

    def norm(name, x):
        if name in w and f.get("rms"):
            return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + EPS) * w[name]
        return layer_norm(x, w[name], w.get(name + ".b", 0)) if name in w else x

    x = w["tok"][ids]
    if f["types"]:
        second = f["types"] > 1 and not f.get("one_type")
        x = x + w["types"][[int(second and i >= n_first) for i in range(n)]]
    if "pos" in w:
        x = x + w["pos"][np.arange(n) + f.get("offset", 0)]
    x = norm("embd_norm", x)
    if "project" in w:
        x = linear("project", x)
    apart = np.arange(n)[None, :] - np.arange(n)[:, None]
    for i in range(N_LAYER):
        p = f"{i}."
        local = f.get("window") and i % 3
        q, k, v = (linear(p + s, norm(p + "in_norm", x)).reshape(n, -1, dim) for s in "qkv")
        q, k = norm(p + "q_norm", q), norm(p + "k_norm", k)
        if f.get("rope"):
            base = f["rope_local"] if local else f["rope"]
            q, k = rotate(q, base, f.get("factor", 1.0)), rotate(k, base, f.get("factor", 1.0))
        k, v = np.repeat(k, groups, axis=1), np.repeat(v, groups, axis=1)
        score = np.einsum("qhd,khd->hqk", q, k) / math.sqrt(dim)
        if f.get("rms"):
            score = np.where(apart > 0, -np.inf, score)
        if f.get("alibi"):
            score = score - slopes(N_HEAD)[:, None, None] * np.abs(apart)
        if f.get("buckets"):
            score = score + w["buckets"][buckets(apart)].transpose(2, 0, 1)
        if local:
            score = np.where(np.abs(apart) > f["window"] // 2, -np.inf, score)
        e = np.exp(score - score.max(axis=2, keepdims=True))
        a = np.einsum("hqk,khd->qhd", e / e.sum(axis=2, keepdims=True), v).reshape(n, -1)
        x = norm(p + "norm1", x + linear(p + "o", a))
        h = norm(p + "ffn_norm", x)
        if p + "router" in w:
            h = mixture(f, w, p, h)
        elif f.get("gate"):
            h = linear(p + "down", ACTS[f["gate"]](linear(p + "gate", h)) * linear(p + "up", h))
        else:
            h = linear(p + "down", ACTS[f.get("act", "gelu")](linear(p + "up", h)))
        x = norm(p + "norm2", x + h)
    x = norm("out_norm", x)
    if not f.get("labels"):
        return x, None
    h = linear("head", x.mean(axis=0) if f.get("head_mean") else x[0])
    return x, linear("labels", norm("head_norm", ACTS[f.get("head_act", "tanh")](h)))


def pool(f, x, w):
    n = np.arange(1, len(x) + 1)[:, None]
    kinds = {"mean": lambda: x.mean(axis=0), "cls": lambda: x[0], "last": lambda: x[-1],
             "max": lambda: x.max(axis=0), "mean_sqrt": lambda: x.sum(axis=0) / math.sqrt(len(x)),
             "weighted": lambda: (x * n).sum(axis=0) / n.sum()}
    v = np.concatenate([kinds[kind]() for kind in f["pooling"].split("+")])
    for i, (_, act, _) in enumerate(f.get("dense", [])):
        v = ACTS[act.lower()](w[f"dense{i}"] @ v + w.get(f"dense{i}.b", 0))
    return v


# --- weights, and the two forms of a file -----------------------------------------------------------


def vocabulary(f):
    """Texts by id, as tokenizer.json has them."""
    if f["type"] in ("roberta", "xlm-roberta"):
        return ROBERTA_SPECIAL[:4] + ["\u2581" + x for x in WORDS] + ["\u2581"] + ROBERTA_SPECIAL[4:]
    return SPECIAL + WORDS + ["##" + x for x in WORDS[:20]]


def make_weights(f):
    rng = np.random.default_rng([SEED, len(f)])
    n_vocab, plain = len(vocabulary(f)), f.get("plain", False)
    w = {}

    def matrix(name, rows, cols, bias=True):
        w[name] = rng.normal(0, 1 / math.sqrt(cols), (rows, cols)).astype(np.float32)
        if bias and not plain:
            w[name + ".b"] = rng.normal(0, 0.3, rows).astype(np.float32)

    def norm(name, cols=N_EMBD):
        w[name] = rng.normal(1, 0.2, cols).astype(np.float32)
        if not f.get("norm_first"):
            w[name + ".b"] = rng.normal(0, 0.2, cols).astype(np.float32)

    table = f.get("table", N_EMBD)
    matrix("tok", n_vocab, table, False)
    if f["types"]:
        matrix("types", f["types"], table, False)
    if not f.get("rope") and not f.get("alibi"):
        matrix("pos", CONTEXT + f.get("offset", 0), table, False)
    if not f.get("rms"):
        norm("embd_norm", table)
    if table != N_EMBD:
        matrix("project", N_EMBD, table)
    if f.get("buckets"):
        matrix("buckets", 32, N_HEAD, False)
    for i in range(N_LAYER):
        p = f"{i}."
        heads = N_HEAD * f["dim"] if f.get("dim") else N_EMBD
        shared = heads // N_HEAD * f.get("kv_heads", N_HEAD)
        for s, rows, cols in ("q", heads, N_EMBD), ("k", shared, N_EMBD), ("v", shared, N_EMBD), ("o", N_EMBD, heads):
            matrix(p + s, rows, cols)
        if f.get("rms"):
            norm(p + "q_norm", f["dim"])
            norm(p + "k_norm", f["dim"])
        if f.get("norm_first"):
            norm(p + "ffn_norm")
            if i or f.get("rms"):
                norm(p + "in_norm")
        else:
            norm(p + "norm1")
        if f.get("experts") and i % 2:
            matrix(p + "router", f["experts"], N_EMBD, False)
            matrix(p + "w1", f["experts"] * N_FF, N_EMBD, False)
            matrix(p + "w2", f["experts"] * N_FF, N_EMBD, False)
            w[p + "experts.b"] = rng.normal(0, 0.3, N_EMBD).astype(np.float32)
        else:
            matrix(p + "up", N_FF, N_EMBD, not f.get("gate"))
            if f.get("gate"):
                matrix(p + "gate", N_FF, N_EMBD, False)
            matrix(p + "down", N_EMBD, N_FF)
        if not f.get("norm_first"):
            norm(p + "norm2")
    if f.get("norm_first"):
        norm("out_norm")
    if f.get("labels"):
        matrix("head", N_EMBD, N_EMBD)
        if f["type"] == "modernbert":
            norm("head_norm")
        matrix("labels", f["labels"], N_EMBD)
    cols = len(f.get("pooling", "").split("+")) * N_EMBD
    for i, (rows, _, bias) in enumerate(f.get("dense", [])):
        matrix(f"dense{i}", rows, cols, bias)
        cols = rows
    return w


BERT_NAMES = {"q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
              "o": "attention.output.dense", "norm1": "attention.output.LayerNorm",
              "up": "intermediate.dense", "down": "output.dense", "norm2": "output.LayerNorm"}
HF_NAMES = {
    "bert": ("bert.", "encoder.layer.", BERT_NAMES, "bert.pooler.dense", "classifier"),
    "roberta": ("roberta.", "encoder.layer.", BERT_NAMES, "classifier.dense",
                "classifier.out_proj"),
    "xlm-roberta": ("roberta.", "encoder.layer.", BERT_NAMES, "classifier.dense",
                    "classifier.out_proj"),
    "distilbert": ("distilbert.", "transformer.layer.",
                   {"q": "attention.q_lin", "k": "attention.k_lin", "v": "attention.v_lin",
                    "o": "attention.out_lin", "norm1": "sa_layer_norm", "up": "ffn.lin1",
                    "down": "ffn.lin2", "norm2": "output_layer_norm"},
                   "pre_classifier", "classifier"),
    "nomic_bert": ("", "encoder.layers.",
                   {"qkv": "attn.Wqkv", "o": "attn.out_proj", "norm1": "norm1", "up": "mlp.fc11",
                    "gate": "mlp.fc12", "down": "mlp.fc2", "norm2": "norm2",
                    "router": "mlp.router.layer", "w1": "mlp.experts.mlp.w1",
                    "w2": "mlp.experts.mlp.w2", "experts": "mlp.experts"}, None, None),
    "jina": ("", "encoder.layer.",
             {**BERT_NAMES, "gate_up": "mlp.gated_layers", "down": "mlp.wo",
              "norm2": "mlp.layernorm"}, None, None),
    "electra": ("electra.", "encoder.layer.", BERT_NAMES, "classifier.dense", "classifier.out_proj"),
    "mpnet": ("mpnet.", "encoder.layer.",
              {**BERT_NAMES, **{s: f"attention.attn.{s}" for s in "qkvo"},
               "norm1": "attention.LayerNorm"}, None, None),
    "modernbert": ("model.", "layers.",
                   {"qkv": "attn.Wqkv", "o": "attn.Wo", "in_norm": "attn_norm", "ffn_norm": "mlp_norm",
                    "gate_up": "mlp.Wi", "down": "mlp.Wo"}, "head.dense", "classifier"),
    "qwen3": ("model.", "layers.",
              {**{s: f"self_attn.{s}_proj" for s in "qkvo"}, "q_norm": "self_attn.q_norm",
               "k_norm": "self_attn.k_norm", "in_norm": "input_layernorm",
               "ffn_norm": "post_attention_layernorm", "gate": "mlp.gate_proj", "up": "mlp.up_proj",
               "down": "mlp.down_proj"}, None, None),
    "new": ("new.", "encoder.layer.",
            {"qkv": "attention.qkv_proj", "o": "attention.o_proj", "norm1": "attn_ln",
             "up_gate": "mlp.up_gate_proj", "down": "mlp.down_proj", "norm2": "mlp_ln"}, None, None),
}


def fused(f, w, gguf):
    """The weights with what the family keeps in one tensor in one."""
    w = dict(w)
    for i in range(N_LAYER):
        p = f"{i}."
        for end in ("", ".b"):
            if f["type"] in ("nomic_bert", "modernbert", "new") and p + "q" + end in w:
                w[p + "qkv" + end] = np.concatenate([w.pop(p + s + end) for s in "qkv"])
        if f["type"] in ("jina", "modernbert"):
            w[p + "gate_up"] = np.concatenate([w.pop(p + "gate"), w.pop(p + "up")])
        if p + "w1" in w and gguf:
            up, down = (w[p + name].reshape(f["experts"], N_FF, N_EMBD) for name in ("w1", "w2"))
            w[p + "w1"], w[p + "w2"] = up, np.ascontiguousarray(down.transpose(0, 2, 1))
        if f["type"] == "new" and not gguf:
            w[p + "up_gate"] = np.concatenate([w.pop(p + "up"), w.pop(p + "gate")])
    return w


def hf_tensors(f, w):
    prefix, layers, names, head, labels = HF_NAMES[f["type"]]
    if not f.get("labels"):
        prefix = ""
    top = {"tok": prefix + "embeddings.word_embeddings",
           "types": prefix + "embeddings.token_type_embeddings",
           "pos": prefix + "embeddings.position_embeddings",
           "embd_norm": prefix + ("emb_ln" if f["type"] == "nomic_bert" else
                                  "embeddings.LayerNorm"),
           "project": prefix + "embeddings_project",
           "buckets": prefix + "encoder.relative_attention_bias",
           "out_norm": prefix + "final_norm", "head": head, "head_norm": "head.norm", "labels": labels}
    if f["type"] == "modernbert":
        top["tok"], top["embd_norm"] = prefix + "embeddings.tok_embeddings", prefix + "embeddings.norm"
    if f["type"] == "qwen3":
        top["tok"], top["out_norm"] = prefix + "embed_tokens", prefix + "norm"
    if f.get("act") and f["type"] == "nomic_bert":
        names = {**names, "up": "mlp.fc1"}
    out = {}
    for name, x in fused(f, w, False).items():
        if name.startswith("dense"):
            continue
        stem, suffix = (name[:-2], ".bias") if name.endswith(".b") else (name, ".weight")
        if stem in top:
            out[top[stem] + suffix] = x
        else:
            i, part = stem.split(".")
            out[f"{prefix}{layers}{i}.{names[part]}{suffix if part not in ('w1', 'w2') else ''}"] = x
    if f["type"] == "bert" and not f.get("labels"):
        # Parts that embedders carry along and do not use.
        out["pooler.dense.weight"] = np.zeros((N_EMBD, N_EMBD), np.float32)
        out["pooler.dense.bias"] = np.zeros(N_EMBD, np.float32)
        out["embeddings.position_ids"] = np.zeros((1, CONTEXT), np.float32)
    return out


def hf_config(f):
    n_vocab = len(vocabulary(f))
    classes = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta",
               "distilbert": "DistilBert", "nomic_bert": "NomicBert", "jina": "JinaBert",
               "qwen3": "Qwen3", "electra": "Electra", "mpnet": "MPNet", "modernbert": "ModernBert", "new": "New"}
    head = "ForSequenceClassification" if f.get("labels") else "Model"
    c = {"model_type": "bert" if f["type"] == "jina" else f["type"], "vocab_size": n_vocab,
         "architectures": [classes[f["type"]] + head]}
    if f["type"] == "qwen3":
        return {**c, "num_hidden_layers": N_LAYER, "hidden_size": N_EMBD, "intermediate_size": N_FF,
                "num_attention_heads": N_HEAD, "num_key_value_heads": f["kv_heads"], "head_dim": f["dim"],
                "rms_norm_eps": EPS, "rope_theta": f["rope"], "max_position_embeddings": CONTEXT,
                "hidden_act": "silu", "tie_word_embeddings": True}
    if f["type"] == "distilbert":
        return {**c, "n_layers": N_LAYER, "dim": N_EMBD, "hidden_dim": N_FF, "n_heads": N_HEAD,
                "max_position_embeddings": CONTEXT, "activation": "gelu", "layer_norm_eps": EPS}
    if f["type"] == "nomic_bert":
        return {**c, "n_layer": N_LAYER, "n_embd": N_EMBD, "n_inner": N_FF, "n_head": N_HEAD,
                "n_positions": CONTEXT, "activation_function": f.get("act", "swiglu"), "prenorm": False,
                "rotary_emb_base": f["rope"], "rotary_emb_fraction": 1.0,
                "rotary_scaling_factor": None, "layer_norm_epsilon": EPS, "type_vocab_size": 2,
                **({"num_experts": f["experts"], "moe_top_k": 2, "moe_every_n_layers": 2,
                    "moe_normalize_expert_weights": False} if f.get("experts") else {})}
    c = {**c, "num_hidden_layers": N_LAYER, "hidden_size": N_EMBD, "intermediate_size": N_FF,
         "num_attention_heads": N_HEAD, "layer_norm_eps": EPS, "hidden_act": f.get("act", "gelu"),
         "max_position_embeddings": CONTEXT + f.get("offset", 0),
         "position_embedding_type": "absolute", "type_vocab_size": f["types"], "pad_token_id": 1}
    if f["type"] == "jina":
        c.update(position_embedding_type="alibi", feed_forward_type="geglu")
    if f["type"] == "modernbert":
        c.update(norm_eps=EPS, layer_norm_eps=1, hidden_activation=c.pop("hidden_act"),
                 global_rope_theta=f["rope"], local_rope_theta=f["rope_local"],
                 local_attention=f["window"], global_attn_every_n_layers=3, classifier_pooling="mean")
    if f["type"] == "new":
        c.update(position_embedding_type="rope", rope_theta=f["rope"],
                 rope_scaling={"type": "ntk", "factor": f["factor"]})
    return c


def tokenizer_json(f):
    texts = vocabulary(f)
    ids = {t: i for i, t in enumerate(texts)}
    special = ROBERTA_SPECIAL if "roberta" in f["type"] else SPECIAL
    added = [{"id": ids[t], "content": t, "special": True, "single_word": False, "lstrip": False,
              "rstrip": False, "normalized": False} for t in special]
    if "roberta" not in f["type"]:
        def token(t, kind):
            return {"SpecialToken": {"id": t, "type_id": kind}}
        def text(t, kind):
            return {"Sequence": {"id": t, "type_id": kind}}
        return {
            "added_tokens": added,
            "normalizer": {"type": "BertNormalizer", "clean_text": True,
                           "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {
                "type": "TemplateProcessing",
                "single": [token("[CLS]", 0), text("A", 0), token("[SEP]", 0)],
                "pair": [token("[CLS]", 0), text("A", 0), token("[SEP]", 0), text("B", 1),
                         token("[SEP]", 1)],
                "special_tokens": {t: {"id": t, "ids": [ids[t]], "tokens": [t]}
                                   for t in ("[CLS]", "[SEP]")}},
            "model": {"type": "WordPiece", "unk_token": "[UNK]",
                      "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                      "vocab": ids}}
    return {
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": True,
                          "prepend_scheme": "always"},
        "post_processor": {"type": "RobertaProcessing", "sep": ["</s>", ids["</s>"]],
                           "cls": ["<s>", ids["<s>"]], "trim_offsets": True,
                           "add_prefix_space": False},
        "model": {"type": "Unigram", "unk_id": ids["<unk>"],
                  "vocab": [[t, -1.0 - i / 100] for i, t in enumerate(texts)]}}


def write_directory(path, f, w):
    path.mkdir()
    tokenizer = tokenizer_json(f)
    files = {"config.json": hf_config(f), "tokenizer.json": tokenizer}
    if not f.get("labels"):
        modes = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token",
                 "last": "pooling_mode_lasttoken", "max": "pooling_mode_max_tokens",
                 "mean_sqrt": "pooling_mode_mean_sqrt_len_tokens",
                 "weighted": "pooling_mode_weightedmean_tokens"}
        files["modules.json"] = [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling",
             "type": "sentence_transformers.models.Pooling"}]
        for i, (rows, act, bias) in enumerate(f.get("dense", [])):
            name = f"{i + 2}_Dense"
            files["modules.json"].append({"idx": i + 2, "name": str(i + 2), "path": name,
                                          "type": "sentence_transformers.models.Dense"})
            (path / name).mkdir()
            files[f"{name}/config.json"] = {"out_features": rows, "bias": bias, "activation_function":
                                            f"torch.nn.modules.activation.{act}"}
            tensors = {"linear.weight": w[f"dense{i}"]}
            if bias:
                tensors["linear.bias"] = w[f"dense{i}.b"]
            write_safetensors(path / name / "model.safetensors", tensors, "f32")
        files["modules.json"].append({"idx": 9, "name": "9", "path": "9_Normalize",
                                      "type": "sentence_transformers.models.Normalize"})
        if f.get("longest"):
            files["sentence_bert_config.json"] = {"max_seq_length": f["longest"], "do_lower_case": False}
        (path / "1_Pooling").mkdir()
        files["1_Pooling/config.json"] = {"word_embedding_dimension": N_EMBD,
                                          **{v: k in f["pooling"].split("+") for k, v in modes.items()}}
        files["config_sentence_transformers.json"] = {
            "prompts": {"query": "ba de ", "document": ""}, "default_prompt_name": None}
    for name, content in files.items():
        (path / name).write_text(json.dumps(content), encoding="utf-8")
    write_safetensors(path / "model.safetensors", hf_tensors(f, w), "f32")


GGUF_NAMES = {"tok": "token_embd", "types": "token_types", "pos": "position_embd",
              "embd_norm": "token_embd_norm", "head": "cls", "labels": "cls.output",
              "head_norm": "cls.norm", "project": "token_embd_proj", "buckets": "attn_rel_b",
              "out_norm": "output_norm", "dense0": "dense_2", "dense1": "dense_3"}
GGUF_LAYER = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "qkv": "attn_qkv", "o": "attn_output",
              "norm1": "attn_output_norm", "up": "ffn_up", "gate": "ffn_gate", "down": "ffn_down",
              "norm2": "layer_output_norm", "gate_up": "ffn_up", "in_norm": "attn_norm",
              "router": "ffn_gate_inp", "w1": "ffn_up_exps", "w2": "ffn_down_exps", "experts": "ffn_exps",
              "ffn_norm": "ffn_norm", "q_norm": "attn_q_norm", "k_norm": "attn_k_norm"}


def gguf_tensors(f, w, kind):
    out = {}
    for name, x in fused(f, w, True).items():
        stem, suffix = (name[:-2], ".bias") if name.endswith(".b") else (name, ".weight")
        full = GGUF_NAMES.get(stem) or f"blk.{stem.split('.')[0]}.{GGUF_LAYER[stem.split('.')[1]]}"
        if stem == "pos":
            x = x[f.get("offset", 0):]
        matrix = x.ndim == 2 and stem not in ("types", "pos", "buckets")
        out[full + suffix] = gguf_io.encode(x, kind if matrix else "F32")
    return out


def gguf_meta(f):
    arch = {"nomic_bert": "nomic-bert", "new": "nomic-bert", "jina": "jina-bert-v2", "mpnet": "mpnet",
            "modernbert": "modern-bert", "qwen3": "qwen3"}.get(f["type"], "bert")
    arch += "-moe" if f.get("experts") else ""
    pooling = 4 if f.get("labels") else {"mean": 1, "cls": 2, "last": 3}.get(f["pooling"], 1)
    meta = {"general.architecture": arch, f"{arch}.block_count": N_LAYER,
            f"{arch}.context_length": f.get("longest", CONTEXT), f"{arch}.embedding_length": N_EMBD,
            f"{arch}.feed_forward_length": N_FF, f"{arch}.attention.head_count": N_HEAD,
            f"{arch}.attention.layer_norm_epsilon": EPS, f"{arch}.attention.causal": False,
            f"{arch}.pooling_type": pooling}
    if f.get("experts"):
        meta.update({f"{arch}.expert_count": f["experts"], f"{arch}.expert_used_count": 2})
    if f.get("rms"):
        del meta[f"{arch}.attention.causal"], meta[f"{arch}.attention.layer_norm_epsilon"]
        meta.update({f"{arch}.attention.layer_norm_rms_epsilon": EPS,
                     f"{arch}.attention.head_count_kv": f["kv_heads"],
                     f"{arch}.attention.key_length": f["dim"], f"{arch}.attention.value_length": f["dim"]})
    if f.get("rope"):
        meta[f"{arch}.rope.freq_base"] = f["rope"] * f.get("factor", 1)
    if f.get("factor"):
        meta[f"{arch}.rope.scaling.factor"] = f["factor"] ** (2 / (N_EMBD // N_HEAD))
    if f.get("window"):
        meta.update({f"{arch}.attention.sliding_window": f["window"],
                     f"{arch}.attention.sliding_window_pattern": 3,
                     f"{arch}.rope.freq_base_swa": f["rope_local"]})
    if f.get("act") or f["type"] == "new":
        meta[f"{arch}.hidden_activation"] = f.get("act", "gelu")
    if f.get("head_act"):
        meta[f"{arch}.classifier.activation"] = f["head_act"]
    if f.get("head_mean"):
        meta[f"{arch}.classifier.pooling"] = "mean"
    if "+" in f.get("pooling", "") or f.get("pooling") in ("max", "mean_sqrt", "weighted"):
        meta["embedding.pooling"] = f["pooling"]
    for i, (_, act, _) in enumerate(f.get("dense", [])):
        meta[f"embedding.dense_{i + 2}.activation"] = act.lower()
    texts = vocabulary(f)
    ids = {t: i for i, t in enumerate(texts)}
    if "roberta" in f["type"]:
        kinds = [{"<unk>": 2}.get(t, 3 if t in ROBERTA_SPECIAL else 1) for t in texts]
        meta.update({"tokenizer.ggml.model": "t5", "tokenizer.ggml.tokens": texts,
                     "tokenizer.ggml.scores": [-1.0 - i / 100 for i in range(len(texts))],
                     "tokenizer.ggml.token_type": kinds, "tokenizer.ggml.bos_token_id": ids["<s>"],
                     "tokenizer.ggml.eos_token_id": ids["</s>"],
                     "tokenizer.ggml.unknown_token_id": ids["<unk>"],
                     "tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.add_eos_token": True,
                     "tokenizer.ggml.add_space_prefix": True})
        return meta
    pieces = [t if t in SPECIAL else t[2:] if t.startswith("##") else "\u2581" + t for t in texts]
    meta.update({"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": pieces,
                 "tokenizer.ggml.token_type": [3 if t in SPECIAL else 1 for t in texts],
                 "tokenizer.ggml.unknown_token_id": ids["[UNK]"],
                 "tokenizer.ggml.seperator_token_id": ids["[SEP]"],
                 "tokenizer.ggml.padding_token_id": ids["[PAD]"],
                 "tokenizer.ggml.cls_token_id": ids["[CLS]"],
                 "tokenizer.ggml.bos_token_id": ids["[CLS]"]})
    return meta


# --- asking hence -----------------------------------------------------------------------------------


class Failed(Exception):
    pass


def run(command, text=None):
    done = subprocess.run([str(x) for x in command], input=text, capture_output=True, text=True,
                          timeout=120, check=False)
    if done.returncode:
        raise Failed(f"exit {done.returncode}: {(done.stderr.strip().splitlines() or [''])[-1]}")
    return done.stdout


def error(got, want):
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if got.shape != want.shape or not np.isfinite(got).all():
        raise Failed(f"shape {got.shape}, not {want.shape}, or numbers that are none")
    return np.abs(got - want).max() / np.abs(want).max()


def embed(args, model, *more, text=None, folder):
    out = folder / "out.npy"
    run([args.hence, "embed", "-m", model, "-o", out, *more], text)
    return np.load(out)


def frame(f):
    """What stands before a text, between two, and behind."""
    ids = {t: i for i, t in enumerate(vocabulary(f))}
    if "roberta" in f["type"]:
        return [ids["<s>"]], [ids["</s>"]] * 2, [ids["</s>"]]
    return [ids["[CLS]"]], [ids["[SEP]"]], [ids["[SEP]"]]


def sentence(rng, n):
    """A text of n words, and their ids: in all vocabularies they are neighbours."""
    picks = rng.integers(0, len(WORDS), n)
    return " ".join(WORDS[i] for i in picks), picks


def check_ids(args, f, w, model, folder, rng, lengths):
    """Token ids of many lengths, every row and the pooled one; returns the largest error."""
    worst = 0
    for n in lengths:
        n = min(n, f.get("longest", CONTEXT))
        ids = rng.integers(0, len(vocabulary(f)), n)
        np.save(folder / "ids.npy", ids.astype(np.int32))
        given = ("--tokens-in", folder / "ids.npy")
        x, labels = forward(f, w, ids, n)
        rows = embed(args, model, *given, "--pooling", "none", "--no-normalize", folder=folder)
        worst = max(worst, error(rows, x))
        one = embed(args, model, *given, "--no-normalize", folder=folder)
        if labels is not None:
            worst = max(worst, error(one, labels[None]))
            continue
        want = pool(f, x, w)
        worst = max(worst, error(one, want[None]))
        if n != 15:
            continue
        short = embed(args, model, *given, "-d", 20, folder=folder)
        worst = max(worst, error(short, (want[:20] / np.linalg.norm(want[:20]))[None]))
    return worst


def check_texts(args, f, w, model, folder, rng):
    """Texts of several lengths together: the same bits alone and on other threads."""
    head, _, tail = frame(f)
    base = vocabulary(f).index(("\u2581" if "roberta" in f["type"] else "") + WORDS[0])
    made = [sentence(rng, n) for n in (3, 1, 70, 24, 150, 9)]
    longest = f.get("longest", CONTEXT) - len(head) - len(tail)
    got = embed(args, model, "-t", 2, "--truncate", text="\n".join(t for t, _ in made) + "\n", folder=folder)
    worst = 0
    for (text, picks), row in zip(made, got):
        alone = embed(args, model, "-t", 1, "--truncate", text=text, folder=folder)
        if not np.array_equal(alone[0], row):
            raise Failed("a text's vector depends on the texts beside it")
        x, labels = forward(f, w, [*head, *(picks[:longest] + base), *tail], CONTEXT)
        want = labels if labels is not None else pool(f, x, w)
        worst = max(worst, error(row, want if labels is not None else
                                 want / np.linalg.norm(want)))
    return worst


def check_pairs(args, f, w, model, rng):
    """Scores of pairs, sorted, against the reference on the ids that the family wants."""
    head, middle, tail = frame(f)
    base = vocabulary(f).index(("\u2581" if "roberta" in f["type"] else "") + WORDS[0])
    query, asked = sentence(rng, 5)
    made = [sentence(rng, n) for n in (4, 1, 90, 30)]
    out = run([args.hence, "rerank", "-m", model, "-q", query, "--json"],
              "".join(t + "\n" for t, _ in made))
    scores, worst = {}, 0
    for r in json.loads(out)["results"]:
        scores[r["index"]] = r["relevance_score"]
        if r["document"] != made[r["index"]][0]:
            raise Failed("a result names another document")
    if list(scores.values()) != sorted(scores.values(), reverse=True):
        raise Failed("results are not sorted")
    for i, (_, picks) in enumerate(made):
        first = [*head, *(asked + base), *middle]
        _, labels = forward(f, w, [*first, *(picks + base), *tail], len(first))
        x = labels[1] - labels[0] if len(labels) == 2 else labels[0]
        worst = max(worst, abs(scores[i] - 1 / (1 + np.exp(-x))))
    return worst


def check(args, name, kind, folder):
    f = FAMILIES[name]
    w = make_weights(f)
    tensors = gguf_tensors(f, w, kind)
    gguf_io.write_gguf(folder / f"{name}.gguf", gguf_meta(f), tensors)
    doors = [folder / f"{name}.gguf"]
    if kind == "F32":
        write_directory(folder / f"{name}-hf", f, w)
        doors.append(folder / f"{name}-hf")
    else:  # the reference runs on the values as stored
        for key in w:
            if w[key].ndim == 2 and key not in ("types", "pos"):
                w[key] = gguf_io.encode(w[key], kind).decode()
    worst = {}
    for door in doors:
        rng = np.random.default_rng(SEED)
        # The other door leads to the same forward.
        lengths = (1, 2, 15, 64, 65, 130, CONTEXT) if door.is_file() else (15, CONTEXT)
        errors = [check_ids(args, f, w, door, folder, rng, lengths),
                  check_texts(args, f, w, door, folder, rng)]
        if f.get("labels") in (1, 2):
            errors.append(check_pairs(args, f, w, door, rng))
        worst[door.name] = max(errors)
        if worst[door.name] > BOUNDS[kind]:
            raise Failed(f"{door.name}: {', '.join(f'{e:.1e}' for e in errors)}")
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hence", required=True)
    parser.add_argument("--family", action="append", choices=FAMILIES)
    parser.add_argument("--keep", type=pathlib.Path, help="write the models here, and keep them")
    args = parser.parse_args()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as temp:
        folder = args.keep or pathlib.Path(temp)
        for kind in BOUNDS:
            for name in args.family or FAMILIES:
                if kind != "F32" and name not in ("bert", "nomic-bert"):
                    continue
                try:
                    worst = check(args, name, kind, folder)
                    print(f"{kind:5} {name:20}" + "".join(f" {v:.1e}" for v in worst.values()))
                    passed += 1
                except Failed as e:
                    print(f"{kind:5} {name:20} FAILED {e}")
                    failed += 1
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
