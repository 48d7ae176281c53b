"""Hand-crafted networks: counts known from the literature (as MACs), and structure."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from space.blocks import BinaryConv, Conv, Epilogue, MaxPool
from space.counts import total_counts
from space.errors import SpaceError
from space.graph import BlockGraph
from space.reference_names import ReferenceName
from space.references import REFERENCES, bireal18, xnor_resnet18, xnor_resnet20


@pytest.mark.parametrize(
    ("network", "arguments", "mega_bops", "mega_flops"),
    [
        (xnor_resnet18, (3, 32, 10), 547.4, 8.07),
        (xnor_resnet20, (3, 32, 10), 40.1, 0.71),
        (xnor_resnet18, (3, 224, 1000), 1676.3, 137.8),
        (bireal18, (3, 32, 10), 547.4, 8.07),
        (bireal18, (3, 224, 1000), 1676.3, 137.8),
    ],
)
def test_counts_of_the_literature(
    network: Callable[..., BlockGraph], arguments: Any, mega_bops: float, mega_flops: float
) -> None:
    total = total_counts(network(*arguments).blocks)
    assert round(total.binary_macs / 1e6, 1) == mega_bops
    assert round(total.float_macs / 1e6, 2 if mega_flops < 100 else 1) == mega_flops


def test_binary_downsampling_moves_its_macs() -> None:
    real = total_counts(xnor_resnet20(3, 32, 10).blocks)
    binary = total_counts(xnor_resnet20(3, 32, 10, downsample="binary").blocks)
    # 16 -> 32 channels at 16 x 16 outputs and 32 -> 64 at 8 x 8.
    moved = 16 * 32 * 256 + 32 * 64 * 64
    assert binary.float_macs == real.float_macs - moved
    assert binary.binary_macs == real.binary_macs + moved


def test_every_name_has_a_graph() -> None:
    assert tuple(REFERENCES) == get_args(ReferenceName)


@pytest.mark.parametrize("name", REFERENCES)
def test_references_are_whole_graphs(name: ReferenceName) -> None:
    graph = REFERENCES[name](1, 32, 7)
    assert graph.output.block.out_channels == 7


@pytest.mark.parametrize(("name", "layers"), [("xnor-resnet-18", 16), ("xnor-resnet-20", 18)])
def test_xnor_shortcuts_span_pairs(name: ReferenceName, layers: int) -> None:
    convs = [b for b in REFERENCES[name](3, 32, 10).blocks if isinstance(b, BinaryConv)]
    assert [conv.epilogue.shortcuts for conv in convs] == [0, 1] * (layers // 2)


def test_bireal_shortcuts_span_each_convolution() -> None:
    convs = [block for block in bireal18(3, 32, 10).blocks if isinstance(block, BinaryConv)]
    assert [conv.epilogue.shortcuts for conv in convs] == [1] * 16
    assert [conv.out_channels for conv in convs[::4]] == [64, 128, 256, 512]


@pytest.mark.parametrize("name", REFERENCES)
def test_large_images_enter_through_a_pooled_convolution(name: ReferenceName) -> None:
    stem = REFERENCES[name](3, 224, 10).blocks[0]
    assert isinstance(stem, Conv)
    assert (stem.kernel_size, stem.conv_size, stem.max_pool) == (7, 112, MaxPool(3, 2))
    assert (stem.out_size, stem.epilogue) == (56, Epilogue(inner_signs=1))


def test_small_images_are_not_pooled() -> None:
    stem = xnor_resnet18(3, 32, 10).blocks[0]
    assert stem == Conv(3, 64, 3, 1, 32, image=True, epilogue=Epilogue(inner_signs=1))


def test_channels_scale_the_width() -> None:
    assert bireal18(3, 32, 10, channels=16).node("s3l3.conv").block.out_channels == 128


def test_bireal_refuses_to_halve_odd_sizes() -> None:
    with pytest.raises(SpaceError, match="s3l0: reduces tensors of 7 pixels, must be an even"):
        bireal18(3, 28, 10)
