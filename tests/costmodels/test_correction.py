"""Corrections of sums by whole networks: exact cases, and too few networks."""

import pytest

from costmodels.correction import Correction, WholeNetwork, fit_correction
from costmodels.errors import CostError


def test_what_sums_lack_is_found() -> None:
    # 1.25 times the sum, and half a microsecond for each kernel.
    sizes = [(8.0, 3), (20.0, 5), (12.0, 9), (40.0, 4)]
    networks = [WholeNetwork(1.25 * each + 0.5 * kernels, each, kernels) for each, kernels in sizes]
    found = fit_correction(networks)
    assert found.scale == pytest.approx(1.25)
    assert found.overhead == pytest.approx(0.5)
    assert found.networks == 4
    assert found.held_out_error == pytest.approx(0, abs=1e-9)
    assert found.kernel_cost(10.0) == pytest.approx(13.0)


def test_kernels_never_cost_less_by_being_called() -> None:
    networks = [WholeNetwork(each - 0.1 * n, each, n) for each, n in [(8.0, 3), (9.0, 6), (7.0, 2)]]
    assert fit_correction(networks).overhead == 0


def test_error_is_of_networks_held_out() -> None:
    # Two agree, and the third costs twice what they say: each error is of the other two's scale.
    networks = [WholeNetwork(1.0, 1.0, 0), WholeNetwork(1.0, 1.0, 0), WholeNetwork(2.0, 1.0, 0)]
    # The scale that fits 1/1 and 1/2 is (1 + 1/2) / (1 + 1/4) = 6/5; errors 1/5, 1/5 and -1/2.
    found = fit_correction(networks)
    assert found.held_out_error == pytest.approx(((0.04 + 0.04 + 0.25) / 3) ** 0.5)


def test_too_few_networks_are_refused() -> None:
    with pytest.raises(CostError, match=r"2 networks measured whole; .* at least 3: calibrate"):
        fit_correction([WholeNetwork(1.0, 1.0, 1)] * 2)


def test_nonsense_is_refused() -> None:
    with pytest.raises(CostError, match="scale must be above 0"):
        Correction(scale=0.0, overhead=0.0, networks=3, held_out_error=0.1)
    with pytest.raises(CostError, match=r"scale .* at most 1000"):
        Correction(scale=1e308, overhead=0.0, networks=3, held_out_error=0.1)
    with pytest.raises(CostError, match=r"overhead from 0 to 1e\+15"):
        Correction(scale=1.0, overhead=float("inf"), networks=3, held_out_error=0.1)
