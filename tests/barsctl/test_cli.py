import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from barsctl import cli
from barsctl.errors import BarsError, BudgetError, ExitCode, VerificationError
from costmodels.errors import BudgetUnreachable, CostError
from space.errors import SpaceError
from targets.errors import TargetError
from tests.barsctl.command_line import CommandLine


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "barsctl", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def ended_with(error: Exception, monkeypatch: pytest.MonkeyPatch) -> object:
    """The exit code of a command that an error ends."""

    def app() -> None:
        raise error

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    return stop.value.code


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (BarsError("seed -1"), 1),
        (SpaceError("seed -1"), 1),
        (CostError("seed -1"), 1),
        (TargetError("seed -1"), 1),
        (BudgetError("seed -1"), 3),
        (BudgetUnreachable("seed -1"), 3),
        (VerificationError("seed -1"), 4),
    ],
)
def test_user_error_becomes_one_line(
    error: Exception,
    exit_code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended_with(error, monkeypatch) == exit_code
    assert capsys.readouterr() == ("", "barsctl: seed -1\n")


def test_control_characters_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        cli.fail("node 'a\x1b[31m\n\u00e9' is not known", ExitCode.CANNOT)
    assert capsys.readouterr().err == "barsctl: node 'a\\x1b[31m \u00e9' is not known\n"


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 9 TiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
        RuntimeError("CUDA out of memory. Tried to allocate 9 GiB"),
    ],
)
def test_full_memory_becomes_one_line(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended_with(error, monkeypatch) == 1
    told = capsys.readouterr().err
    assert told.startswith(f"barsctl: the memory is full ({error}); take a smaller --batch-size")
    assert len(told.splitlines()) == 1


def test_closed_standard_error_is_no_failure() -> None:
    program = (
        "import sys; from barsctl import cli\n"
        "cli.app = lambda: sys.stderr.write('how it stands')\n"
        "cli.main()"
    )
    closed = ["sh", "-c", '"$0" -c "$1" 2>&-', sys.executable, program]
    assert subprocess.run(closed, check=False).returncode == 0


def test_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def app() -> None:
        raise KeyError("stage")

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(KeyError, match="stage"):
        cli.main()


def test_refusal_of_the_system_becomes_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    place = tmp_path / "no folder" / "file"
    with pytest.raises(OSError, match="No such file") as refused:
        place.write_text("")
    assert ended_with(refused.value, monkeypatch) == 1
    assert capsys.readouterr().err == (
        f"barsctl: {place}: No such file or directory; check path, permissions and free space\n"
    )


def test_interrupt_becomes_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def examine() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("barsctl.commands.doctor.examine", examine)
    monkeypatch.setattr(sys, "argv", ["barsctl", "doctor"])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 130
    said = capsys.readouterr().err
    assert said.startswith("barsctl: interrupted; what was finished is kept")
    assert len(said.splitlines()) == 1


def test_interrupt_while_importing_leaves_no_traceback() -> None:
    """The signal comes when the first module of the command line is looked for."""
    program = (
        "import os, signal, sys\n"
        # Jobs in the background of a shell ignore it, and so do their children.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'barsctl.cli': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "import runpy; runpy.run_module('barsctl', run_name='__main__')\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert (answer.returncode, answer.stderr) == (130, "barsctl: interrupted\n")


def command_words() -> list[tuple[str, ...]]:
    """The words of every command, of those in groups two."""

    def below(group: TyperGroup, *words: str) -> Iterator[tuple[str, ...]]:
        for name, command in group.commands.items():
            if isinstance(command, TyperGroup):
                yield from below(command, *words, name)
            else:
                yield (*words, name)

    whole = get_command(cli.app)
    assert isinstance(whole, TyperGroup)
    return list(below(whole))


@pytest.mark.parametrize("words", command_words(), ids=" ".join)
def test_help_shows_an_example(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = CommandLine(monkeypatch, capsys)(*words, "--help")
    assert answer.exit_code == 0
    assert f"Example: barsctl {' '.join(words)}" in " ".join(answer.out.split())


def test_wrong_usage_exits_two() -> None:
    answer = run("--no-such-option")
    assert answer.returncode == 2
    assert "No such option" in answer.stderr


def test_version_is_the_installed_one() -> None:
    answer = run("--version")
    assert (answer.returncode, answer.stdout) == (0, version("barsctl") + "\n")
