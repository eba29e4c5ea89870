#!/usr/bin/env python3
"""Compares hence with the network in PyTorch: the likeliest tokens after 24 prompts.

Usage: agree.py --work DIR --hence PROGRAM

Writes the model as F32 and as Q8_0 and prints how many answers are the same. All must be in F32;
in Q8_0, whose weights are rounded, a near tie may fall otherwise.
"""

import argparse
import pathlib
import subprocess
import sys

import bpe
import evaluate
import export


def hence_ids(hence, model, text):
    done = subprocess.run([hence, "tokenize", "-m", model, "--no-special", "--ids"],
                          input=text.encode(), capture_output=True, check=True)
    return [int(i) for i in done.stdout.split()]


def compare(a, kind, vocabulary, network, texts):
    """How many prompts have the same ids and the same answer."""
    path, same = str(a.work / f"{kind.lower()}.gguf"), 0
    export.write(path, vocabulary, network, kind)
    for text in texts:
        ids, _ = bpe.render(vocabulary, [{"role": "user", "content": text}], prompt=True)
        wanted = vocabulary.decode(network.greedy(ids, vocabulary.id["<|im_end|>"])).strip()
        got = evaluate.ask(a.hence, path, text)
        if wanted == got and hence_ids(a.hence, path, text) == vocabulary.encode(text):
            same += 1
        else:
            print(f"{kind}: {text}\n  PyTorch: {wanted}\n  hence:   {got}")
    print(f"{kind}: {same} of {len(texts)} answers are the same")
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--hence", required=True)
    a = parser.parse_args()
    vocabulary, network = export.load(a.work)
    texts = [p.text for p in evaluate.prompts()[::8][:24]]
    same = {kind: compare(a, kind, vocabulary, network, texts) for kind in ("F32", "Q8_0")}
    return 0 if same["F32"] == len(texts) else 1


if __name__ == "__main__":
    sys.exit(main())
