import numpy as np
import onnx
import onnxruntime
import pytest
from harness.float_twin import float_twin

from space.blocks import Classifier
from tests.example_graphs import EXAMPLE_GRAPHS


def operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("name", EXAMPLE_GRAPHS)
def test_twin_of_every_graph_runs(name: str) -> None:
    graph = EXAMPLE_GRAPHS[name]()
    session = onnxruntime.InferenceSession(
        float_twin(graph, np.random.default_rng(0)).SerializeToString()
    )
    shape = (1, graph.image_channels, graph.image_size, graph.image_size)
    (logits,) = session.run(None, {"image": np.zeros(shape, np.float32)})
    assert logits.shape == (1, graph.classes)


def test_twin_has_relu_for_prelu() -> None:
    graph = EXAMPLE_GRAPHS["cell"]()
    epilogues = [block.epilogue for block in graph.blocks if not isinstance(block, Classifier)]
    found = operators(float_twin(graph, np.random.default_rng(0)))
    assert "prelu" in {each.activation for each in epilogues}
    assert found.count("Relu") == sum(each.activation != "none" for each in epilogues)
    assert "PRelu" not in found
