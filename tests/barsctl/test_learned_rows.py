"""Rows that nobody measured."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from barsctl import profile as profiling
from barsctl.learned_rows import learn_rows
from barsctl.profile import ProfileSettings, profile, space_specs
from costmodels.correction import Correction
from costmodels.errors import CostError
from costmodels.kernel_work import NOMINAL, kernel_work
from costmodels.latency_table import NetworkRow
from costmodels.learned import spread_sample
from costmodels.table_file import CorrectionLine, append_line, read_table
from space.presets import SPACES
from targets.catalog import named_target
from targets.kernel_specs import KernelSpec
from targets.measuring.measured import Measured
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
        done = learn_rows(SPECS, table, UNIT, notify=print)
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
        learn_rows(SPECS, table, UNIT, notify=print)


@pytest.mark.parametrize("tuned", [False, True])
def test_correction_ends_with_the_rows_it_was_fitted_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, tuned: bool
) -> None:
    """Whole networks stay, but for those that ran without the tiles that kernels get now."""
    table, said = tmp_path / "host.jsonl", list[str]()
    settings = replace(HOST, tune=tuned)
    profile((), settings, table=table, resume=False, notify=print)
    measured = spread_sample(SPECS, 26, unit=UNIT)
    for spec in measured:
        append_line(table, row_of(spec, us=cost(spec)))
    learn_rows(SPECS, table, UNIT, notify=said.append)
    append_line(table, NetworkRow("ab", "local", 1, 1.0, 1.0, 1.0, 1.0))
    append_line(table, CorrectionLine(Correction(1.5, 0.0, 3, 0.1)))
    learn_rows(SPECS, table, UNIT, notify=said.append)
    profile(measured, settings, table=table, resume=True, notify=said.append)
    assert read_table(table).correction is not None
    assert said == []

    def measure(specs: Sequence[KernelSpec], *_: object, **__: object) -> Iterator[Measured]:
        return iter([Measured(spec, (2.0,)) for spec in specs])

    monkeypatch.setattr(profiling, "measure", measure)
    learned = [spec for spec in SPECS if spec not in measured][:1]
    profile(learned, settings, table=table, resume=True, notify=said.append)
    found = read_table(table)
    assert found.correction is None
    assert list(found.networks) == ([] if tuned else ["ab"])
    assert "the table's correction is dropped" in said[0]
    # What is learned from one row more is other costs.
    append_line(table, CorrectionLine(Correction(1.5, 0.0, 3, 0.1)))
    learn_rows(SPECS, table, UNIT, notify=said.append)
    assert read_table(table).correction is None
