"""A C program that runs kernels on bytes from stdin and writes all their arguments to stdout."""

import numpy as np

from .kernel_memory import Call

_FRAME = """\
#include <stdint.h>
#include <stdio.h>
{declarations}
static _Alignas(64) unsigned char memory[{memory_bytes}];

int main(void) {{
{calls}
    return 0;
}}
"""


def driver_source(calls: list[Call]) -> str:
    """The program for these calls, in this order."""
    symbols = {call.spec.symbol: len(call.memory) for call in calls}
    declarations = [
        f"int32_t {symbol}({'void *, ' * count}int32_t, int32_t);"
        for symbol, count in symbols.items()
    ]
    return _FRAME.format(
        declarations="\n".join(declarations),
        memory_bytes=max(_offsets(call)[-1] for call in calls),
        calls="\n".join(map(_call, calls)),
    )


def _offsets(call: Call) -> list[int]:
    """Where each argument starts, aligned, and the end of the last."""
    sizes = [-(-len(raw) // 64) * 64 for raw in call.memory.values()]
    return [0, *np.cumsum(sizes).tolist()]


def _call(call: Call) -> str:
    *starts, end = _offsets(call)
    pointers = ", ".join(f"memory + {start}" for start in starts)
    return (
        f"    if (fread(memory, 1, {end}, stdin) != {end}) return 1;\n"
        f"    if ({call.spec.symbol}({pointers}, 0, 1) != 0) return 2;\n"
        f"    if (fwrite(memory, 1, {end}, stdout) != {end}) return 3;"
    )


def driver_input(calls: list[Call]) -> bytes:
    """What the program reads."""
    parts = []
    for call in calls:
        room = np.zeros(_offsets(call)[-1], np.uint8)
        for start, raw in zip(_offsets(call), call.memory.values(), strict=False):
            room[start : start + len(raw)] = raw
        parts.append(room.tobytes())
    return b"".join(parts)


def take_driver_output(calls: list[Call], output: bytes) -> None:
    """Put what the program wrote into the calls' memory."""
    position = 0
    for call in calls:
        for start, raw in zip(_offsets(call), call.memory.values(), strict=False):
            raw[:] = np.frombuffer(output, np.uint8, len(raw), position + start)
        position += _offsets(call)[-1]
    assert position == len(output)
