"""A search whose process is killed outright, twice, and goes on."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from barsctl.run_folder import LAST, read_metrics
from space.space_file import space_toml
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_runs import SPACE, write_images

ROOT = Path(__file__).parents[2]
MOST_S = 300.0


def killed_when(words: list[str], is_time: Callable[[], bool]) -> None:
    """Run barsctl and kill it as soon as it is time."""
    doomed = subprocess.Popen([sys.executable, "-m", "barsctl", *words], cwd=ROOT)
    end = time.monotonic() + MOST_S
    while doomed.poll() is None and not is_time() and time.monotonic() < end:
        time.sleep(0.002)
    doomed.kill()
    assert doomed.wait() == -signal.SIGKILL
    assert is_time()


def test_search_killed_twice_ends_in_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """While it searches and while it refines; its network is derived as if nothing had been."""
    barsctl, images = CommandLine(monkeypatch, capsys), write_images(tmp_path, count=60)
    (tmp_path / "tiny.toml").write_text(space_toml(SPACE))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = list(map(str, [
        "search", "--space", tmp_path / "tiny.toml", "--data", "npz", "--data-dir", images.data_dir,
        "--device", "cpu", "--batch-size", 16, "--epochs", 3, "--refine-epochs", 5,
        "--budget", "bops=20k", "--out",
    ]))  # fmt: skip
    killed_when([*words, str(killed)], (killed / LAST).exists)
    assert 1 <= len(read_metrics(killed)) < 8
    # A row is written before its checkpoint.
    killed_when([*words, str(killed), "--resume"], lambda: len(read_metrics(killed)) >= 4)
    assert 4 <= len(read_metrics(killed)) < 8
    for run, resume in ((whole, ()), (killed, ("--resume",))):
        assert barsctl(*words, run, *resume).exit_code == 0
        assert barsctl("derive", run, "--candidates", 2).exit_code == 0
    for name in (LAST, "genotype.json"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert read_metrics(killed) == read_metrics(whole)
