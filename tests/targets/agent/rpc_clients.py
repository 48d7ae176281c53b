"""Clients of TVM's RPC that always have a deadline: tvm's own wait for ever."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("rpc_client_process.py")
DEADLINE_S = 30.0


@dataclass(frozen=True)
class Client:
    """A client at work."""

    pid: int
    answer: Path

    def answers(self) -> list[Any]:
        """What its steps returned; the last is an error's text where one failed."""
        if not happens(self.answer.exists):
            self.kill()
            raise TimeoutError(f"no answer within {DEADLINE_S:g} s")
        found: list[Any] = json.loads(self.answer.read_text())
        return found

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


@dataclass(frozen=True)
class Clients:
    """Starts clients, in milliseconds each."""

    process: subprocess.Popen[str]
    folder: Path
    numbers: Iterator[int]

    def start(
        self, port: int, *steps: tuple[str, ...], key: str | None = None, timeout_s: float = 0
    ) -> Client:
        """key: then the port is a tracker's."""
        answer = self.folder / f"{next(self.numbers)}.json"
        task = {"port": port, "steps": steps, "key": key, "timeout_s": timeout_s}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({**task, "answer": str(answer)}) + "\n")
        self.process.stdin.flush()
        return Client(int(self.process.stdout.readline()), answer)


@contextmanager
def running_clients(folder: Path) -> Iterator[Clients]:
    """Clients whose answers go into the folder."""
    command = [sys.executable, str(PROGRAM)]
    with (
        (folder / "clients.log").open("w") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            yield Clients(process, folder, count())
        finally:
            process.kill()


def happens(condition: Any) -> bool:
    """Whether a condition comes true within the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
