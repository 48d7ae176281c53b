"""Spaces of TOML files: written, read again, and refused in words."""

from dataclasses import replace
from pathlib import Path

import pytest

from space.errors import SpaceError
from space.presets import SPACES, named_space
from space.search_space import SearchSpace, Stage
from space.space_file import read_space, space_toml
from tests.example_spaces import EXAMPLE_SPACES, SMALL

LEAST = """
name = "mine"
image_channels = 1
image_size = 16
classes = 3
stem_kernel_size = 3
stem_stride = 1
stages = [{channels = 16, max_cells = 1}]
widths = [0.5, 1]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("space", (SPACES | EXAMPLE_SPACES).values(), ids=SPACES | EXAMPLE_SPACES)
def test_written_spaces_are_read_again(space: SearchSpace, tmp_path: Path) -> None:
    assert read_space(written(tmp_path, space_toml(space))) == space


def test_names_of_all_languages_are_read_again(tmp_path: Path) -> None:
    space = replace(SMALL, name="кот-\N{CAT FACE}")
    assert read_space(written(tmp_path, space_toml(space))) == space


def test_what_is_not_said_is_the_default(tmp_path: Path) -> None:
    assert read_space(written(tmp_path, LEAST)) == SearchSpace(
        "mine", 1, 16, 3, 3, 1, (Stage(16, 1),), widths=(0.5, 1.0)
    )


def test_names_of_files_stand_for_spaces(tmp_path: Path) -> None:
    path = written(tmp_path, space_toml(SMALL))
    assert named_space(str(path), classes=7).classes == 7


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nodes = 'two'", "nodes is 'two': .* valid integer; correct it"),
        ("pth = 'narrow'", "pth is 'narrow': Unexpected keyword"),
        ("path = 'thin'", "path is 'thin': Input should be 'wide' or 'narrow'"),
        ("nodes = 0", "mine: nodes=0 must be at least 1"),
        ("nodes = 9", "3 primitives and 9 nodes let the last node read in more than 4096 ways"),
        ("nodes = 1000000000", "3 primitives and 1000000000 nodes let"),
        ("nodes = 2026-01-01", "nodes is '2026-01-01'"),
        ("nodes =", "is no TOML: Invalid value"),
        (f"nodes = {'9' * 4400}", "beyond all measure"),
    ],
)
def test_broken_files_are_refused_in_words(line: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, LEAST + line)
    with pytest.raises(SpaceError, match=message):
        read_space(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"mine"', '"mi\\u001bne"', "must be a word of its own"),
        ('"mine"', '"other.toml"', "must be a word of its own"),
        ("channels = 16,", "channels = 1000000,", "channels=1000000 must be at most 4096"),
        ("max_cells = 1", "max_cells = 1000000", "max_cells=1000000 must be from 0 to 16"),
    ],
)
def test_spaces_beyond_measure_are_refused(
    old: str, new: str, message: str, tmp_path: Path
) -> None:
    path = written(tmp_path, LEAST.replace(old, new))
    with pytest.raises(SpaceError, match=message):
        read_space(path)


def test_absent_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=r"nope.toml cannot be read \(No such file"):
        read_space(tmp_path / "nope.toml")
