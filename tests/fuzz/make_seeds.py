#!/usr/bin/env python3
"""Writes the seeds that are binary: make_seeds.py OUTDIR TARGET... makes
OUTDIR/TARGET/NAME, none for a target whose seeds are all text."""

import json
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


SEEDS = {"gguf": gguf_seeds, "safetensors": safetensors_seeds}


def main(out, targets):
    for target in targets:
        os.makedirs(os.path.join(out, target), exist_ok=True)
        for name, raw in SEEDS.get(target, list)():
            with open(os.path.join(out, target, name), "wb") as file:
                file.write(raw)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
