#!/usr/bin/env python3
"""Writes the seeds that are binary: make_seeds.py OUTDIR TARGET... makes
OUTDIR/TARGET/NAME, none for a target whose seeds are all text."""

import json
import math
import os
import struct
import sys

U8, U16, U32, F32, BOOL, STR, ARRAY, U64, F64 = 0, 2, 4, 6, 7, 8, 9, 10, 12
FORMATS = {U8: "B", 1: "b", U16: "H", 3: "h", U32: "I", 5: "i", F32: "f", BOOL: "B", U64: "Q",
           11: "q", F64: "d"}


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(kind, what):
    if kind == STR:
        return text(what)
    if kind == ARRAY:
        inner, items = what
        return struct.pack("<IQ", inner, len(items)) + b"".join(value(inner, i) for i in items)
    return struct.pack("<" + FORMATS[kind], what)


def gguf(keys, tensors, version=3, align=32):
    """keys: (name, type, value); tensors: (name, shape, type id, bytes)."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    for name, kind, what in keys:
        out += text(name) + struct.pack("<I", kind) + value(kind, what)
    data = b""
    for name, shape, kind, size in tensors:
        out += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        out += struct.pack("<IQ", kind, len(data))
        data += bytes(i % 251 for i in range(size)) + bytes(-size % align)
    return out + bytes(-len(out) % align) + data


def gguf_seeds():
    scalars = [(f"k{kind}", kind, 1) for kind in FORMATS]
    arrays = [(f"a{kind}", ARRAY, (kind, [0, 1])) for kind in FORMATS]
    tokens = ("tokenizer.ggml.tokens", ARRAY, (STR, ["<s>", "a", "", "\u00e9"]))
    yield "empty", gguf([], [])
    yield "version2", gguf([("general.architecture", STR, "llama")], [], version=2)
    yield "values", gguf(scalars + arrays + [tokens], [])
    yield "nested", gguf([("n", ARRAY, (ARRAY, [(U8, [1])]))], [])
    yield "aligned", gguf([("general.alignment", U32, 64)], [("t", [4], 0, 16), ("u", [2], 1, 4)],
                          align=64)
    yield "split", gguf([("split.no", U16, 1), ("split.count", U16, 2),
                         ("split.tensors.count", 5, 3)], [("t", [4], 0, 16)])
    blocks = {2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 10: (256, 84),
              11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 20: (32, 18),
              23: (256, 136), 30: (1, 2), 39: (32, 17)}
    yield "types", gguf([], [(f"t{kind}", [block, 2], kind, 2 * size)
                             for kind, (block, size) in blocks.items()])
    yield "dims", gguf([], [("s", [], 0, 4), ("c", [1, 2, 3, 1], 0, 24)])


def safetensors(header, size, pad=0):
    raw = (header if isinstance(header, str) else json.dumps(header)).encode() + b" " * pad
    return struct.pack("<Q", len(raw)) + raw + bytes(i % 251 for i in range(size))


def safetensors_seeds():
    def tensor(dtype, shape, begin, end):
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

    yield "empty", safetensors({}, 0)
    yield "one", safetensors({"__metadata__": {"format": "pt"}, "w": tensor("F32", [2, 2], 0, 16)},
                             16, pad=6)
    yield "several", safetensors({"b": tensor("BF16", [3], 8, 14), "a": tensor("I64", [], 0, 8),
                                  "c": tensor("U8", [1, 1, 1, 2], 14, 16),
                                  "none": tensor("F16", [0], 14, 14)}, 16)
    yield "hole", safetensors({"a": tensor("F16", [1], 2, 4)}, 4)
    yield "overlap", safetensors({"a": tensor("U8", [3], 0, 3), "b": tensor("U8", [3], 1, 4)}, 4)
    yield "large", safetensors({"a": tensor("F64", [1 << 40, 1 << 40], 0, 1 << 62)}, 4)
    yield "escapes", safetensors('{"\\u00e9\\ud83d\\ude00\\n":{"shape":[1],"dtype":"U8",'
                                 '"data_offsets":[0,1],"more":[1.5e3,null,true]}}', 1)


SIZES = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1}
CUT = b"\n----\n"


def hf(config, tensors, generation=None, tokenizer=None, jinja=""):
    """A folder's files as one input; tensors: name -> (type, shape)."""
    header, at = {}, 0
    for name, (dtype, shape) in tensors.items():
        end = at + math.prod(shape) * SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, end]}
        at = end
    texts = [json.dumps(config), json.dumps(generation) if generation else "",
             json.dumps(tokenizer) if tokenizer else "", jinja]
    return CUT.join(text.encode() for text in texts) + CUT + safetensors(header, at)


