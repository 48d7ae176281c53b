"""The arguments of one kernel call as arrays in the kernels' layouts, with guards behind them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from space.blocks import is_sign
from targets.kernel_constants import constants
from targets.kernel_specs import Argument, KernelSpec, arguments
from targets.layouts import pack_bits, pad_last, unpack_bits
from targets.vector_unit import VectorUnit

from .kernel_reference import Case, Ints

GARBAGE = 0xA5
_ALIGNMENT = 64


@dataclass(frozen=True)
class Call:
    """A case with the bytes of each argument, outputs and scratch filled with garbage."""

    spec: KernelSpec
    case: Case
    arguments: tuple[Argument, ...]
    memory: dict[str, NDArray[np.uint8]]


def prepare(spec: KernelSpec, case: Case, unit: VectorUnit) -> Call:
    """The call of a spec's kernel on a case."""
    values = dict(constants(spec, case.frozen, unit))
    found = arguments(spec, unit)
    inputs = [each for each in found if each.role in ("source", "shortcut", "outer")]
    for argument, value in zip(inputs, case.inputs, strict=True):
        values[argument.name] = _in_memory(argument, value)
    memory = {each.name: _bytes(each, values.get(each.name)) for each in found}
    return Call(spec, case, found, memory)


def _in_memory(argument: Argument, value: Ints) -> NDArray[np.generic]:
    if argument.dtype == "uint32":
        return pack_bits(value.astype(np.bool_))
    return pad_last(value.astype(argument.dtype), argument.shape[-1])


def _bytes(argument: Argument, value: NDArray[np.generic] | None) -> NDArray[np.uint8]:
    """Aligned bytes with a guard of garbage behind them."""
    room = np.full(argument.size_bytes + 2 * _ALIGNMENT, GARBAGE, np.uint8)
    start = -room.ctypes.data % _ALIGNMENT
    found = room[start : start + argument.size_bytes + _ALIGNMENT]
    if value is not None:
        assert value.shape == argument.shape
        assert value.dtype == argument.dtype
        found[: argument.size_bytes] = np.ascontiguousarray(value).view(np.uint8).ravel()
    return found


def outputs(call: Call) -> dict[str, Ints]:
    """What the kernel wrote, by port. Fails where padding is not 0 or a guard was overwritten."""
    found = {}
    for argument in call.arguments:
        raw = call.memory[argument.name]
        assert (raw[argument.size_bytes :] == GARBAGE).all(), f"{argument.name} was overrun"
        if argument.role == "output":
            value = raw[: argument.size_bytes].view(argument.dtype).reshape(argument.shape)
            found[argument.name] = _without_padding(call, argument.name, value)
    return found


def _without_padding(call: Call, port: str, value: NDArray[np.generic]) -> Ints:
    channels = call.spec.block.out_channels
    if is_sign(port):
        value = unpack_bits(value.astype(np.uint32), value.shape[-1] * 32)
    assert not value[..., channels:].any(), f"the padding of {port} is not 0"
    return value[..., :channels].astype(np.int64)
