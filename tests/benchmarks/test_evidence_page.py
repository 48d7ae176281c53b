"""The evidence's page: tables, figures and what is missing, as far as the rows go."""

import json
from pathlib import Path

import numpy as np
from harness.evidence_figures import promise_correlation
from harness.evidence_matrix import FIRST_SEARCHED, MIDDLE_US, Cell
from harness.evidence_page import write_page

from barsctl.promising import promise
from space.genotype import choices_of, random_genotype, to_json
from tests.benchmarks.test_evidence import LEAST_US, SPACE, of_seeds, row, whole_rows


def test_page_shows_the_opponents_of_a_smaller_budget(tmp_path: Path) -> None:
    rows = [
        *of_seeds("reference", LEAST_US, "small", 0.90, 0.89),
        *of_seeds("reference", MIDDLE_US, "large", 0.8),
    ]
    write_page(rows, [], tmp_path / "search.md", epochs=10, measured_on="EPYC")
    _, middle = (tmp_path / "search.md").read_text().split("hand-crafted, 25.2 us")
    assert "| reference small | 10.6 | 11.9 | 2 | 89.50 |" in middle
    assert "| reference large | 20.2 | 22.7 | 1 | 80.00 |" in middle


def test_page_tells_the_figures_that_are_whole(tmp_path: Path) -> None:
    """Also where opponents keep to no budget."""
    write_page(whole_rows(), [], tmp_path / "search.md", epochs=10, measured_on="EPYC")
    page = (tmp_path / "search.md").read_text()
    assert "| searched over the best uniform design, points | 0.40 | 0.5 | **missed** |" in page
    assert "measured yet |" not in page
    assert (tmp_path / "search-ranks.svg").exists()


def test_page_tells_what_is_not_measured_yet_as_predicted(tmp_path: Path) -> None:
    rows = [
        {**each, "measured_us": None} if each["cell"] == FIRST_SEARCHED.key else each
        for each in whole_rows()
    ]
    write_page(rows, [], tmp_path / "search.md", epochs=10, measured_on="EPYC")
    page = (tmp_path / "search.md").read_text()
    uniform, within = "searched over the best uniform design, points", "within their budgets as"
    assert f"| {uniform} | 0.40 | 0.5 | as predicted, not all measured yet |" in page
    assert f"{within} measured |  | 1 | not all trained and measured yet |" in page


def test_page_tells_what_is_missing(tmp_path: Path) -> None:
    rows = of_seeds("searched", MIDDLE_US, "", 0.90, 0.91)
    write_page(
        rows,
        [Cell("random", MIDDLE_US, 0, "3")],
        tmp_path / "search.md",
        epochs=10,
        measured_on="EPYC",
    )
    page = (tmp_path / "search.md").read_text()
    assert "| searched | 20.2 | 22.7 | 2 | 90.50 | 90.00, 91.00 | small |" in page
    assert page.endswith("## What is missing\n\n- `random_3_25.2us_0`\n")
    assert {path.name for path in tmp_path.iterdir()} == {"search.md", "search-budgets.svg"}


def test_page_tells_what_the_promise_foretells(tmp_path: Path) -> None:
    promised = promise(SPACE)
    drawn = [random_genotype(SPACE, np.random.default_rng(seed)) for seed in range(6)]
    drawn.sort(key=lambda each: promised.of(choices_of(each)))
    ranks = (0, 1, 2, 3, 5, 4)  # 14 of 15 pairs in order, and 1 out of it
    rows = [
        row(Cell("random", MIDDLE_US, 0, str(rank)), 0.8 + 0.01 * rank)
        | {"genotype": json.loads(to_json(genotype))}
        for rank, genotype in zip(ranks, drawn, strict=True)
    ]
    count, tau = promise_correlation(rows)
    assert (count, round(tau, 6)) == (6, round(13 / 15, 6))
    others = [each | {"budget_us": LEAST_US} for each in rows]
    searched = row(FIRST_SEARCHED, 0.1) | {"genotype": rows[-1]["genotype"]}
    assert promise_correlation([*rows, *others, searched]) == promise_correlation(rows)
    write_page(rows, [], tmp_path / "search.md", epochs=10, measured_on="EPYC")
    page = (tmp_path / "search.md").read_text()
    assert "of 6 networks\nwithin 25.2 us (uniform, random, and what a search was" in page
    assert "with their test accuracies is 0.87." in page
