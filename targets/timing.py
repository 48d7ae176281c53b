"""Timing kernels in a child process that may crash or hang without harm.

A kernel for another processor dies of an illegal instruction, and a wrong one may never return:
both cost that kernel's time alone, and the next one gets a new process.
"""

import json
import os
import selectors
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from .ending import ending, last_line
from .errors import TargetError
from .kernel_specs import KernelSpec, arguments
from .target import Target

WORKER = Path(__file__).parent / "runners" / "timing_worker.py"
START_DEADLINE_S = 120.0
KERNEL_DEADLINE_S = 30.0


@dataclass(frozen=True, slots=True)
class TimedKernel:
    """A kernel in a shared library: its symbol and the (shape, dtype) of each argument."""

    library: Path
    symbol: str
    tensors: tuple[tuple[tuple[int, ...], str], ...]


def timed_kernel(spec: KernelSpec, target: Target, library: Path) -> TimedKernel:
    """A spec's kernel in a library that was built for the target."""
    tensors = tuple((each.shape, each.dtype) for each in arguments(spec, target.vector_unit))
    return TimedKernel(library, spec.symbol, tensors)


class TimingWorker:
    """A context that times kernels one by one, pinned to one core where the system lets it.

    core: where the process runs, None before the first kernel or where it could not be pinned.
    """

    def __init__(self, *, deadline_s: float = KERNEL_DEADLINE_S) -> None:
        self.core: int | None = None
        self._deadline_s = deadline_s
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def time_us(self, kernel: TimedKernel) -> list[float]:
        """Microseconds of one run, several times. Raises TargetError where it crashes or hangs."""
        if self._process is None:
            self.core = self._start()["core"]
        request = {
            "library": str(kernel.library),
            "symbol": kernel.symbol,
            "tensors": kernel.tensors,
        }
        reply = self._ask(request, self._deadline_s)
        if "error" in reply:
            raise TargetError(f"{kernel.symbol}: {reply['error']}")
        results: list[float] = reply["results_us"]
        return results

    def _start(self) -> dict[str, Any]:
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 (_stop closes it)
        environment = {**os.environ, "TVM_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._messages,
            env=environment, bufsize=0,
        )  # fmt: skip
        return self._reply(START_DEADLINE_S)

    def _ask(self, request: dict[str, Any], deadline_s: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # then there is no reply, and why is found there
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
        return self._reply(deadline_s)

    def _reply(self, deadline_s: float) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = _read_line(self._process.stdout.fileno(), deadline_s)
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


def _read_line(descriptor: int, deadline_s: float) -> bytes | None:
    """One line, or what came of it before the writer died, or None past the deadline."""
    line = b""
    end = time.monotonic() + deadline_s
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while not line.endswith(b"\n"):
            if not selector.select(max(0.0, end - time.monotonic())):
                return None
            part = os.read(descriptor, 1 << 16)
            if not part:
                return line
            line += part
    return line
