"""Writes a model directory as model hubs hold it: config, safetensors, tokenizer."""

import json
import struct

import numpy as np

from gguf_io import quantize_fp4, to_bf16_bits

TORCH_DTYPE = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


def _raw(x, dtype):
    """(safetensors type, bytes) of an array; bytes stay bytes."""
    if x.dtype == np.uint8:
        return "U8", x.tobytes()
    if dtype == "bf16":
        return "BF16", to_bf16_bits(x).tobytes()
    if dtype == "f16":
        return "F16", x.astype(np.float16).tobytes()
    return "F32", np.ascontiguousarray(x, np.float32).tobytes()


def write_safetensors(path, tensors, dtype):
    header, parts, at = {"__metadata__": {"format": "pt"}}, [], 0
    for name, x in tensors.items():
        kind, data = _raw(x, dtype)
        header[name] = {"dtype": kind, "shape": list(x.shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
    return at


def pack_experts(w):
    """The expert tensors of gpt-oss as that family ships them: MXFP4 blocks and scales.

    Values (experts, in, out) become blocks (experts, out, in / 32, 16), two neighbouring values
    to a byte, the first in the low half, and one exponent byte per block.
    """
    out = {}
    for name, x in w.items():
        if not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            out[name] = x
            continue
        t = np.swapaxes(x, 1, 2)
        e, code = quantize_fp4(t)
        shape = (t.shape[0], t.shape[1], t.shape[2] // 32)
        out[name + "_blocks"] = (code[:, 0::2] | code[:, 1::2] << 4).reshape(*shape, 16)
        out[name + "_scales"] = e.reshape(shape)
    return out


def write_directory(path, config, w, tokenizer, dtype="f32", shards=1):
    path.mkdir(parents=True, exist_ok=True)
    config = {**config, "torch_dtype": TORCH_DTYPE[dtype]}
    if "quantization_config" in config:
        w = pack_experts(w)
    (path / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    for name, content in tokenizer.hf_files().items():
        (path / name).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n",
                                 encoding="utf-8")
    names = list(w)
    if shards == 1:
        write_safetensors(path / "model.safetensors", w, dtype)
        return
    index, total = {}, 0
    for s in range(shards):
        file = f"model-{s + 1:05}-of-{shards:05}.safetensors"
        part = names[s * len(names) // shards:(s + 1) * len(names) // shards]
        total += write_safetensors(path / file, {n: w[n] for n in part}, dtype)
        index.update({n: file for n in part})
    text = json.dumps({"metadata": {"total_size": total}, "weight_map": index}, indent=2)
    (path / "model.safetensors.index.json").write_text(text + "\n")
