"""ONNX nodes under construction, with a readable name for each tensor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from space.graph import Value

LOGITS = "logits"


def tensor_name(value: Value) -> str:
    """The name that a value of the graph has in the file."""
    return LOGITS if value.port == LOGITS else f"{value.node}:{value.port}"


@dataclass(frozen=True, slots=True)
class Part:
    """The ONNX nodes and constants of one block; its tensors are called `{name}:{tensor}`."""

    name: str
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: dict[str, TensorProto] = field(default_factory=dict)

    def apply(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str,
        *,
        domain: str = "",
        attributes: Mapping[str, int | list[int]] | None = None,
    ) -> str:
        """Append a node and return the full name of its output."""
        name = tensor_name(Value(self.name, output))
        node = helper.make_node(operator, inputs, [name], name, domain=domain)
        node.attribute.extend(
            helper.make_attribute(key, value) for key, value in (attributes or {}).items()
        )
        self.nodes.append(node)
        return name

    def constant(self, tensor: str, array: NDArray[np.generic]) -> str:
        """Store a constant, once per name, and return its full name."""
        name = f"{self.name}:{tensor}"
        self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def scalar(self, tensor: str, number: float, dtype: type[np.floating] = np.float32) -> str:
        """Store a constant without axes and return its full name."""
        return self.constant(tensor, np.array(number, dtype))

    def cast(self, tensor: str, output: str, *, to: int) -> str:
        """Append a conversion to an ONNX element type and return the full name of its output."""
        return self.apply("Cast", [tensor], output, attributes={"to": to})
