"""Options of searches, derivations and trainings, as several commands have them.

Defaults are the commands' own.
"""

from typing import Annotated

import typer

from barsctl.search_settings import Sampling
from barsctl.train_settings import OptimizerName

from .options import finite, positive, rate, share

WarmupEpochs = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Of the search's epochs, the first without architecture steps; a fifth by default.",
    ),
]
RefineEpochs = Annotated[
    int,
    typer.Option(
        min=0,
        help="After the search's, of single networks of the found architecture: derive then ranks "
        "networks more truly.",
    ),
]
BatchSize = Annotated[int, typer.Option(min=2, help="Images per step.")]
Optimizer = Annotated[OptimizerName, typer.Option(help="Of the weights.")]
LearningRate = Annotated[
    float, typer.Option(parser=rate, metavar="RATE", help="Highest in the run, of the weights.")
]
WeightDecay = Annotated[
    float, typer.Option(parser=rate, metavar="RATE", help="Of the weights' optimizer.")
]
ArchitectureLearningRate = Annotated[
    float | None,
    typer.Option(
        parser=rate, metavar="RATE",
        help="Of the architecture; by default 0.02, and less in a search of many steps.",
    ),
]  # fmt: skip
SamplingOption = Annotated[
    Sampling,
    typer.Option(
        help="How options weigh in the mixture of a step: gumbel, a softmax with noise; softmax; "
        "sigmoid, each for itself; one: no mixture, a step computes one network.",
    ),
]
FirstTemperature = Annotated[
    float,
    typer.Option(
        parser=positive, metavar="NUMBER",
        help="Of the mixture in the first epoch after the warm-up, where that is not the last; the "
        "lower, the nearer to one network.",
    ),
]  # fmt: skip
LastTemperature = Annotated[
    float,
    typer.Option(parser=positive, metavar="NUMBER", help="Of the mixture in the last epoch."),
]
Entropy = Annotated[
    float,
    typer.Option(
        parser=finite, metavar="WEIGHT",
        help="Above 0 drives towards decisions, below 0 away from them; it rises from 0 in the "
        "first epoch after the warm-up to all in the last.",
    ),
]  # fmt: skip
MultiplierRate = Annotated[
    float,
    typer.Option(
        parser=rate, metavar="RATE",
        help="How much the weight of a budget in the loss rises in an epoch at twice the budget.",
    ),
]  # fmt: skip
Candidates = Annotated[int, typer.Option(min=1, help="Networks that derive compares.")]
Trials = Annotated[
    int,
    typer.Option(
        min=0,
        help="Networks that derive begins to train, candidates and others, to rank them; at most "
        "--candidates.",
    ),
]
TrialEpochs = Annotated[
    int | None,
    typer.Option(
        min=1, help="Epochs of a trial, 3 by default; the best quarter is trained to the end."
    ),
]
Unmeasured = Annotated[
    bool,
    typer.Option("--unmeasured", help="Take the table's word, and measure no whole network."),
]
RealWeightEpochs = Annotated[
    int,
    typer.Option(
        min=0,
        help="Of the training's epochs, the first with binary activations and real weights; then "
        "again.",
    ),
]
LabelSmoothing = Annotated[
    float,
    typer.Option(parser=share, metavar="SHARE", help="Of a training's labels, to all classes."),
]
Ema = Annotated[
    float,
    typer.Option(
        parser=share,
        metavar="SHARE",
        help="Decay of a training's averaged weights, as 0.99; 0 for none.",
    ),
]


def asked_trial_epochs(epochs: int | None, *, trials: int) -> int:
    """Return the epochs of a trial; to name them without trials is wrong usage."""
    if epochs is not None and not trials:
        raise typer.BadParameter(
            f"--trial-epochs {epochs} is about trials, and none is asked for; give --trials too"
        )
    return 3 if epochs is None else epochs
