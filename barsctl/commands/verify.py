"""`barsctl verify`: compiled files against the run that they were made from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barsctl.errors import VerificationError
from barsctl.terminal import print_json
from targets.measuring.place import Place

from .options import Json, notify, place

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
    on: Annotated[
        Place | None,
        typer.Option(
            parser=place,
            metavar="PLACE",
            help="Where programs run: local, emulated, rpc://HOST:PORT or tracker://HOST:PORT/KEY; "
            "by default here, under the emulator where they are for another machine.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that compiled files are unchanged and compute exactly what the run does.

    Exits with 4 where a number differs, and with 1 where a file was changed or is missing.

    With --on rpc://board:9090 the programs themselves are run on a board, by barsctl-agent.

    Example: barsctl verify runs/train/compiled
    """
    from barsctl.package_files import find_package
    from barsctl.package_verify import verified_json, verify_package

    verified = verify_package(
        find_package(package), run, calibrate=calibrate, images=images, place=on, notify=notify
    )
    if as_json:
        found = verified_json(verified) | {"on": None if on is None else str(on)}
        print_json(found)
    else:
        _print(verified, on)
    for warning in verified.package.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if verified.package.mismatches:
        raise VerificationError("; ".join(verified.package.mismatches))


def _print(verified: "Verified", on: Place | None) -> None:
    package = verified.package
    typer.echo(f"{package.folder}: {verified.files} files are as they were compiled")
    typer.echo(f"model.onnx: {package.onnx}")
    for report in package.reports:
        typer.echo(f"{report.target.name}: {_finding(report.program, on)}")


def _finding(program: "Checked | Unchecked", on: Place | None) -> str:
    from barsctl.package_report import Checked

    if not isinstance(program, Checked):
        return "not verified"
    emulated = " (emulated)" * program.emulated
    kernels = f", kernels for {', '.join(program.kernels)}" if program.kernels else ""
    there = f" on {on}" if on is not None and on.way == "rpc" else ""
    return f"{program.verification}{there}{emulated}{kernels}"
