import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.load.histogram import LatencyHistogram, RecentLatencies, percentile


def test_percentiles_of_the_histogram_keep_three_digits_over_six_decades() -> None:
    rng = random.Random(5)
    values = [10 ** rng.uniform(-4, 2) for _ in range(20_000)]
    histogram = LatencyHistogram()
    for value in values:
        histogram.record(value)
    for percent in (1, 50, 90, 95, 99, 99.9):
        assert histogram.percentile(percent) == pytest.approx(percentile(values, percent), rel=0.0011)
    assert histogram.mean == pytest.approx(sum(values) / len(values))
    assert histogram.percentile(100) == max(values)


def test_an_empty_histogram_has_no_percentile() -> None:
    assert LatencyHistogram().percentile(95) is None
    assert LatencyHistogram().mean is None
    assert percentile([], 95) is None


def test_merging_is_the_same_as_recording_everything_in_one() -> None:
    one, other, whole = LatencyHistogram(), LatencyHistogram(), LatencyHistogram()
    for number in range(1, 200):
        (one if number % 3 else other).record(number / 10)
        whole.record(number / 10)
    one.merge(other)
    assert (one.count, one.maximum) == (whole.count, whole.maximum)
    assert one.percentile(90) == whole.percentile(90)


def test_a_percentile_is_a_value_that_occurred() -> None:
    assert percentile([3, 1, 2, 4], 50) == 2
    assert percentile([3, 1, 2, 4], 51) == 3
    assert percentile([7], 0) == percentile([7], 100) == 7
    assert percentile(range(1, 1001), 99.9) == 999


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=50), st.floats(0, 100))
def test_at_least_so_many_percent_are_not_above_the_percentile(values: list[float], percent: float) -> None:
    found = percentile(values, percent)
    assert found is not None
    assert sum(value <= found for value in values) / len(values) >= percent / 100 - 1e-9


def test_recent_latencies_forget_what_is_older_than_the_window() -> None:
    recent = RecentLatencies(seconds=10)
    recent.record(100.2, 9.0)
    recent.record(105.0, 1.0)
    assert recent.merged(109.9).count == 2
    assert recent.merged(110.5).count == 1
    assert recent.merged(110.5).maximum == 1.0
