import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from targets.catalog import named_target
from targets.errors import TargetError
from targets.host import host_flags
from targets.measuring import timing
from targets.measuring.place import LOCAL, Place
from targets.measuring.timing import (
    SAMPLES,
    AbandonedError,
    Deadlines,
    TimingWorker,
    UnreachableError,
)
from targets.measuring.timing_worker import FUNCTIONS, samples
from targets.subjects.library import build_timing_library
from targets.subjects.subject import Subject
from targets.target import Target
from targets.tiling import NO_TILES
from tests.example_graphs import EXAMPLE_GRAPHS
from tests.targets.timed_blocks import CRASHING, small_specs

SPEC, OTHER, _ = small_specs()
NETWORK = EXAMPLE_GRAPHS["cell"]()


def library_for(target: Target, folder: Path, *, threads: int = 1) -> Path:
    subjects: list[Subject] = [SPEC, OTHER, NETWORK]
    build_timing_library(
        subjects, target, folder, "kernels.so", threads=threads, tiles=NO_TILES, notify=print
    )
    return folder / "kernels.so"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library_for(named_target("host"), tmp_path_factory.mktemp("timing"), threads=2)


@pytest.fixture(scope="module")
def worker() -> Iterator[TimingWorker]:
    with TimingWorker(LOCAL) as worker:
        yield worker


@pytest.mark.parametrize("subject", [0, 1, 2])
def test_subjects_are_timed_several_times(
    subject: int, library: Path, worker: TimingWorker
) -> None:
    found = worker.samples_us(library, subject)
    assert len(found.times) == len(found.references) == SAMPLES
    assert found.times.min() > 0
    assert worker.fastest_reference <= found.references.min()


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (-1001, "the system gives no threads for it: measure with fewer --threads"),
        (-2, "the processor lacks the instructions of its kernels"),
        (7, None),
        (-7, "a kernel failed with status -7"),
    ],
)
def test_what_cannot_run_is_told_in_words(returned: int, words: str | None) -> None:
    functions = {name: lambda *_: returned for name in FUNCTIONS}
    request = {"subject": 0, "samples": 1, "sample_ns": 1, "threads": 1}
    assert samples(functions, request).get("error") == words


def test_worker_stays_on_one_core(worker: TimingWorker) -> None:
    assert worker.facts().core in os.sched_getaffinity(0)


@pytest.mark.parametrize("subject", [0, 2])
def test_threads_share_a_run_on_all_cores(subject: int, library: Path) -> None:
    with TimingWorker(LOCAL, threads=2) as worker:
        assert worker.facts().core is None
        assert worker.samples_us(library, subject).times.min() > 0


@pytest.mark.skipif("avx2" not in host_flags(), reason="the crashing kernel is for x86 with AVX2")
def test_crash_costs_one_subject(library: Path, worker: TimingWorker, tmp_path: Path) -> None:
    crashing = library_for(CRASHING, tmp_path)
    with pytest.raises(TargetError, match="its process died: SIGILL"):
        worker.samples_us(crashing, 0)
    assert worker.samples_us(library, 0).times.min() > 0


def test_silence_past_the_deadline_is_ended(library: Path) -> None:
    too_long = pytest.raises(TargetError, match=r"no answer within 0\.001 s")
    with TimingWorker(LOCAL, deadlines=Deadlines(answer_s=0.001)) as worker, too_long:
        worker.samples_us(library, 0)


def test_abandoned_worker_does_not_start_again(library: Path) -> None:
    with TimingWorker(LOCAL) as worker:
        worker.facts()
        worker.abandon()
        with pytest.raises(TargetError, match="its process died: SIGKILL"):
            worker.samples_us(library, 0)
        with pytest.raises(AbandonedError):
            worker.samples_us(library, 0)


def test_unknown_subject_is_refused(library: Path, worker: TimingWorker) -> None:
    with pytest.raises(TargetError, match="there is no such subject"):
        worker.samples_us(library, 3)
    assert worker.samples_us(library, 0).times.min() > 0


def test_missing_library_is_refused(tmp_path: Path, worker: TimingWorker) -> None:
    with pytest.raises(TargetError, match=r"gone\.so"):
        worker.samples_us(tmp_path / "gone.so", 0)


NONSENSE = {
    "fewer samples": '{"runs": 5, "sample_time_ns": [7], "reference_time_ns": [7]}',
    "times below 1": '{"runs": 5, "sample_time_ns": [0], "reference_time_ns": [7]}',
    "other words": '{"hello": 1}',
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused(answer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        f"import sys\nprint('{{}}', flush=True)\nfor _ in sys.stdin:\n"
        f"    print({answer!r}, flush=True)\n"
    )
    monkeypatch.setattr(timing, "WORKER", script)
    with TimingWorker(LOCAL) as worker, pytest.raises(TargetError, match="local answers nonsense"):
        worker.samples_us(tmp_path, 0)


def test_refused_connection_is_told() -> None:
    place = Place("rpc", "127.0.0.1", 9)
    with (
        TimingWorker(place) as worker,
        pytest.raises(
            UnreachableError, match=r"^rpc://127\.0\.0\.1:9 cannot be reached .*is it started"
        ),
    ):
        worker.facts()
