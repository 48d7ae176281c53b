"""What the building process is asked for, as JSON."""

from dataclasses import dataclass

from pydantic import TypeAdapter

from space.blocks import Block
from space.strict_json import dump_strict, parse_strict

from .target import Target
from .vector_unit import Tile


@dataclass(frozen=True, slots=True)
class TiledKernel:
    """A block in the normal form of `kernel_specs`, and its kernel's tile if it was tuned."""

    block: Block
    tile: Tile | None


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """These kernels as one object at `path`.

    prefix: in front of every symbol.
    """

    target: Target
    kernels: tuple[TiledKernel, ...]
    path: str
    prefix: str = ""


_ADAPTER = TypeAdapter(BuildRequest)


def request_to_json(request: BuildRequest) -> str:
    """The request as text."""
    return dump_strict(request, _ADAPTER)


def request_from_json(text: str) -> BuildRequest:
    """The inverse of request_to_json."""
    return parse_strict(text, _ADAPTER, what="a request to build kernels")
