"""The matrix of the evidence: which cells come next, and what the rows come to."""

import json
import math
from pathlib import Path

import evidence
import numpy as np
import onnxruntime
import pytest
import torch
from harness.evidence_figures import best_mean, best_mean_of_3x3, checks
from harness.evidence_matrix import (
    BUDGETS_US,
    CANDIDATES,
    FIRST_SEARCHED,
    MIDDLE_US,
    RANDOM_NETWORKS,
    SEEDS,
    Cell,
    Group,
    OpponentGroup,
    Row,
    best_row,
    cells,
    opponents,
    uniform_designs,
)
from harness.evidence_networks import network_of
from harness.evidence_page import write_page
from harness.evidence_runs import trained_alike
from harness.evidence_searches import derived_by
from harness.float_network import FloatNetwork, float_onnx

from space.blocks import Block, Conv
from space.presets import named_space

SPACE = named_space("fashion-small")
LEAST_US = BUDGETS_US[0]


def row(cell: Cell, test: float | None, *, shared: float | None = None) -> Row:
    return {
        "cell": cell.key, "group": cell.group, "budget_us": cell.budget_us, "seed": cell.seed,
        "name": cell.name, "machine": "EPYC", "validation": test, "test": test,
        "predicted_us": 0.8 * cell.budget_us, "measured_us": 0.9 * cell.budget_us,
        "shared": shared, "network": "small", "search_images": 0, "genotype": None, "channels": 8,
    }  # fmt: skip


def of_seeds(group: Group, budget_us: float, name: str, *tests: float) -> list[Row]:
    return [row(Cell(group, budget_us, seed, name), each) for seed, each in enumerate(tests)]


def settled(*groups: OpponentGroup) -> list[Row]:
    """Rows of all opponents under all budgets, none of which keeps to its own."""
    return [
        row(cell, None)
        for group in groups
        for cell in opponents(group, MIDDLE_US if group == "uniform" else BUDGETS_US[-1], SPACE)
    ]


def test_cells_have_keys_of_their_own() -> None:
    keys = [cell.key for cell in cells(SPACE, [])]
    assert len(set(keys)) == len(keys)
    assert "reference_bireal-18-3-strided_13.2us_0" in keys


def test_best_under_two_budgets_is_trained_once() -> None:
    forms = {cell.name for cell in cells(SPACE, []) if cell.group == "reference"}
    rows = [
        row(
            Cell("reference", budget, 0, name), 0.9 if (budget, name) == (LEAST_US, "best") else 0.8
        )
        for budget in BUDGETS_US
        for name in {*forms, "best"}
    ]
    again = [cell.key for cell in cells(SPACE, rows) if cell.group == "reference" and cell.seed]
    assert again == ["reference_best_13.2us_1", "reference_best_13.2us_2"]


def seeds_of(rows: list[Row], name: str) -> list[int]:
    """The seeds that a uniform design is to be trained from."""
    found = cells(SPACE, rows)
    return [each.seed for each in found if (each.group, each.name) == ("uniform", name)]


def test_best_of_a_group_is_trained_from_all_seeds() -> None:
    names = {cell.name for cell in cells(SPACE, []) if cell.group == "uniform"}
    rows = [row(Cell("uniform", MIDDLE_US, 0, name), 0.8) for name in names - {"chain 2"}]
    assert seeds_of(rows, "chain 2") == [0]
    rows.append(row(Cell("uniform", MIDDLE_US, 0, "chain 2"), 0.9))
    assert seeds_of(rows, "chain 2") == [0, 1, 2]
    assert seeds_of(rows, "chain 1") == [0]


def test_best_of_3x3_alone_is_trained_from_all_seeds_too() -> None:
    best = {"mixed-chain 1": 0.95, "chain 1": 0.9}
    rows = [row(cell, best.get(cell.name, 0.8)) for cell in opponents("uniform", MIDDLE_US, SPACE)]
    trained = {name: seeds_of(rows, name) for name in ("mixed-chain 1", "chain 1", "chain 0")}
    assert trained == {"mixed-chain 1": [0, 1, 2], "chain 1": [0, 1, 2], "chain 0": [0]}
    assert math.isnan(best_mean_of_3x3(rows))
    rows += [row(Cell("uniform", MIDDLE_US, seed, "chain 1"), 0.7) for seed in (1, 2)]
    assert best_mean_of_3x3(rows) == pytest.approx(100 * (0.9 + 0.7 + 0.7) / 3)


