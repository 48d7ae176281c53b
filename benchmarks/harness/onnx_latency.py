"""An ONNX model timed in onnxruntime, as a program that is asked like a compiled network is.

`python onnx_latency.py MODEL --threads N --bench RUNS --json` prints the median of RUNS runs on one
random image, after some that warm up. A process of its own: threads that wait for onnxruntime's
next run spin, and would slow down what is timed beside them. Input and output are bound, so that
nothing is copied.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

WARM_UP_RUNS = 10
ERROR_SEVERITY = 3


def onnx_command(model: Path) -> tuple[str, ...]:
    """The words that start this program on a model."""
    return (sys.executable, "-P", __file__, str(model.resolve()))


def main() -> None:
    """Time the model and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--bench", type=int, required=True, metavar="RUNS")
    parser.add_argument("--json", action="store_true", required=True)
    words = parser.parse_args()
    times_ms = run_times_ms(words.model, threads=words.threads, runs=words.bench)
    print(json.dumps({"median_ms": statistics.median(times_ms)}))


def run_times_ms(model: Path, *, threads: int, runs: int) -> list[float]:
    """Milliseconds of every run."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = ERROR_SEVERITY
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    (source,), (answer,) = session.get_inputs(), session.get_outputs()
    pixels = np.random.default_rng(0).standard_normal(source.shape).astype(np.float32)
    image = onnxruntime.OrtValue.ortvalue_from_numpy(pixels)
    binding = session.io_binding()
    binding.bind_ortvalue_input(source.name, image)
    binding.bind_output(answer.name)
    times_ms = []
    for _ in range(WARM_UP_RUNS + runs):
        start = time.perf_counter()
        session.run_with_iobinding(binding)
        times_ms.append(1e3 * (time.perf_counter() - start))
    return times_ms[WARM_UP_RUNS:]


if __name__ == "__main__":
    main()
