"""Range functions of counters and gauges: how a value changed over a window."""

from typing import NamedTuple

import numpy as np

from metrics.promql.frame import Bools, Times
from metrics.promql.label_sets import Indices, as_slice
from metrics.promql.sums import reduced
from metrics.promql.windows import Found, SharedWindows, Windows
from metrics.values import Floats

_SECOND = 1000.0
_CELLS_AT_ONCE = 64_000
"""Series by steps or samples that are worked on together, so that they stay near the processor."""


def rate(windows: Windows) -> Found:
    """Increase per second of a counter."""
    values, present = increase(windows)
    return values / (windows.range_ms / _SECOND), present


def increase(windows: Windows) -> Found:
    """Increase of a counter over the window, extrapolated to its edges."""
    present = windows.count >= 2
    first, last = _ends(windows)
    rise = windows.values[last] - windows.values[first] + _lost_by_resets(windows)
    return _edges(windows).stretched(rise, windows.values[first]), present


def delta(windows: Windows) -> Found:
    """Difference of a gauge over the window, extrapolated to its edges."""
    first, last = _ends(windows)
    rise = windows.values[last] - windows.values[first]
    return _edges(windows).stretched(rise, None), windows.count >= 2


def irate(windows: Windows) -> Found:
    """Increase per second between the last two samples of a counter."""
    before, last, present = _last_two(windows)
    newest, older = windows.values[last], windows.values[before]
    rise = np.where(newest < older, newest, newest - older)
    return rise / ((windows.at[last] - windows.at[before]) / _SECOND), present


def idelta(windows: Windows) -> Found:
    """Difference of the last two samples of a gauge."""
    before, last, present = _last_two(windows)
    return windows.values[last] - windows.values[before], present


def changes(windows: Windows) -> Found:
    """How often the value changed; NaN after NaN is no change."""
    values = windows.values
    both_nan = np.isnan(values[1:]) & np.isnan(values[:-1])
    return _steps_where(windows, (values[1:] != values[:-1]) & ~both_nan)


def resets(windows: Windows) -> Found:
    """How often the value fell."""
    return _steps_where(windows, windows.values[1:] < windows.values[:-1])


def _ends(windows: Windows) -> tuple[np.typing.NDArray[np.intp], np.typing.NDArray[np.intp]]:
    """The first and last sample of each window; some sample where it has none."""
    top = max(len(windows.values) - 1, 0)
    return np.minimum(windows.first, top), np.maximum(windows.last - 1, 0)


def _last_two(windows: Windows) -> tuple[np.typing.NDArray[np.intp], np.typing.NDArray[np.intp], Bools]:
    _, last = _ends(windows)
    before = np.maximum(last - 1, 0)
    return before, last, windows.count >= 2


def _lost_by_resets(windows: Windows) -> Floats | float:
    """The value before each fall inside the window, summed: a counter that falls started again at 0."""
    fell = np.zeros(len(windows.values), dtype=bool)
    np.less(windows.values[1:], windows.values[:-1], out=fell[1:])
    fell[windows.breaks[windows.breaks < len(fell)]] = False
    if not fell.any():
        return 0.0
    before = np.zeros(len(fell))
    before[1:] = np.where(fell[1:], windows.values[:-1], 0.0)
    return reduced(np.add, before, np.minimum(windows.first + 1, windows.last), windows.last)


class Edges(NamedTuple):
    """Where windows end and where their samples do: [series, steps], or [steps] alike for all series.

    Attributes:
        opened, closed: times of the first and the last sample, milliseconds.
        samples: how many.
        starts, ends: of the windows.
    """

    opened: Times
    closed: Times
    samples: Indices
    starts: Times
    ends: Times

    def stretched(self, rise: Floats, counter_start: Floats | None) -> Floats:
        """The rise between the first and last sample, stretched towards the edges of the window.

        Each edge is reached if it is not further than 1.1 mean distances between samples, else half a
        distance is added; a counter is not stretched back beyond the point where it would have been 0.
        Source: ``extrapolatedRate`` in Prometheus' promql/functions.go, v3.5.
        """
        sampled = (self.closed - self.opened) / _SECOND
        mean = sampled / np.maximum(self.samples - 1, 1)
        to_start = (self.opened - self.starts) / _SECOND
        to_end = (self.ends - self.closed) / _SECOND
        to_start = np.where(to_start >= mean * 1.1, mean / 2, to_start)
        if counter_start is not None:
            to_zero = np.where((rise > 0) & (counter_start >= 0), sampled * (counter_start / rise), to_start)
            to_start = np.fmin(to_start, to_zero)
        to_end = np.where(to_end >= mean * 1.1, mean / 2, to_end)
        return rise * ((sampled + to_start + to_end) / sampled)


def _edges(windows: Windows) -> Edges:
    first, last = _ends(windows)
    starts = windows.ends - windows.range_ms
    return Edges(windows.at[first], windows.at[last], windows.count, starts, windows.ends)


def shared_rate(windows: SharedWindows) -> Found:
    """As ``rate``."""
    values, present = shared_increase(windows)
    values /= windows.range_ms / _SECOND
    return values, present


def shared_increase(windows: SharedWindows) -> Found:
    """As ``increase``."""
    return _shared(windows, counter=True)


def shared_delta(windows: SharedWindows) -> Found:
    """As ``delta``."""
    return _shared(windows, counter=False)


def _shared(windows: SharedWindows, *, counter: bool) -> Found:
    live = as_slice(np.flatnonzero(windows.last - windows.first >= 2))
    shape = len(windows.values), len(windows.ends)
    values, present = np.zeros(shape), np.zeros(shape, dtype=bool)
    present[:, live] = True
    first, last, ends = windows.first[live], windows.last[live], windows.ends[live]
    at = windows.at
    edges = Edges(at[first], at[last - 1], last - first, ends - windows.range_ms, ends)
    together = 1 + _CELLS_AT_ONCE // max(len(ends), len(at))
    for start in range(0, len(values), together):
        rows = slice(start, start + together)
        some = windows.values[rows] if len(ends) == 1 else np.ascontiguousarray(windows.values[rows])
        opening = some[:, first]
        rise = some[:, last - 1] - opening
        if counter:
            _add_lost(rise, some, first, last)
        values[rows, live] = edges.stretched(rise, opening if counter else None)
    return values, present


def _add_lost(rise: Floats, values: Floats, first: Indices, last: Indices) -> None:
    """Add to each rise what its counter lost by resets; few counters have any."""
    fell = values[:, 1:] < values[:, :-1]
    if not fell.any():
        return
    for row in np.flatnonzero(fell.any(axis=1)):
        before = np.zeros(values.shape[1])
        before[1:] = np.where(fell[row], values[row, :-1], 0.0)
        rise[row] += reduced(np.add, before, first + 1, last)


def _steps_where(windows: Windows, happened: Bools) -> Found:
    """Steps from one sample to the next, within each window, where something happened."""
    before = np.zeros(len(windows.values) + 1, dtype=np.intp)
    np.cumsum(happened, out=before[2:])
    found = before[windows.last] - before[np.minimum(windows.first + 1, windows.last)]
    return found.astype(float), windows.count >= 1
