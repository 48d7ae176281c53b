"""Checking a package that was just compiled: its forms are compared, its program is timed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from space.frozen_file import read_frozen
from targets.compile import Artefacts
from targets.manifest import extend_manifest
from targets.runners import runnable
from targets.runners.program import Latency, NotRunnable, Program
from targets.stack_use import stack_bytes
from targets.toolchain import Notify

from .package import PackageSettings
from .package_compare import Examples, compare_forms, run_examples
from .package_report import FROZEN, Checked, Package, TargetReport, manifest_sections
from .trained_run import TrainedRun

BENCH_MS = 500.0
FEWEST_RUNS, MOST_RUNS = 20, 10_000


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
    examples = run_examples(run, settings.images)
    return check_forms(examples, settings, artefacts, folder=folder, notify=notify)


def check_forms(
    examples: Examples,
    settings: PackageSettings,
    artefacts: Sequence[Artefacts],
    *,
    folder: Path,
    notify: Notify,
) -> Package:
    """Check a package on these examples, as check_package does."""
    compiled = list(zip(settings.targets, artefacts, strict=True))
    compared = compare_forms(
        examples, compiled, folder=folder, images=settings.images, notify=notify
    )
    blocks = read_frozen(folder / FROZEN).graph.blocks
    reports = tuple(
        replace(
            _timed(report, threads=settings.threads),
            predicted_ms=settings.predicted_ms(report.target, blocks),
        )
        for report in compared.reports
    )
    package = replace(compared, reports=reports)
    for report in reports:
        files = report.artefacts
        extend_manifest(
            files.manifest.parent,
            stack_bytes=stack_bytes(files, report.target, notify),
            **manifest_sections(package, report),
        )
    return package


def _timed(report: TargetReport, *, threads: int) -> TargetReport:
    """The same with the program's latency, where it is run without an emulator."""
    program = runnable(report.artefacts.program, report.target)
    if not isinstance(report.program, Checked) or isinstance(program, NotRunnable):
        return report
    if program.emulated:
        return report
    latency = _latency(program)
    alone = _latency(program.with_threads(1)) if threads > 1 else None
    return replace(
        report, program=replace(report.program, latency=latency, one_thread_latency=alone)
    )


def _latency(program: Program) -> Latency:
    """Time a program for about BENCH_MS, after fewer runs that say how many these are."""
    probe = program.latency(runs=FEWEST_RUNS)
    runs = round(BENCH_MS / max(probe.median_ms, BENCH_MS / MOST_RUNS))
    return program.latency(runs=max(runs, FEWEST_RUNS))
