"""Networks that are begun to be trained: ranked by their loss, never trained twice."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from barsctl import judge, train, trials
from barsctl.data.dataset import Dataset
from barsctl.data.source import ImageSource, Indices, Pixels
from barsctl.derive import DeriveSettings, derive
from barsctl.errors import BarsError, DivergedError
from barsctl.evaluate import Tally, require_finite
from barsctl.judge import JudgeSettings
from barsctl.network_rows import KeptChoices, kept_choices
from barsctl.promising import promise
from barsctl.random_numbers import initial_weights
from barsctl.ranking import Candidate
from barsctl.run_folder import read_metrics
from barsctl.search_run import search_run
from barsctl.train_settings import TrainSettings
from space.decode import decode
from space.genotype import (
    Genotype,
    choices_of,
    genotype_of,
    read_genotype,
)
from space.nn.network import Network
from space.uniform import uniform_genotype, uniform_kinds
from tests.barsctl.tiny_runs import (
    CPU,
    SEARCH,
    SPACE,
    CutSource,
    PowerCut,
    tiny_config,
    tiny_dataset,
    write_images,
)

UNTRIED = DeriveSettings(6, JudgeSettings(batch_size=16))
SETTINGS = replace(UNTRIED, trials=3)
# Of an epoch, 93 training images in batches of 16.
STEPS = 5
# More batches than any derive reads.
MANY = 1000


@pytest.fixture(scope="module")
def judged_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of which trials came to an end, and are forgotten but for what was judged."""
    folder = tmp_path_factory.mktemp("judged")
    config = tiny_config(write_images(folder), settings=replace(SEARCH, epochs=1, warmup_epochs=0))
    search_run(config, tiny_dataset(folder), folder=folder / "run", resume=False, device=CPU)
    derived(folder / "run", SETTINGS)
    for name in ("trials.jsonl", "whole-trials.jsonl"):
        (folder / "run" / name).unlink()
    shutil.rmtree(folder / "run" / "trial")
    return folder / "run"


@pytest.fixture
def run(judged_run: Path, tmp_path: Path) -> Path:
    """A search whose candidates and best regular networks were judged, and none tried."""
    write_images(tmp_path)
    return Path(shutil.copytree(judged_run, tmp_path / "run"))


def derived(run: Path, settings: DeriveSettings) -> tuple[Candidate, ...]:
    return derive(run, settings, device=CPU, notify=print)


def losses_in(run: Path, name: str = "trials.jsonl") -> dict[KeptChoices, Any]:
    """What trials.jsonl holds, or whole-trials.jsonl."""
    rows = [json.loads(line) for line in (run / name).read_text().splitlines()[1:]]
    return {kept_choices(genotype_of(SPACE, row["choices"])): row["loss"] for row in rows}


def judged_in(run: Path) -> set[KeptChoices]:
    """What judged.jsonl holds."""
    rows = [json.loads(line) for line in (run / "judged.jsonl").read_text().splitlines()[1:]]
    return {kept_choices(genotype_of(SPACE, row["choices"])) for row in rows}


def accuracies_in(run: Path) -> list[float]:
    """Of the networks that were trained to the end, in that order."""
    rows = (run / "whole-trials.jsonl").read_text().splitlines()[1:]
    return [json.loads(row)["accuracy"] for row in rows]


def told(ranking: Iterable[Candidate]) -> list[tuple[int, float, float | None] | None]:
    trials = (each.trial for each in ranking)
    return [None if each is None else (each.epochs, each.loss, each.accuracy) for each in trials]


def networks(ranking: Iterable[Candidate]) -> list[KeptChoices]:
    return [kept_choices(each.genotype) for each in ranking]


