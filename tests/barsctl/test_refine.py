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
    """By plain descent with rate 1, weights of dropped cells move by the largest's gradient."""
    state = new_state(SPACE, tiny_dataset(tmp_path), SEARCH, budgets=0, device=CPU)
    state = replace(state, weights_optimizer=torch.optim.SGD(state.supernet.parameters(), lr=1.0))
    pixels = torch.randint(0, 256, (12, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    batch = Batch(pixels, torch.arange(12) % 3)
    largest, smallest = extremes(SPACE, dict.fromkeys(decisions(SPACE), 2) | {"width/0": 0})
    process = state.supernet.cell("s0c0").process
    assert process is not None
    weight = process.weight
    before = weight.detach().clone()
    with mixed_precision(CPU):
        alone = F.cross_entropy(state.supernet.chosen(batch.pixels, largest), batch.labels)
    (expected,) = torch.autograd.grad(alone, [weight])
    tallies = {name: Tally() for name in NAMES}
    sandwich_step(state, batch, largest, [("smallest", smallest)], tallies=tallies)
    torch.testing.assert_close(before - weight.detach(), expected)
    assert tallies["smallest"].images == 12
    head = state.supernet.head.dense.weight.grad
    assert head is not None
    assert float(head.abs().sum()) > 0


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


def test_refining_leaves_the_architecture_alone(tmp_path: Path) -> None:
    dataset, run = tiny_dataset(tmp_path), tmp_path / "run"
    config = tiny_config(write_images(tmp_path), Budget("bops", 20e3), settings=SETTINGS)
    search_run(config, dataset, folder=run, resume=False, device=CPU)
    rows = read_metrics(run)
    assert [row["share"] for row in rows[2:]] == [rows[1]["share"]] * 3
    assert rows[-1]["gap"].keys() == rows[1]["gap"].keys()
    assert set(rows[-1]["accuracy"]) == set(NAMES)
