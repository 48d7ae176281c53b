"""The cells of the evidence: which network, under which budget, from which seed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

from space.reference_names import ReferenceName, Stem
from space.search_space import SearchSpace
from space.uniform import most_cells, uniform_kinds

Group = Literal[
    "searched", "reference", "uniform", "random", "topology", "layout", "without", "with",
    "candidate", "float", "full", "recipe",
]  # fmt: skip
OpponentGroup = Literal["reference", "uniform"]
Row = dict[str, Any]
FloatKind = Literal["fp32", "int8"]
# Each just above what its best reference takes: channels come in steps, and one that uses little
# of a budget would be a weak opponent.
BUDGETS_US = (13.2, 25.2, 35.6)
MIDDLE_US = BUDGETS_US[1]
SEEDS = (0, 1, 2)
RANDOM_NETWORKS = 16
CANDIDATES = 16
# Convolutions behind the stem of a float network.
FLOAT_CONVS = (1, 2, 3)
# What a search has against collapse and against wrong ranks, each left out once.
COUNTER_MEASURES = ("warm-up", "noise", "slow architecture", "refinement", "trials")
# What the recipe of the best uniform design may have more.
RECIPES = ("teacher", "two stages", "smoothed labels", "weight average")
# Of the stage whose activations alone are binary.
REAL_WEIGHT_EPOCHS = 4


@dataclass(frozen=True, slots=True)
class Cell:
    """One network to be made, trained and measured.

    name: what tells the cells of a group apart, as "bireal-18 3 strided", "chain 2" or "7"; empty
    where nothing does.
    """

    group: Group
    budget_us: float
    seed: int
    name: str = ""

    @property
    def key(self) -> str:
        """What the results and the run's folder call the cell."""
        words = (self.group, self.name.replace(" ", "-"), f"{self.budget_us:g}us", str(self.seed))
        return "_".join(word for word in words if word)


# Whose candidates are trained.
FIRST_SEARCHED = Cell("searched", MIDDLE_US, SEEDS[0])


def short_cell(cell: Cell) -> Cell:
    """The cell of the short recipe that a full-length one's name stands for."""
    group, _, name = cell.name.partition(" ")
    return replace(cell, group=cast(Group, group), name=name)


def cell_of(row: Row) -> Cell:
    """The cell whose row it is."""
    return Cell(row["group"], row["budget_us"], row["seed"], row["name"])


@dataclass(frozen=True, slots=True)
class ReferenceForm:
    """A reference with its first stages and a stem; a cell's name is its text."""

    reference: ReferenceName
    stages: int
    stem: Stem

    def __str__(self) -> str:
        return f"{self.reference} {self.stages} {self.stem}"


def reference_forms() -> Iterator[ReferenceForm]:
    """Every reference, from two stages on, with each stem.

    Behind the strided stem images of 28 pixels are 14, and 2 in the fourth stage.
    """
    for reference in get_args(ReferenceName):
        for stem in get_args(Stem):
            for stages in range(2, 4 if reference == "xnor-resnet-20" else 5):
                yield ReferenceForm(reference, stages, stem)


def cells(space: SearchSpace, rows: Sequence[Row]) -> Iterator[Cell]:
    """The cells of the matrix, those first that others are chosen by.

    Which reference and which uniform design are trained from more than one seed follows from the
    rows so far.
    """
    yield from dict.fromkeys(_cells(space, rows))  # one may be the best under two budgets


