"""From kernels and generated sources to the files that people take to their board."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from .emit_about import ABOUT, Score, about_source
from .emit_c import LIBRARY_SOURCES, PROGRAM_SOURCES
from .emit_loader import loader
from .emit_package import EXAMPLE, package_files
from .network_plan import Plan
from .target import Target
from .toolchain import Notify, Toolchain

RUNTIME = Path(__file__).parent / "runtime"


def assemble(
    plan: Plan, sources: Mapping[str, bytes], kernels: Sequence[bytes], *, target: Target,
    folder: Path, class_names: Sequence[str], notify: Notify, score: Score | None = None,
) -> tuple[str, ...]:  # fmt: skip
    """Write program, libraries, header and what is made for them into a working folder.

    Returns the names of the files to keep, in this order.

    sources: the generated files. kernels: for each variant an object file with the symbols of all
    specs behind its prefix. score: that the program tells.
    Raises TargetError where a tool is missing or fails.
    """
    name = plan.name
    toolchain = Toolchain(target, folder, notify)
    for file, data in sources.items():
        (folder / file).write_bytes(data)
    about = about_source(sources, kernels, target=target, score=score)
    (folder / ABOUT).write_text(about)
    objects = [f"kernels-{index}.o" for index in range(len(kernels))]
    for file, data in zip(objects, kernels, strict=True):
        (folder / file).write_bytes(data)
        toolchain.strip(file)
    library = [*objects, *toolchain.compile(map(Path, LIBRARY_SOURCES), include=RUNTIME)]
    around = [*map(Path, (*PROGRAM_SOURCES, ABOUT)), *sorted(RUNTIME.glob("*.c"))]
    program = toolchain.compile(around, include=RUNTIME)
    toolchain.link_program([*library, *program], name)
    toolchain.archive(library, f"lib{name}.a")
    toolchain.link_library(
        library,
        f"lib{name}.so",
        exports=[f"{name}_{each}" for each in ("run", "run_in", "run_part")],
    )
    (folder / EXAMPLE).mkdir()
    texts = package_files(plan)
    texts[f"{name}.py"] = loader(plan, class_names, library=folder / f"lib{name}.so")
    for file, text in texts.items():
        (folder / file).write_bytes(text.encode())
    return name, f"lib{name}.a", f"lib{name}.so", f"{name}.h", *texts
