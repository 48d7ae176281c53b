"""What holds for all tests."""

import pytest

from targets.measuring import timed_bench


@pytest.fixture(autouse=True)
def measure_in_few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests keep all cores busy: waiting for calm ones makes them slow, and no test needs it."""
    monkeypatch.setattr(timed_bench, "MOST_ROUNDS", timed_bench.FEWEST_ROUNDS)
