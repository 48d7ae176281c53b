"""What networks take of a Cortex-M: flash, RAM and instructions, without a board.

The library of the network that the demo derived, and of a larger one, with random integers. Code
and weights are what the linker takes of the library; the stack is measured on the board that
qemu-system-arm emulates; instructions are exact, cycles LLVM's model of the core says. No figure
depends on the machine; --quick changes nothing.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from harness.report import Cell, Check, read_options, report

from space.decode import decode
from space.genotype import read_genotype
from space.graph import BlockGraph
from space.random_frozen import random_frozen
from space.references import xnor_resnet20
from targets.boards import CORTEX_M4F, CORTEX_M7
from targets.compile import compile_network
from targets.emulation.costs import emulated_costs
from targets.stack_use import stack_bytes
from targets.target import Target

GENOTYPE = Path(__file__).parent / "data" / "demo-genotype.json"
DEMO = "demo 28x28x1"
# Of the demo's network; the code is what flash holds beside the weights.
MOST_CODE_BYTES, MOST_ARENA_BYTES = 48 * 1024, 64 * 1024


def main() -> None:
    """Compile every network for every core and report."""
    options = read_options(__doc__)
    rows = [
        row(name, graph, target)
        for name, graph in networks().items()
        for target in (CORTEX_M4F, CORTEX_M7)
    ]
    report("cortex_m", rows, checks(rows), options)


def networks() -> dict[str, BlockGraph]:
    """The demo's network, and one that people know."""
    return {
        DEMO: decode(read_genotype(GENOTYPE)),
        "XNOR-ResNet-20 32x32x3": xnor_resnet20(3, 32, 10),
    }


def row(name: str, graph: BlockGraph, target: Target) -> dict[str, Cell]:
    """A network's figures."""
    frozen = random_frozen(graph, np.random.default_rng(0))
    class_names = [str(number) for number in range(graph.classes)]
    with TemporaryDirectory() as folder:
        files = compile_network(
            frozen, target, Path(folder), name="net", class_names=class_names, notify=print
        )
        fields = json.loads(files.manifest.read_text())
        stack = stack_bytes(files, target, print)
    assert target.core is not None
    core = target.core.llvm_cpu
    (cost,) = emulated_costs([graph], target, cores=(core,), notify=print)
    return {
        "network": name,
        "target": target.name,
        "code, bytes": fields["code_bytes"],
        "weights, bytes": fields["weight_bytes"],
        "arena, bytes": fields["arena_bytes"],
        "stack, bytes": "-" if stack is None else stack,
        "instructions": cost.instructions,
        "cycles, modelled": round(cost.cycles[core]),
    }


def checks(rows: list[dict[str, Cell]]) -> list[Check]:
    """The figures that were asked for."""
    found = []
    for each in rows:
        if each["network"] == DEMO:
            asked = {"code, bytes": MOST_CODE_BYTES, "arena, bytes": MOST_ARENA_BYTES}
            found += [
                Check(f"{DEMO}, {each['target']}, {name}", float(each[name]), at_most=most)
                for name, most in asked.items()
            ]
    return found


if __name__ == "__main__":
    main()
