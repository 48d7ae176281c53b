import errno
import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from barsctl.folder_lock import FolderInUseError, derive_lock
from barsctl.run_folder import open_run


def test_second_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    told = r"another derive or pareto is at work in .*; wait for it to end"
    with derive_lock(tmp_path), pytest.raises(FolderInUseError, match=told), derive_lock(tmp_path):
        pass
    with derive_lock(tmp_path):
        pass


def test_killed_process_lets_go(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from barsctl.folder_lock import derive_lock\n"
        "with derive_lock(Path(sys.argv[1])): os.kill(os.getpid(), 9)\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program, tmp_path], check=False, cwd=root)
    assert ended.returncode == -9
    with derive_lock(tmp_path):
        pass


def test_file_system_without_locks_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with derive_lock(tmp_path), derive_lock(tmp_path):
        pass


def test_lock_alone_makes_no_run(tmp_path: Path) -> None:
    with derive_lock(tmp_path):
        pass
    open_run(tmp_path, {"seed": 0}, resume=False)
