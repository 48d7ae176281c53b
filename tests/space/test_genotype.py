"""Genotypes: rules, choices, files."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from space.decisions import decisions, is_connected
from space.errors import SpaceError
from space.genotype import (
    Genotype,
    choices_of,
    from_json,
    genotype_of,
    kept_cells,
    random_genotype,
    read_genotype,
    to_json,
    write_genotype,
)
from space.search_space import SearchSpace
from tests.example_spaces import EXAMPLE_SPACES, SMALL, TINY

EXAMPLE = Genotype(TINY, (0.5,), (1,), {"s0c0": (("bconv3x3",), ("skip", "bconv3x3"))})
OLD_FILE = Path(__file__).parent.parent / "data" / "genotype-1.json"


@pytest.mark.parametrize("space", EXAMPLE_SPACES.values(), ids=EXAMPLE_SPACES)
def test_random_genotypes_round_trip(space: SearchSpace) -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        genotype = random_genotype(space, rng)
        assert is_connected(decisions(space), choices_of(genotype))
        assert genotype_of(space, choices_of(genotype)) == genotype
        assert from_json(to_json(genotype)) == genotype


def test_seed_gives_the_genotype() -> None:
    first, again, other = (
        random_genotype(SMALL, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_choices_are_option_indices() -> None:
    assert choices_of(EXAMPLE) == {
        "width/0": 0, "depth/0": 1, "op/s0c0/1/0": 2, "op/s0c0/2/0": 1, "op/s0c0/2/1": 2,
    }  # fmt: skip


def test_depths_keep_the_first_cells() -> None:
    genotype = replace(random_genotype(SMALL, np.random.default_rng(0)), depths=(1, 0, 2))
    assert [cell.name for cell in kept_cells(genotype)] == ["s0c0", "s1r", "s2r", "s2c0", "s2c1"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"widths": (0.5, 0.5)}, "widths .* one entry for each of 1 stages"),
        ({"depths": ()}, "depths .* one entry for each of 1 stages"),
        ({"widths": (0.75,)}, "width 0.75 must be one of"),
        ({"depths": (2,)}, "depth 2 must be 0 to 1"),
        ({"topologies": {}}, "topologies are of .*; must be of .*s0c0"),
        ({"topologies": {"s0c0": (("skip",),)}}, "must have 2 nodes"),
        ({"topologies": {"s0c0": (("skip",), ("skip",))}}, "must have 2 nodes"),
        ({"topologies": {"s0c0": (("pool",), ("skip", "none"))}}, "primitive 'pool' must be"),
        ({"topologies": {"s0c0": (("none",), ("skip", "none"))}}, "node 1: .* all 'none'"),
    ],
)
def test_broken_rules_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        replace(EXAMPLE, **changes)


def test_choices_must_be_complete() -> None:
    choices = choices_of(EXAMPLE)
    with pytest.raises(SpaceError, match="'width/1' is missing or unknown"):
        genotype_of(TINY, choices | {"width/1": 0})
    del choices["depth/0"]
    with pytest.raises(SpaceError, match="'depth/0' is missing or unknown"):
        genotype_of(TINY, choices)


def test_choices_must_be_options() -> None:
    with pytest.raises(SpaceError, match="depth/0: option -1 must be 0 to 1"):
        genotype_of(TINY, choices_of(EXAMPLE) | {"depth/0": -1})


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 2, "format is 2: Input should be 1"),
        ("colour", "red", "colour is 'red'"),
        ("widths", ["0.5"], "widths.0 is '0.5'"),
        ("widths", [0.25], "width 0.25 must be one of"),
        ("space", {}, "space.name: "),
    ],
)
def test_files_are_read_strictly(key: str, value: object, message: str) -> None:
    content = json.loads(to_json(EXAMPLE)) | {key: value}
    with pytest.raises(SpaceError, match=message):
        from_json(json.dumps(content))


def test_defaults_do_not_fill_files() -> None:
    content = json.loads(to_json(EXAMPLE))
    del content["space"]["form"]
    with pytest.raises(SpaceError, match=r"space.form is missing"):
        from_json(json.dumps(content))


def test_torn_files_are_refused() -> None:
    with pytest.raises(SpaceError, match="genotype: the text: Invalid JSON"):
        from_json(to_json(EXAMPLE)[:-20])


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000])
def test_damaged_file_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "genotype.json").write_bytes(content)
    with pytest.raises(SpaceError, match=r"/genotype.json: the text: Invalid JSON"):
        read_genotype(tmp_path / "genotype.json")


def test_written_files_read_back(tmp_path: Path) -> None:
    path = tmp_path / "genotype.json"
    write_genotype(EXAMPLE, path)
    assert read_genotype(path) == EXAMPLE
    assert [file.name for file in tmp_path.iterdir()] == ["genotype.json"]


def test_old_file_still_loads() -> None:
    assert read_genotype(OLD_FILE) == EXAMPLE
