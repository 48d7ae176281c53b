"""Named spaces: what they are and for which images they can be changed."""

import numpy as np
import pytest

from space.counts import total_counts
from space.decode import decode
from space.errors import SpaceError
from space.genotype import random_genotype
from space.presets import SPACES, named_space
from space.search_space import cells


@pytest.mark.parametrize("name", SPACES)
def test_names_are_those_of_the_spaces(name: str) -> None:
    assert named_space(name).name == name


@pytest.mark.parametrize("name", SPACES)
def test_random_networks_decode(name: str) -> None:
    genotype = random_genotype(named_space(name), np.random.default_rng(0))
    assert decode(genotype).output.block.out_channels == genotype.space.classes


def test_images_and_classes_can_be_changed() -> None:
    space = named_space("demo", image_channels=3, image_size=32, classes=4)
    assert (space.image_channels, space.image_size, space.classes) == (3, 32, 4)
    assert space.stages == SPACES["demo"].stages


def test_unknown_names_list_the_known() -> None:
    with pytest.raises(SpaceError, match="space 'resnet' is unknown; take one of demo, fashion"):
        named_space("resnet")


def test_images_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(SpaceError, match="2 pixels are 1 after the stem"):
        named_space("demo", image_size=2)


@pytest.mark.parametrize(
    ("name", "mega_bops", "normal_cells"), [("bars-cifar", 697, 6), ("bars-imagenet", 1676, 8)]
)
def test_paper_scale_spaces_hold_networks_of_their_size(
    name: str, mega_bops: float, normal_cells: int
) -> None:
    space = named_space(name)
    assert len([cell for cell in cells(space) if not cell.is_reduction]) == normal_cells
    rng = np.random.default_rng(0)
    random_bops = [
        total_counts(decode(random_genotype(space, rng)).blocks).binary_macs for _ in range(30)
    ]
    assert min(random_bops) < mega_bops * 1e6 < max(random_bops)
