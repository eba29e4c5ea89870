#!/usr/bin/python3
"""Layers exported by PyTorch in the forms that ONNX had from opset 7 to 16, against PyTorch.

torch_layers.py ONNX_BACKEND: writes each as a test folder, and has the runner of ONNX's own tests
run them. Layers compute in double, so that only wrong ones differ. Exits with 77 where PyTorch is
not installed."""
import pathlib
import subprocess
import sys
import tempfile
import warnings

try:
    import numpy as np
    import onnx
    import onnx.numpy_helper
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)


class Call(nn.Module):
    """A function as a module."""

    def __init__(self, fn, *modules):
        super().__init__()
        self.fn = fn
        self.parts = nn.ModuleList(modules)

    def forward(self, *args):
        return self.fn(*self.parts, *args)


def randn(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def packed(rnn, x, lengths):
    """Sequences of different lengths."""
    steps = nn.utils.rnn.pack_padded_sequence(x, lengths)
    y, state = rnn(steps)
    states = state if isinstance(state, tuple) else (state,)
    return (nn.utils.rnn.pad_packed_sequence(y)[0], *states)


def convolutions():
    for n, conv in enumerate((nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        x = randn(2, 6, *(9, 8, 7)[: n + 1])
        name = conv.__name__
        yield f"{name}_plain", conv(6, 5, 3), (x,)
        yield f"{name}_all", conv(6, 4, 3, stride=2, padding=2, dilation=2, groups=2), (x,)
        yield f"{name}_depthwise", conv(6, 12, 3, padding=1, groups=6, bias=False), (x,)
        yield f"{name}_pointwise", conv(6, 7, 1), (x,)
        yield f"{name}_same", conv(6, 3, 3, padding="same", dilation=2), (x,)
    oblong = nn.Conv2d(6, 3, (1, 4), stride=(3, 1), padding=(0, 3))
    yield "Conv2d_oblong", oblong, (randn(1, 6, 7, 5),)
    yield "Conv2d_wide", nn.Conv2d(3, 9, 3, padding=1), (randn(1, 3, 40, 33),)
    for n, conv in enumerate((nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)):
        x = randn(2, 4, *(5, 4, 3)[: n + 1])
        yield f"{conv.__name__}_plain", conv(4, 6, 3), (x,)
        yield (
            f"{conv.__name__}_all",
            conv(4, 6, 3, stride=3, padding=2, output_padding=1, dilation=2, groups=2),
            (x,),
        )


def pools():
    for n in (1, 2, 3):
        x = randn(2, 3, *(11, 10, 9)[:n])
        most, mean = getattr(nn, f"MaxPool{n}d"), getattr(nn, f"AvgPool{n}d")
        yield f"MaxPool{n}d_plain", most(3), (x,)
        yield f"MaxPool{n}d_all", most(3, stride=2, padding=1, ceil_mode=True), (x,)
        yield f"MaxPool{n}d_dilated", most(3, stride=2, padding=1, dilation=2), (x,)
        yield f"MaxPool{n}d_indices", most(3, stride=2, padding=1, return_indices=True), (x,)
        yield f"AvgPool{n}d_plain", mean(3), (x,)
        yield f"AvgPool{n}d_all", mean(3, stride=2, padding=1), (x,)
        yield f"AvgPool{n}d_inside", mean(3, stride=2, padding=1, count_include_pad=False), (x,)
        yield f"AdaptiveAvgPool{n}d", getattr(nn, f"AdaptiveAvgPool{n}d")(1), (x,)
        yield f"AdaptiveMaxPool{n}d", getattr(nn, f"AdaptiveMaxPool{n}d")(1), (x,)


def norms():
    image = randn(3, 6, 5, 4)
    batch = nn.BatchNorm2d(6)
    batch.running_mean.normal_()
    batch.running_var.uniform_(0.5, 2)
    yield "BatchNorm2d", batch, (image,)
    yield "BatchNorm1d", nn.BatchNorm1d(6), (randn(4, 6),)
    yield "InstanceNorm2d", nn.InstanceNorm2d(6, affine=True), (image,)
    yield "GroupNorm", nn.GroupNorm(3, 6), (image,)
    yield "LayerNorm", nn.LayerNorm([5, 4]), (image,)
    yield "LocalResponseNorm", nn.LocalResponseNorm(3), (image,)
    for dim in (0, 1, -1):
        yield f"Softmax_{dim}", nn.Softmax(dim), (image,)
        yield f"LogSoftmax_{dim}", nn.LogSoftmax(dim), (image,)
    yield "Normalize", Call(lambda x: F.normalize(x, dim=1)), (image,)


def cells():
    for cell, states in ((nn.RNN, 1), (nn.GRU, 1), (nn.LSTM, 2)):
        name = cell.__name__
        x = randn(7, 3, 5)
        yield name, cell(5, 4), (x,)
        yield f"{name}_both", cell(5, 4, num_layers=2, bidirectional=True), (x,)
        yield f"{name}_batch_first", cell(5, 4, batch_first=True, bias=False), (x,)
        state = tuple(randn(2, 3, 4) for _ in range(states))
        started = cell(5, 4, bidirectional=True)
        yield f"{name}_started", started, (x, state if states == 2 else state[0])
        cut = Call(packed, cell(5, 4, bidirectional=True))
        yield f"{name}_lengths", cut, (x, torch.tensor([7, 4, 1]))
    yield "RNN_relu", nn.RNN(5, 4, nonlinearity="relu"), (randn(3, 2, 5),)


def images():
    image = randn(2, 3, 6, 7)
    for size in ({"scale_factor": (2.0, 3.0)}, {"size": (9, 5)}, {"scale_factor": (0.6, 0.6)}):
        tag = "_".join(str(v) for v in next(iter(size.values())))
        for mode in ("nearest", "bilinear", "bicubic"):
            for align in (None,) if mode == "nearest" else (False, True):
                # ONNX's reference spreads corners over 3.6 pixels here, PyTorch over 3.
                if align and tag == "0.6_0.6":
                    continue
                how = {"mode": mode, "align_corners": align, **size}
                # Before opset 11 there were no half pixels.
                yield (
                    f"interpolate_{tag}_{mode}_{align}",
                    Call(lambda x, how=how: F.interpolate(x, **how)),
                    (image,),
                    11 if align is False else 7,
                )
    yield (
        "interpolate_3d",
        Call(lambda x: F.interpolate(x, scale_factor=2.0, mode="trilinear", align_corners=False)),
        (randn(1, 2, 3, 4, 5),),
        11,
    )


def products():
    yield "Linear", nn.Linear(5, 7), (randn(3, 5),)
    yield "Linear_stack", nn.Linear(5, 7), (randn(2, 3, 5),)
    for name, left, right in (
        ("vectors", (5,), (5,)),
        ("row", (5,), (3, 5, 4)),
        ("column", (3, 4, 5), (5,)),
        ("stacks", (2, 1, 4, 5), (3, 5, 6)),
        ("large", (70, 300), (300, 261)),
    ):
        yield f"matmul_{name}", Call(torch.matmul), (randn(*left), randn(*right))
    addmm = Call(lambda c, a, b: torch.addmm(c, a, b, beta=0.5, alpha=2))
    yield "addmm", addmm, (randn(4), randn(3, 5), randn(5, 4))


def quantized():
    x = torch.randn(3, 4, 5)
    whole = Call(lambda x: torch.fake_quantize_per_tensor_affine(x, 0.1, 3, 0, 255))
    yield "fake_quantize", whole, (x,)
    yield (
        "fake_quantize_channels",
        Call(lambda x, s, z: torch.fake_quantize_per_channel_affine(x, s, z, 1, -128, 127)),
        (x, torch.rand(4) / 20 + 0.01, torch.zeros(4, dtype=torch.int32)),
    )


def write(folder, model, inputs, outputs):
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model)
    for kind, values in (("input", inputs), ("output", outputs)):
        for i, value in enumerate(values):
            tensor = onnx.numpy_helper.from_array(np.array(value.numpy(), order="C"))
            (data / f"{kind}_{i}.pb").write_bytes(tensor.SerializeToString())


def flat(values):
    for value in values if isinstance(values, (list, tuple)) else (values,):
        yield from flat(value) if isinstance(value, (list, tuple)) else (value,)


def export(module, args, opset, path):
    """The model's bytes; None where PyTorch has no form of it in this opset."""
    try:
        torch.onnx.export(module, args, path, opset_version=opset, do_constant_folding=False)
    except Exception:  # pylint: disable=broad-except
        return None
    return path.read_bytes()


def main():
    warnings.filterwarnings("ignore")
    torch.manual_seed(5)
    written = 0
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        scratch = root / "model.onnx"
        for group in (convolutions, pools, norms, cells, images, products, quantized):
            for name, module, args, *since in group():
                module = module if group is quantized else module.double()
                module.eval()
                with torch.no_grad():
                    wanted = list(flat(module(*args)))
                last = None
                for opset in (7, 9, 10, 11, 13, 16):
                    if since and opset < since[0]:
                        continue
                    model = export(module, args, opset, scratch)
                    if model is None or model == last:
                        continue
                    last = model
                    names = [i.name for i in onnx.load_model_from_string(model).graph.input]
                    given = list(flat(args))
                    if len(names) != len(given):
                        continue  # an input that the export made a constant
                    write(root / "tests" / f"test_{name}_{opset}", model, given, wanted)
                    written += 1
        print(f"{written} models")
        return subprocess.call([sys.argv[1], str(root / "tests")])


if __name__ == "__main__":
    sys.exit(main())
