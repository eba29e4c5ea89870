#!/usr/bin/env python3
"""What quantising costs, on the right answers to the held-out prompts (evaluate.py).

The model was trained on what the assistant says and nothing else, so only the tokens of the answers
are scored, and the one that ends them: PPL = exp(mean of -ln p). The first file is what the others
are compared with, token by token: the change of PPL, with the standard error of the mean difference
of ln p, the mean divergence of the whole distributions (KL, in nats), and how often the likeliest
token is the same.

Usage: perplexity.py --hence PROGRAM [--kv-type TYPE,...] MODEL.gguf...
"""

import argparse
import itertools
import json
import math
import pathlib
import subprocess
import tempfile

import numpy as np

import evaluate


class Model:
    def __init__(self, hence, path, kv_type, folder):
        self.hence, self.path, self.kv_type = hence, path, kv_type
        self.tokens, self.logits = pathlib.Path(folder) / "ids.npy", pathlib.Path(folder) / "logits.npy"

    def run(self, command, *words, stdin=""):
        return subprocess.run([self.hence, command, "-m", self.path, *words], input=stdin, check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def ids(self, text):
        return [int(word) for word in self.run("tokenize", "--ids", stdin=text).split()]

    def chat(self, messages, **more):
        return self.ids(self.run("render", stdin=json.dumps({"messages": messages, **more})))

    def log_p(self, prompt):
        """ln p of the whole vocabulary at each token of the right answer, and these tokens."""
        said = [{"role": "user", "content": prompt.text}]
        start = len(self.chat(said, add_generation_prompt=True))
        ids = self.chat([*said, {"role": "assistant", "content": prompt.right}])
        end = ids.index(self.ids("<|im_end|>")[0], start) + 1
        np.save(self.tokens, np.array(ids[:end], np.int32))
        self.run("run", "--tokens-in", self.tokens, "-n", "0", "--logits-out", self.logits,
                 "--kv-type", self.kv_type)
        rows = np.load(self.logits)[start - 1:end - 1].astype(np.float64)
        rows -= rows.max(axis=1, keepdims=True)
        return rows - np.log(np.exp(rows).sum(axis=1, keepdims=True)), np.array(ids[start:end])


def score(model, todo):
    rows, ids = zip(*(model.log_p(prompt) for prompt in todo))
    return np.concatenate(rows), np.concatenate(ids)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hence", required=True)
    parser.add_argument("--kv-type", default="f16")
    parser.add_argument("models", nargs="+")
    a = parser.parse_args()
    todo, first = evaluate.prompts(), None
    with tempfile.TemporaryDirectory() as folder:
        for path, kv_type in itertools.product(a.models, a.kv_type.split(",")):
            rows, ids = score(Model(a.hence, path, kv_type, folder), todo)
            first = rows if first is None else first
            at = np.arange(len(ids)), ids
            change = first[at] - rows[at]
            kl = (np.exp(first) * (first - rows)).sum(axis=1).mean()
            same = (first.argmax(axis=1) == rows.argmax(axis=1)).mean()
            print(f"{pathlib.Path(path).name:<20} KV {kv_type:<4} {len(ids)} tokens  PPL {math.exp(-rows[at].mean()):.4f}  "
                  f"{math.expm1(change.mean()):+.2%} +/- {change.std() / math.sqrt(len(ids)):.2%}  "
                  f"KL {kl:.5f}  same token {same:.2%}", flush=True)


if __name__ == "__main__":
    main()
