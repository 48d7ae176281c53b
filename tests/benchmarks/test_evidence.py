"""The matrix of the evidence: which cells come next, and what the rows come to."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from harness.evidence_figures import best_mean, checks
from harness.evidence_matrix import BUDGETS_US, Cell, Group, Row, best_row, cells
from harness.evidence_page import write_page
from harness.float_network import FloatNetwork, float_onnx

from space.presets import named_space

SPACE = named_space("fashion-small")


def row(cell: Cell, test: float | None, *, shared: float | None = None) -> Row:
    return {
        "cell": cell.key, "group": cell.group, "budget_us": cell.budget_us, "seed": cell.seed,
        "name": cell.name, "machine": "EPYC", "validation": test, "test": test,
        "measured_us": 0.9 * cell.budget_us, "shared": shared, "network": "small",
        "search_images": 0,
    }  # fmt: skip


def of_seeds(group: Group, budget_us: float, name: str, *tests: float) -> list[Row]:
    return [row(Cell(group, budget_us, seed, name), each) for seed, each in enumerate(tests)]


def test_cells_have_keys_of_their_own() -> None:
    keys = [cell.key for cell in cells(SPACE, [])]
    assert len(set(keys)) == len(keys)
    assert "reference_bireal-18-3-strided_8.5us_0" in keys


def test_best_under_two_budgets_is_trained_once() -> None:
    forms = {cell.name for cell in cells(SPACE, []) if cell.group == "reference"}
    rows = [
        row(Cell("reference", budget, 0, name), 0.9 if (budget, name) == (8.5, "best") else 0.8)
        for budget in BUDGETS_US
        for name in {*forms, "best"}
    ]
    again = [cell.key for cell in cells(SPACE, rows) if cell.group == "reference" and cell.seed]
    assert again == ["reference_best_8.5us_1", "reference_best_8.5us_2"]


def test_page_shows_the_opponents_of_a_smaller_budget(tmp_path: Path) -> None:
    rows = [
        *of_seeds("reference", 8.5, "small", 0.90, 0.89), *of_seeds("reference", 15.0, "large", 0.8)
    ]  # fmt: skip
    write_page(rows, [], tmp_path / "search.md", epochs=10, measured_on="EPYC")
    _, middle = (tmp_path / "search.md").read_text().split("hand-crafted, 15 us")
    assert "| reference small | 7.7 | 2 | 89.50 |" in middle
    assert "| reference large | 13.5 | 1 | 80.00 |" in middle


def test_best_of_a_group_is_trained_from_all_seeds() -> None:
    def seeds(rows: list[Row], name: str) -> list[int]:
        found = cells(SPACE, rows)
        return [each.seed for each in found if (each.group, each.name) == ("uniform", name)]

    names = {cell.name for cell in cells(SPACE, []) if cell.group == "uniform"}
    rows = [row(Cell("uniform", 15.0, 0, name), 0.8) for name in names - {"chain 2"}]
    assert seeds(rows, "chain 2") == [0]
    rows.append(row(Cell("uniform", 15.0, 0, "chain 2"), 0.9))
    assert seeds(rows, "chain 2") == [0, 1, 2]
    assert seeds(rows, "chain 1") == [0]


def test_networks_that_fit_no_budget_are_never_best() -> None:
    rows = [row(Cell("reference", 15.0, 0, "a"), None), row(Cell("reference", 15.0, 0, "b"), 0.1)]
    assert best_row("reference", 15.0, rows) == rows[1]
    assert best_row("reference", 8.5, rows) is None


def test_networks_within_a_smaller_budget_are_opponents_too() -> None:
    rows = [
        *of_seeds("reference", 8.5, "small", 0.90, 0.89, 0.88),
        *of_seeds("reference", 15.0, "large", 0.70),
    ]
    assert best_row("reference", 15.0, rows) == rows[0]
    assert best_mean(rows, "reference", 15.0) == pytest.approx(89)
    assert best_row("reference", 8.5, rows[-1:]) is None


def test_figures_are_differences_of_means() -> None:
    rows = [
        *of_seeds("searched", 15.0, "", 0.90, 0.91, 0.92),
        *of_seeds("reference", 15.0, "good", 0.89, 0.90, 0.88),
        *of_seeds("reference", 15.0, "bad", 0.70),
        *of_seeds("uniform", 15.0, "chain 1", 0.905, 0.905, 0.905),
        *(row(Cell("random", 15.0, 0, str(n)), each) for n, each in enumerate((0.85, 0.89, 0.9))),
        *of_seeds("layout", 15.0, "", 0.90, 0.90, 0.90),
        *(
            row(Cell("candidate", 15.0, 0, str(n)), trained, shared=shared)
            for n, (shared, trained) in enumerate(((0.5, 0.8), (0.6, 0.9), (0.7, 0.85)))
        ),
    ]
    found = {check.name: (round(check.value, 4), check.ok) for check in checks(rows)}
    assert found["searched over the best reference at 15 us, points"] == (2.0, True)
    assert found["searched over the best uniform design, points"] == (0.5, True)
    assert found["searched over the median of random networks, points"] == (2.0, True)
    assert found["searched over the best random network, points"] == (1.0, True)
    assert found["searched over a search of the layout alone, points"] == (1.0, True)
    assert found["rank correlation of shared and trained accuracy"] == (0.3333, False)
    assert found["searched networks within their budgets as measured"] == (1.0, True)


def test_missing_figures_hold_for_nothing() -> None:
    rows = of_seeds("searched", 15.0, "", 0.90, 0.91)
    assert [check.ok for check in checks(rows)] == [False] * (len(BUDGETS_US) + 6) + [True]


def test_page_tells_what_is_missing(tmp_path: Path) -> None:
    rows = of_seeds("searched", 15.0, "", 0.90, 0.91)
    write_page(
        rows, [Cell("random", 15.0, 0, "3")], tmp_path / "search.md", epochs=10, measured_on="EPYC"
    )
    page = (tmp_path / "search.md").read_text()
    assert "| searched | 13.5 | 2 | 90.50 | 90.00, 91.00 | small |" in page
    assert page.endswith("## What is missing\n\n- `random_3_15us_0`\n")
    assert {path.name for path in tmp_path.iterdir()} == {
        "search.md", "search-budgets.svg", "search-ranks.svg",
    }  # fmt: skip


@pytest.mark.parametrize("convs", [0, 2])
def test_float_network_as_onnx_gives_its_logits(convs: int) -> None:
    torch.manual_seed(0)
    network = FloatNetwork(4, convs, image_channels=1, classes=3, mean=(90.0,), std=(70.0,))
    pixels = torch.randint(0, 256, (8, 1, 12, 12))
    network(pixels)  # statistics that are not 0 and 1
    network.eval()
    session = onnxruntime.InferenceSession(float_onnx(network, 12).SerializeToString())
    for each in pixels.split(1):
        (logits,) = session.run(None, {"image": network.normalised(each).numpy()})
        np.testing.assert_allclose(logits, network(each).detach().numpy(), atol=1e-5)
