"""Compiling a run: frozen, exported and compiled for some targets, into one folder.

A package holds frozen.safetensors, model.onnx, and a folder per target with the program, its
libraries, its header and its manifest.json.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from costmodels.latency_table import LatencyTable, require_fit
from costmodels.protocol import network_cost
from space.blocks import Block
from space.frozen import FrozenNetwork
from space.frozen_file import write_frozen
from space.nn.freeze import freeze
from targets.build import compiler_name, kernel_hash
from targets.compile import Artefacts, compile_network
from targets.emit_about import Score
from targets.network_plan import require_plannable
from targets.onnx_export import export_onnx
from targets.target import Target
from targets.toolchain import Notify
from targets.vector_unit import Tile

from .data.source import ImageSource, Labels
from .errors import BarsError
from .forms import FrozenForm, Images
from .package_compare import compared_images
from .package_report import FROZEN, ONNX
from .trained_run import TrainedRun
from .verification import accuracy, spread_indices

CALIBRATION_IMAGES = 512


@dataclass(frozen=True, slots=True)
class PackageSettings:
    """What to compile for, and how to check it.

    images: how many test images to compare; None for up to 10 000, 256 under an emulator. table:
    predicts the latency on the target that it was measured for, and has the tiles of its tuned
    kernels. threads: that share a run.
    """

    targets: tuple[Target, ...]
    name: str
    images: int | None = None
    table: LatencyTable | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        if self.images is not None and self.images < 1:
            raise BarsError(f"images {self.images}: at least 1 must be compared")
        names = [target.name for target in self.targets]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise BarsError(
                f"target {twice} is given twice, and not as the same; each has a folder of its "
                "name: compile for one of them"
            )
        # Before anything is written: an earlier package in the folder stays whole.
        for target in self.targets:
            require_plannable(self.name, target, threads=self.threads)
            if target.name in (FROZEN, ONNX):
                raise BarsError(
                    f"target {target.name} has the name of a file of every package, beside which "
                    "its folder lies; give the board another"
                )
        if self.table is not None:
            _require_usable(self.table, self.targets, threads=self.threads)

    def table_for(self, target: Target) -> LatencyTable | None:
        """The table where it is this target's."""
        fits = self.table is not None and self.table.header.target == target.name
        return self.table if fits else None

    def predicted_ms(self, target: Target, blocks: Sequence[Block]) -> float | None:
        """What a run takes by the table; None where it is another target's, or counts instructions.

        Raises CostError where the table lacks a kernel of the blocks.
        """
        table = self.table_for(target)
        if table is None:
            return None
        predicted = network_cost(table, blocks)
        return predicted if table.unit == "ms" else None

    def require_prices(self, blocks: Sequence[Block]) -> None:
        """Raise CostError where the table lacks a kernel of the blocks."""
        for target in self.targets:
            self.predicted_ms(target, blocks)

    def tiles_for(self, target: Target) -> Mapping[str, Tile]:
        """The tiles that kernels were tuned to on the target, by key."""
        table = self.table_for(target)
        return {} if table is None else table.tiles


def _require_usable(table: LatencyTable, targets: Sequence[Target], *, threads: int) -> None:
    name, names = table.header.target, [target.name for target in targets]
    if name not in names:
        raise BarsError(
            f"the latency table is of {name}, and the targets are {', '.join(names)}; a table "
            f"holds for its own target: add --target {name}, or leave out --table"
        )
    require_fit(table, target=name, kernel_hash=kernel_hash(), compiler=compiler_name())
    measured, processor = table.header.processor, targets[names.index(name)].processor
    # Tables of older versions name this machine as its own processor.
    if measured not in (processor, name):
        raise BarsError(
            f"the latency table is of {name} with kernels for {measured}, and {name} has those for "
            f"{processor} here; a table holds for its own kernels: profile again, or leave out "
            "--table"
        )
    if table.header.threads != threads:
        raise BarsError(
            f"the latency table is of {table.header.threads} threads, and the program has "
            f"{threads}: compile with --threads {table.header.threads}, or profile with "
            f"--threads {threads}"
        )


def write_package(
    run: TrainedRun, settings: PackageSettings, *, folder: Path, notify: Notify
) -> tuple[Artefacts, ...]:
    """Freeze, export and compile; files of an earlier package are replaced.

    Returns the files of each target. Raises SpaceError or TargetError where that cannot be done,
    CostError where the table lacks a kernel of the network.
    """
    settings.require_prices(run.network.graph.blocks)
    notify("freezing")
    frozen = freeze(run.network, calibration_pixels(run.dataset.train))
    notify("counting the test images that it labels rightly")
    score = label_score(frozen, *compared_images(run.dataset.test, settings.images))
    return write_forms(
        frozen, settings, class_names=run.dataset.class_names, score=score, folder=folder,
        notify=notify,
    )  # fmt: skip


def write_forms(
    frozen: FrozenNetwork, settings: PackageSettings, *, class_names: tuple[str, ...] | None,
    score: Score | None, folder: Path, notify: Notify,
) -> tuple[Artefacts, ...]:  # fmt: skip
    """Export and compile a frozen network, as write_package does; without names its classes are
    numbers."""
    settings.require_prices(frozen.graph.blocks)
    folder.mkdir(parents=True, exist_ok=True)
    write_frozen(frozen, folder / FROZEN)
    onnx = folder / ONNX
    export_onnx(frozen, onnx, class_names=class_names, name=settings.name, score=score)
    told = class_names or [str(label) for label in range(frozen.graph.classes)]
    found = []
    for target in settings.targets:
        notify(f"compiling for {target.name}")
        found.append(compile_network(
            frozen, target, folder / target.name,
            name=settings.name, class_names=told, notify=notify,
            threads=settings.threads, tiles=settings.tiles_for(target), score=score,
        ))  # fmt: skip
    return tuple(found)


def label_score(frozen: FrozenNetwork, images: Images, labels: Labels) -> Score:
    """How many of the images the network labels rightly."""
    right = accuracy(FrozenForm(frozen).logits(images), labels) * len(images)
    return Score(round(right), len(images))


def calibration_pixels(source: ImageSource) -> Tensor:
    """Some of the images [count, channels, size, size], spread evenly over all."""
    indices = spread_indices(len(source), CALIBRATION_IMAGES)
    return torch.from_numpy(source.batch(indices)).permute(0, 3, 1, 2)
