"""Writes small ONNX files without the onnx package: protocol buffers by hand. Numbers of fields are those
of onnx.proto."""

import struct


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


FLOAT, UINT8, INT8, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE = 1, 2, 3, 6, 7, 8, 9, 10, 11
INT4 = 22


def tensor(name, kind, dims, raw=None, **fields):
    """`raw` bytes, or lists under the names of TensorProto's fields."""
    out = b"".join(field(1, d) for d in dims) + field(2, kind) + field(8, name)
    if raw is not None:
        out += field(9, raw)
    for kept_in, values in fields.items():
        if kept_in == "float_data":
            out += field(4, struct.pack(f"<{len(values)}f", *values))
        elif kept_in == "string_data":
            out += b"".join(field(6, v) for v in values)
        elif kept_in == "double_data":
            out += field(10, struct.pack(f"<{len(values)}d", *values))
        elif kept_in == "external":
            out += b"".join(field(13, field(1, k) + field(2, v)) for k, v in values.items())
            out += field(14, 1)
        else:
            ids = {"int32_data": 5, "int64_data": 7, "uint64_data": 11}
            out += field(ids[kept_in], b"".join(varint(v) for v in values))
    return out


def floats(name, dims, values):
    return tensor(name, FLOAT, dims, struct.pack(f"<{len(values)}f", *values))


def ints(name, dims, values):
    return tensor(name, INT64, dims, struct.pack(f"<{len(values)}q", *values))


def attribute(name, value, ref=None):
    """By the Python type: int, float, str, bytes (a tensor), ("graph", bytes), or a list of the first three."""
    out = field(1, name)
    if ref:
        return out + field(21, ref) + field(20, value)
    if isinstance(value, int):
        return out + field(3, value) + field(20, 2)
    if isinstance(value, float):
        return out + field(2, value) + field(20, 1)
    if isinstance(value, str):
        return out + field(4, value) + field(20, 3)
    if isinstance(value, bytes):
        return out + field(5, value) + field(20, 4)
    if isinstance(value, tuple):
        return out + field(6, value[1]) + field(20, 5)
    if value and isinstance(value[0], float):
        return out + b"".join(field(7, v) for v in value) + field(20, 6)
    if value and isinstance(value[0], str):
        return out + b"".join(field(9, v) for v in value) + field(20, 8)
    return out + b"".join(field(8, v) for v in value) + field(20, 7)


def node(op, inputs, outputs, domain="", name="", raw=b"", **attributes):
    out = b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs)
    out += field(3, name) + field(4, op) + raw
    if domain:
        out += field(7, domain)
    return out + b"".join(field(5, attribute(k, v)) for k, v in attributes.items())


def tensor_type(kind, dims=None):
    out = field(1, kind)
    if dims is not None:
        one = [field(2, d) if isinstance(d, str) else field(1, d) for d in dims]
        out += field(2, b"".join(field(1, d) for d in one))
    return field(1, out)


def map_type(keys, kind):
    """From elements of one type to those of another."""
    return field(5, field(1, keys) + field(2, tensor_type(kind)))


def value(name, kind, dims=None):
    """`kind` is an element type, or the bytes of a TypeProto."""
    return field(1, name) + field(2, kind if isinstance(kind, bytes) else tensor_type(kind, dims))


def graph(nodes, inputs, outputs, tensors=(), sparse=()):
    out = b"".join(field(1, n) for n in nodes) + field(2, "g")
    out += b"".join(field(5, t) for t in tensors) + b"".join(field(15, s) for s in sparse)
    return out + b"".join(field(11, i) for i in inputs) + b"".join(field(12, o) for o in outputs)


def model(body, opset=21, functions=(), domains=()):
    out = field(1, 10) + field(7, body)
    for domain, version in [("", opset), *domains]:
        out += field(8, field(1, domain) + field(2, version))
    return out + b"".join(field(25, f) for f in functions)


def function(name, domain, inputs, outputs, nodes, attributes=(), defaults=(), opset=21):
    out = field(1, name) + field(10, domain)
    out += b"".join(field(4, i) for i in inputs) + b"".join(field(5, o) for o in outputs)
    out += b"".join(field(6, a) for a in attributes) + b"".join(field(7, n) for n in nodes)
    out += b"".join(field(11, d) for d in defaults)
    return out + field(9, field(1, "") + field(2, opset))
