"""Whole programs against onnxruntime: Bi-Real-18 at 224 and 32 pixels, and a searched network.

Bi-Real-18 meets ResNet-18, which it stands for, in float32 and int8; every network meets its own
topology in both types, with ReLU for PReLU (see harness/float_twin.py: the faster opponent). On one
thread and on two, each engine in processes of its own on the same cores, in interleaved rounds. The
table holds medians over the rounds, ratios are medians of the rounds' ratios on as many threads.
--quick runs a round of what the checks ask for.

data/demo-genotype.json is what `barsctl demo` derived from its search, with seed 0, on a 2-core Zen
4 that was busy: its budget, midway between the space's extremes, came out as 6.4 us.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import torch
from harness.float_twin import float_twin
from harness.int8_onnx import random_images, write_int8_onnx
from harness.interleaved import Engine, interleaved_ms
from harness.onnx_latency import onnx_command
from harness.random_program import random_program
from harness.report import Cell, Check, read_options, report
from harness.resnet18 import resnet18

from space.decode import decode
from space.genotype import read_genotype
from space.graph import BlockGraph
from space.references import bireal18

GENOTYPE = Path(__file__).parent / "data" / "demo-genotype.json"
THREADS = (1, 2)
OWN = "barsctl"
RESNET, TWIN = "ResNet-18", "same topology"
LARGE, SMALL, SEARCHED = "Bi-Real-18 at 224", "Bi-Real-18 at 32", "searched, demo"


@dataclass(frozen=True, slots=True)
class Contest:
    """A network of ours and the float networks that it meets, those that checks ask for first."""

    graph: BlockGraph
    opponents: tuple[str, ...]


# By the engine's name and its threads.
Times = Mapping[tuple[str, int], list[float]]
# What was asked for, on one thread: a network, an opponent, and how many times as long that takes.
ASKED = (
    (LARGE, f"{RESNET}, fp32", 10.0),
    (LARGE, f"{RESNET}, int8", 2.9),
    (SMALL, f"{RESNET}, fp32", 15.0),
    (SMALL, f"{RESNET}, int8", 4.0),
    (SEARCHED, f"{TWIN}, fp32", 8.0),
)
ASKED_OF_TWO_THREADS = 1.7


def main() -> None:
    """Compile and time every network, and report."""
    options = read_options(__doc__)
    torch.set_num_threads(1)
    rounds, round_ms = (1, 100.0) if options.quick else (15, 400.0)
    times: dict[str, Times] = {}
    for name, contest in contests().items():
        opponents = contest.opponents[:1] if options.quick else contest.opponents
        with TemporaryDirectory() as folder:
            engines = contest_engines(contest.graph, opponents, Path(folder))
            times[name] = interleaved_ms(engines, rounds=rounds, round_ms=round_ms)
    rows = [row(name, *key, each) for name, each in times.items() for key in each]
    report("network", rows, checks(times), options)


def contests() -> dict[str, Contest]:
    """Every network by its name."""
    return {
        LARGE: Contest(bireal18(3, 224, 1000), (RESNET, TWIN)),
        SMALL: Contest(bireal18(3, 32, 10), (RESNET, TWIN)),
        SEARCHED: Contest(decode(read_genotype(GENOTYPE)), (TWIN,)),
    }


def contest_engines(
    graph: BlockGraph, opponents: Sequence[str], folder: Path
) -> dict[tuple[str, int], Engine]:
    """Our program and its opponents in fp32 and int8, for each number of threads."""
    program = random_program(graph, folder, threads=max(THREADS), notify=print)
    commands = {OWN: program.command}
    for name in opponents:
        model = float_model(name, graph)
        paths = {kind: folder / f"{name}-{kind}.onnx" for kind in ("fp32", "int8")}
        onnx.save(model, paths["fp32"])
        write_int8_onnx(model, paths["int8"], random_images(model, np.random.default_rng(1)))
        commands |= {f"{name}, {kind}": onnx_command(path) for kind, path in paths.items()}
    return {
        (name, threads): Engine(command, threads)
        for threads in THREADS
        for name, command in commands.items()
    }


def float_model(name: str, graph: BlockGraph) -> onnx.ModelProto:
    """An opponent for the images of a graph."""
    generator = np.random.default_rng(0)
    if name == RESNET:
        return resnet18(graph.image_size, graph.classes, generator)
    return float_twin(graph, generator)


def ratio(times: Times, name: str, threads: int) -> float:
    """How many times as long an engine takes as our program on as many threads."""
    rounds = zip(times[OWN, threads], times[name, threads], strict=True)
    return statistics.median(other / own for own, other in rounds)


def row(network: str, engine: str, threads: int, times: Times) -> dict[str, Cell]:
    """An engine's median, how far the rounds were apart, and how far behind our program it is."""
    found = times[engine, threads]
    low, high = np.quantile(found, [0.1, 0.9]) / statistics.median(found)
    return {
        "network": network,
        "engine": engine,
        "threads": threads,
        "median, ms": statistics.median(found),
        "p10 to p90": f"{100 * (high - low):.0f} %",
        "times ours": ratio(times, engine, threads),
    }


def checks(times: Mapping[str, Times]) -> list[Check]:
    """The figures that were asked for."""
    found = [
        Check(f"{network}, {engine} over ours", ratio(times[network], engine, 1), least)
        for network, engine, least in ASKED
    ]
    one, two = (times[LARGE][OWN, threads] for threads in (1, 2))
    faster = statistics.median(a / b for a, b in zip(one, two, strict=True))
    return [*found, Check(f"{LARGE}, one thread over two", faster, ASKED_OF_TWO_THREADS)]


if __name__ == "__main__":
    main()
