#!/usr/bin/env python3
"""Trains the starter model: vocabulary, corpus, network, all from seeds.

Usage: train.py --work DIR [--threads N] [--steps N]

Writes DIR/vocabulary.json, DIR/corpus.npz, DIR/loss.csv and, every few minutes and at the end,
DIR/checkpoint.pt; a later call with the same DIR goes on from there. export.py makes the model
file of it.
"""

import argparse
import json
import math
import pathlib
import sys
import time

import numpy as np
import torch
from torch.nn import functional as F

import bpe
import catalogue
import conversations
from dice import Dice
from muon import Muon
from network import Config, Network

SEED = 20
CONVERSATIONS = 46_000
VALIDATION = 400  # conversations that follow those of the corpus
VOCABULARY_FROM = 20_000
BATCH_TOKENS = 3072
STEPS = 1600
# Rates at their peak: of Muon, for the matrices within the network, and of AdamW, for the rest.
MUON_RATE, ADAM_RATE = 0.02, 3e-3
WARM_UP, FLOOR, DECAY, CLIP = 60, 0.01, 0.01, 1.0


def make_vocabulary(path):
    if not path.exists():
        shelf = conversations.Shelf(catalogue.load())
        texts = (m["content"] for i in range(VOCABULARY_FROM)
                 for m in conversations.conversation(i, shelf))
        tokens, merges = bpe.train(texts, Config.vocab)
        path.write_text(json.dumps({"tokens": tokens, "merges": merges}))
    return bpe.Vocabulary(**json.loads(path.read_text()))


def fitting(vocabulary, messages, context):
    """Ids and mask of as many turns as fit the context."""
    while True:
        ids, mask = bpe.render(vocabulary, messages)
        if len(ids) <= context:
            return ids, mask
        messages = messages[:-2]


def make_corpus(path, vocabulary, n):
    """All conversations, end to end: ids, masks and where each begins."""
    if not path.exists():
        shelf = conversations.Shelf(catalogue.load())
        ids, masks, starts = [], [], [0]
        for i in range(n + VALIDATION):
            a, b = fitting(vocabulary, conversations.conversation(i, shelf), Config.context)
            ids.append(np.array(a, np.int16))
            masks.append(np.array(b, np.int8))
            starts.append(starts[-1] + len(a))
        np.savez(path, ids=np.concatenate(ids), mask=np.concatenate(masks), starts=starts)
    z = np.load(path)
    return z["ids"], z["mask"], z["starts"]


def batches(starts, first, last, seed):
    """Lists of conversations of like length, BATCH_TOKENS together at most, in random order."""
    dice, out = Dice(f"batches {seed}"), []
    order = dice.shuffle(range(first, last))
    for at in range(0, len(order), 1024):
        window = sorted(order[at:at + 1024], key=lambda i: int(starts[i + 1] - starts[i]))
        batch = []
        for i in window:  # the longest is the last
            if batch and (len(batch) + 1) * (starts[i + 1] - starts[i]) > BATCH_TOKENS:
                out.append(batch)
                batch = []
            batch.append(i)
        out.append(batch)
    return dice.shuffle(out)


def tensors(corpus, batch):
    """Inputs, targets, and where targets count."""
    ids, mask, starts = corpus
    width = max(int(starts[i + 1] - starts[i]) for i in batch)
    x = np.zeros((len(batch), width), np.int64)
    m = np.zeros((len(batch), width), bool)
    for row, i in enumerate(batch):
        n = starts[i + 1] - starts[i]
        x[row, :n] = ids[starts[i]:starts[i + 1]]
        m[row, :n] = mask[starts[i]:starts[i + 1]]
    return (torch.from_numpy(x[:, :-1].copy()), torch.from_numpy(x[:, 1:].copy()),
            torch.from_numpy(m[:, 1:].copy()))


def loss_of(network, corpus, batch):
    x, y, where = tensors(corpus, batch)
    return F.cross_entropy(network(x, where), y[where])


