"""Decodes random blocks of every stored type in NumPy, independently of the C codec, and compares bits.

usage: codec_oracle.py PATH/TO/codec_tool
Exit status 77 means skipped (no NumPy).
"""

import subprocess
import sys

try:
    import numpy as np
except ImportError:
    print("skipped: this Python has no NumPy (Debian: python3-numpy)")
    sys.exit(77)

IQ4 = np.array([-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32)
FP4 = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12], np.float32)


def half(blocks, at):
    """The half float at byte `at` of every block, as a column of float32."""
    return blocks[:, at : at + 2].copy().view("<f2").astype(np.float32)


def bits(data, width):
    """Every byte split into fields of `width` bits, lowest first: [n, bytes, 8 / width]."""
    return np.stack([(data >> s) & (2**width - 1) for s in range(0, 8, width)], axis=-1)


def halves_of_bytes(data, run):
    """Runs of `run` bytes: the low nibbles of a run, then its high nibbles."""
    n = len(data)
    return bits(data.reshape(n, -1, run), 4).transpose(0, 1, 3, 2).reshape(n, -1)


def quarters_of_bytes(data):
    """The same for 2-bit fields in runs of 32 bytes."""
    n = len(data)
    return bits(data.reshape(n, -1, 32), 2).transpose(0, 1, 3, 2).reshape(n, -1)


def one_bit_planes(data):
    """32 bytes: bit 0 of all of them, then bit 1, ..."""
    return bits(data, 1).transpose(0, 2, 1).reshape(len(data), -1)


def fifth_bits(data):
    return np.unpackbits(data, axis=1, bitorder="little").astype(np.int32)


def spread(per_group, size):
    return np.repeat(per_group, size, axis=1)


def f32(a):
    return a.astype(np.float32)


def six_bit_pairs(s):
    """The scales and minimums of Q4_K and Q5_K."""
    s = s.astype(np.int32)
    scale = np.hstack([s[:, 0:4] & 63, (s[:, 8:12] & 15) + 16 * (s[:, 0:4] // 64)])
    low = np.hstack([s[:, 4:8] & 63, (s[:, 8:12] // 16) + 16 * (s[:, 4:8] // 64)])
    return f32(scale), f32(low)


def q4_0(b):
    return half(b, 0) * f32(halves_of_bytes(b[:, 2:], 16).astype(np.int32) - 8)


def q4_1(b):
    return half(b, 0) * f32(halves_of_bytes(b[:, 4:], 16)) + half(b, 2)


def q5_0(b):
    q = halves_of_bytes(b[:, 6:], 16) + 16 * fifth_bits(b[:, 2:6]) - 16
    return half(b, 0) * f32(q)


def q5_1(b):
    q = halves_of_bytes(b[:, 8:], 16) + 16 * fifth_bits(b[:, 4:8])
    return half(b, 0) * f32(q) + half(b, 2)


def q8_0(b):
    return half(b, 0) * f32(b[:, 2:].view(np.int8))


def q2_k(b):
    scale = spread(half(b, 80) * f32(b[:, :16] & 15), 16)
    low = spread(half(b, 82) * f32(b[:, :16] >> 4), 16)
    return scale * f32(quarters_of_bytes(b[:, 16:80])) - low


def q3_k(b):
    s = b[:, 96:108].astype(np.int32)
    low = np.hstack([s[:, :8] & 15, s[:, :8] >> 4])
    high = np.hstack([(s[:, 8:] >> shift) & 3 for shift in (0, 2, 4, 6)])
    scale = spread(half(b, 108) * f32(low + 16 * high - 32), 16)
    q = quarters_of_bytes(b[:, 32:96]).astype(np.int32) + 4 * one_bit_planes(b[:, :32]) - 4
    return scale * f32(q)


def q4_k(b):
    scale, low = six_bit_pairs(b[:, 4:16])
    q = f32(halves_of_bytes(b[:, 16:], 32))
    return spread(half(b, 0) * scale, 32) * q - spread(half(b, 2) * low, 32)


def q5_k(b):
    scale, low = six_bit_pairs(b[:, 4:16])
    q = f32(halves_of_bytes(b[:, 48:], 32) + 16 * one_bit_planes(b[:, 16:48]))
    return spread(half(b, 0) * scale, 32) * q - spread(half(b, 2) * low, 32)


def q6_k(b):
    scale = spread(half(b, 208) * f32(b[:, 192:208].view(np.int8)), 16)
    q = halves_of_bytes(b[:, :128], 64).astype(np.int32) + 16 * quarters_of_bytes(b[:, 128:192])
    return scale * f32(q - 32)


def iq4_nl(b):
    return half(b, 0) * IQ4[halves_of_bytes(b[:, 2:], 16)]


def iq4_xs(b):
    low = bits(b[:, 4:8], 4).reshape(len(b), -1).astype(np.int32)
    high = bits(b[:, 2:4], 2).reshape(len(b), -1).astype(np.int32)
    scale = spread(half(b, 0) * f32(low + 16 * high - 32), 32)
    return scale * IQ4[halves_of_bytes(b[:, 8:], 16)]


def mxfp4(b):
    scale = np.ldexp(np.float32(1), b[:, :1].astype(np.int32) - 128).astype(np.float32)
    return scale * FP4[halves_of_bytes(b[:, 1:], 16)]


def plain(dtype):
    return lambda b: b.view(dtype).astype(np.float32)


def bf16(b):
    return (b.view("<u2").astype(np.uint32) << 16).view(np.float32)


# type: bytes per block, decoder
TYPES = {
    "F32": (4, plain("<f4")),
    "F16": (2, plain("<f2")),
    "BF16": (2, bf16),
    "Q4_0": (18, q4_0),
    "Q4_1": (20, q4_1),
    "Q5_0": (22, q5_0),
    "Q5_1": (24, q5_1),
    "Q8_0": (34, q8_0),
    "Q2_K": (84, q2_k),
    "Q3_K": (110, q3_k),
    "Q4_K": (144, q4_k),
    "Q5_K": (176, q5_k),
    "Q6_K": (210, q6_k),
    "IQ4_NL": (18, iq4_nl),
    "IQ4_XS": (136, iq4_xs),
    "MXFP4": (17, mxfp4),
}


def compare(tool, name, size, decode, rng):
    blocks = rng.integers(0, 256, (2000, size), dtype=np.uint8)
    done = subprocess.run([tool, name], input=blocks.tobytes(), stdout=subprocess.PIPE, check=True)
    ours = np.frombuffer(done.stdout, np.float32)
    with np.errstate(all="ignore"):
        truth = decode(blocks).reshape(-1)
    if len(ours) != len(truth):
        return f"{len(ours)} values, expected {len(truth)}"
    both_nan = np.isnan(ours) & np.isnan(truth)
    wrong = np.flatnonzero((ours.view(np.uint32) != truth.view(np.uint32)) & ~both_nan)
    if len(wrong) == 0:
        return None
    at = wrong[0]
    return f"{len(wrong)} of {len(truth)} differ, first at {at}: {ours[at]!r}, expected {truth[at]!r}"


def main():
    rng = np.random.default_rng(1)
    failed = False
    for name, (size, decode) in TYPES.items():
        problem = compare(sys.argv[1], name, size, decode, rng)
        print(f"{name:7} {problem or 'same bits'}")
        failed |= problem is not None
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
