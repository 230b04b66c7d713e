"""Classic histograms: quantiles and fractions of all histograms of a frame at all steps at once.

Source: ``BucketQuantile`` and ``BucketFraction`` in Prometheus' promql/quantile.go, v3.5.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from metrics.errors import Span
from metrics.promql.frame import Bools, Frame, derived, empty
from metrics.promql.label_sets import NAME, Indices, LabelSets, dropped, grouped
from metrics.promql.notes import Notes
from metrics.values import Floats, Labels, label

_LE = frozenset({"le"})
_SMALL = 1e-12
"""Relative difference of neighbouring counts that is rounding, not a bucket."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """Which rows are the buckets of which histogram.

    Attributes:
        sets: one label set per histogram.
        rows: [histograms, buckets], the row of each bucket in order of its upper bound; histograms with
            fewer buckets have -1 in front.
        bounds: [histograms, buckets], the upper bounds.
        order: rows sorted by histogram and bound; ``rows`` counts in runs of it.
        starts: where a run of rows with one bound starts in ``order``.
        strangers: rows that are no bucket, because their bound is no number.
    """

    sets: LabelSets
    rows: Indices
    bounds: Floats
    order: Indices
    starts: Indices
    strangers: tuple[int, ...]


class Told(NamedTuple):
    """Where notes on buckets go, where the buckets stand in the query, and whether names go at the end."""

    notes: Notes
    span: Span
    delayed: bool


@dataclass(frozen=True, slots=True)
class Histograms:
    """Classic histograms at all steps, [histograms, buckets, steps] each.

    A bucket that is not there at a step stands for the one below it, so that it is never the one chosen.

    Attributes:
        sets: one label set per histogram.
        counts: cumulative counts.
        bounds: upper bounds.
        present: which buckets are there.
    """

    sets: LabelSets
    counts: Floats
    bounds: Floats
    present: Bools

    @property
    def complete(self) -> Bools:
        """Histograms and steps with a bucket up to +Inf and another one."""
        top: Bools = np.isinf(self.bounds[:, -1]) & self.present[:, -1] & (self.present.sum(axis=1) >= 2)
        return top

    def result(self, values: Floats, told: Told) -> Frame:
        """One value per histogram and step."""
        return derived(self.sets, values, np.logical_or.reduce(self.present, axis=1), told.delayed)


def histograms(frame: Frame, told: Told) -> Histograms | None:
    """The histograms whose buckets are in a frame; None without any."""
    buckets = frame.sets.remember("buckets", lambda: _buckets(frame.sets))
    for row in buckets.strangers:
        if frame.present[row].any():
            labels = frame.sets.labels[row]
            told.notes.bad_bucket(label(labels, NAME), label(labels, "le"), told.span)
    if not len(buckets.sets):
        return None
    counts, present = _counts(frame, buckets)
    bounds = np.broadcast_to(buckets.bounds[:, :, None], counts.shape)
    if not present.all():
        bounds = _filled(bounds, present, -np.inf)
        counts = _filled(counts, present, 0.0)
    return Histograms(buckets.sets, counts, bounds, present)


def histogram_quantile(quantile: Floats, frame: Frame, told: Told) -> Frame:
    """The quantile (at each step) of every histogram whose buckets are in the frame."""
    found = histograms(frame, told)
    if found is None:
        return empty(frame.values.shape[1])
    counts = _monotonic(found.counts)
    if counts is not found.counts:
        looked_at = found.complete & (counts[:, -1] != 0) & (quantile >= 0) & (quantile <= 1)
        _tell_of_falls(found, looked_at, told)
    inside = _interpolated(quantile, counts, found.bounds, found.present)
    values = np.where(found.complete, inside, np.nan)
    values = np.where(quantile < 0, -np.inf, np.where(quantile > 1, np.inf, values))
    return found.result(np.where(np.isnan(quantile), np.nan, values), told)


def _tell_of_falls(found: Histograms, looked_at: Bools, told: Told) -> None:
    """Note the histograms whose counts fall, by more than rounding, at a step that is looked at."""
    highest = np.maximum.accumulate(found.counts[:, :-1], axis=1)
    here = found.counts[:, 1:]
    falls = (here < highest) & (highest - here >= _SMALL * (np.abs(here) + np.abs(highest)))
    for row in np.flatnonzero((falls.any(axis=1) & looked_at).any(axis=1)):
        told.notes.forced_monotonicity(label(found.sets.labels[row], NAME), told.span)


def histogram_fraction(lower: Floats, upper: Floats, frame: Frame, told: Told) -> Frame:
    """The share of observations between two values (at each step) of every histogram in the frame."""
    found = histograms(frame, told)
    if found is None:
        return empty(frame.values.shape[1])
    total = found.counts[:, -1]
    share = (_rank_of(upper, found) - _rank_of(lower, found)) / total
    share = np.where(lower >= upper, 0.0, share)
    known = found.complete & (total != 0) & ~np.isnan(lower) & ~np.isnan(upper)
    return found.result(np.where(known, share, np.nan), told)


def _counts(frame: Frame, buckets: Buckets) -> tuple[Floats, Bools]:
    """Counts and presence as [histograms, buckets, steps]; buckets of the same bound are added up."""
    ordered = np.where(frame.present, frame.values, 0.0)[buckets.order]
    there = frame.present[buckets.order]
    if len(buckets.starts) < len(buckets.order):
        ordered = np.add.reduceat(ordered, buckets.starts, axis=0)
        there = np.logical_or.reduceat(there, buckets.starts, axis=0)
    return ordered[buckets.rows], there[buckets.rows] & (buckets.rows >= 0)[:, :, None]


def _filled(values: Floats, present: Bools, before: float) -> Floats:
    filled = np.where(present, values, before)
    for bucket in range(1, filled.shape[1]):
        filled[:, bucket] = np.where(present[:, bucket], filled[:, bucket], filled[:, bucket - 1])
    return filled


def _monotonic(counts: Floats) -> Floats:
    """Counts that never fall from one bucket to the next, and are equal where only rounding differs."""
    rise = np.diff(counts, axis=1)
    scale = np.abs(counts[:, 1:]) + np.abs(counts[:, :-1])
    if not ((rise < 0) | ((rise != 0) & (np.abs(rise) < _SMALL * scale))).any():
        return counts
    even = counts.copy()
    for bucket in range(1, even.shape[1]):
        before, here = even[:, bucket - 1], even[:, bucket]
        same = np.abs(here - before) < _SMALL * (np.abs(here) + np.abs(before))
        even[:, bucket] = np.where(same | (here < before), before, here)
    return even


def _interpolated(quantile: Floats, counts: Floats, bounds: Floats, present: Bools) -> Floats:
    total = counts[:, -1]
    rank = quantile * total
    reached = (counts[:, :-1] >= rank[:, None]) & present[:, :-1]
    last = counts.shape[1] - 1
    chosen = np.where(reached.any(axis=1), reached.argmax(axis=1), last)
    lowest = chosen == present.argmax(axis=1)
    upper, below = _pick(bounds, chosen), _pick(bounds, np.maximum(chosen - 1, 0))
    before = np.where(lowest, 0.0, _pick(counts, np.maximum(chosen - 1, 0)))
    lower = np.where(lowest, 0.0, below)
    inside = lower + (upper - lower) * ((rank - before) / (_pick(counts, chosen) - before))
    found = np.where(lowest & (upper <= 0), upper, inside)
    return np.where(total == 0, np.nan, np.where(chosen == last, below, found))


def _rank_of(value: Floats, found: Histograms) -> Floats:
    """How many observations are below a value, interpolated within its bucket."""
    chosen = (found.bounds >= value).argmax(axis=1)
    below = np.maximum(chosen - 1, 0)
    lowest = chosen == found.present.argmax(axis=1)
    upper = _pick(found.bounds, chosen)
    lower = np.where(lowest, np.where(upper > 0, 0.0, -np.inf), _pick(found.bounds, below))
    before = np.where(lowest, 0.0, _pick(found.counts, below))
    part = np.where(np.isinf(upper), 0.0, np.maximum((value - lower) / (upper - lower), 0.0))
    part = np.where(value == upper, 1.0, part)
    rank = before + (_pick(found.counts, chosen) - before) * part
    return np.where(value == -np.inf, 0.0, rank)


def _pick(values: Floats, bucket: Indices) -> Floats:
    return np.take_along_axis(values, bucket[:, None], axis=1)[:, 0]


def _buckets(sets: LabelSets) -> Buckets:
    known = [(row, bound) for row, labels in enumerate(sets.labels) if (bound := _bound(labels)) is not None]
    chosen = sets.take(np.array([row for row, _ in known], dtype=np.intp))
    groups = grouped(chosen, lambda labels: dropped(labels, _LE), keeps_name=True)
    bounds = np.array([bound for _, bound in known])
    order = np.lexsort((bounds, groups.of))
    histogram, upper = groups.of[order], bounds[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (histogram[1:] != histogram[:-1]) | (upper[1:] != upper[:-1])
    starts = np.flatnonzero(new)
    rows, edges = _table(histogram[starts], upper[starts], len(groups.sets))
    source = np.array([row for row, _ in known], dtype=np.intp)[order]
    strangers = tuple(row for row, labels in enumerate(sets.labels) if _bound(labels) is None)
    return Buckets(groups.sets, rows, edges, source, starts, strangers)


def _table(histogram: Indices, upper: Floats, number: int) -> tuple[Indices, Floats]:
    """Runs by histogram and bucket, aligned at the end."""
    sizes = np.bincount(histogram, minlength=number)
    most = max(int(sizes.max(initial=0)), 2)
    rows = np.full((number, most), -1, dtype=np.intp)
    bounds = np.full((number, most), -np.inf)
    for group in range(number):
        runs = np.flatnonzero(histogram == group)
        rows[group, most - len(runs) :] = runs
        bounds[group, most - len(runs) :] = upper[runs]
    return rows, bounds


def _bound(labels: Labels) -> float | None:
    text = label(labels, "le")
    try:
        return None if "_" in text or text != text.strip() else float(text)
    except ValueError:
        return None
