"""Graphs compiled for this machine with random weights, whose speed is that of trained ones."""

from collections.abc import Callable
from pathlib import Path

import torch

from barsctl.random_numbers import initial_weights
from space.frozen import FrozenNetwork
from space.graph import BlockGraph
from space.nn.freeze import freeze
from space.nn.network import Network
from targets.catalog import named_target
from targets.compile import compile_network
from targets.runners import runnable
from targets.runners.program import Program

CALIBRATION_IMAGES = 4


def random_program(
    graph: BlockGraph, folder: Path, *, threads: int, notify: Callable[[str], None]
) -> Program:
    """The program of an untrained network, which as many threads may share."""
    target = named_target("host")
    files = compile_network(
        untrained(graph), target, folder,
        name="network", class_names=[f"class {number}" for number in range(graph.classes)],
        notify=notify, threads=threads,
    )  # fmt: skip
    program = runnable(files.program, target)
    assert isinstance(program, Program)
    return program


def untrained(graph: BlockGraph) -> FrozenNetwork:
    """A graph's integers with initial weights, calibrated on random images."""
    channels, size = graph.image_channels, graph.image_size
    with initial_weights(0):
        network = Network(graph, [127.5] * channels, [64.0] * channels)
        pixels = torch.randint(0, 256, (CALIBRATION_IMAGES, channels, size, size))
    return freeze(network, pixels.to(torch.uint8))
