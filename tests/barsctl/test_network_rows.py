from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from barsctl.judged import JUDGED_FORMAT, Judged, JudgedHeader, JudgedRow
from barsctl.network_rows import known_rows
from space.errors import SpaceError
from space.genotype import choices_of, random_genotype
from tests.barsctl.tiny_runs import SPACE

HEADER = JudgedHeader(1, "0a1b", "cpu", 0, 16, 8, 8)
OTHER = replace(HEADER, device="cuda")
NETWORK = random_genotype(SPACE, np.random.default_rng(0))


def known(path: Path, header: JudgedHeader = HEADER) -> Judged:
    return known_rows(path, SPACE, header, JUDGED_FORMAT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of one network, judged as the header says."""
    path = tmp_path / "judged.jsonl"
    known(path).add(JudgedRow(choices_of(NETWORK), 0.5))
    return path


def test_rows_are_kept_while_others_are_asked_for(path: Path) -> None:
    content = path.read_bytes()
    assert NETWORK not in known(path, OTHER)
    aside = path.with_name(f"judged-{sha256(content.splitlines(True)[0]).hexdigest()[:8]}.jsonl")
    assert aside.read_bytes() == content
    known(path, OTHER).add(JudgedRow(choices_of(NETWORK), 0.75))
    assert known(path)[NETWORK].accuracy == 0.5
    assert path.read_bytes() == content
    assert not aside.exists()
    assert known(path, OTHER)[NETWORK].accuracy == 0.75


def test_exchange_that_was_killed_halfway_loses_nothing(path: Path) -> None:
    known(path, OTHER)
    path.unlink()
    assert known(path)[NETWORK].accuracy == 0.5


def test_file_with_a_damaged_header_is_kept(path: Path) -> None:
    damaged = b"\0" + path.read_bytes()
    path.write_bytes(damaged)
    assert NETWORK not in known(path)
    (aside,) = path.parent.glob("judged-*.jsonl")
    assert aside.read_bytes() == damaged


def test_torn_row_is_dropped(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"choices": {"wid')
    assert known(path)[NETWORK].accuracy == 0.5
    assert path.read_bytes() == whole


def test_damaged_row_is_told(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"0.5", b"null"))
    with pytest.raises(SpaceError, match=r"judged\.jsonl: line 2: accuracy is None"):
        known(path)
