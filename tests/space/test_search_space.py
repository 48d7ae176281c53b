"""Search spaces refuse what no network could be, and list their cells."""

from dataclasses import replace
from typing import Any

import pytest

from space.errors import SpaceError
from space.search_space import Cell, Stage, cells, groups, stage_channels, stage_size
from tests.example_spaces import SMALL, TINY


def test_cells_come_in_execution_order() -> None:
    assert cells(SMALL) == (
        Cell("s0c0", 0, 0, "s0c0"),
        Cell("s0c1", 0, 1, "s0c1"),
        Cell("s1r", 1, None, "s1r"),
        Cell("s2r", 2, None, "s2r"),
        Cell("s2c0", 2, 0, "s2c0"),
        Cell("s2c1", 2, 1, "s2c1"),
    )


def test_sharing_groups_the_topologies() -> None:
    assert groups(SMALL) == ("s0c0", "s0c1", "s1r", "s2r", "s2c0", "s2c1")
    assert groups(replace(SMALL, sharing="stage")) == ("s0", "s1r", "s2r", "s2")
    assert groups(replace(SMALL, sharing="kind")) == ("normal", "reduction")


def test_sizes_halve_at_each_reduction() -> None:
    assert [stage_size(SMALL, stage) for stage in range(3)] == [16, 8, 4]


def test_odd_sizes_are_halved_upwards() -> None:
    space = replace(SMALL, image_size=13)
    assert [stage_size(space, stage) for stage in range(3)] == [13, 7, 4]


def test_width_scales_the_channels() -> None:
    assert stage_channels(SMALL, 2, 0.5) == 16


def test_any_exact_multiple_of_8_is_a_width() -> None:
    space = replace(TINY, stages=(Stage(80, 1),), widths=(0.1, 0.7, 1.0))
    assert [stage_channels(space, 0, width) for width in space.widths] == [8, 56, 80]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 0}, "image_size=0 must be at least 1"),
        ({"classes": 1}, "classes=1; a classifier needs at least 2"),
        ({"stem_kernel_size": 4}, "stem_kernel_size=4 must be odd; take 5"),
        ({"stem_blocks": 2}, "stem_blocks=2 must be 1 or nodes=3"),
        ({"form": "chain"}, "form='chain' must be one of"),
        ({"sharing": "all"}, "sharing='all' must be one of"),
        ({"activation": "gelu"}, "activation='gelu' must be one of"),
        ({"downsample": "blur"}, "downsample='blur' must be one of"),
        ({"path": "narrow", "form": "edge"}, "form='edge' with stem_blocks=1 on a narrow path"),
        ({"path": "narrow", "stem_blocks": 3}, "form='node' with stem_blocks=3 on a narrow path"),
        ({"primitives": ("skip", "conv3x3")}, "primitive 'conv3x3' must be one of"),
        ({"primitives": ("skip", "skip")}, "must not repeat"),
        ({"primitives": ("none",)}, "connect nothing"),
        ({"primitives": ()}, "connect nothing"),
        ({"stages": ()}, "stages is empty"),
        ({"stages": (Stage(16, -1),)}, "max_cells=-1 must be from 0 to 16"),
        ({"stages": (Stage(16, 17),)}, "max_cells=17 must be from 0 to 16"),
        ({"stages": (Stage(8192, 1),)}, "channels=8192 must be at most 4096"),
        ({"nodes": 30}, "30 nodes let the last node read in more than 4096 ways"),
        ({"widths": ()}, "widths .* must be there"),
        ({"widths": (1.0, 1.0)}, "must not repeat"),
        ({"widths": (0.25, 1.0)}, "width 0.25 of 16 channels is 4; .* multiples of 8"),
        ({"widths": (0.75, 1.0)}, "width 0.75 of 16 channels is 12"),
        ({"widths": (2.0,)}, "width 2.0 must be above 0 and at most 1"),
        ({"image_size": 2}, "2 pixels are 2 after the stem and end as one before the last of 2"),
    ],
)
def test_broken_rules_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        replace(SMALL, **changes)
