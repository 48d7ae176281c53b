"""The C source of a compiled network: kernels called in order, on an arena planned beforehand.

All text is the same for the same network: no time, no path, no machine in it.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .emit_calls import calls_source
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
        f"{plan.name}.h": header(plan),
        _CALLS: calls_source(plan),
        _ARENA: _static_arena(plan),
        _PROGRAM: _program(plan, class_names),
        _WEIGHTS: _weights_assembly(plan),
    }
    return {name: text.encode() for name, text in texts.items()} | {_WEIGHTS_DATA: plan.weights}


def header(plan: Plan) -> str:
    """The public header: C99, and C++."""
    name, upper, graph = plan.name, plan.name.upper(), plan.frozen.graph
    return f"""\
/* {name}: a compiled binary network. */
#ifndef {upper}_H
#define {upper}_H

#include <stdint.h>

#define {upper}_IMAGE_HEIGHT {graph.image_size}
#define {upper}_IMAGE_WIDTH {graph.image_size}
#define {upper}_IMAGE_CHANNELS {graph.image_channels}
#define {upper}_IMAGE_BYTES {graph.image_size**2 * graph.image_channels}
#define {upper}_CLASSES {graph.classes}
#define {upper}_ARENA_BYTES {plan.arena.arena_bytes}
#define {upper}_ARENA_ALIGNMENT {ALIGNMENT_BYTES}
#define {upper}_THREADS {plan.threads}
/* What the functions return beside 0. */
#define {upper}_UNALIGNED_ARENA (-1)
#define {upper}_WRONG_PROCESSOR (-2)
#define {upper}_WRONG_PART (-3)
/* What the network was trained on as logits is these integers times this scale. */
#define {upper}_LOGIT_SCALE {plan.frozen.logit_scale!r}

#ifdef __cplusplus
extern "C" {{
#endif

/* Classify one image: pixels [height, width, channels] in, one logit per class out; the largest
 * logit is the answer. Returns 0. Uses one arena of the library's own: one call at a time. */
int {name}_run(const uint8_t *image, int32_t *logits);

/* The same in the caller's arena of {upper}_ARENA_BYTES bytes, aligned to {upper}_ARENA_ALIGNMENT;
 * calls in different arenas may run at the same time. */
int {name}_run_in(void *arena, const uint8_t *image, int32_t *logits);

/* Share `part` of `parts` (at most {upper}_THREADS) of a run that as many threads do together: each
 * calls this with the same arena, image and logits. `meet(team)` must return once all threads have
 * called it. The logits are there when all calls have returned 0; one that fails still meets the
 * others, but for a wrong part. */
int {name}_run_part(void *arena, const uint8_t *image, int32_t *logits, int part, int parts,
    void (*meet)(void *team), void *team);

#ifdef __cplusplus
}}
#endif

#endif
"""


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
{_lines(_c_text(text) for text in class_names)}
}};

static const char *const variant_names[] = {{
{_lines(_c_text(text) for text in variants)}
}};

static const struct traced_value traced_values[] = {{
{_lines(_traced_value(plan, value) for value in values)}
}};

static const struct traced_call traced_calls[] = {{
{_lines(_traced_calls(calls, values))}
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
        yield f"{{{_c_text(call.node)}, {first}, {count}}}"
        first += count


def _lines(items: Iterable[str]) -> str:
    return "\n".join(f"    {item}," for item in items)


def _c_text(text: str) -> str:
    """A C string literal of the text in UTF-8; every byte that is not plain is written in octal."""
    return '"' + "".join(map(_c_byte, text.encode())) + '"'


def _c_byte(byte: int) -> str:
    is_plain = 32 <= byte < 127 and chr(byte) not in '"\\?'
    return chr(byte) if is_plain else f"\\{byte:03o}"
