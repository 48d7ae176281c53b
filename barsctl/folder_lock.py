"""One process at a time where files are appended to or replaced."""

import fcntl
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from .errors import BarsError


class FolderInUseError(BarsError):
    """Another process works there now."""


def derive_lock(folder: Path) -> AbstractContextManager[None]:
    """Keep another derive or pareto out of a search's folder; see `_locked`."""
    return _locked(folder / ".derive.lock", f"another derive or pareto is at work in {folder}")


def run_lock(folder: Path) -> AbstractContextManager[None]:
    """Keep another search or training out of its own folder; see `_locked`."""
    return _locked(folder / ".run.lock", f"another search or training is at work in {folder}")


def table_lock(table: Path) -> AbstractContextManager[None]:
    """Keep another profile from a table; see `_locked`."""
    lock = table.with_name(f".{table.name}.lock")
    return _locked(lock, f"another profile is at work on {table}")


@contextmanager
def _locked(lock: Path, told: str) -> Iterator[None]:
    """Keep others out while the context lasts, or the process.

    Raises FolderInUseError where another is there.
    """
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUseError(f"{told}; wait for it to end") from error
        except OSError:
            pass  # some file systems that are shared have no locks: nobody is kept out
        yield
