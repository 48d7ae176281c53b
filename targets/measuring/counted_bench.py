"""Subjects counted in an emulator, and their cycles modelled."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from targets.emulation.costs import emulated_cost, machine_code
from targets.emulation.counting import CountedProgram, counted_program
from targets.errors import TargetError
from targets.subjects.subject import Subject
from targets.target import Core, Target
from targets.tiling import Tiles
from targets.toolchain import Notify, core_count

from .bench import Built, build_in_parts
from .measured import Failed, Measured


@dataclass(frozen=True, slots=True)
class CountedBench:
    """See Bench. folder: for what is built. core: to model microseconds on, None to count alone."""

    target: Target
    folder: Path
    notify: Notify
    core: Core | None
    _programs: dict[Path, CountedProgram] = field(default_factory=dict)

    def build(self, subjects: Sequence[Subject], *, tiles: Tiles) -> list[Built | Failed]:
        def program(part: Sequence[Subject], work: Path) -> Path:
            built = counted_program(part, self.target, work, notify=self.notify, tiles=tiles)
            self._programs[built.path] = built
            return built.path

        return build_in_parts(subjects, self.folder, tiles=tiles, build=program)

    def costs(self, built: Sequence[Built]) -> Iterator[Measured | Failed]:
        files = dict.fromkeys(each.file for each in built)
        code = {file: machine_code(self._programs[file]) for file in files} if self.core else {}
        cores = (self.core.llvm_cpu,) if self.core else ()

        def cost(each: Built) -> Measured | Failed:
            try:
                run = self._programs[each.file].executed(each.index)
                found = emulated_cost(run, code.get(each.file, {}), self.target, cores=cores)
            except TargetError as error:
                return Failed(each.subject, str(error))
            if self.core is None:
                return Measured(each.subject, (float(found.instructions),), each.tile)
            times_us = (found.cycles[self.core.llvm_cpu] / self.core.clock_ghz / 1e3,)
            return Measured(each.subject, times_us, each.tile)

        with ThreadPoolExecutor(core_count()) as pool:
            yield from pool.map(cost, built)
