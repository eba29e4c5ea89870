#!/usr/bin/env python3
"""Writes a language model with random weights in a real shape, for benchmarks against other engines
on the same file: make_model.py SHAPE TYPE OUT.gguf.

Blocks are drawn as they are stored, with scales that keep the values near the size that trained
weights have; what a model with such weights says is noise, but it takes the same time. The mixes
(Q4_K_M) give the tensors the types that `hence quantize` would.
"""

import argparse
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                "tests", "golden"))
import gguf_io  # noqa: E402

# layers, width, query heads, key heads, feed-forward, words
SHAPES = {
    "135m": (30, 576, 9, 3, 1536, 49152),
    "1.1b": (22, 2048, 32, 4, 5632, 32000),
    "3b": (28, 3072, 24, 8, 8192, 128256),
    "8b": (32, 4096, 32, 8, 14336, 128256),
}
# Block types that the golden models do not use: GGUF's number, elements of a block, bytes.
gguf_io.TYPES.update({"Q5_0": (6, 32, 22), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176),
                      "Q6_K": (14, 256, 210)})
# Where a block's halves (scale, minimum) lie.
HALVES = {"Q4_0": (0,), "Q5_0": (0,), "Q8_0": (0,), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}
# general.file_type
FILE_TYPES = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 7, "Q5_0": 8, "Q4_K_M": 15, "Q5_K_M": 17,
              "Q6_K": 18, "BF16": 32}
# The usual size of a block's integers, times its sub-scales, so that values come out near
# 1 / sqrt(columns).
SPREAD = {"Q4_0": 4.6, "Q5_0": 9.2, "Q8_0": 74, "Q4_K": 4.6 * 32, "Q5_K": 9.2 * 32,
          "Q6_K": 18 * 74}


def draw(rng, kind, rows, cols):
    """A matrix as stored."""
    if kind not in HALVES:
        x = rng.standard_normal((rows, cols), np.float32) / np.float32(cols ** 0.5)
        return gguf_io.encode(x, kind)
    _, block, size = gguf_io.TYPES[kind]
    n = rows * cols // block
    raw = np.frombuffer(rng.bytes(n * size), np.uint8).reshape(n, size).copy()
    for offset in HALVES[kind]:
        d = rng.uniform(0.5, 1.5, n) / (SPREAD[kind] * cols ** 0.5)
        raw[:, offset:offset + 2] = d.astype(np.float16).view(np.uint8).reshape(n, 2)
    return gguf_io.Tensor(kind, (rows, cols), raw.tobytes())


def type_of(mix, name, layer, layers):
    """The usual K mixes: more bits for a part of the values and the down projections."""
    if not mix.endswith("_K_M"):
        return "Q6_K" if name == "output" and mix in ("Q4_0", "Q5_0") else mix
    more = layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2
    if name == "output" or name in ("attn_v", "ffn_down") and more:
        return "Q6_K"
    return mix[:-2]


def tensors(rng, shape, mix):
    layers, width, heads, kv, ff, words = shape
    dim, out = width // heads, {}

    def matrix(name, rows, cols, layer=-1):
        kind = type_of(mix, name.split(".")[-1], layer, layers)
        if cols % gguf_io.TYPES[kind][1]:  # 576 is no multiple of 256
            kind = {"Q4_K": "Q5_0", "Q5_K": "Q5_0", "Q6_K": "Q8_0"}[kind]
        out[name + ".weight"] = draw(rng, kind, rows, cols)

    def norm(name):
        out[name + ".weight"] = gguf_io.encode(np.ones(width, np.float32), "F32")

    matrix("token_embd", words, width)
    norm("output_norm")
    matrix("output", words, width)
    for i in range(layers):
        b = f"blk.{i}."
        norm(b + "attn_norm")
        norm(b + "ffn_norm")
        for name, rows, cols in (("attn_q", width, width), ("attn_k", kv * dim, width),
                                 ("attn_v", kv * dim, width), ("attn_output", width, width),
                                 ("ffn_gate", ff, width), ("ffn_up", ff, width),
                                 ("ffn_down", width, ff)):
            matrix(b + name, rows, cols, i)
    return out


def metadata(shape, mix):
    layers, width, heads, kv, ff, words = shape
    tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    kinds = [2, 3, 3] + [6] * 256 + [1] * (words - len(tokens))
    tokens += [f"w{i}" for i in range(words - len(tokens))]
    return {
        "general.architecture": "llama", "general.name": "random weights",
        "general.file_type": FILE_TYPES[mix], "general.quantization_version": 2,
        "llama.block_count": layers, "llama.embedding_length": width,
        "llama.context_length": 8192, "llama.attention.head_count": heads,
        "llama.attention.head_count_kv": kv, "llama.feed_forward_length": ff,
        "llama.rope.dimension_count": width // heads, "llama.vocab_size": words,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": [0.0] * words, "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("type", choices=FILE_TYPES)
    parser.add_argument("out")
    args = parser.parse_args()
    shape = SHAPES[args.shape]
    gguf_io.write_gguf(args.out, metadata(shape, args.type),
                       tensors(np.random.default_rng(1), shape, args.type))


if __name__ == "__main__":
    main()
