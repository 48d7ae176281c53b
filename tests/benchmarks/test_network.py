import network
import pytest
from network import ASKED, LARGE, OWN

# A round's own ratio counts: 10, 5 and 10, whose median is not that of the medians, 5.
ROUNDS = {(OWN, 1): [1.0, 2.0, 4.0], ("other", 1): [10.0, 10.0, 40.0]}


def test_ratio_is_the_median_of_the_rounds() -> None:
    assert network.ratio(ROUNDS, "other", 1) == 10


def test_checks_are_the_figures_asked_for() -> None:
    engines = {OWN, *(engine for _, engine, _ in ASKED)}
    times = {(engine, threads): [6.0 / threads] for engine in engines for threads in (1, 2)}
    checks = network.checks(dict.fromkeys(network.contests(), times))
    assert [check.at_least for check in checks] == [10, 2.9, 15, 4, 8, 1.7]
    assert [check.value for check in checks] == [1, 1, 1, 1, 1, 2]


def test_searched_network_is_the_one_stored() -> None:
    contest = network.contests()[network.SEARCHED]
    assert (contest.graph.image_size, contest.graph.classes) == (28, 10)
    assert [name for name, _, _ in ASKED if name not in network.contests()] == []


def test_a_row_tells_how_far_behind_an_engine_is() -> None:
    row = network.row(LARGE, "other", 1, ROUNDS)
    assert row["median, ms"] == pytest.approx(10)
    assert row["times ours"] == pytest.approx(10)
