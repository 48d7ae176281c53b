"""Searches that learn from a teacher, and whom they may learn from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from barsctl.batches import Batch
from barsctl.errors import BarsError
from barsctl.evaluate import Tally
from barsctl.run_folder import LAST, read_metrics
from barsctl.search import new_state
from barsctl.search_run import search_run
from barsctl.search_steps import weights_step
from barsctl.teachers import trained_teacher, twin_of_largest
from barsctl.train import TrainSettings
from barsctl.training_run import Teacher, TrainConfig, training_run
from space.genotype import random_genotype, write_genotype
from space.nn.binarize import BatchNormSign
from space.nn.network import Network
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

TRAINING = TrainSettings(epochs=1, batch_size=16)
PIXELS = torch.randint(0, 256, (12, 1, 8, 8), generator=torch.Generator().manual_seed(0))


def trained(folder: Path, teacher: Teacher) -> Path:
    write_genotype(random_genotype(SPACE, np.random.default_rng(2)), folder / "mine.json")
    config = TrainConfig(
        2, "train", str(folder / "mine.json"), write_images(folder), teacher,
        inherit=False, settings=TRAINING,
    )  # fmt: skip
    run = folder / f"taught-by-{teacher}"
    training_run(config, folder=run, resume=False, device=CPU, notify=print)
    return run


def new_folder(folder: Path) -> Path:
    folder.mkdir()
    return folder


def is_real(network: Network) -> bool:
    return all(each.is_real for each in network.modules() if isinstance(each, BatchNormSign))


def test_killed_taught_search_resumes_to_the_same_bits(tmp_path: Path) -> None:
    """Killed while the teacher is trained and while it teaches."""
    dataset = tiny_dataset(tmp_path)
    config = tiny_config(write_images(tmp_path), settings=replace(SEARCH, epochs=2))
    config = replace(config, teacher="float")
    whole, early, late = (tmp_path / name for name in ("whole", "early", "late"))
    search_run(config, dataset, folder=whole, resume=False, device=CPU)
    for folder, batches in ((early, 3), (late, 10)):
        with pytest.raises(PowerCut):
            search_run(
                config, cut_after(dataset, batches=batches),
                folder=folder, resume=False, device=CPU,
            )  # fmt: skip
        assert (folder / "teacher" / "result.json").exists() == (folder == late)
        search_run(config, dataset, folder=folder, resume=True, device=CPU)
        assert (folder / LAST).read_bytes() == (whole / LAST).read_bytes()
    untaught = tmp_path / "untaught"
    search_run(replace(config, teacher="none"), dataset, folder=untaught, resume=False, device=CPU)
    assert (untaught / LAST).read_bytes() != (whole / LAST).read_bytes()


def test_float_teacher_never_sees_the_architectures_images(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    batches = len(dataset.train) // 2 // 16
    enough, too_few = (cut_after(dataset, batches=each) for each in (batches, batches - 1))
    cut, whole = new_folder(tmp_path / "cut"), new_folder(tmp_path / "whole")
    teacher = twin_of_largest(SPACE, enough, TRAINING, folder=whole, device=CPU)
    assert is_real(teacher)
    assert not teacher.training
    assert len(read_metrics(whole / "teacher")) == 1
    with pytest.raises(PowerCut):
        twin_of_largest(SPACE, too_few, TRAINING, folder=cut, device=CPU)


def test_search_learns_from_a_training(tmp_path: Path) -> None:
    """What is none is refused before there is a folder."""
    dataset = tiny_dataset(tmp_path)
    config = tiny_config(write_images(tmp_path), settings=replace(SEARCH, epochs=2))
    found: list[bytes] = []
    for teacher in ("none", str(trained(tmp_path, "none"))):
        taught = replace(config, teacher=teacher)
        run = tmp_path / f"run{len(found)}"
        search_run(taught, dataset, folder=run, resume=False, device=CPU)
        found.append((run / LAST).read_bytes())
    assert found[0] != found[1]
    gone = replace(config, teacher=str(tmp_path / "gone"))
    with pytest.raises(BarsError, match="gone is not a run's folder"):
        search_run(gone, dataset, folder=tmp_path / "new", resume=False, device=CPU)
    assert not (tmp_path / "new").exists()


def test_training_teaches_by_its_float_teacher_if_it_had_one(tmp_path: Path) -> None:
    dataset = tiny_dataset(tmp_path)
    kinds: tuple[Teacher, ...] = ("none", "float")
    binary, real = (trained_teacher(trained(tmp_path, each), dataset, device=CPU) for each in kinds)
    assert not is_real(binary)
    assert is_real(real)
    assert binary(PIXELS).shape == real(PIXELS).shape == (12, 3)
    other = replace(dataset, class_names=dataset.class_names[:2])
    with pytest.raises(BarsError, match=r"reads .*\(1, 8, 3\), npz has \(1, 8, 2\)"):
        trained_teacher(tmp_path / "taught-by-none", other, device=CPU)
    (tmp_path / "taught-by-none" / "result.json").unlink()
    with pytest.raises(BarsError, match="has not ended"):
        trained_teacher(tmp_path / "taught-by-none", dataset, device=CPU)


def test_teacher_alone_is_learnt_from_where_its_share_is_one(tmp_path: Path) -> None:
    """Answers that fit no label: their loss is told, and labels are of no account."""
    batches = [Batch(PIXELS, torch.full((12,), label)) for label in range(2)]
    moved = []
    for batch in batches:
        state = new_state(SPACE, tiny_dataset(tmp_path), SEARCH, budgets=0, device=CPU)
        mixture = state.architecture.probabilities(1.0, mode="uniform")
        teacher = _Constant()
        weights_step(state, batch, mixture, tally=Tally(), teacher=teacher, teacher_share=1.0)
        moved.append(state.supernet.head.dense.weight.detach())
    assert torch.equal(*moved)


class _Constant(torch.nn.Module):
    """Answers 1, whatever the image."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.tensor([0.0, 4.0, 0.0]).expand(len(pixels), 3)
