"""Small networks of random integers, compiled for a target."""

from pathlib import Path

import numpy as np

from space.frozen import FrozenNetwork
from space.random_frozen import random_frozen
from targets.catalog import named_target
from targets.compile import Artefacts, compile_network
from targets.emit_about import Score
from tests.example_graphs import EXAMPLE_GRAPHS

NAME = "tiny"


def frozen_example(graph_name: str) -> FrozenNetwork:
    return random_frozen(EXAMPLE_GRAPHS[graph_name](), np.random.default_rng(3))


def compile_example(
    graph_name: str, target_name: str, *, folder: Path, name: str = NAME, threads: int = 1,
    score: Score | None = None,
) -> Artefacts:  # fmt: skip
    frozen = frozen_example(graph_name)
    class_names = [f"class {index}" for index in range(frozen.graph.classes)]
    return compile_network(
        frozen, named_target(target_name), folder,
        name=name, class_names=class_names, notify=lambda _: None, threads=threads,
        score=score,
    )  # fmt: skip


def shared_library(artefacts: Artefacts) -> Path:
    assert artefacts.library is not None
    return artefacts.library
