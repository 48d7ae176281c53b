"""What a search's networks came to when they were tried: trials.jsonl."""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from .network_rows import NetworkRows, RowsFormat

TRIALS, WHOLE_TRIALS = "trials.jsonl", "whole-trials.jsonl"


@dataclass(frozen=True, slots=True)
class EarlierTriedHeader:
    """That of format 1, whose trainings ended with the trial."""

    format: Literal[1]
    device: str
    seed: int
    trial_epochs: int
    batch_size: int


@dataclass(frozen=True, slots=True)
class TriedHeader:
    """What the rows hold for. device: its type, as sums differ there; epochs: of the schedule."""

    format: Literal[2]
    device: str
    seed: int
    trial_epochs: int
    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    weight_decay: float


@dataclass(frozen=True, slots=True)
class TriedRow:
    """A network by its choices, and its mean training loss in the last epoch of its trial.

    loss: None where its weights diverged. accuracy: the best on the validation images, of any of
    the epochs; None where the weights diverged, and where it was not kept yet.
    """

    choices: dict[str, int]
    loss: float | None
    accuracy: float | None


AnyTriedHeader = TriedHeader | EarlierTriedHeader
Tried = NetworkRows[AnyTriedHeader, TriedRow]
_HEADER: TypeAdapter[AnyTriedHeader] = TypeAdapter(
    Annotated[AnyTriedHeader, Field(discriminator="format")]
)
TRIED_FORMAT = RowsFormat(_HEADER, TypeAdapter(TriedRow), later={"accuracy": None})
