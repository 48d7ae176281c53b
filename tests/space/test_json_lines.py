"""What a writer that was ended leaves behind."""

from pathlib import Path

import pytest

from space.json_lines import NO_LINES, JsonLines, read_lines


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", NO_LINES),
        (b"{}", JsonLines((), b"{}")),
        (b"{}\n", JsonLines((b"{}\n",), b"")),
        (b"{}\n\n[]\n{", JsonLines((b"{}\n", b"\n", b"[]\n"), b"{")),
    ],
)
def test_line_without_end_is_torn(tmp_path: Path, content: bytes, lines: JsonLines) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    assert read_lines(path) == lines
