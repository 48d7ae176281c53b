"""PNG files put together chunk by chunk, rightly or wrongly."""

import struct
import zlib

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
