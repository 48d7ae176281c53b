"""The seam of all ways to measure: build subjects together, then find what each costs."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from threading import Event
from typing import Protocol
from uuid import uuid4

from targets.ending import last_line
from targets.errors import TargetError
from targets.kernel_specs import KernelSpec
from targets.subjects.subject import Subject
from targets.tiling import Tiles
from targets.toolchain import core_count
from targets.vector_unit import Tile

from .measured import Failed, Measured


@dataclass(frozen=True, slots=True)
class Built:
    """A subject in a file, by its position there; tile: a tuned kernel's own."""

    subject: Subject
    file: Path
    index: int
    tile: Tile | None


class Bench(Protocol):
    """Builds subjects, on every core, and measures them; the two never at the same time."""

    def build(self, subjects: Sequence[Subject], *, tiles: Tiles) -> list[Built | Failed]:
        """Build subjects, each if it can be, in their order."""

    def costs(self, built: Sequence[Built]) -> Iterator[Measured | Failed]:
        """Measure what was built, in any order.

        Raises TargetError where no more can be measured at all.
        """


def build_in_parts(
    subjects: Sequence[Subject], folder: Path, *, tiles: Tiles,
    build: Callable[[Sequence[Subject], Path], Path],
) -> list[Built | Failed]:  # fmt: skip
    """Build a part of the subjects on each core into new folders.

    build: makes one file of some subjects in an empty folder. Where it fails, either half is tried
    alone, down to the subject at fault; but not after an interrupt, which a terminal sends to the
    compilers too.
    """
    is_left = Event()

    def part_built(part: Sequence[Subject]) -> list[Built | Failed]:
        work = folder / uuid4().hex
        work.mkdir()
        try:
            file = build(part, work)
        except (TargetError, RuntimeError) as error:
            if len(part) == 1 or is_left.is_set():
                return [Failed(part[0], last_line(str(error)) or type(error).__name__)]
            half = len(part) // 2
            return [*part_built(part[:half]), *part_built(part[half:])]
        return [
            Built(subject, file, index, _tile(subject, tiles)) for index, subject in enumerate(part)
        ]

    share = max(1, -(-len(subjects) // core_count()))
    parts = [subjects[start : start + share] for start in range(0, len(subjects), share)]
    with ThreadPoolExecutor(core_count()) as pool:
        try:
            return list(chain.from_iterable(pool.map(part_built, parts)))
        except BaseException:
            is_left.set()
            raise


def _tile(subject: Subject, tiles: Tiles) -> Tile | None:
    return tiles.get(subject) if isinstance(subject, KernelSpec) else None
