"""From kernels and generated sources to the files that people take to their board."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .emit_about import ABOUT, Score, about_source
from .emit_board import LINKER_SCRIPT, linker_script
from .emit_c import LIBRARY_SOURCES, PROGRAM_SOURCES
from .emit_loader import loader
from .emit_package import EXAMPLE, example_files, package_files
from .network_plan import Plan
from .target import Memory, Target
from .toolchain import Notify, Toolchain

RUNTIME = Path(__file__).parent / "runtime"
_BARE_METAL = RUNTIME / "bare_metal"
_TEAM = "team.c"
_ONE_THREAD = RUNTIME / "one_thread"


@dataclass(frozen=True, slots=True)
class Files:
    """Names of files in a folder. library: a shared one, if there is one.

    linked: the one whose sections are what the library takes on a board; it may be none to keep.
    """

    program: str
    archive: str
    library: str | None
    header: str
    others: tuple[str, ...]
    linked: str

    @property
    def kept(self) -> tuple[str, ...]:
        """Those to keep."""
        library = () if self.library is None else (self.library,)
        return (self.program, self.archive, *library, self.header, *self.others)


def assemble(
    plan: Plan, sources: Mapping[str, bytes], kernels: Sequence[bytes], *, target: Target,
    folder: Path, class_names: Sequence[str], notify: Notify, score: Score | None = None,
) -> Files:  # fmt: skip
    """Write program, libraries, header and what is made for them into a working folder.

    sources: the generated files. kernels: for each variant an object file with the symbols of all
    specs behind its prefix. score: that the program tells.
    Raises TargetError where a tool is missing or fails.
    """
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
    toolchain.archive(library, f"lib{plan.name}.a")
    _write_texts(folder, package_files(plan))
    if target.memory is not None:
        return _for_board(plan, library, toolchain, target.memory)
    return _for_system(plan, library, toolchain, class_names)


def _for_system(
    plan: Plan, library: Sequence[str], toolchain: Toolchain, class_names: Sequence[str]
) -> Files:
    """A program that reads files, a shared library, and what uses either."""
    name, folder = plan.name, toolchain.folder
    runtime = sorted(file for file in RUNTIME.glob("*.c") if file.name != _TEAM)
    team = (RUNTIME if plan.threads > 1 else _ONE_THREAD) / _TEAM
    around = [*map(Path, (*PROGRAM_SOURCES, ABOUT)), *runtime, team]
    program = toolchain.compile(around, include=RUNTIME)
    toolchain.link_program([*library, *program], name)
    shared = f"lib{name}.so"
    exports = [f"{name}_{each}" for each in ("run", "run_in", "run_part")]
    toolchain.link_library(library, shared, exports=exports)
    (folder / EXAMPLE).mkdir()
    texts = example_files(plan)
    texts[f"{name}.py"] = loader(plan, class_names, library=folder / shared)
    _write_texts(folder, texts)
    others = (*package_files(plan), *texts)
    return Files(name, f"lib{name}.a", shared, f"{name}.h", others, linked=shared)


def _for_board(plan: Plan, library: Sequence[str], toolchain: Toolchain, memory: Memory) -> Files:
    """A program that reads files of the machine that a debugger or an emulator runs on."""
    name = plan.name
    (toolchain.folder / LINKER_SCRIPT).write_text(linker_script(memory))
    around = [*map(Path, PROGRAM_SOURCES), *sorted(_BARE_METAL.glob("*.c"))]
    program = toolchain.compile(around, include=RUNTIME)
    toolchain.link_firmware([*library, *program], name, script=LINKER_SCRIPT, entry="reset")
    alone = "library-alone"  # a program's name has no hyphen
    toolchain.link_firmware(library, alone, script=LINKER_SCRIPT, entry=f"{name}_run_in")
    others = tuple(package_files(plan))
    return Files(name, f"lib{name}.a", None, f"{name}.h", others, linked=alone)


def _write_texts(folder: Path, texts: dict[str, str]) -> None:
    for file, text in texts.items():
        (folder / file).write_bytes(text.encode())
