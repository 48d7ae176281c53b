"""What is told of a file."""

from dataclasses import dataclass

from barsctl.errors import BarsError
from barsctl.run_folder import Json
from space.counts import total_counts
from space.graph import BlockGraph

Details = dict[str, Json]


@dataclass(frozen=True, slots=True)
class Report:
    """What a file or folder is, and by name what it holds."""

    kind: str
    details: Details


class ForeignError(BarsError):
    """A file that is none of ours."""


def graph_details(graph: BlockGraph) -> Details:
    """What a network reads and computes."""
    found = total_counts(graph.blocks)
    return {
        "image": [graph.image_size, graph.image_size, graph.image_channels],
        "classes": graph.classes,
        "blocks": len(graph.blocks),
        "binary_macs": found.binary_macs,
        "other_macs": found.float_macs,
        "binary_weights": found.binary_weights,
        "other_weights": found.other_weights,
        "weight_bytes": round(found.weight_bytes),
    }
