#!/usr/bin/env python3
"""How many tokens per second encoders read, beside llama.cpp's llama-embedding, on the same made-up models:
random weights in the shapes of MiniLM-L6 and of BERT-base.

Both programs get the same texts in the same vocabulary; loading does not count: hence tells the time of its
computing, the peer that of its prompts. Rounds run both in turn; the median of the ratios counts.
"""

import argparse
import json
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "golden"))

import encoders  # noqa: E402
import gguf_io  # noqa: E402

SHAPES = {"minilm": (6, 384, 12, 1536), "bert-base": (12, 768, 12, 3072)}  # layers, width, heads, inner
CONTEXT = 512
LOADS = {"512 tokens": [510] * 6, "20 tokens": [18] * 100, "10 to 510": [8, 30, 508, 60, 15, 200, 120, 8] * 3}  # words


def write_model(path, shape, kind):
    encoders.N_LAYER, encoders.N_EMBD, encoders.N_HEAD, encoders.N_FF = SHAPES[shape]
    encoders.CONTEXT = CONTEXT
    family = encoders.FAMILIES["bert"]
    weights = encoders.make_weights(family)
    meta = {**encoders.gguf_meta(family), "tokenizer.ggml.token_type_count": 2}  # the peer wants it
    gguf_io.write_gguf(path, meta, encoders.gguf_tensors(family, weights, kind))


def write_texts(path, lengths):
    rng = np.random.default_rng(3)
    path.write_text("".join(encoders.sentence(rng, words)[0] + "\n" for words in lengths))


def hence_rate(args, model, texts, threads):
    done = subprocess.run([args.hence, "embed", "-m", model, "-t", str(threads), "-d", "1", "--json",
                           "-f", texts], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["tokens_per_s"]


def peer_rate(args, model, texts, threads):
    done = subprocess.run([args.peer, "-m", model, "-t", str(threads), "-tb", str(threads), "-f", texts,
                           "--embd-output-format", "json", "-c", "2048", "-b", "2048", "-ub", "2048",
                           "--pooling", "mean"],
                          capture_output=True, text=True, check=True)
    found = re.search(r"prompt eval time\s*=\s*([\d.]+) ms\s*/\s*(\d+) tokens", done.stderr + done.stdout)
    return int(found[2]) / float(found[1]) * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hence", default="build/hence")
    parser.add_argument("--peer", help="llama-embedding; without it hence alone is measured")
    parser.add_argument("--shape", action="append", choices=SHAPES)
    parser.add_argument("--type", action="append", choices=["F32", "F16", "Q8_0"])
    parser.add_argument("-t", default="1,2", help="threads, with commas")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    print(f"{'model':10} {'type':5} {'texts of':11} {'threads':>7} {'hence t/s':>10} {'peer t/s':>10} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for load, lengths in LOADS.items():
            write_texts(folder / load, lengths)
        for shape in args.shape or SHAPES:
            for kind in args.type or ["F32", "F16", "Q8_0"]:
                model = folder / "model.gguf"
                write_model(model, shape, kind)
                for load in LOADS:
                    for threads in map(int, args.t.split(",")):
                        ours, theirs = [], []
                        for _ in range(args.rounds):
                            ours.append(hence_rate(args, model, folder / load, threads))
                            if args.peer:
                                theirs.append(peer_rate(args, model, folder / load, threads))
                        ratio = statistics.median(a / b for a, b in zip(ours, theirs)) if theirs else 0
                        print(f"{shape:10} {kind:5} {load:11} {threads:7} {statistics.median(ours):10.0f} "
                              f"{statistics.median(theirs) if theirs else 0:10.0f} {ratio:6.2f}", flush=True)


if __name__ == "__main__":
    main()
