"""What a search's networks were judged with its weights: judged.jsonl."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from .network_rows import NetworkRows, RowsFormat

JUDGED = "judged.jsonl"


@dataclass(frozen=True, slots=True)
class JudgedHeader:
    """What the rows hold for. checkpoint: its SHA-256. device: its type, as sums differ there."""

    format: Literal[1]
    checkpoint: str
    device: str
    seed: int
    batch_size: int
    calibration_images: int
    held_out_images: int


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A network by its choices, and its accuracy on held-out images."""

    choices: dict[str, int]
    accuracy: float


Judged = NetworkRows[JudgedHeader, JudgedRow]
JUDGED_FORMAT = RowsFormat(TypeAdapter(JudgedHeader), TypeAdapter(JudgedRow))


def file_digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return sha256(path.read_bytes()).hexdigest()
