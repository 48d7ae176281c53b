"""`barsctl profile`: the latency table of this machine."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barsctl.errors import BarsError
from space.presets import SPACES, named_space

from .options import Json

if TYPE_CHECKING:
    from barsctl.profile import Profile

BUSY_SPREAD = 0.5


def profile(
    space: Annotated[
        list[str], typer.Option(help=f"Spaces whose kernels to measure: {', '.join(SPACES)}.")
    ] = ["demo"],  # noqa: B006 (typer reads it, nobody changes it)
    target: Annotated[str, typer.Option(help="A target that runs here: barsctl targets.")] = "host",
    out: Annotated[
        Path | None, typer.Option(help="The table's file; latency-TARGET.jsonl by default.")
    ] = None,
    image_size: Annotated[int | None, typer.Option(help="Instead of the spaces' own.")] = None,
    image_channels: Annotated[int | None, typer.Option(help="Instead of the spaces' own.")] = None,
    classes: Annotated[int | None, typer.Option(help="Instead of the spaces' own.")] = None,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Try a few register tiles per kernel and keep the fastest."),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a table that is there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure every kernel that a space can need on this machine, for search and derive.

    Example: barsctl profile --space demo --out host.jsonl
    """
    from barsctl.profile import profile, space_specs
    from targets.catalog import named_target

    chosen = named_target(target)
    spaces = [
        named_space(name, image_size=image_size, image_channels=image_channels, classes=classes)
        for name in space
    ]
    table = out or Path(f"latency-{target}.jsonl")
    done = profile(space_specs(spaces), chosen, table=table, resume=resume, tune=tune)
    typer.echo(json.dumps(_summary(done, table), indent=2) if as_json else _line(done, table))
    if done.failed:
        first = done.failed[0]
        raise BarsError(
            f"{len(done.failed)} kernels could not be measured, the first, {first.spec.key}, "
            f"because {first.reason}; {table} has the others: try again with --resume"
        )


def _summary(done: "Profile", table: Path) -> dict[str, object]:
    return {
        "table": str(table),
        "measured": len(done.measured),
        "kept": done.kept,
        "failed": [{"key": each.spec.key, "reason": each.reason} for each in done.failed],
        "seconds": round(done.seconds, 1),
        "spread": round(done.spread, 4),
    }


def _line(done: "Profile", table: Path) -> str:
    kept = f", {done.kept} kept" if done.kept else ""
    busy = " (other work shared the core: rather measure again)" * (done.spread > BUSY_SPREAD)
    return (
        f"{table}: {len(done.measured)} kernels measured{kept} in {done.seconds:.0f} s; "
        f"p10 to p90 spread {done.spread:.0%}{busy}"
    )
