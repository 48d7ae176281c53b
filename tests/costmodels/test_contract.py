"""The contract's check tells what a broken model breaks."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import pytest

from costmodels.contract import check_cost_model
from space.blocks import Block
from tests.example_spaces import TINY


@dataclass(frozen=True)
class Model:
    price: Callable[[Block], float]
    name: str = "model"
    unit: str = "units"

    def cost(self, block: Block) -> float:
        return self.price(block)


COUNTER = count()


def failing(block: Block) -> float:
    raise KeyError(type(block).__name__)


@pytest.mark.parametrize(
    ("model", "problem"),
    [
        (Model(lambda _: math.nan), "is nan; must be finite and not negative"),
        (Model(lambda _: -1.0), "is -1.0; must be finite and not negative"),
        (Model(lambda _: next(COUNTER)), "must be the same each time"),
        (Model(failing), "fails (KeyError: 'Conv')"),
        (Model(lambda _: 1.0, name=""), "name is ''; must be a word"),
        (Model(lambda _: 1.0, name="a@b"), "a budget is written NAME=NUMBER"),
        (Model(lambda _: 1.0, unit=""), "unit is ''; must be a word"),
    ],
)
def test_broken_model_is_told_in_words(model: Model, problem: str) -> None:
    problems = check_cost_model(model, spaces=[TINY])
    assert problem in problems[0]


def test_costs_must_follow_from_what_a_block_is() -> None:
    """This one prices an object, not what it describes: equal blocks cost differently."""
    known: dict[int, float] = {}
    kept = []

    def price(block: Block) -> float:
        kept.append(block)
        return known.setdefault(id(block), float(len(known)))

    problems = check_cost_model(Model(price), spaces=[TINY])
    assert "by its blocks and" in problems[0]


def test_sound_model_has_no_problems() -> None:
    assert check_cost_model(Model(lambda _: 1.0), spaces=[TINY]) == ()