def test_least_loss_comes_first_and_the_untried_last(run: Path) -> None:
    untried = derived(run, UNTRIED)
    assert not (run / "trials.jsonl").exists()
    ranking = derived(run, SETTINGS)
    losses = losses_in(run)
    assert len(losses) == 3
    assert networks(ranking[:3]) == sorted(losses, key=lambda each: losses[each])
    (whole,) = losses_in(run, "whole-trials.jsonl").values()
    (accuracy,) = accuracies_in(run)
    first, *others = sorted(losses.values())
    assert whole < first
    assert told(ranking[:3]) == [(10, whole, accuracy), *((3, loss, None) for loss in others)]
    left = [each for each in untried if networks([each])[0] not in losses]
    assert list(ranking[3:]) == left[:3]
    assert read_genotype(run / "genotype.json") == ranking[0].genotype
    written = json.loads((run / "derive.json").read_text())["candidates"]
    assert [each["trial_loss"] for each in written[:3]] == [whole, *others]
    assert [each["trial_accuracy"] for each in written[:3]] == [accuracy, None, None]
    assert [each["trial_epochs"] for each in written] == [10, 3, 3, 0, 0, 0]
    (kept,) = (run / "trial").iterdir()  # of the network that was trained to the end
    assert [row["loss"] for row in read_metrics(kept)][-1] == whole


def test_trial_is_the_beginning_of_a_training(run: Path, tmp_path: Path) -> None:
    best = derived(run, SETTINGS)[0]
    dataset = tiny_dataset(tmp_path)
    settings = TrainSettings(epochs=10, batch_size=16, label_smoothing=0.0)
    with initial_weights(0):
        network = Network(decode(best.genotype), dataset.mean, dataset.std)
    (tmp_path / "alone").mkdir()
    train.train(network, dataset, settings, folder=tmp_path / "alone", device=CPU)
    metrics = read_metrics(tmp_path / "alone")
    accuracy = max(row["accuracy"]["validation"] for row in metrics)
    assert told([best]) == [(10, metrics[9]["loss"], accuracy)]
    assert min(losses_in(run).values()) == metrics[2]["loss"]


class NoTest:
    """Test images that nobody may look at."""

    def __init__(self, source: ImageSource) -> None:
        self.labels, self.image_size, self.channels = (
            source.labels, source.image_size, source.channels,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: Indices) -> Pixels:
        raise AssertionError(f"test images {indices} were read")

    def subset(self, indices: Indices) -> ImageSource:
        raise AssertionError(f"test images {indices} were read")


def use(monkeypatch: pytest.MonkeyPatch, dataset: Dataset, *, batches: int) -> list[int]:
    """Let derive read so many training batches and no test image; returns how many are left."""
    left = [batches]
    cut = CutSource(dataset.train, left)
    used = replace(dataset, train=cut, test=NoTest(dataset.test))
    monkeypatch.setattr(judge, "load_choice", lambda _: used)
    return left


def copied(run: Path) -> Path:
    """The run again, for a derive that nothing interrupts."""
    copy = run.with_name("untouched")
    shutil.copytree(run, copy)
    return copy


