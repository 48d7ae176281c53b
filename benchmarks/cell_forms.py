"""The two forms of a cell, measured: one convolution per node against one per edge, as published.

The same topology (every node reads all before it through 3x3 convolutions) at full width and depth
of the demo space: images a second in training, latency of the program, accuracy on the embedded
images. Training steps and programs are timed in interleaved rounds on one thread.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from harness.report import Cell, read_options, report
from torch.nn import functional as F

from barsctl.batches import all_batches
from barsctl.data.dataset import Dataset
from barsctl.data.registry import load
from barsctl.package import calibration_pixels
from barsctl.random_numbers import initial_weights
from barsctl.train import train
from barsctl.train_settings import TrainSettings
from space.counts import total_counts
from space.decode import decode
from space.graph import BlockGraph
from space.nn.freeze import freeze
from space.nn.network import Network
from space.presets import named_space
from space.search_space import Form
from space.uniform import largest_genotype
from targets.catalog import named_target
from targets.compile import compile_network
from targets.runners import runnable
from targets.runners.program import Program

FORMS: tuple[Form, ...] = ("node", "edge")
SEED = 0
BATCH_SIZE = 128


def main() -> None:
    """Train and compile both forms and report."""
    options = read_options(__doc__)
    torch.set_num_threads(1)
    dataset = load("fashion-mini", seed=SEED)
    graphs = {form: form_graph(form) for form in FORMS}
    networks = {form: new_network(graph, dataset) for form, graph in graphs.items()}
    speeds = training_speeds(networks, dataset, rounds=2 if options.quick else 10)
    with TemporaryDirectory() as name:
        folder = Path(name)
        epochs = 1 if options.quick else 25
        accuracies = {
            form: trained_accuracy(network, dataset, folder / form, epochs=epochs)
            for form, network in networks.items()
        }
        programs = {
            form: compiled(network, dataset, folder / form) for form, network in networks.items()
        }
        latencies = program_latencies(programs, rounds=5 if options.quick else 25)
    rows: list[dict[str, Cell]] = [
        {
            "form": form,
            "kernels": len(graphs[form].blocks),
            "bops": total_counts(graphs[form].blocks).binary_macs,
            "training_images_per_s": speeds[form],
            "program_us": latencies[form],
            "epochs": epochs,
            "test_accuracy": accuracies[form],
        }
        for form in FORMS
    ]
    report("cell_forms", rows, [], options)


def form_graph(form: Form) -> BlockGraph:
    """The demo space's widest network in one of the forms."""
    return decode(largest_genotype(replace(named_space("demo"), form=form)))


def new_network(graph: BlockGraph, dataset: Dataset) -> Network:
    """The network with initial weights."""
    with initial_weights(SEED):
        return Network(graph, dataset.mean, dataset.std)


def training_speeds(
    networks: dict[Form, Network], dataset: Dataset, *, rounds: int
) -> dict[Form, float]:
    """Median images a second of forward and backward passes."""
    batch = next(all_batches(dataset.train, batch_size=BATCH_SIZE, device=torch.device("cpu")))

    def step(form: Form) -> float:
        start = time.perf_counter()
        F.cross_entropy(networks[form](batch.pixels), batch.labels).backward()
        return time.perf_counter() - start

    seconds = interleaved_medians(step, rounds=rounds)
    return {form: BATCH_SIZE / median for form, median in seconds.items()}


def program_latencies(programs: dict[Form, Program], *, rounds: int) -> dict[Form, float]:
    """Median microseconds per image."""
    return interleaved_medians(
        lambda form: 1e3 * programs[form].latency(runs=200).median_ms, rounds=rounds
    )


def interleaved_medians(measure: Callable[[Form], float], *, rounds: int) -> dict[Form, float]:
    """The median of each form's figures over rounds of both; the first round is a warm-up."""
    samples = [{form: measure(form) for form in FORMS} for _ in range(rounds + 1)][1:]
    return {form: statistics.median(sample[form] for sample in samples) for form in FORMS}


def trained_accuracy(network: Network, dataset: Dataset, folder: Path, *, epochs: int) -> float:
    """Accuracy on the test images after training with the usual recipe."""
    folder.mkdir()
    settings = TrainSettings(seed=SEED, epochs=epochs)
    trained = train(network, dataset, settings, folder=folder, device=torch.device("cpu"))
    return trained.test_accuracy


def compiled(network: Network, dataset: Dataset, folder: Path) -> Program:
    """The network's program for this machine."""
    target = named_target("host")
    files = compile_network(
        freeze(network, calibration_pixels(dataset.train)), target, folder / "program",
        name="form", class_names=dataset.class_names, notify=print,
    )  # fmt: skip
    program = runnable(files.program, target)
    assert isinstance(program, Program)
    return program


if __name__ == "__main__":
    main()
