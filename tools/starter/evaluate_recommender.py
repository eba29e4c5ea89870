#!/usr/bin/env python3
"""Scores a recommender on held-out visits, by what `hence recommend` answers.

Usage: evaluate_recommender.py --hence build/hence --data DIR [--model models/starter-recommender]

For every visit of a held-out customer: the last item is to be foretold from the rest of the visit and the
visits before it, among all products but those already seen in this visit. Hit rate and NDCG at 10, of
the recommender; without its session model, of what was seen in the same visits (of the others) and of the mean of item
vectors; and of popularity.
"""

import argparse
import json
import math
import pathlib
import shutil
import subprocess
import tempfile

from customers import read_visits

ROOT = pathlib.Path(__file__).resolve().parents[2]


def requests_of(data):
    """(request, the item that came next)"""
    events, ends = read_visits(data / "sessions.csv", "held-out")
    for customer, history in events.items():
        begin = 0
        for end in ends[customer]:
            if end - begin >= 2:
                yield {"events": history[:end - 1], "k": 10,
                       "filters": {"exclude_seen": False, "exclude": history[begin:end - 1]}}, \
                    history[end - 1]
            begin = end


def score(hence, model, asked, right):
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as f:
        f.writelines(json.dumps(request) + "\n" for request in asked)
        f.flush()
        lines = subprocess.run([hence, "recommend", "-m", model, "--requests", f.name], check=True,
                               capture_output=True, text=True).stdout.splitlines()
    hits, gain = 0, 0.0
    for line, item in zip(lines, right, strict=True):
        ids = [row["id"] for row in json.loads(line)["data"]]
        if item in ids:
            hits += 1
            gain += 1 / math.log2(ids.index(item) + 2)
    return hits / len(right), gain / len(right)


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("--hence", required=True)
    args.add_argument("--data", required=True, type=pathlib.Path)
    args.add_argument("--model", default=ROOT / "models/starter-recommender", type=pathlib.Path)
    args = args.parse_args()
    asked, right = zip(*requests_of(args.data))
    print("%d visits\n\n| by | hit rate at 10 | NDCG at 10 |\n|---|---:|---:|" % len(right))
    with tempfile.TemporaryDirectory() as name:
        plain = shutil.copytree(args.model, pathlib.Path(name) / "plain")
        config = json.loads((plain / "recommender.json").read_text())
        del config["session"]
        (plain / "recommender.json").write_text(json.dumps(config))
        together = shutil.copytree(plain, pathlib.Path(name) / "together")
        (together / "recommender.json").write_text(json.dumps(
            {**config, "together": {"file": "visits.csv", "visit": "session"}}))
        with open(args.data / "sessions.csv", newline="") as past, open(together / "visits.csv", "w") as kept:
            kept.writelines(line for at, line in enumerate(past) if at == 0 or ",train," in line)
        unknown = [{**request, "events": []} for request in asked]
        for label, model, requests in [("popularity", args.model, unknown),
                                       ("mean of item vectors", plain, asked),
                                       ("seen in the same visits", together, asked),
                                       ("session model", args.model, asked)]:
            print("| %s | %.1f%% | %.3f |" % (label, *[
                x * f for x, f in zip(score(args.hence, model, requests, right), (100, 1))]))


if __name__ == "__main__":
    main()
