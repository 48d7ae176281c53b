"""The process that imports TVM once, then does each request in a fork of itself, which may crash.

A line on stdin is the path of a request's file; the answer on stdout is a line with the fork's exit
code, as `subprocess` has it. What forks say goes to stderr. The process ends where stdin does, also
within a request, and a fork dies with it. It has one thread: more would be lost in forks.
"""

import ctypes
import gc
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed is no answer
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy would start threads at its import
    from targets.kernels.worker import main as build

    gc.freeze()  # so that a collection in a fork copies nothing of this
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would hide how forks end
    # An interrupt at the terminal ends the requests; this process ends with who started it.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    on_interrupt = signal.SIG_IGN if before == signal.SIG_IGN else signal.SIG_DFL
    own = os.getpid()
    for line in sys.stdin.buffer:
        fork = os.fork()
        if fork == 0:
            signal.signal(signal.SIGINT, on_interrupt)
            os._exit(_exit_code(Path(os.fsdecode(line[:-1])), build, server=own))
        if _is_abandoned(fork):
            return
        _, status = os.waitpid(fork, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


def _is_abandoned(fork: int) -> bool:
    """Wait for a fork to end; whether stdin did before, so that nobody waits for the answer."""
    ended = os.pidfd_open(fork)
    try:
        readable, _, _ = select.select([0, ended], [], [])
    finally:
        os.close(ended)
    return 0 in readable


def _exit_code(request: Path, build: Callable[[], int], *, server: int) -> int:
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != server:  # it had died before that
            return 1
        with request.open() as sys.stdin:
            return build()
    except BaseException:  # a fork must never get back into the loop
        traceback.print_exc()
        return 1
    finally:
        sys.stderr.flush()


if __name__ == "__main__":
    main()
