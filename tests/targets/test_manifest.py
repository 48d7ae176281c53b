from pathlib import Path

import pytest

from targets.errors import TargetError
from targets.manifest import FILE, extend_manifest, read_manifest, write_manifest


def test_sections_are_added_and_replaced(tmp_path: Path) -> None:
    write_manifest(tmp_path, {"name": "net", "accuracy": None})
    extend_manifest(tmp_path, accuracy=0.5, verification={"images": 3})
    assert read_manifest(tmp_path) == {
        "format": 1, "name": "net", "accuracy": 0.5, "verification": {"images": 3}
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize("text", ['{"format": 2}', "{}", "[]"])
def test_other_formats_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(TargetError, match=r"manifest.json: this is not format 1; compile the"):
        read_manifest(tmp_path)


def test_unreadable_manifests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"no manifest can be read; compile the network again"):
        read_manifest(tmp_path)
    (tmp_path / FILE).write_text("{")
    with pytest.raises(TargetError, match=r"no manifest can be read; compile the network again"):
        read_manifest(tmp_path)
