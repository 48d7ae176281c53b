from dataclasses import replace

import numpy as np

from targets.boards import X86_64_VPOPCNT
from targets.lower import Constant
from targets.network_plan import plan_network

from .compiled_networks import frozen_example


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
