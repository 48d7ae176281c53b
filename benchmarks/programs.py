"""What people ship: sizes of compiled networks, how long compiling takes, and equal numbers.

The demo's network is trained on the embedded images with the command line, compiled for every
target of the catalog, and each program is asked for all 2 000 test images, natively or in its
emulator. It is compiled twice, in two folders, for the same bytes. Bi-Real-18 for images of 224
pixels is compiled untrained. The C libraries that every program of a machine shares are built
before the clock starts: that is done once per user. --quick takes three targets and 50 images.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.command_line import barsctl
from harness.random_program import untrained
from harness.report import Cell, Check, Options, read_options, report

from space.frozen_file import read_frozen
from space.references import bireal18
from targets.catalog import TARGETS, named_target
from targets.compile import compile_network
from targets.elf import loaded_sections

GENOTYPE = Path(__file__).parent / "data" / "demo-genotype.json"
PROGRAM_TARGET, MICROCONTROLLER = "aarch64", "cortex-m4f"
QUICK_TARGETS = ("host", PROGRAM_TARGET, MICROCONTROLLER)
IMAGES, QUICK_IMAGES = 2_000, 50
KB = 1000


def main() -> None:
    """Train, compile, run and report."""
    options = read_options(__doc__)
    with TemporaryDirectory() as name:
        measure(Path(name), options)


def measure(folder: Path, options: Options) -> None:
    """Do all in a folder and report."""
    names = QUICK_TARGETS if options.quick else tuple(TARGETS)
    images = QUICK_IMAGES if options.quick else IMAGES
    epochs = 1 if options.quick else 10
    barsctl(f"train {GENOTYPE} --data fashion-mini --epochs {epochs} --out run", folder)
    words = " ".join(f"--target {each}" for each in names)
    command = f"compile run {words} --images {images} --json"
    package = json.loads(barsctl(f"{command} --out first", folder))
    barsctl(f"{command} --out second", folder)
    rows = [row(name, package["targets"][name], folder / "first" / name) for name in names]
    for each in rows:
        each["same bytes"] = same_files(folder, "first", "second", str(each["target"]))
    by_target = {each["target"]: each for each in rows}
    seconds = compile_seconds(folder)
    timed: list[dict[str, Cell]] = [
        {"target": name, "compile, s": value} for name, value in seconds.items()
    ]
    arenas = [float(each["arena over bound"]) for each in rows]
    program, small = by_target[PROGRAM_TARGET], by_target[MICROCONTROLLER]
    report(
        "programs",
        [*rows, *timed],
        [
            Check("aarch64 program over its weights, KB", over(program, "program"), at_most=100),
            Check("aarch64 archive over its weights, KB", over(program, "archive"), at_most=60),
            Check("Cortex-M4F library over its weights, KB", over(small, "code"), at_most=48),
            Check("Cortex-M4F arena, KB", float(small["arena, B"]) / KB, at_most=64),
            Check("arena over what is alive at once", max(arenas), at_most=1.10),
            Check("targets that were run", sum(each["images"] != 0 for each in rows),
                  at_least=len(names)),
            Check("fewest images with equal logits", min(int(each["images"]) for each in rows),
                  at_least=images),
            Check("forms that disagree", len(package["mismatches"]), at_most=0),
            Check("targets whose second compile differs",
                  sum(each["same bytes"] == "no" for each in rows), at_most=0),
            Check("compile the demo's network, s", seconds["demo network"], at_most=10),
            Check("compile Bi-Real-18 at 224x224, s", seconds["Bi-Real-18, 224x224"], at_most=60),
        ],
        options,
    )  # fmt: skip


def row(name: str, summary: dict[str, Any], files: Path) -> dict[str, Cell]:
    """What a target's files weigh, and how many images its program answered rightly."""
    manifest = json.loads((files / "manifest.json").read_text())
    verified = summary["verification"]["program"]
    equal = verified["result"] == "equal"
    weights = manifest["weight_bytes"]
    return {
        "target": name,
        "images": verified["images"] if equal else 0,
        "run by": verified.get("emulator") or "this machine",
        "program, B": Path(files / manifest["name"]).stat().st_size - weights,
        "archive, B": read_only_bytes(files / f"lib{manifest['name']}.a") - weights,
        "code, B": manifest["code_bytes"],
        "weights, B": weights,
        "arena, B": manifest["arena_bytes"],
        "arena over bound": manifest["arena_bytes"] / manifest["arena_lower_bound_bytes"],
        "stack, B": manifest["stack_bytes"],
    }


def over(row: dict[str, Cell], what: str) -> float:
    """KB of a program, archive or code, which a row has without the weights."""
    return float(row[f"{what}, B"]) / KB


def read_only_bytes(archive: Path) -> int:
    """The machine code and constants of all objects of a static library."""
    with TemporaryDirectory() as name:
        words = [sys.executable, "-m", "ziglang", "ar", "x", str(archive.resolve())]
        subprocess.run(words, cwd=name, check=True)
        return sum(
            section.size_bytes
            for member in Path(name).iterdir()
            for section in loaded_sections(member)
            if not section.is_writable
        )


def same_files(folder: Path, first: str, second: str, target: str) -> str:
    """Whether two packages have the same files for a target, but for what was measured."""
    left, right = (contents(folder / each / target) for each in (first, second))
    return "yes" if left == right else "no"


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, without the manifest, which has times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }


def compile_seconds(folder: Path) -> dict[str, float]:
    """Seconds of compiling for one target, from the frozen network to the last file."""
    networks = {
        "demo network": read_frozen(folder / "first" / "frozen.safetensors"),
        "Bi-Real-18, 224x224": untrained(bireal18(3, 224, 1000)),
    }
    found = {}
    for title, frozen in networks.items():
        classes = [f"class {number}" for number in range(frozen.graph.classes)]
        start = time.monotonic()
        compile_network(
            frozen, named_target(PROGRAM_TARGET), folder / "timed",
            name="network", class_names=classes, notify=print,
        )  # fmt: skip
        found[title] = time.monotonic() - start
        shutil.rmtree(folder / "timed")
    return found


if __name__ == "__main__":
    main()
