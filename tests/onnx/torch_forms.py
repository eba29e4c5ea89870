"""Small modules in the many forms that people write them and exporters put them: for test_torch_graphs.py.
What is fused must not depend on one form of it."""
import math

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn
from torch.nn import functional as F


def norm_of(width):
    """A batch norm whose numbers are not those of a new one."""
    norm = nn.BatchNorm1d(width)
    for numbers in (norm.weight, norm.running_var):
        nn.init.uniform_(numbers, 0.5, 1.5)
    for numbers in (norm.bias, norm.running_mean):
        nn.init.normal_(numbers, 0, 0.3)
    return norm


class Formula(nn.Module):
    """An activation written out."""

    def __init__(self, fn):
        super().__init__()
        self.fn = fn

    def forward(self, x):
        return self.fn(x)


ACTIVATIONS = [
    nn.LeakyReLU(0.1), nn.PReLU(), nn.ELU(1.5), nn.SELU(), nn.SiLU(), nn.GELU(), nn.GELU(approximate="tanh"),
    nn.Hardswish(), nn.Hardsigmoid(), nn.Mish(), nn.Softplus(), nn.Tanh(),
    Formula(lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * torch.pow(x, 3))))),
    Formula(lambda x: 0.5 * x * (1 + torch.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x)))),
    Formula(lambda x: x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))),
    Formula(lambda x: 0.5 * (x * (1 + torch.erf(x * math.sqrt(0.5))))),
    Formula(lambda x: x * torch.sigmoid(1.702 * x)), Formula(lambda x: x * F.relu6(x + 3) / 6),
    Formula(lambda x: x * (F.relu6(x + 3) / 6)), Formula(lambda x: x * torch.tanh(F.softplus(x))),
    # Nearly one of them, and not.
    Formula(lambda x: 0.5 * x * (1 + torch.tanh(0.79 * (x + 0.044715 * torch.pow(x, 3))))),
    Formula(lambda x: x * F.relu6(x + 2) / 6), Formula(lambda x: x * torch.sigmoid(x + 1)),
]


class Forms(nn.Module):
    """Activations after products and alone."""

    def __init__(self, _small):
        super().__init__()
        self.up = nn.ModuleList(nn.Linear(20, 20) for _ in ACTIVATIONS)
        self.norms = nn.ModuleList(norm_of(20) for _ in ACTIVATIONS)
        self.fns = nn.ModuleList(ACTIVATIONS)
        self.drop = nn.Dropout(0.3)

    def forward(self, x):
        parts = []
        for i, (up, norm, fn) in enumerate(zip(self.up, self.norms, self.fns)):
            y = self.drop(up(x))
            parts.append(fn(norm(y) if i % 2 else y) + fn(x))
        return torch.cat(parts, 1)

    def inputs(self, batch):
        return {"x": np.random.randn(batch, 20).astype(np.float32) * 2}


class Lines(nn.Module):
    """Convolutions in one dimension, and what stands between them."""

    def __init__(self, _small):
        super().__init__()
        self.first = nn.Conv1d(12, 24, 5, 2, 2, bias=False)
        self.norm = norm_of(24)
        self.slope = nn.PReLU(24)
        self.wide = nn.Conv1d(24, 24, 3, padding=4, dilation=4)
        self.apart = nn.Conv1d(24, 24, 3, padding=1, groups=24)
        self.before = norm_of(24)
        self.point = nn.Conv1d(24, 40, 1)
        self.last = nn.Linear(40 + 24, 5)

    def forward(self, x):
        x = F.max_pool1d(self.slope(self.norm(self.first(x))), 3, 2, 1)
        y = self.apart(torch.relu(self.before(x + F.silu(self.wide(x))))) * x.mean(2, keepdim=True)
        y = torch.cat([self.point(F.avg_pool1d(y, 3, 1, 1)), y[:, :, :]], 1)
        return self.last(torch.cat([y.mean(2)[:, :40], y.max(2)[0][:, 40:]], 1))

    def inputs(self, batch):
        return {"x": np.random.randn(batch, 12, 70).astype(np.float32)}


class Dense(nn.Module):
    """Norms before convolutions, channels side by side, numbers for each channel."""

    def __init__(self, _small):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(16 + 8 * i) for i in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(16 + 8 * i, 8, 3, padding=1) for i in range(3))
        self.slope = nn.PReLU(40)
        self.scale = nn.Parameter(torch.rand(40, 1, 1) + 0.5)
        self.shift = nn.Parameter(torch.rand(1, 40, 1, 1))
        self.last = nn.Linear(40, 7)

    def forward(self, image):
        x = self.stem(image)
        for norm, conv in zip(self.norms, self.convs):
            x = torch.cat([x, conv(F.hardswish(norm(x)))], 1)
        x = self.slope(x * self.scale + self.shift) * torch.sigmoid(x.mean((2, 3), keepdim=True))
        return self.last(x.mean((-1, -2)))

    def inputs(self, batch):
        return {"image": np.random.randn(batch, 3, 21, 33).astype(np.float32)}


