"""Files are there whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from space.atomic import remove_leftovers, write_atomically


def test_text_and_bytes_replace_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "first, and longer")
    write_atomically(path, b"second")
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]


def test_written_files_have_the_rights_of_ordinary_ones(tmp_path: Path) -> None:
    (tmp_path / "ordinary").touch()
    write_atomically(tmp_path / "file", "content")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_failed_writes_leave_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomically(path, "a folder has this name")
    assert list(tmp_path.iterdir()) == [path]


def test_pipes_are_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(OSError, match=f"is no regular file: '{path}'"):
        write_atomically(path, "content")
    assert path.is_fifo()
    assert list(tmp_path.iterdir()) == [path]


def test_leftovers_of_one_file_are_removed(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("file", ".file.lock", f".files.{32 * '0'}")]
    left = tmp_path / f".file.{32 * 'a'}"
    for each in (*others, left):
        each.touch()
    remove_leftovers(tmp_path / "file")
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_full_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=f"No space left on device: '{tmp_path / 'file'}'"):
        write_atomically(tmp_path / "file", "content")
    assert list(tmp_path.iterdir()) == []
