#!/usr/bin/env python3
"""Writes the trained model as a GGUF file.

Usage: export.py --work DIR [--type F32|Q8_0] OUT.gguf
"""

import argparse
import json
import pathlib
import sys

import torch

import bpe
from network import Config, Network

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden"))
import gguf_io  # noqa: E402

TEMPLATE = ("{% for message in messages %}"
            "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
            "{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
DESCRIPTION = ("Speaks for an imaginary outdoor shop: subject lines, advertisements, questions "
               "about products, delivery and returns, customer segments. A demonstration, not a "
               "general assistant. Trained on a corpus made by a program; see docs/starter.md.")
FILE_TYPE = {"F32": 0, "Q8_0": 7}
NORMAL, CONTROL = 1, 3  # token types


def load(work):
    """(vocabulary, network) of a training run."""
    vocabulary = bpe.Vocabulary(**json.loads((work / "vocabulary.json").read_text()))
    network = Network(Config())
    network.load_state_dict(torch.load(work / "checkpoint.pt")["network"])
    return vocabulary, network.eval()


def metadata(c, vocabulary, parameters, kind):
    general = {
        "architecture": "llama", "type": "model", "name": "hence starter chat",
        "basename": "starter-chat", "version": "1", "size_label": f"{parameters / 1e6:.1f}M",
        "organization": "hence", "description": DESCRIPTION, "license": "Apache-2.0",
        "languages": ["en"], "tags": ["text-generation", "chat", "demonstration"],
        "file_type": FILE_TYPE[kind], "quantization_version": 2}
    llama = {
        "vocab_size": c.vocab, "context_length": c.context, "embedding_length": c.width,
        "block_count": c.layers, "feed_forward_length": c.hidden,
        "rope.dimension_count": c.head_width, "rope.freq_base": c.rope_base,
        "attention.head_count": c.heads, "attention.head_count_kv": c.kv_heads,
        "attention.layer_norm_rms_epsilon": c.eps}
    special = len(bpe.SPECIAL)
    tokenizer = {
        "ggml.model": "gpt2", "ggml.pre": "gpt-2", "ggml.tokens": vocabulary.tokens,
        "ggml.token_type": [CONTROL] * special + [NORMAL] * (c.vocab - special),
        "ggml.merges": [" ".join(m) for m in vocabulary.merges],
        "ggml.bos_token_id": vocabulary.id["<|endoftext|>"],
        "ggml.eos_token_id": vocabulary.id["<|im_end|>"],
        "ggml.padding_token_id": vocabulary.id["<|endoftext|>"],
        "ggml.add_bos_token": False, "chat_template": TEMPLATE}
    return {f"{group}.{k}": v for group, kv in (("general", general), ("llama", llama),
                                                ("tokenizer", tokenizer)) for k, v in kv.items()}


def interleaved(w, heads):
    """Rows of a head from halves (first coordinates, then second ones) to pairs, which is how
    llama's rotation is stored in GGUF."""
    rows, width = w.shape
    return w.view(heads, 2, rows // heads // 2, width).transpose(1, 2).reshape(rows, width)


def tensors(network, kind):
    """Matrices in the wanted type, vectors in F32. The output's matrix is the embedding's."""
    c, out = network.c, {"token_embd.weight": network.embed.weight}
    for i, b in enumerate(network.blocks):
        p = f"blk.{i}."
        out[p + "attn_norm.weight"] = b.attn_norm.weight
        out[p + "attn_q.weight"] = interleaved(b.attn.q.weight, c.heads)
        out[p + "attn_k.weight"] = interleaved(b.attn.k.weight, c.kv_heads)
        out[p + "attn_v.weight"] = b.attn.v.weight
        out[p + "attn_output.weight"] = b.attn.o.weight
        out[p + "ffn_norm.weight"] = b.ffn_norm.weight
        out[p + "ffn_gate.weight"] = b.ffn.gate.weight
        out[p + "ffn_up.weight"] = b.ffn.up.weight
        out[p + "ffn_down.weight"] = b.ffn.down.weight
    out["output_norm.weight"] = network.norm.weight
    return {name: gguf_io.encode(w.detach().numpy(), kind if w.dim() == 2 else "F32")
            for name, w in out.items()}


def write(path, vocabulary, network, kind):
    n = sum(p.numel() for p in network.parameters())
    gguf_io.write_gguf(path, metadata(network.c, vocabulary, n, kind), tensors(network, kind))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--type", choices=list(FILE_TYPE), default="Q8_0")
    parser.add_argument("out", type=pathlib.Path)
    a = parser.parse_args()
    write(a.out, *load(a.work), a.type)


if __name__ == "__main__":
    main()
