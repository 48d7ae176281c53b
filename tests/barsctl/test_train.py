import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from barsctl.batches import all_batches
from barsctl.checkpoint import load_checkpoint, save_checkpoint
from barsctl.data.dataset import Dataset
from barsctl.errors import BarsError
from barsctl.evaluate import accuracy
from barsctl.random_numbers import initial_weights
from barsctl.run_folder import LAST, read_metrics
from barsctl.train import BEST, distillation_loss, train
from barsctl.train_result import Trained
from barsctl.train_settings import TrainSettings
from space.decode import decode
from space.genotype import random_genotype
from space.nn.layers import BinaryConvOperator
from space.nn.network import Network
from tests.barsctl.tiny_runs import CPU, SPACE, PowerCut, cut_after, tiny_dataset

SETTINGS = TrainSettings(epochs=3, batch_size=16, ema_decay=0.9)
# In an epoch: 93 images in batches of 16, for the weights and then for the norms.
READ = 10
GRAPH = decode(random_genotype(SPACE, np.random.default_rng(2)))


def fresh_network(dataset: Dataset) -> Network:
    with initial_weights(0):
        return Network(GRAPH, dataset.mean, dataset.std)


def new_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_training_learns_and_keeps_its_best(tmp_path: Path) -> None:
    dataset, folder = tiny_dataset(tmp_path), new_folder(tmp_path / "run")
    network = fresh_network(dataset)
    settings = replace(SETTINGS, epochs=8, ema_decay=0.0)
    trained = train(network, dataset, settings, folder=folder, device=CPU)
    rows = read_metrics(folder)
    validation = [row["accuracy"]["validation"] for row in rows]
    assert trained.validation_accuracy == max(validation) > 0.5
    assert validation[trained.best_epoch] == trained.validation_accuracy
    best = fresh_network(dataset)
    best.load_state_dict(load_checkpoint(folder / BEST, device=CPU).part("network"))
    for source, share in (
        (dataset.validation, trained.validation_accuracy),
        (dataset.test, trained.test_accuracy),
    ):
        assert accuracy(best, all_batches(source, batch_size=32, device=CPU)) == share
    assert json.loads((folder / "result.json").read_text()) == {
        "best_epoch": trained.best_epoch,
        "validation_accuracy": trained.validation_accuracy,
        "test_accuracy": trained.test_accuracy,
        "searched": None,
    }


