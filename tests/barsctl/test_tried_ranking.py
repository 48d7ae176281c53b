"""Which networks are tried, under which budget, and what is measured of them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barsctl import candidates, judge
from barsctl import derive as derive_module
from barsctl.board_budgets import BoardBudget
from barsctl.budgets import Budget
from barsctl.derive import DeriveSettings, derive
from barsctl.halving import Halving
from barsctl.judge import JudgeSettings
from barsctl.network_rows import KeptChoices, kept_choices
from barsctl.offers import offers_within
from barsctl.pricing import hard_budgets
from barsctl.ranking import Candidate
from barsctl.search_run import search_run
from costmodels.protocol import network_cost
from costmodels.registry import COST_MODELS
from space.computed import computed
from space.decisions import Choices, decisions
from space.decode import decode
from space.genotype import Genotype, genotype_of
from space.uniform import uniform_genotype, uniform_kinds
from tests.barsctl.tiny_runs import CPU, SEARCH, SPACE, tiny_config, tiny_dataset, write_images
from tests.barsctl.tiny_tables import write_table

SETTINGS = DeriveSettings(6, JudgeSettings(batch_size=16), trials=4, trial_epochs=1)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A search, of which nothing was judged yet."""
    folder = tmp_path / "run"
    table = write_table(tmp_path / "host.jsonl", target="host")  # a kernel takes 1 us
    config = tiny_config(
        write_images(tmp_path), Budget("latency", 0.02), tables=(str(table),),
        settings=replace(SEARCH, epochs=1, warmup_epochs=0),
    )  # fmt: skip
    search_run(config, tiny_dataset(tmp_path), folder=folder, resume=False, device=CPU)
    return folder


def note_families(monkeypatch: pytest.MonkeyPatch) -> list[list[list[KeptChoices]]]:
    """The families of each derive's trials."""
    found: list[list[list[KeptChoices]]] = []
    run_trials = Halving.run

    def noted(
        self: Halving, families: Sequence[Sequence[Genotype]], **asked: Any
    ) -> list[Genotype]:
        found.append([[kept_choices(each) for each in family] for family in families])
        return run_trials(self, families, **asked)

    monkeypatch.setattr(Halving, "run", noted)
    return found


def note_candidates(monkeypatch: pytest.MonkeyPatch) -> list[set[KeptChoices]]:
    """The candidates of each derive."""
    found: list[set[KeptChoices]] = []
    drawn = candidates.candidate_choices

    def noted(*args: Any, **asked: Any) -> list[Choices]:
        choices = drawn(*args, **asked)
        found.append({kept_choices(genotype_of(SPACE, each)) for each in choices})
        return choices

    monkeypatch.setattr(derive_module, "candidate_choices", noted)
    return found


def favour_convs(_: object, genotype: Genotype, *__: object, **___: object) -> float:
    """Shared weights that find every convolution good."""
    edges = [op for ops in genotype.topologies.values() for node in ops for op in node]
    return edges.count("bconv3x3") / len(edges)


