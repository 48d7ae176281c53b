"""The child process that times subjects; `timing` starts it, by path, and may kill it.

Its argument is JSON: {"pin"} to time here, else {"host", "port", "key", "session_s"} of TVM's RPC,
an empty key for a board itself. It writes a line of JSON once it is ready, then one for every line
on stdin: {"error"} where something went wrong. It imports nothing of this project.
"""

import ctypes
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

FUNCTIONS = {"take_samples": 4, "sample_time_ns": 1, "reference_time_ns": 1}

# What take_samples returns of itself and of networks, instead of a number of runs.
WORDS = {
    0: "it took no sample",
    -1: "there is no such subject, or its memory is not aligned",
    -2: "the processor lacks the instructions of its kernels",
    -3: "it is not made for so many threads",
    -1000: "it does not take so many samples",
    -1001: "the system gives no threads for it: measure with fewer --threads",
}


class Device(Protocol):
    """Loads a library of `take_samples.c` and calls its functions; `facts` are of its processor."""

    def facts(self) -> dict[str, Any]: ...

    def load(self, path: str) -> dict[str, Callable[..., int]]: ...


def main() -> None:
    """Answer requests until stdin ends."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def reply(message: dict[str, Any]) -> None:
        replies.write(json.dumps(message) + "\n")

    try:
        device = device_at(json.loads(sys.argv[1]))
        reply(device.facts())
    except Exception as error:
        reply({"error": described(error)})
        return
    loaded: dict[str, dict[str, Callable[..., int]]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        path = request["library"]
        try:
            if path not in loaded:
                loaded = {path: device.load(path)}
            reply(samples(loaded[path], request))
        except Exception as error:  # a library that does not load is one reply, not the end
            reply({"error": described(error)})


def device_at(address: dict[str, Any]) -> Device:
    """What the argument names, connected."""
    return Board(address) if "host" in address else Here(pin=address["pin"])


def described(error: Exception) -> str:
    """The error in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[-300:]}"


def samples(functions: dict[str, Callable[..., int]], request: dict[str, Any]) -> dict[str, Any]:
    """Take a subject's samples and fetch them."""
    count = request["samples"]
    runs = functions["take_samples"](
        request["subject"], count, request["sample_ns"], request["threads"]
    )
    if runs < 1:
        return {"error": WORDS.get(runs, f"a kernel failed with status {runs}")}
    fetched = {
        name: [functions[name](sample) for sample in range(count)]
        for name in ("sample_time_ns", "reference_time_ns")
    }
    return {"runs": runs, **fetched}


class Here:
    """This machine. A pinned process stays on the last core: the first serve most interrupts."""

    def __init__(self, *, pin: bool) -> None:
        self.core = pinned_core() if pin else None

    def facts(self) -> dict[str, Any]:
        return {"core": self.core}

    def load(self, path: str) -> dict[str, Callable[..., int]]:
        library = ctypes.CDLL(path)
        found: dict[str, Callable[..., int]] = {}
        for name, arguments in FUNCTIONS.items():
            function = getattr(library, name)
            function.argtypes, function.restype = [ctypes.c_int64] * arguments, ctypes.c_int64
            found[name] = function
        return found


def pinned_core() -> int | None:
    """The core that the process stays on from now on; None where it cannot be pinned."""
    try:
        core = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
    except (AttributeError, OSError):
        return None
    return core


class Board:
    """A board behind TVM's RPC, or the next free one of a tracker's `boards`."""

    def __init__(self, address: dict[str, Any]) -> None:
        self.session, self.boards = board_session(address)

    def facts(self) -> dict[str, Any]:
        try:
            told = str(self.session.get_function("barsctl.device_info")())
        except Exception:  # TVM's own server knows no such function
            told = ""
        return {"boards": self.boards, "device_info": told}

    def load(self, path: str) -> dict[str, Callable[..., int]]:
        self.session.upload(path)
        module = self.session.load_module(Path(path).name)
        return {name: module[name] for name in FUNCTIONS}


def board_session(address: dict[str, Any]) -> tuple[Any, int]:
    """A session of TVM's RPC, and how many boards there are."""
    rpc = tvm_rpc()
    host, port, key = address["host"], address["port"], address["key"]
    if not key:
        return rpc.connect(host, port, session_timeout=address["session_s"]), 1
    tracker = rpc.connect_tracker(host, port)
    known = [each["key"].removeprefix("server:") for each in tracker.summary()["server_info"]]
    if key not in known:
        raise LookupError(f"the tracker has no board {key!r}; it has {sorted(set(known))}")
    return tracker.request(key, session_timeout=address["session_s"]), known.count(key)


def tvm_rpc() -> Any:
    """TVM's client."""
    # tvm imports torch where it finds it, which takes longer than all the rest of a worker's start.
    sys.modules["torch"] = None  # type: ignore[assignment]
    from tvm import rpc

    return rpc


if __name__ == "__main__":
    main()
