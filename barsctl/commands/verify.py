"""`barsctl verify`: compiled files against the run that they were made from."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barsctl.errors import VerificationError

from .options import Json, notify

if TYPE_CHECKING:
    from barsctl.package_report import Checked, Unchecked
    from barsctl.package_verify import Verified


def verify(
    package: Annotated[
        Path,
        typer.Argument(help="What barsctl compile wrote: the folder, a target's, or its program."),
    ],
    run: Annotated[
        Path | None,
        typer.Option(
            help="The training or QONNX file; by default the training that the package lies in."
        ),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Images for a QONNX file, as they were given to compile; else noise."),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(help="Test images to compare; 256 under an emulator, else all up to 10000."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that compiled files are unchanged and compute exactly what the run does.

    Exits with 4 where a number differs, and with 1 where a file was changed or is missing.

    Example: barsctl verify runs/demo/compiled
    """
    from barsctl.package_files import find_package
    from barsctl.package_verify import verified_json, verify_package

    verified = verify_package(
        find_package(package), run, calibrate=calibrate, images=images, notify=notify
    )
    if as_json:
        typer.echo(json.dumps(verified_json(verified), indent=2))
    else:
        _print(verified)
    for warning in verified.package.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if verified.package.mismatches:
        raise VerificationError("; ".join(verified.package.mismatches))


def _print(verified: "Verified") -> None:
    package = verified.package
    typer.echo(f"{package.folder}: {verified.files} files are as they were compiled")
    typer.echo(f"model.onnx: {package.onnx}")
    for report in package.reports:
        typer.echo(f"{report.target.name}: {_finding(report.program)}")


def _finding(program: "Checked | Unchecked") -> str:
    from barsctl.package_report import Checked

    if not isinstance(program, Checked):
        return "not verified"
    emulated = " (emulated)" * program.emulated
    kernels = f", kernels for {', '.join(program.kernels)}" if program.kernels else ""
    return f"{program.verification}{emulated}{kernels}"
