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


def identity(dtypes, shape=("rows", 3)):
    """A model that gives back what it gets: x_float32 as y_float32, ..."""
    return model([port("x_" + t, t, shape) for t in dtypes],
                 [node("Identity", ["x_" + t], ["y_" + t]) for t in dtypes],
                 [port("y_" + t, t, shape) for t in dtypes])