def test_networks_that_fit_no_budget_are_never_best() -> None:
    rows = [
        row(Cell("reference", MIDDLE_US, 0, "a"), None),
        row(Cell("reference", MIDDLE_US, 0, "b"), 0.1),
    ]
    assert best_row("reference", MIDDLE_US, rows) == rows[1]
    assert best_row("reference", LEAST_US, rows) is None


def test_networks_within_a_smaller_budget_are_opponents_too() -> None:
    rows = [
        *of_seeds("reference", LEAST_US, "small", 0.90, 0.89, 0.88),
        *of_seeds("reference", MIDDLE_US, "large", 0.70),
    ]
    assert best_row("reference", MIDDLE_US, rows) == rows[0]
    others = settled("reference")
    assert best_mean([*rows, *others], "reference", MIDDLE_US) == pytest.approx(89)
    assert math.isnan(best_mean([*rows, *others[1:]], "reference", MIDDLE_US))
    assert best_row("reference", LEAST_US, rows[-1:]) is None


def test_network_of_the_same_recipe_and_seed_is_not_trained_again() -> None:
    small = row(Cell("reference", LEAST_US, 0, "a"), 0.9)
    assert trained_alike(row(Cell("reference", 35.0, 0, "a"), None), [small]) is small
    assert trained_alike(row(Cell("reference", 35.0, 1, "a"), None), [small]) is None
    other = {**row(Cell("reference", 35.0, 0, "a"), None), "network": "large"}
    assert trained_alike(other, [small]) is None
    assert trained_alike(row(Cell("full", 35.0, 0, "reference a"), None), [small]) is None
    full = row(Cell("full", LEAST_US, 0, "reference a"), 0.9)
    assert trained_alike(row(Cell("reference", LEAST_US, 0, "a"), None), [full]) is None


def test_networks_of_equal_words_and_other_edges_are_trained_apart() -> None:
    one = {**row(Cell("random", MIDDLE_US, 0, "1"), 0.9), "genotype": {"depths": [0]}}
    two = {**row(Cell("random", MIDDLE_US, 0, "2"), None), "genotype": {"depths": [1]}}
    assert trained_alike(two, [one]) is None


def test_reference_is_made_again_from_its_row() -> None:
    def of(cell: Cell, channels: int) -> list[Block]:
        return list(network_of({**row(cell, 0.9), "channels": channels}).blocks)

    small = of(Cell("reference", MIDDLE_US, 0, "quicknet-like 2 strided"), 16)
    large = of(Cell("full", MIDDLE_US, 0, "reference quicknet-like 4 strided"), 24)
    assert [len(small), len(large)] == [12, 24]
    assert isinstance(small[0], Conv)
    assert isinstance(large[0], Conv)
    assert [small[0].out_channels, large[0].out_channels] == [16, 24]


def next_keys(
    folder: Path, monkeypatch: pytest.MonkeyPatch, rows: list[Row], *, is_here: bool
) -> list[str]:
    """The keys of all cells as they come up, where each that does is then finished as a failure."""
    results = folder / "search.jsonl"
    results.write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    monkeypatch.setattr(evidence, "RESULTS", results)
    monkeypatch.setattr(evidence, "RUNS", folder)
    keys: list[str] = []
    while (cell := evidence.next_cell(is_here=is_here)) is not None:
        keys.append(cell.key)
        with evidence.locked(folder / f"{cell.key}.lock", wait=False):
            rest = evidence.next_cell(is_here=is_here)
        assert rest is None or rest.key != cell.key
        evidence.put_row(row(cell, None))
    return keys


def test_float_networks_are_left_to_the_machine_of_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floats = {cell.key for cell in cells(SPACE, []) if cell.group == "float"}
    elsewhere = set(next_keys(tmp_path, monkeypatch, [], is_here=False))
    assert elsewhere == {cell.key for cell in cells(SPACE, [])} - floats
    assert set(next_keys(tmp_path, monkeypatch, [], is_here=True)) == elsewhere | floats


