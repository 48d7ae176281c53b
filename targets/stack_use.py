"""The stack that a run of a compiled network takes, measured."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from .compile import Artefacts
from .ending import ending
from .errors import TargetError
from .runners import runnable
from .runners.program import NotRunnable
from .target import Target
from .toolchain import Notify, Toolchain

_SOURCE = Path(__file__).parent / "subjects" / "stack_use.c"


def stack_bytes(artefacts: Artefacts, target: Target, notify: Notify) -> int | None:
    """What one run touches below its caller's frame; None where nothing here runs the target.

    The same instructions run under an emulator, so that its answer holds for a board. Of a program
    that chooses among kernels it is of those that it chooses here.
    """
    if target.is_bare_metal:
        program = runnable(artefacts.program, target)
        return None if isinstance(program, NotRunnable) else program.stack_bytes()
    with TemporaryDirectory(prefix="barsctl-stack-") as name:
        measuring = _program(artefacts, Toolchain(target, Path(name), notify))
        found = runnable(measuring, target)
        if isinstance(found, NotRunnable):
            return None
        done = subprocess.run(found.command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise TargetError(
            f"{artefacts.archive}: the program that measures its stack ended with "
            f"{ending(done.returncode)}; compile the network again"
        )
    return int(done.stdout)


def _program(artefacts: Artefacts, toolchain: Toolchain) -> Path:
    header, folder = artefacts.header, toolchain.folder
    upper = header.stem.upper()
    sizes = ("ARENA_BYTES", "ARENA_ALIGNMENT", "IMAGE_BYTES", "CLASSES")
    lines = [f'#include "{header.name}"', f"#define run_in {header.stem}_run_in"]
    lines += [f"#define {size} {upper}_{size}" for size in sizes]
    (folder / "measured-network.h").write_text("\n".join(lines) + "\n")
    (folder / _SOURCE.name).write_bytes(_SOURCE.read_bytes())
    objects = toolchain.compile([Path(_SOURCE.name)], include=header.parent.resolve())
    toolchain.link_program([*objects, str(artefacts.archive.resolve())], "stack-use")
    return folder / "stack-use"
