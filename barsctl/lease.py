"""Who works in a folder, where several machines share it: a file that its holder renews.

A holder that was killed is known at once on its own machine, by its process; elsewhere by a lease
that nobody renewed for a while. No two machines' clocks are compared, and no lock of the file
system is needed: some that are shared have none that holds.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from uuid import uuid4

from space.atomic import write_atomically

from .errors import BarsError

LEASE = "lease.json"
RENEWED_EVERY_S = 10.0
STALE_AFTER_S = 120.0
# Before another worker may take the folder: what is under way needs a moment to end.
GIVEN_UP_AFTER_S = 90.0
# Not SIGINT: shells make background jobs deaf to it.
_LOST = signal.SIGUSR1


class LostLease(BarsError):  # noqa: N818 (it is what happened)
    """Another worker is in the folder, or may soon be: this one was not heard of for too long."""


class _Stopped(BaseException):
    """The same on its way through the main thread: no `except Exception` may keep it to itself."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A holder: its machine as the kernel names it, its process there and when that started."""

    machine: str
    process: int
    started: str
    name: str = field(default_factory=lambda: uuid4().hex)


def own_lease() -> Lease:
    """Return a new lease of this process."""
    process = os.getpid()
    return Lease(_machine(), process, _started(process) or "")


def _machine() -> str:
    """This boot of this machine, and the container whose process numbers are seen here."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {Path('/proc/self/ns/pid').readlink()}"


def _started(process: int) -> str | None:
    """When a process started, in ticks since the boot; None where it is not there."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    # proc(5): field 3 is the state, field 22 the start; a zombie computes nothing any more.
    return None if fields[0] == "Z" else fields[19]


def _is_dead(content: bytes) -> bool:
    """Whether the holder was a process of this machine that has ended."""
    try:
        holder = json.loads(content)
        here = holder["machine"] == _machine()
        return bool(here and _started(holder["process"]) != holder["started"])
    except (ValueError, KeyError, TypeError):
        return False


@dataclass(frozen=True, slots=True)
class Watch:
    """What was last read of leases, and when that was new."""

    clock: Callable[[], float] = time.monotonic
    seen: dict[Path, tuple[bytes, float]] = field(default_factory=dict)

    def is_free(self, folder: Path) -> bool:
        """Whether nobody works in a folder, as far as was seen."""
        try:
            content = (folder / LEASE).read_bytes()
        except FileNotFoundError:
            return True
        before, since = self.seen.get(folder, (b"", 0.0))
        if content != before:
            since = self.clock()
            self.seen[folder] = content, since
        return self.clock() - since > STALE_AFTER_S or _is_dead(content)


def write_lease(folder: Path, lease: Lease, *, renewals: int = 0) -> None:
    """Take a folder; who else may do so at the same time must be kept out."""
    write_atomically(folder / LEASE, json.dumps({**asdict(lease), "renewals": renewals}))


def holds(folder: Path, lease: Lease) -> bool:
    """Whether a folder is still this lease's. Raises OSError where that cannot be read."""
    try:
        return bool(json.loads((folder / LEASE).read_bytes())["name"] == lease.name)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False


@contextmanager
def renewed(folder: Path, lease: Lease, *, every_s: float = RENEWED_EVERY_S) -> Iterator[None]:
    """Renew a lease while the context lasts, and give it back. For the main thread.

    Raises LostLease, in the midst of the context, where another took the folder, or will since the
    lease cannot be written.
    """
    ended = threading.Event()
    reasons: list[str] = []

    def renew() -> None:
        reason = _reason_to_stop(folder, lease, ended, every_s=every_s)
        if reason is not None:
            reasons.append(reason)
            os.kill(os.getpid(), _LOST)

    def stop(_signal: int, _frame: object) -> None:
        if reasons and not ended.is_set():
            raise _Stopped(*reasons)

    before = signal.signal(_LOST, stop)
    thread = threading.Thread(target=renew, daemon=True)
    try:
        thread.start()
        yield
    except _Stopped as stopped:
        raise LostLease(f"{folder}: {stopped}, then give the command again") from stopped
    finally:
        ended.set()
        thread.join()
        signal.signal(_LOST, before)
        with suppress(OSError):
            if holds(folder, lease):
                (folder / LEASE).unlink()


def _reason_to_stop(
    folder: Path, lease: Lease, ended: threading.Event, *, every_s: float
) -> str | None:
    """Renew a lease until its context has ended; before that, return why it cannot go on."""
    renewals, written_s = 0, time.monotonic()
    while not ended.wait(every_s):
        now_s = time.monotonic()
        try:
            if not holds(folder, lease):
                return (
                    "another worker took it over, since this one did not renew its lease for "
                    f"{STALE_AFTER_S:.0f} s; look whether the machine slept"
                )
            write_lease(folder, lease, renewals=renewals + 1)
        except OSError as error:  # a full disk or a network's file system may be well again soon
            if now_s - written_s > GIVEN_UP_AFTER_S:
                return (
                    f"the lease could not be renewed for {GIVEN_UP_AFTER_S:.0f} s, and another "
                    f"worker would take it over ({error}); see that {LEASE} can be written"
                )
        else:
            renewals, written_s = renewals + 1, now_s
    return None
