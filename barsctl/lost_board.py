"""What a user is told where a board is lost while it measures."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from targets.measuring.timing import UnreachableError

from .errors import BarsError


@contextmanager
def naming_resume(table: Path) -> Iterator[None]:
    """Raise BarsError that says how to go on with a table, where its board is lost."""
    try:
        yield
    except UnreachableError as error:
        raise BarsError(
            f"{error} What was measured is in {table}: give the same command with --resume"
        ) from error
