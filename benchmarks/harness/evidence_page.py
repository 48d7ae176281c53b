"""docs/results/search.md, made from the rows: tables, plots, and what is missing."""

import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from space.atomic import write_atomically

from .evidence_figures import candidate_pairs, checks, promise_correlation, random_tests
from .evidence_matrix import (
    BUDGETS_US,
    FIRST_SEARCHED,
    MIDDLE_US,
    REAL_WEIGHT_EPOCHS,
    Cell,
    Group,
    Row,
    best_row,
)
from .evidence_plots import write_budget_plot, write_rank_plot
from .evidence_searches import COMPARED, TRIALS, is_current, search_settings

INTRODUCTION = """# Is the search worth its time?

`python benchmarks/evidence.py --json FILE --check` trains what is missing of a matrix of networks,
appends each to [search.jsonl](search.jsonl) as it ends, and makes this page. It may be killed and
started again at any time, also several times side by side.

The whole of Fashion-MNIST, the space `fashion-small`, one recipe for all: {epochs} epochs of AdamW
on 54 000 images. Latencies are of one thread of the processor that
[search-table.jsonl](search-table.jsonl) was measured on, an
{measured_on}.
References and uniform designs are the widest of their kind that this table, corrected by networks
measured whole, predicts within the budget; searches had the budget less twice its error. (The
kernels of the space's 1x1 convolutions and 3x3 stem were added on a later day, each the fastest of
three measurements.) What was asked at equal latency counts once all networks that are compared are
measured, and is told as the table predicts until then. Networks are measured in turns with the best
reference of each budget and the best uniform design, and what these take longer than on the day of
the table is taken off: shared machines are slower on some days. As channels come in steps, each
budget is just above what its best reference takes, and the best reference of a smaller budget is
the opponent under a larger one too where it is more accurate. What was chosen among several was
chosen on the 6 000 validation images, from the first seed, and searched networks from each of
theirs; but how trials rank was designed on the accuracies of other networks, test images among
them. Uniform designs have 3x3 convolutions; a `mixed-chain` takes 1x1 and 3x3 ones by turns. Of a
reference, a `strided` stem is 5x5; the space's is 3x3. No latency is told where none was measured
yet. Accuracies are on the 10 000 test images, of the epoch that was best on validation images. What
the same recipe and seed had trained for another cell was not trained again. Trained on: {machines}.

A searched network is that of `search --sampling one --epochs {search.epochs} --warmup-epochs
{search.warmup_epochs} --architecture-learning-rate {search.architecture_learning_rate:g}
--entropy {search.entropy_weight:g} --refine-epochs {search.refine_epochs}`, so of an architecture
that moves slowly and has no press for decisions, and of `derive --candidates {compared} --trials
{trials}`, which trains the best of them by this recipe, and derives the one that is best on
validation images: see [method.md](../method.md). A search of the topology keeps the widths and
depths of the best uniform design, one of the layout its cells. The search without `trials` trains
the network that shared weights find best, and so do those without another part and the one with a
teacher, which are compared with it: trials would hide what a part of the search does. The one
without `noise` mixes all options (`--sampling softmax`) and so computes no single networks, the
one without the `slow architecture` has the rate and the entropy term of a search's defaults. What
was found on the way to this method is in [search_findings.md](search_findings.md).

Another `recipe` trains the best uniform design with one thing more: its float twin as a teacher,
real weights in the first {real_weight_epochs} of the epochs, labels smoothed by 0.1, or a moving
average of the weights.
"""
TITLES = ("network", "predicted, us", "measured, us", "seeds", "test, %", "each", "made of")


def write_page(
    rows: Sequence[Row], missing: Sequence[Cell], path: Path, *, epochs: int, measured_on: str
) -> None:
    """Write the page, and its plots next to it.

    measured_on: the processor whose latencies the rows have.
    """
    trained = [row for row in rows if row["test"] is not None]
    write_budget_plot(trained, path.with_name("search-budgets.svg"))
    if candidate_pairs(trained):
        write_rank_plot(candidate_pairs(trained), path.with_name("search-ranks.svg"))
    machines = ", ".join(sorted({row["machine"] for row in trained})) or "nothing yet"
    parts = [
        INTRODUCTION.format(
            epochs=epochs,
            machines=machines,
            measured_on=measured_on,
            real_weight_epochs=REAL_WEIGHT_EPOCHS,
            search=search_settings(FIRST_SEARCHED),
            compared=COMPARED,
            trials=TRIALS,
        ),
        *_figures(rows),
        *_budgets(trained),
        *_middle(trained),
        *_random(trained),
        *_ranks(trained),
        *_cost(trained),
        *_missing(missing, rows),
    ]
    write_atomically(path, "\n".join(parts))


def _figures(rows: Sequence[Row]) -> Iterator[str]:
    states = {True: "holds", False: "**missed**"}
    lines = []
    for each, predicted in zip(checks(rows), checks(rows, is_predicted=True), strict=True):
        value, state = each.value, states[each.ok]
        if math.isnan(value):
            value, state = predicted.value, "as predicted, not all measured yet"
        if math.isnan(value):
            state = "not all trained and measured yet"
        lines.append((each.name, _shown(value, 2), f"{each.at_least:g}", state))
    yield from _table("What was asked", ("figure", "found", "at least", ""), lines)
    if not all(map(is_current, rows)):
        yield (
            "Networks of searches that were derived otherwise than searches are now count until "
            "they are made anew; they are named under what is missing.\n"
        )


