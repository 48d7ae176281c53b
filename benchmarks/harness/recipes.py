"""The recipes of docs/recipes.md as settings; a test holds them against the commands there."""

from dataclasses import dataclass

from barsctl.budgets import parse_budget
from barsctl.data.names import DataName
from barsctl.pricing import hard_budgets
from barsctl.search_settings import SearchSettings
from barsctl.train_settings import TrainSettings
from costmodels.scaled_uniform import widest_uniform
from costmodels.selection import AnyBudget
from space.decode import decode
from space.graph import BlockGraph
from space.presets import named_space
from space.search_space import SearchSpace
from space.uniform import most_cells


@dataclass(frozen=True, slots=True)
class Recipe:
    """A space, its images and settings; images: of the real set, those not for the test."""

    space: SearchSpace
    data: DataName
    images: int
    budget: str
    search: SearchSettings
    train: TrainSettings

    @property
    def budgets(self) -> tuple[AnyBudget, ...]:
        """The recipe's budget, priced."""
        return hard_budgets((parse_budget(self.budget),), self.space, tables=())

    def network(self) -> BlockGraph:
        """A network that a search could find: chains, as wide and deep as the budget allows."""
        space = self.space
        genotype = widest_uniform(space, "chain", self.budgets, depth=most_cells(space))
        assert genotype is not None
        return decode(genotype)


RECIPES = {
    "bars-cifar": Recipe(
        named_space("bars-cifar"), "cifar10", 50_000, "bops=464M",
        SearchSettings(epochs=50, warmup_epochs=10, batch_size=256),
        TrainSettings(epochs=300, real_weight_epochs=100),
    ),
    "bars-imagenet": Recipe(
        named_space("bars-imagenet"), "imagenet", 1_281_167, "bops=1676M",
        SearchSettings(epochs=20, warmup_epochs=4, batch_size=64, learning_rate=2.5e-3),
        TrainSettings(epochs=120, real_weight_epochs=60, learning_rate=2.5e-3),
    ),
}  # fmt: skip
