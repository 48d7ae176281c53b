from collections.abc import Sequence

import numpy as np
import pytest

from space.decode import decode
from space.genotype import random_genotype
from space.graph import IMAGE_VALUE, BlockGraph, Value
from space.presets import named_space
from targets.lower import Constant, KernelCall, Scratch, logits_value, lower
from targets.memory import ALIGNMENT_BYTES, ArenaPlan, Buffer, buffers, place, plan_arena
from targets.vector_unit import AVX2, AVX512
from tests.example_graphs import EXAMPLE_GRAPHS


def buffer(name: str, size_bytes: int, *, first: int, last: int) -> Buffer:
    return Buffer(Value(name, "inner"), size_bytes, first, last)


def test_buffers_that_never_meet_share_bytes() -> None:
    # a and b meet in call 1, b and c in call 2; c fits where a was.
    plan = place(
        [
            buffer("a", 128, first=0, last=1),
            buffer("b", 64, first=1, last=2),
            buffer("c", 128, first=2, last=3),
        ]
    )
    assert plan.arena_bytes == plan.lower_bound_bytes == 192
    assert plan.offsets[Value("a", "inner")] == plan.offsets[Value("c", "inner")]


def test_small_buffers_share_the_bytes_of_a_large_one() -> None:
    # In call 1, low and high lie where wide was in call 0.
    plan = place(
        [
            buffer("wide", 256, first=0, last=0),
            buffer("pillar", 256, first=0, last=1),
            buffer("low", 128, first=1, last=1),
            buffer("high", 128, first=1, last=1),
        ]
    )
    assert plan.arena_bytes == plan.lower_bound_bytes == 512


def test_values_live_from_their_writer_to_their_last_reader() -> None:
    graph = EXAMPLE_GRAPHS["cell"]()
    found = {
        each.owner: (each.first, each.last) for each in buffers([lower(graph, AVX512)], threads=1)
    }
    assert IMAGE_VALUE not in found
    # Blocks in order: stem 0, process 1, node1 2, node2 3, classifier 4.
    assert found[Value("stem", "inner")] == (0, 3)
    assert found[Value("c0.process", "inner_sign1")] == (1, 2)
    assert found[Value("c0.node1", "outer_sign0")] == (2, 2)  # nobody reads it
    assert found[Scratch("c0.node1", "scratch")] == (2, 2)
    assert found[Value("classifier", "logits")] == (4, 4)


def test_threads_that_share_have_scratch_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("targets.lower.SHARED_WORK", 2**18)
    calls = lower(EXAMPLE_GRAPHS["cell"](), AVX512)
    one, three = (
        {each.owner: each.size_bytes for each in buffers([calls], threads=threads)}
        for threads in (1, 3)
    )
    shared = {call.node for call in calls if call.is_shared}
    assert 0 < len(shared) < len(calls)
    for owner, size_bytes in one.items():
        copied = isinstance(owner, Scratch) and owner.node in shared
        assert three[owner] == size_bytes * (3 if copied else 1)


def test_variants_share_an_arena() -> None:
    graph = EXAMPLE_GRAPHS["cell"]()
    variants = [lower(graph, unit) for unit in (AVX512, AVX2)]
    every = {each.owner: each for each in buffers(variants, threads=1)}
    for calls in variants:
        for each in buffers([calls], threads=1):
            found = every[each.owner]
            assert (found.first, found.last) == (each.first, each.last)
            assert found.size_bytes >= each.size_bytes


@pytest.mark.parametrize("seed", range(20))
def test_live_buffers_never_overlap_for_random_lives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = []
    for index in range(60):
        first, last = np.sort(rng.integers(0, 40, 2)).tolist()
        size_bytes = ALIGNMENT_BYTES * int(rng.integers(1, 50))
        found.append(buffer(str(index), size_bytes, first=first, last=last))
    plan = place(found)
    for position, one in enumerate(found):
        assert plan.offsets[one.owner] % ALIGNMENT_BYTES == 0
        for other in found[:position]:
            assert not one.lives_with(other) or are_apart(plan, one, other)
    assert plan.lower_bound_bytes <= plan.arena_bytes <= sum(each.size_bytes for each in found)


def are_apart(plan: ArenaPlan, one: Buffer, other: Buffer) -> bool:
    start, other_start = plan.offsets[one.owner], plan.offsets[other.owner]
    return start + one.size_bytes <= other_start or other_start + other.size_bytes <= start


def random_graphs() -> dict[str, BlockGraph]:
    rng = np.random.default_rng(5)
    found = {name: make() for name, make in EXAMPLE_GRAPHS.items()}
    for name in ("demo", "fashion", "bars-cifar"):
        found |= {f"{name}-{i}": decode(random_genotype(named_space(name), rng)) for i in range(3)}
    return found


@pytest.mark.parametrize(("name", "graph"), random_graphs().items())
def test_no_call_finds_its_inputs_overwritten(name: str, graph: BlockGraph) -> None:
    calls = lower(graph, AVX512)
    plan = plan_arena([calls], threads=1)
    final = simulated(calls, plan)
    assert final[plan.offsets[logits_value(graph)]] == logits_value(graph)
    assert plan.arena_bytes <= 1.1 * plan.lower_bound_bytes, name


def simulated(calls: Sequence[KernelCall], plan: ArenaPlan) -> dict[int, object]:
    """Run the calls on an arena that remembers who wrote each aligned unit last."""
    writer: dict[int, object] = {}

    def write(owner: Value | Scratch, size_bytes: int) -> None:
        units = range(plan.offsets[owner], plan.offsets[owner] + size_bytes, ALIGNMENT_BYTES)
        assert plan.offsets[owner] + size_bytes <= plan.arena_bytes
        writer.update(dict.fromkeys(units, owner))

    for call in calls:
        found = [
            (argument, operand)
            for argument, operand in call.pairs
            if not isinstance(operand, Constant) and operand != IMAGE_VALUE
        ]
        for argument, operand in found:
            if argument.role in ("output", "scratch"):
                write(operand, argument.size_bytes)
        # What is read must be whole after the call wrote: outputs and scratch overlap no input.
        for argument, operand in found:
            units = range(0, argument.size_bytes, ALIGNMENT_BYTES)
            assert all(writer[plan.offsets[operand] + unit] == operand for unit in units), call.node
    return writer
