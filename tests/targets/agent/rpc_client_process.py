"""Clients of TVM's RPC, each a fork of this process, which imports tvm once; they may be killed.

One JSON task a line on stdin, the client's process number a line on stdout; its answers go into a
file. The sequences of calls are those of a client on a user's machine.
"""

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# tvm imports torch where it finds it, which takes seconds.
sys.modules["torch"] = None  # type: ignore[assignment]
from tvm import rpc  # noqa: E402


def main() -> None:
    """Start clients until stdin ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            answer(json.loads(line))
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


def answer(task: dict[str, Any]) -> None:
    """Do the steps up to the first that fails, and write what each returned."""
    answers: list[Any] = []
    try:
        session = connect(task)
        for step, *words in task["steps"]:
            answers.append(STEPS[step](session, *words))
    except Exception as error:  # every one of tvm's is an answer
        answers.append(f"{type(error).__name__}: {error}")
    path = Path(task["answer"])
    path.with_suffix(".new").write_text(json.dumps(answers))
    path.with_suffix(".new").rename(path)


def connect(task: dict[str, Any]) -> Any:
    if task["key"] is None:
        return rpc.connect("127.0.0.1", task["port"], session_timeout=task["timeout_s"])
    tracker = rpc.connect_tracker("127.0.0.1", task["port"])
    return tracker.request(task["key"], session_timeout=task["timeout_s"], max_retry=1)


def upload(session: Any, path: str) -> None:
    session.upload(path)


def upload_as(session: Any, name: str) -> None:
    session.upload(bytearray(b"text"), name)


def call(session: Any, library: str, function: str) -> Any:
    return session.load_module(library)[function](20, 22)


def device_info(session: Any) -> Any:
    return session.get_function("barsctl.device_info")()


STEPS: dict[str, Callable[..., Any]] = {
    "upload": upload,
    "upload_as": upload_as,
    "call": call,
    "device_info": device_info,
}


if __name__ == "__main__":
    main()
