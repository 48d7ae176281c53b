"""The README's run on the whole of Fashion-MNIST: what its network and its programs are worth.

It runs the commands in runs/fashion-benchmark of the current folder and goes on where that folder
was left, so that the hours of training are spent once. The program and the float network of the
same topology in onnxruntime are timed in interleaved rounds, on one thread. --quick runs the same
commands on the embedded images for an epoch each, in a folder that it removes.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.command_line import barsctl
from harness.float_twin import beside_twin_ms
from harness.report import Cell, Check, Options, read_options, report

from space.graph_json import graph_from_json

FOLDER = Path("runs/fashion-benchmark")
BUDGET_MS = 0.035
ARM_IMAGES = 1000
ROUNDS, ROUND_MS = 21, 100.0


def main() -> None:
    """Run or finish the commands and report."""
    options = read_options(__doc__)
    if not options.quick:
        FOLDER.mkdir(parents=True, exist_ok=True)
        measure(FOLDER, options)
        return
    with TemporaryDirectory() as name:
        measure(Path(name), options)


def measure(folder: Path, options: Options) -> None:
    """Run the commands in a folder and report."""
    for command in commands(quick=options.quick):
        barsctl(command, folder)
    every = json.loads(barsctl("compile train --target host --table host.jsonl --json", folder))
    arms = json.loads(barsctl(
        f"compile train --target aarch64 --target armv7 --images {ARM_IMAGES} --out arm --json",
        folder,
    ))  # fmt: skip
    host = every["targets"]["host"]
    graph = graph_from_json((folder / "train/graph.json").read_text())
    program = str((folder / host["program"]).resolve())
    program_ms, twin_ms = beside_twin_ms([program], graph, rounds=ROUNDS, round_ms=ROUND_MS)
    accuracy = host["accuracy"]
    figures = {
        "budget, us": 1e3 * BUDGET_MS,
        "predicted, us": 1e3 * host["predicted_latency_ms"],
        "measured, us": 1e3 * program_ms,
        "float twin, us": 1e3 * twin_ms,
        "trained accuracy": accuracy["trained"],
        "frozen accuracy": accuracy["frozen"],
        "program accuracy": accuracy["program"],
        "test images": accuracy["images"],
    }
    rows: list[dict[str, Cell]] = [
        {"figure": name, "value": each} for name, each in figures.items()
    ]
    lost = 100 * abs(accuracy["trained"] - accuracy["frozen"])
    checks = [
        Check("forms that disagree", len(every["mismatches"] + arms["mismatches"]), at_most=0),
        *(Check(f"{name}, images compared", images_compared(each), at_least=ARM_IMAGES)
          for name, each in arms["targets"].items()),
        Check("measured over budget", program_ms / BUDGET_MS, at_most=1),
        Check("float twin over budget", twin_ms / BUDGET_MS, at_least=1),
    ]  # fmt: skip
    if not options.quick:
        checks += [
            Check("images compared", images_compared(host), at_least=10_000),
            Check("test accuracy", accuracy["trained"], at_least=0.91),
            Check("points lost by freezing", lost, at_most=0.2),
        ]
    report("fashion", rows, checks, options)


def commands(*, quick: bool) -> tuple[str, ...]:
    """The commands before compiling, in their order."""
    space, data = ("demo", "fashion-mini") if quick else ("fashion", "fashion-mnist")
    search, train = ("1 --warmup-epochs 0", "1") if quick else ("8 --warmup-epochs 3", "32")
    return (
        f"profile --space {space} --out host.jsonl --resume",
        f"search --space {space} --data {data} --budget latency={1e3 * BUDGET_MS:g}us "
        f"--table host.jsonl --epochs {search} --out search --resume",
        "derive search",
        "train search --inherit --learning-rate 5e-3 --label-smoothing 0 "
        f"--epochs {train} --out train --resume",
    )


def images_compared(target: dict[str, Any]) -> int:
    """How many images a target's program answered like the frozen network."""
    verification = target["verification"]["program"]
    return int(verification["images"]) if verification["result"] == "equal" else 0


if __name__ == "__main__":
    main()
