"""Rows that nobody measured."""

from pathlib import Path

import pytest

from barsctl.learned_rows import learn_rows
from barsctl.profile import ProfileSettings, profile, space_specs
from costmodels.errors import CostError
from costmodels.kernel_work import NOMINAL, kernel_work
from costmodels.learned import spread_sample
from costmodels.table_file import append_line, read_table
from space.presets import SPACES
from targets.catalog import named_target
from targets.kernel_specs import KernelSpec
from tests.example_tables import row_of

HOST = ProfileSettings(named_target("host"))
UNIT = HOST.target.vector_unit
SPECS = space_specs([SPACES["demo"]])


def cost(spec: KernelSpec) -> float:
    """Exactly what the model supposes."""
    return sum(NOMINAL[name] * amount for name, amount in kernel_work(spec, UNIT).items())


def test_other_rows_are_learned(tmp_path: Path) -> None:
    table = tmp_path / "host.jsonl"
    profile((), HOST, table=table, resume=False, notify=print)
    measured = spread_sample(SPECS, 26, unit=UNIT)
    for spec in measured:
        append_line(table, row_of(spec, us=cost(spec)))
    for _ in range(2):  # again: learned rows teach nothing
        done = learn_rows(SPECS, table, UNIT)
        assert (done.rows, done.near_share) == (80, 1.0)
    rows = read_table(table).rows
    assert {spec.key for spec in measured} == {k for k, row in rows.items() if row.way == "local"}
    for spec in SPECS:
        assert rows[spec.key].median == pytest.approx(cost(spec), rel=1e-3)
        assert (rows[spec.key].way == "learned") == (rows[spec.key].n == 0)


def test_nothing_is_learned_from_nothing(tmp_path: Path) -> None:
    table = tmp_path / "host.jsonl"
    profile((), HOST, table=table, resume=False, notify=print)
    with pytest.raises(CostError, match="0 kernels' costs: a model needs 2; measure more"):
        learn_rows(SPECS, table, UNIT)
