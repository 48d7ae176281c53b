"""Building in parts: halves are tried where a part fails, and not after an interrupt."""

import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from targets.errors import TargetError
from targets.measuring import bench
from targets.measuring.bench import Built, build_in_parts
from targets.measuring.measured import Failed
from targets.subjects.subject import Subject
from targets.tiling import NO_TILES
from tests.targets.timed_blocks import small_specs


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "core_count", lambda: 1)


def test_only_the_subject_at_fault_fails(tmp_path: Path) -> None:
    subjects = small_specs()

    def build(part: Sequence[Subject], work: Path) -> Path:
        if subjects[1] in part:
            raise TargetError("it does not compile")
        return work / "library.so"

    results = build_in_parts(subjects, tmp_path, tiles=NO_TILES, build=build)
    assert [type(each) for each in results] == [Built, Failed, Built]
    assert results[1] == Failed(subjects[1], "it does not compile")


def test_interrupted_building_tries_no_halves(tmp_path: Path) -> None:
    tried: list[int] = []

    def build(part: Sequence[Subject], work: Path) -> Path:
        assert work.is_dir()
        tried.append(len(part))
        main = threading.main_thread().ident
        assert main is not None
        signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.5)  # until the main thread has heard of it
        raise TargetError("the compiler died of SIGINT")

    # Jobs in the background of a shell ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            build_in_parts(small_specs(), tmp_path, tiles=NO_TILES, build=build)
    finally:
        signal.signal(signal.SIGINT, before)
    assert tried == [3]
