#!/usr/bin/env python3
"""What quantising costs, on the right answers to the held-out prompts (evaluate.py).

The model was trained on what the assistant says and nothing else, so only the tokens of the answers
are scored, and the one that ends them: PPL = exp(mean of -ln p). The first file is what the others
are compared with, token by token: the change of PPL, with the standard error of the mean difference
of ln p, the mean divergence of the whole distributions (KL, in nats), and how often the likeliest
token is the same. All files have the vocabulary of the first.

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
        self.tokens = pathlib.Path(folder) / "ids.npy"
        self.logits = pathlib.Path(folder) / "logits.npy"

    def run(self, command, *words, stdin=""):
        return subprocess.run([self.hence, command, "-m", self.path, *words], input=stdin, check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def ids(self, text):
        return [int(word) for word in self.run("tokenize", "--ids", stdin=text).split()]

    def chat(self, messages, **more):
        return self.ids(self.run("render", stdin=json.dumps({"messages": messages, **more})))

    def texts(self, prompts):
        """Of each prompt the tokens up to the end of its right answer, and where that starts."""
        stop, = self.ids("<|im_end|>")
        for prompt in prompts:
            said = [{"role": "user", "content": prompt.text}]
            start = len(self.chat(said, add_generation_prompt=True))
            ids = self.chat([*said, {"role": "assistant", "content": prompt.right}])
            yield np.array(ids[:ids.index(stop, start) + 1], np.int32), start

    def log_p(self, ids, start):
        """ln p of the whole vocabulary at each token from `start` on."""
        np.save(self.tokens, ids)
        self.run("run", "--tokens-in", self.tokens, "-n", "0", "--logits-out", self.logits,
                 "--kv-type", self.kv_type)
        rows = np.load(self.logits)[start - 1:-1].astype(np.float64)
        rows -= rows.max(axis=1, keepdims=True)
        return rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hence", required=True)
    parser.add_argument("--kv-type", default="f16")
    parser.add_argument("models", nargs="+")
    a = parser.parse_args()
    first = None
    with tempfile.TemporaryDirectory() as folder:
        texts = list(Model(a.hence, a.models[0], None, folder).texts(evaluate.prompts()))
        ids = np.concatenate([text[start:] for text, start in texts])
        at = np.arange(len(ids)), ids
        for path, kv_type in itertools.product(a.models, a.kv_type.split(",")):
            model = Model(a.hence, path, kv_type, folder)
            rows = np.concatenate([model.log_p(*text) for text in texts])
            first = rows if first is None else first
            change = first[at] - rows[at]
            kl = (np.exp(first) * (first - rows)).sum(axis=1).mean()
            same = (first.argmax(axis=1) == rows.argmax(axis=1)).mean()
            print(f"{pathlib.Path(path).name:<20} KV {kv_type:<4} {len(ids)} tokens  "
                  f"PPL {math.exp(-rows[at].mean()):.4f}  {math.expm1(change.mean()):+.2%} +/- {change.std() / math.sqrt(len(ids)):.2%}  "
                  f"KL {kl:.5f}  same token {same:.2%}", flush=True)


if __name__ == "__main__":
    main()
