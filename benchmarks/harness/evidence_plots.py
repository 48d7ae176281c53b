"""The plots of the evidence."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from space.atomic import write_atomically

from .evidence_matrix import Row

COLOURS = {"searched": "C3", "reference": "C0", "uniform": "C2", "random": "0.7"}


def write_budget_plot(rows: Sequence[Row], path: Path) -> None:
    """Test accuracy over latency, a dot per trained network; hollow where it is predicted."""
    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.add_subplot()
    for group, colour in COLOURS.items():
        found = [row for row in rows if row["group"] == group]
        if found:
            measured = [row["measured_us"] for row in found]
            axes.scatter(
                [
                    row["predicted_us"] if each is None else each
                    for row, each in zip(found, measured, strict=True)
                ],
                [100 * row["test"] for row in found],
                facecolors=["none" if each is None else colour for each in measured],
                s=16, edgecolors=colour, label=group, zorder=1 if group == "random" else 2,
            )  # fmt: skip
    axes.set_xlabel("latency (us); hollow: predicted, not measured yet")
    axes.set_ylabel("test accuracy (%)")
    axes.grid(visible=True, alpha=0.2)
    axes.legend(loc="lower right")
    _write(figure, path)


def write_rank_plot(pairs: Sequence[tuple[float, float]], path: Path) -> None:
    """Trained over shared accuracy, a dot per derived candidate."""
    figure = Figure(figsize=(4.0, 4.0), layout="constrained")
    axes = figure.add_subplot()
    axes.scatter([shared for shared, _ in pairs], [test for _, test in pairs], s=16, color="C3")
    axes.set_xlabel("accuracy with shared weights (%)")
    axes.set_ylabel("test accuracy when trained (%)")
    axes.grid(visible=True, alpha=0.2)
    _write(figure, path)


def _write(figure: Figure, path: Path) -> None:
    # Text stays text, and equal plots are equal files.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "barsctl"}):
        content = BytesIO()
        figure.savefig(content, format="svg", metadata={"Date": None})
    write_atomically(path, content.getvalue())