def hf_seeds():
    def config(kind, **keys):
        return {"model_type": kind, "hidden_size": 4, "intermediate_size": 6,
                "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
                "vocab_size": 3, "rms_norm_eps": 1e-5, **keys}

    def layer(more, dtype="F32"):
        return {"model.embed_tokens.weight": (dtype, [3, 4]), "model.norm.weight": (dtype, [4]),
                **{f"model.layers.0.{name}": (kind, shape)
                   for name, (kind, shape) in more.items()}}

    attention = {"self_attn.q_proj.weight": ("BF16", [4, 4]),
                 "self_attn.k_proj.weight": ("BF16", [2, 4]),
                 "self_attn.q_proj.bias": ("BF16", [4]), "input_layernorm.weight": ("BF16", [4])}
    yield "llama", hf(config("llama", rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32}), layer(attention),
        {"bos_token_id": 1, "eos_token_id": [2, 0]},
        {"chat_template": [{"name": "default", "template": "{{ x }}"},
                           {"name": "tool_use", "template": "{{ y }}"}]}, "{{ messages }}")
    yield "gemma3", hf(config("gemma3", text_config=config(
        "gemma3_text", head_dim=2, rope_scaling={"rope_type": "linear", "factor": 8.0})),
        layer({**attention, "post_feedforward_layernorm.weight": ("F16", [4])}, "F16"))
    yield "phi3", hf(config("phi3", original_max_position_embeddings=32, rope_scaling={
        "type": "longrope", "short_factor": [1.0], "long_factor": [1.5]}),
        layer({"self_attn.qkv_proj.weight": ("F32", [8, 4]),
               "mlp.gate_up_proj.weight": ("F32", [12, 4])}))
    yield "mixtral", hf(config("mixtral", num_local_experts=2, num_experts_per_tok=1),
                        layer({f"block_sparse_moe.experts.{e}.w{w}.weight": ("F16", [6, 4])
                               for e in range(2) for w in (1, 3)}))
    yield "gpt-oss", hf(config("gpt_oss", hidden_size=32, head_dim=16, num_local_experts=2,
                               layer_types=["sliding_attention"],
                               quantization_config={"quant_method": "mxfp4"}),
                        {"model.layers.0." + name: (kind, shape) for name, (kind, shape) in {
                            "mlp.experts.gate_up_proj_blocks": ("U8", [2, 12, 1, 16]),
                            "mlp.experts.gate_up_proj_scales": ("U8", [2, 12, 1]),
                            "mlp.experts.gate_up_proj_bias": ("F32", [2, 12]),
                            "self_attn.sinks": ("BF16", [2])}.items()})


def vocab_seeds():
    def keys(model, tokens, **more):
        out = [("tokenizer.ggml.model", STR, model), ("text", STR, "a b ab<x> \u00e9\u4e2d 12")]
        out.append(("tokenizer.ggml.tokens", ARRAY, (STR, tokens)))
        for key, (kind, what) in more.items():
            out.append(("tokenizer.ggml." + key, kind, what))
        return gguf(out, [])

    types = (ARRAY, (5, [2, 3, 6, 1, 1, 4]))
    scores = (ARRAY, (F32, [0.0, 0.0, 0.0, -1.0, -2.5, -3.0]))
    mark = "\u2581"
    yield "llama", keys("llama", ["<unk>", "<s>", "<0x41>", "a", mark + "a", "<x>"],
                        scores=scores, token_type=types, bos_token_id=(U32, 1),
                        add_bos_token=(BOOL, 1), unknown_token_id=(U32, 0))
    yield "gpt2", keys("gpt2", ["a", "b", "ab", "\u0120", "\u0120a", "<x>"], pre=(STR, "llama-bpe"),
                       merges=(ARRAY, (STR, ["a b", "\u0120 a"])), token_type=types,
                       eos_token_id=(U32, 5))
    yield "bert", keys("bert", ["[UNK]", "[CLS]", "[SEP]", mark + "a", "b", mark + "<"],
                       cls_token_id=(U32, 1), seperator_token_id=(U32, 2),
                       unknown_token_id=(U32, 0))
    yield "t5", keys("t5", ["<pad>", "</s>", "<unk>", mark, "a", "b"], scores=scores,
                     token_type=(ARRAY, (5, [3, 3, 2, 1, 1, 1])), eos_token_id=(U32, 1),
                     add_space_prefix=(BOOL, 1), remove_extra_whitespaces=(BOOL, 1),
                     precompiled_charsmap=(ARRAY, (U8, [4, 0, 0, 0, 0, 0, 0, 0, 65, 0])))


SEEDS = {"gguf": gguf_seeds, "hf": hf_seeds, "safetensors": safetensors_seeds,
         "vocab": vocab_seeds}


def main(out, targets):
    for target in targets:
        os.makedirs(os.path.join(out, target), exist_ok=True)
        for name, raw in SEEDS.get(target, list)():
            with open(os.path.join(out, target, name), "wb") as file:
                file.write(raw)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
