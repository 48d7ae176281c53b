"""Progress on the terminal: a bar with what matters now and the time left."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

Advance = Callable[[str], None]
"""Called after each step with a line that says how things stand."""


@contextmanager
def progress_bar(name: str, total_steps: int, *, done_steps: int = 0) -> Iterator[Advance]:
    """Show a bar on standard error while the context lasts; its ETA counts from `done_steps`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=10),
        TextColumn("{task.percentage:.0f}%"),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[status]}"),
    )
    with Progress(*columns, console=Console(file=sys.stderr)) as progress:
        task = progress.add_task(name, total=total_steps, completed=done_steps, status="")

        def advance(status: str) -> None:
            progress.update(task, advance=1, status=status)

        yield advance
