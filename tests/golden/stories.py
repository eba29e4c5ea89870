#!/usr/bin/env python3
"""Greedy text of the stories260K model, by the reference, as recorded in stories260k.json.

Without --hence the reference is run and compared with the record (or, with --write, recorded);
with --hence that program's text is compared with the record.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import gguf_io
import gguf_model
from reference import forward

RECORD = pathlib.Path(__file__).with_name("stories260k.json")
PROMPTS = ("", "Once upon a time", "Lily and Tom went to the park", "The dog was sad.\nOne day,")
LENGTH = 96


def tokenize(meta, text):
    """SentencePiece BPE: the pair whose union scores best is merged first, leftmost on a tie."""
    tokens = meta["tokenizer.ggml.tokens"]
    rank = {t: i for i, t in enumerate(tokens)}
    scores = meta["tokenizer.ggml.scores"]
    pieces = list((" " + text).replace(" ", "\u2581")) if text else []
    while True:
        pairs = [(-scores[rank[a + b]], i) for i, (a, b) in enumerate(zip(pieces, pieces[1:]))
                 if a + b in rank]
        if not pairs:
            break
        _, i = min(pairs)
        pieces[i:i + 2] = [pieces[i] + pieces[i + 1]]
    ids = [meta["tokenizer.ggml.bos_token_id"]]
    for p in pieces:
        ids += [rank[p]] if p in rank else [rank[f"<0x{b:02X}>"] for b in p.encode()]
    return ids


def detokenize(meta, ids):
    out = bytearray()
    for i in ids:
        t, kind = meta["tokenizer.ggml.tokens"][i], meta["tokenizer.ggml.token_type"][i]
        if kind == 6:
            out.append(int(t[1:-1], 16))
        elif kind != 3:
            out += t.replace("\u2581", " ").encode()
    return out.decode("utf-8", "replace")


def greedy(model, ids, n):
    """(generated ids, smallest lead of a chosen token over the next one)."""
    ids, start, lead = list(ids), len(ids), float("inf")
    for _ in range(n):
        last = forward(*model, ids)["logits"][-1]
        order = last.argsort()
        lead = min(lead, float(last[order[-1]] - last[order[-2]]))
        ids.append(int(order[-1]))
        if ids[-1] in (1, 2):  # the file's tokens for begin and end
            break
    return ids[start:], lead


def record(path):
    meta, tensors = gguf_io.read_gguf(path)
    model = gguf_model.load(meta, tensors, meta["llama.context_length"])
    rows = []
    for text in PROMPTS:
        prompt = tokenize(meta, text)
        ids, lead = greedy(model, prompt, LENGTH)
        rows.append({"prompt": text, "prompt_ids": prompt, "ids": ids,
                     "text": detokenize(meta, ids), "lead": round(lead, 4)})
    return rows


def text_of(hence, model, row):
    command = [hence, "run", "-m", model, "-p", row["prompt"], "-n", str(len(row["ids"])),
               "--temp", "0", "--raw"]
    done = subprocess.run(command, capture_output=True, timeout=120, check=True)
    return done.stdout.decode("utf-8", "replace")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="path of stories260K.gguf")
    parser.add_argument("--hence", help="the program under test")
    parser.add_argument("--write", action="store_true", help="record what the reference gives")
    args = parser.parse_args()
    if args.write:
        rows = ",\n".join(json.dumps(r) for r in record(args.model))
        RECORD.write_text(f"[\n{rows}\n]\n")
        return 0
    wanted = json.loads(RECORD.read_text())
    if args.hence:
        # A newline that ends the output, or the blank that begins a text, is not the model's.
        got = [{"text": text_of(args.hence, args.model, r).strip()} for r in wanted]
        wanted = [{**r, "text": r["text"].strip()} for r in wanted]
        bad = [(w, g) for w, g in zip(wanted, got) if w["text"] != g["text"]]
    else:
        bad = [(w, g) for w, g in zip(wanted, record(args.model)) if w["ids"] != g["ids"]]
    for w, g in bad:
        print(f"prompt {w['prompt']!r}\n  wanted {w['text']!r}\n  got    {g['text']!r}")
    print(f"{len(wanted) - len(bad)} passed, {len(bad)} failed")
    return len(bad) > 0


if __name__ == "__main__":
    sys.exit(main())
