import os
import sys

from harness.interleaved import Engine, interleaved_ms

# Says that its runs took as many milliseconds as it was asked for runs.
ECHO = "import sys; print({'median_ms': int(sys.argv[4])}.__repr__().replace(chr(39), chr(34)))"
CORES = "import os; print('{\"median_ms\": %d}' % len(os.sched_getaffinity(0)))"


def engine(program: str, *, threads: int = 1) -> Engine:
    return Engine((sys.executable, "-c", program), threads)


def test_a_round_takes_as_many_runs_as_fill_it() -> None:
    # 10 runs of "10 ms" tell that 40 of them take 400 ms.
    times = interleaved_ms({"echo": engine(ECHO)}, rounds=3, round_ms=400)
    assert times == {"echo": [40, 40, 40]}


def test_a_slow_engine_gets_the_fewest_runs() -> None:
    assert interleaved_ms({"echo": engine(ECHO)}, rounds=1, round_ms=1) == {"echo": [10]}


def test_engines_run_on_as_many_cores_as_threads() -> None:
    before = os.sched_getaffinity(0)
    assert engine(CORES).median_ms(runs=1) == 1
    assert engine(CORES, threads=len(before)).median_ms(runs=1) == len(before)
    assert os.sched_getaffinity(0) == before