def _cells(space: SearchSpace, rows: Sequence[Row]) -> Iterator[Cell]:
    yield from _best_again("uniform", MIDDLE_US, space, rows)
    yield from _other_seeds(settled_best_of_3x3(space, rows))
    for budget in BUDGETS_US:  # ascending: the best of one is an opponent under the next
        yield from _best_again("reference", budget, space, rows)
    yield from (Cell("random", MIDDLE_US, 0, str(index)) for index in range(RANDOM_NETWORKS))
    for kind in get_args(FloatKind):
        yield from (Cell("float", MIDDLE_US, 0, f"{kind} {convs}") for convs in FLOAT_CONVS)
    for budget in (MIDDLE_US, *BUDGETS_US):
        yield from (Cell("searched", budget, seed) for seed in SEEDS)
    alone: tuple[Group, ...] = ("topology", "layout")
    for group in alone:
        yield from (Cell(group, MIDDLE_US, seed) for seed in SEEDS)
    yield from (Cell("without", MIDDLE_US, 0, name) for name in COUNTER_MEASURES)
    yield Cell("with", MIDDLE_US, 0, "teacher")
    yield from (Cell("recipe", MIDDLE_US, 0, name) for name in RECIPES)
    yield from (Cell("candidate", MIDDLE_US, 0, str(index)) for index in range(CANDIDATES))
    yield Cell("full", MIDDLE_US, 0, "searched")
    others: tuple[OpponentGroup, ...] = ("reference", "uniform")
    for group in others:
        best = settled_best(group, MIDDLE_US, space, rows)
        if best is not None:
            yield Cell("full", best["budget_us"], 0, f"{group} {best['name']}")


def cells_before(cell: Cell, space: SearchSpace) -> list[Cell]:
    """Those whose rows the network of a cell follows from."""
    match cell.group:
        case "topology" | "layout" | "recipe":
            return opponents("uniform", MIDDLE_US, space)
        case "candidate":
            return [FIRST_SEARCHED]
        case "full":
            return [short_cell(cell)]
        case _:
            return []


def uniform_designs(space: SearchSpace) -> list[str]:
    """The names of all uniform designs, as wide as they may be: kind and depth."""
    depths = range(most_cells(space) + 1)
    return [f"{kind} {depth}" for kind in uniform_kinds(space) for depth in depths]


def opponents(group: OpponentGroup, budget: float, space: SearchSpace) -> list[Cell]:
    """The cells that the best of a group under a budget is chosen from."""
    if group == "uniform":
        names, budgets = uniform_designs(space), [budget]
    else:
        names = [str(form) for form in reference_forms()]
        budgets = [each for each in BUDGETS_US if each <= budget]
    return [Cell(group, each, SEEDS[0], name) for each in budgets for name in names]


def _best_again(
    group: OpponentGroup, budget: float, space: SearchSpace, rows: Sequence[Row]
) -> Iterator[Cell]:
    """Every opponent from one seed; the best under the budget, once all are there, from others."""
    yield from opponents(group, budget, space)
    yield from _other_seeds(settled_best(group, budget, space, rows))


def _other_seeds(best: Row | None) -> Iterator[Cell]:
    """What is the best so far, from the seeds that are left."""
    if best is not None:
        yield from (replace(cell_of(best), seed=seed) for seed in SEEDS[1:])


def settled_best(
    group: OpponentGroup, budget: float, space: SearchSpace, rows: Sequence[Row]
) -> Row | None:
    """The best of a group under a budget; None until all that may be it have a row."""
    done = {row["cell"] for row in rows}
    is_settled = all(cell.key in done for cell in opponents(group, budget, space))
    return best_row(group, budget, rows) if is_settled else None


def settled_best_of_3x3(space: SearchSpace, rows: Sequence[Row]) -> Row | None:
    """The best uniform design that has 3x3 convolutions alone; None as `settled_best`."""
    if settled_best("uniform", MIDDLE_US, space, rows) is None:
        return None
    return best_row("uniform", MIDDLE_US, [row for row in rows if "mixed" not in row["name"]])


def best_row(group: Group, budget: float, rows: Sequence[Row]) -> Row | None:
    """The most accurate of a group on validation images, from the first seed; None without rows.

    Not on test images: those are for what is chosen by others. What keeps to a smaller budget
    keeps to this one, and may be the best here too, since channels come in steps.
    """
    found = [
        row
        for row in rows
        if (row["group"], row["seed"]) == (group, SEEDS[0])
        and row["budget_us"] <= budget
        and row["validation"] is not None
    ]
    return max(found, key=lambda row: float(row["validation"])) if found else None