@pytest.mark.parametrize(
    ("real_weight_epochs", "batches"),
    [(0, 22), (1, 22), (2, 22), (2, 12)],
    ids=["one stage", "in the second", "between", "in the first"],
)
def test_killed_training_resumes_to_the_same_bits(
    tmp_path: Path, real_weight_epochs: int, batches: int
) -> None:
    dataset = tiny_dataset(tmp_path)
    settings = replace(SETTINGS, real_weight_epochs=real_weight_epochs)
    whole, killed = new_folder(tmp_path / "whole"), new_folder(tmp_path / "killed")
    train(fresh_network(dataset), dataset, settings, folder=whole, device=CPU)
    cut = cut_after(dataset, batches=batches)
    with pytest.raises(PowerCut):
        train(fresh_network(dataset), cut, settings, folder=killed, device=CPU)
    assert len(read_metrics(killed)) == batches // READ
    train(fresh_network(dataset), dataset, settings, folder=killed, device=CPU)
    for name in (LAST, BEST, "result.json", "metrics.jsonl"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes()


def test_resumed_training_keeps_the_best_of_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first epoch is the best on the validation images, and it is killed in its third."""
    accuracies = iter([0.75, 0.5, 0.25, 0.125])  # of three epochs, then on the test images
    monkeypatch.setattr("barsctl.train.accuracy_over_ranks", lambda *_: next(accuracies))
    dataset, folder = tiny_dataset(tmp_path), new_folder(tmp_path / "run")
    cut = cut_after(dataset, batches=22)
    with pytest.raises(PowerCut):
        train(fresh_network(dataset), cut, SETTINGS, folder=folder, device=CPU)
    best = (folder / BEST).read_bytes()
    trained = train(fresh_network(dataset), dataset, SETTINGS, folder=folder, device=CPU)
    assert trained == Trained(0, 0.75, 0.125)
    assert (folder / BEST).read_bytes() == best


def test_best_epoch_is_that_of_the_kept_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed once they are kept, and other sums make the epoch that is done again a worse one."""
    accuracies = iter([0.5, 0.75, 0.25, 0.125, 0.375])  # two epochs, the second again, and a third
    monkeypatch.setattr("barsctl.train.accuracy_over_ranks", lambda *_: next(accuracies))
    dataset, folder = tiny_dataset(tmp_path), new_folder(tmp_path / "run")

    def cut_off(path: Path, parts: Any, *, state: Any) -> None:
        if path.name == LAST and state["epoch"] == 1:
            raise PowerCut
        save_checkpoint(path, parts, state=state)

    monkeypatch.setattr("barsctl.train.save_checkpoint", cut_off)
    with pytest.raises(PowerCut):
        train(fresh_network(dataset), dataset, SETTINGS, folder=folder, device=CPU)
    monkeypatch.setattr("barsctl.train.save_checkpoint", save_checkpoint)
    best = (folder / BEST).read_bytes()
    (folder / f".{LAST}.{32 * 'a'}").write_text("what the kill left")
    trained = train(fresh_network(dataset), dataset, SETTINGS, folder=folder, device=CPU)
    assert trained == Trained(1, 0.75, 0.375)
    assert (folder / BEST).read_bytes() == best
    assert not [each for each in folder.iterdir() if each.name.startswith(f".{LAST}")]


def weights_are_real(network: Network) -> set[bool]:
    return {each.is_real for each in network.modules() if isinstance(each, BinaryConvOperator)}


def test_first_stage_has_real_weights_and_no_result(tmp_path: Path) -> None:
    dataset, folder = tiny_dataset(tmp_path), new_folder(tmp_path / "run")
    network = fresh_network(dataset)
    settings = replace(SETTINGS, real_weight_epochs=2)
    with pytest.raises(PowerCut):
        train(network, cut_after(dataset, batches=19), settings, folder=folder, device=CPU)
    assert weights_are_real(network) == {True}
    assert not (folder / BEST).exists()
    # With real weights or with their signs: another loss.
    other = new_folder(tmp_path / "other")
    with pytest.raises(PowerCut):
        train(
            fresh_network(dataset), cut_after(dataset, batches=19), SETTINGS,
            folder=other, device=CPU,
        )  # fmt: skip
    assert read_metrics(folder)[0]["loss"] != read_metrics(other)[0]["loss"]


def test_second_stage_trains_the_binary_network_anew(tmp_path: Path) -> None:
    dataset, folder = tiny_dataset(tmp_path), new_folder(tmp_path / "run")
    network = fresh_network(dataset)
    settings = replace(SETTINGS, epochs=4, real_weight_epochs=2, ema_decay=0.0)
    trained = train(network, dataset, settings, folder=folder, device=CPU)
    assert weights_are_real(network) == {False}
    rows = read_metrics(folder)
    rates = [row["learning_rate"] for row in rows]
    assert rates[:2] == rates[2:]
    assert rates[0] > rates[1]
    validation = [row["accuracy"]["validation"] for row in rows]
    assert trained.validation_accuracy == max(validation[2:])
    assert trained.best_epoch == 2 + int(np.argmax(validation[2:]))
    assert load_checkpoint(folder / LAST, device=CPU).tensors["optimizer/0/step"] == 2 * 5
    best = fresh_network(dataset)
    best.load_state_dict(load_checkpoint(folder / BEST, device=CPU).part("network"))
    batches = all_batches(dataset.test, batch_size=32, device=CPU)
    assert accuracy(best, batches) == trained.test_accuracy


def test_stages_leave_binary_weights_an_epoch() -> None:
    with pytest.raises(BarsError, match="real weights in 3 epochs of a training of 3"):
        replace(SETTINGS, real_weight_epochs=3)


def test_average_moves_towards_the_weights(tmp_path: Path) -> None:
    dataset, folder = tiny_dataset(tmp_path), new_folder(tmp_path / "run")
    settings = replace(SETTINGS, epochs=1)
    train(fresh_network(dataset), dataset, settings, folder=folder, device=CPU)
    checkpoint = load_checkpoint(folder / LAST, device=CPU)
    latest, average = checkpoint.part("network"), checkpoint.part("average")
    name = next(key for key in latest if key.endswith("dense.bias"))
    start = fresh_network(dataset).state_dict()[name]
    moved = (latest[name] - start).abs().sum()
    assert 0 < (average[name] - start).abs().sum() < moved


def test_distillation_loss_is_zero_for_equal_answers() -> None:
    logits = torch.tensor([[1.0, 2.0, 3.0]])
    assert float(distillation_loss(logits, logits + 5)) == pytest.approx(0, abs=1e-6)


def test_distillation_gradient_has_the_size_of_a_cross_entropy() -> None:
    """For small logits it is (logits - answers) / classes, whatever the temperature."""
    logits = torch.tensor([[0.02, 0.0, -0.02]], requires_grad=True)
    distillation_loss(logits, torch.zeros(1, 3)).backward()
    assert logits.grad is not None
    assert torch.allclose(logits.grad, logits.detach() / 3, rtol=0.02, atol=1e-4)


def test_teacher_changes_what_is_learnt(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    settings = replace(SETTINGS, epochs=1, ema_decay=0.0, teacher_share=1.0)
    teacher = _Constant(dataset)
    network = fresh_network(dataset)
    folder = new_folder(tmp_path / "run")
    train(network, dataset, replace(settings, epochs=6), folder=folder, device=CPU, teacher=teacher)
    # The best epoch on validation images is the one that learnt least of such a teacher.
    network.load_state_dict(load_checkpoint(folder / LAST, device=CPU).part("network"))
    (batch,) = all_batches(dataset.train, batch_size=1000, device=CPU)
    answers = F.softmax(network(batch.pixels), dim=1).mean(0)
    assert int(answers.argmax()) == 1


class _Constant(torch.nn.Module):
    """Answers 1, whatever the image."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__()
        self.classes = len(dataset.class_names)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        answer = torch.tensor([0.0, 4.0, 0.0])
        return answer.expand(len(pixels), self.classes)
