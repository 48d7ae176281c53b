from collections.abc import Iterator
from functools import partial

import pytest

from barsctl.progress import progress_bar


def test_log_file_gets_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    # The start, then 12 s per step: lines after the first, after 36 and 72 s, and after the last.
    seconds: Iterator[float] = iter(range(0, 1000, 12))
    with progress_bar("train", 12, done_steps=4, clock=lambda: next(seconds)) as advance:
        for step in range(4, 12):
            advance(partial("step {}".format, step))
    assert capsys.readouterr().err.splitlines() == [
        "train 42%  step 4",
        "train 67%  0:00:48 left  step 7",
        "train 92%  0:00:12 left  step 10",
        "train 100%  0:00:00 left  step 11",
    ]
