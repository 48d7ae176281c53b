"""What the evidence comes to: means, differences, and the figures that were asked for."""

import math
import statistics
from collections.abc import Iterator, Sequence

from scipy.stats import kendalltau

from barsctl.promising import promise
from space.genotype import choices_of

from .evidence_matrix import (
    BUDGETS_US,
    CANDIDATES,
    MIDDLE_US,
    RANDOM_NETWORKS,
    SEEDS,
    Group,
    OpponentGroup,
    Row,
    best_row,
    settled_best,
    settled_best_of_3x3,
)
from .evidence_networks import genotype_in
from .evidence_searches import SPACE
from .report import Cell as Shown
from .report import Check

# Networks of the space, most of which no trial chose.
FORETOLD: tuple[Group, ...] = ("uniform", "random", "candidate")


def accuracies(rows: Sequence[Row], group: Group, budget_us: float, name: str = "") -> list[float]:
    """Test accuracies in % of all seeds that are there, in the order of the rows."""
    return [
        100 * row["test"]
        for row in rows
        if (row["group"], row["budget_us"], row["name"]) == (group, budget_us, name)
        and row["test"] is not None
    ]


def mean_of_seeds(rows: Sequence[Row], group: Group, budget_us: float, name: str = "") -> float:
    """The mean over all seeds, in %; not a number while one is missing."""
    found = accuracies(rows, group, budget_us, name)
    return statistics.mean(found) if len(found) == len(SEEDS) else math.nan


def measured_mean(rows: Sequence[Row], group: Group, budget_us: float, name: str = "") -> float:
    """The same; not a number before all were measured, since latencies are to be equal."""
    wanted = (group, budget_us, name)
    found = [row for row in rows if (row["group"], row["budget_us"], row["name"]) == wanted]
    is_measured = all(row.get("measured_us") is not None for row in found)
    return mean_of_seeds(rows, group, budget_us, name) if is_measured else math.nan


def best_mean(rows: Sequence[Row], group: OpponentGroup, budget_us: float) -> float:
    """The measured mean of what was best on validation images from the first seed."""
    best = settled_best(group, budget_us, SPACE, rows)
    if best is None:
        return math.nan
    return measured_mean(rows, group, best["budget_us"], best["name"])


def best_mean_of_3x3(rows: Sequence[Row]) -> float:
    """The mean of the best uniform design that has 3x3 convolutions alone, chosen alike."""
    best = settled_best_of_3x3(SPACE, rows)
    return math.nan if best is None else measured_mean(rows, "uniform", MIDDLE_US, best["name"])


def random_tests(rows: Sequence[Row]) -> list[float]:
    """Test accuracies in % of the random networks."""
    found = [row["test"] for row in rows if row["group"] == "random"]
    return [100 * test for test in found if test is not None]


def candidate_pairs(rows: Sequence[Row]) -> list[tuple[float, float]]:
    """(With shared weights, trained) accuracies in % of the derived candidates.

    Shared on validation images, as derive ranks them; trained on test images.
    """
    return [
        (100 * row["shared"], 100 * row["test"])
        for row in rows
        if row["group"] == "candidate" and row["test"] is not None
    ]


def promise_correlation(rows: Sequence[Row]) -> tuple[int, float]:
    """Of how many networks of the space the promise is told, and Kendall's tau with what they are.

    Those trained for the middle budget from the first seed, by test accuracy.
    """
    promised = promise(SPACE)
    pairs = [
        (promised.of(choices_of(genotype_in(row))), row["test"])
        for row in rows
        if (row["budget_us"], row["seed"]) == (MIDDLE_US, SEEDS[0])
        and row["group"] in FORETOLD
        and None not in (row["test"], row.get("genotype"))
    ]
    if len(pairs) < 2:
        return len(pairs), math.nan
    return len(pairs), float(kendalltau(*zip(*pairs, strict=True)).statistic)


def checks(rows: Sequence[Row], *, is_predicted: bool = False) -> list[Check]:
    """The figures; a missing one is not a number, which holds for no check.

    is_predicted: where networks are compared at equal latency, the table's word is taken for what
    was not measured yet.
    """
    compared = [{**row, "measured_us": row.get("predicted_us")} for row in rows]
    return list(_checks(rows, compared if is_predicted else rows))


def _checks(rows: Sequence[Row], compared: Sequence[Row]) -> Iterator[Check]:
    for budget in BUDGETS_US:
        ours = measured_mean(compared, "searched", budget)
        ahead = ours - best_mean(compared, "reference", budget)
        yield Check(f"searched over the best reference at {budget:g} us, points", ahead, 1.0)
    measured = measured_mean(compared, "searched", MIDDLE_US)
    uniform = measured - best_mean(compared, "uniform", MIDDLE_US)
    yield Check("searched over the best uniform design, points", uniform, 0.5)
    of_3x3 = measured - best_mean_of_3x3(compared)
    yield Check("searched over the best uniform design of 3x3 alone, points", of_3x3, 0.5)
    searched = mean_of_seeds(rows, "searched", MIDDLE_US)
    drawn = random_tests(rows)
    median, best = math.nan, math.nan
    if len(drawn) == RANDOM_NETWORKS:
        median, best = statistics.median(drawn), max(drawn)
    yield Check("searched over the median of random networks, points", searched - median, 1.5)
    yield Check("searched over the best random network, points", searched - best, 0.3)
    alone: tuple[Group, ...] = ("topology", "layout")
    for group in alone:
        ahead = searched - mean_of_seeds(rows, group, MIDDLE_US)
        yield Check(f"searched over a search of the {group} alone, points", ahead, 0.01)
    yield Check("rank correlation of shared and trained accuracy", rank_correlation(rows), 0.5)
    yield Check("searched networks within their budgets as measured", within_budgets(rows), 1.0)


def rank_correlation(rows: Sequence[Row]) -> float:
    """Kendall's tau over the derived candidates; not a number until all are there."""
    pairs = candidate_pairs(rows)
    if len(pairs) < CANDIDATES:
        return math.nan
    return float(kendalltau(*zip(*pairs, strict=True)).statistic)


def within_budgets(rows: Sequence[Row]) -> float:
    """The share of searched networks that were measured within their budgets.

    Not a number until all are there and measured.
    """
    found = [row for row in rows if row["group"] == "searched" and row["measured_us"] is not None]
    if len(found) < len(BUDGETS_US) * len(SEEDS):
        return math.nan
    within = [bool(row["measured_us"] <= row["budget_us"]) for row in found]
    return sum(within) / len(within)


def summary_rows(rows: Sequence[Row]) -> list[dict[str, Shown]]:
    """A line per budget and kind of network: the best of the kind, as far as the rows go."""
    lines: list[dict[str, Shown]] = []
    for budget in BUDGETS_US:
        groups: tuple[Group, ...] = ("searched", "reference", "uniform")
        for group in groups:
            name, within = "", budget
            if group != "searched":
                best = best_row(group, budget, rows)
                if best is None:
                    continue
                name, within = best["name"], best["budget_us"]
            found = accuracies(rows, group, within, name)
            if found:
                lines.append(
                    {
                        "budget, us": budget,
                        "network": f"{group} {name}".strip(),
                        "seeds": len(found),
                        "test accuracy, %": statistics.mean(found),
                    }
                )
    return lines
