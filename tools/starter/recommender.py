#!/usr/bin/env python3
"""Trains the starter recommender on the visits that customers.py makes: models/starter-recommender/.

Usage: recommender.py --data DIR [--out models/starter-recommender] [--epochs N]

A model in the manner of SASRec (Kang and McAuley, ICDM 2018): one block of causal attention over the last 20
events, trained to foretell the next item by the product with item vectors, which it shares with its
input. Writes recommender.json, items.jsonl (the catalogue and how often each product was looked at),
vectors.npy and session.onnx. One thread and a seed make it repeatable on one kind of processor.
"""

import argparse
import collections
import json
import pathlib

import numpy as np
import torch
from torch import nn

import catalogue
from customers import read_visits

LENGTH, DIMS, HEADS = 20, 48, 2
ROOT = pathlib.Path(__file__).resolve().parents[2]
KEPT = ["id", "name", "type", "category", "price", "season", "use", "segment", "stock"]
CONFIG = {
    "catalogue": "items.jsonl",
    "vectors": "vectors.npy",
    "fields": {"id": "id", "price": "price", "available": "stock", "popularity": "popularity",
               "categories": ["category", "type"]},
    "session": {"model": "session.onnx", "length": LENGTH},
    "events": {"view": 1, "cart": 2, "purchase": 3},
}


class Session(nn.Module):
    """[visitors][LENGTH] item numbers, 0 where there is none, to vectors [visitors][DIMS]."""

    def __init__(self, n_items):
        super().__init__()
        self.items = nn.Embedding(n_items + 1, DIMS, padding_idx=0)
        nn.init.normal_(self.items.weight, std=DIMS ** -0.5)
        self.places = nn.Parameter(torch.randn(LENGTH, DIMS) * 0.02)
        self.norm_in, self.norm_mid, self.norm_out = (nn.LayerNorm(DIMS) for _ in range(3))
        self.qkv, self.mix = nn.Linear(DIMS, 3 * DIMS), nn.Linear(DIMS, DIMS)
        self.up, self.down = nn.Linear(DIMS, 2 * DIMS), nn.Linear(2 * DIMS, DIMS)
        self.drop = nn.Dropout(0.2)
        self.register_buffer("causal", torch.full((LENGTH, LENGTH), -1e9).triu(1))

    def every(self, items):
        """What is foretold after each place: [visitors][LENGTH][DIMS]."""
        x = self.drop(self.items(items) * DIMS ** 0.5 + self.places)
        q, k, v = self.qkv(self.norm_in(x)).reshape(-1, LENGTH, 3, HEADS, DIMS // HEADS) \
            .permute(2, 0, 3, 1, 4).unbind(0)
        hidden = (items == 0).to(x.dtype)[:, None, None, :] * -1e9
        scores = q @ k.transpose(-1, -2) * (DIMS // HEADS) ** -0.5 + self.causal + hidden
        mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, LENGTH, DIMS)
        x = x + self.drop(self.mix(mixed))
        x = x + self.drop(self.down(torch.relu(self.up(self.norm_mid(x)))))
        return self.norm_out(x)

    def forward(self, items):
        return self.every(items)[:, -1]


def windows(events, number):
    """Rows of LENGTH + 1 item numbers, zeros on the left."""
    rows = []
    for history in events.values():
        ids = [number[i] for i in history]
        for end in range(len(ids), 1, -LENGTH):
            part = ids[max(0, end - LENGTH - 1):end]
            rows.append([0] * (LENGTH + 1 - len(part)) + part)
    return torch.tensor(rows)


def train(model, rows, epochs):
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    steps = epochs * (len(rows) // 128)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for epoch in range(epochs):
        order, total = torch.randperm(len(rows)), 0.0
        for at in range(0, len(rows) - 127, 128):
            batch = rows[order[at:at + 128]]
            out = model.every(batch[:, :-1])
            logits = out @ model.items.weight[1:].T
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten() - 1,
                                               ignore_index=-1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            rate.step()
            total += float(loss)
        print("epoch %d: loss %.4f" % (epoch + 1, total / (len(rows) // 128)), flush=True)


def write(folder, model, items, counts):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "items.jsonl", "w") as f:
        for item in items:
            row = {key: item[key] for key in KEPT}
            f.write(json.dumps({**row, "popularity": counts[item["id"]]}) + "\n")
    np.save(folder / "vectors.npy", model.items.weight[1:].detach().numpy())
    torch.onnx.export(model, torch.zeros(2, LENGTH, dtype=torch.int64), folder / "session.onnx",
                      input_names=["items"], output_names=["visitor"], opset_version=13,
                      dynamic_axes={"items": {0: "visitors"}, "visitor": {0: "visitors"}})
    (folder / "recommender.json").write_text(json.dumps(CONFIG, indent=2) + "\n")


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--data", required=True, type=pathlib.Path)
    args.add_argument("--out", default=ROOT / "models/starter-recommender", type=pathlib.Path)
    args.add_argument("--epochs", type=int, default=10)
    args = args.parse_args()
    torch.manual_seed(25)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    items = catalogue.load()
    events, _ = read_visits(args.data / "sessions.csv", "train")
    counts = collections.Counter(i for history in events.values() for i in history)
    number = {item["id"]: at + 1 for at, item in enumerate(items)}
    model = Session(len(items))
    train(model, windows(events, number), args.epochs)
    model.eval()
    write(args.out, model, items, counts)


if __name__ == "__main__":
    main()
