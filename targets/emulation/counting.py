"""Counting what kernels execute in an emulator: exact, and equal every time.

A run that calls no kernel is subtracted from every run that calls one. What remains, beside the
program's own functions, is the kernel's work: its function, and the C library's that it calls.
"""

import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from targets.build import object_file
from targets.ending import ending, last_line
from targets.errors import TargetError
from targets.host import host_target
from targets.kernel_specs import KernelSpec
from targets.target import Target
from targets.tiling import NO_TILES, Tiles
from targets.toolchain import Notify, Toolchain, run_zig

from .driver import OWN_FUNCTIONS, driver_source

PROGRAM = "program"
_KERNELS = "kernels.o"
_PLUGIN_SOURCE = Path(__file__).parent / "count_executions.c"
_PLUGIN = "count_executions.so"
# Some ten thousand times the largest kernel's time on the slowest machine that can build it.
_DEADLINE_S = 600.0


@dataclass(frozen=True, slots=True)
class Executed:
    """What one run of a kernel executed: function -> address -> how often."""

    spec: KernelSpec
    functions: Mapping[str, Mapping[int, int]]

    @property
    def instructions(self) -> int:
        return sum(sum(counts.values()) for counts in self.functions.values())

    @property
    def called_instructions(self) -> int:
        """Of these, those of the C library's functions that the kernel calls."""
        return self.instructions - sum(self.functions[self.spec.symbol].values())


def executed(
    specs: Sequence[KernelSpec],
    target: Target,
    folder: Path,
    *,
    notify: Notify,
    tiles: Tiles = NO_TILES,
) -> list[Executed]:
    """Build a program of the kernels in an empty folder and run each of them there once.

    tiles: of kernels that were tuned.
    Raises TargetError where the target has no emulator, a tool is missing or one fails.
    """
    _check_emulator(target)
    if not specs:
        return []
    _build_plugin(folder, notify)
    (folder / _KERNELS).write_bytes(object_file(specs, target, tiles=tiles))
    _link_program(specs, target, folder, notify=notify)
    nothing = _run(0, target, folder)
    return [
        Executed(spec, _by_function(_run(number, target, folder) - nothing))
        for number, spec in enumerate(specs, start=1)
    ]


def _check_emulator(target: Target) -> None:
    if not target.emulator:
        raise TargetError(
            f"target {target.name} names no emulator, and instructions are counted in one; "
            "choose another target or measure times"
        )
    if shutil.which(target.emulator[0]) is None:
        raise TargetError(
            f"{target.emulator[0]} is not installed, and instructions are counted in it; "
            "on Debian: apt install qemu-user"
        )


def _build_plugin(folder: Path, notify: Notify) -> None:
    host = host_target()
    objects = Toolchain(host, folder, notify).compile([_PLUGIN_SOURCE], include=folder)
    # Without the C library: the emulator that loads it has one.
    run_zig("cc", "-shared", "-nostdlib", *objects, "-o", _PLUGIN, target=host, folder=folder)


def _link_program(
    specs: Sequence[KernelSpec], target: Target, folder: Path, *, notify: Notify
) -> None:
    (folder / "driver.c").write_text(driver_source(specs, target.vector_unit))
    tools = Toolchain(target, folder, notify)
    objects = [*tools.compile([Path("driver.c")], include=folder), _KERNELS]
    tools.link_program(objects, PROGRAM, symbols=True)


def _run(number: int, target: Target, folder: Path) -> Counter[tuple[str, int]]:
    """How often a run that calls this kernel executed each (function, address)."""
    counts = folder / "counts.txt"
    counts.unlink(missing_ok=True)
    name, *options = target.emulator
    plugin = ("-plugin", f"./{_PLUGIN},out={counts.name}")
    try:
        done = subprocess.run(
            [name, *options, *plugin, f"./{PROGRAM}", str(number)], cwd=folder,
            capture_output=True, text=True, check=False, timeout=_DEADLINE_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise TargetError(f"{name}: a kernel did not end within {_DEADLINE_S:g} s") from None
    if done.returncode != 0 or not counts.exists():
        said = last_line(done.stderr) or "it said nothing"
        raise TargetError(
            f"{name} counted nothing ({ending(done.returncode)}): {said}; does its processor have "
            "all of the target's instructions, and does it load plugins, as QEMU 4.2 to 8.2 does "
            "(Debian 12's qemu-user, not -static)?"
        )
    return _read(counts)


def _read(counts: Path) -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    for line in counts.read_text().splitlines():
        address, executions, function = line.split()
        found[function, int(address)] += int(executions)
    return found


def _by_function(counts: Counter[tuple[str, int]]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for (function, address), executions in sorted(counts.items()):
        if function not in OWN_FUNCTIONS:
            found.setdefault(function, {})[address] = executions
    return found
