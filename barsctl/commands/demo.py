"""`barsctl demo`: the whole path on images that come along."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from barsctl.budgets import Budget, format_cost
from barsctl.errors import VerificationError
from barsctl.terminal import print_json, print_table

from .options import Json, Seed, budget, notify

if TYPE_CHECKING:
    from barsctl.demo import Demo
    from barsctl.package_report import TargetReport


def demo(
    out: Annotated[Path, typer.Option(help="The folder of all its files.")] = Path("barsctl-demo"),
    arm: Annotated[str, typer.Option(help="The second target beside this machine.")] = "aarch64",
    latency: Annotated[
        Budget | None,
        typer.Option(
            "--budget",
            parser=budget,
            metavar="latency=AMOUNT",
            help="For this machine; by default the geometric mean of the space's extremes.",
        ),
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Profile, search, derive, train and compile on small embedded images, in some minutes.

    A demo that was killed goes on where it was. Example: barsctl demo --out my-demo
    """
    from barsctl.demo import DemoSettings, demo, summary

    done = demo(DemoSettings(out, arm, latency, seed), notify=notify)
    if as_json:
        print_json(summary(done))
    else:
        _print(done, out)
    for warning in done.package.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if done.package.mismatches:
        raise VerificationError("; ".join(done.package.mismatches))


def _print(done: "Demo", out: Path) -> None:
    accuracies, counts = done.package.accuracies, done.counts
    host, arm = done.package.reports
    lines = [
        ("budget", str(done.budget)),
        ("predicted latency", format_cost("latency", done.derived.costs["latency"])),
        ("measured latency", _measured(host)),
        ("OPs", f"{format_cost('ops', counts.ops)} ({format_cost('bops', counts.binary_macs)} "
                f"binary and {format_cost('flops', counts.float_macs)} other MACs)"),
        ("weights", format_cost("size", counts.weight_bytes)),
        ("accuracy, trained network", f"{accuracies.trained:.2%}"),
        ("accuracy, frozen to integers", f"{accuracies.frozen:.2%}"),
        ("accuracy, model.onnx", f"{accuracies.onnx:.2%} ({done.package.onnx})"),
        *(_program(report) for report in (host, arm)),
        ("files", f"{out.resolve()}"),
        ("time", ", ".join(f"{step} {seconds:.0f} s" for step, seconds in done.seconds.items())),
    ]  # fmt: skip
    print_table(("", ""), lines)


def _measured(report: "TargetReport") -> str:
    from barsctl.package_report import Checked

    program = report.program
    if not isinstance(program, Checked) or program.latency is None:
        return "-"
    return f"{format_cost('latency', program.latency.median_ms)} (median of {program.latency.runs})"


def _program(report: "TargetReport") -> tuple[str, str]:
    from barsctl.package_report import Checked

    files, program = report.artefacts, report.program
    size = f"{files.program.stat().st_size / 1000:.0f} kB, arena {files.arena_bytes / 1000:.0f} kB"
    title = f"accuracy, {report.target.name} program"
    if not isinstance(program, Checked):
        return title, f"not verified: {program.reason}; {size}, {files.program}"
    emulated = ", emulated" if program.emulated else ""
    return title, f"{program.accuracy:.2%} ({program.verification}{emulated}); {size}"
