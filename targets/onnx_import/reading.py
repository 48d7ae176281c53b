"""A foreign ONNX model while its nodes are read, and what they ask of the tensors they read."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import onnx

from space.floats import identity_norm

from .values import Constant, Draft, Kind, Real, Tensor, described, refuse


@dataclass(frozen=True, eq=False)
class Reading:
    """A model that is being read: tensors by name, drafts in execution order.

    readers: how many nodes and outputs read a tensor. notes: what a user should know.
    """

    opset: int
    readers: Counter[str]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    drafts: list[Draft] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def inputs(self, node: onnx.NodeProto) -> list[Tensor | None]:
        """What a node reads; None for what it leaves out."""
        for name in filter(None, node.input):
            if name not in self.tensors:
                refuse(
                    node, f"it reads {name!r}, a further output of a node or of none",
                    "export the model for inference",
                )  # fmt: skip
        return [self.tensors[name] if name else None for name in node.input]

    def write(self, node: onnx.NodeProto, tensor: Tensor) -> None:
        """Name what a node makes; of the same draft still, it has the other readers too."""
        name = node.output[0]
        for source in set(node.input):
            found = self.tensors.get(source)
            if isinstance(tensor, Real) and isinstance(found, Real) and found.draft is tensor.draft:
                self.readers[name] += self.readers[source] - 1
        self.tensors[name] = tensor

    def add(self, draft: Draft) -> Real:
        """Append a draft and return what it writes; what it reads has to be stored."""
        for source in draft.sources:
            source.draft.is_read |= isinstance(source, Real)
        for shortcut in draft.shortcuts:
            shortcut.is_read = True
        self.drafts.append(draft)
        return Real(draft, identity_norm(draft.channels))

    def grows(self, name: str, tensor: Real) -> bool:
        """Whether a node that reads this tensor may become part of the draft that writes it."""
        is_whole = tensor.border is None and tensor.norm.is_identity
        return is_whole and self.readers[name] == 1 and tensor.draft is not self.drafts[0]


Operator = Callable[[Reading, onnx.NodeProto, Sequence[Tensor | None]], Tensor]


def real_input(node: onnx.NodeProto, tensor: Tensor | None) -> Real:
    """The real tensor that a node reads; it is refused where that is none."""
    if not isinstance(tensor, Real):
        what = "nothing" if tensor is None else described(tensor)
        refuse(node, f"it reads {what}", "only real tensors go through this operator")
    return tensor


def constant_input(node: onnx.NodeProto, tensor: Tensor | None) -> Constant:
    """The constant that a node reads; it is refused where that is none."""
    if not isinstance(tensor, np.ndarray):
        refuse(node, "a parameter of it is not constant", "export the model for inference")
    return tensor


def new_draft(node: onnx.NodeProto, kind: Kind, real: Real, size: int) -> Draft:
    """A draft named after a node, with the channels of what it reads."""
    return Draft(node.name or node.output[0], kind, real.channels, size)
