"""Building what measures subjects: a library that times them, a program that runs one once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from space.random_frozen import random_frozen
from targets.build import object_file
from targets.emit_c import NETWORK_SOURCES, source_files
from targets.kernel_specs import KernelSpec
from targets.network_plan import Plan, plan_network
from targets.target import Target
from targets.tiling import Tiles
from targets.toolchain import Notify, Toolchain, core_count

from .subject import Subject, subject_specs
from .subjects_source import subjects_source

_FOLDER = Path(__file__).parent
_RUNTIME = _FOLDER.parent / "runtime"
_TIMING_SOURCES = (_FOLDER / "take_samples.c", _RUNTIME / "team.c")
_COUNTING_SOURCES = (_FOLDER / "count_run.c",)
_FUNCTIONS = ("take_samples", "sample_time_ns", "reference_time_ns")
_EXPORTS = (*_FUNCTIONS, *(f"__tvm_ffi_{name}" for name in _FUNCTIONS))
_KERNELS = "kernels.o"


def build_timing_library(
    subjects: Sequence[Subject], target: Target, folder: Path, output: str, *,
    threads: int, tiles: Tiles, notify: Notify,
) -> None:  # fmt: skip
    """Write a shared library of `take_samples.c` for the subjects, by their position.

    folder: empty. Networks have random integers. threads: the most that share a run. tiles: of
    kernels that were tuned. Raises TargetError where it cannot be built.
    """
    # The board's own C library is loaded already, and on most boards it is GNU's.
    gnu = replace(target, zig_triple=target.zig_triple.replace("musl", "gnu"))
    tools = Toolchain(gnu, folder, notify)
    objects = _objects(subjects, tools, threads=threads, tiles=tiles)
    objects += tools.compile(_TIMING_SOURCES, include=_RUNTIME)
    tools.link_module(objects, output, exports=_EXPORTS)


def build_counting_program(
    subjects: Sequence[Subject], target: Target, folder: Path, output: str, *,
    tiles: Tiles, notify: Notify,
) -> None:  # fmt: skip
    """Write a static program of `count_run.c`, with the names of its functions; see above."""
    tools = Toolchain(target, folder, notify)
    objects = _objects(subjects, tools, threads=1, tiles=tiles)
    objects += tools.compile(_COUNTING_SOURCES, include=_RUNTIME)
    tools.link_program(objects, output, symbols=True)


def _objects(
    subjects: Sequence[Subject], tools: Toolchain, *, threads: int, tiles: Tiles
) -> list[str]:
    """The kernels of all subjects once, the networks that call them, and what calls these."""
    folder, target = tools.folder, tools.target
    (folder / _KERNELS).write_bytes(object_file(subject_specs(subjects), target, tiles=tiles))
    planned = [
        _planned(subject, f"n{number}", target, threads=threads)
        for number, subject in enumerate(subjects)
    ]
    source = subjects_source(planned, target.vector_unit, threads=threads)
    (folder / "subjects.c").write_text(source)
    (folder / "subjects.h").write_bytes((_FOLDER / "subjects.h").read_bytes())
    plans = [each for each in planned if isinstance(each, Plan)]
    with ThreadPoolExecutor(core_count()) as pool:
        networks = list(pool.map(lambda plan: _network_objects(plan, tools), plans))
    return [
        _KERNELS,
        *tools.compile([Path("subjects.c")], include=_RUNTIME),
        *(name for names in networks for name in names),
    ]


def _planned(subject: Subject, name: str, target: Target, *, threads: int) -> KernelSpec | Plan:
    """A network as `compile` plans it, but for its kernels, which all networks share."""
    if isinstance(subject, KernelSpec):
        return subject
    frozen = random_frozen(subject, np.random.default_rng(0))
    plan = plan_network(frozen, name, target, threads=threads)
    return replace(plan, variants=tuple(replace(each, prefix="") for each in plan.variants))


def _network_objects(plan: Plan, tools: Toolchain) -> list[str]:
    folder = tools.folder / plan.name
    folder.mkdir()
    class_names = [str(number) for number in range(plan.frozen.graph.classes)]
    for file, data in source_files(plan, class_names).items():
        (folder / file).write_bytes(data)
    inside = replace(tools, folder=folder)
    names = inside.compile(map(Path, NETWORK_SOURCES), include=_RUNTIME)
    return [f"{plan.name}/{name}" for name in names]
