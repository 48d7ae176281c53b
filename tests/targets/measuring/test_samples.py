import numpy as np

from targets.measuring.samples import is_calm, steady, undisturbed


def test_samples_at_another_clock_are_left_out() -> None:
    # The reference took 4 % longer once, and twice as long when the clock had halved.
    times, references = np.array([10.0, 10.1, 20.0, 20.2]), np.array([100, 104, 200, 201.0])
    assert steady(times, references).tolist() == [10.0, 10.1]


def test_samples_beside_a_neighbour_are_left_out() -> None:
    # The fast quarter ends at 10.2 of these 9: more than 11.22 is disturbed.
    times = np.array([15, 10.0, 10.1, 10.2, 11.0, 11.2, 11.3, 14, 16])
    assert undisturbed(times).tolist() == [10.0, 10.1, 10.2, 11.0, 11.2]


def test_most_samples_of_a_calm_time_count() -> None:
    assert is_calm(np.array([10.0, 10.0, 10.5, 10.9, 13.0]))
    assert not is_calm(np.array([10.0, 10.0, 13.0, 13.0, 13.0]))


def test_one_sample_counts() -> None:
    assert undisturbed(np.array([3.0])).tolist() == [3.0]
    assert steady(np.array([3.0]), np.array([1.0])).tolist() == [3.0]
