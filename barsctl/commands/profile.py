"""`barsctl profile`: the latency table of a board."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barsctl.errors import BarsError
from barsctl.terminal import print_json
from space.presets import SPACES, named_space
from space.reference_names import ReferenceName, Stem
from targets.measuring.place import LOCAL

from .options import Json, On, OptionalStem, Stages, channel_counts, notify

if TYPE_CHECKING:
    from barsctl.learned_rows import Learned
    from barsctl.profile import Profile
    from costmodels.correction import Correction
    from space.search_space import SearchSpace
    from targets.kernel_specs import KernelSpec

BUSY_SPREAD = 0.5


def profile(
    space: Annotated[
        list[str],
        typer.Option(help=f"Whose kernels to measure: {', '.join(SPACES)}, or a TOML file."),
    ] = ["demo"],  # noqa: B006 (typer reads it, nobody changes it)
    reference: Annotated[
        ReferenceName | None,
        typer.Option(help="Hand-crafted network to measure instead, for the spaces' images."),
    ] = None,
    channels: Annotated[
        range | None,
        typer.Option(
            parser=channel_counts,
            metavar="FIRST..LAST",
            help="Of the reference, as 8..64 or 24; as published by default.",
        ),
    ] = None,
    stem: OptionalStem = None,
    stages: Stages = None,
    target: Annotated[
        str, typer.Option(help="The board: of barsctl targets, or its TOML file.")
    ] = "host",
    on: On = LOCAL,
    out: Annotated[
        Path | None, typer.Option(help="The table's file; latency-TARGET.jsonl by default.")
    ] = None,
    image_size: Annotated[int | None, typer.Option(help="Instead of the spaces' own.")] = None,
    image_channels: Annotated[int | None, typer.Option(help="Instead of the spaces' own.")] = None,
    classes: Annotated[int | None, typer.Option(help="Instead of the spaces' own.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads that share a kernel.")] = 1,
    tune: Annotated[
        bool,
        typer.Option("--tune", help="Try a few register tiles per kernel and keep the fastest."),
    ] = False,
    calibrate: Annotated[
        int,
        typer.Option(
            min=0, metavar="N", help="Measure N whole networks too, and correct sums by them."
        ),
    ] = 0,
    rows: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Measure N kernels only, and learn from them what others take."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a table that is there.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure every kernel that a space can need on a board, for search and derive.

    With --reference, those that a hand-crafted network needs; --resume adds them to a table.

    Example: barsctl profile --space demo --out host.jsonl
    """
    from barsctl.calibrate import calibrate as calibrated
    from barsctl.learned_rows import learn_rows
    from barsctl.profile import ProfileSettings, cost_unit, profile
    from costmodels.correction import FEWEST_NETWORKS
    from costmodels.learned import spread_sample
    from targets.catalog import named_target

    settings = ProfileSettings(named_target(target), on, threads, tune)
    spaces = [
        named_space(name, image_size=image_size, image_channels=image_channels, classes=classes)
        for name in space
    ]
    table = out or Path(f"latency-{settings.target.name}.jsonl")
    if 0 < calibrate < FEWEST_NETWORKS:
        raise typer.BadParameter(
            f"{calibrate} networks are too few to correct sums by; give at least "
            f"{FEWEST_NETWORKS}, or 0 for no correction", param_hint="--calibrate",
        )  # fmt: skip
    if calibrate and reference is not None:
        raise typer.BadParameter(
            "whole networks are measured of a --space; give it without --reference, then this with "
            "--resume", param_hint="--calibrate",
        )  # fmt: skip
    specs = _specs(spaces, reference, channels, stem, stages)
    vectors = settings.target.vector_unit
    chosen = specs if rows is None else spread_sample(specs, rows, unit=vectors)
    done = profile(chosen, settings, table=table, resume=resume, notify=notify)
    learned = None
    if rows is not None and not done.failed:
        learned = learn_rows(specs, table, vectors, notify=notify)
    correction = None
    if calibrate and not done.failed:
        correction = calibrated(spaces, table, networks=calibrate, place=on, notify=notify)
    if as_json:
        print_json(_summary(done, table, learned, correction))
    else:
        for line in _lines(done, table, learned, correction, unit=cost_unit(on)):
            typer.echo(line)
    if done.failed:
        from targets.subjects.subject import subject_name

        first = done.failed[0]
        raise BarsError(
            f"{len(done.failed)} kernels could not be measured, the first, "
            f"{subject_name(first.subject)}, because {first.reason}; "
            f"{table} has the others: try again with --resume"
        )


def _specs(
    spaces: list["SearchSpace"], reference: ReferenceName | None,
    channels: range | None, stem: Stem | None, stages: int | None,
) -> tuple["KernelSpec", ...]:  # fmt: skip
    """The kernels of the spaces, or of a reference for their images."""
    from barsctl.profile import space_specs
    from barsctl.scaled_reference import Images, ReferenceChoice, reference_graph
    from targets.subjects.subject import subject_specs

    if reference is None:
        if any((channels, stem, stages)):
            raise typer.BadParameter("--channels, --stem and --stages are a --reference's; name it")
        return space_specs(spaces)
    images = [Images(each.image_channels, each.image_size, each.classes) for each in spaces]
    choices = [ReferenceChoice(count, stem or "published", stages) for count in channels or [None]]
    return subject_specs(
        [
            reference_graph(reference, choice, each)
            for choice in choices
            for each in dict.fromkeys(images)
        ]
    )


def _summary(
    done: "Profile", table: Path, learned: "Learned | None", correction: "Correction | None"
) -> dict[str, object]:
    from targets.subjects.subject import subject_name

    return {
        "table": str(table),
        "measured": len(done.measured),
        "kept": done.kept,
        "failed": [
            {"key": subject_name(each.subject), "reason": each.reason} for each in done.failed
        ],
        "seconds": round(done.seconds, 1),
        "spread": round(done.spread, 4),
        "learned": None if learned is None else asdict(learned),
        "correction": None if correction is None else asdict(correction),
    }


def _lines(
    done: "Profile",
    table: Path,
    learned: "Learned | None",
    correction: "Correction | None",
    *,
    unit: str,
) -> Iterator[str]:
    kept = f", {done.kept} kept" if done.kept else ""
    busy = " (other work shared the core: rather measure again)" * (done.spread > BUSY_SPREAD)
    yield (
        f"{table}: {len(done.measured)} kernels measured{kept} in {done.seconds:.0f} s; "
        f"p10 to p90 spread {done.spread:.0%}{busy}"
    )
    if learned is not None:
        yield (
            f"{learned.rows} more were learned from them; at least {learned.near_share:.0%} of "
            "kernels held out are within 10%"
        )
    if correction is not None:
        yield (
            f"corrected by {correction.networks} whole networks: a network takes "
            f"{correction.scale:.3f} times the sum of its kernels and {correction.overhead:.3g} "
            f"{unit} more for each; error on networks held out {correction.held_out_error:.1%}"
        )
