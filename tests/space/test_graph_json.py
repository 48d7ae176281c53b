"""Graphs as JSON: round trips and strict reading."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from space.decode import decode
from space.errors import SpaceError
from space.genotype import random_genotype
from space.graph import BlockGraph
from space.graph_json import graph_from_json, graph_to_json
from space.references import REFERENCES
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.example_spaces import SMALL

DATA = Path(__file__).parent.parent / "data"


def same(first: BlockGraph, second: BlockGraph) -> bool:
    return list(first) == list(second) and (
        first.image_channels, first.image_size, first.classes
    ) == (second.image_channels, second.image_size, second.classes)  # fmt: skip


@pytest.mark.parametrize("make", EXAMPLE_GRAPHS.values(), ids=EXAMPLE_GRAPHS)
def test_examples_round_trip(make: Callable[[], BlockGraph]) -> None:
    assert same(graph_from_json(graph_to_json(make())), make())


def test_searched_and_crafted_networks_round_trip() -> None:
    for graph in (
        decode(random_genotype(SMALL, np.random.default_rng(0))),
        REFERENCES["bireal-18"](3, 224, 10),
    ):
        assert same(graph_from_json(graph_to_json(graph)), graph)


@pytest.mark.parametrize(
    ("file", "name"), [("graph-1.json", "reduction"), ("graph-2.json", "pooled")]
)
def test_file_of_every_format_loads(file: str, name: str) -> None:
    assert same(graph_from_json((DATA / file).read_text()), EXAMPLE_GRAPHS[name]())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"format": 2', '"format": 3', "graph: format is 3"),
        ('"kind": "sum"', '"kind": "mul"', "kind 'mul' must be one of"),
        ('"kind": "conv"', '"kind": "pool"', "graph: stem: "),
        ('"inner_stored": true', '"inner_stored": 1', "inner_stored is 1"),
        ('"inner_stored": true,', "", "inner_stored is missing"),
        (',\n    "max_pool": null', "", "max_pool is missing"),
        ('"port": "inner"', '"port": "outside"', "no earlier block writes this"),
        ('"image_size": ', '"image_sizes": 1, "image_size": ', "image_sizes is 1"),
    ],
)
def test_texts_are_read_strictly(old: str, new: str, message: str) -> None:
    text = graph_to_json(EXAMPLE_GRAPHS["reduction"]())
    assert old in text
    with pytest.raises(SpaceError, match=message):
        graph_from_json(text.replace(old, new, 1))


def test_classes_must_be_the_classifiers() -> None:
    content = json.loads(graph_to_json(EXAMPLE_GRAPHS["cell"]()))
    content["classes"] += 1
    with pytest.raises(SpaceError, match="classes=8, its classifier has 7; both must be equal"):
        graph_from_json(json.dumps(content))
