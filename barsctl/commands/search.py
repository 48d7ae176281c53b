"""`barsctl search`: the architecture and the weights of a space, within a budget."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from barsctl.search_settings import Sampling, SearchSettings
from barsctl.train_settings import OptimizerName
from space.presets import SPACES

from .options import (
    Budgets,
    Data,
    DataDir,
    Device,
    ImageSize,
    Json,
    Resume,
    Seed,
    Tables,
    finite,
    rate,
)

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
    warmup_epochs: Annotated[
        int | None,
        typer.Option(
            min=0, help="Of them, the first without architecture steps; a fifth by default."
        ),
    ] = None,
    refine_epochs: Annotated[
        int,
        typer.Option(
            min=0,
            help="After them, of single networks of the found architecture: derive then ranks "
            "networks more truly.",
        ),
    ] = _DEFAULTS.refine_epochs,
    batch_size: Annotated[int, typer.Option(min=2, help="Images per step.")] = _DEFAULTS.batch_size,
    optimizer: Annotated[OptimizerName, typer.Option(help="Of the weights.")] = _DEFAULTS.optimizer,
    learning_rate: Annotated[
        float, typer.Option(parser=rate, metavar="RATE", help="Highest, of the weights.")
    ] = _DEFAULTS.learning_rate,
    architecture_learning_rate: Annotated[
        float | None,
        typer.Option(
            parser=rate,
            metavar="RATE",
            help="Of the architecture; by default 0.02, and less in a search of many steps.",
        ),
    ] = _DEFAULTS.architecture_learning_rate,
    sampling: Annotated[
        Sampling,
        typer.Option(help="How architectures are mixed; one: not, a step computes one network."),
    ] = _DEFAULTS.sampling,
    entropy: Annotated[
        float,
        typer.Option(
            parser=finite,
            metavar="WEIGHT",
            help="Above 0 drives towards decisions, below 0 away from them.",
        ),
    ] = _DEFAULTS.entropy_weight,
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
            optimizer=optimizer, learning_rate=learning_rate,
            architecture_learning_rate=architecture_learning_rate, sampling=sampling,
            entropy_weight=entropy, refine_epochs=refine_epochs,
        ),
        teacher=teacher,
        kept=read_kept_part(keep, like, space=described),
    )  # fmt: skip
    last = search_run(config, dataset, folder=out, resume=resume, device=find_device(device))
    if as_json:
        typer.echo(json.dumps({"run": str(out), **last}, indent=2))
    else:
        typer.echo(f"{out}: searched for {epochs} epochs; now run: barsctl derive {out}")
