"""Counting what subjects execute in an emulator: exact, and equal every time.

A run of no subject is subtracted from every run of one. What remains, beside the program's own
functions, is the subject's work, the C library's functions that it calls among it.
"""

import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from targets.boards import ARMV7
from targets.ending import ending, last_line
from targets.errors import TargetError
from targets.host import host_target
from targets.kernel_specs import KernelSpec
from targets.subjects.library import build_counting_program
from targets.subjects.subject import Subject
from targets.target import Target
from targets.tiling import Tiles
from targets.toolchain import Notify, Toolchain, run_zig

PROGRAM = "program"
# Functions of the program that are no subject's work.
_OWN_FUNCTIONS = frozenset({"main", "fill_memory", "run_subject"})
_PLUGIN_SOURCE = Path(__file__).parent / "count_executions.c"
_PLUGIN = "count_executions.so"
# Some ten thousand times the largest kernel's time on the slowest machine that can build it.
_DEADLINE_S = 600.0


@dataclass(frozen=True, slots=True)
class Executed:
    """What one run of a subject executed: function -> address -> how often."""

    subject: Subject
    functions: Mapping[str, Mapping[int, int]]

    @property
    def instructions(self) -> int:
        return sum(sum(counts.values()) for counts in self.functions.values())

    def called_instructions(self, spec: KernelSpec) -> int:
        """Of these, those outside of a kernel's function: of the C library's that it calls."""
        return self.instructions - sum(self.functions[spec.symbol].values())


@dataclass(frozen=True, slots=True)
class CountedProgram:
    """A program of subjects in a folder. nothing: what a run of none of them executes."""

    subjects: tuple[Subject, ...]
    target: Target
    folder: Path
    nothing: Mapping[tuple[str, int], int]

    @property
    def path(self) -> Path:
        return self.folder / PROGRAM

    def executed(self, index: int) -> Executed:
        """Run one subject once. Raises TargetError where it fails; runs may go on side by side."""
        counts = _run(index + 1, self.target, self.folder) - Counter(self.nothing)
        return Executed(self.subjects[index], _by_function(counts))


def counted_program(
    subjects: Sequence[Subject], target: Target, folder: Path, *, notify: Notify, tiles: Tiles
) -> CountedProgram:
    """Build a program of subjects, at least one, in an empty folder.

    tiles: of kernels that were tuned.
    Raises TargetError where the target has no emulator, a tool is missing or one fails.
    """
    require_emulator(target)
    target = under_a_system(target)
    _build_plugin(folder, notify)
    build_counting_program(subjects, target, folder, PROGRAM, tiles=tiles, notify=notify)
    return CountedProgram(tuple(subjects), target, folder, _run(0, target, folder))


def require_emulator(target: Target) -> None:
    """Raise TargetError where instructions cannot be counted for a target here."""
    if not target.emulator:
        raise TargetError(
            f"target {target.name} names no emulator, and instructions are counted in one; "
            "choose another target or measure times"
        )
    target = under_a_system(target)
    if shutil.which(target.emulator[0]) is None:
        raise TargetError(
            f"{target.emulator[0]} is not installed, and instructions are counted in it; "
            "on Debian: apt install qemu-user"
        )


def under_a_system(target: Target) -> Target:
    """The target itself, or the same kernels in a program for 32-bit ARM with Linux.

    Its processors have all instructions of those that run without an operating system.
    """
    if not target.is_bare_metal:
        return target
    return replace(
        target, zig_triple=ARMV7.zig_triple, zig_cpu="", emulator=ARMV7.emulator, memory=None
    )


def _build_plugin(folder: Path, notify: Notify) -> None:
    host = host_target()
    objects = Toolchain(host, folder, notify).compile([_PLUGIN_SOURCE], include=folder)
    # Without the C library: the emulator that loads it has one.
    run_zig("cc", "-shared", "-nostdlib", *objects, "-o", _PLUGIN, target=host, folder=folder)


def _run(number: int, target: Target, folder: Path) -> Counter[tuple[str, int]]:
    """How often a run of this subject, from 1 on, executed each (function, address)."""
    counts = folder / f"counts-{number}.txt"
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
    found = _read(counts)
    counts.unlink()
    return found


def _read(counts: Path) -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    for line in counts.read_text().splitlines():
        address, executions, function = line.split()
        found[function, int(address)] += int(executions)
    return found


def _by_function(counts: Counter[tuple[str, int]]) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = {}
    for (function, address), executions in sorted(counts.items()):
        if function not in _OWN_FUNCTIONS:
            found.setdefault(function, {})[address] = executions
    return found
