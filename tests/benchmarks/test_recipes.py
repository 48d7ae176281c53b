"""The recipes are those of the page, and their files are what barsctl reads."""

import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from harness.recipe_files import write_cifar, write_imagenet
from harness.recipe_steps import STAGES
from harness.recipes import RECIPES, Recipe
from recipe_costs import cost, steps

from barsctl.budgets import parse_budget
from barsctl.cli import app
from barsctl.data.cifar import load_cifar
from barsctl.data.collection import Request
from barsctl.data.folders import decode
from barsctl.search_settings import SearchSettings
from barsctl.train_settings import TrainSettings
from space.blocks import Conv
from space.counts import counts, total_counts
from tests.example_spaces import SMALL

PAGE = Path(__file__).parents[2] / "docs" / "recipes.md"
SMALL_RECIPE = Recipe(
    replace(SMALL, primitives=("none", "skip", "bconv3x3")), "folder", 1000, "bops=10M",
    SearchSettings(epochs=3, warmup_epochs=1, batch_size=50), TrainSettings(epochs=2),
)  # fmt: skip


def commands() -> list[tuple[str, dict[str, Any]]]:
    """Every command on the page, by name, with its options as barsctl reads them."""
    text = PAGE.read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith("    barsctl ")]
    group = typer.main.get_group(app)
    found = []
    for _, name, *words in map(shlex.split, lines):
        context = group.make_context("barsctl", [name, *words])
        command = group.get_command(context, name)
        assert command is not None
        found.append((name, command.make_context(name, words).params))
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_commands_on_the_page_are_the_recipe(name: str) -> None:
    recipe, found = RECIPES[name], commands()
    (search,) = [each for command, each in found if command == "search" and each["space"] == name]
    (train,) = [
        each for command, each in found
        if command == "train" and each["source"] == str(search["out"])
    ]  # fmt: skip
    assert search["data"] == recipe.data
    assert tuple(search["budget"]) == (parse_budget(recipe.budget),)
    assert train["teacher"] == "float"
    for given, settings in ((search, asdict(recipe.search)), (train, asdict(recipe.train))):
        shared = given.keys() & settings.keys()
        assert {key: given[key] for key in shared} == {key: settings[key] for key in shared}


def test_steps_of_a_stage_are_worked_out() -> None:
    # 900 images to train with, 450 in each half: 9 batches of 50, 7 of 128.
    found = {stage: steps(SMALL_RECIPE, stage) for stage in STAGES}
    assert found == {"weights": 27, "architecture": 18, "teacher": 14, "train": 14}


def test_multiplications_of_a_step_are_the_blocks() -> None:
    blocks = SMALL_RECIPE.network().blocks
    total = total_counts(blocks)
    forward = total.binary_macs + total.float_macs
    stem = sum(counts(block).float_macs for block in blocks if isinstance(block, Conv))
    # Backward twice as many, but for the gradient of the image; the teacher's answers once more.
    assert cost(SMALL_RECIPE, "teacher").step.macs == 3 * forward - stem
    assert cost(SMALL_RECIPE, "train").step.macs == 4 * forward - stem


def test_files_are_as_large_as_real_ones(tmp_path: Path) -> None:
    write_cifar(tmp_path / "cifar")
    collection = load_cifar(Request("cifar10", tmp_path / "cifar", image_size=None))
    assert collection.test is not None
    assert (len(collection.train), len(collection.test)) == (50_000, 10_000)
    assert len(collection.class_names) == 10

    write_imagenet(tmp_path / "imagenet")
    photographs = list((tmp_path / "imagenet" / "train").glob("*/*.JPEG"))
    assert len(photographs) == 2000
    mean_bytes = np.mean([photograph.stat().st_size for photograph in photographs])
    assert mean_bytes == pytest.approx(110_000, rel=0.1)
    assert decode(photographs[0], image_size=224).shape == (224, 224, 3)
