"""PNG files put together chunk by chunk, rightly or wrongly."""

import struct
import zlib
from random import Random

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(
    width: int,
    height: int,
    *,
    depth: int = 8,
    colour: int = 0,
    method: int = 0,
    interlaced: int = 0,
) -> bytes:
    fields = (width, height, depth, colour, method, 0, interlaced)
    return chunk(b"IHDR", struct.pack(">IIBBBBB", *fields))


def png(*chunks: bytes) -> bytes:
    """A file of these chunks behind its signature."""
    return SIGNATURE + b"".join(chunks)


def grey(rows: bytes, *, size: int) -> bytes:
    """A grey image of rows that start with their filters."""
    return png(header(size, size), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND"))


ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2))  # fmt: skip


def interlaced(size: int, *, depth: int, colour: int) -> bytes:
    """An interlaced image of random samples under all filters."""
    random = Random(0)
    bits = depth * {0: 1, 2: 3, 6: 4}[colour]
    rows = []
    for x, y, step_x, step_y in ADAM7:
        width, height = len(range(x, size, step_x)), len(range(y, size, step_y))
        if width > 0:
            length = -(-width * bits // 8)
            rows += [bytes([i % 5]) + random.randbytes(length) for i in range(height)]
    data = chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return png(header(size, size, depth=depth, colour=colour, interlaced=1), data, chunk(b"IEND"))
