"""Dictionaries of lists and byte arrays in pickle's format, read without running any code.

A pickle names functions to call. Here every name stands for one of the harmless functions below,
which only note their arguments, and any other name is refused: neither numpy nor another library
ever acts on what a file says.
"""

import pickle
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from barsctl.errors import DataError

from .source import Pixels


class _Noted:
    """Notes how a pickle describes an object: the arguments of its making and its state."""

    def __init__(self, arguments: tuple[object, ...]) -> None:
        self.arguments = arguments
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


def _note(*arguments: object) -> _Noted:
    return _Noted(arguments)


def _encode_latin1(text: str, encoding: str) -> bytes:
    """Stand in for _codecs.encode, by which Python 3 writes bytes in old protocols."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"encoding {encoding!r} is not latin1")
    return text.encode("latin1")


_MEANINGS = {
    ("numpy.core.multiarray", "_reconstruct"): _note,
    ("numpy._core.multiarray", "_reconstruct"): _note,
    ("numpy", "ndarray"): None,
    ("numpy", "dtype"): _note,
    ("_codecs", "encode"): _encode_latin1,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> object:
        try:
            return _MEANINGS[module_name, global_name]
        except KeyError:
            name = f"{module_name}.{global_name}"
            raise pickle.UnpicklingError(f"it asks for {name}, which no array needs") from None


@dataclass(frozen=True, slots=True)
class PickledTable:
    """What a file holds: lists, texts and byte arrays by name."""

    path: Path
    entries: dict[str, object]

    def array(self, name: str) -> Pixels:
        """Return an array of bytes in the shape that the file gives it."""
        match self.entries.get(name):
            case _Noted(
                state=(
                    int(),
                    tuple(shape),
                    _Noted(arguments=("u1" | b"u1" | "|u1" | b"|u1", *_)),
                    bool(by_columns),
                    bytes(content),
                )
            ) if all(isinstance(n, int) and n >= 0 for n in shape) and prod(shape) == len(content):
                flat = np.frombuffer(content, dtype=np.uint8)
                return flat.reshape(shape, order="F" if by_columns else "C").copy()
        raise self._broken(name, "an array of bytes")

    def integers(self, name: str) -> list[int]:
        """Return a list of integers."""
        numbers = self.entries.get(name)
        if isinstance(numbers, list) and all(type(number) is int for number in numbers):
            return numbers
        raise self._broken(name, "a list of integers")

    def texts(self, name: str) -> list[str]:
        """Return a list of texts."""
        texts = self.entries.get(name)
        if isinstance(texts, list) and all(isinstance(text, bytes | str) for text in texts):
            return [_text(text) for text in texts]
        raise self._broken(name, "a list of texts")

    def _broken(self, name: str, expected: str) -> DataError:
        return DataError(
            f"{self.path}: {name!r} is missing or is not {expected}; fetch the file again"
        )


def read_pickled_table(path: Path) -> PickledTable:
    """Return the dictionary that a pickle holds.

    Raises:
        DataError: the file is missing, damaged, holds something else or asks for code to run.
    """
    try:
        with path.open("rb") as file:
            content = _Unpickler(file, encoding="bytes").load()
    except Exception as error:  # a damaged or hostile stream may fail in every way there is
        raise DataError(
            f"{path} is not a plain pickled table ({error}); fetch the file again"
        ) from error
    if not isinstance(content, dict) or not all(isinstance(key, bytes | str) for key in content):
        raise DataError(f"{path} holds no table of named entries; fetch the file again")
    return PickledTable(path, {_text(key): value for key, value in content.items()})


def _text(text: bytes | str) -> str:
    return text.decode("latin1") if isinstance(text, bytes) else text
