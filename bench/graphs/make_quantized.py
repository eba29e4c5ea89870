#!/usr/bin/python3
"""Quantized graphs and a recurrent one, for race.py: `resnet18` and `mobilenet` of make_graphs.py's folder with
QuantizeLinear and DequantizeLinear around their operators, as ONNX Runtime's quantizer writes them, and an LSTM.

    make_quantized.py DIR HENCE        # DIR is make_graphs.py's, and gets resnet18-qdq, mobilenet-qdq and lstm

HENCE is the program, which tells how far the values of the graph reach.
"""
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

QUANTIZED = ("Conv", "Relu", "Clip", "MaxPool", "Add")


def ranges(model, image, hence):
    """The least and the greatest of every value that a quantized operator makes."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    names = [n.output[0] for n in model.graph.node if n.op_type in QUANTIZED]
    del shown.graph.output[:]
    shown.graph.output.extend(helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, None) for n in names)
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder)
        onnx.save(shown, out / "shown.onnx")
        subprocess.run([hence, "predict", "-m", out / "shown.onnx", "--in", image, "--out-dir", out / "values"], check=True)
        safe = {n: "".join(c if c.isalnum() or c in "._-" else "_" for c in n) for n in names}
        values = {n: np.load(out / "values" / f"{safe[n]}.npy") for n in names}
    return {n: (min(float(v.min()), 0.0), max(float(v.max()), 0.0)) for n, v in values.items()}


def quantize(model, seen, image):
    tensors = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    nodes, constants, wide = [], [], {}
    least, most = float(image.min()), float(image.max())
    reach = {model.graph.input[0].name: (least, most), **seen}

    def constant(name, array):
        constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def through(name):
        """The value through bytes; once for all who read it."""
        if name in wide or name not in reach: return wide.get(name, name)
        low, high = reach[name]
        scale = np.float32(max(high - low, 1e-6) / 255)
        more = [constant(name + "_scale", scale), constant(name + "_zero", np.uint8(round(-low / scale)))]
        nodes.append(helper.make_node("QuantizeLinear", [name, *more], [name + "_q"]))
        nodes.append(helper.make_node("DequantizeLinear", [name + "_q", *more], [name + "_dq"]))
        wide[name] = name + "_dq"
        return wide[name]

    def weights(name, scale_x):
        w = tensors[name]
        scales = (abs(w).reshape(len(w), -1).max(1) / 127).astype(np.float32)
        q = np.rint(w / scales.reshape(-1, 1, 1, 1)).astype(np.int8)
        more = [constant(name + "_scale", scales), constant(name + "_zero", np.zeros(len(w), np.int8))]
        nodes.append(helper.make_node("DequantizeLinear", [constant(name + "_q", q), *more], [name + "_dq"], axis=0))
        return name + "_dq", scales * scale_x

    for n in model.graph.node:
        inputs = list(n.input)
        if n.op_type == "Conv":
            inputs[0] = through(inputs[0])
            low, high = reach[n.input[0]]
            inputs[1], by = weights(inputs[1], np.float32((high - low) / 255))
            if len(inputs) > 2:
                bias = np.rint(tensors[inputs[2]] / by).astype(np.int32)
                more = [constant(n.name + "_b", bias), constant(n.name + "_bs", by)]
                nodes.append(helper.make_node("DequantizeLinear", more, [n.name + "_bias"], axis=0))
                inputs[2] = n.name + "_bias"
        elif n.op_type in ("Add", "MaxPool", "GlobalAveragePool"):
            inputs = [through(i) for i in inputs]
        nodes.append(helper.make_node(n.op_type, inputs, list(n.output), n.name))
        nodes[-1].attribute.extend(n.attribute)
        if n.op_type == "MaxPool": reach[n.output[0]] = reach[n.input[0]]
    graph = helper.make_graph(nodes, "quantized", model.graph.input, model.graph.output,
                              [*model.graph.initializer, *constants])
    read = {i for n in nodes for i in n.input}
    left = [t for t in graph.initializer if t.name in read]
    del graph.initializer[:]
    graph.initializer.extend(left)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    made.ir_version = 8
    return made


class Lstm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.cells = torch.nn.LSTM(128, 256, num_layers=2)

    def forward(self, steps):
        return self.cells(steps)[0]


def main():
    folder, hence = pathlib.Path(sys.argv[1]), sys.argv[2]
    for name in ("resnet18", "mobilenet"):
        model = onnx.load(folder / f"{name}.onnx")
        image = folder / f"{name}.1.in.image.npy"
        onnx.save(quantize(model, ranges(model, image, hence), np.load(image)), folder / f"{name}-qdq.onnx")
        for batch in (1, 32):
            for part in ("in.image", "out.scores"):
                data = np.load(folder / f"{name}.{batch}.{part}.npy")
                np.save(folder / f"{name}-qdq.{batch}.{part}.npy", data)

    torch.manual_seed(3)
    lstm = Lstm().eval()
    shape = {"steps": {1: "batch"}, "scores": {1: "batch"}}
    x = torch.randn(64, 1, 128)
    torch.onnx.export(lstm, x, folder / "lstm.onnx", input_names=["steps"], output_names=["scores"],
                      dynamic_axes=shape, opset_version=14)
    for batch in (1, 32):
        x = torch.randn(64, batch, 128)
        np.save(folder / f"lstm.{batch}.in.steps.npy", x.numpy())
        np.save(folder / f"lstm.{batch}.out.scores.npy", lstm(x).detach().numpy())


if __name__ == "__main__":
    main()
