"""A search's config: today's, and those of older versions."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from barsctl.budgets import Budget
from barsctl.data_choice import DataChoice
from barsctl.errors import BarsError
from barsctl.folder_lock import FolderInUseError, run_lock
from barsctl.gap import Gap
from barsctl.search_run import last_gap, read_search_config, search_run
from space.errors import SpaceError
from space.genotype import choices_of, random_genotype
from space.search_space import Stage
from tests.barsctl.tiny_runs import CPU, SPACE, tiny_config, tiny_dataset, write_images

OLD_CONFIG = Path(__file__).parents[1] / "data" / "search-config-1.json"


def test_config_of_format_1_still_loads(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes(OLD_CONFIG.read_bytes())
    config = read_search_config(tmp_path)
    assert config.space.inner_shortcuts
    assert config.space.outer_shortcuts
    assert (config.teacher, config.settings.refine_epochs) == ("none", 0)
    assert config.tables == ("host.jsonl",)
    assert config.budgets == (Budget("latency", 0.035), Budget("size", 64e3))
    assert config.space.name == "demo"


def test_damaged_old_config_is_refused(tmp_path: Path) -> None:
    fields = json.loads(OLD_CONFIG.read_text())
    (tmp_path / "config.json").write_text(json.dumps({**fields, "budgets": [3]}))
    with pytest.raises(SpaceError, match=r"budgets.* is 3"):
        read_search_config(tmp_path)


@pytest.mark.parametrize(
    ("part", "field", "value", "message"),
    [
        ("settings", "batch_size", 0, r"config\.json: batch_size 0: it must be at least 2"),
        ("settings", "seed", 10**23, r"seed 1e\+23: it must be from 0 on"),
        ("settings", "refine_epochs", -1, "refine_epochs -1: it must be at least 0"),
        ("data", "seed", -1, "seed -1: it must be from 0 on"),
    ],
)
def test_config_that_no_option_gives_is_refused(
    part: str, field: str, value: int, message: str, tmp_path: Path
) -> None:
    fields = json.loads(OLD_CONFIG.read_text())
    fields[part][field] = value
    (tmp_path / "config.json").write_text(json.dumps(fields))
    with pytest.raises(BarsError, match=message):
        read_search_config(tmp_path)


def test_search_of_nothing_is_refused() -> None:
    space = replace(SPACE, stages=(Stage(16, 0),))
    config = tiny_config(DataChoice("npz", None, None, 0))
    kept = choices_of(random_genotype(space, np.random.default_rng(0)))
    with pytest.raises(BarsError, match="--keep leaves nothing to search"):
        replace(config, space=space, kept=kept)


def test_float_teacher_of_a_space_without_3x3_convolutions_is_refused() -> None:
    config = tiny_config(DataChoice("npz", None, None, 0))
    space = replace(SPACE, primitives=("none", "skip", "bconv1x1"))
    with pytest.raises(BarsError, match=r"--teacher float: .* space tiny has no bconv3x3; take"):
        replace(config, space=space, teacher="float")


@pytest.mark.parametrize("gap", [{}, 5, {"relaxed": None, "discretised": 0.5}])
def test_damaged_gap_is_none(gap: object, tmp_path: Path) -> None:
    rows = [{"epoch": 0, "gap": {"relaxed": 0.5, "discretised": 0.25}}, {"epoch": 1, "gap": gap}]
    (tmp_path / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert last_gap(tmp_path) == Gap(0.5, 0.25)


def test_search_of_format_1_goes_on(tmp_path: Path) -> None:
    dataset, run = tiny_dataset(tmp_path), tmp_path / "run"
    config = tiny_config(write_images(tmp_path), Budget("bops", 1e5))
    search_run(config, dataset, folder=run, resume=False, device=CPU)
    path = run / "config.json"
    fields = json.loads(path.read_text())
    old = {name: value for name, value in fields.items() if name != "tables"}
    budgets = [{"metric": "bops", "limit": 1e5}]
    path.write_text(json.dumps({**old, "format": 1, "table": None, "budgets": budgets}))
    search_run(config, dataset, folder=run, resume=True, device=CPU)
    other = tiny_config(write_images(tmp_path), Budget("bops", 2e5))
    with pytest.raises(BarsError, match="was started with budgets/0/limit="):
        search_run(other, dataset, folder=run, resume=True, device=CPU)


def test_search_from_before_a_setting_goes_on(tmp_path: Path) -> None:
    dataset, run = tiny_dataset(tmp_path), tmp_path / "run"
    config = tiny_config(write_images(tmp_path))
    search_run(config, dataset, folder=run, resume=False, device=CPU)
    path = run / "config.json"
    fields = json.loads(path.read_text())
    del (
        fields["teacher"],
        fields["kept"],
        fields["settings"]["refine_epochs"],
        fields["space"]["inner_shortcuts"],
    )
    path.write_text(json.dumps(fields))
    search_run(config, dataset, folder=run, resume=True, device=CPU)
    refined = replace(config, settings=replace(config.settings, refine_epochs=1))
    with pytest.raises(BarsError, match=r"started with settings/refine_epochs=0, not 1"):
        search_run(refined, dataset, folder=run, resume=True, device=CPU)


def test_search_beside_another_is_refused(tmp_path: Path) -> None:
    """It would write over the other's checkpoints."""
    dataset, run = tiny_dataset(tmp_path), tmp_path / "run"
    config = tiny_config(write_images(tmp_path))
    run.mkdir()
    with run_lock(run), pytest.raises(FolderInUseError, match=r"another search or training is at"):
        search_run(config, dataset, folder=run, resume=True, device=CPU)
    assert not (run / "last.safetensors").exists()
