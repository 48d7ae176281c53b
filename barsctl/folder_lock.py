"""One derive or pareto at a time in a search's folder: both append to its files of rows."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import BarsError

LOCK = ".derive.lock"


class FolderInUseError(BarsError):
    """Another process works in the folder now."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others out of a search's folder while the context lasts, or the process.

    Raises FolderInUseError where another is there.
    """
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUseError(
                f"another derive or pareto is at work in {folder}; wait for it to end"
            ) from error
        except OSError:
            pass  # some file systems that are shared have no locks: nobody is kept out
        yield
