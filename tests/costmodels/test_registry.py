"""What every cost model keeps to, registered or read from a table."""

from dataclasses import replace

import numpy as np
import pytest

from costmodels.contract import check_cost_model
from costmodels.latency_table import LatencyTable
from costmodels.protocol import CostModel, network_cost, term_costs
from costmodels.registry import COST_MODELS
from space.blocks import BinaryConv, Classifier, Conv, Epilogue
from space.cost_terms import cost_terms
from space.decode import decode
from space.genotype import random_genotype
from space.search_space import SearchSpace
from targets.kernel_specs import kernel_specs
from tests.example_spaces import EXAMPLE_SPACES, SMALL
from tests.example_tables import table_of


def latency_of(space: SearchSpace) -> LatencyTable:
    """A table whose medians are 1, 2, 3, ... us, wider blocks slower."""
    blocks = dict.fromkeys(term.block for term in cost_terms(space))
    specs = dict.fromkeys(
        spec
        for block in sorted(blocks, key=lambda block: block.out_channels)
        for spec in kernel_specs(block)
    )
    return table_of({spec: float(us) for us, spec in enumerate(specs, start=1)})


SPACE_NAMES = ("node-cell-1-three-stages", "edge-kind-3-one-stage")
PRICED = [
    pytest.param(model, EXAMPLE_SPACES[name], id=f"{model.name}-{name}")
    for name in SPACE_NAMES
    for model in (*COST_MODELS.values(), latency_of(EXAMPLE_SPACES[name]))
]
every_model = pytest.mark.parametrize(("model", "space"), PRICED)


@pytest.mark.parametrize("name", COST_MODELS)
def test_name_is_the_registered_one(name: str) -> None:
    assert COST_MODELS[name].name == name
    assert COST_MODELS[name].unit


@every_model
def test_every_model_keeps_the_contract(model: CostModel, space: SearchSpace) -> None:
    assert check_cost_model(model, spaces=[space]) == ()


@pytest.mark.parametrize("name", COST_MODELS)
def test_nothing_costs_nothing(name: str) -> None:
    assert network_cost(COST_MODELS[name], ()) == 0


@every_model
def test_wider_networks_cost_more(model: CostModel, space: SearchSpace) -> None:
    depths = tuple(stage.max_cells for stage in space.stages)
    genotype = replace(random_genotype(space, np.random.default_rng(0)), depths=depths)
    narrow, wide = (
        network_cost(model, decode(replace(genotype, widths=widths)).blocks)
        for widths in ((0.5,) * len(space.stages), (1.0,) * len(space.stages))
    )
    assert narrow < wide


@pytest.mark.parametrize(
    ("name", "binary", "stem", "classifier"),
    [
        # 24 x 9 x 32 = 6912 weights at 16 pixels; 3 x 25 x 8 = 600 at 196; 64 x 10 = 640 at one.
        ("bops", 6912 * 16, 0, 0),
        ("flops", 0, 600 * 196, 640),
        ("ops", 6912 * 16 / 64, 600 * 196, 640),
        ("params", 6912, 600, 640),
        ("size", 6912 / 8, 600, 640),
    ],
)
def test_analytic_costs_by_hand(name: str, binary: float, stem: float, classifier: float) -> None:
    model = COST_MODELS[name]
    assert model.cost(BinaryConv((8, 16), 32, 3, 2, 8, Epilogue())) == binary
    assert model.cost(Conv(3, 8, 5, 2, 28, image=True, epilogue=Epilogue())) == stem
    assert model.cost(Classifier((32, 32), 10, 7)) == classifier


def test_equal_blocks_are_priced_once() -> None:
    terms = cost_terms(SMALL)
    asked = []

    class Counting:
        name = "counting"
        unit = "blocks"

        def cost(self, block: object) -> float:
            asked.append(block)
            return 1.0

    assert term_costs(Counting(), terms).tolist() == [1.0] * len(terms)
    assert len(asked) == len({term.block for term in terms})
