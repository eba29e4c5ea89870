#!/usr/bin/python3
"""Graphs that PyTorch exports give what PyTorch computes, to 1e-5 of the largest output, at every level of
instructions; and the same bits alone, in a batch, and on two threads.

    test_torch_graphs.py RUNNER

RUNNER is bench/graphs/runner.c. Skipped where PyTorch is not installed.
"""
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "graphs"))

try:
    import numpy as np
    import torch
    from torch import nn
    import torch_forms
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
import race
import make_graphs

BATCH = 3
LEVELS = ["ref", "avx2", "avx512", "avx512vnni", "avx512bf16", "amx"]


class Corners(nn.Module):
    """What the five do not have: sums of different shapes, norms that stay, gates, odd windows."""

    def __init__(self, _small):
        super().__init__()
        self.stem = nn.Conv2d(3, 20, 3, 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(20)
        self.gate = nn.Conv2d(20, 20, 1)
        self.wide = nn.Conv2d(20, 24, 3, padding=2, dilation=2)
        self.apart = nn.Conv2d(24, 24, 5, 2, 2, groups=24)
        self.each = nn.Conv2d(24, 24, 3, padding=1, groups=24)
        self.mix = nn.Conv2d(24, 24, 1)
        self.square = nn.Conv2d(24, 24, 3, padding=(1, 2))
        self.some = nn.Conv2d(24, 24, 3, padding=1, groups=4)
        self.point = nn.Conv2d(24, 24, 1, 2)
        self.context = nn.Linear(24, 24)
        self.last = nn.Linear(24, 7)

    def forward(self, image):
        x = self.stem(image)
        x = torch.relu(self.norm(x) * 1.5)
        x = x * torch.sigmoid(self.gate(nn.functional.adaptive_avg_pool2d(x, 1)))
        x = nn.functional.silu(self.wide(x))
        x = torch.tanh(self.square(self.mix(self.each(x)) + x.mean((2, 3), keepdim=True)))
        y = nn.functional.max_pool2d(x, 3, 2, 1) + self.apart(x)
        y = nn.functional.avg_pool2d(y, 3, 1, 1) + self.some(y)
        y = torch.tanh(self.point(nn.functional.pad(y, (1, 0, 2, 1))))
        y = y.flatten(2).transpose(1, 2)
        y = self.context(y.mean(1, keepdim=True)) + y
        heads = y.reshape(y.shape[0], y.shape[1], 4, 6)
        one = heads.mean(2, keepdim=True).permute(0, 2, 1, 3)
        scores = torch.matmul(heads.permute(0, 2, 1, 3), one.transpose(-1, -2)) / 6.0
        y = y + torch.matmul(torch.softmax(scores, -1), one).permute(0, 2, 1, 3).reshape(y.shape)
        return self.last(nn.functional.gelu(y))

    def inputs(self, batch):
        return {"image": np.random.randn(batch, 3, 31, 45).astype(np.float32)}


class Joined(nn.Module):
    """Queries, keys and values of one product, split or picked, with two masks; only one place is asked for."""

    def __init__(self, _small):
        super().__init__()
        self.items = nn.Embedding(40, 24)
        self.qkv = nn.ModuleList(nn.Linear(24, 72) for _ in range(2))
        self.mix = nn.ModuleList(nn.Linear(24, 24) for _ in range(2))
        self.norm = nn.ModuleList(nn.LayerNorm(24) for _ in range(3))
        self.up, self.down = nn.Linear(24, 50), nn.Linear(50, 24)
        self.register_buffer("causal", torch.full((9, 9), -1e9).triu(1))

    def attend(self, i, x, hidden):
        qkv = self.qkv[i](x).reshape(-1, 9, 3, 2, 12).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0) if i else (qkv[0], qkv[1], qkv[2])
        scores = hidden + (q @ k.transpose(-1, -2) * 12 ** -0.5 + self.causal)
        return self.mix[i]((scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, 9, 24))

    def forward(self, items):
        hidden = (items == 0).float()[:, None, None, :] * -1e9
        x = self.items(items)
        for i in range(2):
            x = x + self.attend(i, self.norm[i](x), hidden)
            x = x + self.down(torch.relu(self.up(x)))
        return self.norm[2](x)[:, -2]

    def inputs(self, batch):
        return {"items": np.random.randint(0, 40, (batch, 9))}


def exported_with_norms(make, folder, name):
    """As make(), but batch norms and what is dropped in training stay nodes of their own."""
    export = torch.onnx.export
    torch.onnx.export = lambda *a, **k: export(
        *a, **k, training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False)
    try:
        make(folder, name, True, [1, BATCH])
    finally:
        torch.onnx.export = export


def run(runner, folder, name, batch, level, threads, raw, only=None):
    """The output; of row `only` alone when that is given."""
    os.environ["HENCE_CPU"] = level
    side = race.Side([runner, str(folder / f"{name}.onnx"), str(threads)])
    side.read()
    inputs = race.inputs_of(folder, name, batch, raw)
    if only is not None:
        for port, about in inputs.items():
            array = np.load(folder / f"{name}.{batch}.in.{port}.npy")[only:only + 1]
            array.tofile(about["file"])
            about["dims"] = list(array.shape)
    side.ask({"inputs": inputs, "runs": 1, "out": str(raw / "out")})
    side.close()
    return np.fromfile(raw / "out", np.float32)


def levels_here(runner, folder, raw):
    here = []
    for level in LEVELS:
        try:
            run(runner, folder, "ranker", 1, level, 1, raw)
        except SystemExit:
            break
        here.append(level)
    return here


def check(runner, folder, name, levels, raw):
    want = np.load(folder / f"{name}.{BATCH}.out.scores.npy").ravel()
    bad = 0
    for level in levels:
        got = run(runner, folder, name, BATCH, level, 1, raw)
        error = abs(got - want).max() / abs(want).max() if got.shape == want.shape else np.inf
        ok = error <= 1e-5
        if not np.array_equal(got, run(runner, folder, name, BATCH, level, 2, raw)):
            print(f"{name} at {level}: two threads give other bits")
            ok = False
        size = want.size // BATCH
        alone = run(runner, folder, name, BATCH, level, 1, raw, only=1)
        if not np.array_equal(got[size:2 * size], alone):
            print(f"{name} at {level}: a row alone gives other bits")
            ok = False
        print(f"{'ok' if ok else 'FAILED'} {name} at {level}: {error:.1e}")
        bad += not ok
    return bad


def main():
    runner = sys.argv[1]
    make_graphs.MODELS.update(torch_forms.MODELS, corners=Corners, joined=Joined)
    bad = 0
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as raw:
        folder, raw = pathlib.Path(folder), pathlib.Path(raw)
        for name in race.NAMES:
            make_graphs.make(folder, name, True, [1, BATCH])
        make_graphs.make(folder, "joined", True, [1, BATCH])
        for name in ("corners", "forms", "dense"):
            exported_with_norms(make_graphs.make, folder, name)
        for name in ("lines", "attentions"):
            make_graphs.make(folder, name, True, [1, BATCH])
        make_graphs.OPSET = 17
        make_graphs.make(folder, "attentions-new", True, [1, BATCH])
        torch_forms.newer(folder / "attentions-new.onnx")
        levels = levels_here(runner, folder, raw)
        for name in [*race.NAMES, "corners", "joined", *torch_forms.MODELS]:
            bad += check(runner, folder, name, levels, raw)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
