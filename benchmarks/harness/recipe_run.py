"""Steps of a recipe on images that are read from files, measured in a process of its own."""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch

from barsctl.batches import Batch
from barsctl.data.augment import augment
from barsctl.data_choice import DataChoice, load_choice
from barsctl.devices import find_device
from barsctl.evaluate import Tally
from barsctl.random_numbers import epoch_numbers

from .recipe_steps import Stage, stepper
from .recipes import RECIPES

BENCHMARKS = Path(__file__).parents[1]
STEPS = 3
FIRST_IMAGES = 2
"""Of the steps before the measured ones: optimizers make what they keep, torch its kernels."""
# So that freed memory is free, as on a GPU: else glibc keeps much of it for itself. Its pages have
# to be made anew, which takes some of the time.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": str(2**20)}


Device = Literal["cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a process runs: STEPS of a recipe's stage, of so many images each."""

    recipe: str
    stage: Stage
    images: int
    device: Device


@dataclass(frozen=True, slots=True)
class Outcome:
    """Seconds of a step, and per image of decoding and of augmenting it; on a CPU computed ones.

    losses: of every step. peak_mb: most memory ever, the process's or the GPU's.
    """

    seconds: float
    decoding_s: float
    augmenting_s: float
    losses: tuple[float, ...]
    peak_mb: float


def outcome(subject: Subject, folder: Path) -> Outcome:
    """Run a subject in a process of its own, on the files in a folder."""
    words = [str(word) for word in asdict(subject).values()]
    answer = subprocess.run(
        [sys.executable, "-m", "harness.recipe_run", *words, str(folder.resolve())],
        stdout=subprocess.PIPE, text=True, check=True, cwd=BENCHMARKS,
        env={**os.environ, **ALLOCATOR},
    )  # fmt: skip
    fields = json.loads(answer.stdout)
    return Outcome(**{**fields, "losses": tuple(fields["losses"])})


def measured(subject: Subject, folder: Path) -> Outcome:
    """Read a batch and take the steps, here."""
    recipe, device = RECIPES[subject.recipe], find_device(subject.device)
    dataset = load_choice(DataChoice(recipe.data, str(folder), None, seed=0))
    indices = np.arange(subject.images)
    start = _now(device)
    pixels = dataset.train.batch(indices)
    decoding_s = (_now(device) - start) / subject.images
    start = _now(device)
    pixels = augment(pixels, epoch_numbers(0, 0), by=dataset.augmentation)
    augmenting_s = (_now(device) - start) / subject.images

    batch = Batch(
        torch.from_numpy(pixels).permute(0, 3, 1, 2).to(device),
        torch.from_numpy(dataset.train.labels[indices]).to(device),
    )
    first = Batch(batch.pixels[:FIRST_IMAGES], batch.labels[:FIRST_IMAGES])
    step = stepper(recipe, subject.stage, dataset, device, first=first)
    tallies = [Tally() for _ in range(STEPS)]
    start = _now(device)
    for tally in tallies:
        step(batch, tally)
    seconds = (_now(device) - start) / STEPS
    losses = tuple(tally.loss for tally in tallies if tally.loss is not None)
    return Outcome(seconds, decoding_s, augmenting_s, losses, _peak_mb(device))


def _now(device: torch.device) -> float:
    """Seconds; of a CPU the process's own, all threads together: others take no share of them."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


def _peak_mb(device: torch.device) -> float:
    if device.type == "cpu":
        # In KB, on Linux.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return torch.cuda.max_memory_allocated(device) / 2**20


def main() -> None:
    """Run the subject that the words name, and print its outcome as JSON."""
    torch.set_num_threads(1)
    recipe, stage, images, device, folder = sys.argv[1:]
    subject = Subject(recipe, cast(Stage, stage), int(images), cast(Device, device))
    print(json.dumps(asdict(measured(subject, Path(folder)))))


if __name__ == "__main__":
    main()
