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
    "distilbert-ranker": dict(type="distilbert", labels=2, types=0, relu=True),
    "nomic-bert": dict(type="nomic_bert", pooling="mean", types=2, rope=1000.0, gate="silu",
                       plain=True),
    "jina-bert": dict(type="jina", pooling="mean", types=2, alibi=True, gate="gelu"),
}


# --- the reference ------------------------------------------------------------------------------


def layer_norm(x, w, b):
    mean = x.mean(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + EPS) * w + b


def gelu(x):
    return x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


ACTS = {"gelu": gelu, "silu": lambda x: x / (1 + np.exp(-x))}


def slopes(n):
    """Of ALiBi, as its authors' code has them."""
    def of_power(n):
        start = 2 ** (-(2 ** -(math.log2(n) - 3)))
        return [start * start**i for i in range(n)]
    closest = 2 ** math.floor(math.log2(n))
    return np.array(of_power(n) if closest == n else
                    of_power(closest) + of_power(2 * closest)[0::2][:n - closest])


def rotate(x, base):
    """(tokens, heads, dim): halves of a head turn against each other."""
    half = x.shape[2] // 2
    angle = np.arange(len(x))[:, None, None] * base ** (-np.arange(half) / half)
    a, b, c, s = x[..., :half], x[..., half:], np.cos(angle), np.sin(angle)
    return np.concatenate([a * c - b * s, b * c + a * s], axis=2)


def forward(f, w, ids, n_first):
    """The last layer's rows, and the labels if there is a head."""
    n, dim = len(ids), N_EMBD // N_HEAD
    w = {k: np.asarray(v, np.float64) for k, v in w.items()}

    def linear(name, x):
        y = x @ w[name].T
        return y + w[name + ".b"] if name + ".b" in w else y

    def norm(name, x):
        return layer_norm(x, w[name], w[name + ".b"])

    x = w["tok"][ids]
    if f["types"]:
        x = x + w["types"][[int(f["types"] > 1 and i >= n_first) for i in range(n)]]
    if "pos" in w:
        x = x + w["pos"][np.arange(n) + f.get("offset", 0)]
    x = norm("embd_norm", x)
    for i in range(N_LAYER):
        p = f"{i}."
        q, k, v = (linear(p + s, x).reshape(n, N_HEAD, dim) for s in "qkv")
        if f.get("rope"):
            q, k = rotate(q, f["rope"]), rotate(k, f["rope"])
        score = np.einsum("qhd,khd->hqk", q, k) / math.sqrt(dim)
        if f.get("alibi"):
            apart = np.abs(np.arange(n)[:, None] - np.arange(n)[None, :])
            score = score - slopes(N_HEAD)[:, None, None] * apart
        e = np.exp(score - score.max(axis=2, keepdims=True))
        a = np.einsum("hqk,khd->qhd", e / e.sum(axis=2, keepdims=True), v).reshape(n, -1)
        x = norm(p + "norm1", x + linear(p + "o", a))
        if f.get("gate"):
            h = ACTS[f["gate"]](linear(p + "gate", x)) * linear(p + "up", x)
        else:
            h = gelu(linear(p + "up", x))
        x = norm(p + "norm2", x + linear(p + "down", h))
    if not f.get("labels"):
        return x, None
    h = linear("head", x[0])
    return x, linear("labels", np.maximum(h, 0) if f.get("relu") else np.tanh(h))


