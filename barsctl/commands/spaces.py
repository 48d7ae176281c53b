"""`barsctl spaces`: the search spaces by name."""

from dataclasses import asdict, dataclass
from math import log10
from typing import Annotated

import typer

from barsctl.terminal import print_json, print_table
from space.decisions import decisions
from space.presets import SPACES, named_space
from space.search_space import SearchSpace
from space.space_file import space_toml

from .options import Json


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """A search space as the list shows it."""

    name: str
    image_size: int
    image_channels: int
    classes: int
    stages: tuple[tuple[int, int], ...]
    """(channels at full width, normal cells at most)."""
    nodes: int
    widths: tuple[float, ...]
    primitives: tuple[str, ...]
    path: str
    downsample: str
    choices_log10: float
    """Of the number of combinations of choices."""


def spaces(
    name: Annotated[
        str | None, typer.Argument(help="One of them, or a space's TOML file: all of it, as TOML.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the search spaces: for which images, and how much they leave open.

    Example: barsctl spaces demo
    """
    if name is not None:
        space = named_space(name)
        if as_json:
            print_json(asdict(space))
        else:
            typer.echo(space_toml(space), nl=False)
        return
    rows = [_row(space) for space in SPACES.values()]
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    header = (
        "space", "images", "classes", "channels x cells", "nodes", "widths", "path", "downsample",
        "choices",
    )  # fmt: skip
    print_table(header, [_cells(row) for row in rows])


def _row(space: SearchSpace) -> SpaceRow:
    return SpaceRow(
        space.name,
        space.image_size,
        space.image_channels,
        space.classes,
        tuple((stage.channels, stage.max_cells) for stage in space.stages),
        space.nodes,
        space.widths,
        space.primitives,
        space.path,
        space.downsample,
        round(sum(log10(len(options)) for options in decisions(space).values()), 1),
    )


def _cells(row: SpaceRow) -> tuple[str, ...]:
    return (
        row.name,
        f"{row.image_size}x{row.image_size}x{row.image_channels}",
        str(row.classes),
        ", ".join(f"{channels} x 0-{cells}" for channels, cells in row.stages),
        str(row.nodes),
        ", ".join(f"{width:g}" for width in row.widths),
        row.path,
        row.downsample,
        f"1e{row.choices_log10:.0f}",
    )
