"""Engines timed in interleaved rounds, each run of a round in a process of its own.

A process that starts anew meets another placement of its memory: a round's medians differ by what a
user would see, and no engine ever waits beside another.
"""

import json
import os
import subprocess
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)
FEWEST_RUNS, MOST_RUNS = 10, 100_000


@dataclass(frozen=True, slots=True)
class Engine:
    """A command that, given --threads, --bench and --json, prints the median_ms of its runs."""

    command: tuple[str, ...]
    threads: int

    def median_ms(self, *, runs: int) -> float:
        """Start it on as many cores as it has threads, the same ones every time."""
        words = ("--threads", str(self.threads), "--bench", str(runs), "--json")
        with _cores(self.threads):
            done = subprocess.run(
                [*self.command, *words], check=True, stdout=subprocess.PIPE, text=True
            )
        return float(json.loads(done.stdout)["median_ms"])


def interleaved_ms(
    engines: Mapping[Key, Engine], *, rounds: int, round_ms: float
) -> dict[Key, list[float]]:
    """Each engine's median in every round.

    A round before the first, not among them, tells how many runs of an engine take round_ms.
    """
    runs = {
        key: _enough(round_ms / engine.median_ms(runs=FEWEST_RUNS))
        for key, engine in engines.items()
    }
    times: dict[Key, list[float]] = {key: [] for key in engines}
    for _ in range(rounds):
        for key, engine in engines.items():
            times[key].append(engine.median_ms(runs=runs[key]))
    return times


def _enough(runs: float) -> int:
    return min(MOST_RUNS, max(FEWEST_RUNS, round(runs)))


@contextmanager
def _cores(count: int) -> Iterator[None]:
    """Processes that are started in the context stay on the last `count` cores we may use.

    The first ones serve most interrupts. Where the system pins no process, nothing happens.
    """
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:
        yield
        return
    os.sched_setaffinity(0, sorted(allowed)[-count:])
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
