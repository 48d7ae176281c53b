"""The demo as a new user meets it: how long it takes, and what its network and programs are worth.

It runs in a folder of its own, from nothing. Beside the program, the float network of the same
topology is timed in onnxruntime. --quick trains for an epoch only, so its accuracies mean nothing.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.float_twin import beside_twin_ms
from harness.report import Cell, Check, read_options, report

from barsctl.demo import DemoSettings, demo
from barsctl.package_report import Checked
from barsctl.search_settings import SearchSettings
from barsctl.train_settings import TrainSettings
from space.decode import decode

ROUNDS, ROUND_MS = 9, 100.0


def main() -> None:
    """Run the demo and report."""
    options = read_options(__doc__)
    with TemporaryDirectory() as name:
        folder = Path(name)
        settings = quick_settings(folder) if options.quick else DemoSettings(folder)
        start = time.monotonic()
        done = demo(settings, notify=print)
        minutes = (time.monotonic() - start) / 60
        program = done.package.reports[0].artefacts.program
        own_ms, twin_ms = beside_twin_ms(
            [str(program)], decode(done.derived.genotype), rounds=ROUNDS, round_ms=ROUND_MS
        )
    host = done.package.reports[0].program
    assert isinstance(host, Checked)
    accuracies = done.package.accuracies
    figures = {
        "minutes": minutes,
        **{f"{step}, s": seconds for step, seconds in done.seconds.items()},
        "budget, us": 1e3 * done.budget.limit,
        "predicted, us": 1e3 * done.derived.costs["latency"],
        "measured, us": 1e3 * own_ms,
        "float twin, us": 1e3 * twin_ms,
        "OPs": done.counts.ops,
        "trained accuracy": accuracies.trained,
        "frozen accuracy": accuracies.frozen,
        "program accuracy": host.accuracy,
    }
    rows: list[dict[str, Cell]] = [
        {"figure": name, "value": each} for name, each in figures.items()
    ]
    lost = abs(accuracies.trained - accuracies.frozen)
    checks = [
        Check("forms that disagree", len(done.package.mismatches), at_most=0),
        Check(
            "predicted over budget", done.derived.costs["latency"] / done.budget.limit, at_most=1
        ),
        Check("measured over budget", own_ms / done.budget.limit, at_most=1),
    ]
    if not options.quick:
        checks += [
            Check("minutes", minutes, at_most=8),
            Check("test accuracy", accuracies.trained, at_least=0.80),
            Check("points lost by freezing", 100 * lost, at_most=0.2),
        ]
    report("demo", rows, checks, options)


def quick_settings(folder: Path) -> DemoSettings:
    """An epoch of search and one of training."""
    return DemoSettings(
        folder,
        search=SearchSettings(epochs=1, warmup_epochs=0),
        training=TrainSettings(epochs=1),
    )


if __name__ == "__main__":
    main()
