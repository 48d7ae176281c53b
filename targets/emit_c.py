"""The C source of a compiled network: kernels called in order, on an arena planned beforehand.

All text is the same for the same network: no time, no path, no machine in it.
"""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from .c_text import c_text, lines
from .emit_calls import calls_source
from .emit_header import header
from .errors import TargetError
from .lower import KernelCall
from .memory import ALIGNMENT_BYTES
from .network_plan import Plan
from .trace import TracedValue, traced_values

# No name of a network has a hyphen: these files never clash with its header or the runtime's.
_CALLS, _ARENA, _PROGRAM = "network-calls.c", "network-arena.c", "network-program.c"
_WEIGHTS, _WEIGHTS_DATA = "network-weights.S", "network-weights.bin"
# The network on an arena of the caller's, and the library with one of its own.
NETWORK_SOURCES = (_CALLS, _WEIGHTS)
LIBRARY_SOURCES = (*NETWORK_SOURCES, _ARENA)
PROGRAM_SOURCES = (_PROGRAM,)


def source_files(plan: Plan, class_names: Sequence[str]) -> dict[str, bytes]:
    """All generated files by name: header, network, static arena, weights, program's data.

    Raises TargetError where there are not as many class names as classes.
    """
    classes = plan.frozen.graph.classes
    if len(class_names) != classes:
        raise TargetError(
            f"{len(class_names)} class names for {classes} classes; give one name per class"
        )
    texts = {
        f"{plan.name}.h": header(plan, class_names),
        _CALLS: calls_source(plan),
        _ARENA: _static_arena(plan),
        _PROGRAM: _program(plan, class_names),
        _WEIGHTS: _weights_assembly(plan),
    }
    return {name: text.encode() for name, text in texts.items()} | {_WEIGHTS_DATA: plan.weights}


def _static_arena(plan: Plan) -> str:
    """A file of its own, so that programs with their own arena do not link this one."""
    return f"""\
#include "{plan.name}.h"

static unsigned char arena[{plan.arena.arena_bytes}] __attribute__((aligned({ALIGNMENT_BYTES})));

int {plan.name}_run(const uint8_t *image, int32_t *logits)
{{
    return {plan.name}_run_in(arena, image, logits);
}}
"""


def _weights_assembly(plan: Plan) -> str:
    """The hash is there for compiler caches, which do not look into included files."""
    return f"""\
/* SHA-256 {hashlib.sha256(plan.weights).hexdigest()} */
    .section .rodata
    .balign {ALIGNMENT_BYTES}
    .globl {plan.name}_weights
    .hidden {plan.name}_weights
{plan.name}_weights:
    .incbin "{_WEIGHTS_DATA}"
    .section .note.GNU-stack,"",%progbits
"""


def _program(plan: Plan, class_names: Sequence[str]) -> str:
    """What runtime/main.c must know: names for people, and where each kernel's outputs lie."""
    name, graph = plan.name, plan.frozen.graph
    values, calls = traced_values(graph), plan.variants[0].calls
    variants = [variant.target.name for variant in plan.variants]
    return f"""\
#include "compiled-network.h"

int {name}_run_observed(void *arena, const uint8_t *image, int32_t *logits, observer observe,
                        void *context);
int {name}_run_part(void *arena, const uint8_t *image, int32_t *logits, int part, int parts,
                    void (*meet)(void *team), void *team);
int {name}_choose_kernels(int variant);

static const char *const class_names[] = {{
{lines(c_text(text) for text in class_names)}
}};

static const char *const variant_names[] = {{
{lines(c_text(text) for text in variants)}
}};

static const struct traced_value traced_values[] = {{
{lines(_traced_value(plan, value) for value in values)}
}};

static const struct traced_call traced_calls[] = {{
{lines(_traced_calls(calls, values))}
}};

const struct network network = {{
    .name = "{name}",
    .image_size = {graph.image_size},
    .image_channels = {graph.image_channels},
    .classes = {graph.classes},
    .class_names = class_names,
    .arena_bytes = {plan.arena.arena_bytes},
    .calls = {len(calls)},
    .traced_calls = traced_calls,
    .traced_values = traced_values,
    .threads = {plan.threads},
    .shared_calls = {sum(call.is_shared for call in calls)},
    .variants = {len(variants)},
    .variant_names = variant_names,
    .choose_kernels = {name}_choose_kernels,
    .run_observed = {name}_run_observed,
    .run_part = {name}_run_part,
}};
"""


def _traced_value(plan: Plan, traced: TracedValue) -> str:
    argument = traced.argument
    dtype = np.dtype(argument.dtype).newbyteorder("<").str
    offset = plan.arena.offsets[traced.value]
    return f'{{"{traced.label}", "{dtype}", "{argument.shape}", {offset}, {argument.size_bytes}}}'


def _traced_calls(calls: Sequence[KernelCall], values: Sequence[TracedValue]) -> Iterator[str]:
    first = 0
    for index, call in enumerate(calls):
        count = sum(value.call == index for value in values)
        yield f"{{{c_text(call.node)}, {first}, {count}}}"
        first += count
