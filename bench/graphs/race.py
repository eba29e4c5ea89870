#!/usr/bin/python3
"""The graphs of make_graphs.py through hence and ONNX Runtime, in turns, in one run.

    race.py DIR RUNNER MODULES [--only NAME,..] [--batch 1,32] [--threads 1,4] [--rounds N] [--json FILE]

DIR is make_graphs.py's, RUNNER is build/tests/onnx/graph_runner, MODULES a node_modules folder with
onnxruntime-node. Both are started once per graph and thread count and asked in turns for a few runs each,
--rounds times; the table shows medians of single runs, and how far outputs are from PyTorch's relative to
the largest.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["ranker", "sasrec", "bert-mini", "resnet18", "mobilenet"]


class Side:
    """A program that answers lines of JSON."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args[0]} ended early")
        return json.loads(line)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start(model, runner, modules, threads):
    model.read_bytes()  # so that neither waits for the disk
    hence = Side([runner, str(model), str(threads)])
    loads = {"hence": hence.read()}
    peer = Side(["node", "--expose-gc", str(HERE / "peer.js"), str(modules), str(threads)])
    loads["peer"] = peer.ask({"load": str(model)})
    return {"hence": hence, "peer": peer}, loads


def inputs_of(folder, name, batch, raw):
    inputs = {}
    for path in sorted(folder.glob(f"{name}.{batch}.in.*.npy")):
        array, port = np.load(path), path.name.split(".")[-2]
        array.tofile(raw / f"{port}.raw")
        inputs[port] = {"type": str(array.dtype), "dims": list(array.shape),
                        "file": str(raw / f"{port}.raw")}
    return inputs


def measure(sides, folder, name, batch, rounds, raw):
    want = np.load(folder / f"{name}.{batch}.out.scores.npy").ravel()
    request = {"inputs": inputs_of(folder, name, batch, raw), "runs": 1,
               "out": str(raw / "out.raw")}
    result, runs = {}, {}
    for side, program in sides.items():
        program.ask(request)
        got = np.fromfile(raw / "out.raw", np.float32)
        result[side] = {"error": float(abs(got - want).max() / abs(want).max())}
        once = float(np.median(program.ask({**request, "runs": 3})["seconds"]))
        runs[side] = int(max(1, min(500, 0.1 / once)))
        result[side]["seconds"] = []
    del request["out"]
    for _ in range(rounds):
        for side, program in sides.items():
            answer = program.ask({**request, "runs": runs[side]})
            result[side]["seconds"] += answer["seconds"]
    for about in result.values():
        about["median"] = float(np.median(about["seconds"]))
        about["best"] = min(about.pop("seconds"))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("runner")
    parser.add_argument("modules", type=pathlib.Path)
    parser.add_argument("--only", default=",".join(NAMES))
    parser.add_argument("--batch", default="1,32")
    parser.add_argument("--threads", default="1,4")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()
    rows = []
    print("| graph | threads | batch | hence ms | ONNX Runtime ms | times | best | error | peer's |")
    print("|---|---|---|---|---|---|---|---|---|")
    loads = []
    for name in args.only.split(","):
        for threads in map(int, args.threads.split(",")):
            model = args.dir / f"{name}.onnx"
            sides, load = start(model, args.runner, args.modules.resolve(), threads)
            loads.append({"graph": name, "threads": threads, "file": model.stat().st_size, **load})
            for batch in map(int, args.batch.split(",")):
                with tempfile.TemporaryDirectory() as raw:
                    r = measure(sides, args.dir, name, batch, args.rounds, pathlib.Path(raw))
                hence, peer = r["hence"], r["peer"]
                rows.append({"graph": name, "threads": threads, "batch": batch, **r})
                print(f"| {name} | {threads} | {batch} | {hence['median'] * 1e3:.3f} | "
                      f"{peer['median'] * 1e3:.3f} | {peer['median'] / hence['median']:.2f} | "
                      f"{peer['best'] / hence['best']:.2f} | {hence['error']:.1e} | "
                      f"{peer['error']:.1e} |", flush=True)
            for side in sides.values():
                side.close()
    print("\n| graph | threads | load ms | peer's | memory / weights | peer's |")
    print("|---|---|---|---|---|---|")
    for load in loads:
        hence, peer = load["hence"], load["peer"]
        print(f"| {load['graph']} | {load['threads']} | {hence['seconds'] * 1e3:.1f} | "
              f"{peer['seconds'] * 1e3:.1f} | {hence['rss'] / load['file']:.2f} | "
              f"{peer['rss'] / load['file']:.2f} |")
    if args.json:
        args.json.write_text(json.dumps({"runs": rows, "loads": loads}, indent=1) + "\n")


if __name__ == "__main__":
    main()
