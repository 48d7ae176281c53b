"""Searches of a part alone, the other one kept as a given network has it."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from barsctl.budgets import Budget
from barsctl.derive import DeriveSettings, derive
from barsctl.errors import BarsError
from barsctl.judge import JudgeSettings
from barsctl.kept_part import Part, kept_part, read_kept_part
from barsctl.pareto import ParetoSettings, pareto
from barsctl.run_folder import LAST, read_metrics
from barsctl.search_run import SearchConfig, read_search_config, search_run
from costmodels.errors import BudgetUnreachable
from space.decisions import decisions
from space.errors import SpaceError
from space.genotype import choices_of, genotype_of, random_genotype, write_genotype
from space.search_space import SearchSpace
from tests.barsctl.tiny_runs import (
    CPU,
    SEARCH,
    SPACE,
    PowerCut,
    cut_after,
    tiny_config,
    tiny_dataset,
    write_images,
)
from tests.barsctl.tiny_tables import write_table

PARTS: tuple[Part, ...] = ("layout", "topology")
GIVEN = random_genotype(SPACE, np.random.default_rng(1))
JUDGE = JudgeSettings(batch_size=16)


def config_keeping(
    part: Part, folder: Path, *budgets: Budget, refine_epochs: int = 0
) -> SearchConfig:
    settings = replace(SEARCH, epochs=2, refine_epochs=refine_epochs)
    config = tiny_config(write_images(folder), *budgets, settings=settings)
    return replace(config, kept=kept_part(GIVEN, part))


def test_both_parts_are_the_whole_network() -> None:
    layout, topology = (kept_part(GIVEN, part) for part in PARTS)
    assert set(layout) == {"width/0", "depth/0", "width/1", "depth/1"}
    assert layout | topology == choices_of(GIVEN)
    assert not set(layout) & set(topology)


def test_killed_search_of_the_layout_resumes(tmp_path: Path) -> None:
    dataset, config = tiny_dataset(tmp_path), config_keeping("topology", tmp_path)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    search_run(config, dataset, folder=whole, resume=False, device=CPU)
    with pytest.raises(PowerCut):
        search_run(config, cut_after(dataset, batches=6), folder=killed, resume=False, device=CPU)
    search_run(config, dataset, folder=killed, resume=True, device=CPU)
    assert (whole / LAST).read_bytes() == (killed / LAST).read_bytes()
    assert read_search_config(whole) == config


@pytest.mark.parametrize("part", PARTS)
def test_kept_part_is_in_every_network(part: Part, tmp_path: Path) -> None:
    """Searched, refined, derived and on the front."""
    whole, config = tmp_path / "whole", config_keeping(part, tmp_path, refine_epochs=1)
    search_run(config, tiny_dataset(tmp_path), folder=whole, resume=False, device=CPU)
    entropies = read_metrics(whole)[1]["entropy"]
    assert {name for name, value in entropies.items() if value == 0} == {
        name for name in entropies if name.startswith("op/") == (part == "topology")
    }
    write_table(tmp_path / "host.jsonl", target="host")
    front = pareto(
        whole,
        ParetoSettings(3, 3, JUDGE),
        device=CPU,
        out=whole,
        table=str(tmp_path / "host.jsonl"),
    )
    ranking = derive(whole, DeriveSettings(5, JUDGE), device=CPU, notify=print)
    assert len({str(each.genotype) for each in ranking}) > 1
    for each in (*front.points, *ranking):
        assert choices_of(each.genotype).items() >= config.kept.items()


@pytest.mark.parametrize("metric", ["bops", "ram"])
def test_budget_below_what_is_kept_is_refused(metric: str, tmp_path: Path) -> None:
    """The cheapest network with the largest layout costs more than the cheapest of all."""
    options = decisions(SPACE)
    largest = genotype_of(SPACE, {name: len(each) - 1 for name, each in options.items()})
    config = tiny_config(write_images(tmp_path), Budget(metric, 1.0))
    smallest = {}
    for name, kept in (("all", {}), ("kept", kept_part(largest, "layout"))):
        with pytest.raises(BudgetUnreachable, match="smallest reachable") as refusal:
            search_run(
                replace(config, kept=kept), tiny_dataset(tmp_path),
                folder=tmp_path / "run", resume=False, device=CPU,
            )  # fmt: skip
        (found,) = re.findall(r"smallest reachable (?:found )?([\d.e+]+)\)", str(refusal.value))
        smallest[name] = float(found)
    assert smallest["kept"] > 1.2 * smallest["all"]


def test_kept_choices_must_be_of_the_space(tmp_path: Path) -> None:
    config = tiny_config(write_images(tmp_path))
    with pytest.raises(SpaceError, match="width/0: option 7 must be 0 to 1"):
        replace(config, kept={"width/0": 7})
    with pytest.raises(SpaceError, match=r"width/9.*unknown"):
        replace(config, kept={"width/9": 0})


def test_part_and_network_go_together(tmp_path: Path) -> None:
    path = tmp_path / "genotype.json"
    write_genotype(GIVEN, path)
    assert read_kept_part(None, None, space=SPACE) == {}
    assert read_kept_part("layout", path, space=SPACE) == kept_part(GIVEN, "layout")
    refused: list[tuple[Part | None, Path | None, SearchSpace, str]] = [
        ("layout", None, SPACE, "--keep layout needs a network"),
        (None, path, SPACE, "--like .* without --keep"),
        ("layout", tmp_path / "missing", SPACE, "cannot be read"),
        ("layout", path, replace(SPACE, classes=5), "of another space"),
    ]
    for part, like, space, message in refused:
        with pytest.raises(BarsError, match=message):
            read_kept_part(part, like, space=space)


def test_kept_choices_are_in_the_config(tmp_path: Path) -> None:
    config = config_keeping("layout", tmp_path)
    search_run(config, tiny_dataset(tmp_path), folder=tmp_path / "run", resume=False, device=CPU)
    assert json.loads((tmp_path / "run" / "config.json").read_text())["kept"] == config.kept
    other = replace(config, kept={})
    with pytest.raises(BarsError, match="was started with kept/"):
        search_run(other, tiny_dataset(tmp_path), folder=tmp_path / "run", resume=True, device=CPU)