class Attentions(nn.Module):
    """Attention in many forms, norms of rows, items that are a table and a product's weights at once."""

    def __init__(self, _small):
        super().__init__()
        self.items = nn.Embedding(301, 32)
        self.position = nn.Parameter(torch.randn(1, 11, 32) / 10)
        self.norm = nn.LayerNorm(32)
        self.weight = nn.Parameter(torch.rand(32) + 0.5)
        self.whole = nn.MultiheadAttention(32, 4)
        self.first = nn.MultiheadAttention(32, 2, batch_first=True)
        self.each = nn.ModuleList(nn.Linear(32, 96) for _ in range(5))
        self.register_buffer("above", torch.triu(torch.ones(11, 11, dtype=torch.bool), 1))

    def attend(self, x, form):
        q, k, v = (t.reshape(x.shape[0], 11, 4, 8).transpose(1, 2) for t in self.each[form](x).chunk(3, -1))
        if form == 0: s = (q * 8 ** -0.5) @ k.transpose(-2, -1)
        elif form == 1: s = torch.matmul(q / 8 ** 0.25, k.transpose(-2, -1) / 8 ** 0.25)
        elif form == 2: s = torch.einsum("bhqd,bhkd->bhqk", q, k) / math.sqrt(8)
        elif form == 3: s = torch.matmul(q * 0.5, k.reshape(-1, 11, 8).permute(0, 2, 1).reshape(-1, 4, 8, 11))
        else: s = torch.bmm(q.reshape(-1, 11, 8), k.reshape(-1, 11, 8).transpose(1, 2)).view(-1, 4, 11, 11)
        s = s.masked_fill(self.above, -1e9) if form % 2 else s + self.above * -1e9
        return (torch.softmax(s, -1) @ v).transpose(1, 2).reshape(x.shape)

    def forward(self, history):
        x = self.items(history) + self.position
        x = x + self.whole(*[x.transpose(0, 1)] * 3, attn_mask=self.above)[0].transpose(0, 1)
        x = x + self.first(x, x, x)[0]
        for form in range(5):
            x = self.norm(x + self.attend(x, form))
        x = self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))
        return torch.matmul(x[:, -1], self.items.weight.t())

    def inputs(self, batch):
        return {"history": np.random.randint(0, 301, (batch, 11)).astype(np.int64)}


def newer(path):
    """A graph of opset 17 as exporters of opset 20 write: no Constant nodes, axes as inputs, weights turned by nodes
    of their own, GELU as an operator, norms as functions of the model."""
    model = onnx.load(path)
    graph = model.graph
    for node in [n for n in graph.node if n.op_type == "Constant"]:
        node.attribute[0].t.name = node.output[0]
        graph.initializer.append(node.attribute[0].t)
        graph.node.remove(node)
    weights, nodes = {t.name: t for t in graph.initializer}, []
    for i, node in enumerate(graph.node):
        axes = [a for a in node.attribute if a.name == "axes"]
        if node.op_type.startswith("Reduce") and axes:
            graph.initializer.append(numpy_helper.from_array(np.array(axes[0].ints), f"axes{i}"))
            node.attribute.remove(axes[0])
            node.input.append(f"axes{i}")
        if node.op_type == "MatMul" and node.input[1] in weights and len(weights[node.input[1]].dims) == 2:
            turned = numpy_helper.to_array(weights[node.input[1]]).T.copy()
            graph.initializer.append(numpy_helper.from_array(turned, f"turned{i}"))
            nodes.append(helper.make_node("Transpose", [f"turned{i}"], [f"back{i}"], perm=[1, 0]))
            node.input[1] = f"back{i}"
        if node.op_type == "LayerNormalization":
            node.domain, node.op_type = "pkg", "layer_norm"
            del node.attribute[:]
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)
    norm = helper.make_node("LayerNormalization", ["x", "weight", "bias"], ["y"], axis=-1)
    model.functions.append(helper.make_function("pkg", "layer_norm", ["x", "weight", "bias"], ["y"], [norm],
                                                [helper.make_opsetid("", 20)]))
    model.opset_import[0].version = 20
    model.opset_import.append(helper.make_opsetid("pkg", 1))
    model.ir_version = 9
    onnx.save(model, path)


MODELS = {"forms": Forms, "lines": Lines, "dense": Dense, "attentions": Attentions, "attentions-new": Attentions}
