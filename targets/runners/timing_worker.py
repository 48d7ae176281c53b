"""The child process that times kernels; `targets.timing` starts it, by path, and may kill it.

One JSON request a line on stdin (library, symbol, tensors as [shape, dtype] pairs), one reply a
line on stdout: {"results_us": [...]} or {"error": "..."}. The first line it writes names the core
that it runs on, or null where it could not be pinned. It imports nothing of this project.
"""

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

# tvm imports torch where it finds it, which takes longer than all the rest of a worker's start.
sys.modules["torch"] = None  # type: ignore[assignment]
import tvm  # noqa: E402

# Repeats shorter than a scheduler's time slice: where other work shares the core, few of them are
# interrupted, and their median is the kernel's own time.
REPEAT_MS = 1
REPEATS = 15
ENOUGH_ROUNDS = 4
ENOUGH_S = 0.5
SETTLED = 0.05


def main() -> None:
    """Answer requests until stdin ends."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for reply in answers(pinned_core()):
        replies.write(json.dumps(reply) + "\n")


def answers(core: int | None) -> Iterator[dict[str, Any]]:
    """The greeting, then a reply for each request."""
    yield {"core": core}
    libraries: dict[str, Any] = {}
    for line in sys.stdin:
        request = json.loads(line)
        path = request["library"]
        try:
            if path not in libraries:
                libraries = {path: tvm.runtime.load_module(path)}
            yield {"results_us": time_kernel(libraries[path], request)}
        except Exception as error:  # a kernel that refuses its arguments is one reply, not the end
            yield {"error": f"{type(error).__name__}: {error}"}


def pinned_core() -> int | None:
    """Stay on the last core that we may use: the first ones serve most interrupts."""
    try:
        core = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
    except (AttributeError, OSError):
        return None
    return core


def time_kernel(library: Any, request: dict[str, Any]) -> list[float]:
    """Means of several runs each, in microseconds; more rounds while they are far apart."""
    rng = np.random.default_rng(0)
    tensors = [
        tvm.runtime.tensor(random_array(rng, tuple(shape), np.dtype(dtype)))
        for shape, dtype in request["tensors"]
    ]

    evaluator = library.time_evaluator(
        request["symbol"], tvm.cpu(), number=1, repeat=REPEATS, min_repeat_ms=REPEAT_MS
    )
    evaluator(*tensors, 0, 1)
    results: list[float] = []
    end = time.monotonic() + ENOUGH_S
    for _ in range(ENOUGH_ROUNDS):
        results += [seconds * 1e6 for seconds in evaluator(*tensors, 0, 1).results]
        low, middle, high = np.quantile(results, [0.1, 0.5, 0.9])
        if high - low <= SETTLED * middle or time.monotonic() > end:
            break
    return results


def random_array(
    rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Values of the whole range of the type: no kernel's time may hang on zeros."""
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


if __name__ == "__main__":
    main()
