"""Training steps of one form of a network, timed in a process of its own that waits for orders.

A process answers `STEPS` on its input with the seconds that so many steps took, as JSON with the
most memory that it ever had resident. So forms take turns, and each has its memory alone.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from barsctl.random_numbers import initial_weights
from space.decode import decode
from space.genotype import Genotype
from space.nn.architecture import Architecture, connected_choices, straight_through
from space.nn.network import Network
from space.nn.supernet import Supernet
from space.presets import named_space
from space.search_space import SearchSpace
from space.uniform import most_cells, uniform_genotype

from .naive_training import naive_network, naive_supernet

BENCHMARKS = Path(__file__).parents[1]
BATCH_SIZE = 128
PIXELS = [73.0], [90.0]
Task = Literal["soft", "one", "final"]
Form = Literal["naive", "ours", "compiled"]
Precision = Literal["float32", "bfloat16"]
Forward = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Subject:
    """What is trained and how: a supernet as a mixture or one network at a time, or a network."""

    space: str
    task: Task
    form: Form
    precision: Precision
    device: str = "cpu"

    @property
    def images_per_step(self) -> int:
        """A search's step moves the weights by one batch and the architecture by another."""
        return BATCH_SIZE if self.task == "final" else 2 * BATCH_SIZE


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds of some steps, and the most memory ever resident: the process's, or the GPU's."""

    seconds: float
    peak_mb: float


class TrainingProcess:
    """A subject's process, with initial weights."""

    def __init__(self, subject: Subject) -> None:
        words = (subject.space, subject.task, subject.form, subject.precision, subject.device)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.training_steps", *words],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=BENCHMARKS,
        )  # fmt: skip

    def time(self, *, steps: int) -> Timing:
        """Take so many steps."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(steps, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args!r}: ended with {self._process.wait()}")
        return Timing(**json.loads(answer))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def narrow_genotype(space: SearchSpace) -> Genotype:
    """The cells that searches for a board like: 3x3 convolutions in a chain, at half width."""
    half = min(space.widths, key=lambda width: abs(width - 0.5))
    return uniform_genotype(space, "chain", depth=most_cells(space), width=half)


def stepper(subject: Subject) -> Callable[[], None]:
    """A function that takes one step on random images; its numbers follow from a fixed seed."""
    space, device = named_space(subject.space), torch.device(subject.device)
    generator = torch.Generator().manual_seed(0)
    shape = (BATCH_SIZE, space.image_channels, space.image_size, space.image_size)
    pixels = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8).to(device)
    labels = torch.randint(0, space.classes, (BATCH_SIZE,), generator=generator).to(device)

    def loss(forward: Forward) -> Tensor:
        enabled = subject.precision == "bfloat16"
        with torch.autocast(device.type, torch.bfloat16, enabled=enabled):
            return F.cross_entropy(forward(pixels), labels)

    if subject.task == "final":
        with initial_weights(0):
            network = Network(decode(narrow_genotype(space)), *PIXELS).to(device)
        forward = _network_forward(network, subject.form)
        optimizer = torch.optim.AdamW(network.parameters())
        return lambda: _move(optimizer, loss(forward))
    with initial_weights(0):
        supernet = Supernet(space, *PIXELS).to(device)
        architecture = Architecture(space).to(device)
    return _search_stepper(supernet, architecture, subject, loss, generator)


def _network_forward(network: Network, form: Form) -> Forward:
    match form:
        case "naive":
            return lambda pixels: naive_network(network, pixels)
        case "ours":
            return network
        case "compiled":
            return torch.compile(network)


def _search_stepper(
    supernet: Supernet, architecture: Architecture, subject: Subject,
    loss: Callable[[Forward], Tensor], generator: torch.Generator,
) -> Callable[[], None]:  # fmt: skip
    weights = torch.optim.AdamW(supernet.parameters())
    learned = list(architecture.parameters())
    choosing = torch.optim.Adam(learned)
    mixed: Callable[[Tensor, dict[str, Tensor]], Tensor] = supernet
    if subject.form == "naive":
        mixed = lambda pixels, mixture: naive_supernet(supernet, pixels, mixture)  # noqa: E731
    if subject.form == "compiled":
        mixed = torch.compile(supernet)

    def forward(*, fixed: bool) -> Forward:
        mixture = architecture.probabilities(1.0, "gumbel", generator)
        detached = {name: vector.detach() for name, vector in mixture.items()}
        if subject.task == "soft":
            return lambda pixels: mixed(pixels, detached if fixed else mixture)
        choices = connected_choices(supernet.space, detached)
        factors = None if fixed else straight_through(mixture, choices)
        return lambda pixels: supernet.chosen(pixels, choices, factors)

    def step() -> None:
        _move(weights, loss(forward(fixed=True)))
        gradients = torch.autograd.grad(loss(forward(fixed=False)), learned, allow_unused=True)
        for parameter, gradient in zip(learned, gradients, strict=True):
            parameter.grad = gradient
        choosing.step()

    return step


def _move(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def timed(step: Callable[[], None], device: torch.device, *, steps: int) -> Timing:
    """Time steps: of a CPU its own seconds, which other processes take no share of."""
    if device.type == "cpu":
        start = time.process_time()
        for _ in range(steps):
            step()
        seconds = time.process_time() - start
        # In KB, on Linux.
        return Timing(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    torch.cuda.synchronize(device)
    start = time.perf_counter()
    for _ in range(steps):
        step()
    torch.cuda.synchronize(device)
    return Timing(time.perf_counter() - start, torch.cuda.max_memory_allocated(device) / 2**20)


def main() -> None:
    """Answer every number on the input."""
    torch.set_num_threads(1)
    subject = Subject(*sys.argv[1:])  # type: ignore[arg-type]
    step = stepper(subject)
    for line in sys.stdin:
        timing = timed(step, torch.device(subject.device), steps=int(line))
        print(json.dumps({"seconds": timing.seconds, "peak_mb": timing.peak_mb}), flush=True)


if __name__ == "__main__":
    main()
