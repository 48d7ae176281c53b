"""What the recipes of docs/recipes.md would cost on named GPUs: computed, not measured.

Multiplications and memory traffic are counted over a real step, operation by operation. Both are
divided by a share of what the GPU's data sheet says (harness/step_cost.py), and added; what
starting the operations takes counts where it is more. Reading images is not in it: it is the
processor's work, and measured by recipes.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from harness.recipe_steps import STAGES, Stage, batch_size, stepper
from harness.recipes import RECIPES, Recipe
from harness.report import Cell, Check, read_options, report
from harness.step_cost import GPUS, Gpu, StepCost, step_cost

from barsctl.batches import Batch
from barsctl.data.augment import Augmentation
from barsctl.data.dataset import Dataset
from barsctl.data.source import Images
from barsctl.evaluate import Tally
from space.counts import total_counts
from space.search_space import SearchSpace

TRAINING_SHARE = 0.9
"""Of the images; the others are for validation."""
LARGEST_DIFFERENCE = 0.01
"""Of two counts of multiplications: the stem passes no gradient on to the image."""
MOST_IMAGES = 4


@dataclass(frozen=True, slots=True)
class Cost:
    """A stage's step, how many there are of it, and the images of each."""

    stage: Stage
    step: StepCost
    steps: int
    batch_size: int

    def hours(self, gpu: Gpu) -> float:
        """Hours of all steps."""
        return self.steps * self.step.seconds(gpu, images=self.batch_size) / 3600


def main() -> None:
    """Count the steps of all recipes and report what they take."""
    options = read_options(__doc__)
    torch.set_num_threads(1)
    rows: list[dict[str, Cell]] = []
    checks = []
    for name in ("bars-cifar",) if options.quick else RECIPES:
        recipe = RECIPES[name]
        costs = [cost(recipe, stage) for stage in STAGES]
        rows += [row(name, each) for each in costs]
        rows.append({"recipe": name, "stage": "all", **hours(costs)})
        teacher = next(each.step for each in costs if each.stage == "teacher")
        checks.append(
            Check(f"{name}, teacher: MACs of torch against space/counts.py, difference as a share",
                  abs(teacher.macs / trained_macs(recipe) - 1), at_most=LARGEST_DIFFERENCE)
        )  # fmt: skip
    report("recipe_costs", rows, checks, options)


def cost(recipe: Recipe, stage: Stage) -> Cost:
    """Count a stage's step, and how many the recipe has of it."""
    batch = made_up_batch(recipe.space)
    dataset = made_up_dataset(recipe.space)
    step = stepper(recipe, stage, dataset, torch.device("cpu"), first=batch)
    counted = step_cost(
        lambda images: step(Batch(batch.pixels[:images], batch.labels[:images]), Tally())
    )
    return Cost(stage, counted, steps(recipe, stage), batch_size(recipe, stage))


def steps(recipe: Recipe, stage: Stage) -> int:
    """How many steps of a stage a recipe has; both halves of the images are drawn in turn."""
    search = recipe.search
    images = int(TRAINING_SHARE * recipe.images)
    match stage:
        case "weights":
            epochs, images = search.epochs, images // 2
        case "architecture":
            epochs, images = search.epochs - search.warmup_epochs, images // 2
        case "teacher" | "train":
            epochs = recipe.train.epochs
    return epochs * (images // batch_size(recipe, stage))


def trained_macs(recipe: Recipe) -> float:
    """Of an image in a step of the recipe's network: backward twice as many as forward."""
    counted = total_counts(recipe.network().blocks)
    return 3.0 * (counted.binary_macs + counted.float_macs)


def row(recipe: str, cost: Cost) -> dict[str, Cell]:
    """A stage's row; GMACs and MB are per image."""
    return {
        "recipe": recipe,
        "stage": cost.stage,
        "batch": cost.batch_size,
        "steps": cost.steps,
        "gmacs": cost.step.macs / 1e9,
        "moved_mb": cost.step.moved_bytes / 1e6,
        "kept_mb": cost.step.kept_bytes / 1e6,
        "operations": cost.step.operations,
        **hours([cost]),
    }


def hours(costs: Sequence[Cost]) -> dict[str, Cell]:
    """What stages take together on each GPU."""
    return {f"hours, {gpu.name}": sum(each.hours(gpu) for each in costs) for gpu in GPUS}


def made_up_batch(space: SearchSpace) -> Batch:
    """Pixels of no matter what value."""
    shape = (MOST_IMAGES, space.image_size, space.image_size, space.image_channels)
    pixels = torch.zeros(shape, dtype=torch.uint8).permute(0, 3, 1, 2)
    return Batch(pixels, torch.arange(MOST_IMAGES) % space.classes)


def made_up_dataset(space: SearchSpace) -> Dataset:
    """What a network has to know of its images, and one that nobody looks at."""
    shape = (1, space.image_size, space.image_size, space.image_channels)
    one = Images(np.zeros(shape, np.uint8), np.zeros(1, np.int64))
    pixels = (120.0,) * space.image_channels, (60.0,) * space.image_channels
    classes = tuple(map(str, range(space.classes)))
    return Dataset("made up", classes, one, one, one, *pixels, Augmentation())


if __name__ == "__main__":
    main()
