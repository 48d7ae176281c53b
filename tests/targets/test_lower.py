from space.graph import IMAGE_VALUE, Value
from targets.lower import Constant, Scratch, logits_value, lower, specs
from targets.vector_unit import AVX512
from tests.example_graphs import EXAMPLE_GRAPHS


def test_operands_stand_in_the_order_of_the_arguments() -> None:
    calls = {call.node: call for call in lower(EXAMPLE_GRAPHS["cell"](), AVX512)}
    assert [argument.name for argument, _ in calls["c0.node2"].pairs] == [
        "source0", "source1", "source2", "shortcut0", "outer_shortcut", "weights", "multiplier",
        "offset", "negative_multiplier", "negative_offset", "shift", "scratch", "outer",
    ]  # fmt: skip
    assert calls["c0.node2"].operands == (
        Value("c0.node1", "outer_sign1"),
        Value("c0.process", "inner_sign0"),
        Value("c0.node1", "inner_sign0"),
        Value("stem", "inner"),
        Value("stem", "inner"),
        Constant("c0.node2", "weights"),
        Constant("c0.node2", "multiplier"),
        Constant("c0.node2", "offset"),
        Constant("c0.node2", "negative_multiplier"),
        Constant("c0.node2", "negative_offset"),
        Constant("c0.node2", "shift"),
        Scratch("c0.node2", "scratch"),
        Value("c0.node2", "outer"),
    )


def test_calls_follow_the_order_of_execution() -> None:
    graph = EXAMPLE_GRAPHS["reduction"]()
    calls = lower(graph, AVX512)
    assert [call.node for call in calls] == [node.name for node in graph]
    assert calls[0].operands[0] == IMAGE_VALUE
    assert calls[-1].operands[-1] == logits_value(graph) == Value("classifier", "logits")


def test_equal_blocks_are_one_kernel() -> None:
    calls = lower(EXAMPLE_GRAPHS["cell"](), AVX512)
    assert len(specs(calls)) == 5
    assert specs((*calls, *calls)) == specs(calls)
