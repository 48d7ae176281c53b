import numpy as np
import pytest

from space.graph import Value
from targets.errors import TargetError
from targets.trace import traced_values
from targets.verify import (
    Difference,
    Verification,
    canonical_values,
    different_images,
    first_difference,
)
from tests.example_graphs import EXAMPLE_GRAPHS

STEM, BITS, LAST = Value("stem", "inner"), Value("stem", "inner_sign0"), Value("last", "inner")


def test_first_layer_in_order_is_named() -> None:
    found = {STEM: np.zeros((2, 2, 3), int), LAST: np.full((1, 1, 3), 7)}
    wanted = {LAST: np.full((1, 1, 3), 8), STEM: np.zeros((2, 2, 3), int)}
    difference = first_difference(found, wanted)
    assert difference == Difference(LAST, (0, 0, 0), found=7, expected=8)
    wanted[STEM][1, 0, 2] = 5
    difference = first_difference(found, wanted)
    assert str(difference) == "stem.inner[1, 0, 2] is 0, the reference says 5"


def test_tensors_that_the_reference_lacks_are_passed_over() -> None:
    assert first_difference({STEM: np.ones((1, 1, 1), int)}, {}) is None


def test_images_with_any_other_logit_differ() -> None:
    found = np.array([[1, 2], [3, 4], [5, 6]])
    assert different_images(found, found.copy()) == ()
    assert different_images(found, np.array([[1, 2], [3, 5], [0, 6]])) == (1, 2)
    with pytest.raises(TargetError, match=r"shape \(3, 2\) against \(3, 1\): these are two"):
        different_images(found, found[:, :1])


def test_tensors_of_other_shapes_are_refused() -> None:
    with pytest.raises(TargetError, match=r"stem.inner has shape \(1, 1, 1\), the reference's"):
        first_difference({STEM: np.ones((1, 1, 1), int)}, {STEM: np.ones((1, 1, 2), int)})


def test_memory_layouts_are_taken_off() -> None:
    graph = EXAMPLE_GRAPHS["one-pixel"]()  # of one channel, and 33 in "conv"
    trace = {
        traced.file: np.zeros(traced.argument.shape, traced.argument.dtype)
        for traced in traced_values(graph)
    }
    trace["000.stem.inner.npy"][..., 0] = -3
    trace["001.conv.inner_sign0.npy"][..., 1] = 1
    found = canonical_values(graph, trace)
    assert found[STEM].tolist() == [[[-3]]]
    assert found[BITS].tolist() == [[[1]]]
    assert found[Value("conv", "inner_sign0")].tolist() == [[[1] * 32 + [-1]]]


def test_result_is_told_in_one_line() -> None:
    difference = Difference(STEM, (1, 2, 3), found=4, expected=5)
    assert str(Verification(9, (), None)) == "every logit of 9 images is equal"
    assert str(Verification(9, (2, 3), difference)) == (
        "2 of 9 images differ; first difference: stem.inner[1, 2, 3] is 4, the reference says 5"
    )
    assert "runs depend on earlier ones" in str(Verification(9, (2,), None))
