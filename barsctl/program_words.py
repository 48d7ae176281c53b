"""The words that start a compiled program: here, or under an emulator."""

from collections.abc import Sequence
from pathlib import Path

from targets.compiled_file import read_compiled
from targets.described import described_target, machine_target
from targets.manifest import FILE, described
from targets.runners.emulated import emulated_program
from targets.runners.local import local_program
from targets.runners.program import NotRunnable
from targets.target import Target

from .errors import BarsError


def program_words(path: Path, own: Sequence[str], *, emulate: bool) -> list[str]:
    """The command that starts a program with its own words.

    The target is what the manifest beside it says, else a common one of its machine.
    Raises BarsError where it cannot run so, TargetError where it is no program of ours.
    """
    file = read_compiled(path)
    if file is None or file.kind != "static program":
        found = "no program of barsctl" if file is None else f"a {file.kind}"
        raise BarsError(f"{path} is {found}; give a program that barsctl compile wrote")
    target = _manifest_target(path) or machine_target(file.machine)
    if emulate:
        program = emulated_program(path, target)
        remedy = "leave out --emulate to run it as it is"
    else:
        program = local_program(path, target)
        remedy = "add --emulate, or run it on its board"
    if isinstance(program, NotRunnable):
        raise BarsError(f"{path} cannot run: {program.reason}; {remedy}")
    return program.started(own)


def _manifest_target(path: Path) -> Target | None:
    manifest = path.resolve().parent / FILE
    if not manifest.exists():
        return None
    found = described(manifest)
    return described_target(found.target) if found.name == path.resolve().name else None
