"""The label sets of many rows, and what is derived from them, worked out once.

Rules ask the same question every second about the same series. Everything about their labels (names dropped,
groups of an aggregation, partners of a binary operator) depends on the label sets alone, so it is remembered
on the object that holds them, and each evaluation is left with arithmetic on arrays.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from metrics.promql.literals import readable
from metrics.values import Labels

Indices = npt.NDArray[np.intp]
"""Rows, columns or places."""
T = TypeVar("T")

NAME = "__name__"
METADATA = frozenset({NAME, "__type__", "__unit__"})
"""Labels that go when the result is no longer the metric that it came from."""

_REMEMBERED = 128


def as_slice(places: Indices) -> Indices | slice:
    """The same as a slice, if they ascend in equal steps: what a slice takes is not copied."""
    if not len(places) or places[0] < 0:
        return places
    step = int(places[1] - places[0]) if len(places) > 1 else 1
    if step < 1 or (np.diff(places) != step).any():
        return places
    return slice(int(places[0]), int(places[-1]) + 1, step)


class LabelSets:
    """An immutable list of label sets, equal only to itself.

    Attributes:
        labels: one label set per row.
        pending: rows whose metric name is to go at the very end (delayed name removal); None for none.
    """

    __slots__ = ("__weakref__", "_memo", "_partners", "labels", "pending")

    def __init__(self, labels: Sequence[Labels], pending: tuple[bool, ...] | None = None) -> None:
        self.labels = tuple(labels)
        self.pending = pending
        self._memo: dict[Hashable, Any] = {}
        self._partners: WeakKeyDictionary[LabelSets, dict[Hashable, Any]] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def remember(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gave the first time; two threads may both work it out, with the same result."""
        found = self._memo.get(key)
        if found is None:
            if len(self._memo) >= _REMEMBERED:
                self._memo = {}
            found = self._memo[key] = make()
        kept: T = found
        return kept

    def remember_with(self, partner: "LabelSets", key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` gave the first time for these two, as long as the partner lives."""
        if self._partners is None:
            self._partners = WeakKeyDictionary()
        memo = self._partners.setdefault(partner, {})
        found = memo.get(key)
        if found is None:
            found = memo[key] = make()
        kept: T = found
        return kept

    def flag(self, row: int) -> bool:
        """Whether the name of this row is to go."""
        return self.pending is not None and self.pending[row]

    def take(self, rows: Indices) -> "LabelSets":
        """These rows, in this order."""
        pending = None if self.pending is None else tuple(self.pending[row] for row in rows)
        return LabelSets([self.labels[row] for row in rows], pending)


EMPTY = LabelSets(())
ONE = LabelSets([()])


def without_name(sets: LabelSets, delayed: bool) -> LabelSets:
    """The rows without metric names; with ``delayed`` they are only marked to lose them."""
    return sets.remember(("without_name", delayed), lambda: _without_name(sets, delayed))


def settled(sets: LabelSets) -> LabelSets:
    """The rows after the names that were to go are gone."""
    if sets.pending is None:
        return sets
    pending = sets.pending
    return sets.remember(
        "settled",
        lambda: LabelSets(
            [dropped(row, METADATA) if gone else row for row, gone in zip(sets.labels, pending, strict=True)]
        ),
    )


def _without_name(sets: LabelSets, delayed: bool) -> LabelSets:
    if delayed:
        return LabelSets(sets.labels, (True,) * len(sets))
    return LabelSets([dropped(row, METADATA) for row in sets.labels])


def dropped(labels: Labels, names: frozenset[str]) -> Labels:
    """The label set without these labels."""
    return tuple(pair for pair in labels if pair[0] not in names)


def kept(labels: Labels, names: frozenset[str]) -> Labels:
    """The label set with these labels alone."""
    return tuple(pair for pair in labels if pair[0] in names)


def valid_label_name(name: str) -> bool:
    """Any UTF-8 text but none."""
    return bool(name) and readable(name) == name


def projection(names: Sequence[str], without: bool) -> Callable[[Labels], Labels]:
    """What ``by (names)`` or ``without (names)`` makes of a label set."""
    chosen = frozenset(names)
    if without:
        gone = chosen | METADATA
        return lambda labels: dropped(labels, gone)
    return lambda labels: kept(labels, chosen)


class Grouping:
    """Rows by group.

    Attributes:
        sets: one label set per group, in order of first appearance.
        of: the group of each row.
        order: rows sorted by group, stable.
        starts: where each group starts in ``order``.
    """

    __slots__ = ("of", "order", "sets", "starts")

    def __init__(self, sets: LabelSets, of: Indices) -> None:
        self.sets = sets
        self.of = of
        self.order: Indices = np.argsort(of, kind="stable")
        self.starts: Indices = np.searchsorted(of[self.order], np.arange(len(sets)))


def grouping(sets: LabelSets, names: tuple[str, ...], without: bool) -> Grouping:
    """The groups of an aggregation over these rows."""
    return sets.remember(
        ("grouping", names, without), lambda: grouped(sets, projection(names, without), NAME in names)
    )


def grouped(sets: LabelSets, project: Callable[[Labels], Labels], keeps_name: bool = False) -> Grouping:
    """Rows that ``project`` makes the same are one group."""
    number: dict[Labels, int] = {}
    of = np.empty(len(sets), dtype=np.intp)
    flags: list[bool] = []
    for row, labels in enumerate(sets.labels):
        group = number.setdefault(project(labels), len(number))
        if group == len(flags):
            flags.append(keeps_name and sets.flag(row))
        of[row] = group
    return Grouping(LabelSets(tuple(number), tuple(flags) if any(flags) else None), of)


def duplicates(sets: LabelSets) -> Grouping | None:
    """Rows by label set where some have the same; None when all differ."""
    found = sets.remember("duplicates", lambda: (_duplicates(sets),))
    return found[0]


def _duplicates(sets: LabelSets) -> Grouping | None:
    if len(set(sets.labels)) == len(sets):
        return None
    return grouped(sets, lambda labels: labels, keeps_name=True)