def test_searches_of_a_part_wait_for_all_uniform_designs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [
        row(cell, None) for cell in cells(SPACE, []) if cell.group not in ("uniform", "topology")
    ]
    (tmp_path / "search.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in others))
    monkeypatch.setattr(evidence, "RESULTS", tmp_path / "search.jsonl")
    monkeypatch.setattr(evidence, "RUNS", tmp_path)
    for name in uniform_designs(SPACE):
        found = evidence.next_cell(is_here=True)
        assert found == Cell("uniform", MIDDLE_US, 0, name)
        with evidence.locked(tmp_path / f"{found.key}.lock", wait=False):
            again = evidence.next_cell(is_here=True)
            assert again is None or again.group == "uniform"
        evidence.put_row(row(found, None))
    last = evidence.next_cell(is_here=True)
    assert last is not None
    assert last.group == "topology"


def test_network_that_was_derived_otherwise_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then its row is shown, and candidates wait."""
    first = row(FIRST_SEARCHED, 0.9)
    first |= {"search_images": 9, "search_seconds": 1, "train_seconds": 1}
    now = {**first, "derived_by": derived_by(FIRST_SEARCHED)}
    earlier = {**first, "derived_by": "3 trials of 1 epochs"}
    others = [each for each in whole_rows() if each["group"] not in ("searched", "candidate")]
    for found, is_finished in ((now, True), (earlier, False)):
        assert (FIRST_SEARCHED.key in evidence.finished([found])) == is_finished
        keys = next_keys(tmp_path, monkeypatch, [found, *others], is_here=False)
        assert (FIRST_SEARCHED.key in keys) != is_finished
        following = [key for key in keys if key.startswith("candidate")]
        assert len(following) == CANDIDATES
        assert is_finished or keys.index(FIRST_SEARCHED.key) < keys.index(following[0])
    write_page([earlier], [FIRST_SEARCHED], tmp_path / "search.md", epochs=10, measured_on="EPYC")
    page = (tmp_path / "search.md").read_text()
    assert "`: above, derived by 3 trials of 1 epochs" in page
    assert "count until they are made anew" in page
    for part in (Cell("without", MIDDLE_US, 0, "noise"), Cell("with", MIDDLE_US, 0, "teacher")):
        assert derived_by(part).startswith("no trials")
    assert derived_by(Cell("layout", MIDDLE_US, 0)) == now["derived_by"]


OVER = "searched over the"
ALONE = f"{OVER} best reference at "
RANKS = "rank correlation of shared and trained accuracy"
WITHIN = "searched networks within their budgets as measured"


def whole_rows() -> list[Row]:
    """Rows that all figures can be told of."""
    shared = [0.5 + 0.01 * n for n in range(CANDIDATES)]
    trained = [0.8 + 0.01 * n for n in range(1, CANDIDATES)]
    return [
        *settled("reference", "uniform"),
        *of_seeds("searched", MIDDLE_US, "", 0.90, 0.91, 0.92),
        *of_seeds("searched", LEAST_US, "", 0.85, 0.85, 0.85),
        *of_seeds("searched", BUDGETS_US[2], "", 0.92, 0.92, 0.92),
        *of_seeds("reference", LEAST_US, "small", 0.83, 0.84, 0.85),
        *of_seeds("reference", MIDDLE_US, "good", 0.89, 0.90, 0.88),
        *of_seeds("reference", MIDDLE_US, "bad", 0.70),
        *of_seeds("uniform", MIDDLE_US, "chain 1", 0.905, 0.905, 0.905),
        *of_seeds("uniform", MIDDLE_US, "mixed-chain 1", 0.906, 0.906, 0.906),
        *(
            row(Cell("random", MIDDLE_US, 0, str(n)), 0.885 + n / 1000)
            for n in range(RANDOM_NETWORKS)
        ),
        *of_seeds("topology", MIDDLE_US, "", 0.91, 0.92, 0.93),
        *of_seeds("layout", MIDDLE_US, "", 0.90, 0.90, 0.90),
        *(
            row(Cell("candidate", MIDDLE_US, 0, str(n)), test, shared=share)
            for n, (share, test) in enumerate(zip(shared, [*trained, 0.8], strict=True))
        ),
    ]


def test_figures_are_differences_of_means() -> None:
    assert {check.name: (round(check.value, 4), check.ok) for check in checks(whole_rows())} == {
        f"{ALONE}13.2 us, points": (1.0, True),
        f"{ALONE}25.2 us, points": (2.0, True),
        f"{ALONE}35.6 us, points": (3.0, True),
        f"{OVER} best uniform design, points": (0.4, False),
        f"{OVER} best uniform design of 3x3 alone, points": (0.5, True),
        f"{OVER} median of random networks, points": (1.75, True),
        f"{OVER} best random network, points": (1.0, True),
        "searched over a search of the topology alone, points": (-1.0, False),
        "searched over a search of the layout alone, points": (1.0, True),
        # 105 pairs of the 15 in order, 15 with the last one out of it.
        RANKS: (0.75, True),
        WITHIN: (1.0, True),
    }


@pytest.mark.parametrize(
    ("key", "untold"),
    [
        ("searched_13.2us_1", {f"{ALONE}13.2 us, points", WITHIN}),
        ("searched_35.6us_2", {f"{ALONE}35.6 us, points", WITHIN}),
        # The best under the largest budget too.
        ("reference_good_25.2us_1", {f"{ALONE}25.2 us, points", f"{ALONE}35.6 us, points"}),
        ("reference_quicknet-like-4-strided_35.6us_0", {f"{ALONE}35.6 us, points"}),
        ("uniform_chain-1_25.2us_2", {f"{OVER} best uniform design of 3x3 alone, points"}),
        ("uniform_mixed-chain-1_25.2us_2", {f"{OVER} best uniform design, points"}),
        ("random_7_25.2us_0", {f"{OVER} {of}, points" for of in (
            "median of random networks", "best random network")}),
        ("topology_25.2us_0", {"searched over a search of the topology alone, points"}),
        ("layout_25.2us_2", {"searched over a search of the layout alone, points"}),
        ("candidate_3_25.2us_0", {RANKS}),
    ],
)  # fmt: skip
def test_figure_is_not_told_while_a_row_is_missing(key: str, untold: set[str]) -> None:
    rows = whole_rows()
    without = [each for each in rows if each["cell"] != key]
    assert len(without) == len(rows) - 1
    assert {check.name for check in checks(without) if math.isnan(check.value)} == untold


@pytest.mark.parametrize(
    ("key", "untold"),
    [
        ("searched_25.2us_1", {f"{ALONE}25.2 us, points", f"{OVER} best uniform design, points",
            f"{OVER} best uniform design of 3x3 alone, points", WITHIN}),
        ("reference_small_13.2us_2", {f"{ALONE}13.2 us, points"}),
        ("uniform_mixed-chain-1_25.2us_0", {f"{OVER} best uniform design, points"}),
        ("random_7_25.2us_0", set()),
    ],
)  # fmt: skip
def test_figure_at_equal_latency_is_not_told_before_it_is_measured(
    key: str, untold: set[str]
) -> None:
    rows = [{**each, "measured_us": None} if each["cell"] == key else each for each in whole_rows()]
    assert {check.name for check in checks(rows) if math.isnan(check.value)} == untold


@pytest.mark.parametrize("key", ["random_7_25.2us_0", "candidate_3_25.2us_0"])
def test_figure_is_not_told_of_weights_that_diverged(key: str) -> None:
    rows = [{**each, "test": None} if each["cell"] == key else each for each in whole_rows()]
    assert any(math.isnan(check.value) for check in checks(rows))


def test_networks_that_were_not_measured_are_in_no_budget(tmp_path: Path) -> None:
    found = [row(Cell("searched", budget, seed), 0.9) for budget in BUDGETS_US for seed in SEEDS]
    found[4]["measured_us"] = None
    (within,) = (check for check in checks(found) if "as measured" in check.name)
    assert not within.ok
    write_page(found[4:5], [], tmp_path / "search.md", epochs=10, measured_on="EPYC")
    assert "| searched | 20.2 |  | 1 | 90.00 |" in (tmp_path / "search.md").read_text()


def test_row_that_was_joined_twice_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "RESULTS", tmp_path / "search.jsonl")
    once = row(Cell("random", MIDDLE_US, 0, "3"), 0.9)
    (tmp_path / "search.jsonl").write_text(2 * f"{json.dumps(once)}\n")
    assert evidence.read_rows() == [once]


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
