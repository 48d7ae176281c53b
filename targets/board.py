"""Boards as rows of data: a processor, and what a board makes of it, in a small TOML file."""

import json
import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from .errors import TargetError
from .target import Target

SUFFIX = ".toml"
SLOWEST_GHZ, FASTEST_GHZ = 0.01, 10.0
_SHIPPED = Path(__file__).parent / "board_files"
# It names folders, and stands behind the @ of budgets.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True, slots=True)
class Board:
    """A board, as its file tells of it.

    processor: the target whose kernels it runs. clock_ghz: of the cores that programs run on,
    `cores` of them. ram_mb: of the smallest that is sold.
    """

    name: str
    processor: str
    clock_ghz: float
    summary: str = ""
    cores: int | None = None
    ram_mb: int | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise TargetError(
                f"name is {self.name!r:.80}: it must be lower-case letters, digits and . _ -, at "
                "most 63, a letter or digit first; write another, as my-board"
            )
        if self.name.endswith(SUFFIX):
            raise TargetError(
                f"name is {self.name!r}: --target takes what ends in {SUFFIX} for a file; write "
                f"{self.name.removesuffix(SUFFIX)}"
            )
        if self.summary and not self.summary.isprintable():
            raise TargetError(
                f"summary is {self.summary!r:.80}: it must be one line of text; write it without "
                "line breaks and control characters"
            )
        if not SLOWEST_GHZ <= self.clock_ghz <= FASTEST_GHZ:
            raise TargetError(
                f"clock_ghz is {self.clock_ghz:g}: it must be from {SLOWEST_GHZ:g} to "
                f"{FASTEST_GHZ:g}; write the clock in GHz, as 1.5"
            )
        for key, value in (("cores", self.cores), ("ram_mb", self.ram_mb)):
            if value is not None and value < 1:
                raise TargetError(f"{key} is {value}: it must be at least 1; correct it")


_BOARD = TypeAdapter(Board)
_UNKNOWN = "unexpected_keyword_argument"  # pydantic's name of a key that a dataclass has not


def read_board(path: Path, processors: Iterable[str], *, taken: Iterable[str] = ()) -> Board:
    """The board of a file.

    processors: the names of those it may have. taken: names that other targets have. Raises
    TargetError that names the file, the key, its value, the rule and the remedy.
    """
    try:
        # Dates are no values of a board: as text they are refused by the rules of its keys.
        text = json.dumps(tomllib.loads(path.read_text("utf-8")), default=str)
        found = _BOARD.validate_json(text, strict=True, extra="forbid")
    except OSError as error:
        raise TargetError(
            f"board {path} cannot be read ({error.strerror}); give the TOML file of a board"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TargetError(f"board {path} is no TOML: {error}; correct it") from error
    except ValidationError as error:
        raise TargetError(f"board {path}: {_explained(error)}") from error
    except (RecursionError, ValueError) as error:  # Python reads no number of 4301 digits
        raise TargetError(
            f"board {path} holds a number, or lists in lists, beyond all measure; a board has "
            "single values: correct it"
        ) from error
    known = list(processors)
    if found.processor not in known:
        raise TargetError(
            f"board {path}: processor is {found.processor!r}: it must be one of "
            f"{', '.join(known)}; take the one that barsctl targets describes best"
        )
    if found.name in taken:
        raise TargetError(
            f"board {path}: name is {found.name!r}, which another target has; choose another"
        )
    return found


def board_target(board: Board, processor: Target) -> Target:
    """The board as a target: its processor's kernels, under its own name and at its clock."""
    summary = board.summary or processor.summary
    return renamed(processor, board.name, summary=summary, clock_ghz=board.clock_ghz)


def renamed(processor: Target, name: str, *, summary: str, clock_ghz: float | None) -> Target:
    """A target with a processor's kernels.

    clock_ghz: that its core runs at where it is modelled, None for the processor's.
    """
    core = processor.core
    if core is not None and clock_ghz is not None:
        core = replace(core, clock_ghz=clock_ghz)
    return replace(processor, name=name, summary=summary, kernels_of=processor.name, core=core)


def shipped_files() -> list[Path]:
    """The files of the boards that come with barsctl."""
    return sorted(_SHIPPED.glob(f"*{SUFFIX}"), key=lambda path: path.stem)


def own_files() -> list[Path]:
    """The files of the user's boards."""
    return sorted(own_folder().glob(f"*{SUFFIX}"), key=lambda path: path.stem)


def own_folder() -> Path:
    """Where the user's boards are: barsctl/boards below XDG_CONFIG_HOME, which may be ~/.config."""
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "barsctl" / "boards"


def _explained(error: ValidationError) -> str:
    """The first broken rule, with its key and remedy."""
    # A key that is misspelt is also missing: what is written tells more.
    errors = error.errors(include_url=False)
    first = next((each for each in errors if each["type"] == _UNKNOWN), errors[0])
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    key = ".".join(str(part) for part in first["loc"])
    keys = ", ".join(field.name for field in fields(Board))
    if first["type"] == "missing":
        return (
            f"{key} is missing; add it: a board has {keys}, of which the first three must be there"
        )
    if first["type"] == _UNKNOWN:
        return f"{key} is {first['input']!r:.80}, which no board has; write one of {keys}"
    return f"{key} is {first['input']!r:.80}: {first['msg']}; correct it"
