"""Checking a package: its forms are compared on test images, its program is timed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from space.frozen_file import read_frozen
from space.graph import BlockGraph
from targets.compile import Artefacts
from targets.host import runs_here
from targets.manifest import extend_manifest
from targets.runners import runnable
from targets.runners.program import Latency, NotRunnable, Program
from targets.stack_use import stack_bytes
from targets.target import Target
from targets.toolchain import Notify

from .data.source import Labels
from .forms import FrozenForm, OnnxForm, ProgramForm, trained_logits
from .package import PackageSettings
from .package_report import (
    FROZEN,
    ONNX,
    Accuracies,
    Checked,
    Package,
    TargetReport,
    Unchecked,
    manifest_sections,
)
from .trained_run import TrainedRun
from .verification import Answers, accuracy, ask, compare, spread_indices

MOST_IMAGES = 10_000
EMULATED_IMAGES = 256
BENCH_MS = 500.0
FEWEST_RUNS, MOST_RUNS = 20, 10_000


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the frozen network says of labelled test images."""

    graph: BlockGraph
    answers: Answers
    labels: Labels


def check_package(
    run: TrainedRun,
    settings: PackageSettings,
    artefacts: Sequence[Artefacts],
    *,
    folder: Path,
    notify: Notify,
) -> Package:
    """Compare what lies in the folder, time the program, and add the findings to the manifests.

    Raises TargetError where a program fails; where one differs, the package says so.
    """
    test = run.dataset.test
    indices = spread_indices(len(test), settings.images or MOST_IMAGES)
    images, labels = test.batch(indices), test.labels[indices]
    notify(f"running {len(images)} test images in torch and onnxruntime")
    frozen = read_frozen(folder / FROZEN)
    expected = _Expected(frozen.graph, ask(FrozenForm(frozen), images), labels)
    onnx = ask(OnnxForm(folder / ONNX, frozen.graph), images)
    accuracies = Accuracies(
        len(images),
        trained=accuracy(trained_logits(run.network, images), labels),
        frozen=accuracy(expected.answers.logits, labels),
        onnx=accuracy(onnx.logits, labels),
    )
    reports = tuple(
        _report(target, files, settings, expected=expected, notify=notify)
        for target, files in zip(settings.targets, artefacts, strict=True)
    )
    package = Package(folder, accuracies, compare(onnx, expected.answers), reports)
    for report in reports:
        files = report.artefacts
        extend_manifest(
            files.manifest.parent,
            stack_bytes=stack_bytes(files, report.target, notify),
            **manifest_sections(package, report),
        )
    return package


def _report(
    target: Target,
    files: Artefacts,
    settings: PackageSettings,
    *,
    expected: _Expected,
    notify: Notify,
) -> TargetReport:
    notify(f"running the program for {target.name}")
    predicted_ms = settings.predicted_ms(target, expected.graph.blocks)
    program = _checked(target, files, expected, settings=settings)
    return TargetReport(target, files, program, predicted_ms)


def _checked(
    target: Target, files: Artefacts, expected: _Expected, *, settings: PackageSettings
) -> Checked | Unchecked:
    program = runnable(files.program, target)
    if isinstance(program, NotRunnable):
        return Unchecked(program.reason)
    count = settings.images or (EMULATED_IMAGES if program.emulated else MOST_IMAGES)
    indices = spread_indices(len(expected.labels), count)
    wanted, labels = expected.answers.at(indices), expected.labels[indices]
    kernels = [each.name for each in target.variants if runs_here(each)]
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
        latency=None if program.emulated else _latency(program),
        one_thread_latency=_one_thread_latency(program, threads=settings.threads),
        kernels=tuple(kernels),
        differing_kernels="" if verified[told].equal else told,
    )


def _one_thread_latency(program: Program, *, threads: int) -> Latency | None:
    is_told = threads > 1 and not program.emulated
    return _latency(program.with_threads(1)) if is_told else None


def _latency(program: Program) -> Latency:
    """Time a program for about BENCH_MS, after fewer runs that say how many these are."""
    probe = program.latency(runs=FEWEST_RUNS)
    runs = round(BENCH_MS / max(probe.median_ms, BENCH_MS / MOST_RUNS))
    return program.latency(runs=max(runs, FEWEST_RUNS))