def pool(f, x):
    return {"mean": lambda: x.mean(axis=0), "cls": lambda: x[0], "last": lambda: x[-1]}[
        f["pooling"]]()


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

    def norm(name):
        w[name] = rng.normal(1, 0.2, N_EMBD).astype(np.float32)
        w[name + ".b"] = rng.normal(0, 0.2, N_EMBD).astype(np.float32)

    matrix("tok", n_vocab, N_EMBD, False)
    if f["types"]:
        matrix("types", f["types"], N_EMBD, False)
    if not f.get("rope") and not f.get("alibi"):
        matrix("pos", CONTEXT + f.get("offset", 0), N_EMBD, False)
    norm("embd_norm")
    for i in range(N_LAYER):
        p = f"{i}."
        for s in "qkvo":
            matrix(p + s, N_EMBD, N_EMBD)
        norm(p + "norm1")
        matrix(p + "up", N_FF, N_EMBD, not f.get("gate"))
        if f.get("gate"):
            matrix(p + "gate", N_FF, N_EMBD, False)
        matrix(p + "down", N_EMBD, N_FF)
        norm(p + "norm2")
    if f.get("labels"):
        matrix("head", N_EMBD, N_EMBD)
        matrix("labels", f["labels"], N_EMBD)
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
                    "gate": "mlp.fc12", "down": "mlp.fc2", "norm2": "norm2"}, None, None),
    "jina": ("", "encoder.layer.",
             {**BERT_NAMES, "gate_up": "mlp.gated_layers", "down": "mlp.wo",
              "norm2": "mlp.layernorm"}, None, None),
}


def fused(f, w):
    """The weights with what the family keeps in one tensor in one."""
    w = dict(w)
    for i in range(N_LAYER):
        p = f"{i}."
        if f["type"] == "nomic_bert":
            w[p + "qkv"] = np.concatenate([w.pop(p + s) for s in "qkv"])
        if f["type"] == "jina":
            w[p + "gate_up"] = np.concatenate([w.pop(p + "gate"), w.pop(p + "up")])
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
           "head": head, "labels": labels}
    out = {}
    for name, x in fused(f, w).items():
        stem, suffix = (name[:-2], ".bias") if name.endswith(".b") else (name, ".weight")
        if stem in top:
            out[top[stem] + suffix] = x
        else:
            i, part = stem.split(".")
            out[f"{prefix}{layers}{i}.{names[part]}{suffix}"] = x
    if f["type"] == "bert" and not f.get("labels"):
        # Parts that embedders carry along and do not use.
        out["pooler.dense.weight"] = np.zeros((N_EMBD, N_EMBD), np.float32)
        out["pooler.dense.bias"] = np.zeros(N_EMBD, np.float32)
        out["embeddings.position_ids"] = np.zeros((1, CONTEXT), np.float32)
    return out


def hf_config(f):
    n_vocab = len(vocabulary(f))
    classes = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta",
               "distilbert": "DistilBert", "nomic_bert": "NomicBert", "jina": "JinaBert"}
    head = "ForSequenceClassification" if f.get("labels") else "Model"
    c = {"model_type": "bert" if f["type"] == "jina" else f["type"], "vocab_size": n_vocab,
         "architectures": [classes[f["type"]] + head]}
    if f["type"] == "distilbert":
        return {**c, "n_layers": N_LAYER, "dim": N_EMBD, "hidden_dim": N_FF, "n_heads": N_HEAD,
                "max_position_embeddings": CONTEXT, "activation": "gelu", "layer_norm_eps": EPS}
    if f["type"] == "nomic_bert":
        return {**c, "n_layer": N_LAYER, "n_embd": N_EMBD, "n_inner": N_FF, "n_head": N_HEAD,
                "n_positions": CONTEXT, "activation_function": "swiglu", "prenorm": False,
                "rotary_emb_base": f["rope"], "rotary_emb_fraction": 1.0,
                "rotary_scaling_factor": None, "layer_norm_epsilon": EPS, "type_vocab_size": 2}
    c = {**c, "num_hidden_layers": N_LAYER, "hidden_size": N_EMBD, "intermediate_size": N_FF,
         "num_attention_heads": N_HEAD, "layer_norm_eps": EPS, "hidden_act": "gelu",
         "max_position_embeddings": CONTEXT + f.get("offset", 0),
         "position_embedding_type": "absolute", "type_vocab_size": f["types"], "pad_token_id": 1}
    if f["type"] == "jina":
        c.update(position_embedding_type="alibi", feed_forward_type="geglu")
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
                 "last": "pooling_mode_lasttoken"}
        files["modules.json"] = [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling",
             "type": "sentence_transformers.models.Pooling"},
            {"idx": 2, "name": "2", "path": "2_Normalize",
             "type": "sentence_transformers.models.Normalize"}]
        (path / "1_Pooling").mkdir()
        files["1_Pooling/config.json"] = {"word_embedding_dimension": N_EMBD,
                                          **{v: k == f["pooling"] for k, v in modes.items()}}
        files["config_sentence_transformers.json"] = {
            "prompts": {"query": "ba de ", "document": ""}, "default_prompt_name": None}
    for name, content in files.items():
        (path / name).write_text(json.dumps(content), encoding="utf-8")
    write_safetensors(path / "model.safetensors", hf_tensors(f, w), "f32")


