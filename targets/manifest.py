"""manifest.json: what a folder of compiled files holds, read by people and scripts.

Compiling writes it; later steps (verifying, measuring) add sections of their own.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter

from space.atomic import write_atomically
from space.errors import SpaceError
from space.strict_json import parse_known

from .errors import TargetError

FORMAT = 1
FILE = "manifest.json"
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FileFields:
    """Size and hash of a file."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class TargetFields:
    """The processor that a program is for; variants: those it holds kernels for, if several."""

    name: str
    machine: str
    cpu: str
    features: tuple[str, ...]
    variants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What compiling tells of a folder's files; network: the files that they were made from.

    image: height, width, channels.
    """

    name: str
    target: TargetFields
    kernel_hash: str
    image: tuple[int, int, int]
    classes: int
    threads: int
    arena_bytes: int
    weight_bytes: int
    files: dict[str, FileFields]
    network: dict[str, FileFields] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for file in (*self.files, *self.network):
            place = PurePosixPath(file)
            if place.is_absolute() or ".." in place.parts or str(place) != file or file == ".":
                raise TargetError(f"file {file!r} must be a place below the folder; compile again")
        missing = {self.name, self.archive, self.header} - set(self.files)
        if missing:
            raise TargetError(f"files: {min(missing)!r} of network {self.name!r} is missing")

    @property
    def archive(self) -> str:
        return f"lib{self.name}.a"

    @property
    def library(self) -> str | None:
        """The shared library; None where it has none."""
        name = f"lib{self.name}.so"
        return name if name in self.files else None

    @property
    def header(self) -> str:
        return f"{self.name}.h"


_ADAPTER = TypeAdapter(Manifest)


def file_fields(path: Path) -> Fields:
    """Size and hash of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return {"bytes": file.tell(), "sha256": digest.hexdigest()}


def write_manifest(folder: Path, fields: Fields) -> Path:
    """Write the manifest of a folder and return its path."""
    path = folder / FILE
    write_atomically(path, json.dumps({"format": FORMAT, **fields}, indent=2) + "\n")
    return path


def read_manifest(folder: Path) -> Fields:
    """The fields of a folder's manifest.

    Raises TargetError where there is none, or one of another format.
    """
    return _fields(folder / FILE)


def described(path: Path) -> Manifest:
    """What a manifest says of its folder's files. Raises TargetError where it breaks a rule."""
    fields = _fields(path)
    try:
        return parse_known(json.dumps(fields), _ADAPTER, what=str(path))
    except SpaceError as error:
        raise TargetError(str(error)) from error


def _fields(path: Path) -> Fields:
    try:
        fields = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise TargetError(f"{path}: no manifest can be read; compile the network again") from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise TargetError(f"{path}: this is not format {FORMAT}; compile the network again")
    return fields


def extend_manifest(folder: Path, **sections: Any) -> Path:
    """Add or replace sections of a manifest that is there."""
    fields = read_manifest(folder) | sections
    del fields["format"]
    return write_manifest(folder, fields)
