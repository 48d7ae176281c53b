"""Subjects timed: on this machine, on a board, or on a fleet of boards side by side."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Condition

from targets.errors import TargetError
from targets.subjects.library import build_timing_library
from targets.subjects.subject import Subject
from targets.target import Target
from targets.tiling import Tiles
from targets.toolchain import Notify

from .bench import Built, build_in_parts
from .measured import Failed, Measured
from .samples import Samples, are_enough, undisturbed
from .timing import AbandonedError, TimingWorker, UnreachableError

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
            line = _Line(built)
            stack.callback(line.leave, [first, *others])
            for worker in (first, *others):
                pool.submit(_serve, line, worker)
            yield from line.results_of(len(built), workers=boards)


class _Line:
    """Subjects in line for the next worker that is free; their results as they come."""

    def __init__(self, waiting: Sequence[Built]) -> None:
        self._waiting = deque(waiting)
        self._taken = 0  # groups that may come back
        self._is_left = False
        self._changed = Condition()
        self._results = SimpleQueue[Measured | Failed | None]()
        self._lost: Exception | None = None

    def next_group(self) -> list[Built]:
        """The next subjects; empty where none waits, and none may come back."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._taken or self._is_left)
            count = 0 if self._is_left else min(GROUP, len(self._waiting))
            self._taken += count > 0
            return [self._waiting.popleft() for _ in range(count)]

    def finish(self, results: Sequence[Measured | Failed]) -> None:
        """A group's results."""
        for result in results:
            self._results.put(result)
        self.give_back(())

    def give_back(self, group: Sequence[Built]) -> None:
        """What was not measured of a group, for another worker."""
        with self._changed:
            self._taken -= 1
            self._waiting.extend(group)
            self._changed.notify_all()

    def end(self, reason: Exception | None) -> None:
        """A worker ends: where there is a reason, before it would have."""
        self._lost = reason or self._lost
        self._results.put(None)

    def leave(self, workers: Sequence[TimingWorker]) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._is_left = True
            self._changed.notify_all()
        for worker in workers:
            worker.abandon()

    def results_of(self, count: int, *, workers: int) -> Iterator[Measured | Failed]:
        """As many results. Raises a worker's reason where all ended before."""
        while count:
            result = self._results.get()
            if result is not None:
                count -= 1
                yield result
                continue
            workers -= 1
            if not workers:
                assert self._lost is not None
                raise self._lost


def _serve(line: _Line, worker: TimingWorker) -> None:
    """Time subjects until none waits or the worker's place is lost."""
    reason: Exception | None = None
    try:
        worker.facts()  # a board that cannot be had must not keep subjects from the others
        while group := line.next_group():
            try:
                results = _timed(group, worker)
            except Exception:
                line.give_back(group)
                raise
            line.finish(results)
    except AbandonedError:
        pass
    except Exception as error:  # a mistake of ours too: it is raised where results are awaited
        reason = error
    line.end(reason)


def _timed(group: Sequence[Built], worker: TimingWorker) -> list[Measured | Failed]:
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
    return [_result(built, each, worker) for built, each in found.items()]


def _result(built: Built, found: Samples | Failed, worker: TimingWorker) -> Measured | Failed:
    if isinstance(found, Failed):
        return found
    costs = undisturbed(found, fastest=worker.fastest_reference).tolist()
    return Measured(built.subject, tuple(costs), built.tile)


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
