"""Searches that learn from a teacher, and whom they may learn from."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from barsctl.batches import Batch, split_in_halves
from barsctl.data.source import ImageSource, Indices, Pixels
from barsctl.errors import BarsError
from barsctl.evaluate import Tally
from barsctl.run_folder import LAST, read_metrics
from barsctl.search import new_state
from barsctl.search_run import search_run
from barsctl.search_steps import weights_step
from barsctl.teachers import trained_teacher, twin_of_largest
from barsctl.train_settings import TrainSettings
from barsctl.training_run import Teacher, TrainConfig, training_run
from space.genotype import random_genotype, write_genotype
from space.nn.binarize import BatchNormSign
from space.nn.network import Network
from tests.barsctl.tiny_runs import (
    CPU,
    SEARCH,
    SPACE,
    PowerCut,
    WrappedSource,
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


@dataclass(frozen=True, eq=False)
class SeenSource(WrappedSource):
    """Images that note which of them were read, batch by batch."""

    rows: Indices
    """Of the images among all."""
    read: list[Indices]

    def batch(self, indices: Indices) -> Pixels:
        self.read.append(self.rows[indices])
        return self.source.batch(indices)

    def subset(self, indices: Indices) -> ImageSource:
        return SeenSource(self.source.subset(indices), self.rows[indices], self.read)


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
    """It reads those of the weights, by the search's own seed, before the search reads any."""
    dataset = tiny_dataset(tmp_path)
    read: list[Indices] = []
    seen = replace(dataset, train=SeenSource(dataset.train, np.arange(len(dataset.train)), read))
    settings = replace(SEARCH, seed=3, epochs=1, warmup_epochs=0)
    config = tiny_config(write_images(tmp_path), settings=settings)
    run = tmp_path / "run"
    search_run(replace(config, teacher="float"), seen, folder=run, resume=False, device=CPU)
    weights, architecture = (
        set(half.rows.tolist())
        for half in split_in_halves(seen.train, seed=3)
        if isinstance(half, SeenSource)
    )
    batches = len(weights) // 16
    assert set(np.concatenate(read[:batches]).tolist()) <= weights
    # A step of the search reads for the weights, then for the architecture.
    assert set(read[-2].tolist()) <= weights
    assert set(read[-1].tolist()) <= architecture
    assert len(read_metrics(run / "teacher")) == 1
    finished = TrainSettings(seed=3, epochs=1, batch_size=16)
    teacher = twin_of_largest(SPACE, dataset, finished, folder=run, device=CPU)
    assert is_real(teacher)
    assert not teacher.training


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
    data, dataset = write_images(tmp_path), tiny_dataset(tmp_path)
    kinds: tuple[Teacher, ...] = ("none", "float")
    binary, real = (
        trained_teacher(trained(tmp_path, each), data, dataset, device=CPU) for each in kinds
    )
    assert not is_real(binary)
    assert is_real(real)
    assert binary(PIXELS).shape == real(PIXELS).shape == (12, 3)
    other = replace(dataset, class_names=dataset.class_names[:2])
    with pytest.raises(BarsError, match=r"reads .*\(1, 8, 3\), npz has \(1, 8, 2\)"):
        trained_teacher(tmp_path / "taught-by-none", data, other, device=CPU)
    with pytest.raises(BarsError, match=r"split of seed 0 of npz, .* in that of seed 3; give"):
        trained_teacher(tmp_path / "taught-by-none", replace(data, seed=3), dataset, device=CPU)
    (tmp_path / "taught-by-none" / "result.json").unlink()
    with pytest.raises(BarsError, match="has not ended"):
        trained_teacher(tmp_path / "taught-by-none", data, dataset, device=CPU)


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
