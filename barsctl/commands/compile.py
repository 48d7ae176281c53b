"""`barsctl compile`: a trained run as programs that compute exactly what was trained."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barsctl.errors import BarsError, BudgetError, VerificationError
from barsctl.terminal import print_json, print_table
from targets.target import MOST_THREADS

from .options import Json, MemoryBudgets, notify

if TYPE_CHECKING:
    from barsctl.package_report import Package, TargetReport
    from targets.onnx_import.given import GivenModel

# Of what a default name is made from: with its beginning, no more than a name may have.
_LONGEST_NAME = 59


def compile_run(
    run: Annotated[
        Path,
        typer.Argument(help="The folder of a training, one of its checkpoints, or a QONNX file."),
    ],
    target: Annotated[
        list[str],
        typer.Option(help="Of barsctl targets, or a TOML file; may be given again."),
    ] = ["host"],  # noqa: B006 (typer reads it, nobody changes it)
    out: Annotated[
        Path | None, typer.Option(help="The folder to write; compiled/ in the run by default.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of program and C functions; after the run by default.")
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(help="Test images to compare; 256 under an emulator, else all up to 10000."),
    ] = None,
    threads: Annotated[
        int,
        typer.Option(min=1, max=MOST_THREADS, help="Of the program, which share every image."),
    ] = 1,
    table: Annotated[
        Path | None,
        typer.Option(help="A latency table: its tuned kernels are taken, its prediction is told."),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Images for a QONNX file, to freeze and compare on: npz, npy, folder."),
    ] = None,
    budget: MemoryBudgets = None,
    as_json: Json = False,
) -> None:
    """Compile a trained network, and verify that the programs compute exactly the same numbers.

    Exits with 4 where they do not, with 3 where a library takes more memory than --budget.

    Example: barsctl compile runs/train --target host --target aarch64
    """
    from barsctl.onnx_package import compile_onnx
    from barsctl.package import PackageSettings, write_package
    from barsctl.package_budgets import (
        memory_budgets,
        memory_uses,
        searched_budgets,
        write_memory_uses,
    )
    from barsctl.package_check import check_package
    from barsctl.package_report import summary
    from barsctl.pricing import read_latency_table
    from barsctl.trained_run import read_trained
    from targets.catalog import named_target
    from targets.onnx_import.given import is_onnx, load_given

    given = load_given(run) if is_onnx(run) else None
    if given is None and calibrate is not None:
        raise BarsError(f"{run} is no .onnx file: leave out --calibrate, its training has images")
    settings = PackageSettings(
        tuple(dict.fromkeys(map(named_target, target))),
        default_name(run, given) if name is None else name,
        images=images,
        table=None if table is None else read_latency_table(table),
        threads=threads,
    )
    asked = memory_budgets(budget or (), [each.name for each in settings.targets])
    folder = out or (run if run.is_dir() else run.parent) / "compiled"
    if given is not None:
        compiled = compile_onnx(given, settings, images=calibrate, folder=folder, notify=notify)
        package, notes = compiled.package, compiled.notes
    else:
        trained = read_trained(run)
        artefacts = write_package(trained, settings, folder=folder, notify=notify)
        package = check_package(trained, settings, artefacts, folder=folder, notify=notify)
        notes = ()
    uses = memory_uses(
        package, asked or (() if given is not None else searched_budgets(run, notify))
    )
    write_memory_uses(package, uses)
    over = [str(use) for use in uses if use.kept is False]
    unknown = [
        f"{use}: what was not measured may be more than the rest of the budget, and nothing here "
        "runs the target: barsctl doctor"
        for use in uses
        if use.kept is None
    ]
    if as_json:
        print_json(summary(package))
    else:
        _print(package)
    for warning in (*notes, *package.warnings, *(() if asked else over), *unknown):
        typer.echo(f"warning: {warning}", err=True)
    if package.mismatches:
        raise VerificationError("; ".join(package.mismatches))
    if asked and over:
        raise BudgetError(f"{'; '.join(over)}; raise the budget, or search with a smaller one")


def default_name(run: Path, given: "GivenModel | None") -> str:
    """The name in an ONNX file of ours, else a C identifier from the run's or the file's."""
    if given is not None and given.program_name is not None:
        return given.program_name
    # Not Path.resolve: it fails where a link leads to itself, which reading the run tells better.
    path = Path(os.path.realpath(run))
    name = path.stem if given is not None else path.name if path.is_dir() else path.parent.name
    return "net_" + re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:_LONGEST_NAME]


def _print(package: "Package") -> None:
    accuracies = package.accuracies
    if accuracies.labelled:
        typer.echo(
            f"accuracy on {accuracies.images} test images: trained {accuracies.trained:.2%}, "
            f"frozen {accuracies.frozen:.2%}, onnx {accuracies.onnx:.2%} ({package.onnx})"
        )
    else:
        typer.echo(f"without labels, what the original answers is right ({package.onnx})")
    typer.echo(f"trained and frozen give the same answer for {accuracies.agreement:.2%} of images")
    print_table(
        ("target", "accuracy", "verified", "predicted", "measured p10/p50/p90", "program", "arena"),
        [_row(report) for report in package.reports],
    )
    for report in package.reports:
        if report.target.is_bare_metal:
            typer.echo(f"{report.target.name}: {_board_use(report)}")
    typer.echo(f"written to {package.folder}")


def _board_use(report: "TargetReport") -> str:
    """What the library takes on a board, where the program that tests it is not wanted."""
    from targets.manifest import read_manifest

    fields = read_manifest(report.artefacts.manifest.parent)
    code, weights, arena = (fields[f"{name}_bytes"] for name in ("code", "weight", "arena"))
    stack = fields["stack_bytes"]
    measured = "" if stack is None else f" and {stack / 1000:.1f} kB of stack"
    return (
        f"{(code + weights) / 1000:.1f} kB of flash ({code / 1000:.1f} kB of code, "
        f"{weights / 1000:.1f} kB of weights), {arena / 1000:.1f} kB of RAM{measured}"
    )


def _row(report: "TargetReport") -> tuple[str, ...]:
    from barsctl.package_report import Checked

    program, files = report.program, report.artefacts
    accuracy = verified = measured = "-"
    if isinstance(program, Checked):
        accuracy = f"{program.accuracy:.2%}"
        verified = f"{program.verification.images} images" + " emulated" * program.emulated
        if not program.verification.equal:
            verified = "DIFFERS"
        if program.latency is not None:
            times = (program.latency.p10_ms, program.latency.median_ms, program.latency.p90_ms)
            measured = f"{'/'.join(f'{time:.3g}' for time in times)} ms"
    return (
        report.target.name,
        accuracy,
        verified,
        "-" if report.predicted_ms is None else f"{report.predicted_ms:.3g} ms",
        measured,
        f"{files.program.stat().st_size / 1000:.1f} kB",
        f"{files.arena_bytes / 1000:.1f} kB",
    )
