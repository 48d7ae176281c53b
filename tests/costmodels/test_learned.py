"""The learned cost model: what it recovers, what it predicts, and which kernels it asks for."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from barsctl.profile import space_specs
from costmodels.errors import CostError
from costmodels.kernel_work import NOMINAL
from costmodels.learned import (
    LEAST_KERNELS,
    WorkModel,
    fit_kernel_model,
    held_out_errors,
    spread_sample,
)
from space.blocks import BinaryConv, Classifier, Epilogue, Sum
from space.presets import named_space
from targets.kernel_specs import KernelSpec
from targets.vector_unit import AVX2, AVX512, NEON_ARMV7, NEON_ARMV8

DATA = Path(__file__).parent.parent / "data" / "kernel-costs.json"
UNITS = {"host": AVX512, "x86-64-v3": AVX2, "aarch64": NEON_ARMV8, "armv7": NEON_ARMV7}
CLASSIFIER = KernelSpec(Classifier((16, 16), classes=10, in_size=7))


def specs_of(name: str) -> tuple[KernelSpec, ...]:
    return space_specs([named_space(name)])


def real_costs(space: str, processor: str) -> dict[KernelSpec, float]:
    """Of all kernels of a space, measured or counted; the file says how."""
    stored = json.loads(DATA.read_text())
    column = stored["columns"].index(processor)
    return {spec: stored["kernels"][spec.key][column] for spec in specs_of(space)}


def made_costs(specs: Iterable[KernelSpec], **factors: float) -> dict[KernelSpec, float]:
    """Three times the nominal prices, some of them times a factor."""
    prices = {name: 3 * price * factors.get(name, 1) for name, price in NOMINAL.items()}
    model = WorkModel(NEON_ARMV8, prices)
    return {spec: model.predict(spec) for spec in specs}


@pytest.mark.parametrize("space", ["demo", "fashion"])
@pytest.mark.parametrize("processor", UNITS)
def test_a_quarter_of_the_kernels_predicts_the_others(space: str, processor: str) -> None:
    costs, unit = real_costs(space, processor), UNITS[processor]
    sample = spread_sample(tuple(costs), len(costs) // 4, unit=unit)
    model = fit_kernel_model({spec: costs[spec] for spec in sample}, unit)
    left = set(costs) - set(sample)
    close = sum(abs(model.predict(spec) / costs[spec] - 1) <= 0.1 for spec in left)
    assert len(sample) == len(costs) // 4
    assert close >= 0.85 * len(left)


def test_nominal_prices_are_recovered_exactly() -> None:
    costs = made_costs(specs_of("demo"))
    model = fit_kernel_model({spec: costs[spec] for spec in list(costs)[:25]}, NEON_ARMV8)
    assert [model.predict(spec) for spec in costs] == pytest.approx(list(costs.values()), rel=1e-9)


def test_other_prices_are_recovered() -> None:
    costs = made_costs(specs_of("demo"), counted_sixteens=4, added_signs=3, pooled_windows=0.5)
    model = fit_kernel_model(costs, NEON_ARMV8)
    assert [model.predict(spec) for spec in costs] == pytest.approx(list(costs.values()), rel=0.02)


def test_work_that_no_kernel_did_has_its_nominal_price() -> None:
    specs = [spec for spec in specs_of("demo") if not isinstance(spec.block, Classifier)]
    model = fit_kernel_model(made_costs(specs), NEON_ARMV8)
    assert model.predict(CLASSIFIER) == pytest.approx(made_costs([CLASSIFIER])[CLASSIFIER])


@pytest.mark.parametrize("processor", UNITS)
def test_larger_kernels_cost_more(processor: str) -> None:
    model = fit_kernel_model(real_costs("demo", processor), UNITS[processor])

    def conv(channels: int, size: int) -> float:
        epilogue = Epilogue("prelu", shortcuts=1, inner_signs=1)
        return model.predict(KernelSpec(BinaryConv((channels,), channels, 3, 1, size, epilogue)))

    def added(channels: int, size: int) -> float:
        return model.predict(KernelSpec(Sum(channels, size, Epilogue(shortcuts=2))))

    for costs in (conv, added):
        assert 0 < costs(32, 7) < costs(64, 7) < costs(128, 7) < costs(512, 7)
        assert 0 < costs(32, 7) < costs(32, 14) < costs(32, 56)


def test_a_disturbed_measurement_pulls_little() -> None:
    costs = made_costs(specs_of("demo"))
    disturbed = costs | {next(iter(costs)): 100 * max(costs.values())}
    model = fit_kernel_model(disturbed, NEON_ARMV8)
    ratios = [model.predict(spec) / cost for spec, cost in costs.items()]
    assert np.median(np.abs(np.array(ratios) - 1)) < 0.02


def test_held_out_errors_name_the_row_that_fits_no_model() -> None:
    costs = made_costs(specs_of("demo"))
    assert np.abs(held_out_errors(costs, NEON_ARMV8)).max() < 1e-9
    odd = list(costs)[40]
    errors = held_out_errors(costs | {odd: costs[odd] * 2}, NEON_ARMV8)
    assert errors.shape == (len(costs),)
    assert np.abs(errors).argmax() == 40
    assert errors[40] == pytest.approx(-0.5, abs=0.01)


def test_a_sample_is_of_every_kind_and_in_order() -> None:
    specs = specs_of("fashion")
    sample = spread_sample(specs, 39, unit=NEON_ARMV8)
    assert sample == tuple(spec for spec in specs if spec in set(sample))
    assert {type(spec.block) for spec in sample} == {type(spec.block) for spec in specs}


def test_a_sample_asks_for_no_kernel_twice() -> None:
    specs = specs_of("demo")
    assert spread_sample(specs * 2, 26, unit=AVX512) == spread_sample(specs, 26, unit=AVX512)


def test_a_larger_sample_holds_the_smaller_one() -> None:
    specs = specs_of("fashion")
    assert set(spread_sample(specs, 39, unit=AVX2)) < set(spread_sample(specs, 60, unit=AVX2))


def test_few_kernels_are_all_measured() -> None:
    specs = specs_of("demo")[:5]
    assert spread_sample(specs, 60, unit=AVX512) == specs


def test_too_small_a_sample_is_refused() -> None:
    with pytest.raises(CostError, match=r"19 of 106 kernels are too few .* at least 20"):
        spread_sample(specs_of("demo"), LEAST_KERNELS - 1, unit=AVX512)


@pytest.mark.parametrize("cost", [0.0, -1.0, float("nan"), float("inf")])
def test_costs_that_are_not_positive_are_refused(cost: float) -> None:
    with pytest.raises(CostError, match=r"classifier.* costs .*must be positive"):
        fit_kernel_model({CLASSIFIER: cost}, AVX512)


def test_too_few_costs_are_refused() -> None:
    with pytest.raises(CostError, match="0 kernels' costs: a model needs 1"):
        fit_kernel_model({}, AVX512)
    with pytest.raises(CostError, match="1 kernels' costs: a model needs 2"):
        held_out_errors({CLASSIFIER: 1.0}, AVX512)
