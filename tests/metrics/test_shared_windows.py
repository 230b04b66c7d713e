"""Series without gaps are worked on by a shorter way: nobody may tell by the values."""

import numpy as np
import pytest

from metrics.promql import rates
from metrics.promql.windows import SharedWindows

SERIES, ROWS, STEPS = 700, 90, 37


def windows(seed: int) -> SharedWindows:
    """Counters with resets, holes of NaN and infinities, and windows of every length from 0 on."""
    chance = np.random.default_rng(seed)
    values = chance.poisson(2.0, (SERIES, ROWS)).cumsum(axis=1).astype(float)
    values += chance.choice([0.0, 1e9, -5.0], (SERIES, 1))
    for row in range(0, SERIES, 3):
        values[row, chance.integers(1, ROWS) :] -= values[row, 0]
    values[chance.random((SERIES, ROWS)) < 0.002] = np.nan
    values[chance.random((SERIES, ROWS)) < 0.001] = np.inf
    at = np.cumsum(chance.integers(900, 1100, ROWS)).astype(np.int64)
    range_ms = int(chance.integers(500, 40_000))
    ends = np.sort(chance.integers(-2000, int(at[-1]) + 9000, STEPS)).astype(np.int64)
    first = np.searchsorted(at, ends - range_ms, side="right")
    last = np.searchsorted(at, ends, side="right")
    return SharedWindows(values, at, first, last, ends, range_ms, ends)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(
    ("shared", "flat"),
    [
        (rates.shared_rate, rates.rate),
        (rates.shared_increase, rates.increase),
        (rates.shared_delta, rates.delta),
    ],
)
def test_rates_of_shared_windows_are_those_of_the_same_windows_series_by_series(
    seed: int, shared: object, flat: object
) -> None:
    assert callable(shared)
    assert callable(flat)
    given = windows(seed)
    with np.errstate(all="ignore"):
        values, present = shared(given)
        expected, expected_present = flat(given.flat())
    assert np.array_equal(present, expected_present)
    assert present.any()
    np.testing.assert_allclose(values[present], expected[present], rtol=1e-12, atol=0)
