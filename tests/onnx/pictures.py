"""Small pictures in the formats of ImageDecoder: seeds of tests/fuzz, and material of test_pictures.py."""

import base64
import struct
import zlib

# Two colours side by side, the second from the middle on; JPEG wants whole blocks.
LEFT, RIGHT = (200, 100, 50), (20, 60, 120)

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQoHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYU"
    "GBIUFRT/2wBDAQMEBAUEBQkFBQkUDQsNFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBT/wAARCAAIABAD"
    "AREAAhEBAxEB/8QAFQABAQAAAAAAAAAAAAAAAAAABAj/xAAUEAEAAAAAAAAAAAAAAAAAAAAA/8QAFQEBAQAAAAAAAAAAAAAAAAAACAf/xAAUEQEA"
    "AAAAAAAAAAAAAAAAAAAA/9oADAMBAAIRAxEAPwAiHkgkc0wsf//Z")


def rows(width=7, height=5, middle=3):
    return [[LEFT if x < middle else RIGHT for x in range(width)] for _ in range(height)]


def flat(lines):
    return b"".join(bytes(pixel) for line in lines for pixel in line)


def bmp(lines, bits=24, down=False, colours=0):
    height, width = len(lines), len(lines[0])
    palette = bytes(c for pixel in (LEFT, RIGHT) for c in (*pixel[::-1], 0)) if bits == 8 else b""
    body = b""
    for line in lines if down else lines[::-1]:
        row = b"".join({8: bytes([pixel == RIGHT]), 24: bytes(pixel[::-1]), 32: bytes(pixel[::-1]) + b"\x80"}[bits]
                       for pixel in line)
        body += row + bytes(-len(row) % 4)
    at = 54 + len(palette)
    return (b"BM" + struct.pack("<III", at + len(body), 0, at) + struct.pack(
        "<IiiHHIIiiII", 40, width, -height if down else height, 1, bits, 0, len(body), 0, 0,
        colours or len(palette) // 4, 0) + palette + body)


def pnm(lines, grey=False, head=b"%s\n# one line\n%d %d\n255\n"):
    body = bytes(p[0] for line in lines for p in line) if grey else flat(lines)
    return head % (b"P5" if grey else b"P6", len(lines[0]), len(lines)) + body


def tiff(lines, big=False, per_strip=2, samples=3, meaning=2):
    """Strips of so many rows; of one sample a grey, the first colour's."""
    order = ">" if big else "<"
    body = b"".join(bytes(([*p, 9] if samples == 4 else p)[:samples]) for line in lines for p in line)
    strips = -(-len(lines) // per_strip)
    size = len(lines[0]) * samples * per_strip
    table = 8 + 2 + 12 * 8 + 4
    first = table + 4 * strips
    offsets = struct.pack(f"{order}{strips}I", *(first + size * i for i in range(strips)))
    where = table if strips > 1 else first
    tags = [(256, 4, 1, len(lines[0])), (257, 4, 1, len(lines)), (258, 3, 1, 8), (259, 3, 1, 1),
            (262, 3, 1, meaning), (273, 4, strips, where), (277, 3, 1, samples), (278, 4, 1, per_strip)]
    out = (b"MM" if big else b"II") + struct.pack(order + "HIH", 42, 8, len(tags))
    for tag, kind, n, value in tags:
        out += struct.pack(order + "HHI", tag, kind, n)
        out += struct.pack(order + ("H2x" if kind == 3 else "I"), value)
    return out + bytes(4) + offsets + body


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(lines, kind=2, width=None, height=None):
    """`kind` is PNG's: 0 grey, 2 colours, 3 of a palette, 4 grey and 6 colours with transparency."""
    parts = {0: lambda p: p[:1], 2: bytes, 3: lambda p: [p == RIGHT], 4: lambda p: [p[0], 7], 6: lambda p: [*p, 7]}
    body = b"".join(b"\0" + b"".join(bytes(parts[kind](p)) for p in line) for line in lines)
    head = struct.pack(">IIBBBBB", width or len(lines[0]), height or len(lines), 8, kind, 0, 0, 0)
    palette = chunk(b"PLTE", bytes([*LEFT, *RIGHT])) + chunk(b"tRNS", b"\x50") if kind == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + palette + chunk(b"IDAT", zlib.compress(body)) + chunk(b"IEND", b"")


# Name: bytes, width, height, where the colour changes, whether it is of greys.
ALL = {"jpeg": (JPEG, 16, 8, 8, False)}
ALL |= {f"png{kind}": (png(rows(), kind), 7, 5, 3, kind in (0, 4)) for kind in (0, 2, 3, 4, 6)}
ALL |= {f"bmp{bits}{'down' * down}": (bmp(rows(), bits, down), 7, 5, 3, False)
        for bits in (8, 24, 32) for down in (False, True)}
ALL |= {"pnm": (pnm(rows()), 7, 5, 3, False), "pnm_grey": (pnm(rows(), True), 7, 5, 3, True),
        "tiff": (tiff(rows()), 7, 5, 3, False), "tiff_big": (tiff(rows(), big=True, samples=4), 7, 5, 3, False),
        "tiff_one": (tiff(rows(), per_strip=9), 7, 5, 3, False),
        "tiff_grey": (tiff(rows(), samples=1, meaning=1), 7, 5, 3, True)}


def all_seeds():
    for name, (picture, *_) in ALL.items():
        yield name, picture
        yield name + "_short", picture[:len(picture) * 2 // 3]
    yield "bmp_large", bmp([[LEFT]])[:18] + struct.pack("<ii", 1 << 30, -(1 << 31)) + bmp([[LEFT]])[26:]
    yield "png_large", png(rows(), width=1 << 30, height=1 << 30)
