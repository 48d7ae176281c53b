"""The widest reference within budgets, against trying every width."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from barsctl.budgets import Budget
from barsctl.errors import BarsError
from barsctl.scaled_reference import Images, ReferenceChoice, reference_graph, scaled
from costmodels.arena import arena_bytes
from costmodels.correction import Correction
from costmodels.errors import BudgetUnreachable
from costmodels.latency_table import LatencyTable
from costmodels.protocol import network_cost
from costmodels.registry import COST_MODELS
from costmodels.table_file import write_table
from space.counts import counts
from space.graph import BlockGraph
from space.reference_names import ReferenceName
from space.references import REFERENCES
from targets.build import kernel_hash
from targets.catalog import named_target
from targets.kernel_specs import KernelSpec
from targets.subjects.subject import subject_specs
from tests.example_tables import table_of

IMAGES = Images(1, 12, 3)
SHAPE = ReferenceChoice(stem="strided", stages=2)


def graph(name: ReferenceName, channels: int) -> BlockGraph:
    return reference_graph(name, replace(SHAPE, channels=channels), IMAGES)


def microseconds(spec: KernelSpec) -> float:
    """A made-up time: of the work, and a little that looks like noise."""
    found = counts(spec.block)
    noise = int(spec.symbol[-2:], 16) / 256
    return 0.2 + noise + (found.binary_macs / 64 + found.float_macs) / 5e3


def table(name: ReferenceName, widths: Iterable[int]) -> LatencyTable:
    specs = subject_specs([graph(name, channels) for channels in widths])
    found = table_of({spec: microseconds(spec) for spec in specs})
    corrected = replace(found, correction=Correction(1.25, 0.1, 8, 0.01))
    return replace(corrected, header=replace(found.header, kernel_hash=kernel_hash()))


def written(folder: Path, found: LatencyTable) -> tuple[str, ...]:
    write_table(folder / "host.jsonl", found)
    return (str(folder / "host.jsonl"),)


def picked(name: ReferenceName, tables: tuple[str, ...], *budgets: Budget) -> int | None:
    choice = replace(SHAPE, budgets=budgets, tables=tables)
    return scaled(name, choice, IMAGES, notify=print).channels


@pytest.mark.parametrize("name", REFERENCES)
def test_widest_is_what_brute_force_finds(name: ReferenceName, tmp_path: Path) -> None:
    widths = range(8, 73, 8)
    prices = table(name, widths)
    tables = written(tmp_path, prices)
    costs = {each: network_cost(prices, graph(name, each).blocks) for each in widths}
    found = set()
    for limit in np.linspace(costs[8], costs[64], 9):
        wanted = max(each for each in widths if costs[each] <= limit)
        assert picked(name, tables, Budget("latency", float(limit))) == wanted
        found.add(wanted)
    assert len(found) > 3


def test_every_budget_is_kept() -> None:
    ops, host = COST_MODELS["ops"], named_target("host")
    enough = Budget("ops", network_cost(ops, graph("bireal-18", 40).blocks))
    tight = Budget("ops", network_cost(ops, graph("bireal-18", 24).blocks))
    ram = Budget("ram", arena_bytes(graph("bireal-18", 32), host))
    assert picked("bireal-18", (), enough) == 40
    assert picked("bireal-18", (), enough, tight) == 24
    assert picked("bireal-18", (), enough, ram) == 32


def test_unreachable_budget_names_the_smallest_cost(tmp_path: Path) -> None:
    tables = written(tmp_path, table("bireal-18", range(8, 25, 8)))
    with pytest.raises(BudgetUnreachable, match=r"latency=1us with no .*reachable latency=\d"):
        picked("bireal-18", tables, Budget("latency", 1e-3))


def test_widths_that_no_table_prices_are_named(tmp_path: Path) -> None:
    tables = written(tmp_path, table("bireal-18", range(8, 25, 8)))
    with pytest.raises(
        BarsError, match=r"with 32 channels.*bireal-18 --channels 32\.\.88 --resume"
    ):
        picked("bireal-18", tables, Budget("latency", 1.0))
    with pytest.raises(BarsError, match="do not price quicknet-like with 8 channels"):
        picked("quicknet-like", tables, Budget("latency", 1.0))


def test_chosen_channels_stay() -> None:
    for choice in (SHAPE, replace(SHAPE, channels=16, budgets=(Budget("ops", 1.0),))):
        assert scaled("bireal-18", choice, IMAGES, notify=print) == choice
