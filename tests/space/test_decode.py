"""Decoding: exact small networks, names, and what every network has."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from space.blocks import BinaryConv, Classifier, Conv, Epilogue, Pool, Sum
from space.counts import counts, total_counts
from space.decode import decode
from space.genotype import Genotype, Topology, random_genotype
from space.graph import IMAGE_VALUE, BlockGraph, Inputs, Node, Value
from space.references import bireal18
from space.search_space import SearchSpace, Stage, groups
from tests.example_spaces import EXAMPLE_SPACES, SMALL, TINY


def with_topology(space: SearchSpace, depths: tuple[int, ...], topology: Topology) -> Genotype:
    topologies = dict.fromkeys(groups(space), topology)
    return Genotype(space, (space.widths[0],) * len(space.stages), depths, topologies)


def names(graph: BlockGraph) -> list[str]:
    return [node.name for node in graph]


def test_tiny_network_block_by_block() -> None:
    genotype = with_topology(TINY, (1,), (("bconv3x3",), ("skip", "bconv3x3")))
    stem, process, x1 = Value("stem", "inner"), "s0c0.process", "s0c0.node1"
    node1 = Epilogue("prelu", shortcuts=1, inner_signs=1, outer=True)
    node2 = Epilogue("prelu", shortcuts=2, inner_stored=False, outer=True)
    assert list(decode(genotype)) == [
        Node(
            "stem",
            Conv(1, 8, 3, 1, 4, image=True, epilogue=Epilogue(inner_signs=1)),
            Inputs((IMAGE_VALUE,)),
        ),
        Node(
            process,
            BinaryConv((8,), 8, 1, 1, 4, Epilogue("prelu", inner_signs=1)),
            Inputs((Value("stem", "inner_sign0"),)),
        ),
        Node(
            x1,
            BinaryConv((8,), 8, 3, 1, 4, node1),
            Inputs((Value(process, "inner_sign0"),), (Value(process, "inner"),), stem),
        ),
        Node(
            "s0c0.node2",
            BinaryConv((8,), 8, 3, 1, 4, node2),
            Inputs(
                (Value(x1, "inner_sign0"),), (Value(process, "inner"), Value(x1, "inner")), stem
            ),
        ),
        Node(
            "classifier",
            Classifier((8, 8), 3, 4),
            Inputs((Value(x1, "outer"), Value("s0c0.node2", "outer"))),
        ),
    ]


def test_macs_of_the_tiny_network() -> None:
    genotype = with_topology(TINY, (1,), (("bconv3x3",), ("skip", "bconv3x3")))
    total = total_counts(decode(genotype).blocks)
    # 16 pixels: process 8 x 8, two 3x3 convolutions of 8 x 8 x 9; stem 8 x 9, classifier 16 x 3.
    assert total.binary_macs == 16 * (64 + 2 * 576)
    assert total.float_macs == 16 * 72 + 48


def test_reduction_pools_and_repeats_channels() -> None:
    genotype = replace(
        with_topology(SMALL, (1, 0, 0), (("skip",), ("skip", "none"), ("skip", "none", "none"))),
        widths=(0.5, 1.0, 0.5),
    )
    graph = decode(genotype)
    # 8 of 16 channels kept in the first stage: outputs 8 to 15 and 24 to 31 are empty.
    assert graph.node("s1r.down3").block == Pool("average", 8, 32, 16, 2, 2, 16, Epilogue())
    assert graph.node("s1r.down3").inputs.sources == (Value("s0c0.node3", "outer"),)
    assert graph.node("s1r.node3").inputs.outer == Value("s1r.down3", "inner")
    assert graph.node("s1r.process").block == BinaryConv(
        (8, 8, 8), 32, 3, 2, 16, Epilogue("prelu", inner_signs=1)
    )


def test_single_stem_is_read_and_pooled_once() -> None:
    topology = (("skip",), ("skip", "none"), ("skip", "none", "none"))
    graph = decode(with_topology(SMALL, (0, 0, 0), topology))
    assert graph.node("s1r.process").inputs.sources == (Value("stem", "inner_sign0"),)
    assert [name for name in names(graph) if ".down" in name][:2] == ["s1r.down1", "s2r.down1"]
    assert {graph.node(f"s1r.node{i}").inputs.outer for i in (1, 2, 3)} == {
        Value("s1r.down1", "inner")
    }


def test_several_stems_are_numbered_from_1() -> None:
    genotype = random_genotype(replace(SMALL, stem_blocks=3), np.random.default_rng(0))
    assert names(decode(genotype))[:3] == ["stem1", "stem2", "stem3"]


def test_chain_parts_come_before_their_node() -> None:
    topology = (("bconv3x3",), ("bconv1x1", "bconv3x3"), ("skip", "none", "none"))
    graph = decode(with_topology(SMALL, (0, 0, 0), topology))
    part, node = graph.node("s1r.node2.k0"), graph.node("s1r.node2")
    assert part.inputs == Inputs((Value("s1r.process", "inner_sign0"),))
    assert node.inputs.sources == (Value("s1r.node1", "inner_sign0"),)
    assert node.inputs.shortcuts == (
        Value("s1r.node2.k0", "inner"), Value("s1r.process", "inner"), Value("s1r.node1", "inner"),
    )  # fmt: skip


def test_edge_form_reads_a_sign_of_its_own() -> None:
    topology = (("bconv3x3",), ("bconv3x3", "skip"), ("bconv3x3", "none", "bconv3x3"))
    graph = decode(with_topology(replace(SMALL, form="edge"), (0, 0, 0), topology))
    read = [
        value
        for name in ("s1r.node1", "s1r.node2", "s1r.node3.k0")
        for value in graph.node(name).inputs.sources
    ]
    assert read == [Value("s1r.process", f"inner_sign{number}") for number in range(3)]


def test_only_the_last_cell_writes_no_outer_signs() -> None:
    topology = (("skip",), ("skip", "none"), ("skip", "none", "none"))
    for depths, last in (((2, 0, 2), "s2c1"), ((2, 0, 1), "s2c0"), ((2, 0, 0), "s2r")):
        graph = decode(with_topology(SMALL, depths, topology))
        unsigned = {
            node.name.partition(".")[0]
            for node in graph
            if isinstance(node.block, Sum) and node.block.epilogue.outer_signs == 0
        }
        assert unsigned == {last}


def test_chain_on_a_narrow_path_is_bi_real_net() -> None:
    stages = (Stage(16, 4), Stage(32, 2), Stage(64, 2), Stage(128, 2))
    space = replace(
        SMALL, image_size=28, classes=10, stem_kernel_size=5, stem_stride=2, stages=stages,
        nodes=1, path="narrow", downsample="conv",
    )  # fmt: skip
    chain = Genotype(
        space, (1.0,) * 4, (4, 2, 2, 2), dict.fromkeys(groups(space), (("bconv3x3",),))
    )
    bi_real = bireal18(1, 28, 10, channels=16, stem="strided")
    assert Counter(decode(chain).blocks) == Counter(bi_real.blocks)


def test_depth_zero_everywhere_decodes() -> None:
    for space in EXAMPLE_SPACES.values():
        genotype = replace(
            random_genotype(space, np.random.default_rng(0)), depths=(0,) * len(space.stages)
        )
        graph = decode(genotype)
        assert not [name for name in names(graph) if "c0." in name]
        assert graph.output.block.out_channels == space.classes


def test_network_of_a_stem_alone_reads_it_once() -> None:
    genotype = with_topology(TINY, (0,), (("skip",), ("skip", "skip")))
    stem = Conv(1, 8, 3, 1, 4, image=True, epilogue=Epilogue())
    assert list(decode(genotype)) == [
        Node("stem", stem, Inputs((IMAGE_VALUE,))),
        Node("classifier", Classifier((8,), 3, 4), Inputs((Value("stem", "inner"),))),
    ]


@pytest.mark.parametrize("space", EXAMPLE_SPACES.values(), ids=EXAMPLE_SPACES)
def test_every_random_genotype_decodes(space: SearchSpace) -> None:
    rng = np.random.default_rng(1)
    for _ in range(5):
        genotype = random_genotype(space, rng)
        graph = decode(genotype)
        assert len(graph.shape(Value("classifier", "logits"))) == 2
        reals = [v for node in graph for v in node.inputs.values if v.port.endswith("inner")]
        assert {value.node for value in reals} <= set(names(graph))


def test_op_level_shortcuts_are_on() -> None:
    # A conv edge also passes its raw source, so every node adds one shortcut per edge.
    topology = (("bconv3x3",), ("bconv3x3", "bconv3x3"), ("bconv3x3",) * 3)
    graph = decode(with_topology(SMALL, (1, 0, 0), topology))
    for node in (1, 2, 3):
        assert len(graph.node(f"s0c0.node{node}").inputs.shortcuts) == node


def test_whole_backbone_is_binary() -> None:
    rng = np.random.default_rng(2)
    for node in decode(random_genotype(SMALL, rng)):
        if node.name not in ("stem", "classifier"):
            assert counts(node.block).float_macs == 0
