"""What a reader of files returns, before anything is split off for validation."""

from dataclasses import dataclass
from pathlib import Path

from .augment import Augmentation
from .source import ImageSource


@dataclass(frozen=True, slots=True)
class Collection:
    """Labelled images as they lie on disk."""

    class_names: tuple[str, ...]
    train: ImageSource
    test: ImageSource | None
    """None where the files do not set test images apart."""
    augmentation: Augmentation


@dataclass(frozen=True, slots=True)
class Request:
    """What a reader is asked for."""

    name: str
    data_dir: Path | None
    image_size: int | None
    """Height and width in pixels where a reader scales; None for its own choice."""
