import pytest

from barsctl.schedules import cosine_with_warmup, geometric


@pytest.mark.parametrize(
    ("progress", "share"), [(0.0, 0.0), (0.05, 0.5), (0.1, 1.0), (0.55, 0.5), (1.0, 0.0)]
)
def test_learning_rate_rises_then_falls(progress: float, share: float) -> None:
    assert cosine_with_warmup(progress, warmup=0.1) == pytest.approx(share)


def test_no_warmup_starts_at_the_top() -> None:
    assert cosine_with_warmup(0.0, warmup=0.0) == 1.0


@pytest.mark.parametrize(("progress", "value"), [(0.0, 4.0), (0.5, 2.0), (1.0, 1.0)])
def test_geometric_schedule_has_equal_ratios(progress: float, value: float) -> None:
    assert geometric(progress, 4.0, 1.0) == pytest.approx(value)
