"""Options that several commands share, and words turned into what they mean."""

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

from barsctl.budgets import UNITS, Budget, parse_budget
from barsctl.config_numbers import SEED_DIGITS
from barsctl.data.names import DataName
from barsctl.errors import BarsError
from costmodels.errors import CostError
from space.reference_names import Stem
from targets.errors import TargetError
from targets.measuring.place import Place, parse_place

LARGEST_NUMBER = 1e30
"""So large that optimizers still compute with it in single precision."""


def budget(text: str) -> Budget:
    """Return a budget; a wrong word is wrong usage."""
    try:
        return parse_budget(text)
    except (BarsError, CostError) as error:
        raise typer.BadParameter(str(error)) from error


def place(text: str | Place) -> Place:
    """Return where to measure; a wrong word is wrong usage."""
    try:
        return parse_place(str(text))
    except TargetError as error:
        raise typer.BadParameter(str(error)) from error


def notify(line: str) -> None:
    """Print what goes on, beside the result."""
    typer.echo(line, err=True)


def channel_counts(text: str | range) -> range:
    """Return the multiples of 8 that 24, or 8..64, stands for; a wrong word is wrong usage."""
    first, _, last = str(text).partition("..")
    numbers = [int(number) for number in (first, last or first) if number.isdecimal()]
    if len(numbers) != 2 or not 0 < numbers[0] <= numbers[1] or any(n % 8 for n in numbers):
        raise typer.BadParameter(f"{text} are no multiples of 8; give one, or as 8..64 all between")
    return range(numbers[0], numbers[1] + 1, 8)


def finite(number: str | float) -> float:
    """Return a number of an option, not beyond LARGEST_NUMBER; a wrong word is wrong usage."""
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise typer.BadParameter(f"{number} is not a finite number; give one, as 0.01")
    if abs(value) > LARGEST_NUMBER:
        raise typer.BadParameter(f"{number} is beyond {LARGEST_NUMBER:g}; give a smaller one")
    return value


def rate(number: str | float) -> float:
    """Return a finite number from 0 on."""
    value = finite(number)
    if value < 0:
        raise typer.BadParameter(f"{number} is below 0; give a number from 0 on")
    return value


def positive(number: str | float) -> float:
    """Return a finite number above 0."""
    value = finite(number)
    if value <= 0:
        raise typer.BadParameter(f"{number} is not above 0; give a number above 0")
    return value


def share(number: str | float) -> float:
    """Return a number from 0 to below 1."""
    value = rate(number)
    if value >= 1:
        raise typer.BadParameter(
            f"{number} is not below 1, and nothing would be learned; give a share from 0 on, as 0.1"
        )
    return value


def seed(number: str | int) -> int:
    """Return a whole number that every random generator takes."""
    digits = str(number)
    if not digits.isdecimal() or len(digits) > SEED_DIGITS:
        raise typer.BadParameter(
            f"{digits:.40} is no seed; give a whole number of at most {SEED_DIGITS} digits"
        )
    return int(digits)


Data = Annotated[DataName, typer.Option(help="Images; folder and npz are your own.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Folder (npz: file) with the images, if they are yours.")
]
ImageSize = Annotated[
    int | None, typer.Option(min=1, help="Pixels that photographs are scaled to.")
]
Budgets = Annotated[
    list[Budget] | None,
    typer.Option(
        "--budget", parser=budget, metavar="COST=AMOUNT",
        help=f"The most a network may cost, as latency=2ms or bops=20M: {', '.join(UNITS)}. "
        "May be given several times.",
    ),
]  # fmt: skip
MemoryBudgets = Annotated[
    list[Budget] | None,
    typer.Option(
        "--budget", parser=budget, metavar="ram|size=AMOUNT",
        help="RAM or flash that the library may take. May be given several times; by default the "
        "search's, with a warning.",
    ),
]  # fmt: skip
Tables = Annotated[
    list[Path] | None,
    typer.Option(
        "--table",
        help="Latency table of a board, from barsctl profile. May be given several times: "
        "a budget then names its board, as latency@armv7=9ms.",
    ),
]
OptionalOn = Annotated[
    Place | None,
    typer.Option(
        "--on", parser=place, metavar="PLACE",
        help="Where to measure, as of barsctl profile; where the table was measured by default.",
    ),
]  # fmt: skip
On = Annotated[
    Place,
    typer.Option(
        parser=place, metavar="PLACE",
        help="Where kernels run: local, rpc://HOST:PORT, tracker://HOST:PORT/KEY, or nowhere: "
        "emulated (instructions are counted), modelled (LLVM's model of the core).",
    ),
]  # fmt: skip
OptionalStem = Annotated[
    Stem | None,
    typer.Option(help="Of a reference: its own (the default), or 5x5 of stride 2."),
]
Stages = Annotated[
    int | None, typer.Option(min=1, help="Of a reference, the first so many; all by default.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on after the last whole epoch.")]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Where to compute.")]
Seed = Annotated[
    int, typer.Option(parser=seed, metavar="NUMBER", help="Of everything that is random.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")]
