import json
from pathlib import Path

import pytest

from barsctl.budgets import Budget
from barsctl.demo import DemoSettings, demo, middle_budget
from barsctl.errors import BarsError
from barsctl.package_report import Checked, Unchecked
from barsctl.profile import space_specs
from barsctl.search_settings import SearchSettings
from barsctl.train_settings import TrainSettings
from space.decode import decode
from space.presets import named_space
from space.uniform import largest_genotype
from targets.errors import TargetError
from tests.example_tables import table_of


def test_middle_budget_lies_between_the_extremes() -> None:
    space = named_space("demo")
    table = table_of(dict.fromkeys(space_specs([space]), 1.0))
    # At 1 us a kernel: the smallest network has 7 (stem, process, down, 3 nodes, classifier), the
    # widest 25 (stem, 4 cells of 4, a reduction of 4 and 3 downs, classifier); sqrt(7 * 25) = 13.2.
    assert len(decode(largest_genotype(space)).blocks) == 25
    assert middle_budget(space, table).limit == 0.013


def test_demo_takes_a_latency_of_this_machine_only(tmp_path: Path) -> None:
    for budget in (Budget("bops", 1e6), Budget("latency", 1.0, "armv7")):
        with pytest.raises(BarsError, match="milliseconds of this machine; write latency="):
            DemoSettings(tmp_path, budget=budget)


@pytest.mark.parametrize(
    ("arm", "told"), [("aarch65", "'aarch65' is not known"), ("host", "twice")]
)
def test_targets_are_looked_at_first(arm: str, told: str, tmp_path: Path) -> None:
    with pytest.raises((BarsError, TargetError), match=told):
        demo(DemoSettings(tmp_path / "demo", arm_target=arm), notify=print)
    assert not (tmp_path / "demo").exists()


def test_demo_runs_and_goes_on_where_it_was(tmp_path: Path) -> None:
    settings = DemoSettings(
        tmp_path,
        seed=3,
        search=SearchSettings(epochs=1, warmup_epochs=0),
        training=TrainSettings(epochs=1),
    )
    first = demo(settings, notify=print)
    assert first.derived.costs["latency"] <= first.budget.limit
    assert first.package.mismatches == ()
    host, arm = (report.program for report in first.package.reports)
    assert isinstance(host, Checked)
    assert host.verification.images == 2000
    assert isinstance(arm, Checked | Unchecked)

    for step in ("search", "training"):
        fields = json.loads((tmp_path / step / "config.json").read_text())
        assert (fields["settings"]["seed"], fields["data"]["seed"]) == (3, 3)

    kept = [tmp_path / name for name in ("latency.jsonl", "search/metrics.jsonl",
            "search/genotype.json", "training/best.safetensors")]  # fmt: skip
    before = [path.read_bytes() for path in kept]
    second = demo(settings, notify=print)
    assert [path.read_bytes() for path in kept] == before
    assert second.budget == first.budget
    assert second.package.accuracies == first.package.accuracies
