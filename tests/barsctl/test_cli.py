import subprocess
import sys
from importlib.metadata import version

import pytest

from barsctl import cli
from barsctl.errors import BarsError, BudgetError, VerificationError
from costmodels.errors import BudgetUnreachable, CostError
from space.errors import SpaceError
from targets.errors import TargetError


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "barsctl", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


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
    def app() -> None:
        raise error

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == exit_code
    assert capsys.readouterr() == ("", "barsctl: seed -1\n")


def test_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def app() -> None:
        raise KeyError("stage")

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(KeyError, match="stage"):
        cli.main()


def test_wrong_usage_exits_two() -> None:
    answer = run("--no-such-option")
    assert answer.returncode == 2
    assert "No such option" in answer.stderr


def test_version_is_the_installed_one() -> None:
    answer = run("--version")
    assert (answer.returncode, answer.stdout) == (0, version("barsctl") + "\n")
