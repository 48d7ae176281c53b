"""Pieces of generated C."""

from collections.abc import Iterable


def c_text(text: str) -> str:
    """A C string literal of the text in UTF-8; every byte that is not plain is written in octal."""
    return '"' + "".join(map(_c_byte, text.encode())) + '"'


def _c_byte(byte: int) -> str:
    is_plain = 32 <= byte < 127 and chr(byte) not in '"\\?'
    return chr(byte) if is_plain else f"\\{byte:03o}"


def lines(items: Iterable[str]) -> str:
    """One item of an initializer per line."""
    return "\n".join(f"    {item}," for item in items)
