"""In which order networks are tried: the best of each family, then those near the best so far."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barsctl import trials
from barsctl.candidates import neighbours
from barsctl.network_rows import KeptChoices, kept_choices
from barsctl.train_settings import TrainSettings
from barsctl.trials import Trials, open_trials, try_networks
from space.decisions import decisions
from space.genotype import Genotype, Topology, choices_of, genotype_of, random_genotype
from space.search_space import SearchSpace, Stage
from tests.barsctl.tiny_runs import CPU, SPACE, tiny_dataset, write_images


def count_convs(genotype: Genotype) -> int:
    """The convolutions of the only cell of a network of one stage."""
    return sum(ops.count("bconv3x3") for ops in genotype.topologies["s0c0"])


def metrics_row(*, loss: float) -> dict[str, Any]:
    """Of the first epoch."""
    return {"epoch": 0, "loss": loss, "accuracy": {"validation": 0.5}}


def planted_trials(folder: Path, space: SearchSpace, monkeypatch: pytest.MonkeyPatch) -> Trials:
    """Trials that all come to the same loss at once."""
    monkeypatch.setattr(trials, "trial_run", lambda *_, **__: folder)
    monkeypatch.setattr(trials, "read_metrics", lambda _: [metrics_row(loss=1.0)])
    write_images(folder)
    return open_trials(
        folder, "trials.jsonl", space, tiny_dataset(folder), TrainSettings(), epochs=1, device=CPU
    )


def test_networks_near_the_best_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From one without convolutions to one of nothing else, also where a kill comes between."""
    space = replace(SPACE, stages=(Stage(16, 1),))
    uniform = {name: np.zeros(len(options)) for name, options in decisions(space).items()}
    start = genotype_of(space, dict.fromkeys(uniform, 1))
    assert count_convs(start) == 0
    tried: list[Genotype] = []

    def trained(_: Path, genotype: Genotype, *__: object, **___: object) -> Path:
        tried.append(genotype)
        return tmp_path

    def planted(_: Path) -> list[dict[str, Any]]:
        return [metrics_row(loss=3.0 - count_convs(tried[-1]))]

    monkeypatch.setattr(trials, "trial_run", trained)
    monkeypatch.setattr(trials, "read_metrics", planted)

    def near(best: Genotype, tried_count: int) -> list[Genotype]:
        found = neighbours(
            space, uniform, choices=choices_of(best),
            generator=np.random.default_rng(tried_count),
        )  # fmt: skip
        return [genotype_of(space, each) for each in found]

    def tried_networks(name: str, *, count: int) -> list[KeptChoices]:
        settings, dataset = TrainSettings(), tiny_dataset(tmp_path)
        opened = open_trials(tmp_path, name, space, dataset, settings, epochs=1, device=CPU)
        known = [genotype_of(space, row.choices) for row in opened.known.rows.values()]
        turn = try_networks(opened, [[start]], before=known[::-1], near=near, count=count)
        return [kept_choices(genotype) for genotype, _ in turn]

    write_images(tmp_path)
    whole = tried_networks("whole.jsonl", count=8)
    assert kept_choices(tried[0]) == kept_choices(start)
    assert max(map(count_convs, tried)) == 3
    assert len(set(whole)) == len(tried) == 8
    tried_networks("cut.jsonl", count=4)
    assert set(tried_networks("cut.jsonl", count=8)) == set(whole)


def test_networks_near_the_best_are_those_of_what_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a family has the same network with another topology of a cell that it drops."""
    first = random_genotype(SPACE, np.random.default_rng(0))
    first = replace(first, depths=(0,) * len(first.depths))
    dropped = first.topologies["s0c0"]
    other = replace(first, topologies={**first.topologies, "s0c0": _other(dropped)})
    assert kept_choices(first) == kept_choices(other)
    opened = planted_trials(tmp_path, SPACE, monkeypatch)
    opened.tried(first)
    asked: list[Genotype] = []

    def near(best: Genotype, _: int) -> list[Genotype]:
        asked.append(best)
        return []

    list(try_networks(opened, [[other]], before=[first], near=near, count=2))
    assert asked == [first]


def test_networks_that_compute_the_same_are_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where one of them was tried before, and one alone is near the best."""
    space = replace(SPACE, stages=(Stage(16, 1),), path="narrow")
    start = genotype_of(space, dict.fromkeys(decisions(space), 1))

    def normal(*topology: tuple[str, ...]) -> Genotype:
        return replace(start, topologies={"s0c0": topology})

    before = normal(("bconv3x3",), ("none", "skip"))
    same = normal(("skip",), ("none", "bconv3x3"))
    other = normal(("bconv3x3",), ("none", "bconv3x3"))
    opened = planted_trials(tmp_path, space, monkeypatch)
    opened.tried(before)
    turn = try_networks(
        opened, [[same, before], [start]], before=[before], near=lambda *_: [same, other], count=9
    )
    assert [genotype for genotype, _ in turn] == [before, start, other]
    assert len(opened.known.rows) == 3


def _other(topology: Topology) -> Topology:
    """The topology with its first edge another."""
    (first, *rest), *nodes = topology
    return ((next(op for op in SPACE.primitives[1:] if op != first), *rest), *nodes)