def test_killed_derive_trains_nothing_twice(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, untouched = tiny_dataset(tmp_path), copied(run)
    # The power fails in the second epoch of the second of three trials of three epochs.
    use(monkeypatch, dataset, batches=4 * STEPS + 2)
    with pytest.raises(PowerCut):
        derived(run, SETTINGS)
    assert len(losses_in(run)) == 1
    path = run / "trials.jsonl"
    path.write_text(path.read_text() + '{"choices": {"wid')  # and a row was torn
    # The rest of the second trial, the third, seven more epochs of the best.
    left = use(monkeypatch, dataset, batches=5 * STEPS + 7 * STEPS)
    resumed = derived(run, SETTINGS)
    assert left == [0]
    assert derived(run, SETTINGS) == resumed
    use(monkeypatch, dataset, batches=MANY)
    assert derived(untouched, SETTINGS) == resumed


def test_derive_killed_in_a_whole_training_goes_on_there(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, untouched = tiny_dataset(tmp_path), copied(run)
    use(monkeypatch, dataset, batches=9 * STEPS + STEPS + 1)
    with pytest.raises(PowerCut):
        derived(run, SETTINGS)
    assert len(losses_in(run)) == 3
    assert losses_in(run, "whole-trials.jsonl") == {}
    left = use(monkeypatch, dataset, batches=6 * STEPS)
    resumed = derived(run, SETTINGS)
    assert left == [0]
    assert len(list((run / "trial").iterdir())) == 1
    use(monkeypatch, dataset, batches=MANY)
    assert derived(untouched, SETTINGS) == resumed


def test_trial_whose_row_was_lost_is_read_from_its_whole_training(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, tiny_dataset(tmp_path), batches=9 * STEPS + STEPS + 1)
    with pytest.raises(PowerCut):
        derived(run, SETTINGS)
    losses, path = losses_in(run), run / "trials.jsonl"
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    left = use(monkeypatch, tiny_dataset(tmp_path), batches=6 * STEPS)
    derived(run, SETTINGS)
    assert left == [0]  # nothing was trained again
    assert losses_in(run) == losses


def test_more_trials_go_on_from_fewer(run: Path) -> None:
    derived(run, replace(SETTINGS, trials=2))
    fewer = losses_in(run)
    derived(run, replace(SETTINGS, trials=4))
    assert len(losses_in(run)) == 4
    assert fewer.items() < losses_in(run).items()
    lines: list[str] = []
    derive(run, replace(SETTINGS, trials=1), device=CPU, notify=lines.append)
    assert [line.partition(":")[0] for line in lines[:4]] == [
        "tried 1 of 4", "tried 2 of 4", "tried 3 of 4", "tried 4 of 4",
    ]  # fmt: skip


def test_other_trials_begin_anew(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(SETTINGS, trials=1)
    ranking = derived(run, settings)
    kept = (run / "trials.jsonl").read_bytes()
    derived(run, UNTRIED)
    assert (run / "trials.jsonl").read_bytes() == kept
    (found,) = derived(run, replace(settings, candidates=1, trial_epochs=1))
    header = json.loads((run / "trials.jsonl").read_text().splitlines()[0])
    assert header == {
        "format": 2, "device": "cpu", "seed": 0, "trial_epochs": 1, "epochs": 3,
        "batch_size": 16, "optimizer": "adamw", "learning_rate": 0.01, "weight_decay": 0.01,
    }  # fmt: skip
    (accuracy,) = accuracies_in(run)
    assert told([found]) == [(3, *losses_in(run, "whole-trials.jsonl").values(), accuracy)]
    assert len(losses_in(run)) == 1
    use(monkeypatch, tiny_dataset(tmp_path), batches=0)
    assert derived(run, settings) == ranking  # the first are there again


def test_networks_that_were_not_judged_are_tried_too(run: Path) -> None:
    judged = judged_in(run)
    ranking = derived(run, replace(SETTINGS, trials=5))
    tried = losses_in(run)
    assert set(list(tried)[:3]) <= judged  # the best of each family
    assert set(list(tried)[3:]) - judged  # the most promising near the best
    assert judged_in(run) == judged | set(tried)
    least = sorted(tried, key=lambda each: tried[each])
    assert set(networks(ranking[:2])) == set(least[:2])
    assert networks(ranking[2:5]) == least[2:]
    assert len(list((run / "trial").iterdir())) == 2  # of what was trained to the end


def test_most_accurate_of_those_trained_to_the_end_comes_first(run: Path) -> None:
    """Whatever its loss was."""
    path = run / "whole-trials.jsonl"
    trained = derived(run, replace(SETTINGS, trials=6))[:2]
    assert sorted(accuracies_in(run), reverse=True) == [each[2] for each in told(trained) if each]
    header, *rows = path.read_text().splitlines()
    second = dict(choices_of(trained[1].genotype))
    told_better = [
        {**row, "accuracy": float(row["choices"] == second)} for row in map(json.loads, rows)
    ]
    path.write_text("\n".join([header, *map(json.dumps, told_better)]) + "\n")
    assert networks(derived(run, replace(SETTINGS, trials=6))[:2]) == networks(trained[::-1])


def test_most_promising_of_each_kind_of_uniform_design_is_tried(run: Path) -> None:
    """Before what is near the best so far, behind the most promising of all."""
    widths = list(product(SPACE.widths, repeat=len(SPACE.stages)))
    depths = list(product(*(range(stage.max_cells + 1) for stage in SPACE.stages)))
    derived(run, replace(SETTINGS, trials=6))
    first = list(losses_in(run))[:3]

    def promised(genotype: Genotype) -> float:
        return promise(SPACE).of(choices_of(genotype))

    for kind in uniform_kinds(SPACE):
        start = uniform_genotype(SPACE, kind, depth=0, width=1.0)
        alike = [replace(start, widths=w, depths=d) for w, d in product(widths, depths)]
        assert len(alike) > 1
        assert kept_choices(max(alike, key=promised)) in first


def diverge(monkeypatch: pytest.MonkeyPatch, *, trials: int, in_epoch: int = 1) -> None:
    """Let the first trials that come so far diverge in an epoch, the second if none is named."""
    diverged: list[int] = []

    def often_finite(tally: Tally, *, epoch: int) -> None:
        if epoch == in_epoch and len(diverged) < trials:
            diverged.append(epoch)
            raise DivergedError(f"epoch {epoch + 1}: the loss is nan")
        require_finite(tally, epoch=epoch)

    monkeypatch.setattr(train, "require_finite", often_finite)


def test_diverged_trial_is_no_candidate(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    diverge(monkeypatch, trials=1)
    ranking = derived(run, SETTINGS)
    losses = losses_in(run)
    gone, *others = losses
    assert losses[gone] is None
    assert networks(ranking[:2]) == sorted(others, key=lambda each: losses[each])
    assert gone not in networks(ranking)
    assert read_genotype(run / "genotype.json") == ranking[0].genotype
    assert derived(run, SETTINGS) == ranking  # it is not tried again
    assert len(losses_in(run)) == 3


def test_what_diverges_on_the_way_to_the_end_is_no_candidate(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diverge(monkeypatch, trials=1, in_epoch=6)
    ranking = derived(run, replace(SETTINGS, trials=5))
    losses, whole = losses_in(run), losses_in(run, "whole-trials.jsonl")
    gone, kept = whole
    assert whole[gone] is None
    assert networks(ranking)[0] == kept
    assert gone not in networks(ranking)
    assert networks(ranking[1:4]) == sorted(losses, key=lambda each: losses[each])[2:]


def test_trials_accuracy_is_the_best_of_its_epochs(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def falling(folder: Path) -> list[dict[str, Any]]:
        rows = read_metrics(folder)
        return [{**row, "accuracy": {"validation": 0.9 - row["epoch"] / 10}} for row in rows]

    monkeypatch.setattr(trials, "read_metrics", falling)
    assert derived(run, SETTINGS)[0].trial is not None
    assert accuracies_in(run) == [0.9]


def test_where_all_diverge_nothing_is_derived(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also not of the networks that were only judged."""
    diverge(monkeypatch, trials=9)
    before = (run / "genotype.json").read_bytes()
    with pytest.raises(DivergedError, match=r"all 3 networks that were tried diverged"):
        derived(run, SETTINGS)
    assert (run / "genotype.json").read_bytes() == before


def test_trials_count_whatever_is_compared(run: Path) -> None:
    """Fewer candidates, judged otherwise: what was tried is not among them, and tried no more."""
    derived(run, SETTINGS)
    losses = losses_in(run)
    other = JudgeSettings(batch_size=16, held_out_images=4)
    best = derived(run, replace(SETTINGS, candidates=3, judge=other))[0]
    assert losses_in(run) == losses
    assert networks([best]) == [min(losses, key=lambda each: losses[each])]


def test_trial_without_its_metrics_is_told(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "read_metrics", lambda run: read_metrics(run)[:1])
    with pytest.raises(BarsError, match=r"the metrics of epoch 3, .* are not there; remove"):
        derived(run, SETTINGS)
    assert losses_in(run) == {}


def test_more_trials_than_candidates_are_refused() -> None:
    with pytest.raises(BarsError, match=r"7 trials, and 6 candidates .*; try fewer"):
        replace(UNTRIED, trials=7)
