import hashlib
from pathlib import Path

import pytest

from barsctl.data.storage import cache_folder, download
from barsctl.errors import DataError

CONTENT = b"a file of some length" * 10_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_download_arrives_whole(tmp_path: Path) -> None:
    source, goal = tmp_path / "source", tmp_path / "cache" / "goal"
    source.write_bytes(CONTENT)
    download(source.as_uri(), goal, sha256=SHA256)
    assert goal.read_bytes() == CONTENT
    assert list(goal.parent.iterdir()) == [goal]


def test_download_with_wrong_checksum_leaves_nothing(tmp_path: Path) -> None:
    source, goal = tmp_path / "source", tmp_path / "cache" / "goal"
    source.write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match=f"expected {SHA256}; fetch the file elsewhere"):
        download(source.as_uri(), goal, sha256=SHA256)
    assert list(goal.parent.iterdir()) == []


def test_address_that_fails_says_what_to_do(tmp_path: Path) -> None:
    goal = tmp_path / "cache" / "goal"
    with pytest.raises(DataError, match=r"cannot be fetched .* give its folder with --data-dir"):
        download((tmp_path / "none").as_uri(), goal, sha256=SHA256)
    assert list(goal.parent.iterdir()) == []


def test_cache_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("made") == tmp_path / "barsctl" / "made"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder("made") == tmp_path / ".cache" / "barsctl" / "made"
