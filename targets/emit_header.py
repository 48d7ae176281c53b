"""The public header of a compiled network: all that a C or C++ program must know of it."""

from collections.abc import Sequence

from .c_text import c_text
from .memory import ALIGNMENT_BYTES
from .network_plan import Plan


def header(plan: Plan, class_names: Sequence[str]) -> str:
    """C99 and C++98, without warnings."""
    name, upper, graph = plan.name, plan.name.upper(), plan.frozen.graph
    names = ", \\\n".join(f"    {c_text(text)}" for text in class_names)
    return f"""\
/* {name}: a compiled binary network.
 *
 * An image is uint8_t pixels from 0 to 255, [height, width, channels], as they come from a file:
 * whatever was done to images in training is part of the network. Logits are int32_t [classes],
 * equal on every processor.
 *
 * The functions allocate nothing, call nothing of the system, and write to the arena and the
 * logits alone. Of the C library they need memcpy and memset at most.
 * {_variables(plan)}
 * Linked from the archive, a program that never calls {name}_run has no arena but its own. */
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
/* What the functions return beside 0; the logits are then as they were. */
#define {upper}_UNALIGNED_ARENA (-1) /* the address is no multiple of {upper}_ARENA_ALIGNMENT */
#define {upper}_WRONG_PROCESSOR (-2) /* it has not the instructions that the kernels need */
#define {upper}_WRONG_PART (-3) /* not 0 <= part < parts <= {upper}_THREADS */
/* What the network was trained on as logits is these integers times this scale. */
#define {upper}_LOGIT_SCALE {plan.frozen.logit_scale!r}
/* In UTF-8: static const char *const names[{upper}_CLASSES] = {upper}_CLASS_NAMES; */
#define {upper}_CLASS_NAMES {{ \\
{names} \\
}}

#ifdef __cplusplus
extern "C" {{
#endif

/* No pointer may be null but `team`, and none is checked: `image` has {upper}_IMAGE_BYTES bytes at
 * any address, `logits` room for {upper}_CLASSES numbers. */

/* Classify one image: one logit per class; the largest is the answer. Uses one arena of the
 * library's own: one call at a time. Returns 0{_or_wrong_processor(plan)}. */
int {name}_run(const uint8_t *image, int32_t *logits);

/* The same in the caller's arena of {upper}_ARENA_BYTES bytes, aligned to {upper}_ARENA_ALIGNMENT,
 * whatever it holds; calls in different arenas may run at the same time. Returns 0 or
 * {upper}_UNALIGNED_ARENA{_or_wrong_processor(plan)}. */
int {name}_run_in(void *arena, const uint8_t *image, int32_t *logits);

/* Share `part` of `parts` (at most {upper}_THREADS) of a run that as many threads do together: each
 * calls this with the same arena, image and logits. `meet(team)` must return once all threads have
 * called it. The logits are there when all calls have returned 0. Returns {upper}_WRONG_PART at
 * once, or what {name}_run_in returns: a thread that fails still meets the others. */
int {name}_run_part(void *arena, const uint8_t *image, int32_t *logits, int part, int parts,
    void (*meet)(void *team), void *team);

#ifdef __cplusplus
}}
#endif

#endif
"""


def _variables(plan: Plan) -> str:
    arena = f"Their only variable is the arena of {plan.name}_run"
    return f"{arena}." if len(plan.variants) == 1 else f"{arena}, and an int: which kernels to run."


def _or_wrong_processor(plan: Plan) -> str:
    return f" or {plan.name.upper()}_WRONG_PROCESSOR" if len(plan.variants) > 1 else ""