def test_candidates_are_tried_whatever_was_judged_beside_them(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where shared weights find a kind of uniform design better than all of them."""
    monkeypatch.setattr(judge, "discrete_accuracy", favour_convs)
    families, drawn = note_families(monkeypatch), note_candidates(monkeypatch)
    for seed in (0, 1):  # the second finds what the first judged
        other = replace(SETTINGS, judge=replace(SETTINGS.judge, seed=seed))
        derive(run, replace(other, measured=False), device=CPU, notify=print)
        (_, *ours), *_ = families[-1]  # the first is what they lead to
        assert ours
        assert set(ours) <= drawn[-1]


def test_smaller_budgets_trials_are_none_of_a_larger_one(run: Path) -> None:
    largest = uniform_genotype(SPACE, "all-conv", depth=1, width=1.0)
    bops = network_cost(COST_MODELS["bops"], decode(largest).blocks)

    def tried(share: float) -> list[Candidate]:
        ranking = derive(
            run, SETTINGS, device=CPU, notify=print, budgets=[Budget("bops", share * bops)]
        )
        return [each for each in ranking if each.trial is not None]

    assert len(tried(0.3)) == 4
    large = tried(0.7)
    # Of one kind of uniform design none may make use of so much.
    assert sum(each.costs["bops"] > 0.5 * bops for each in large) >= 3
    assert tried(0.7) == large


def test_kind_of_small_networks_lets_no_smaller_trials_count(run: Path) -> None:
    """What a family's best network uses is asked of earlier trials, not what its least one does."""
    largest = uniform_genotype(SPACE, "all-conv", depth=1, width=1.0)
    bops = network_cost(COST_MODELS["bops"], decode(largest).blocks)

    def tried(share: float) -> list[Candidate]:
        budgets = [Budget("bops", share * bops)]
        ranking = derive(
            run, replace(SETTINGS, trials=6), device=CPU, notify=print, budgets=budgets
        )
        return [each for each in ranking if each.trial is not None]

    small = {kept_choices(each.genotype) for each in tried(0.15)}
    large = [kept_choices(each.genotype) for each in tried(1.0)]
    assert sum(each not in small for each in large) >= 3


def test_most_promising_near_the_best_follows_families(run: Path) -> None:
    budgets = [Budget("bops", 2e5)]
    derive(run, replace(SETTINGS, trials=6), device=CPU, notify=print, budgets=budgets)
    rows = [json.loads(line) for line in (run / "trials.jsonl").read_text().splitlines()[1:]]
    genotypes = [genotype_of(SPACE, row["choices"]) for row in rows]
    kinds = 1 + len(uniform_kinds(SPACE))
    offers = offers_within(SPACE, hard_budgets(budgets, SPACE, tables=()))
    flat = {name: np.zeros(len(options)) for name, options in decisions(SPACE).items()}
    for number in range(kinds, 6):
        best = min(range(number), key=lambda index: rows[index]["loss"])
        near = offers.near(rows[best]["choices"], flat, generator=np.random.default_rng(0))
        tried = {computed(each) for each in genotypes[:number]}
        left = (each for each in near if computed(genotype_of(SPACE, each)) not in tried)
        expected = offers.promise.of(next(left))
        assert offers.promise.of(rows[number]["choices"]) == expected


def test_kind_that_a_budget_rules_out_has_no_trial(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others do."""
    families = note_families(monkeypatch)
    derive(run, replace(SETTINGS, measured=False), device=CPU, notify=print)
    every = len(families[-1])
    least = min(
        network_cost(
            COST_MODELS["bops"],
            decode(uniform_genotype(SPACE, kind, depth=0, width=min(SPACE.widths))).blocks,
        )
        for kind in uniform_kinds(SPACE)
    )
    derive(run, SETTINGS, device=CPU, notify=print, budgets=[Budget("bops", least)])
    assert every == 1 + len(uniform_kinds(SPACE))
    assert 1 < len(families[-1]) < every


def use_board(
    monkeypatch: pytest.MonkeyPatch, slower: Callable[[Genotype, float], float]
) -> list[KeptChoices]:
    """Let networks take so many times what is predicted, in ms; returns what was measured."""
    found: dict[KeptChoices, float] = {}
    order: list[KeptChoices] = []

    def measured(board: BoardBudget, genotype: Genotype, *_: object, **__: object) -> float:
        network = kept_choices(genotype)
        if network not in found:
            predicted = network_cost(board.table, decode(genotype).blocks)
            found[network] = slower(genotype, predicted) * predicted
            order.append(network)
        return found[network]

    monkeypatch.setattr(BoardBudget, "measured", measured)
    return order


def networks_in(run: Path, name: str) -> list[KeptChoices]:
    """What trials.jsonl holds, or whole-trials.jsonl."""
    rows = [json.loads(line) for line in (run / name).read_text().splitlines()[1:]]
    return [kept_choices(genotype_of(SPACE, row["choices"])) for row in rows]


def test_what_is_too_slow_on_the_board_is_not_trained_to_the_end(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But the next one, by its trial's loss."""

    def first_is_over(_: Genotype, predicted: float) -> float:
        return 1.0 if measured else 0.021 / predicted

    measured = use_board(monkeypatch, first_is_over)
    best = derive(run, SETTINGS, device=CPU, notify=print)[0]
    assert len(measured) == 2
    assert networks_in(run, "whole-trials.jsonl") == measured[1:]
    assert kept_choices(best.genotype) == measured[1]
    assert best.trial is not None
    assert best.trial.accuracy is not None


def test_tried_networks_alone_are_measured_in_every_round(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all of one are too slow, others are tried within tighter limits."""

    def first_are_over(_: Genotype, predicted: float) -> float:
        return 0.021 / predicted if len(measured) < 4 else 1.0

    measured = use_board(monkeypatch, first_are_over)
    best = derive(run, SETTINGS, device=CPU, notify=print)[0]
    assert len(measured) == 5
    assert set(measured) <= set(networks_in(run, "trials.jsonl"))
    assert networks_in(run, "whole-trials.jsonl") == measured[4:]
    assert kept_choices(best.genotype) == measured[4]


def test_untried_networks_are_measured_last(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def tried_are_over(genotype: Genotype, _: float) -> float:
        return 100.0 if kept_choices(genotype) in networks_in(run, "trials.jsonl") else 1.0

    measured = use_board(monkeypatch, tried_are_over)
    best = derive(run, SETTINGS, device=CPU, notify=print)[0]
    tried = networks_in(run, "trials.jsonl")
    assert [network in tried for network in measured] == [True] * 4 + [False]
    assert kept_choices(best.genotype) == measured[4]
    assert networks_in(run, "whole-trials.jsonl") == []
