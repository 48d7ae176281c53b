import gzip
from pathlib import Path

import numpy as np
import pytest

from barsctl.data.idx import read_idx
from barsctl.errors import DataError

# Two images of 1 row and 3 columns.
HEADER = bytes.fromhex("00000803 00000002 00000001 00000003")
CONTENT = HEADER + bytes([1, 2, 3, 4, 5, 6])


@pytest.mark.parametrize("packed", [False, True])
def test_idx_file_gives_its_array(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(gzip.compress(CONTENT, mtime=0) if packed else CONTENT)
    assert np.array_equal(read_idx(path, axes=3), [[[1, 2, 3]], [[4, 5, 6]]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "starts with nothing"),
        (b"\0\0\x08", "starts with 000008: an IDX file of bytes with 3 axes starts with 00000803"),
        (HEADER[:10], "starts with 00000803"),
        (b"\0\0\x08\x01" + CONTENT[4:], "starts with 00000801"),
        (CONTENT[:-1], "holds 5 bytes of data: its header announces 2x1x3 = 6"),
        (CONTENT + b"\0", "holds 7 bytes of data"),
        (bytes.fromhex("00000803 ffffffff ffffffff ffffffff"), "= 79228162458924105385300197375"),
        (gzip.compress(CONTENT, mtime=0)[:-9], "cannot be read"),
        (gzip.compress(CONTENT, mtime=0)[:12] + b"\xff" * 20, "cannot be read"),
    ],
)
def test_damaged_idx_file_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "images"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_idx(path, axes=3)


def test_missing_idx_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"images cannot be read .*; fetch the file again"):
        read_idx(tmp_path / "images", axes=3)
