"""Comparing the forms of a compiled network on test images: torch, onnxruntime and programs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from space.frozen_file import read_frozen
from space.graph import BlockGraph
from targets.compile import Artefacts
from targets.runners.program import NotRunnable
from targets.runners.runner import HERE, Runner
from targets.target import Target
from targets.toolchain import Notify

from .data.source import ImageSource, Labels
from .forms import FrozenForm, Images, OnnxForm, ProgramForm, trained_logits
from .package_report import FROZEN, ONNX, Accuracies, Checked, Package, TargetReport, Unchecked
from .trained_run import TrainedRun
from .verification import Answers, accuracy, ask, compare, spread_indices

MOST_IMAGES = 10_000
EMULATED_IMAGES = 256


@dataclass(frozen=True, slots=True)
class Examples:
    """Images with labels, and the logits of the network before it was frozen.

    labelled: False where the labels are that network's own answers.
    """

    images: Images
    labels: Labels
    logits: NDArray[np.generic]
    labelled: bool


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the frozen network says of labelled test images."""

    graph: BlockGraph
    answers: Answers
    labels: Labels


def run_examples(run: TrainedRun, images: int | None) -> Examples:
    """So many of a run's test images; None for up to MOST_IMAGES."""
    pixels, labels = compared_images(run.dataset.test, images)
    return Examples(pixels, labels, trained_logits(run.network, pixels), labelled=True)


def compared_images(source: ImageSource, images: int | None) -> tuple[Images, Labels]:
    """So many test images, spread evenly over all, and their labels."""
    indices = spread_indices(len(source), images or MOST_IMAGES)
    return source.batch(indices), source.labels[indices]


def compare_forms(
    examples: Examples,
    compiled: Sequence[tuple[Target, Artefacts]],
    *,
    folder: Path,
    images: int | None,
    notify: Notify,
    runner: Runner = HERE,
) -> Package:
    """Compare what lies in the folder on these examples; nothing is timed.

    images: how many a program is asked; None for up to MOST_IMAGES, EMULATED_IMAGES under an
    emulator. runner: of the programs. Raises TargetError where a program fails; where one differs,
    the package says so.
    """
    pixels, labels = examples.images, examples.labels
    notify(f"running {len(pixels)} test images in torch and onnxruntime")
    frozen = read_frozen(folder / FROZEN)
    expected = _Expected(frozen.graph, ask(FrozenForm(frozen), pixels), labels)
    onnx = ask(OnnxForm(folder / ONNX, frozen.graph), pixels)
    accuracies = Accuracies(
        len(pixels),
        trained=accuracy(examples.logits, labels),
        frozen=accuracy(expected.answers.logits, labels),
        onnx=accuracy(onnx.logits, labels),
        agreement=accuracy(expected.answers.logits, examples.logits.argmax(axis=1)),
        labelled=examples.labelled,
    )
    reports = tuple(
        _report(target, files, expected, images=images, runner=runner, notify=notify)
        for target, files in compiled
    )
    return Package(folder, accuracies, compare(onnx, expected.answers), reports)


def _report(
    target: Target, files: Artefacts, expected: _Expected, *,
    images: int | None, runner: Runner, notify: Notify,
) -> TargetReport:  # fmt: skip
    notify(f"running the program for {target.name}")
    checked = _checked(target, files, expected, images=images, runner=runner)
    return TargetReport(target, files, checked)


def _checked(
    target: Target, files: Artefacts, expected: _Expected, *, images: int | None, runner: Runner
) -> Checked | Unchecked:
    program = runner.program(files.program, target)
    if isinstance(program, NotRunnable):
        return Unchecked(program.reason)
    count = images or (EMULATED_IMAGES if program.emulated else MOST_IMAGES)
    indices = spread_indices(len(expected.labels), count)
    wanted, labels = expected.answers.at(indices), expected.labels[indices]
    kernels = [each.name for each in target.variants if runner.executes(each)]
    programs = {name: program.with_kernels(name) for name in kernels} or {"": program}
    found = {
        name: ask(ProgramForm(each, expected.graph), wanted.images)
        for name, each in programs.items()
    }
    verified = {name: compare(each, wanted) for name, each in found.items()}
    told = next((name for name, each in verified.items() if not each.equal), next(iter(verified)))
    return Checked(
        verified[told],
        accuracy=accuracy(found[told].logits, labels),
        emulated=program.emulated,
        kernels=tuple(kernels),
        differing_kernels="" if verified[told].equal else told,
    )
