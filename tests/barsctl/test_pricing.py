"""Which table prices which budget."""

from pathlib import Path

import pytest

from barsctl.budgets import Budget
from barsctl.errors import BarsError
from barsctl.pricing import arena_target, cost_model, hard_budgets, read_tables
from costmodels.arena import ArenaBudget
from costmodels.errors import CostError
from costmodels.latency_table import LatencyTable
from costmodels.selection import AddedBudget
from tests.barsctl.tiny_runs import SPACE
from tests.barsctl.tiny_tables import write_table


@pytest.fixture
def tables(tmp_path: Path) -> tuple[LatencyTable, ...]:
    """Return tables of two boards, on the second of which all takes three times as long."""
    return read_tables(
        [
            write_table(tmp_path / "host.jsonl", target="host"),
            write_table(tmp_path / "arm.jsonl", target="aarch64", us=3.0),
        ]
    )


def test_one_table_prices_latency(tables: tuple[LatencyTable, ...]) -> None:
    assert cost_model(Budget("latency", 1.0), tables[:1]) is tables[0]
    assert cost_model(Budget("latency", 1.0, "host"), tables[:1]) is tables[0]


def test_target_chooses_among_tables(tables: tuple[LatencyTable, ...]) -> None:
    budgets = [Budget("latency", 1.0, "aarch64"), Budget("latency", 1.0, "host")]
    arm, host = hard_budgets(budgets, SPACE, tables=tables)
    assert (arm.name, host.name) == ("latency@aarch64", "latency@host")
    assert isinstance(arm, AddedBudget)
    assert isinstance(host, AddedBudget)
    assert arm.costs == pytest.approx(3 * host.costs)


@pytest.mark.parametrize(
    ("budget", "message"),
    [
        (Budget("latency", 1.0), "tables of host, aarch64; name one of them, as latency@host="),
        (Budget("latency", 1.0, "armv7"), "no --table has latency of armv7, only of host, aarch64"),
        (Budget("instructions", 1.0), "give --table FILE with instructions"),
    ],
)
def test_unclear_table_is_refused(
    budget: Budget, message: str, tables: tuple[LatencyTable, ...]
) -> None:
    with pytest.raises(BarsError, match=message):
        cost_model(budget, tables)


def test_two_tables_of_one_target_are_refused(tmp_path: Path) -> None:
    paths = [write_table(tmp_path / name, target="host") for name in ("a.jsonl", "b.jsonl")]
    with pytest.raises(BarsError, match=r"b\.jsonl: latency of host is in an earlier --table"):
        read_tables(paths)


def test_one_table_under_two_names_is_given_twice(tables: tuple[LatencyTable, ...]) -> None:
    budgets = [Budget("latency", 1.0), Budget("latency", 2.0, "host")]
    with pytest.raises(BarsError, match="budget latency@host is given twice"):
        hard_budgets(budgets, SPACE, tables=tables[:1])


def test_table_of_other_kernels_prices_nothing(tmp_path: Path) -> None:
    table = write_table(tmp_path / "old.jsonl", target="host", hash_of_kernels="older")
    with pytest.raises(CostError, match="kernel_hash older"):
        cost_model(Budget("latency", 1.0), read_tables([table]))


@pytest.mark.parametrize(
    ("budget", "count", "target"),
    [
        (Budget("ram", 2e4), 0, "host"),
        (Budget("ram", 2e4), 1, "aarch64"),
        (Budget("ram", 2e4, "armv7"), 2, "armv7"),
    ],
)
def test_arena_is_of_the_named_or_the_tables_target(
    budget: Budget, count: int, target: str, tables: tuple[LatencyTable, ...]
) -> None:
    given = (tables[1], tables[0])[:count]
    assert arena_target(budget, given).name == target
    (hard,) = hard_budgets([budget], SPACE, tables=given)
    assert isinstance(hard, ArenaBudget)
    assert (hard.name, hard.limit) == (budget.name, 2e4)


def test_arena_of_several_tables_needs_a_target(tables: tuple[LatencyTable, ...]) -> None:
    with pytest.raises(BarsError, match=r"tables of aarch64, host.* as ram@aarch64=AMOUNT"):
        arena_target(Budget("ram", 2e4), tables)


def test_arena_needs_no_fitting_table(tmp_path: Path) -> None:
    table = write_table(tmp_path / "old.jsonl", target="armv7", hash_of_kernels="older")
    assert arena_target(Budget("ram", 2e4), read_tables([table])).name == "armv7"
