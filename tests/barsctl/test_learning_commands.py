"""search, derive, train and spaces, as a user and as a script call them."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from inspect import signature
from pathlib import Path

import pytest

from barsctl.commands.search import search
from barsctl.commands.sweep import sweep
from barsctl.commands.train import train
from barsctl.search_settings import SearchSettings
from barsctl.train_settings import TrainSettings
from space.presets import SPACES
from space.space_file import read_space
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_runs import write_images


@pytest.fixture
def barsctl(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def data_words(folder: Path) -> tuple[str, ...]:
    images = write_images(folder).data_dir
    assert images is not None
    return "--data", "npz", "--data-dir", images, "--batch-size", "16", "--device", "cpu"


def test_search_derive_and_train_follow_one_another(barsctl: CommandLine, tmp_path: Path) -> None:
    images, run = data_words(tmp_path), tmp_path / "search"
    epochs = ("--epochs", "2", "--warmup-epochs", "1")
    search: tuple[str | Path, ...] = (
        "search", *images, *epochs, "--budget", "bops=100k", "--out", run, "--json",
    )  # fmt: skip
    searched = barsctl(*search)
    assert searched.exit_code == 0
    assert json.loads(searched.out)["budget"] == {"bops": 100e3}
    assert barsctl(*search, "--resume").out == searched.out

    derived = barsctl("derive", run, "--candidates", "2", "--json")
    assert derived.exit_code == 0
    best = json.loads(derived.out)["candidates"][0]
    assert best["cost"]["bops"] <= 100e3
    assert best["trial_loss"] is None
    table = barsctl("derive", run, "--candidates", "3", "--trials", "2").out.splitlines()
    assert table[0].split()[:5] == ["rank", "accuracy", "trial", "bops", "measured"]
    accuracy, told = table[1].split()[2:4]
    assert (0 < float(accuracy.removesuffix("%")) <= 100, told) == (True, "(10)")
    loss, told = table[2].split()[2:4]
    assert (float(loss) > 0, told) == (True, "(3)")
    assert table[3].split()[2] == "-"

    trained = barsctl("train", run, *images, "--out", tmp_path / "train", "--epochs", "1")
    assert trained.exit_code == 0
    assert "test accuracy" in trained.out
    assert ", with the search's weights " in trained.out
    assert (tmp_path / "train" / "genotype.json").read_bytes() == (
        run / "genotype.json"
    ).read_bytes()


def test_defaults_are_those_of_the_settings(barsctl: CommandLine, tmp_path: Path) -> None:
    images = write_images(tmp_path, count=30).data_dir
    assert images is not None
    given = ("--data", "npz", "--data-dir", images, "--device", "cpu", "--epochs", "1")
    run, training = tmp_path / "search", tmp_path / "train"
    assert barsctl("search", *given, "--out", run).exit_code == 0
    assert barsctl("derive", run, "--candidates", "1").exit_code == 0
    assert barsctl("train", run, *given, "--out", training).exit_code == 0
    # What is left out is as in the settings, but for the epochs, which would take too long here.
    searching, learning = SearchSettings(), TrainSettings()
    assert settings_in(run) == asdict(replace(searching, epochs=1, warmup_epochs=0))
    assert settings_in(training) == asdict(replace(learning, epochs=1))
    assert default(search, "epochs") == searching.epochs == 5 * searching.warmup_epochs
    assert default(train, "epochs") == default(sweep, "train_epochs") == learning.epochs
    assert default(sweep, "epochs") == searching.epochs
    assert default(sweep, "batch_size") == searching.batch_size == learning.batch_size


def default(command: Callable[..., None], option: str) -> object:
    return signature(command).parameters[option].default


def settings_in(run: Path) -> object:
    return json.loads((run / "config.json").read_text())["settings"]


def test_impossible_budget_exits_three(barsctl: CommandLine, tmp_path: Path) -> None:
    answer = barsctl(
        "search", *data_words(tmp_path), "--budget", "bops=1k", "--out", tmp_path / "run"
    )
    assert answer.exit_code == 3
    assert "smallest reachable" in answer.err
    assert len(answer.err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_kept_part_needs_a_network(barsctl: CommandLine, tmp_path: Path) -> None:
    answer = barsctl("search", *data_words(tmp_path), "--keep", "layout", "--out", tmp_path / "run")
    assert answer.exit_code == 1
    assert "give --like GENOTYPE.json" in answer.err
    assert len(answer.err.splitlines()) == 1


def test_used_folder_exits_one(barsctl: CommandLine, tmp_path: Path) -> None:
    answer = barsctl("search", *data_words(tmp_path), "--out", tmp_path)
    assert answer.exit_code == 1
    assert answer.err.startswith(f"barsctl: {tmp_path} is not empty")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--budget", "bops=ten"), "not an amount of bops"),
        (("--budget", "speed=2"), "not a cost"),
        (("--epochs", "0"), "greater than or equal to 1"),
        (("--sampling", "argmax"), "argmax"),
        (("--learning-rate", "-1"), "-1 is below 0"),
        (("--architecture-learning-rate", "nan"), "nan is not a finite number"),
        (("--entropy", "inf"), "inf is not a finite number"),
        (("--entropy", "-1e31"), "-1e31 is beyond 1e+30; give a smaller one"),
        (("--learning-rate", "1e39"), "1e39 is beyond 1e+30"),
        (("--last-temperature", "0"), "0 is not above 0"),
        (("--seed", str(2**63)), "9223372036854775808 is no seed; give a whole number"),
        (("--seed", "-1"), "-1 is no seed"),
    ],
)
def test_wrong_words_exit_two(
    words: tuple[str, ...], message: str, barsctl: CommandLine, tmp_path: Path
) -> None:
    answer = barsctl("search", "--out", tmp_path / "run", *words)
    assert answer.exit_code == 2
    assert message in " ".join(answer.err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("derive", "run", "--trial-epochs", "3"), "--trial-epochs 3 is about trials"),
        (("train", "bireal-18", "--out", "run", "--table", "t.jsonl"), "--table t.jsonl prices"),
        (("train", "bireal-18", "--out", "run", "--ema", "1"), "1 is not below 1, and nothing"),
    ],
)
def test_words_that_nothing_would_come_of_exit_two(
    words: tuple[str, ...], message: str, barsctl: CommandLine
) -> None:
    answer = barsctl(*words)
    assert answer.exit_code == 2
    assert message in " ".join(answer.err.replace("│", " ").split())


def test_spaces_are_all_listed(barsctl: CommandLine) -> None:
    listed = json.loads(barsctl("spaces", "--json").out)
    assert [row["name"] for row in listed] == list(SPACES)
    lines = barsctl("spaces").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == list(SPACES)
    assert lines[1].split()[1:3] == ["28x28x1", "10"]


def test_space_is_shown_as_its_file(barsctl: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(barsctl("spaces", "fashion-small").out)
    assert read_space(path) == SPACES["fashion-small"]
    assert barsctl("spaces", path).out == path.read_text()
    assert json.loads(barsctl("spaces", path, "--json").out)["path"] == "narrow"


def test_budget_given_twice_is_refused(barsctl: CommandLine, tmp_path: Path) -> None:
    answer = barsctl(
        "search", *data_words(tmp_path), "--budget", "bops=5M", "--budget", "bops=4M",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert answer.exit_code == 1
    assert "budget bops is given twice" in answer.err


def test_search_that_only_warms_up_is_refused(barsctl: CommandLine, tmp_path: Path) -> None:
    answer = barsctl(
        "search", *data_words(tmp_path), "--epochs", "2", "--warmup-epochs", "2",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert answer.exit_code == 1
    assert "warm-up of 2 epochs in a search of 2" in answer.err


def test_diverged_training_is_not_kept(barsctl: CommandLine, tmp_path: Path) -> None:
    answer = barsctl(
        "search", *data_words(tmp_path), "--epochs", "2", "--learning-rate", "1e30",
        "--out", tmp_path / "run",
    )  # fmt: skip
    assert answer.exit_code == 1
    assert "epoch 1: the architecture's logits are no numbers; start again with" in answer.err
    assert not (tmp_path / "run" / "last.safetensors").exists()


# Where tvm is not installed, importing it fails, as it does after this.
WITHOUT_TVM = (
    "import sys; sys.modules['tvm'] = sys.modules['tvm_ffi'] = None\n"
    "from barsctl.cli import main; main()"
)


def test_learning_needs_no_tvm(tmp_path: Path) -> None:
    images, run = data_words(tmp_path), str(tmp_path / "search")
    budget = ("--epochs", "1", "--budget", "bops=100k")
    for words in (
        ("search", *images, *budget, "--out", run),
        ("derive", run, "--candidates", "1"),
        ("train", run, "--epochs", "1", "--device", "cpu", "--out", str(tmp_path / "train")),
    ):
        command = [sys.executable, "-c", WITHOUT_TVM, *words]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "train" / "result.json").exists()
