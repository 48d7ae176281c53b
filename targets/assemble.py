"""From kernels and generated sources to the files that people take to their board."""

from collections.abc import Sequence
from pathlib import Path

from .emit_c import Plan, source_files
from .target import Target
from .toolchain import Notify, Toolchain

RUNTIME = Path(__file__).parent / "runtime"
_KERNELS = "kernels.o"


def assemble(
    plan: Plan, kernels: bytes, *, target: Target, folder: Path, class_names: Sequence[str],
    notify: Notify,
) -> tuple[str, ...]:  # fmt: skip
    """Write program, libraries and header into a working folder; returns their names.

    kernels: an object file with the symbol of each spec.
    Raises TargetError where a tool is missing or fails.
    """
    name = plan.name
    toolchain = Toolchain(target, folder, notify)
    sources = source_files(plan, class_names)
    for file, data in sources.items():
        (folder / file).write_bytes(data)
    (folder / _KERNELS).write_bytes(kernels)
    code = [Path(file) for file in sources if Path(file).suffix in (".c", ".S")]
    runtime = sorted(RUNTIME.glob("*.c"))
    objects = toolchain.compile([*code, *runtime], include=RUNTIME)
    program_only = {f"{name}_program.o", *(f"{source.stem}.o" for source in runtime)}
    library = [_KERNELS, *(file for file in objects if file not in program_only)]
    toolchain.link_program([_KERNELS, *objects], name)
    toolchain.archive(library, f"lib{name}.a")
    toolchain.link_library(library, f"lib{name}.so", exports=(f"{name}_run", f"{name}_run_in"))
    return name, f"lib{name}.a", f"lib{name}.so", f"{name}.h"
