"""The command line, run in this process."""

import sys
from dataclasses import dataclass

import pytest

from barsctl.cli import main


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    exit_code: int
    out: str
    err: str


@dataclass(frozen=True)
class CommandLine:
    """`barsctl` with some words."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *words: object) -> Answer:
        self.monkeypatch.setattr(sys, "argv", ["barsctl", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            main()
        said = self.capsys.readouterr()
        return Answer(int(stop.value.code or 0), said.out, said.err)
