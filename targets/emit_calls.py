"""The C source of a network's kernel calls, for one processor or for a choice of them."""

from collections.abc import Sequence

from space.graph import IMAGE_VALUE

from .kernel_specs import Argument
from .lower import Constant, Operand, Scratch, logits_value
from .memory import ALIGNMENT_BYTES, aligned
from .network_plan import Plan, Variant


def calls_source(plan: Plan) -> str:
    """The kernels in order, as one thread runs them, or as some do together."""
    name, graph = plan.name, plan.frozen.graph
    logits = plan.arena.offsets[logits_value(graph)]
    shared = ", ".join(str(int(call.is_shared)) for call in plan.variants[0].calls)
    variants = "\n".join(_variant(plan, *each) for each in enumerate(plan.variants))
    return f"""\
#include <stddef.h>

#include "compiled-network.h"
#include "{name}.h"

enum {{ CALLS = {len(plan.variants[0].calls)} }};

extern const unsigned char {name}_weights[];

/* The calls that threads share; between two of them the first thread works alone. */
static const unsigned char is_shared[CALLS] = {{{shared}}};

{variants}
{_choice(plan.name, plan.variants)}
static int is_aligned(const void *arena)
{{
    return (uintptr_t)arena % {ALIGNMENT_BYTES} == 0;
}}

static void copy_logits(const unsigned char *arena, int32_t *logits)
{{
    __builtin_memcpy(logits, arena + {logits}, {4 * graph.classes});
}}

int {name}_run_observed(void *arena, const uint8_t *image, int32_t *logits, observer observe,
                        void *context)
{{
    if (!is_aligned(arena))
        return UNALIGNED_ARENA;
    for (int index = 0; index < CALLS; index++) {{
        int32_t status = call(index, arena, image, 0, 1);
        if (status != 0)
            return status;
        if (observe)
            observe(context, index, arena);
    }}
    copy_logits(arena, logits);
    return 0;
}}

int {name}_run_in(void *arena, const uint8_t *image, int32_t *logits)
{{
    return {name}_run_observed(arena, image, logits, NULL, NULL);
}}

int {name}_run_part(void *arena, const uint8_t *image, int32_t *logits, int part, int parts,
                    void (*meet)(void *team), void *team)
{{
    int32_t status = is_aligned(arena) ? 0 : UNALIGNED_ARENA;
    if (part < 0 || part >= parts || parts > {name.upper()}_THREADS)
        return WRONG_PART;
    /* A thread that fails goes on to meet the others. */
    for (int index = 0; index < CALLS; index++) {{
        if (!is_shared[index]) {{
            if (part == 0 && status == 0)
                status = call(index, arena, image, 0, 1);
            continue;
        }}
        if (index > 0 && !is_shared[index - 1])
            meet(team);
        if (status == 0)
            status = call(index, arena, image, part, parts);
        meet(team);
    }}
    if (part == 0 && status == 0)
        copy_logits(arena, logits);
    return status;
}}
"""


def _variant(plan: Plan, index: int, variant: Variant) -> str:
    declared = "\n".join(
        f"int32_t {variant.prefix}{spec.symbol}({'void *, ' * len(call.operands)}int32_t, int32_t);"
        for spec, call in {call.spec: call for call in variant.calls}.items()
    )
    cases = "\n".join(
        f"    case {number}: return {variant.prefix}{call.spec.symbol}("
        + "".join(f"{_address(plan, variant, *pair)}, " for pair in call.pairs)
        + "part, parts);"
        for number, call in enumerate(variant.calls)
    )
    return f"""\
{declared}

/* Share `part` of `parts` of one kernel for {variant.target.name}: its values are in the arena `a`,
 * its constants in `w`. */
static int32_t call_{index}(int index, unsigned char *a, const uint8_t *image, int part, int parts)
{{
    /* Kernels only read these two. */
    unsigned char *w = (unsigned char *){plan.name}_weights, *i = (unsigned char *)image;
    switch (index) {{
{cases}
    }}
    return -1;
}}
"""


def _address(plan: Plan, variant: Variant, argument: Argument, operand: Operand) -> str:
    if isinstance(operand, Constant):
        return f"w + {variant.constant_offsets[operand]}"
    if operand == IMAGE_VALUE:
        return "i"
    address = f"a + {plan.arena.offsets[operand]}"
    if isinstance(operand, Scratch):
        return f"{address} + (size_t)part * {aligned(argument.size_bytes)}"
    return address


def _choice(name: str, variants: Sequence[Variant]) -> str:
    """`call`, by the kernels that the processor runs, and how a program overrides the choice."""
    if len(variants) == 1:
        return f"""\
int {name}_choose_kernels(int variant)
{{
    return variant == 0;
}}

static int32_t call(int index, unsigned char *a, const uint8_t *image, int part, int parts)
{{
    return call_0(index, a, image, part, parts);
}}
"""
    runs = "\n".join(
        f"    case {index}: return {variant.target.runtime_check}();"
        for index, variant in enumerate(variants)
    )
    cases = "\n".join(
        f"    case {index}: return call_{index}(index, a, image, part, parts);"
        for index in range(len(variants))
    )
    return f"""\
#include "x86-features.h"

/* Which kernels to run. Asking the processor takes microseconds where it is a virtual one, so that
 * the answer is kept; threads that ask at the same time get the same answer. */
enum {{ UNKNOWN = -1, VARIANTS = {len(variants)} }};
static int chosen = UNKNOWN;

static int runs(int variant)
{{
    switch (variant) {{
{runs}
    }}
    return 0;
}}

int {name}_choose_kernels(int variant)
{{
    if (!runs(variant))
        return 0;
    __atomic_store_n(&chosen, variant, __ATOMIC_RELAXED);
    return 1;
}}

static int32_t call(int index, unsigned char *a, const uint8_t *image, int part, int parts)
{{
    int variant = __atomic_load_n(&chosen, __ATOMIC_RELAXED);
    if (variant == UNKNOWN) {{
        for (variant = 0; variant < VARIANTS && !runs(variant);)
            variant++;
        __atomic_store_n(&chosen, variant, __ATOMIC_RELAXED);
    }}
    switch (variant) {{
{cases}
    }}
    return WRONG_PROCESSOR;
}}
"""
