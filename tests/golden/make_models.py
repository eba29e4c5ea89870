#!/usr/bin/env python3
"""Writes the golden models: for each family F.gguf, F-hf/, F.tokens.npy, F.logits.npy and
F.acts.npz, from nothing but a seed."""

import argparse
import pathlib
import sys
import zlib

import numpy as np

import gguf_io
import gguf_model
import hf_files
import hf_model
import toy_tokenizer
from families import FAMILIES, PROMPT, SHARDED, VOCAB
from reference import forward
from weights import make_weights

DTYPES = ("f32", "f16", "bf16", "q8_0", "q4_0", "mxfp4")
FLOATS = ("f32", "f16", "bf16")
SEED = 20


def prompt(name):
    """The ids of a family's prompt: every plain token may occur."""
    rng = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    return rng.integers(0, VOCAB - 8, PROMPT).astype(np.int32)


def write_gguf(path, config, w, dtype):
    kind = dtype.upper()
    file_type = gguf_model.FILE_TYPE[kind]
    if "quantization_config" in config:
        file_type = gguf_model.FILE_TYPE["MXFP4"]
    tensors = gguf_model.tensors(config, w, kind)
    meta = {**gguf_model.metadata(config, file_type), **toy_tokenizer.gguf_keys()}
    gguf_io.write_gguf(path, meta, tensors)
    return meta, tensors


def make(name, out, dtype="f32"):
    """Writes one family; returns the reference's activations.

    Quantised types exist as GGUF only, and their reference runs on the values as stored.
    """
    config, tokens = FAMILIES[name], prompt(name)
    w = make_weights(config, SEED, dtype)
    meta, tensors = write_gguf(out / f"{name}.gguf", config, w, dtype)
    if dtype in FLOATS:
        hf_files.write_directory(out / f"{name}-hf", config, w, toy_tokenizer, dtype,
                                 2 if name == SHARDED else 1)
        acts = forward(*hf_model.load(config, w, PROMPT), tokens)
    else:
        acts = forward(*gguf_model.load(meta, tensors, PROMPT), tokens)
    np.save(out / f"{name}.tokens.npy", tokens)
    np.save(out / f"{name}.logits.npy", acts["logits"])
    np.savez(out / f"{name}.acts.npz", **acts)
    return acts


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path, metavar="OUTDIR")
    parser.add_argument("--family", action="append", choices=FAMILIES, help="only this one")
    parser.add_argument("--dtype", default="f32", choices=DTYPES)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.family or FAMILIES:
        logits = make(name, args.out, args.dtype)["logits"]
        print(f"{name:14} {logits.shape[0]} x {logits.shape[1]} logits, "
              f"deviation {logits.std():.3f}", file=sys.stderr)


if __name__ == "__main__":
    main()
