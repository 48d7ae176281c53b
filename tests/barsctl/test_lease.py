import errno
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import barsctl.lease
from barsctl.lease import (
    GIVEN_UP_AFTER_S,
    LEASE,
    RENEWED_EVERY_S,
    STALE_AFTER_S,
    LostLease,
    Watch,
    holds,
    own_lease,
    renewed,
    write_lease,
)
from space.atomic import write_atomically


class Clock:
    """A clock that is set by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_folder_without_a_lease_is_free(tmp_path: Path) -> None:
    assert Watch().is_free(tmp_path)


def test_living_process_keeps_its_folder(tmp_path: Path) -> None:
    write_lease(tmp_path, own_lease())
    assert not Watch().is_free(tmp_path)


def test_killed_process_of_this_machine_leaves_at_once(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from barsctl.lease import *\n"
        "write_lease(Path(sys.argv[1]), own_lease()); os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program, tmp_path], check=False, cwd=root)
    assert ended.returncode == -9
    assert Watch().is_free(tmp_path)


def test_number_that_another_process_got_is_free(tmp_path: Path) -> None:
    write_lease(tmp_path, replace(own_lease(), started="1"))
    assert Watch().is_free(tmp_path)


def test_lease_of_another_machine_ends_unrenewed(tmp_path: Path) -> None:
    clock, lease = Clock(), replace(own_lease(), machine="another", process=2**22)
    watch = Watch(clock)
    write_lease(tmp_path, lease)
    assert not watch.is_free(tmp_path)
    clock.now_s += STALE_AFTER_S - 1
    write_lease(tmp_path, lease, renewals=1)
    assert not watch.is_free(tmp_path)
    clock.now_s += STALE_AFTER_S
    assert not watch.is_free(tmp_path)
    clock.now_s += 1
    assert watch.is_free(tmp_path)


def test_torn_lease_ends_unrenewed_too(tmp_path: Path) -> None:
    clock = Clock()
    watch = Watch(clock)
    (tmp_path / LEASE).write_text('{"machine": ')
    assert not watch.is_free(tmp_path)
    clock.now_s += STALE_AFTER_S + 1
    assert watch.is_free(tmp_path)


def test_lease_is_renewed_and_given_back(tmp_path: Path) -> None:
    lease = own_lease()
    write_lease(tmp_path, lease)
    with renewed(tmp_path, lease, every_s=0.001):
        while json.loads((tmp_path / LEASE).read_bytes())["renewals"] < 2:
            pass
        assert holds(tmp_path, lease)
    assert not (tmp_path / LEASE).exists()


def test_worker_that_lost_its_folder_is_stopped(tmp_path: Path) -> None:
    lease, other = own_lease(), own_lease()
    write_lease(tmp_path, lease)

    def work_on() -> None:
        with renewed(tmp_path, lease, every_s=0.001):
            while True:  # a renewal under way may overwrite it
                write_lease(tmp_path, other)
                time.sleep(0.001)

    with pytest.raises(LostLease, match="another worker took it over"):
        work_on()
    assert holds(tmp_path, other)


def test_nothing_in_the_context_keeps_the_loss_to_itself(tmp_path: Path) -> None:
    lease, other = own_lease(), own_lease()
    write_lease(tmp_path, lease)

    def work_on() -> None:
        with renewed(tmp_path, lease, every_s=0.001):
            for _ in range(500):
                with suppress(Exception):  # as where budgets are measured, and damaged files read
                    write_lease(tmp_path, other)
                    time.sleep(0.001)

    with pytest.raises(LostLease, match="another worker took it over"):
        work_on()


def fail_to_write(monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[int]:
    """Let renewals meet a full disk; returns how many more will."""
    left = [times]

    def write(path: Path, content: str) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        write_atomically(path, content)

    monkeypatch.setattr(barsctl.lease, "write_atomically", write)
    return left


def test_full_disk_is_sat_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = own_lease()
    write_lease(tmp_path, lease)
    left = fail_to_write(monkeypatch, times=3)
    with renewed(tmp_path, lease, every_s=0.001):
        for _ in range(2000):
            if json.loads((tmp_path / LEASE).read_bytes())["renewals"] > 1:
                break
            time.sleep(0.001)
        else:
            pytest.fail("it was renewed no more")
    assert left == [0]


def test_worker_stops_before_its_unwritten_lease_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert GIVEN_UP_AFTER_S + 2 * RENEWED_EVERY_S <= STALE_AFTER_S
    lease = own_lease()
    write_lease(tmp_path, lease)
    left = fail_to_write(monkeypatch, times=10**6)
    monkeypatch.setattr(barsctl.lease, "GIVEN_UP_AFTER_S", 0.02)

    def work_on() -> None:
        with renewed(tmp_path, lease, every_s=0.001):
            time.sleep(2.0)

    with pytest.raises(LostLease, match=r"could not be renewed .*No space left .*can be written"):
        work_on()
    assert left[0] < 10**6 - 2  # it was tried again
    assert not (tmp_path / LEASE).exists()
