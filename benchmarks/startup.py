"""How long `barsctl --help` takes, as a whole process: a median over interleaved rounds.

The bare interpreter is timed beside it, so that a slow machine can be told from slow imports.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from harness.report import Cell, Check, read_options, report

COMMANDS = {
    "barsctl --help": [str(Path(sys.executable).with_name("barsctl")), "--help"],
    "python -c pass": [sys.executable, "-c", "pass"],
}


def main() -> None:
    """Time both commands and report."""
    options = read_options(__doc__)
    rounds = 5 if options.quick else 15
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds + 1):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds[name].append(time.perf_counter() - start)
    # The first round filled the file cache.
    kept = {name: sorted(samples[1:]) for name, samples in seconds.items()}
    rows: list[dict[str, Cell]] = [
        {
            "command": name,
            "median_s": statistics.median(samples),
            "min_s": samples[0],
            "max_s": samples[-1],
        }
        for name, samples in kept.items()
    ]
    median = statistics.median(kept["barsctl --help"])
    report("startup", rows, [Check("barsctl --help, seconds", median, at_most=0.5)], options)


if __name__ == "__main__":
    main()
