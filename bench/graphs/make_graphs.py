#!/usr/bin/python3
"""The five graphs whose speed and exactness are held against others: as ONNX files with random weights,
and what PyTorch computes on random inputs.

    make_graphs.py DIR [--only NAME,..] [--small] [--batch N]

writes DIR/NAME.onnx and, for every batch size B (1 and N), DIR/NAME.B.in.PORT.npy and
DIR/NAME.B.out.PORT.npy. --small makes images and catalogues small, for tests. The same seed gives the
same files.
"""
import argparse
import math
import pathlib
import warnings

import numpy as np
import torch
from torch import nn
from torch.nn import functional

OPSET = 14


class Ranker(nn.Module):
    """Embeddings of categorical columns beside numeric ones, and three layers."""

    def __init__(self, small):
        super().__init__()
        rows = [200, 50, 20] if small else [20000, 5000, 1000, 200, 50, 7]
        self.tables = nn.ModuleList(nn.Embedding(n, 16) for n in rows)
        self.rows = rows
        self.layers = nn.Sequential(
            nn.Linear(16 * len(rows) + 13, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
            nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, numbers, categories):
        looked_up = [table(categories[:, i]) for i, table in enumerate(self.tables)]
        return torch.sigmoid(self.layers(torch.cat([numbers] + looked_up, dim=1)))

    def inputs(self, batch):
        categories = np.stack([np.random.randint(0, n, batch) for n in self.rows], 1)
        return {"numbers": np.random.randn(batch, 13).astype(np.float32),
                "categories": categories.astype(np.int64)}


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def split(self, x):
        return x.view(x.size(0), x.size(1), self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = self.split(self.query(x)), self.split(self.key(x)), self.split(self.value(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / math.sqrt(q.size(-1)) + mask
        mixed = torch.matmul(torch.softmax(scores, dim=-1), v).permute(0, 2, 1, 3).contiguous()
        return self.out(mixed.view(x.size(0), x.size(1), -1))


class Sequences(nn.Module):
    """SASRec: the next item from the last fifty, scored against the whole catalogue."""

    def __init__(self, small):
        super().__init__()
        self.items, self.length, width = (1000, 20, 32) if small else (50000, 50, 64)
        self.item = nn.Embedding(self.items + 1, width, padding_idx=0)
        self.position = nn.Embedding(self.length, width)
        self.blocks = nn.ModuleList()
        for _ in range(2):
            self.blocks.append(nn.ModuleDict({
                "norm": nn.LayerNorm(width, eps=1e-8), "attention": Attention(width, 1),
                "norm2": nn.LayerNorm(width, eps=1e-8),
                "up": nn.Linear(width, width), "down": nn.Linear(width, width)}))
        self.last = nn.LayerNorm(width, eps=1e-8)
        above = torch.triu(torch.full((self.length, self.length), -1e9), diagonal=1)
        self.register_buffer("causal", above)
        self.register_buffer("places", torch.arange(self.length))

    def forward(self, history):
        x = self.item(history) * 8.0 + self.position(self.places)
        there = (history != 0).unsqueeze(-1).to(x.dtype)
        x = x * there
        for block in self.blocks:
            x = x + block["attention"](block["norm"](x), self.causal)
            h = block["norm2"](x)
            x = (x + block["down"](torch.relu(block["up"](h)))) * there
        return torch.matmul(self.last(x)[:, -1], self.item.weight.t())

    def inputs(self, batch):
        history = np.random.randint(1, self.items, (batch, self.length))
        for row, seen in enumerate(np.random.randint(self.length // 2, self.length + 1, batch)):
            history[row, :self.length - seen] = 0
        return {"history": history.astype(np.int64)}


class Encoder(nn.Module):
    """BERT-mini: four layers of 256, four heads."""

    def __init__(self, small):
        super().__init__()
        layers, width, self.words = (2, 64, 500) if small else (4, 256, 30522)
        self.length = 24 if small else 128
        self.word = nn.Embedding(self.words, width)
        self.position = nn.Embedding(512, width)
        self.kind = nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList()
        for _ in range(layers):
            self.layers.append(nn.ModuleDict({
                "attention": Attention(width, 4), "norm": nn.LayerNorm(width, eps=1e-12),
                "up": nn.Linear(width, 4 * width), "down": nn.Linear(4 * width, width),
                "norm2": nn.LayerNorm(width, eps=1e-12)}))

    def forward(self, input_ids, attention_mask, token_type_ids):
        places = torch.arange(input_ids.size(1)).unsqueeze(0)
        x = self.norm(self.word(input_ids) + self.kind(token_type_ids) + self.position(places))
        mask = (1.0 - attention_mask[:, None, None, :].to(x.dtype)) * -10000.0
        for layer in self.layers:
            x = layer["norm"](x + layer["attention"](x, mask))
            x = layer["norm2"](x + layer["down"](functional.gelu(layer["up"](x))))
        return x

    def inputs(self, batch):
        mask = np.ones((batch, self.length), np.int64)
        for row in range(1, batch):
            mask[row, np.random.randint(self.length // 2, self.length + 1):] = 0
        return {"input_ids": np.random.randint(0, self.words, (batch, self.length)),
                "attention_mask": mask,
                "token_type_ids": np.random.randint(0, 2, (batch, self.length))}


def convolution(inputs, outputs, size, stride=1, groups=1):
    return [nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs)]


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.body = nn.Sequential(*convolution(inputs, outputs, 3, stride), nn.ReLU(),
                                  *convolution(outputs, outputs, 3))
        self.skip = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.skip = nn.Sequential(*convolution(inputs, outputs, 1, stride))

    def forward(self, x):
        return torch.relu(self.body(x) + self.skip(x))


class Image(nn.Module):
    def inputs(self, batch):
        return {"image": np.random.randn(batch, 3, self.size, self.size).astype(np.float32)}


class ResNet18(Image):
    def __init__(self, small):
        super().__init__()
        self.size = 64 if small else 224
        widths = [16, 32, 48, 64] if small else [64, 128, 256, 512]
        layers = [*convolution(3, widths[0], 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        before = widths[0]
        for i, width in enumerate(widths):
            layers += [Residual(before, width, 1 if i == 0 else 2), Residual(width, width, 1)]
            before = width
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                                  nn.Linear(before, 1000))

    def forward(self, image):
        return self.body(image)


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, stride, expand):
        super().__init__()
        wide = inputs * expand
        self.skip = stride == 1 and inputs == outputs
        up = [*convolution(inputs, wide, 1), nn.ReLU6()] if expand != 1 else []
        self.body = nn.Sequential(*up, *convolution(wide, wide, 3, stride, wide), nn.ReLU6(),
                                  *convolution(wide, outputs, 1))

    def forward(self, x):
        return x + self.body(x) if self.skip else self.body(x)


class MobileNetV2(Image):
    def __init__(self, small):
        super().__init__()
        self.size = 64 if small else 224
        layers = [*convolution(3, 32, 3, 2), nn.ReLU6()]
        before = 32
        for expand, width, count, stride in [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2),
                                             (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                                             (6, 320, 1, 1)]:
            for i in range(1 if small else count):
                layers.append(Inverted(before, width, stride if i == 0 else 1, expand))
                before = width
        last = 200 if small else 1280
        self.body = nn.Sequential(*layers, *convolution(before, last, 1), nn.ReLU6(),
                                  nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, 1000))

    def forward(self, image):
        return self.body(image)


MODELS = {"ranker": Ranker, "sasrec": Sequences, "bert-mini": Encoder, "resnet18": ResNet18,
          "mobilenet": MobileNetV2}


def initialise(model):
    """Weights that keep the size of activations, and statistics that are not those of new layers."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, 0, 0.1)


def make(folder, name, small, batches):
    torch.manual_seed(7)
    np.random.seed(7)
    model = MODELS[name](small)
    initialise(model)
    model.eval()
    example = {key: torch.from_numpy(x) for key, x in model.inputs(2).items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, tuple(example.values()), str(folder / f"{name}.onnx"),
                          opset_version=OPSET, input_names=list(example), output_names=["scores"],
                          dynamic_axes={key: {0: "batch"} for key in [*example, "scores"]})
    for batch in batches:
        inputs = model.inputs(batch)
        for key, x in inputs.items():
            np.save(folder / f"{name}.{batch}.in.{key}.npy", x)
        with torch.no_grad():
            scores = model(*(torch.from_numpy(x) for x in inputs.values()))
        np.save(folder / f"{name}.{batch}.out.scores.npy", scores.numpy())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--only", default=",".join(MODELS))
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--batch", type=int, default=32)
    args = parser.parse_args()
    args.dir.mkdir(parents=True, exist_ok=True)
    for name in args.only.split(","):
        make(args.dir, name, args.small, sorted({1, args.batch}))


if __name__ == "__main__":
    main()