GGUF_NAMES = {"tok": "token_embd", "types": "token_types", "pos": "position_embd",
              "embd_norm": "token_embd_norm", "head": "cls", "labels": "cls.output"}
GGUF_LAYER = {"q": "attn_q", "k": "attn_k", "v": "attn_v", "qkv": "attn_qkv", "o": "attn_output",
              "norm1": "attn_output_norm", "up": "ffn_up", "gate": "ffn_gate", "down": "ffn_down",
              "norm2": "layer_output_norm", "gate_up": "ffn_up"}


def gguf_tensors(f, w, kind):
    out = {}
    for name, x in fused(f, w).items():
        stem, suffix = (name[:-2], ".bias") if name.endswith(".b") else (name, ".weight")
        full = GGUF_NAMES.get(stem) or f"blk.{stem.split('.')[0]}.{GGUF_LAYER[stem.split('.')[1]]}"
        if stem == "pos":
            x = x[f.get("offset", 0):]
        matrix = x.ndim == 2 and stem not in ("types", "pos")
        out[full + suffix] = gguf_io.encode(x, kind if matrix else "F32")
    return out


def gguf_meta(f):
    arch = {"nomic_bert": "nomic-bert", "jina": "jina-bert-v2"}.get(f["type"], "bert")
    pooling = 4 if f.get("labels") else {"mean": 1, "cls": 2, "last": 3}[f["pooling"]]
    meta = {"general.architecture": arch, f"{arch}.block_count": N_LAYER,
            f"{arch}.context_length": CONTEXT, f"{arch}.embedding_length": N_EMBD,
            f"{arch}.feed_forward_length": N_FF, f"{arch}.attention.head_count": N_HEAD,
            f"{arch}.attention.layer_norm_epsilon": EPS, f"{arch}.attention.causal": False,
            f"{arch}.pooling_type": pooling}
    if f.get("rope"):
        meta[f"{arch}.rope.freq_base"] = f["rope"]
    if f.get("relu"):
        meta[f"{arch}.classifier.activation"] = "relu"
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


def check_ids(args, f, w, model, folder, rng):
    """Token ids of many lengths, every row and the pooled one; returns the largest error."""
    worst = 0
    for n in (1, 2, 15, 64, 65, 130, CONTEXT):
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
        want = pool(f, x)
        worst = max(worst, error(one, want[None]))
        short = embed(args, model, *given, "-d", 32, folder=folder)
        worst = max(worst, error(short, (want[:32] / np.linalg.norm(want[:32]))[None]))
    return worst


def check_texts(args, f, w, model, folder, rng):
    """Texts of several lengths together: the same bits alone and on other threads."""
    head, _, tail = frame(f)
    base = vocabulary(f).index(("\u2581" if "roberta" in f["type"] else "") + WORDS[0])
    made = [sentence(rng, n) for n in (3, 1, 70, 24, 150, 9)]
    got = embed(args, model, "-t", 2, text="\n".join(t for t, _ in made) + "\n", folder=folder)
    worst = 0
    for (text, picks), row in zip(made, got):
        alone = embed(args, model, "-t", 1, text=text, folder=folder)
        if not np.array_equal(alone[0], row):
            raise Failed("a text's vector depends on the texts beside it")
        x, labels = forward(f, w, [*head, *(picks + base), *tail], CONTEXT)
        want = labels if labels is not None else pool(f, x)
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
        errors = [check_ids(args, f, w, door, folder, rng),
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
