"""Small ONNX files, written without ONNX: protobuf's wire format by hand."""

import struct

# TensorProto.DataType, and NumPy's name of each.
TYPES = {"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "object": 8,
         "bool": 9, "float16": 10, "float64": 11, "uint32": 12, "uint64": 13, "complex64": 14, "complex128": 15,
         "bfloat16": 16, "float8e4m3fn": 17, "uint4": 21, "int4": 22}


def varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    """A number, or bytes; lists are repeated fields."""
    if isinstance(value, list):
        return b"".join(field(number, v) for v in value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def port(name, dtype, shape):
    """ValueInfoProto: dimensions are sizes, or names of sizes that vary; shape None: nothing is said."""
    tensor = field(1, TYPES[dtype])
    if shape is not None:
        dims = [field(2, d) if isinstance(d, str) else field(1, d) for d in shape]
        tensor += field(2, field(1, dims))
    return field(1, name) + field(2, field(1, tensor))


def tensor(name, array):
    """TensorProto of a NumPy array."""
    return (field(1, list(array.shape)) + field(2, TYPES[array.dtype.name]) + field(8, name) +
            field(9, array.tobytes()))


def attribute(name, value):
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, 2)
    if isinstance(value, float):
        return field(1, name) + field(2, value) + field(20, 1)
    if isinstance(value, str):
        return field(1, name) + field(4, value) + field(20, 3)
    return field(1, name) + field(8, value) + field(20, 7)  # a list of integers


def node(op, inputs, outputs, domain="", **attributes):
    return (field(1, list(inputs)) + field(2, list(outputs)) + field(4, op) + field(7, domain) +
            field(5, [attribute(k, v) for k, v in attributes.items()]))


def model(inputs, nodes, outputs, tensors=(), opset=17):
    """ModelProto."""
    graph = (field(1, list(nodes)) + field(2, "g") + field(5, list(tensors)) + field(11, list(inputs)) +
             field(12, list(outputs)))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, opset))


def identity(dtypes, shape=("rows", 3)):
    """A model that gives back what it gets: x_float32 as y_float32, ..."""
    return model([port("x_" + t, t, shape) for t in dtypes],
                 [node("Identity", ["x_" + t], ["y_" + t]) for t in dtypes],
                 [port("y_" + t, t, shape) for t in dtypes])
