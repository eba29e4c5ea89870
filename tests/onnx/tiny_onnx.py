"""Small ONNX files of NumPy's types and arrays."""

import onnx_io
from onnx_io import node

# TensorProto.DataType, and NumPy's name of each.
TYPES = {"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "object": 8,
         "bool": 9, "float16": 10, "float64": 11, "uint32": 12, "uint64": 13, "complex64": 14, "complex128": 15,
         "bfloat16": 16, "float8e4m3fn": 17, "uint4": 21, "int4": 22}


def port(name, dtype, shape):
    """Dimensions are sizes, or names of sizes that vary; shape None: nothing is said."""
    return onnx_io.value(name, TYPES[dtype], shape)


def tensor(name, array):
    return onnx_io.tensor(name, TYPES[array.dtype.name], array.shape, array.tobytes())


def model(inputs, nodes, outputs, tensors=(), opset=17):
    """ModelProto."""
    return onnx_io.model(onnx_io.graph(nodes, inputs, outputs, tensors), opset)


def ml(op, inputs, outputs, **attributes):
    return node(op, inputs, outputs, domain="ai.onnx.ml", **attributes)


def classifier(labels=("no", "yes"), zipped=True):
    """As scikit-learn's exporters write one: x [n, 2] to the label and, called by the classes, what each gets:
    1 / (1 + exp(-x0)) for the second."""
    pair = {"classlabels_strings" if isinstance(labels[0], str) else "classlabels_ints": list(labels)}
    nodes = [ml("LinearClassifier", ["x"], ["label", "scores"], coefficients=[-1.0, 0.0, 1.0, 0.0],
                intercepts=[0.0, 0.0], post_transform="LOGISTIC", **pair),
             ml("Normalizer", ["scores"], ["p"], norm="L1")]
    kind = TYPES["object" if isinstance(labels[0], str) else "int64"]
    named = onnx_io.value("p", TYPES["float32"], ["n", 2])
    if zipped:
        pair = {k.replace("_ints", "_int64s"): v for k, v in pair.items()}
        nodes.append(ml("ZipMap", ["p"], ["named"], **pair))
        named = onnx_io.value("named", onnx_io.field(4, onnx_io.field(1, onnx_io.map_type(kind, TYPES["float32"]))))
    return onnx_io.model(onnx_io.graph(nodes, [port("x", "float32", ["n", 2])],
                                       [onnx_io.value("label", kind, ["n"]), named]), 15, domains=[("ai.onnx.ml", 3)])


def of_maps(keys="object", kind="float32", nodes=None, outputs="y"):
    """A map m to y: what it says of apples and pears, unless nodes make something else of it."""
    nodes = nodes or [ml("DictVectorizer", ["m"], ["y"], string_vocabulary=["apple", "pear"])]
    return onnx_io.model(onnx_io.graph(nodes, [onnx_io.value("m", onnx_io.map_type(TYPES[keys], TYPES[kind]))],
                                       [onnx_io.field(1, o) for o in outputs]), 15, domains=[("ai.onnx.ml", 3)])


def identity(dtypes, shape=("rows", 3)):
    """A model that gives back what it gets: x_float32 as y_float32, ..."""
    return model([port("x_" + t, t, shape) for t in dtypes],
                 [node("Identity", ["x_" + t], ["y_" + t]) for t in dtypes],
                 [port("y_" + t, t, shape) for t in dtypes])
