"""A small GGUF v3 writer and reader, with the few block types the golden models use.

Written from the format's specification, apart from the C reader, so that the two check each
other. Tensors are NumPy arrays in row-major order; GGUF stores their dimensions reversed.
"""

import mmap
import struct

import numpy as np

MAGIC = b"GGUF"
ALIGNMENT = 32

# Metadata value types.
U8, I8, U16, I16, U32, I32, F32V, BOOL, STRING, ARRAY, U64, I64, F64V = range(13)
_SCALAR = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32V: "f", BOOL: "?",
           U64: "Q", I64: "q", F64V: "d"}

# Tensor types: name -> (id, elements per block, bytes per block).
TYPES = {
    "F32": (0, 1, 4),
    "F16": (1, 1, 2),
    "Q4_0": (2, 32, 18),
    "Q8_0": (8, 32, 34),
    "BF16": (30, 1, 2),
    "MXFP4": (39, 32, 17),
}
_TYPE_NAME = {v[0]: k for k, v in TYPES.items()}

# The sixteen values of an FP4 E2M1 number.
FP4 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)


class Tensor:
    """A tensor as stored: its type, its shape (row-major) and its bytes."""

    def __init__(self, type_name, shape, data):
        self.type, self.shape, self.data = type_name, tuple(shape), data

    def decode(self):
        """The values, as float32."""
        return _DECODE[self.type](np.frombuffer(self.data, np.uint8)).reshape(self.shape)


# -- block formats ---------------------------------------------------------------------------


