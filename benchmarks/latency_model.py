"""How well prices of kernels foretell whole networks: sums, corrected sums and learned prices.

Random networks of the demo space and the references for its images are compiled and measured
whole, and compared with what three cost models say: the sum of kernels, the sum corrected by 8
other networks, and the sum of prices learned from a quarter of the kernels. The same for ARM, in
instructions counted by an emulator, which are equal every time. --quick takes a few networks, here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from harness.report import Cell, Check, read_options, report
from numpy.typing import NDArray
from scipy.stats import spearmanr

from barsctl.calibrate import calibrate, kernels_digest, random_networks
from barsctl.measured_networks import measured_networks
from barsctl.profile import ProfileSettings, profile, space_specs
from costmodels.latency_table import LatencyTable
from costmodels.learned import fit_kernel_model, spread_sample
from costmodels.table_file import read_table
from space.graph import BlockGraph
from space.presets import named_space
from space.references import REFERENCES
from targets.catalog import named_target
from targets.kernel_specs import KernelSpec, kernel_specs
from targets.measuring.measured import Measured
from targets.measuring.place import EMULATED, LOCAL, Place
from targets.subjects.subject import subject_specs

Floats = NDArray[np.float64]
Row = dict[str, Cell]
SPACE = named_space("demo")
SUBJECTS = (("host", LOCAL, 100), ("aarch64", EMULATED, 50), ("armv7", EMULATED, 50))
CALIBRATION = 8
QUICK_CALIBRATION = 3
QUICK_NETWORKS = 4


@dataclass(frozen=True, slots=True)
class Profiled:
    """A table of the demo space and of references, calibrated, with seconds that the space took."""

    table: LatencyTable
    settings: ProfileSettings
    specs: tuple[KernelSpec, ...]
    seconds: float


def main() -> None:
    """Profile, measure networks and report."""
    options = read_options(__doc__)
    rows: list[Row] = []
    checks: list[Check] = []
    for target, place, networks in SUBJECTS[: 1 if options.quick else None]:
        count = QUICK_NETWORKS if options.quick else networks
        with TemporaryDirectory() as folder:
            done = profiled(target, place, Path(folder) / "table.jsonl", quick=options.quick)
            graphs = [*other_networks(done.table, count), *references()]
            measured = network_costs(graphs, done.table)
        learned = learned_prices(done)
        models = cost_models(done.table, learned)
        errors = {name: relative_errors(model, measured) for name, model in models.items()}
        rows += [row(target, name, each, errors[name], measured) for name, each in models.items()]
        near = learned_near_share(done, learned)
        rows.append({"target": target, "model": "learned, left-out kernels", "within 10 %": near})
        if not options.quick:
            spearman = rank_correlation(models["corrected sum"], measured)
            checks += target_checks(done, errors, near=near, spearman=spearman)
    report("latency_model", rows, checks, options)


def profiled(target: str, place: Place, table: Path, *, quick: bool) -> Profiled:
    """Measure all kernels, and calibrate by whole networks of the space."""
    settings = ProfileSettings(named_target(target), place)
    specs = space_specs([SPACE])
    done = profile(specs, settings, table=table, resume=False, notify=print)
    networks = QUICK_CALIBRATION if quick else CALIBRATION
    calibrate([SPACE], table, networks=networks, place=place, notify=print)
    profile(subject_specs(references()), settings, table=table, resume=True, notify=print)
    return Profiled(read_table(table), settings, specs, done.seconds)


def kernel_calls(graph: BlockGraph) -> Iterator[KernelSpec]:
    """The kernels that a network calls, in order."""
    return (spec for block in graph.blocks for spec in kernel_specs(block))


def references() -> list[BlockGraph]:
    """The hand-crafted networks, for the space's images."""
    images = SPACE.image_channels, SPACE.image_size, SPACE.classes
    return [build(*images) for build in REFERENCES.values()]


def other_networks(table: LatencyTable, count: int) -> list[BlockGraph]:
    """Random networks that the table was not calibrated by."""
    fresh = {
        kernels_digest(graph): graph
        for graph in islice(random_networks([SPACE]), 2 * count + CALIBRATION)
    }
    return [graph for name, graph in fresh.items() if name not in table.networks][:count]


