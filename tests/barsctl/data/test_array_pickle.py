import pickle
from pathlib import Path

import numpy as np
import pytest

from barsctl.data.array_pickle import read_pickled_table
from barsctl.errors import DataError

# {"data": [[1, 2, 3], [4, 5, 6]] as uint8, "labels": [0, 1]} as Python 2 and its numpy write it:
# texts are byte strings (U), the array is made by _reconstruct and gets its state by BUILD (b).
PYTHON_2 = (
    b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\n"
    b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02K\x03\x86"
    b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    b"\x89U\x06\x01\x02\x03\x04\x05\x06tbU\x06labels](K\x00K\x01eu."
)
CANARY = "canary"


class Creates:
    """Creates a file when it is unpickled by the stock reader."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (str(self.path), "w"))


def test_python_2_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(PYTHON_2)
    table = read_pickled_table(path)
    assert np.array_equal(table.array("data"), [[1, 2, 3], [4, 5, 6]])
    assert table.integers("labels") == [0, 1]


@pytest.mark.parametrize("protocol", [0, 2, 3, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_table_of_this_python_is_read(protocol: int, order: str, tmp_path: Path) -> None:
    path = tmp_path / "batch"
    data = np.array([[1, 2, 3], [4, 5, 200]], dtype=np.uint8)
    content = {"data": data if order == "C" else np.asfortranarray(data), "names": ["a", "b"]}
    path.write_bytes(pickle.dumps(content, protocol))
    table = read_pickled_table(path)
    assert np.array_equal(table.array("data"), data)
    assert table.texts("names") == ["a", "b"]


def test_hostile_pickle_does_not_run(tmp_path: Path) -> None:
    path, canary = tmp_path / "batch", tmp_path / CANARY
    path.write_bytes(pickle.dumps({"data": Creates(canary)}))
    with pytest.raises(DataError, match=r"asks for io\.open, which no array needs"):
        read_pickled_table(path)
    assert not canary.exists()


@pytest.mark.parametrize(
    "name",
    [
        "os\nsystem",
        "builtins\neval",
        "__builtin__\neval",
        "numpy\nload",
        "numpy.core.multiarray\nos",
    ],
)
def test_any_other_name_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(b"c" + name.encode() + b"\n(S'touch canary'\ntR.")
    with pytest.raises(DataError, match="which no array needs"):
        read_pickled_table(path)


def test_dotted_name_reaches_no_attribute(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    # STACK_GLOBAL of protocol 4 would let the stock reader walk numpy.ndarray.__class__.
    path.write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.")
    with pytest.raises(DataError, match="which no array needs"):
        read_pickled_table(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle at all",
        PYTHON_2[:-20],
        b"\x80\x02K\x01.",
        b"\x80\x02}K\x01K\x02s.",
        b"\x80\xff.",
    ],
)
def test_damaged_table_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"batch .*; fetch the file again"):
        read_pickled_table(path)


@pytest.mark.parametrize(
    "data",
    [
        [1, 2, 3],
        np.zeros((2, 3), dtype=np.int16),
        np.zeros((2, 3), dtype=object),
        "text",
    ],
)
def test_other_array_is_refused(data: object, tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"data": data}, protocol=2))
    with pytest.raises(DataError, match=r"'data' is missing or is not an array of bytes"):
        read_pickled_table(path).array("data")


def test_array_of_wrong_length_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(PYTHON_2.replace(b"K\x02K\x03\x86", b"K\x02K\x04\x86"))
    with pytest.raises(DataError, match="not an array of bytes"):
        read_pickled_table(path).array("data")


def test_missing_or_mixed_list_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "batch"
    path.write_bytes(pickle.dumps({"labels": [0, "one"]}))
    with pytest.raises(DataError, match="'labels' is missing or is not a list of integers"):
        read_pickled_table(path).integers("labels")
    with pytest.raises(DataError, match="'names' is missing or is not a list of texts"):
        read_pickled_table(path).texts("names")
