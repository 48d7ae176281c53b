"""What search and train are told on the command line is what their config.json holds."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barsctl.kept_part import kept_part
from barsctl.search_settings import SearchSettings
from barsctl.train_settings import TrainSettings
from space.genotype import random_genotype, write_genotype
from space.space_file import space_toml
from tests.barsctl.command_line import CommandLine
from tests.barsctl.tiny_runs import SPACE, write_images

# None is as it is by default, and no two numbers are alike.
SEARCHED = SearchSettings(
    seed=4, epochs=3, warmup_epochs=2, batch_size=12, optimizer="sgd", learning_rate=0.02,
    weight_decay=0.05, architecture_learning_rate=0.03, sampling="sigmoid", first_temperature=3.0,
    last_temperature=1.5, entropy_weight=-0.25, multiplier_rate=0.75, refine_epochs=1,
)  # fmt: skip
# There are no options for these.
SEARCH_CONSTANTS = {"teacher_share"}
TRAINED = TrainSettings(
    seed=5, epochs=2, batch_size=14, optimizer="sgd", learning_rate=0.04, weight_decay=0.06,
    label_smoothing=0.07, ema_decay=0.5, real_weight_epochs=1,
)  # fmt: skip
TRAIN_CONSTANTS = {"teacher_share"}


def config_of(run: Path) -> Any:
    return json.loads((run / "config.json").read_text())


def as_by_default(settings: SearchSettings | TrainSettings) -> set[str]:
    found, default = asdict(settings), asdict(type(settings)())
    return {name for name, value in found.items() if value == default[name]}


def test_options_reach_the_config(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    barsctl, images = CommandLine(monkeypatch, capsys), write_images(tmp_path, count=60)
    assert as_by_default(SEARCHED) == SEARCH_CONSTANTS
    assert as_by_default(TRAINED) == TRAIN_CONSTANTS
    like, run, training = (tmp_path / name for name in ("like.json", "search", "train"))
    given = random_genotype(SPACE, np.random.default_rng(1))
    write_genotype(given, like)
    space = tmp_path / "tiny.toml"
    space.write_text(space_toml(SPACE))
    searched = barsctl(
        "search", "--data", "npz", "--data-dir", images.data_dir, "--device", "cpu", "--out", run,
        "--space", space, "--seed", 4, "--epochs", 3, "--warmup-epochs", 2, "--batch-size", 12,
        "--optimizer", "sgd", "--learning-rate", 0.02, "--architecture-learning-rate", 0.03,
        "--weight-decay", 0.05, "--sampling", "sigmoid", "--first-temperature", 3,
        "--last-temperature", 1.5, "--entropy", -0.25, "--multiplier-rate", 0.75,
        "--refine-epochs", 1,
        "--teacher", "float", "--keep", "layout", "--like", like, "--budget", "bops=1M",
    )  # fmt: skip
    assert searched.exit_code == 0, searched.err
    config = config_of(run)
    assert config["settings"] == asdict(SEARCHED)
    assert config["space"]["name"] == SPACE.name
    assert config["teacher"] == "float"
    assert config["kept"] == kept_part(given, "layout")
    assert config["budgets"] == [{"metric": "bops", "limit": 1e6, "target": None}]

    shutil.copy(like, run / "genotype.json")  # as derive leaves one
    trained = barsctl(
        "train", run, "--device", "cpu", "--out", training,
        "--seed", 5, "--epochs", 2, "--real-weight-epochs", 1, "--batch-size", 14,
        "--optimizer", "sgd", "--learning-rate", 0.04, "--weight-decay", 0.06,
        "--label-smoothing", 0.07, "--ema", 0.5, "--teacher", "float", "--inherit",
    )  # fmt: skip
    assert trained.exit_code == 0, trained.err
    config = config_of(training)
    assert config["settings"] == asdict(TRAINED)
    assert (config["teacher"], config["inherit"]) == ("float", True)
    assert config["data"] == config_of(run)["data"]
