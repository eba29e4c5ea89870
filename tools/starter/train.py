#!/usr/bin/env python3
"""Trains the starter model: vocabulary, corpus, network, all from seeds.

Usage: train.py --work DIR

Writes DIR/vocabulary.json, DIR/corpus.npz, DIR/loss.csv and, every few minutes and at the end,
DIR/checkpoint.pt; a later call with the same DIR goes on from there. export.py makes the model
file of it.
"""

import argparse
import json
import math
import os
import pathlib
import time

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when NumPy is loaded; sums depend on it
import numpy as np
import torch
from torch.nn import functional as F

import bpe
import catalogue
import conversations
from conversations import SECOND_LESSON
from dice import Dice
from muon import Muon
from network import Config, Network

SEED = 20
# The first lesson has few wordings, the second many: (first conversation, how many, steps).
LESSONS = [(0, 46_000, 800), (SECOND_LESSON, 30_000, 1050)]
VALIDATION = 400  # conversations that follow those of a lesson
VOCABULARY_FROM = 20_000
BATCH_TOKENS = 3072
# Rates at their peak: of Muon, for the matrices within the network, and of AdamW, for the rest.
MUON_RATE, ADAM_RATE = 0.02, 3e-3
WARM_UP, HORIZON, FLOOR, DECAY, CLIP = 60, 1600, 0.01, 0.01, 1.0


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


def make_corpus(path, vocabulary, first, n):
    """n conversations and those of the validation, end to end: ids, masks, where each begins."""
    if not path.exists():
        shelf = conversations.Shelf(catalogue.load())
        ids, masks, starts = [], [], [0]
        for i in range(first, first + n + VALIDATION):
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


def rate(step):
    """Share of the peak rate: a short rise and a cosine that would reach FLOOR at HORIZON; from
    the second lesson on a straight line down to FLOOR."""
    if step < WARM_UP:
        return (step + 1) / WARM_UP
    turn, rest = LESSONS[0][2], LESSONS[1][2]
    at = FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * min(step, turn) / HORIZON))
    return at if step < turn else at + (FLOOR - at) * (step - turn) / rest


class Run:
    """A training run, which can be written down and taken up again."""

    def __init__(self, work):
        self.file, self.step, self.seconds = work / "checkpoint.pt", 0, 0.0
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
                group["lr"] = peak * rate(self.step)
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


class Lesson:
    """The part of the corpus that steps `begin` to `end` are taught from."""

    def __init__(self, work, vocabulary, index):
        first, self.n, steps = LESSONS[index]
        self.corpus = make_corpus(work / f"corpus-{index + 1}.npz", vocabulary, first, self.n)
        self.begin = sum(steps for _, _, steps in LESSONS[:index])
        self.end = self.begin + steps
        self.batches = plan(self.corpus[2], self.n, steps)


def teach(run, lesson):
    """The steps of a lesson that are left."""
    losses, saved = [], time.monotonic()
    while run.step < lesson.end:
        began = time.monotonic()
        losses.append(run.advance(lesson.corpus, lesson.batches[run.step - lesson.begin]))
        run.seconds += time.monotonic() - began
        if run.step % 25:
            continue
        held = ""
        if run.step % 250 == 0:
            held = f"{validate(run.network, lesson.corpus, lesson.n):.4f}"
        run.log.append(f"{run.step},{np.mean(losses):.4f},{held}\n")
        print(run.log[-1].rstrip(), f"{run.seconds:.0f}s", flush=True)
        losses = []
        if time.monotonic() - saved > 150:
            run.save()
            saved = time.monotonic()
    run.save()


def train(work):
    vocabulary = make_vocabulary(work / "vocabulary.json")
    lessons = [Lesson(work, vocabulary, i) for i in range(len(LESSONS))]
    run = Run(work)
    print(f"{sum(p.numel() for p in run.network.parameters())} parameters, from step {run.step}")
    for lesson in lessons:
        print(f"to step {lesson.end}: {len(lesson.corpus[0])} tokens, "
              f"{int(lesson.corpus[1].sum())} of them the assistant's", flush=True)
        teach(run, lesson)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=pathlib.Path, required=True)
    a = parser.parse_args()
    a.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    torch.use_deterministic_algorithms(True)
    train(a.work)


if __name__ == "__main__":
    main()
