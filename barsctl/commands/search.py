"""`barsctl search`: the architecture and the weights of a space, within a budget."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from barsctl.search_settings import SearchSettings
from barsctl.terminal import print_json
from space.presets import SPACES

from .learning_options import (
    ArchitectureLearningRate,
    BatchSize,
    Entropy,
    FirstTemperature,
    LastTemperature,
    LearningRate,
    MultiplierRate,
    Optimizer,
    RefineEpochs,
    SamplingOption,
    WarmupEpochs,
    WeightDecay,
)
from .options import Budgets, Data, DataDir, Device, ImageSize, Json, Resume, Seed, Tables

_DEFAULTS = SearchSettings()


def search(
    out: Annotated[Path, typer.Option(help="The run's folder.")],
    space: Annotated[
        str, typer.Option(help=f"Search space: {', '.join(SPACES)}, or a TOML file.")
    ] = "demo",
    data: Data = "fashion-mini",
    data_dir: DataDir = None,
    image_size: ImageSize = None,
    budget: Budgets = None,
    table: Tables = None,
    epochs: Annotated[
        int, typer.Option(min=1, help="Passes over half of the images.")
    ] = _DEFAULTS.epochs,
    warmup_epochs: WarmupEpochs = None,
    refine_epochs: RefineEpochs = _DEFAULTS.refine_epochs,
    batch_size: BatchSize = _DEFAULTS.batch_size,
    optimizer: Optimizer = _DEFAULTS.optimizer,
    learning_rate: LearningRate = _DEFAULTS.learning_rate,
    weight_decay: WeightDecay = _DEFAULTS.weight_decay,
    architecture_learning_rate: ArchitectureLearningRate = _DEFAULTS.architecture_learning_rate,
    sampling: SamplingOption = _DEFAULTS.sampling,
    first_temperature: FirstTemperature = _DEFAULTS.first_temperature,
    last_temperature: LastTemperature = _DEFAULTS.last_temperature,
    entropy: Entropy = _DEFAULTS.entropy_weight,
    multiplier_rate: MultiplierRate = _DEFAULTS.multiplier_rate,
    teacher: Annotated[
        str,
        typer.Option(
            metavar="none|float|RUN",
            help="Whom the weights learn from too; float: a real-valued twin of the largest "
            "network, trained first; RUN: a training's folder. Not in --refine-epochs.",
        ),
    ] = "none",
    keep: Annotated[
        Literal["layout", "topology"] | None,
        typer.Option(
            help="Not searched, as --like has it: layout, all widths and depths; topology, all "
            "primitives."
        ),
    ] = None,
    like: Annotated[
        Path | None, typer.Option(metavar="GENOTYPE", help="A genotype.json of the same space.")
    ] = None,
    seed: Seed = _DEFAULTS.seed,
    device: Device = "auto",
    resume: Resume = False,
    as_json: Json = False,
) -> None:
    """Search a space for the best network within a budget; then run barsctl derive.

    Example: barsctl search --data fashion-mini --budget bops=3M --out runs/search
    """
    from barsctl.data_choice import DataChoice, load_choice
    from barsctl.devices import find_device
    from barsctl.kept_part import read_kept_part
    from barsctl.search_run import SearchConfig, search_run
    from space.presets import named_space

    choice = DataChoice(data, None if data_dir is None else str(data_dir), image_size, seed)
    dataset = load_choice(choice)
    described = named_space(
        space, image_channels=dataset.channels, image_size=dataset.image_size,
        classes=len(dataset.class_names),
    )  # fmt: skip
    config = SearchConfig(
        format=2,
        command="search",
        space=described,
        data=choice,
        budgets=tuple(budget or ()),
        tables=tuple(map(str, table or ())),
        settings=SearchSettings(
            seed=seed, epochs=epochs, batch_size=batch_size,
            warmup_epochs=epochs // 5 if warmup_epochs is None else warmup_epochs,
            optimizer=optimizer, learning_rate=learning_rate, weight_decay=weight_decay,
            architecture_learning_rate=architecture_learning_rate, sampling=sampling,
            first_temperature=first_temperature, last_temperature=last_temperature,
            entropy_weight=entropy, multiplier_rate=multiplier_rate, refine_epochs=refine_epochs,
        ),
        teacher=teacher,
        kept=read_kept_part(keep, like, space=described),
    )  # fmt: skip
    last = search_run(config, dataset, folder=out, resume=resume, device=find_device(device))
    if as_json:
        print_json({"run": str(out), **last})
    else:
        typer.echo(f"{out}: searched for {epochs} epochs; now run: barsctl derive {out}")