def network_costs(
    graphs: Sequence[BlockGraph], table: LatencyTable
) -> list[tuple[BlockGraph, float]]:
    """What whole networks cost, in the table's unit."""
    found = []
    for result in measured_networks(graphs, table, notify=print):
        assert isinstance(result, Measured), result
        assert isinstance(result.subject, BlockGraph)
        found.append((result.subject, result.median))
    return found


Model = Callable[[BlockGraph], float]


def cost_models(table: LatencyTable, learned: Mapping[KernelSpec, float]) -> dict[str, Model]:
    """What each model says of a network, in the table's unit."""
    correction = table.correction
    assert correction is not None
    kernel_cost = correction.kernel_cost

    def summed(graph: BlockGraph) -> float:
        return sum(table.median(spec.key) for spec in kernel_calls(graph))

    def corrected(graph: BlockGraph) -> float:
        return sum(kernel_cost(table.median(spec.key)) for spec in kernel_calls(graph))

    def from_learned(graph: BlockGraph) -> float:
        return sum(learned[spec] for spec in kernel_calls(graph))

    return {"sum": summed, "corrected sum": corrected, "learned": from_learned}


def learned_prices(done: Profiled) -> Mapping[KernelSpec, float]:
    """A quarter of the space's kernels as measured, all others as a model says of them."""
    unit = done.settings.target.vector_unit
    sample = spread_sample(done.specs, len(done.specs) // 4, unit=unit)
    costs = {spec: done.table.median(spec.key) for spec in sample}
    model = fit_kernel_model(costs, unit)
    every = dict.fromkeys([*done.specs, *subject_specs(references())])
    return {spec: costs.get(spec, model.predict(spec)) for spec in every}


def learned_near_share(done: Profiled, prices: Mapping[KernelSpec, float]) -> float:
    """The share of the other three quarters whose learned price is within 10 %."""
    unit = done.settings.target.vector_unit
    sample = set(spread_sample(done.specs, len(done.specs) // 4, unit=unit))
    errors = [
        prices[spec] / done.table.median(spec.key) - 1 for spec in done.specs if spec not in sample
    ]
    return within(np.array(errors), 0.1)


def relative_errors(model: Model, measured: Sequence[tuple[BlockGraph, float]]) -> Floats:
    """predicted / measured - 1 of every network."""
    return np.array([model(graph) / cost - 1 for graph, cost in measured])


def within(errors: Floats, bound: float) -> float:
    """The share of errors of at most the bound."""
    return float(np.mean(np.abs(errors) <= bound))


def root_mean_square(errors: Floats) -> float:
    """Of relative errors."""
    return float(np.sqrt(np.mean(errors**2)))


def rank_correlation(model: Model, measured: Sequence[tuple[BlockGraph, float]]) -> float:
    """Spearman's, between predicted and measured."""
    predicted, costs = [model(graph) for graph, _ in measured], [cost for _, cost in measured]
    return float(spearmanr(predicted, costs).statistic)


def row(
    target: str, name: str, model: Model, errors: Floats,
    measured: Sequence[tuple[BlockGraph, float]],
) -> Row:  # fmt: skip
    """One model's figures."""
    return {
        "target": target,
        "model": name,
        "networks": len(errors),
        "within 5 %": within(errors, 0.05),
        "within 10 %": within(errors, 0.1),
        "relative RMSE": root_mean_square(errors),
        "Spearman": rank_correlation(model, measured),
        "worst": float(np.abs(errors).max()),
    }


def target_checks(
    done: Profiled, errors: Mapping[str, Floats], *, near: float, spearman: float
) -> list[Check]:
    """The figures that were asked for."""
    name = done.settings.target.name
    found = [Check(f"{name}, left-out kernels within 10 % as learned", near, at_least=0.85)]
    if done.settings.place == EMULATED:
        worst = float(np.abs(errors["sum"]).max())
        return [*found, Check(f"{name}, worst sum of instructions", worst, at_most=0.02)]
    corrected = errors["corrected sum"]
    return [
        *found,
        Check(f"{name}, corrected sums within 10 %", within(corrected, 0.1), at_least=0.95),
        Check(f"{name}, corrected sums within 5 %", within(corrected, 0.05), at_least=0.75),
        Check(f"{name}, relative RMSE", root_mean_square(corrected), at_most=0.06),
        Check(f"{name}, Spearman", spearman, at_least=0.98),
        Check(f"{name}, minutes for the space's table", done.seconds / 60, at_most=3),
    ]


if __name__ == "__main__":
    main()
