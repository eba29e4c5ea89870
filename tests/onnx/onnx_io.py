"""Writes small ONNX files without the onnx package: protocol buffers by hand. Numbers of fields are those
of onnx.proto."""

import struct

from tiny_onnx import field as number, field as real, field as text, varint

FLOAT, UINT8, INT8, INT32, INT64, STRING, BOOL, FLOAT16, DOUBLE = 1, 2, 3, 6, 7, 8, 9, 10, 11
INT4 = 22


def tensor(name, kind, dims, raw=None, **fields):
    """`raw` bytes, or lists under the names of TensorProto's fields."""
    out = b"".join(number(1, d) for d in dims) + number(2, kind) + text(8, name)
    if raw is not None:
        out += text(9, raw)
    for field, values in fields.items():
        if field == "float_data":
            out += text(4, struct.pack(f"<{len(values)}f", *values))
        elif field == "string_data":
            out += b"".join(text(6, v) for v in values)
        elif field == "double_data":
            out += text(10, struct.pack(f"<{len(values)}d", *values))
        elif field == "external":
            out += b"".join(text(13, text(1, k) + text(2, v)) for k, v in values.items())
            out += number(14, 1)
        else:
            ids = {"int32_data": 5, "int64_data": 7, "uint64_data": 11}
            out += text(ids[field], b"".join(varint(v) for v in values))
    return out


def floats(name, dims, values):
    return tensor(name, FLOAT, dims, struct.pack(f"<{len(values)}f", *values))


def ints(name, dims, values):
    return tensor(name, INT64, dims, struct.pack(f"<{len(values)}q", *values))


def attribute(name, value, ref=None):
    """By the Python type: int, float, str, bytes (a tensor), ("graph", bytes), or a list of the first three."""
    out = text(1, name)
    if ref:
        return out + text(21, ref) + number(20, value)
    if isinstance(value, int):
        return out + number(3, value) + number(20, 2)
    if isinstance(value, float):
        return out + real(2, value) + number(20, 1)
    if isinstance(value, str):
        return out + text(4, value) + number(20, 3)
    if isinstance(value, bytes):
        return out + text(5, value) + number(20, 4)
    if isinstance(value, tuple):
        return out + text(6, value[1]) + number(20, 5)
    if value and isinstance(value[0], float):
        return out + b"".join(real(7, v) for v in value) + number(20, 6)
    if value and isinstance(value[0], str):
        return out + b"".join(text(9, v) for v in value) + number(20, 8)
    return out + b"".join(number(8, v) for v in value) + number(20, 7)


def node(op, inputs, outputs, domain="", name="", raw=b"", **attributes):
    out = b"".join(text(1, i) for i in inputs) + b"".join(text(2, o) for o in outputs)
    out += text(3, name) + text(4, op) + raw
    if domain:
        out += text(7, domain)
    return out + b"".join(text(5, attribute(k, v)) for k, v in attributes.items())


def tensor_type(kind, dims=None):
    out = number(1, kind)
    if dims is not None:
        one = [text(2, d) if isinstance(d, str) else number(1, d) for d in dims]
        out += text(2, b"".join(text(1, d) for d in one))
    return text(1, out)


def value(name, kind, dims=None):
    """`kind` is an element type, or the bytes of a TypeProto."""
    return text(1, name) + text(2, kind if isinstance(kind, bytes) else tensor_type(kind, dims))


def graph(nodes, inputs, outputs, tensors=(), sparse=()):
    out = b"".join(text(1, n) for n in nodes) + text(2, "g")
    out += b"".join(text(5, t) for t in tensors) + b"".join(text(15, s) for s in sparse)
    return out + b"".join(text(11, i) for i in inputs) + b"".join(text(12, o) for o in outputs)


def model(body, opset=21, functions=(), domains=()):
    out = number(1, 10) + text(7, body)
    for domain, version in [("", opset), *domains]:
        out += text(8, text(1, domain) + number(2, version))
    return out + b"".join(text(25, f) for f in functions)


def function(name, domain, inputs, outputs, nodes, attributes=(), defaults=(), opset=21):
    out = text(1, name) + text(10, domain)
    out += b"".join(text(4, i) for i in inputs) + b"".join(text(5, o) for o in outputs)
    out += b"".join(text(6, a) for a in attributes) + b"".join(text(7, n) for n in nodes)
    out += b"".join(text(11, d) for d in defaults)
    return out + text(9, text(1, "") + number(2, opset))
