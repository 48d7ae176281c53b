"""The Python file that runs a compiled network's shared library."""

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from .memory import ALIGNMENT_BYTES
from .network_plan import Plan

_LOADER = Path(__file__).parent / "runtime" / "loader.py"


def loader(plan: Plan, class_names: Sequence[str], *, library: Path) -> str:
    """runtime/loader.py with what it must know of the network and of the library beside it."""
    graph, target = plan.frozen.graph, plan.variants[0].target
    constants: dict[str, object] = {
        "NAME": plan.name,
        "MACHINE": target.machine,
        "LIBRARY_SHA256": sha256(library.read_bytes()).hexdigest(),
        "IMAGE_SHAPE": (graph.image_size, graph.image_size, graph.image_channels),
        "ARENA_BYTES": plan.arena.arena_bytes,
        "ARENA_ALIGNMENT": ALIGNMENT_BYTES,
        "CLASS_NAMES": tuple(class_names),
    }
    text = _LOADER.read_text().replace("from NAME import", f"from {plan.name} import")
    for name, value in constants.items():
        pattern = rf"(?m)^({name}\b.* = ).*$"
        written = repr(value).replace("\\", r"\\")
        text, count = re.subn(pattern, rf"\g<1>{written}", text)
        assert count == 1, name
    return text
