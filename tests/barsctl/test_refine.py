"""Refining a searched supernet as single networks."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from barsctl.batches import Batch
from barsctl.budgets import Budget
from barsctl.derive import DeriveSettings, derive
from barsctl.devices import mixed_precision
from barsctl.evaluate import Tally
from barsctl.judge import JudgeSettings
from barsctl.refine import NAMES, extremes, sandwich_step
from barsctl.run_folder import LAST, read_metrics
from barsctl.search import new_state
from barsctl.search_run import search_run
from space.decisions import decisions
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

SETTINGS = replace(SEARCH, epochs=2, refine_epochs=3)


@pytest.fixture
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small a space has few networks within a budget: 64 take a second of an epoch to find."""
    monkeypatch.setattr("barsctl.refine.CANDIDATES", 8)


def test_extremes_keep_the_edges() -> None:
    choices = dict.fromkeys(decisions(SPACE), 1) | {"width/1": 0, "depth/0": 0}
    largest, smallest = extremes(SPACE, choices)
    assert largest == dict.fromkeys(decisions(SPACE), 1)
    sizes = dict.fromkeys(("width/0", "width/1", "depth/0", "depth/1"), 0)
    assert smallest == largest | sizes


def test_extremes_keep_what_is_kept() -> None:
    choices = dict.fromkeys(decisions(SPACE), 1)
    largest, smallest = extremes(SPACE, choices, {"width/0": 0, "depth/0": 1})
    assert (largest["width/0"], largest["width/1"], largest["depth/0"]) == (0, 1, 1)
    assert (smallest["width/0"], smallest["width/1"], smallest["depth/0"]) == (0, 0, 1)


def test_step_is_the_sum_of_its_networks(tmp_path: Path) -> None:
    """By plain descent with rate 1: the largest learns from labels, others from its answers too."""
    state = new_state(SPACE, tiny_dataset(tmp_path), SEARCH, budgets=0, device=CPU)
    state = replace(state, weights_optimizer=torch.optim.SGD(state.supernet.parameters(), lr=1.0))
    pixels = torch.randint(0, 256, (12, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    batch = Batch(pixels, torch.arange(12) % 3)
    choices = dict.fromkeys(decisions(SPACE), 2) | {"width/0": 0}
    largest, smallest = extremes(SPACE, choices)
    others = [("smallest", smallest), ("sampled", {**smallest, "depth/1": 1})]
    with mixed_precision(CPU):
        answers = state.supernet.chosen(batch.pixels, largest)
        losses = {"largest": F.cross_entropy(answers, batch.labels)}
    wanted = (answers.detach().float() / 2).softmax(1)
    objective = losses["largest"]
    for name, other in others:
        with mixed_precision(CPU):
            logits = state.supernet.chosen(batch.pixels, other)
            losses[name] = F.cross_entropy(logits, batch.labels)
        # At temperature 2, times its square: the divergence but for the entropy of what is wanted.
        distilled = -4 * (wanted * (logits.float() / 2).log_softmax(1)).sum(1).mean()
        objective = objective + losses[name] / 2 + distilled / 2
    objective.backward()
    before = {name: each.detach().clone() for name, each in state.supernet.named_parameters()}
    expected = {
        name: torch.zeros_like(each) if each.grad is None else each.grad.clone()
        for name, each in state.supernet.named_parameters()
    }
    assert float(expected["head.dense.weight"].abs().sum()) > 0
    tallies = {name: Tally() for name in NAMES}
    sandwich_step(state, batch, largest, others, tallies=tallies)
    for name, weight in state.supernet.named_parameters():
        torch.testing.assert_close(before[name] - weight.detach(), expected[name], msg=name)
    for name, loss in losses.items():
        assert tallies[name].images == 12
        assert tallies[name].loss == pytest.approx(float(loss.detach()))


@pytest.mark.usefixtures("few_candidates")
def test_refined_search_resumes_to_the_same_bits(tmp_path: Path) -> None:
    """Killed while it searches, while it refines, and between: the same network is derived."""
    dataset = tiny_dataset(tmp_path)
    config = tiny_config(write_images(tmp_path), Budget("bops", 20e3), settings=SETTINGS)
    folders = [tmp_path / name for name in ("whole", "searching", "refining")]
    search_run(config, dataset, folder=folders[0], resume=False, device=CPU)
    for folder, batches, epochs in ((folders[1], 6, 1), (folders[2], 16, 3)):
        cut = cut_after(dataset, batches=batches)
        with pytest.raises(PowerCut):
            search_run(config, cut, folder=folder, resume=False, device=CPU)
        assert len(read_metrics(folder)) == epochs
        search_run(config, dataset, folder=folder, resume=True, device=CPU)
    settings = DeriveSettings(3, JudgeSettings(batch_size=16))
    derived = [derive(each, settings, device=CPU, notify=print)[0] for each in folders]
    assert derived[0] == derived[1] == derived[2]
    assert len({(each / LAST).read_bytes() for each in folders}) == 1
    assert read_metrics(folders[0]) == read_metrics(folders[2])


@pytest.mark.usefixtures("few_candidates")
def test_refining_leaves_the_architecture_alone(tmp_path: Path) -> None:
    dataset, run = tiny_dataset(tmp_path), tmp_path / "run"
    config = tiny_config(write_images(tmp_path), Budget("bops", 20e3), settings=SETTINGS)
    search_run(config, dataset, folder=run, resume=False, device=CPU)
    rows = read_metrics(run)
    assert [row["share"] for row in rows[2:]] == [rows[1]["share"]] * 3
    assert rows[-1]["gap"].keys() == rows[1]["gap"].keys()
    for row in rows[2:]:  # a network of each kind was computed
        assert all(row["loss"][name] > 0 for name in NAMES)
        assert all(0 <= row["accuracy"][name] <= 1 for name in NAMES)
