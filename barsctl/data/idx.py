"""The IDX files of MNIST and its relatives, plain or compressed by gzip."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from barsctl.errors import DataError

from .source import Pixels

_GZIP_MAGIC = b"\x1f\x8b"
_UINT8_CODE = 0x08
# Larger than any file of this family; keeps a damaged header from filling the memory.
_MAX_BYTES = 1 << 30


def read_idx(path: Path, *, axes: int) -> Pixels:
    """Return the bytes of an IDX file as an array with the number of axes.

    A file starts with 0, 0, a type code, the number of axes and each axis's length, big-endian.

    Raises:
        DataError: the file is missing, damaged or of another shape.
    """
    content = _read(path)
    start = 4 + 4 * axes
    if len(content) < start or content[:4] != bytes([0, 0, _UINT8_CODE, axes]):
        raise DataError(
            f"{path} starts with {content[:4].hex() or 'nothing'}: an IDX file of bytes with"
            f" {axes} axes starts with 000008{axes:02x}; fetch the file again"
        )
    shape = np.frombuffer(content, dtype=">u4", count=axes, offset=4).tolist()
    expected_bytes = int(np.prod(shape, dtype=object))
    if len(content) - start != expected_bytes:
        raise DataError(
            f"{path} holds {len(content) - start} bytes of data: its header announces"
            f" {'x'.join(map(str, shape))} = {expected_bytes}; fetch the file again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape).copy()


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP_MAGIC
        with gzip.open(path) if packed else path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}); fetch the file again") from error
    if len(content) > _MAX_BYTES:
        raise DataError(f"{path} unpacks to more than {_MAX_BYTES} bytes; it is no data set")
    return content
