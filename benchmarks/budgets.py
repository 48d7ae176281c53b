"""Budgets that hold: searches of the demo space under four budgets, and what they came to.

The budgets lie at 20, 40, 60 and 80 % of the way from the cheapest to the dearest network, by a
calibrated table of this machine. Each is searched, derived and measured as a user would; what was
derived is then measured once more. --quick searches for one epoch under one budget.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import torch
from harness.report import Cell, Check, Options, read_options, report

from barsctl.budgets import Budget
from barsctl.calibrate import calibrate
from barsctl.data_choice import DataChoice, load_choice
from barsctl.derive import DeriveSettings, derive
from barsctl.measured_networks import measured_network
from barsctl.profile import ProfileSettings, profile, space_specs
from barsctl.search_run import SearchConfig, search_run
from barsctl.search_settings import SearchSettings
from costmodels.latency_table import LatencyTable
from costmodels.protocol import network_cost, term_costs
from costmodels.selection import smallest_cost
from costmodels.table_file import read_table
from space.cost_terms import cost_terms
from space.decisions import decisions
from space.decode import decode
from space.presets import named_space
from space.uniform import largest_genotype
from targets.catalog import named_target
from targets.measuring.measured import Measured
from targets.measuring.place import LOCAL

SPACE = named_space("demo")
DATA: Final = DataChoice("fashion-mini", None, None, 0)
WAYS = (0.2, 0.4, 0.6, 0.8)
CPU = torch.device("cpu")


def main() -> None:
    """Search under every budget and report."""
    options = read_options(__doc__)
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "host.jsonl"
        profile(
            space_specs([SPACE]), ProfileSettings(named_target("host")),
            table=path, resume=False, notify=print,
        )  # fmt: skip
        calibrate([SPACE], path, networks=3 if options.quick else 10, place=LOCAL, notify=print)
        limits = budget_limits(read_table(path), WAYS[:1] if options.quick else WAYS)
        rows = [
            searched(way, limit, path, folder / f"search-{way}", options)
            for way, limit in limits.items()
        ]
    report("budgets", rows, [] if options.quick else checks(rows), options)


def budget_limits(table: LatencyTable, ways: Sequence[float]) -> dict[float, float]:
    """The limit in ms at each share of the way from the cheapest to the dearest network."""
    terms = cost_terms(SPACE)
    least, _ = smallest_cost(decisions(SPACE), terms, term_costs(table, terms))
    most = network_cost(table, decode(largest_genotype(SPACE)).blocks)
    return {way: least + way * (most - least) for way in ways}


def searched(
    way: float, limit: float, table: Path, folder: Path, options: Options
) -> dict[str, Cell]:
    """One budget's search, and the network that was derived, measured once more."""
    settings = SearchSettings(epochs=10, warmup_epochs=4)
    if options.quick:
        settings = SearchSettings(epochs=1, warmup_epochs=0)
    config = SearchConfig(
        format=2,
        command="search",
        space=SPACE,
        data=DATA,
        budgets=(Budget("latency", limit),),
        tables=(str(table),),
        settings=settings,
    )
    last = search_run(config, load_choice(DATA), folder=folder, resume=False, device=CPU)
    found = derive(folder, DeriveSettings(), device=CPU, notify=print)[0]
    again = measured_network(decode(found.genotype), read_table(table), notify=print)
    assert isinstance(again, Measured)
    return {
        "of the way": way,
        "budget, us": 1e3 * limit,
        "expected at the end, us": 1e3 * last["expected_cost"]["latency"],
        "predicted, us": 1e3 * found.costs["latency"],
        "measured, us": 1e3 * found.measured["latency"],
        "measured again, us": again.median,
        "of the budget": found.measured["latency"] / limit,
        "accuracy, shared weights": found.accuracy,
    }


def checks(rows: Sequence[dict[str, Cell]]) -> list[Check]:
    """The figures that were asked for."""
    shares = [float(row["of the budget"]) for row in rows]
    again = [float(row["measured again, us"]) / float(row["budget, us"]) for row in rows]
    return [
        Check("budgets that the derived network kept to", sum(s <= 1 for s in shares), at_least=4),
        Check(
            "budgets of which at least 85 % are used", sum(s >= 0.85 for s in shares), at_least=3
        ),
        # Two medians of one network differ by some percent.
        Check("measured again, largest share of a budget", max(again), at_most=1.05),
    ]


if __name__ == "__main__":
    main()
