"""`barsctl train`: the final weights of one network."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from barsctl.data.names import DataName
from barsctl.terminal import print_json
from barsctl.train_settings import TrainSettings
from space.reference_names import ReferenceName

from .learning_options import (
    BatchSize,
    Ema,
    LabelSmoothing,
    LearningRate,
    Optimizer,
    RealWeightEpochs,
    WeightDecay,
)
from .options import (
    Budgets,
    DataDir,
    Device,
    ImageSize,
    Json,
    OptionalStem,
    Resume,
    Seed,
    Stages,
    Tables,
    notify,
)

_DEFAULTS = TrainSettings()


def train(
    source: Annotated[
        str,
        typer.Argument(
            help=f"A search's folder, a genotype.json or {', '.join(get_args(ReferenceName))}."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The training's folder.")],
    data: Annotated[
        DataName | None,
        typer.Option(help="Images; by default a search folder's own, else fashion-mini."),
    ] = None,
    data_dir: DataDir = None,
    image_size: ImageSize = None,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the images.")] = _DEFAULTS.epochs,
    real_weight_epochs: RealWeightEpochs = _DEFAULTS.real_weight_epochs,
    batch_size: BatchSize = _DEFAULTS.batch_size,
    optimizer: Optimizer = _DEFAULTS.optimizer,
    learning_rate: LearningRate = _DEFAULTS.learning_rate,
    weight_decay: WeightDecay = _DEFAULTS.weight_decay,
    label_smoothing: LabelSmoothing = _DEFAULTS.label_smoothing,
    ema: Ema = _DEFAULTS.ema_decay,
    teacher: Annotated[
        Literal["none", "float"],
        typer.Option(help="float: train a real-valued twin to learn from."),
    ] = "none",
    inherit: Annotated[
        bool, typer.Option("--inherit", help="Start from the search's weights.")
    ] = False,
    channels: Annotated[
        int | None,
        typer.Option(
            min=8, help="Of a reference's stem, a multiple of 8; as published by default."
        ),
    ] = None,
    stem: OptionalStem = None,
    stages: Stages = None,
    budget: Budgets = None,
    table: Tables = None,
    seed: Seed = _DEFAULTS.seed,
    device: Device = "auto",
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Train one network, keep its best weights and test them; then run barsctl compile.

    A reference is trained with --channels, or with the most that keep to --budget, as predicted.

    Example: barsctl train runs/search --out runs/train
    """
    from barsctl.data_choice import DataChoice
    from barsctl.devices import find_device
    from barsctl.scaled_reference import ReferenceChoice
    from barsctl.training_run import TrainConfig, searched_images, training_run

    reference = None
    if source in get_args(ReferenceName) and not Path(source).exists():
        reference = ReferenceChoice(
            channels, stem or "published", stages, tuple(budget or ()), tuple(map(str, table or ()))
        )
    elif any((channels, stem, stages, budget, table)):
        raise typer.BadParameter(
            f"{source} is no reference's name; leave out --channels, --stem, --stages, --budget "
            "and --table: its network has all of them already"
        )
    if table and not budget:
        raise typer.BadParameter(f"--table {table[0]} prices budgets; give --budget latency=AMOUNT")
    if channels is not None and budget:
        raise typer.BadParameter("--channels and --budget both say how wide; give one of them")
    searched = searched_images(source) if data is None else None
    if searched is not None and (data_dir or image_size):
        raise typer.BadParameter(
            f"{source} has images of its own; leave out --data-dir and --image-size, or name --data"
        )
    choice = searched or DataChoice(
        data or "fashion-mini", None if data_dir is None else str(data_dir), image_size, seed
    )
    config = TrainConfig(
        format=2,
        command="train",
        source=source,
        data=choice,
        teacher=teacher,
        inherit=inherit,
        reference=reference,
        settings=TrainSettings(
            seed=seed, epochs=epochs, batch_size=batch_size, optimizer=optimizer,
            learning_rate=learning_rate, weight_decay=weight_decay,
            label_smoothing=label_smoothing, ema_decay=ema, real_weight_epochs=real_weight_epochs,
        ),
    )  # fmt: skip
    trained = training_run(
        config, folder=out, resume=resume, device=find_device(device), notify=notify
    )
    if as_json:
        print_json({"run": str(out), **asdict(trained)})
        return
    before = ""
    if trained.searched is not None and trained.searched.derived is not None:
        before = f", with the search's weights {trained.searched.derived:.2%}"
    typer.echo(
        f"{out}: test accuracy {trained.test_accuracy:.2%} on {choice.name}, validation "
        f"{trained.validation_accuracy:.2%} (epoch {trained.best_epoch + 1}){before}; "
        f"now run: barsctl compile {out}"
    )
