"""Progress on standard error: a bar with the time left, or plain lines where it is a log file."""

import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

SECONDS_PER_LINE = 30.0
SECONDS_PER_STATUS = 0.1
Clock = Callable[[], float]
Advance = Callable[[Callable[[], str]], None]
"""Called after each step with what says how things stand, when it is shown: a GPU is waited for."""


@contextmanager
def progress_bar(
    name: str, total_steps: int, *, done_steps: int = 0, clock: Clock = time.monotonic
) -> Iterator[Advance]:
    """Show progress while the context lasts; its ETA counts from `done_steps`.

    A terminal gets a bar; a log file a line after the first step, after the last, and about every
    SECONDS_PER_LINE between them.
    """
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield _logged(name, total_steps, done_steps=done_steps, clock=clock)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        TextColumn("{task.percentage:.0f}%"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[status]}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(name, total=total_steps, completed=done_steps, status="")

        last = -math.inf

        def advance(status: Callable[[], str]) -> None:
            nonlocal last
            progress.advance(task)
            if clock() - last >= SECONDS_PER_STATUS or progress.finished:
                progress.update(task, status=status())
                last = clock()

        yield advance


def _logged(name: str, total_steps: int, *, done_steps: int, clock: Clock) -> Advance:
    first, done = done_steps + 1, done_steps
    start = last = clock()

    def advance(status: Callable[[], str]) -> None:
        nonlocal done, start, last
        done += 1
        now = clock()
        if done == first:  # what comes before it, kernels to build, comes once
            start = now
        if done in (first, total_steps) or now - last >= SECONDS_PER_LINE:
            last = now
            left_s = (now - start) / max(1, done - first) * (total_steps - done)
            left = f"  {timedelta(seconds=round(left_s))} left" if done > first else ""
            sys.stderr.write(f"{name} {done / total_steps:.0%}{left}  {status()}\n")

    return advance
