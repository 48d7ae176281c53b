"""Subjects timed: on this machine, on a board, or on a fleet of boards side by side."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from threading import Lock

from targets.errors import TargetError
from targets.subjects.library import build_timing_library
from targets.subjects.subject import Subject
from targets.target import Target
from targets.tiling import Tiles
from targets.toolchain import Notify

from .bench import Built, build_in_parts
from .measured import Failed, Measured
from .samples import Samples, are_enough, undisturbed
from .timing import TimingWorker, UnreachableError

# A kernel that failed is tried again, by a new process or another board.
TRIES = 2
# Subjects are timed in turns, some of them in a group, in so many rounds. Before each further round
# there is a pause: who disturbed the last ones may go.
GROUP = 10
FEWEST_ROUNDS, MOST_ROUNDS = 2, 12
PAUSE_S = 0.3
# A place that cannot be reached, such as an agent that starts anew, is asked again after these.
PAUSES_S = (1.0, 4.0, 0.0)


@dataclass(frozen=True, slots=True)
class TimedBench:
    """See Bench. folder: for what is built. threads: that share a run."""

    target: Target
    folder: Path
    threads: int
    notify: Notify
    start_worker: Callable[[], TimingWorker]

    def build(self, subjects: Sequence[Subject], *, tiles: Tiles) -> list[Built | Failed]:
        def library(part: Sequence[Subject], work: Path) -> Path:
            # Boards keep uploads by their name.
            path = work / f"{work.name}.so"
            build_timing_library(
                part, self.target, work, path.name,
                threads=self.threads, tiles=tiles, notify=self.notify,
            )  # fmt: skip
            return path

        return build_in_parts(subjects, self.folder, tiles=tiles, build=library)

    def costs(self, built: Sequence[Built]) -> Iterator[Measured | Failed]:
        if not built:
            return
        with ExitStack() as stack:
            first = stack.enter_context(self.start_worker())
            boards = min(first.facts().boards, len(built))
            others = [stack.enter_context(self.start_worker()) for _ in range(1, boards)]
            pool = stack.enter_context(ThreadPoolExecutor(boards))
            line = _Line(iter(built))
            stack.callback(line.leave, [first, *others])
            for worker in (first, *others):
                pool.submit(_serve, line, worker)
            yield from line.results_of(len(built), workers=boards)


class _Line:
    """Subjects in line for the next worker that is free; their results as they come."""

    def __init__(self, waiting: Iterator[Built]) -> None:
        self._waiting = waiting
        self._lock = Lock()
        self._results = SimpleQueue[Measured | Failed | None]()
        self._lost = "a worker ended early"

    def next_group(self) -> list[Built]:
        """The next subjects; empty where none waits."""
        with self._lock:
            return list(islice(self._waiting, GROUP))

    def put(self, result: Measured | Failed) -> None:
        self._results.put(result)

    def lose(self, reason: str) -> None:
        """A worker lost its board."""
        self._lost = reason

    def end(self) -> None:
        """A worker ends."""
        self._results.put(None)

    def leave(self, workers: Sequence[TimingWorker]) -> None:
        """Let nobody wait any more."""
        with self._lock:
            self._waiting = iter(())
        for worker in workers:
            worker.abandon()

    def results_of(self, count: int, *, workers: int) -> Iterator[Measured | Failed]:
        """As many results. Raises TargetError where all workers ended before."""
        while count:
            result = self._results.get()
            if result is not None:
                count -= 1
                yield result
                continue
            workers -= 1
            if not workers:
                raise TargetError(self._lost)


def _serve(line: _Line, worker: TimingWorker) -> None:
    """Time subjects until none waits or the worker's place is lost."""
    try:
        while group := line.next_group():
            for result in _timed(group, worker):
                line.put(result)
    except UnreachableError as error:
        line.lose(str(error))
    finally:
        line.end()


def _timed(group: Sequence[Built], worker: TimingWorker) -> Iterator[Measured | Failed]:
    """Subjects in rounds, so that what disturbs one round does not disturb the next.

    Raises UnreachableError where the place is lost; the subjects then have no result.
    """
    found: dict[Built, Samples | Failed] = {}
    for number in range(MOST_ROUNDS):
        left = [built for built in group if _needs_more(found.get(built), number, worker)]
        if number >= FEWEST_ROUNDS and left:
            time.sleep(PAUSE_S)
        for built in left:
            before, after = found.get(built), _tried(built, worker)
            if isinstance(before, Samples) and isinstance(after, Samples):
                after = before.with_others(after)
            found[built] = after
    for built, result in found.items():
        if isinstance(result, Failed):
            yield result
            continue
        costs = undisturbed(result, fastest=worker.fastest_reference).tolist()
        yield Measured(built.subject, tuple(costs), built.tile)


def _needs_more(found: Samples | Failed | None, rounds: int, worker: TimingWorker) -> bool:
    if isinstance(found, Failed):
        return False
    if found is None or rounds < FEWEST_ROUNDS:
        return True
    return not are_enough(found, fastest=worker.fastest_reference)


def _tried(built: Built, worker: TimingWorker) -> Samples | Failed:
    """A subject's samples in at most some tries. Raises UnreachableError where nobody tried it."""
    failures = 0
    for pause_s in PAUSES_S:
        try:
            return worker.samples_us(built.file, built.index)
        except UnreachableError as error:
            unreachable = error
            time.sleep(pause_s)
        except TargetError as error:
            failures += 1
            if failures == TRIES:
                return Failed(built.subject, str(error))
    raise unreachable
