"""Search spaces that users write: TOML files with a space's fields."""

import json
import tomllib
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from .errors import SpaceError
from .search_space import SearchSpace
from .strict_json import explained

SUFFIX = ".toml"

_ADAPTER = TypeAdapter(SearchSpace)


def read_space(path: Path) -> SearchSpace:
    """The space of a file; what it does not say is as in a SearchSpace of Python.

    Raises SpaceError that names the file, the key, its value, the rule and the remedy.
    """
    try:
        # Dates are no values of a space: as text they are refused by the rules of its keys.
        text = json.dumps(tomllib.loads(path.read_text("utf-8")), default=str)
        space = _ADAPTER.validate_json(text, strict=True, extra="forbid")
    except OSError as error:
        raise SpaceError(
            f"space {path} cannot be read ({error.strerror}); give the TOML file of a space"
        ) from error
    except ValidationError as error:
        raise SpaceError(f"space {path}: {explained(error, remedy='correct it')}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpaceError(f"space {path} is no TOML: {error}; correct it") from error
    except (RecursionError, ValueError) as error:  # Python reads no number of 4301 digits
        raise SpaceError(
            f"space {path} holds a number, or lists in lists, beyond all measure; correct it"
        ) from error
    _check_name(path, space)
    return space


def space_toml(space: SearchSpace) -> str:
    """The content of a space's file, with every field."""
    fields = asdict(space)
    stages = (
        f"{{channels = {stage.channels}, max_cells = {stage.max_cells}}}" for stage in space.stages
    )
    written = {name: json.dumps(value, ensure_ascii=False) for name, value in fields.items()}
    written["stages"] = f"[{', '.join(stages)}]"
    return "".join(f"{name} = {value}\n" for name, value in written.items())


def _check_name(path: Path, space: SearchSpace) -> None:
    if not space.name or not space.name.isprintable() or space.name.endswith(SUFFIX):
        raise SpaceError(
            f"space {path}: name is {space.name!r:.80}: it must be a word of its own, as my-space"
        )
