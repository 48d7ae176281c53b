"""What tuning the register tiles gains: kernels of networks with and without, on this machine.

Sums over the kernels of the demo space and over those of Bi-Real-18 at 224 pixels. Untuned kernels
are measured before and after the tuned ones, and the mean of both is taken.
"""

from collections.abc import Sequence

from harness.report import Cell, read_options, report

from barsctl.profile import space_specs
from space.presets import named_space
from space.references import bireal18
from targets.boards import X86_64_V2, X86_64_V3
from targets.host import host_target, runs_here
from targets.kernel_specs import KernelSpec
from targets.measuring.measure import measure
from targets.measuring.measured import Measured
from targets.measuring.place import LOCAL
from targets.subjects.subject import subject_name, subject_specs
from targets.target import Target
from targets.tiling import candidate_tiles


def main() -> None:
    """Measure every group of kernels for every target that runs here and report."""
    options = read_options(__doc__)
    groups = {"demo space": space_specs([named_space("demo")])}
    targets = [host_target()]
    if not options.quick:
        groups["Bi-Real-18 at 224"] = subject_specs([bireal18(3, 224, 1000)])
        targets += [target for target in (X86_64_V3, X86_64_V2) if runs_here(target)]
    rows = [
        row(name, tunable(group, target)[:: 16 if options.quick else 1], target)
        for target in targets
        for name, group in groups.items()
    ]
    report("tuning", rows, [], options)


def tunable(specs: Sequence[KernelSpec], target: Target) -> list[KernelSpec]:
    """The kernels that have tiles to choose from."""
    return [spec for spec in specs if candidate_tiles(spec, target.vector_unit)]


def row(name: str, specs: Sequence[KernelSpec], target: Target) -> dict[str, Cell]:
    """What tuning gains over some kernels, in sum and for the kernel that gains most."""
    before = medians_us(specs, target, tune=False)
    tuned = medians_us(specs, target, tune=True)
    after = medians_us(specs, target, tune=False)
    untuned = {key: (before[key] + after[key]) / 2 for key in before.keys() & after.keys()}
    measured = untuned.keys() & tuned.keys()
    untuned_us, tuned_us = (sum(times[key] for key in measured) for times in (untuned, tuned))
    return {
        "kernels": name,
        "target": target.name,
        "count": len(measured),
        "untuned, us": untuned_us,
        "tuned, us": tuned_us,
        "gain": untuned_us / tuned_us,
        "largest gain": max(untuned[key] / tuned[key] for key in measured),
    }


def medians_us(specs: Sequence[KernelSpec], target: Target, *, tune: bool) -> dict[str, float]:
    """Median microseconds by key of the kernels that could be measured."""
    results = measure(specs, target, LOCAL, notify=print, tune=tune)
    return {
        subject_name(each.subject): each.median for each in results if isinstance(each, Measured)
    }


if __name__ == "__main__":
    main()