def rate(step, steps):
    """Share of the peak rate: a short rise, then a cosine down to FLOOR."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    return FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * step / steps))


class Run:
    """A training run, which can be written down and taken up again."""

    def __init__(self, work, steps):
        self.file, self.steps, self.step, self.seconds = work / "checkpoint.pt", steps, 0, 0.0
        self.log = []  # lines of loss.csv
        torch.manual_seed(SEED)
        self.network = Network(Config())
        inner = [p for n, p in self.network.named_parameters() if "blocks" in n and p.dim() == 2]
        outer = [p for n, p in self.network.named_parameters()
                 if "blocks" not in n or p.dim() == 1]
        self.optimizers = [
            (Muon(inner, weight_decay=DECAY), MUON_RATE),
            (torch.optim.AdamW(outer, betas=(0.9, 0.98), weight_decay=0.0), ADAM_RATE)]
        if self.file.exists():
            saved = torch.load(self.file)
            self.network.load_state_dict(saved["network"])
            for (optimizer, _), state in zip(self.optimizers, saved["optimizers"]):
                optimizer.load_state_dict(state)
            self.step, self.seconds, self.log = saved["step"], saved["seconds"], saved["log"]

    def save(self):
        new = self.file.with_suffix(".new")
        torch.save({"network": self.network.state_dict(),
                    "optimizers": [o.state_dict() for o, _ in self.optimizers],
                    "step": self.step, "seconds": self.seconds, "log": self.log}, new)
        new.rename(self.file)
        self.file.with_name("loss.csv").write_text("step,loss,validation\n" + "".join(self.log))

    def advance(self, corpus, batch):
        loss = loss_of(self.network, corpus, batch)
        self.network.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), CLIP)
        for optimizer, peak in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * rate(self.step, self.steps)
            optimizer.step()
        self.step += 1
        return loss.item()


def validate(network, corpus, n):
    """Mean loss of the conversations after the n of the corpus."""
    with torch.no_grad():
        total = count = 0
        for batch in batches(corpus[2], n, n + VALIDATION, "validation"):
            weight = int(sum(corpus[1][corpus[2][i]:corpus[2][i + 1]].sum() for i in batch))
            total += loss_of(network, corpus, batch).item() * weight
            count += weight
    return total / count


def plan(starts, n, steps):
    """One batch per step, epoch after epoch."""
    out, epoch = [], 0
    while len(out) < steps:
        out += batches(starts, 0, n, epoch)
        epoch += 1
    return out[:steps]


def train(work, steps):
    vocabulary = make_vocabulary(work / "vocabulary.json")
    corpus = make_corpus(work / "corpus.npz", vocabulary, CONVERSATIONS)
    todo = plan(corpus[2], CONVERSATIONS, steps)
    run = Run(work, steps)
    print(f"{sum(p.numel() for p in run.network.parameters())} parameters, "
          f"{len(corpus[0])} tokens, {int(corpus[1].sum())} of them the assistant's, "
          f"{steps} steps, from step {run.step}", flush=True)
    losses, saved = [], time.monotonic()
    while run.step < steps:
        began = time.monotonic()
        losses.append(run.advance(corpus, todo[run.step]))
        run.seconds += time.monotonic() - began
        if run.step % 25:
            continue
        held = f"{validate(run.network, corpus, CONVERSATIONS):.4f}" if run.step % 250 == 0 else ""
        run.log.append(f"{run.step},{np.mean(losses):.4f},{held}\n")
        print(run.log[-1].rstrip(), f"{run.seconds:.0f}s", flush=True)
        losses = []
        if time.monotonic() - saved > 150:
            run.save()
            saved = time.monotonic()
    run.save()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=STEPS)
    a = parser.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(a.threads)
    torch.set_flush_denormal(True)
    torch.use_deterministic_algorithms(True)
    train(a.work, a.steps)


if __name__ == "__main__":
    sys.exit(main())
