"""One series as points with timestamps of their own."""

from typing import NamedTuple

import numpy as np

from metrics.promql.frame import Bools, Times
from metrics.promql.label_sets import Indices
from metrics.promql.source import VALUE, States
from metrics.values import Floats

STALE_BITS = 0x7FF0000000000002
"""The NaN by which Prometheus marks that a series ended."""


class Track(NamedTuple):
    """Points of one series: ``times`` in milliseconds strictly ascending, states VALUE or STALE."""

    times: Times
    values: Floats
    states: States


NOTHING = Track(np.empty(0, dtype=np.int64), np.empty(0), np.empty(0, dtype=np.uint8))


def values_at(times: Times, values: Floats) -> Track:
    """A track without stale points."""
    return Track(times, values, np.full(len(times), VALUE, dtype=np.uint8))


def union(older: Track, newer: Track) -> Track:
    """The points of both; where both have one at the same time, that of ``newer``."""
    if not len(older.times) or not len(newer.times):
        return newer if len(newer.times) else older
    times = np.concatenate((older.times, newer.times))
    values = np.concatenate((older.values, newer.values))
    states = np.concatenate((older.states, newer.states))
    if older.times[-1] < newer.times[0]:
        return Track(times, values, states)
    order = np.argsort(times, kind="stable")
    last_of_its_time = np.append(np.diff(times[order]) > 0, [True])
    return picked(Track(times, values, states), order[last_of_its_time])


def picked(track: Track, which: Indices | Bools) -> Track:
    """The points at these positions, or where this mask says so."""
    return Track(track.times[which], track.values[which], track.states[which])


def between(track: Track, first: int, last: int) -> Track:
    """The points in [first, last), milliseconds; views of the same arrays."""
    low, high = np.searchsorted(track.times, (first, last))
    return span(track, int(low), int(high))


def span(track: Track, start: int, end: int) -> Track:
    """The points at the positions [start, end); views of the same arrays."""
    return Track(track.times[start:end], track.values[start:end], track.states[start:end])
