"""The processes of `build_server.py`: kept for later requests, as each takes seconds to start."""

import atexit
import os
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

from .read_line import read_line
from .toolchain import core_count

_ROOT = Path(__file__).parent.parent


class BuildServer:
    """One process, for one request at a time."""

    def __init__(self) -> None:
        paths = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
        with ExitStack() as opened:
            # Unbuffered: the process writes at the place where this end has left the file.
            self._messages = opened.enter_context(tempfile.TemporaryFile(buffering=0))
            # -P: no file of the user's folder is taken for a module.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "targets.build_server"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._messages, bufsize=0,
                env={**os.environ, "PYTHONPATH": paths},
            )  # fmt: skip
            self._opened = opened.pop_all()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it may be asked."""
        return self._process.poll() is None

    def done(self, request: Path, *, deadline_s: float) -> subprocess.CompletedProcess[str]:
        """How the request of a file ended, and what was said.

        Raises subprocess.TimeoutExpired; then, as after any exception, only `stop` is left to call.
        """
        process, messages = self._process, self._messages
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):  # then there is no answer, and why is found there
            process.stdin.write(os.fsencode(request) + b"\n")
        answer = read_line(process.stdout.fileno(), deadline_s)
        if answer is None:
            raise subprocess.TimeoutExpired(process.args, deadline_s)
        exit_code = int(answer) if answer else process.wait()
        messages.seek(0)
        said = messages.read().decode(errors="replace")
        messages.seek(0)
        messages.truncate()
        return subprocess.CompletedProcess(process.args, exit_code, stderr=said)

    def stop(self) -> None:
        """End the process, and with it the request that it is at."""
        self._process.kill()
        with self._opened, self._process:
            pass


_Key = tuple[object, ...]
_idle: dict[_Key, list[BuildServer]] = {}
_lock = threading.Lock()  # of the dictionary


def do_request(request: Path, *, deadline_s: float) -> subprocess.CompletedProcess[str]:
    """Have the request of a file done; threads may do so at the same time.

    Raises subprocess.TimeoutExpired.
    """
    idle = _idle_now()
    while True:
        try:
            server, is_new = idle.pop(), False  # as one step: no other thread gets the same
        except IndexError:
            server, is_new = BuildServer(), True
        try:
            done = server.done(request, deadline_s=deadline_s)
        except BaseException:  # after an interrupt too nobody waits for the answer
            server.stop()
            raise
        is_alive = server.is_alive()
        if is_alive and len(idle) < core_count():  # so many build at a time; each holds 80 MB
            idle.append(server)
        else:
            server.stop()
        if is_alive or is_new:  # one that died while nobody asked it says nothing of this request
            return done


def _key() -> _Key:
    """Who may ask a process: not our forks, nor we once Python or TVM are told something else."""
    told = (item for item in os.environ.items() if item[0].startswith(("PYTHON", "TVM")))
    return (os.getpid(), *sorted(told))


def _idle_now() -> list[BuildServer]:
    key = _key()
    with _lock:
        if key not in _idle:
            _stop_idle()  # they would never be asked again
        return _idle.setdefault(key, [])


@atexit.register
def _stop_idle() -> None:
    for key in [key for key in _idle if key[0] == os.getpid()]:
        for server in _idle.pop(key):
            server.stop()
