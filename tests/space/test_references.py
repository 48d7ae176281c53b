"""Hand-crafted networks: counts known from the literature (as MACs), and structure."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from space.blocks import BinaryConv, Conv, Epilogue, MaxPool, Pool
from space.counts import total_counts
from space.errors import SpaceError
from space.graph import BlockGraph, Value
from space.quicknet import quicknet
from space.reactnet import reactnet
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
        (reactnet, (3, 224, 1000), 4816.9, 11.86),
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


@pytest.mark.parametrize("name", [name for name in REFERENCES if name != "reactnet-like"])
def test_large_images_enter_through_a_pooled_convolution(name: ReferenceName) -> None:
    stem = REFERENCES[name](3, 224, 10).blocks[0]
    assert isinstance(stem, Conv)
    assert (stem.kernel_size, stem.conv_size, stem.max_pool) == (7, 112, MaxPool(3, 2))
    assert (stem.out_size, stem.epilogue) == (56, Epilogue(inner_signs=1))


def test_large_images_enter_reactnet_unpooled() -> None:
    stem = reactnet(3, 224, 10).blocks[0]
    assert stem == Conv(3, 32, 3, 2, 224, image=True, epilogue=Epilogue(inner_signs=1))


def test_small_images_are_not_pooled() -> None:
    stem = xnor_resnet18(3, 32, 10).blocks[0]
    assert stem == Conv(3, 64, 3, 1, 32, image=True, epilogue=Epilogue(inner_signs=1))


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("image_size", [28, 224])
def test_strided_stem_is_the_spaces(name: ReferenceName, image_size: int) -> None:
    stem = REFERENCES[name](3, image_size, 10, channels=8, stem="strided").blocks[0]
    assert stem == Conv(3, 8, 5, 2, image_size, image=True, epilogue=Epilogue(inner_signs=1))


def test_channels_scale_the_width() -> None:
    assert bireal18(3, 32, 10, channels=16).node("s3l3.conv").block.out_channels == 128


@pytest.mark.parametrize("name", REFERENCES)
def test_channels_are_multiples_of_eight(name: ReferenceName) -> None:
    graph = REFERENCES[name](1, 28, 10, channels=24)
    assert all(block.out_channels % 24 == 0 for block in graph.blocks[:-1])
    for channels, nearest in ((0, 8), (20, 16), (30, 32)):
        with pytest.raises(SpaceError, match=f"channels={channels} .* take {nearest}"):
            REFERENCES[name](1, 28, 10, channels=channels)


@pytest.mark.parametrize("name", REFERENCES)
def test_first_stages_are_the_networks(name: ReferenceName) -> None:
    whole, first = (REFERENCES[name](1, 28, 10, channels=8, stages=each) for each in (None, 2))
    # All but the classifier, and the sign of the block before, which nothing reads.
    blocks = first.blocks[:-2]
    assert blocks == whole.blocks[: len(blocks)]
    assert first.shape(first.output.inputs.sources[0])[1] == 14
    with pytest.raises(SpaceError, match=r"stages=9 of a reference that has [345]; take 1"):
        REFERENCES[name](1, 28, 10, stages=9)


def test_odd_sizes_are_halved_by_a_max_pool() -> None:
    # 28 -> 14 -> 7 -> 4.
    graph = bireal18(1, 28, 10, channels=8)
    assert graph.node("s2l0.pool").block == Pool("average", 16, 16, 16, 2, 2, 14, Epilogue())
    assert graph.node("s3l0.pool").block == Pool("max", 32, 32, 32, 3, 2, 7, Epilogue())
    assert graph.shape(graph.output.inputs.sources[0]) == (64, 4)


def test_reactnet_doubles_by_a_shortcut_twice() -> None:
    graph = reactnet(1, 28, 10, channels=8)
    assert graph.node("s0b0.twice").block == Pool("average", 8, 16, 8, 1, 1, 28, Epilogue())
    assert graph.node("s0b0.conv1x1").inputs.shortcuts == (Value("s0b0.twice", "inner"),)
    convs = [block for block in graph.blocks if isinstance(block, BinaryConv)]
    assert [conv.kernel_size for conv in convs] == [3, 1] * 13
    assert [conv.epilogue.shortcuts for conv in convs] == [1] * 26


def test_reactnet_counts_are_worked_out() -> None:
    total = total_counts(reactnet(1, 28, 10, channels=8, stages=2).blocks)
    # 3x3 and 1x1 of 8 -> 16 channels at 28 pixels, of 16 -> 32 (halved) and 32 -> 32 at 14.
    at28 = (8 * 8 * 9 + 8 * 16) * 28**2
    at14 = (16 * 16 * 9 + 16 * 32 + 32 * 32 * 9 + 32 * 32) * 14**2
    assert total.binary_macs == at28 + at14 == 3110912
    # Stem and classifier.
    assert total.float_macs == 9 * 8 * 28**2 + 32 * 10


def test_quicknet_counts_are_worked_out() -> None:
    total = total_counts(quicknet(1, 28, 10, channels=8, stages=2).blocks)
    # Four layers of 8 channels at 28 pixels, four of 16 at 14; stem, transition, classifier.
    assert total.binary_macs == 4 * 8 * 8 * 9 * 28**2 + 4 * 16 * 16 * 9 * 14**2
    assert total.float_macs == 9 * 8 * 28**2 + 8 * 16 * 14**2 + 16 * 10


def test_quicknet_sections_keep_their_channels() -> None:
    convs = [block for block in quicknet(3, 32, 10).blocks if isinstance(block, BinaryConv)]
    assert {(conv.in_channels, conv.stride) for conv in convs[4:8]} == {((128,), 1)}
    assert [conv.epilogue.shortcuts for conv in convs] == [1] * 16
