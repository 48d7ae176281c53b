"""Timing subjects in a child process that may crash or hang without harm.

A kernel for another processor dies of an illegal instruction, a wrong one may never return, and a
board may fall silent: each costs that subject's time alone, and the next one gets a new process.
"""

import json
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
from pydantic import TypeAdapter, ValidationError

from targets.build import require_tvm
from targets.ending import ending, last_line
from targets.errors import TargetError
from targets.read_line import read_line

from .place import Place
from .samples import Samples

WORKER = Path(__file__).parent / "timing_worker.py"
# TVM's server ends a connection after this, whatever happens: a worker takes less.
SESSION_S = 900
SAMPLES = 16
# Shorter than a scheduler's time slice: where other work shares the core, few are interrupted.
SAMPLE_NS = 1_000_000


class UnreachableError(TargetError):
    """The place itself gives no answer."""


class AbandonedError(Exception):
    """Another thread has ended the worker for good."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The longest that a process may take to be ready, and for an answer, in seconds."""

    start_s: float = 60.0
    answer_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What a worker tells of where it is.

    core: that it is pinned to, None where it is not. boards: as many as answer at its place.
    device_info: of a board, as our agent tells it; empty elsewhere.
    """

    core: int | None = None
    boards: int = 1
    device_info: str = ""


@dataclass(frozen=True, slots=True)
class _Answer:
    runs: int
    sample_time_ns: tuple[int, ...]
    reference_time_ns: tuple[int, ...]


_FACTS = TypeAdapter(Facts)
_ANSWER = TypeAdapter(_Answer)


class TimingWorker:
    """A context that times the subjects of libraries one by one.

    fastest_reference: of all samples so far; of a board's in this session, for the next session
    may be with another.
    """

    def __init__(
        self, place: Place, *, threads: int = 1, deadlines: Deadlines = Deadlines()
    ) -> None:
        self.fastest_reference = np.inf
        self._place = place
        self._threads = threads
        self._deadlines = deadlines
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: IO[bytes] | None = None
        self._facts = Facts()
        self._is_abandoned = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def facts(self) -> Facts:
        """Be ready.

        Raises UnreachableError where the place gives no answer, AbandonedError after `abandon`.
        """
        if self._process is None:
            self._start()
        return self._facts

    def samples_us(self, library: Path, subject: int) -> Samples:
        """Microseconds of one run.

        Raises UnreachableError where the place gives no answer, TargetError where the subject
        crashes, hangs, or is told of in nonsense.
        """
        self.facts()
        found = self._answer(library, subject)
        references = np.array(found.reference_time_ns, np.float64)
        self.fastest_reference = min(self.fastest_reference, float(references.min()))
        return Samples(np.array(found.sample_time_ns) / 1e3 / found.runs, references)

    def abandon(self) -> None:
        """End the process for good, from another thread: whoever waits for an answer gets none."""
        self._is_abandoned = True
        process = self._process
        if process is not None:
            process.kill()

    def _answer(self, library: Path, subject: int) -> _Answer:
        assert self._process is not None
        assert self._process.stdin is not None
        request = {
            "library": str(library), "subject": subject, "samples": SAMPLES,
            "sample_ns": SAMPLE_NS, "threads": self._threads,
        }  # fmt: skip
        with suppress(BrokenPipeError):  # then there is no reply, and why is found there
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
        reply = self._reply(self._deadlines.answer_s)
        if "error" in reply:
            # A connection that failed once fails from then on.
            self._stop()
            raise TargetError(str(reply["error"]))
        try:
            found = _ANSWER.validate_python(reply)
        except ValidationError:
            found = _Answer(0, (), ())
        numbers = (*found.sample_time_ns, *found.reference_time_ns)
        if found.runs < 1 or len(numbers) != 2 * SAMPLES or min(numbers) < 1:
            self._stop()
            raise TargetError(f"{self._place} answers nonsense: {json.dumps(reply)[:100]}")
        return found

    def _start(self) -> None:
        if self._place.way == "rpc":
            require_tvm(f"talking to {self._place}")
            self.fastest_reference = np.inf
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 (_stop closes it)
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER), json.dumps(self._address())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._messages, bufsize=0,
        )  # fmt: skip
        # Asked once there is a process: who abandons it before has not seen that one.
        if self._is_abandoned:
            self._stop()
            raise AbandonedError
        try:
            reply = self._reply(self._deadlines.start_s)
            if "error" in reply:
                raise TargetError(str(reply["error"]))
            self._facts = _FACTS.validate_python(reply)
        except (TargetError, ValidationError) as error:
            self._stop()
            raise UnreachableError(
                f"{self._place} cannot be reached ({' '.join(str(error).split())}); "
                "is it started, and is its address right?"
            ) from None

    def _address(self) -> dict[str, Any]:
        if self._place.way != "rpc":
            return {"pin": self._threads == 1}
        return self._place.address(session_s=SESSION_S)

    def _reply(self, deadline_s: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = read_line(self._process.stdout.fileno(), deadline_s)
        if line is None:
            self._stop()
            raise TargetError(f"no answer within {deadline_s:g} s, so its process was killed")
        if not line.endswith(b"\n"):
            raise TargetError(f"its process died: {self._stop(patience_s=5.0)}")
        reply: dict[str, Any] = json.loads(line)
        return reply

    def _stop(self, *, patience_s: float = 0.0) -> str:
        """End the process and return how it ended, with the last line it said."""
        process, messages = self._process, self._messages
        self._process = self._messages = None
        if process is None or messages is None:
            return "not running"
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
        process.kill()
        with process, messages:
            messages.seek(0)
            said = last_line(messages.read().decode(errors="replace"))
        return ending(process.returncode) + (f", {said[:200]}" if said else "")
