"""Small ONNX models: seeds of tests/fuzz, and material of tests/onnx/test_graphs.py."""

import struct

from onnx_io import (BOOL, DOUBLE, FLOAT, FLOAT16, INT4, INT64, STRING, attribute, field, floats, function,
                     graph, ints, map_type, model, node, tensor, tensor_type, value)


def chain():
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Add", ["h", "b"], ["s"]),
             node("Relu", ["s"], ["y"])]
    tensors = [floats("w", [2, 3], [1, 2, 3, 4, 5, 6]), floats("b", [3], [-10, 0, 10])]
    return model(graph(nodes, [value("x", FLOAT, ["n", 2])], [value("y", FLOAT, ["n", 3])], tensors))


def constants():
    nodes = [node("Constant", [], ["a"], value=floats("", [2], [1, 2])),
             node("Constant", [], ["i"], value_ints=[1, 2, 1]),
             node("Cast", ["i"], ["f"], to=1), node("Reshape", ["f", "shape"], ["r"]),
             node("Mul", ["r", "x"], ["m"]), node("Sum", ["m", "a"], ["y"])]
    return model(graph(nodes, [value("x", FLOAT, [3, 1])], [value("y", FLOAT)],
                       [ints("shape", [2], [3, 1])]))


def branch():
    yes = graph([node("Add", ["x", "one"], ["t"])], [], [value("t", FLOAT)])
    no = graph([node("Neg", ["x"], ["e"])], [], [value("e", FLOAT)])
    nodes = [node("If", ["c"], ["y"], then_branch=("graph", yes), else_branch=("graph", no))]
    return model(graph(nodes, [value("c", BOOL, []), value("x", FLOAT, [2])], [value("y", FLOAT)],
                       [floats("one", [1], [1])]))


def loop(trips=3):
    body = graph([node("Add", ["v", "x"], ["w"]), node("Identity", ["c"], ["d"]),
                  node("Cast", ["i"], ["s"], to=1)],
                 [value("i", INT64, []), value("c", BOOL, []), value("v", FLOAT)],
                 [value("d", BOOL), value("w", FLOAT), value("s", FLOAT, [])])
    nodes = [node("Loop", ["m", "", "x"], ["last", "all"], body=("graph", body))]
    return model(graph(nodes, [value("x", FLOAT, [2])],
                       [value("last", FLOAT), value("all", FLOAT)], [ints("m", [], [trips])]))


def scan():
    body = graph([node("Add", ["a", "e"], ["b"]), node("Identity", ["b"], ["o"])],
                 [value("a", FLOAT, [2]), value("e", FLOAT, [2])],
                 [value("b", FLOAT), value("o", FLOAT)])
    nodes = [node("Scan", ["s", "x"], ["t", "y"], body=("graph", body), num_scan_inputs=1,
                  scan_input_directions=[1], scan_output_axes=[1])]
    return model(graph(nodes, [value("s", FLOAT, [2]), value("x", FLOAT, [3, 2])],
                       [value("t", FLOAT), value("y", FLOAT)]))


def sequences():
    nodes = [node("SequenceConstruct", ["x", "x"], ["s"]), node("SequenceInsert", ["s", "x", "z"], ["t"]),
             node("SequenceAt", ["t", "z"], ["a"]), node("ConcatFromSequence", ["t"], ["y"], axis=0),
             node("SplitToSequence", ["y", "z1"], ["u"], axis=0), node("SequenceLength", ["u"], ["n"])]
    return model(graph(nodes, [value("x", FLOAT, [2, 2])],
                       [value("y", FLOAT), value("a", FLOAT), value("n", INT64)],
                       [ints("z", [], [0]), ints("z1", [], [1])]))


def calls():
    scaled = function("Scaled", "d", ["p"], ["q"],
                      [node("Elu", ["p"], ["q"], raw=field(5, attribute("alpha", 1, ref="a")))],
                      attributes=["b"], defaults=[attribute("a", 0.5)])
    twice = function("Twice", "d", ["p"], ["q"],
                     [node("Scaled", ["p"], ["h"], domain="d"),
                      node("Scaled", ["h"], ["q"], domain="d", a=2.0)])
    return model(graph([node("Twice", ["x"], ["y"], domain="d")], [value("x", FLOAT, [3])],
                       [value("y", FLOAT)]), functions=[scaled, twice], domains=[("d", 1)])


def types():
    tensors = [tensor("f16", FLOAT16, [2], int32_data=[0x3C00, 0xC000]),
               tensor("i4", INT4, [3], b"\x21\x0f"), tensor("t", STRING, [2], string_data=["a", ""]),
               tensor("d", DOUBLE, [1], double_data=[0.5]), tensor("b", BOOL, [2], int32_data=[0, 7])]
    sparse = [field(1, floats("sp", [2], [5, 6])) + field(2, ints("", [2, 2], [0, 1, 1, 0])) +
              field(3, 2) + field(3, 2)]
    nodes = [node("Cast", ["f16"], ["y0"], to=1), node("Cast", ["i4"], ["y1"], to=1),
             node("Where", ["b", "t", "t"], ["y2"]), node("Cast", ["x"], ["y3"], to=8),
             node("MatMul", ["sp", "x2"], ["y4"]), node("Cast", ["d"], ["y5"], to=18)]
    return model(graph(nodes, [value("x", FLOAT, [2]), value("x2", FLOAT, [2, 1])],
                       [value(f"y{i}", k) for i, k in enumerate([1, 1, 8, 8, 1, 18])], tensors, sparse))


def optional():
    kind = field(9, field(1, tensor_type(FLOAT, [2])))
    nodes = [node("OptionalHasElement", ["o"], ["h"]), node("Optional", ["x"], ["p"]),
             node("OptionalGetElement", ["p"], ["y"])]
    return model(graph(nodes, [value("o", kind), value("x", FLOAT, [2])],
                       [value("h", BOOL), value("y", FLOAT)]))


def external(location="data.bin", offset="4"):
    tensors = [tensor("w", FLOAT, [2], external={"location": location, "offset": offset, "length": "8"})]
    return model(graph([node("Add", ["x", "w"], ["y"])], [value("x", FLOAT, [2])],
                       [value("y", FLOAT)], tensors))


def maps():
    kind = map_type(STRING, FLOAT)
    nodes = [node("DictVectorizer", ["m"], ["t"], domain="ai.onnx.ml", string_vocabulary=["a", "b"]),
             node("ZipMap", ["t"], ["z"], domain="ai.onnx.ml", classlabels_int64s=[0, 1]),
             node("CastMap", ["k"], ["y"], domain="ai.onnx.ml", map_form="SPARSE", max_map=3)]
    return model(graph(nodes, [value("m", kind), value("k", map_type(INT64, STRING))],
                       [value("z", field(4, field(1, map_type(INT64, FLOAT)))), value("y", FLOAT)]), opset=15)


def greedy():
    """Asks for terabytes."""
    nodes = [node("ConstantOfShape", ["big"], ["c"]), node("Add", ["x", "c"], ["y"])]
    return model(graph(nodes, [value("x", FLOAT, [1])], [value("y", FLOAT)],
                       [ints("big", [3], [1 << 20, 1 << 20, 4])]))


ALL = {f.__name__: f for f in (chain, constants, branch, loop, scan, sequences, calls, types, optional,
                              external, maps, greedy)}


def all_seeds():
    for name, make in ALL.items():
        yield name, make()
    yield "endless", loop(1 << 62)
    yield "tensor", floats("t", [2], [1, 2])
    yield "packed", struct.pack("<B", 0x08) + b"\x0a"
