"""The front as a picture: accuracy over cost, every judged network and those that none beats."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from space.atomic import write_atomically

Spot = tuple[float, float]
"""(cost, accuracy) of a network."""


def write_front_plot(
    path: Path,
    judged: Sequence[Spot],
    front: Sequence[Spot],
    *,
    cost_label: str,
    format_cost: Callable[[float], str],
) -> None:
    """Write an SVG with the front, by rising cost, in front of all networks that were judged."""
    # Text stays text, and equal fronts are equal files.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "barsctl"}):
        figure = Figure(figsize=(6.4, 4.0), layout="constrained")
        axes = figure.add_subplot()
        axes.scatter(*_columns(judged), s=12, color="0.7", label="judged")
        axes.plot(*_columns(front), drawstyle="steps-post", color="C0")
        axes.scatter(*_columns(front), s=24, color="C0", label="best for its cost", zorder=3)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: format_cost(cost)))
        axes.set_xlabel(cost_label)
        axes.set_ylabel("accuracy with shared weights (%)")
        axes.grid(visible=True, alpha=0.2)
        axes.legend(loc="lower right")
        content = BytesIO()
        figure.savefig(content, format="svg", metadata={"Date": None})
    write_atomically(path, content.getvalue())


def _columns(spots: Sequence[Spot]) -> tuple[list[float], list[float]]:
    return [cost for cost, _ in spots], [100 * accuracy for _, accuracy in spots]
