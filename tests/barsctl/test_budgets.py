import pytest

from barsctl.budgets import Budget, format_cost, parse_budget
from barsctl.errors import BarsError


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("latency=2ms", Budget("latency", 2.0)),
        ("latency=750us", Budget("latency", 0.75)),
        ("latency=0.5s", Budget("latency", 500.0)),
        ("latency@armv7=9ms", Budget("latency", 9.0, "armv7")),
        ("instructions=3M", Budget("instructions", 3e6)),
        ("bops=20M", Budget("bops", 20e6)),
        ("flops=1.5G", Budget("flops", 1.5e9)),
        ("ops=300k", Budget("ops", 300e3)),
        ("params=5000", Budget("params", 5000.0)),
        ("size=64KB", Budget("size", 64e3)),
        ("size=64KiB", Budget("size", 65536.0)),
        ("size=1MB", Budget("size", 1e6)),
        ("ram=20KB", Budget("ram", 20e3)),
        ("ram@armv7=20KiB", Budget("ram", 20480.0, "armv7")),
    ],
)
def test_budget_is_read_with_its_unit(text: str, budget: Budget) -> None:
    assert parse_budget(text) == budget


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("speed=2ms", "'speed' is not a cost; write one of latency, instructions, bops"),
        ("bops", "'' is not an amount of bops"),
        ("latency=2", "units us, ms, s"),
        ("latency=2m", "'2m' is not an amount of latency"),
        ("latency=-2ms", "'-2ms' is not an amount of latency"),
        ("bops=20m", "units k, K, M, G"),
        ("bops=0M", "must be above 0"),
        ("bops@armv7=2M", "only latency, instructions, ram may name a target.*write bops=2M"),
        ("latency@=2ms", "may name a target"),
        (f"bops={'9' * 400}", "must be above 0 and finite"),
    ],
)
def test_wrong_budget_names_the_remedy(text: str, message: str) -> None:
    with pytest.raises(BarsError, match=message):
        parse_budget(text)


@pytest.mark.parametrize(
    ("metric", "cost", "text"),
    [
        ("latency", 1.8449, "1.84ms"),
        ("latency", 0.75, "750us"),
        ("latency@armv7", 0.75, "750us"),
        ("latency", 1234.5, "1234ms"),
        ("latency", 0.9996, "1000us"),
        ("bops", 20e6, "20M"),
        ("bops", 999.0, "999"),
        ("size", 64e3, "64KB"),
        ("size", 12.0, "12B"),
    ],
)
def test_cost_is_written_with_its_unit(metric: str, cost: float, text: str) -> None:
    assert format_cost(metric, cost) == text
