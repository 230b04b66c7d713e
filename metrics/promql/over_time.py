"""Range functions that sum up the values of a window: averages, extremes, quantiles, trends."""

from collections.abc import Iterator

import numpy as np

from metrics.promql.frame import Bools
from metrics.promql.label_sets import Indices
from metrics.promql.quantiles import quantile_of
from metrics.promql.sums import reduced, segment_means, segment_sums
from metrics.promql.windows import Found, Windows
from metrics.values import Floats

_CELLS = 4_000_000
"""Samples that are spread out at once where windows must be looked at one by one."""


def sum_over_time(windows: Windows) -> Found:
    """Sum of the values."""
    return segment_sums(windows.values, windows.first, windows.last), windows.count >= 1


def avg_over_time(windows: Windows) -> Found:
    """Mean of the values."""
    return segment_means(windows.values, windows.first, windows.last), windows.count >= 1


def min_over_time(windows: Windows) -> Found:
    """Smallest value; NaN only if all are."""
    return reduced(np.fmin, windows.values, windows.first, windows.last), windows.count >= 1


def max_over_time(windows: Windows) -> Found:
    """Largest value; NaN only if all are."""
    return reduced(np.fmax, windows.values, windows.first, windows.last), windows.count >= 1


def count_over_time(windows: Windows) -> Found:
    """Number of samples."""
    return windows.count.astype(float), windows.count >= 1


def present_over_time(windows: Windows) -> Found:
    """1 where there is a sample."""
    return np.ones(windows.first.shape), windows.count >= 1


def last_over_time(windows: Windows) -> Found:
    """The newest value."""
    return windows.values[np.maximum(windows.last - 1, 0)], windows.count >= 1


def stdvar_over_time(windows: Windows) -> Found:
    """Population variance."""
    variance = np.zeros(windows.first.shape)
    for rows, spread, inside in _spread(windows):
        number = np.maximum(inside.sum(axis=-1), 1)
        shifted = np.where(inside, spread - spread[..., :1], 0.0)
        mean = shifted.sum(axis=-1) / number
        off = np.where(inside, shifted - mean[..., None], 0.0)
        variance[rows] = (off * off).sum(axis=-1) / number
    return variance, windows.count >= 1


def stddev_over_time(windows: Windows) -> Found:
    """Population standard deviation."""
    variance, present = stdvar_over_time(windows)
    return np.sqrt(variance), present


def quantile_over_time(windows: Windows, quantile: Floats) -> Found:
    """The quantile of each step, interpolated."""
    found = np.zeros(windows.first.shape)
    for rows, spread, inside in _spread(windows):
        found[rows] = quantile_of(np.broadcast_to(quantile, inside.shape[:-1]), spread, inside)
    return found, windows.count >= 1


def deriv(windows: Windows) -> Found:
    """Slope per second of the least squares line."""
    slope, _ = _line(windows, windows.at[np.minimum(windows.first, len(windows.at) - 1)])
    return slope, windows.count >= 2


def predict_linear(windows: Windows, seconds: Floats) -> Found:
    """Where the least squares line will be, so many seconds after the step."""
    slope, intercept = _line(windows, np.broadcast_to(windows.steps, windows.first.shape))
    return slope * seconds + intercept, windows.count >= 2


def _spread(windows: Windows) -> Iterator[tuple[slice, Floats, Bools]]:
    """Some series at a time: values as [series, steps, samples], and which are in the window."""
    longest = max(int(windows.count.max(initial=0)), 1)
    series, steps = windows.first.shape
    batch = max(1, _CELLS // (longest * max(steps, 1)))
    for start in range(0, series, batch):
        rows = slice(start, start + batch)
        positions, inside = _positions(windows, rows, longest)
        yield rows, windows.values[positions], inside


def _positions(windows: Windows, rows: slice, longest: int) -> tuple[Indices, Bools]:
    positions = windows.first[rows, :, None] + np.arange(longest)
    inside = positions < windows.last[rows, :, None]
    return np.minimum(positions, len(windows.values) - 1), inside


def _line(windows: Windows, origin: np.typing.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Slope per second and value at ``origin`` of the least squares line through each window."""
    slope, intercept = np.zeros(windows.first.shape), np.zeros(windows.first.shape)
    longest = max(int(windows.count.max(initial=0)), 1)
    for rows, spread, inside in _spread(windows):
        positions, _ = _positions(windows, rows, longest)
        seconds = (windows.at[positions] - origin[rows, :, None]) / 1000.0
        slope[rows], intercept[rows] = _least_squares(seconds, spread, inside)
    return slope, intercept


def _least_squares(x: Floats, y: Floats, inside: Bools) -> tuple[Floats, Floats]:
    number = np.maximum(inside.sum(axis=-1), 1)
    x, y = np.where(inside, x, 0.0), np.where(inside, y, 0.0)
    mean_x, mean_y = x.sum(axis=-1) / number, y.sum(axis=-1) / number
    off_x = np.where(inside, x - mean_x[..., None], 0.0)
    off_y = np.where(inside, y - mean_y[..., None], 0.0)
    constant = ((y == y[..., :1]) | ~inside).all(axis=-1) & np.isfinite(y[..., 0])
    slope = np.where(constant, 0.0, (off_x * off_y).sum(axis=-1) / (off_x * off_x).sum(axis=-1))
    return slope, np.where(constant, y[..., 0], mean_y - slope * mean_x)
