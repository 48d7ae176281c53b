import numpy as np

from targets.measuring.samples import ENOUGH, Samples, are_enough, undisturbed


def samples(times: list[float], references: list[float] | None = None) -> Samples:
    return Samples(np.array(times), np.array(references or [100.0] * len(times)))


def test_samples_beside_a_slow_reference_are_left_out() -> None:
    # The reference took 8 % longer once, and nearly twice as long when the core was shared.
    found = samples([10.0, 10.1, 15.0, 16.0], [100, 108, 190, 185])
    assert undisturbed(found, fastest=100).tolist() == [10.0, 10.1]


def test_samples_beside_a_neighbour_are_left_out() -> None:
    # The fast quarter ends at 10.2 of these 9: more than 11.22 is disturbed.
    found = samples([15, 10.0, 10.1, 10.2, 11.0, 11.2, 11.3, 14, 16])
    assert undisturbed(found, fastest=100).tolist() == [10.0, 10.1, 10.2, 11.0, 11.2]


def test_samples_at_a_new_clock_count_where_there_are_no_others() -> None:
    found = samples([12.0, 12.1], [120, 121])
    assert undisturbed(found, fastest=100).tolist() == [12.0, 12.1]
    assert not are_enough(samples([12.0] * ENOUGH, [120.0] * ENOUGH), fastest=100)


def test_more_are_taken_until_enough_count() -> None:
    few = samples([10.0] * (ENOUGH - 1))
    assert not are_enough(few, fastest=100)
    assert are_enough(few.with_others(samples([10.5])), fastest=100)
    assert not are_enough(few.with_others(samples([12.0])), fastest=100)
    assert not are_enough(few.with_others(samples([10.5], [200.0])), fastest=100)
