"""Cost models of other distributions, found by the entry point group `barsctl.cost_models`.

An entry point's name is what a budget limits; it leads to a CostModel, or to something that gives
one when it is called without arguments.
"""

import math
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from space.blocks import Block

from .errors import CostError
from .protocol import CostModel

GROUP = "barsctl.cost_models"


def plugin_points(own_names: tuple[str, ...]) -> dict[str, EntryPoint]:
    """What is installed, by name; nothing of it is imported yet.

    Raises CostError where a name is one of our own, or two distributions have it.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=GROUP):
        if point.name in own_names:
            raise CostError(
                f"{_described(point)}: barsctl has a cost of that name; rename the entry point, "
                "or uninstall the distribution"
            )
        if point.name in found and point.value != found[point.name].value:
            raise CostError(
                f"{_described(point)}: {_described(found[point.name])} has that name too; "
                "uninstall one of the distributions"
            )
        found[point.name] = point
    return found


def _described(point: EntryPoint) -> str:
    owner = "" if point.dist is None else f" of {point.dist.name}"
    return f"cost model {point.name!r}{owner} ({point.value})"


@dataclass(frozen=True, slots=True)
class PluginModel:
    """A cost model from elsewhere: what goes wrong in it is told as its own mistake."""

    model: CostModel
    description: str

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def unit(self) -> str:
        return self.model.unit

    def cost(self, block: Block) -> float:
        """Raises CostError where the model fails, or says what is no cost."""
        try:
            cost = float(self.model.cost(block))
        except Exception as error:
            raise CostError(
                f"{self.description} fails on {block} ({type(error).__name__}: {error}); "
                "it must price every block of the space"
            ) from error
        if not 0 <= cost < math.inf:
            raise CostError(
                f"{self.description} says {cost} for {block}; "
                "a cost must be finite and not negative: correct the model"
            )
        return cost


def load_plugin(point: EntryPoint) -> PluginModel:
    """The cost model of an entry point. Raises CostError where it gives none of that name."""
    description = _described(point)
    try:
        found = point.load()
        if isinstance(found, type) or not isinstance(found, CostModel):
            found = found()
    except Exception as error:
        raise CostError(
            f"{description} cannot be loaded ({type(error).__name__}: {error}); "
            "repair or uninstall its distribution"
        ) from error
    if not isinstance(found, CostModel):
        raise CostError(
            f"{description} gives {type(found).__name__}, which is no cost model; "
            "it needs name, unit and cost(block)"
        )
    if found.name != point.name:
        raise CostError(
            f"{description} calls itself {found.name!r}; "
            "a model and its entry point must have one name: rename one of them"
        )
    return PluginModel(found, description)
