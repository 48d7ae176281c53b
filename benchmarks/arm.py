"""Kernels on ARM, without a board: instructions in an emulator, cycles by LLVM's models of cores.

Instructions are exact, cycles leave caches and wrong branch predictions out. A step is a vector
of 128 bits: 128 binary products, or 16 of a stem's bytes. LLVM has no model of the Cortex-A7: on
32-bit ARM there are instructions only. Its model of the Neoverse N1 is that of the Cortex-A76. No
figure depends on the machine; --quick changes nothing.
"""

from collections.abc import Mapping

from harness.report import Cell, Check, read_options, report

from space.blocks import BinaryConv, Block, Conv, Epilogue
from space.counts import counts
from targets.boards import AARCH64, ARMV7, CORTEX_A72, CORTEX_A76
from targets.emulation.costs import EmulatedCost, emulated_costs
from targets.kernel_specs import KernelSpec, kernel_specs
from targets.target import Target

SIGN, RESIDUAL = "sign", "residual + sign"
EPILOGUES = {
    SIGN: Epilogue(inner_stored=False, inner_signs=1),
    RESIDUAL: Epilogue(shortcuts=1, inner_signs=1),
}
# (kernel size, output size, channels), of ResNet-18 at 224 and 32 pixels.
LAYERS = [
    (3, 56, 64), (3, 28, 128), (3, 14, 256), (3, 7, 512), (3, 32, 64), (3, 16, 128), (1, 14, 256),
]  # fmt: skip
# (kernel size, stride, input size)
STEMS = [(7, 2, 224), (3, 1, 32)]
CHECKED = (3, 14, 256)
A53, A72, N1 = "cortex-a53", "cortex-a72", "neoverse-n1"
# The code for any ARM is scheduled for the first core, but runs on the second as well.
CORES = {AARCH64: (A53, A72), CORTEX_A72: (A72,), CORTEX_A76: (N1,), ARMV7: ()}
Costs = Mapping[tuple[str, str], EmulatedCost]


def main() -> None:
    """Count every kernel's instructions and report."""
    options = read_options(__doc__)
    costs = {target: target_costs(target) for target in CORES}
    rows = [row(*key, target, costs[target][key]) for key in kernel_blocks() for target in CORES]
    report("arm", rows, checks(costs), options)


def layer_name(kernel_size: int, size: int, channels: int) -> str:
    """As papers write it: the kernel, then the tensor."""
    return f"{kernel_size}x{kernel_size} {size}x{size}x{channels}"


def kernel_blocks() -> dict[tuple[str, str], Block]:
    """The block of every (layer, epilogue)."""
    found: dict[tuple[str, str], Block] = {
        (layer_name(kernel_size, size, channels), name): BinaryConv(
            (channels,), channels, kernel_size, 1, size, epilogue
        )
        for kernel_size, size, channels in LAYERS
        for name, epilogue in EPILOGUES.items()
    }
    for kernel_size, stride, size in STEMS:
        stem = Conv(3, 64, kernel_size, stride, size, image=True, epilogue=EPILOGUES[SIGN])
        found[f"stem {layer_name(kernel_size, size, 3)}", SIGN] = stem
    return found


def target_costs(target: Target) -> Costs:
    """The costs of all kernels for a target."""
    blocks = kernel_blocks()
    specs = [spec for block in blocks.values() for spec in kernel_specs(block)]
    costs = emulated_costs(specs, target, cores=CORES[target], notify=print)
    return dict(zip(blocks, costs, strict=True))


def steps(cost: EmulatedCost) -> float:
    """Vectors of 128 bits that the kernel's products fill."""
    assert isinstance(cost.subject, KernelSpec)
    found = counts(cost.subject.block)
    return found.binary_macs / 128 + found.float_macs / 16


def row(layer: str, epilogue: str, target: Target, cost: EmulatedCost) -> dict[str, Cell]:
    """A kernel's figures."""
    cycles = {
        f"{core}, cycles/step": cost.cycles[core] / steps(cost) if core in cost.cycles else "-"
        for core in (A53, A72, N1)
    }
    return {
        "layer": layer,
        "epilogue": epilogue,
        "target": target.name,
        "instructions": cost.instructions,
        "of the C library": cost.called_instructions,
        "instructions/step": cost.instructions / steps(cost),
        **cycles,
    }


def checks(costs: Mapping[Target, Costs]) -> list[Check]:
    """The figures that were asked for."""
    layer, found = layer_name(*CHECKED), []
    for name in EPILOGUES:
        general, tuned = costs[AARCH64][layer, name], costs[CORTEX_A72][layer, name]
        asked = {
            f"{AARCH64.name} instructions/step": (general.instructions / steps(general), 4.5),
            f"{A72} cycles/step": (tuned.cycles[A72] / steps(tuned), 2.0),
            f"{A53} cycles/step": (general.cycles[A53] / steps(general), 4.6),
        }
        found += [
            Check(f"{layer}, {name}, {figure}", value, at_most=most)
            for figure, (value, most) in asked.items()
        ]
    return found


if __name__ == "__main__":
    main()
