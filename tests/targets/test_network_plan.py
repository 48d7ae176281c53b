from dataclasses import replace

import numpy as np
import pytest

from targets.boards import X86_64, X86_64_VPOPCNT
from targets.errors import TargetError
from targets.lower import Constant
from targets.network_name import require_network_name
from targets.network_plan import plan_network

from .compiled_networks import frozen_example


def test_kernels_of_networks_never_have_the_same_symbols() -> None:
    """A linker takes the first of two, and no name that a network may have gives another's."""
    several = plan_network(frozen_example("cell"), "net", X86_64)
    prefixes = [variant.prefix for variant in several.variants]
    assert len(set(prefixes)) == len(X86_64.processors) > 1
    for prefix in prefixes:
        with pytest.raises(TargetError, match="must be a C identifier"):
            require_network_name(prefix.removesuffix("_"))


def test_constants_are_aligned_and_equal_ones_stored_once() -> None:
    frozen = frozen_example("cell")
    stem = frozen.blocks["stem"]
    assert stem.requantize is not None
    same = replace(stem.requantize, offset=stem.requantize.multiplier)
    frozen.blocks["stem"] = replace(stem, requantize=same)
    plan = plan_network(frozen, "net", X86_64_VPOPCNT)
    offsets = plan.variants[0].constant_offsets
    assert offsets[Constant("stem", "multiplier")] == offsets[Constant("stem", "offset")]
    assert offsets[Constant("stem", "multiplier")] != offsets[Constant("stem", "weights")]
    assert all(offset % 64 == 0 for offset in offsets.values())
    stored = np.frombuffer(plan.weights, np.int32, 13, offsets[Constant("stem", "multiplier")])
    np.testing.assert_array_equal(stored, same.multiplier)
