"""`barsctl sweep`: searches for several budgets and seeds, by any number of workers."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from barsctl.budgets import Budget, format_cost
from barsctl.errors import BarsError
from barsctl.search_settings import SearchSettings
from barsctl.terminal import print_json, print_table
from barsctl.train_settings import OptimizerName, TrainSettings
from space.presets import SPACES

from .learning_options import (
    ArchitectureLearningRate,
    BatchSize,
    Candidates,
    Ema,
    Entropy,
    FirstTemperature,
    LabelSmoothing,
    LastTemperature,
    LearningRate,
    MultiplierRate,
    Optimizer,
    RealWeightEpochs,
    RefineEpochs,
    SamplingOption,
    TrialEpochs,
    Trials,
    Unmeasured,
    WarmupEpochs,
    WeightDecay,
    asked_trial_epochs,
)
from .options import (
    Data,
    DataDir,
    Device,
    ImageSize,
    Json,
    OptionalOn,
    Tables,
    budget,
    notify,
    rate,
    seed,
)

if TYPE_CHECKING:
    from barsctl.sweep import Row

_SEARCH, _TRAINING = SearchSettings(), TrainSettings()


def sweep(
    out: Annotated[Path, typer.Option(help="The sweep's folder, which all workers share.")],
    budgets: Annotated[
        list[Budget],
        typer.Option(
            "--budget",
            parser=budget,
            metavar="COST=AMOUNT",
            help="As of barsctl search; several are searched for one by one.",
        ),
    ],
    seeds: Annotated[
        list[int] | None,
        typer.Option(
            "--seed",
            parser=seed,
            metavar="NUMBER",
            help="May be given several times.",
        ),
    ] = None,
    spaces: Annotated[
        list[str] | None,
        typer.Option(
            "--space",
            help=f"One or several of {', '.join(SPACES)} and TOML files; demo by default.",
        ),
    ] = None,
    data: Data = "fashion-mini",
    data_dir: DataDir = None,
    image_size: ImageSize = None,
    table: Tables = None,
    epochs: Annotated[int, typer.Option(min=1, help="Of each search.")] = _SEARCH.epochs,
    warmup_epochs: WarmupEpochs = None,
    refine_epochs: RefineEpochs = _SEARCH.refine_epochs,
    batch_size: BatchSize = _SEARCH.batch_size,
    optimizer: Optimizer = _SEARCH.optimizer,
    learning_rate: LearningRate = _SEARCH.learning_rate,
    weight_decay: WeightDecay = _SEARCH.weight_decay,
    architecture_learning_rate: ArchitectureLearningRate = _SEARCH.architecture_learning_rate,
    sampling: SamplingOption = _SEARCH.sampling,
    first_temperature: FirstTemperature = _SEARCH.first_temperature,
    last_temperature: LastTemperature = _SEARCH.last_temperature,
    entropy: Entropy = _SEARCH.entropy_weight,
    multiplier_rate: MultiplierRate = _SEARCH.multiplier_rate,
    teacher: Annotated[
        Literal["none", "float"],
        typer.Option(help="Whom the searches' weights learn from too, as of barsctl search."),
    ] = "none",
    candidates: Candidates = 20,
    trials: Trials = 0,
    trial_epochs: TrialEpochs = None,
    on: OptionalOn = None,
    unmeasured: Unmeasured = False,
    train_epochs: Annotated[int, typer.Option(min=1, help="Of each training.")] = _TRAINING.epochs,
    real_weight_epochs: RealWeightEpochs = _TRAINING.real_weight_epochs,
    train_batch_size: Annotated[
        int, typer.Option(min=2, help="Images per step of a training.")
    ] = _TRAINING.batch_size,
    train_optimizer: Annotated[
        OptimizerName, typer.Option(help="Of a training.")
    ] = _TRAINING.optimizer,
    train_learning_rate: Annotated[
        float, typer.Option(parser=rate, metavar="RATE", help="Highest in a training.")
    ] = _TRAINING.learning_rate,
    train_weight_decay: Annotated[
        float, typer.Option(parser=rate, metavar="RATE", help="Of a training's optimizer.")
    ] = _TRAINING.weight_decay,
    label_smoothing: LabelSmoothing = _TRAINING.label_smoothing,
    ema: Ema = _TRAINING.ema_decay,
    train_teacher: Annotated[
        Literal["none", "float"],
        typer.Option(help="Whom the trainings learn from too, as of barsctl train."),
    ] = "none",
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Search, derive and train for every space, budget and seed, and show which are best.

    Options are those of searches where no training is named.

    Start it as often as you like, on other machines too, with the same words: the workers share the
    cells. What was killed goes on when it is started again, and so does a cell whose cell.json was
    removed.

    Example: barsctl sweep --budget bops=2M --budget bops=4M --seed 0 --seed 1 --out runs/sweep
    """  # fmt: skip
    if find_spec("optuna") is None:
        raise BarsError("a sweep needs optuna; install it with: pip install 'barsctl[sweep]'")
    from barsctl.data_choice import DataChoice, load_choice
    from barsctl.devices import find_device
    from barsctl.sweep import sweep, sweep_json
    from barsctl.sweep_config import SweepConfig
    from space.presets import named_space

    choice = DataChoice(data, None if data_dir is None else str(data_dir), image_size, seed=0)
    dataset = load_choice(choice)
    config = SweepConfig(
        format=2,
        command="sweep",
        spaces=tuple(
            named_space(
                space, image_channels=dataset.channels, image_size=dataset.image_size,
                classes=len(dataset.class_names),
            )
            for space in spaces or ("demo",)
        ),
        budgets=tuple(budgets),
        seeds=tuple(seeds or (0,)),
        data=choice,
        tables=tuple(map(str, table or ())),
        search=SearchSettings(
            epochs=epochs, batch_size=batch_size,
            warmup_epochs=epochs // 5 if warmup_epochs is None else warmup_epochs,
            optimizer=optimizer, learning_rate=learning_rate, weight_decay=weight_decay,
            architecture_learning_rate=architecture_learning_rate, sampling=sampling,
            first_temperature=first_temperature, last_temperature=last_temperature,
            entropy_weight=entropy, multiplier_rate=multiplier_rate, refine_epochs=refine_epochs,
        ),
        search_teacher=teacher,
        candidates=candidates,
        trials=trials,
        trial_epochs=asked_trial_epochs(trial_epochs, trials=trials),
        measured=not unmeasured,
        place=None if on is None else str(on),
        training=TrainSettings(
            epochs=train_epochs, batch_size=train_batch_size, optimizer=train_optimizer,
            learning_rate=train_learning_rate, weight_decay=train_weight_decay,
            label_smoothing=label_smoothing, ema_decay=ema, real_weight_epochs=real_weight_epochs,
        ),
        teacher=train_teacher,
    )  # fmt: skip
    rows = sweep(config, folder=out, device=find_device(device), notify=notify)
    if as_json:
        print_json(sweep_json(rows))
    else:
        cost = budgets[0].name
        print_table(
            ("space", "budget", "seed", "validation", "test", cost, "front"),
            [_words(row) for row in rows],
        )
    failed = [row for row in rows if row.state == "failed"]
    if failed:
        raise BarsError(
            f"{len(failed)} of {len(rows)} cells failed, first {failed[0].folder}: "
            f"{failed[0].result.error}; remove a cell's cell.json to have it go on"
        )


def _words(row: "Row") -> tuple[str, ...]:
    cell, found = row.cell, row.result
    told = (cell.space.name, str(cell.budget), str(cell.seed))
    if found.validation_accuracy is None or found.test_accuracy is None or found.cost is None:
        return (*told, "failed", "-", "-", "")
    return (
        *told,
        f"{found.validation_accuracy:.2%}",
        f"{found.test_accuracy:.2%}",
        format_cost(cell.budget.name, found.cost),
        "*" if row.on_front else "",
    )
