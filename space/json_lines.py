"""Files that grow by lines of JSON: where a writer was ended, the last line is torn."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class JsonLines:
    """The lines of a file that end, each with its end, and what lies behind them."""

    whole: tuple[bytes, ...]
    torn: bytes


NO_LINES = JsonLines((), b"")


def read_lines(path: Path) -> JsonLines:
    """The lines of a file. Raises OSError where it cannot be read."""
    lines = path.read_bytes().splitlines(keepends=True)
    if lines and not lines[-1].endswith(b"\n"):
        return JsonLines(tuple(lines[:-1]), lines[-1])
    return JsonLines(tuple(lines), b"")
