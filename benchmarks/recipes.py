"""Steps of every stage of the recipes of docs/recipes.md, at full resolution and whole batches.

Random images are written in the formats that the recipes read: CIFAR-10's binary files at their
full size, and JPEG photographs in a folder for each of 1 000 classes. Then each stage takes three
steps on them by the code that `barsctl` runs, in a process of its own: the steps of a search that
move weights (of which a warm-up consists) and architecture, those of the float teacher, and of
the network that learns from it; a loss after the first tells what the steps before it did. Stages
that keep most are run at a quarter of the batch too, which tells what an image adds. On a CPU
seconds are those that one thread computed, reading apart.
"""

import math
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
from harness.recipe_files import write_cifar, write_imagenet
from harness.recipe_run import Outcome, Subject, outcome
from harness.recipe_steps import STAGES, Stage, batch_size
from harness.recipes import RECIPES
from harness.report import Cell, Check, read_options, report
from harness.step_cost import RTX_4090

WRITERS: Mapping[str, Callable[[Path], None]] = {"cifar10": write_cifar, "imagenet": write_imagenet}
GROWING: tuple[Stage, ...] = ("architecture", "train")
"""The stage that keeps most of a search and of a training."""
QUICK_IMAGES = 4
QUICK_STAGES: Mapping[str, tuple[Stage, ...]] = {
    "bars-cifar": ("architecture", "train"), "bars-imagenet": ("train",),
}  # fmt: skip


def main() -> None:
    """Write the files, run all stages and report."""
    options = read_options(__doc__)
    measured: dict[Subject, Outcome] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, recipe in RECIPES.items():
            files = Path(folder) / name
            WRITERS[recipe.data](files)
            for subject in subjects(name, quick=options.quick):
                print(f"{name}, {subject.stage}, {subject.images} images", file=sys.stderr)
                measured[subject] = outcome(subject, files)
    rows = [row(subject, found) for subject, found in measured.items()]
    checks = [
        Check(f"{named(subject)}, losses that are no numbers",
              sum(not math.isfinite(loss) for loss in found.losses), at_most=0)
        for subject, found in measured.items()
    ]  # fmt: skip
    if not options.quick:
        checks += memory_checks(measured)
    report("recipes", rows, checks, options)


def subjects(name: str, *, quick: bool) -> list[Subject]:
    """What is run of a recipe."""
    device: Literal["cpu", "cuda"] = "cuda" if torch.cuda.is_available() else "cpu"
    if quick:
        return [Subject(name, stage, QUICK_IMAGES, device) for stage in QUICK_STAGES[name]]
    return [
        Subject(name, stage, batch_size(RECIPES[name], stage) // part, device)
        for stage in STAGES
        for part in ((4, 1) if stage in GROWING else (1,))
    ]


def row(subject: Subject, found: Outcome) -> dict[str, Cell]:
    """A subject's row."""
    return {
        "recipe": subject.recipe,
        "stage": subject.stage,
        "batch": subject.images,
        "device": subject.device,
        "seconds_per_step": found.seconds,
        "decoding_ms_per_image": 1e3 * found.decoding_s,
        "augmenting_ms_per_image": 1e3 * found.augmenting_s,
        "loss": found.losses[-1],
        "peak_mb": found.peak_mb,
    }


def memory_checks(measured: Mapping[Subject, Outcome]) -> Sequence[Check]:
    """That a recipe's whole batches fit into a GPU of 24 GB; what is kept is the same there."""
    return [
        Check(f"{named(subject)}, GB", found.peak_mb * 2**20 / 1e9, at_most=RTX_4090.memory_gb)
        for subject, found in measured.items()
        if subject.images == batch_size(RECIPES[subject.recipe], subject.stage)
    ]


def named(subject: Subject) -> str:
    """How a check calls it."""
    return f"{subject.recipe}, {subject.stage} of {subject.images}"


if __name__ == "__main__":
    main()
