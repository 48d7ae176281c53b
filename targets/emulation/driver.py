"""A C program that calls one kernel, chosen by number, on memory of random bytes."""

from collections.abc import Sequence
from itertools import accumulate

from targets.kernel_specs import KernelSpec, arguments
from targets.memory import aligned
from targets.vector_unit import VectorUnit

# Functions of the program that are not a kernel's work.
OWN_FUNCTIONS = frozenset({"main", "fill"})

_FRAME = """\
#include <stdint.h>

{declarations}

static _Alignas(64) uint64_t memory[{words}];

__attribute__((noinline)) static void fill(void)
{{
    uint64_t state = 1;
    for (int i = 0; i < {words}; i++) {{ /* xorshift64 by Marsaglia */
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memory[i] = state;
    }}
}}

int main(int argc, char **argv)
{{
    int kernel = 0;
    for (const char *digit = argc > 1 ? argv[1] : ""; *digit; digit++)
        kernel = kernel * 10 + *digit - '0';
    unsigned char *bytes = (unsigned char *)memory;
    fill();
    switch (kernel) {{
{calls}
    }}
    return 0;
}}
"""


def driver_source(specs: Sequence[KernelSpec], unit: VectorUnit) -> str:
    """The program: its argument 1 calls the first kernel, 2 the second; without one it calls none.

    A kernel does all of its work, on the same random bytes in every run.
    """
    declarations = [
        f"int32_t {symbol}({'void *, ' * count}int32_t, int32_t);"
        for symbol, count in sorted({(each.symbol, len(arguments(each, unit))) for each in specs})
    ]
    return _FRAME.format(
        declarations="\n".join(declarations),
        words=max(_offsets(spec, unit)[-1] for spec in specs) // 8,
        calls="\n".join(_call(number, spec, unit) for number, spec in enumerate(specs, start=1)),
    )


def _offsets(spec: KernelSpec, unit: VectorUnit) -> list[int]:
    """Where each argument starts, and the end of the last."""
    sizes = (aligned(each.size_bytes) for each in arguments(spec, unit))
    return list(accumulate(sizes, initial=0))


def _call(number: int, spec: KernelSpec, unit: VectorUnit) -> str:
    pointers = ", ".join(f"bytes + {start}" for start in _offsets(spec, unit)[:-1])
    return f"    case {number}:\n        return {spec.symbol}({pointers}, 0, 1);"