def to_bf16_bits(x):
    """Upper halves of float32 numbers, rounded to nearest even."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16_bits(bits):
    return (np.asarray(bits).astype(np.uint32) << 16).view(np.float32)


def _blocks(x):
    return np.ascontiguousarray(x, np.float32).reshape(-1, 32)


def _round_half_away(x):
    return np.trunc(x + np.copysign(np.float32(0.5), x))


def _invert(d):
    return np.where(d != 0, 1 / np.where(d != 0, d, 1), 0).astype(np.float32)


def encode_q8_0(x):
    x = _blocks(x)
    d = (np.abs(x).max(axis=1, keepdims=True) / np.float32(127)).astype(np.float32)
    q = _round_half_away(x * _invert(d)).astype(np.int8)
    return np.concatenate([d.astype(np.float16).view(np.uint8), q.view(np.uint8)], axis=1)


def decode_q8_0(raw):
    b = raw.reshape(-1, 34)
    return b[:, :2].copy().view(np.float16).astype(np.float32) * b[:, 2:].view(np.int8)


def encode_q4_0(x):
    x = _blocks(x)
    # The value of largest magnitude keeps its sign and becomes -8 steps.
    peak = np.take_along_axis(x, np.abs(x).argmax(axis=1)[:, None], axis=1)
    d = (peak / np.float32(-8)).astype(np.float32)
    q = np.minimum((x * _invert(d) + np.float32(8.5)).astype(np.int32), 15).astype(np.uint8)
    return np.concatenate([d.astype(np.float16).view(np.uint8), q[:, :16] | q[:, 16:] << 4], axis=1)


def decode_q4_0(raw):
    b = raw.reshape(-1, 18)
    q = np.concatenate([b[:, 2:] & 15, b[:, 2:] >> 4], axis=1).astype(np.float32) - 8
    return b[:, :2].copy().view(np.float16).astype(np.float32) * q


def quantize_fp4(x):
    """Rows of 32 -> (exponent byte per row, 4-bit code per value); scale = 2^(byte - 127)."""
    x = _blocks(x)
    peak = np.abs(x).max(axis=1)
    with np.errstate(divide="ignore"):
        e = np.where(peak > 0, np.floor(np.log2(peak)) - 2 + 127, 0).clip(0, 254).astype(np.uint8)
    scaled = x * np.exp2(127 - e.astype(np.float32))[:, None]
    code = np.abs(scaled[:, :, None] - FP4).argmin(axis=2).astype(np.uint8)
    return e, code


def encode_mxfp4(x):
    e, q = quantize_fp4(x)
    return np.concatenate([e[:, None], q[:, :16] | q[:, 16:] << 4], axis=1)


def decode_mxfp4(raw):
    b = raw.reshape(-1, 17)
    scale = np.exp2(b[:, :1].astype(np.float32) - 127)
    return FP4[np.concatenate([b[:, 1:] & 15, b[:, 1:] >> 4], axis=1)] * scale


_ENCODE = {
    "F32": lambda x: np.ascontiguousarray(x, np.float32),
    "F16": lambda x: np.ascontiguousarray(x, np.float16),
    "BF16": to_bf16_bits,
    "Q8_0": encode_q8_0,
    "Q4_0": encode_q4_0,
    "MXFP4": encode_mxfp4,
}
_DECODE = {
    "F32": lambda raw: raw.view(np.float32),
    "F16": lambda raw: raw.view(np.float16).astype(np.float32),
    "BF16": lambda raw: from_bf16_bits(raw.view(np.uint16)),
    "Q8_0": decode_q8_0,
    "Q4_0": decode_q4_0,
    "MXFP4": decode_mxfp4,
}


def encode(x, type_name):
    """An array as a Tensor of the given type; rows must hold whole blocks."""
    x = np.asarray(x)
    if x.shape[-1] % TYPES[type_name][1]:
        raise ValueError(f"rows of {x.shape[-1]} do not hold whole {type_name} blocks")
    return Tensor(type_name, x.shape, _ENCODE[type_name](x).tobytes())


# -- files -----------------------------------------------------------------------------------


def _string(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(b)) + b


def _guess(v):
    if isinstance(v, bool):
        return BOOL
    if isinstance(v, (int, np.integer)):
        return U32
    if isinstance(v, (float, np.floating)):
        return F32V
    return STRING


def _value(v):
    if isinstance(v, (list, tuple, np.ndarray)):
        kind = _guess(v[0]) if len(v) else STRING
        kind = I32 if kind == U32 else kind
        head = struct.pack("<IIQ", ARRAY, kind, len(v))
        if kind == STRING:
            return head + b"".join(_string(x) for x in v)
        return head + struct.pack(f"<{len(v)}{_SCALAR[kind]}", *v)
    kind = _guess(v)
    return struct.pack("<I", kind) + (_string(v) if kind == STRING
                                      else struct.pack("<" + _SCALAR[kind], v))


def write_gguf(path, meta, tensors):
    """meta: key -> value (bool, int as u32, float as f32, str, list); tensors: name -> Tensor."""
    head = [MAGIC, struct.pack("<IQQ", 3, len(tensors), len(meta))]
    head += [_string(k) + _value(v) for k, v in meta.items()]
    offset = 0
    for name, t in tensors.items():
        dims = t.shape[::-1]
        head.append(_string(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims,
                                                TYPES[t.type][0], offset))
        offset += -(-len(t.data) // ALIGNMENT) * ALIGNMENT
    with open(path, "wb") as f:
        f.write(b"".join(head))
        f.write(bytes(-f.tell() % ALIGNMENT))
        for t in tensors.values():
            f.write(t.data)
            f.write(bytes(-len(t.data) % ALIGNMENT))


class _Cursor:
    def __init__(self, buf):
        self.buf, self.at = buf, 0

    def take(self, fmt):
        v = struct.unpack_from("<" + fmt, self.buf, self.at)
        self.at += struct.calcsize("<" + fmt)
        return v if len(v) > 1 else v[0]

    def string(self):
        n = self.take("Q")
        self.at += n
        return self.buf[self.at - n:self.at].decode("utf-8", "surrogateescape")

    def value(self, kind):
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            return self.take(_SCALAR[kind])
        kind, n = self.take("IQ")
        return [self.value(kind) for _ in range(n)]


def read_gguf(path):
    """(metadata, name -> Tensor) of a GGUF v2 or v3 file."""
    with open(path, "rb") as f:
        buf = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ)
    c = _Cursor(buf)
    if buf[:4] != MAGIC:
        raise ValueError(f"{path}: not a GGUF file")
    c.at = 4
    version, n_tensors, n_meta = c.take("IQQ")
    if version not in (2, 3):
        raise ValueError(f"{path}: GGUF version {version} is not supported")
    meta = {}
    for _ in range(n_meta):
        key = c.string()
        meta[key] = c.value(c.take("I"))
    infos = []
    for _ in range(n_tensors):
        name, n = c.string(), c.take("I")
        dims = [c.take("Q") for _ in range(n)]
        infos.append((name, dims[::-1], *c.take("IQ")))
    align = meta.get("general.alignment", ALIGNMENT)
    base = -(-c.at // align) * align
    tensors = {}
    for name, shape, type_id, offset in infos:
        if type_id not in _TYPE_NAME:
            raise ValueError(f"{path}: tensor {name} has type {type_id}, which this reader lacks")
        kind = _TYPE_NAME[type_id]
        _, per_block, size = TYPES[kind]
        n = int(np.prod(shape)) // per_block * size
        tensors[name] = Tensor(kind, shape, buf[base + offset:base + offset + n])
    return meta, tensors