def _budgets(rows: Sequence[Row]) -> Iterator[str]:
    for budget in BUDGETS_US:
        best = best_row("reference", budget, rows)
        groups: tuple[Group, ...] = ("searched", "reference")
        lines = [
            line
            for group in groups
            for line in _lines(
                row for row in rows
                if row["group"] == group and (row["budget_us"] == budget or _is_again(row, best))
            )
        ]  # fmt: skip
        yield from _table(f"Searched and hand-crafted, {budget:g} us", TITLES, lines)
    yield "![accuracy over measured latency](search-budgets.svg)\n"


def _middle(rows: Sequence[Row]) -> Iterator[str]:
    titled: dict[str, tuple[Group, ...]] = {
        "Uniform designs": ("searched", "uniform"),
        "Searches of a part": ("searched", "topology", "layout"),
        "Searches without trials, and without or with a part more": ("without", "with"),
        "Other recipes": ("uniform", "recipe"),
        "Float networks in onnxruntime": ("searched", "float"),
        "The full-length recipe": ("full",),
    }  # fmt: skip
    for title, groups in titled.items():
        lines = [
            line
            for group in groups
            for line in _lines(
                row for row in rows
                if row["group"] == group and (row["budget_us"] == MIDDLE_US or group == "full")
            )
        ]  # fmt: skip
        yield from _table(f"{title}, {MIDDLE_US:g} us", TITLES, lines)


def _is_again(row: Row, best: Row | None) -> bool:
    """Whether a row is of the best network, from another seed or the same."""
    fields = ("group", "name", "budget_us")
    return best is not None and all(row[field] == best[field] for field in fields)


def _lines(rows: Iterable[Row]) -> list[tuple[str, ...]]:
    """A line per network of a group, over its seeds; the most accurate first."""
    named: dict[tuple[str, float], list[Row]] = {}
    for row in rows:
        named.setdefault((f"{row['group']} {row['name']}", row["budget_us"]), []).append(row)
    ranked = sorted(named.items(), key=lambda pair: -_mean(pair[1], "test"))
    return [
        (
            name.strip(),
            _shown(_mean(found, "predicted_us"), 1),
            _shown(_mean(found, "measured_us"), 1),
            str(len(found)),
            f"{100 * _mean(found, 'test'):.2f}",
            ", ".join(f"{100 * row['test']:.2f}" for row in found) if len(found) > 1 else "",
            _made_of(found),
        )
        for (name, _), found in ranked
    ]


def _made_of(rows: Sequence[Row]) -> str:
    """What the networks of a line are; of several the first one's."""
    first = str(rows[0]["network"])
    is_one = all(row["network"] == first for row in rows)
    return first if is_one else f"seed {rows[0]['seed']}: {first}"


def _mean(rows: Sequence[Row], field: str) -> float:
    values = [row[field] for row in rows if row[field] is not None]
    return statistics.mean(values) if values else math.nan


def _shown(value: float, digits: int) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _random(rows: Sequence[Row]) -> Iterator[str]:
    drawn = sorted(random_tests(rows))
    if drawn:
        yield f"## Random networks, {MIDDLE_US:g} us\n"
        yield (
            f"{len(drawn)} networks that use at least 90 % of the budget: median "
            f"{statistics.median(drawn):.2f} %, from {drawn[0]:.2f} to {drawn[-1]:.2f} %.\n"
        )


def _ranks(rows: Sequence[Row]) -> Iterator[str]:
    count, tau = promise_correlation(rows)
    if count > 1:
        yield "## What foretells a network's accuracy\n"
        yield (
            "What trials go by, the promise of a network, is told before anything is trained: of "
            f"{count} networks\nwithin {MIDDLE_US:g} us (uniform, random, and what a search was "
            "derived to, as far as they are trained),\n"
            f"Kendall's tau with their test accuracies is {tau:.2f}. Its powers were chosen on "
            "accuracies of uniform designs.\n"
        )
    if candidate_pairs(rows):
        yield (
            "Accuracies with shared weights: of the networks that the middle budget's first search "
            "was derived to, which\nwere then trained on their own.\n"
        )
        yield "![trained accuracy over shared](search-ranks.svg)\n"


def _cost(rows: Sequence[Row]) -> Iterator[str]:
    searches = [row for row in rows if row.get("search_images")]
    lines = [
        (
            row["cell"],
            row["machine"],
            str(row["search_seconds"]),
            str(row["search_images"]),
            str(row["train_seconds"]),
        )
        for row in searches
    ]
    titles = ("cell", "machine", "search and derive, s", "images trained on", "training, s")
    yield from _table("What a search costs, seconds of one core", titles, lines)
    if lines:
        yield (
            "With trials the network's training is one of `derive`, in seconds and images too; "
            "what another cell had trained\ntakes no time either. The search's images are those "
            "of its own steps and of trials; judging\n"
            f"{COMPARED} networks by shared weights takes 2048 and 4096 more for each, without "
            "training on them.\nOther work on a machine slows its cores: seconds differ.\n"
        )


def _missing(missing: Sequence[Cell], rows: Sequence[Row]) -> Iterator[str]:
    yield "## What is missing\n"
    if not missing:
        yield "Nothing.\n"
    earlier = {row["cell"]: row["derived_by"] for row in rows if not is_current(row)}
    for cell in missing:
        told = f": above, derived by {earlier[cell.key]}" if cell.key in earlier else ""
        yield f"- `{cell.key}`{told}"
    yield ""


def _table(title: str, titles: Sequence[str], lines: Iterable[Sequence[str]]) -> Iterator[str]:
    """A section with a table; nothing where it has no lines."""
    found = list(lines)
    if found:
        yield f"## {title}\n"
        for cells in (titles, ["---"] * len(titles), *found):
            yield f"| {' | '.join(cells)} |"
        yield ""
