"""The C source that runs subjects by number, on one memory that all of them share."""

from collections.abc import Mapping, Sequence
from itertools import accumulate

from targets.kernel_specs import Argument, KernelSpec, arguments
from targets.lower import is_shared
from targets.memory import aligned
from targets.network_plan import Plan
from targets.vector_unit import VectorUnit

_FRAME = """\
#include <stddef.h>

#include "subjects.h"
{declarations}

static _Alignas(64) uint64_t memory[{words}];
static int32_t logits[{classes}];
static const unsigned char shared[] = {{{shared}}};

void fill_memory(void)
{{
    uint64_t state = 1;
    for (int i = 0; i < {words}; i++) {{ /* xorshift64 by Marsaglia */
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        memory[i] = state;
    }}
}}

int is_shared_subject(int subject)
{{
    return shared[subject];
}}

int32_t run_subject(int subject, int part, int parts, void (*meet)(void *team), void *team)
{{
    unsigned char *m = (unsigned char *)memory;
    (void)logits, (void)meet, (void)team;
    switch (subject) {{
{cases}
    }}
    return -1;
}}
"""


def subjects_source(
    subjects: Sequence[KernelSpec | Plan], unit: VectorUnit, *, threads: int
) -> str:
    """The functions of subjects.h for these subjects, networks as they were planned.

    threads: the most that share a kernel's work, each with a scratch of its own.
    """
    memories = [_memory_bytes(subject, unit, threads=threads) for subject in subjects]
    plans = [subject for subject in subjects if isinstance(subject, Plan)]
    return _FRAME.format(
        declarations="\n".join(_declarations(subjects, unit)),
        words=max(memories) // 8,
        classes=max((plan.frozen.graph.classes for plan in plans), default=1),
        shared=", ".join(str(int(_is_shared(subject))) for subject in subjects),
        cases="\n".join(
            f"    case {number}:\n        return {_call(subject, unit, threads=threads)};"
            for number, subject in enumerate(subjects)
        ),
    )


def _is_shared(subject: KernelSpec | Plan) -> bool:
    if isinstance(subject, Plan):
        return any(call.is_shared for call in subject.variants[0].calls)
    return is_shared(subject.block)


def _declarations(subjects: Sequence[KernelSpec | Plan], unit: VectorUnit) -> list[str]:
    kernels: Mapping[str, int] = {
        each.symbol: len(arguments(each, unit)) for each in subjects if isinstance(each, KernelSpec)
    }
    plans = [each for each in subjects if isinstance(each, Plan)]
    return [
        *(f"int32_t {symbol}({'void *, ' * n}int32_t, int32_t);" for symbol, n in kernels.items()),
        *(f'#include "{plan.name}/{plan.name}.h"' for plan in plans),
    ]


def _memory_bytes(subject: KernelSpec | Plan, unit: VectorUnit, *, threads: int) -> int:
    if isinstance(subject, Plan):
        graph = subject.frozen.graph
        image_bytes = graph.image_size**2 * graph.image_channels
        return aligned(subject.arena.arena_bytes) + aligned(image_bytes)
    return _offsets(subject, unit, threads=threads)[-1]


def _offsets(spec: KernelSpec, unit: VectorUnit, *, threads: int) -> list[int]:
    """Where each argument starts, and the end of the last."""
    copies = threads if is_shared(spec.block) else 1
    sizes = (
        aligned(each.size_bytes) * (copies if each.role == "scratch" else 1)
        for each in arguments(spec, unit)
    )
    return list(accumulate(sizes, initial=0))


def _call(subject: KernelSpec | Plan, unit: VectorUnit, *, threads: int) -> str:
    if isinstance(subject, Plan):
        image = f"m + {aligned(subject.arena.arena_bytes)}"
        if threads == 1:
            return f"{subject.name}_run_in(m, {image}, logits)"
        return f"{subject.name}_run_part(m, {image}, logits, part, parts, meet, team)"
    starts = _offsets(subject, unit, threads=threads)
    pointers = map(_pointer, arguments(subject, unit), starts)
    return f"{subject.symbol}({', '.join(pointers)}, part, parts)"


def _pointer(argument: Argument, start: int) -> str:
    if argument.role != "scratch":
        return f"m + {start}"
    return f"m + {start} + (size_t)part * {aligned(argument.size_bytes)}"
