"""Cells of a full chunk, packed: exact to the bit, and any columns and rows of them in a few array steps.

Most series stand still for minutes or move by little: counts, sizes, gauges of a few decimals. So a column is
kept as one value; or as whole steps of 1, 2 or 4 bytes above its least value, in units of a power of ten; or
as it is. What a column would unpack to is compared bit by bit before it is packed, so NaN with a payload,
minus zero and infinities stay what they are.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from metrics.promql.label_sets import Indices
from metrics.promql.source import VALUE, Cells, States
from metrics.values import Floats

_DIGITS = 9
"""Decimals that are looked for."""
_SAMPLED = slice(None, None, 17)
"""Rows that say how many decimals a column has; where they are wrong, all rows are asked."""
_TOGETHER = 512
"""Columns that are weighed side by side, so that they stay near the processor."""
_WIDTHS = ((2.0**8, np.uint8), (2.0**16, np.uint16), (2.0**31, np.int32))
"""Above which step a column does not fit a type any more."""

Places = npt.NDArray[np.int32]
Steps = npt.NDArray[np.unsignedinteger[Any] | np.signedinteger[Any]]


class _Group(Protocol):
    """Columns that are kept alike."""

    def cells(self, places: Places, rows: slice | Indices) -> Floats:
        """The values of these columns at these rows, or one value for all rows: [places, rows or 1]."""


class PackedCells:
    """Values and states [columns, rows], packed by ``packed``."""

    __slots__ = ("_group", "_groups", "_pattern", "_patterns", "_place")

    def __init__(
        self, columns: int, groups: Sequence[tuple[Indices, _Group]], patterns: tuple[States, Indices]
    ) -> None:
        self._group = np.zeros(columns, dtype=np.uint8)
        self._place = np.zeros(columns, dtype=np.int32)
        for number, (members, _) in enumerate(groups):
            self._group[members] = number
            self._place[members] = np.arange(len(members))
        self._groups = tuple(group for _, group in groups)
        self._patterns = patterns[0]
        self._pattern = patterns[1].astype(np.int32)

    def cells(self, columns: Indices | slice, rows: slice | Indices) -> Cells:
        """The cells of these columns at these rows."""
        states = picked(self._patterns, self._pattern[columns], rows)
        values = np.empty(states.shape)
        group, place = self._group[columns], self._place[columns]
        for number, kept in enumerate(self._groups):
            chosen = np.flatnonzero(group == number)
            if len(chosen):
                values[chosen] = kept.cells(place[chosen], rows)
        return Cells(values, states)


class _Still(NamedTuple):
    """Columns of one value each."""

    values: Floats

    def cells(self, places: Places, _: slice | Indices) -> Floats:
        return self.values[places, None]


class _Stepped(NamedTuple):
    """Columns of whole steps above a base, both in units of one part in ``scale``; None where that is 1."""

    steps: Steps
    base: Floats
    scale: Floats | None

    def cells(self, places: Places, rows: slice | Indices) -> Floats:
        values: Floats = picked(self.steps, places, rows).astype(np.float64)
        values += self.base[places, None]
        if self.scale is not None:
            values /= self.scale[places, None]
        return values


class _Plain(NamedTuple):
    """Columns as they are."""

    values: Floats

    def cells(self, places: Places, rows: slice | Indices) -> Floats:
        return picked(self.values, places, rows)


def packed(values: Floats, states: States) -> PackedCells:
    """Pack the cells of columns [columns, rows]; what is no value comes back as any number."""
    there = states == VALUE
    if there.all():
        alike = states[:1].copy(), np.zeros(len(states), dtype=np.intp)
        return PackedCells(len(values), list(_groups(values)), alike)
    return PackedCells(len(values), list(_groups(_filled(values, there))), _patterns(states))


def _filled(values: Floats, there: npt.NDArray[np.bool_]) -> Floats:
    """The first value of a column wherever it has none, so that a gap does not make it wider."""
    first = values[np.arange(len(values)), there.argmax(axis=1)]
    return np.where(there, values, first[:, None])


def _patterns(states: States) -> tuple[States, Indices]:
    """The rows of states that differ, and which of them each column has: series come and go in company."""
    rows = states.shape[1]
    texts, which = np.unique(np.ascontiguousarray(states).view(f"S{rows}").ravel(), return_inverse=True)
    return texts.view(np.uint8).reshape(-1, rows), which


def _groups(values: Floats) -> Iterator[tuple[Indices, _Group]]:
    bits = values.view(np.int64)
    moves = (bits != bits[:, :1]).any(axis=1)
    still = np.flatnonzero(~moves)
    yield still, _Still(values[still, 0])
    moving = np.flatnonzero(moves)
    plan = _plan(values, moving)
    for scaled in (False, True):
        least = 0.0
        for limit, kind in _WIDTHS:
            fits = (plan.span >= least) & (plan.span < limit) & ((plan.scale != 1.0) == scaled)
            least = limit
            if fits.any():
                yield moving[fits], _stepped(values[moving[fits]], plan.of(fits), kind)
    plain = moving[plan.span == np.inf]
    if len(plain):
        yield plain, _Plain(values[plain])


class _Plan(NamedTuple):
    """Base and widest step of columns, in units of one part in ``scale``; a step of inf is too wide."""

    base: Floats
    span: Floats
    scale: Floats

    def of(self, chosen: Indices | npt.NDArray[np.bool_]) -> "_Plan":
        return _Plan(self.base[chosen], self.span[chosen], self.scale[chosen])


def _stepped(values: Floats, plan: _Plan, kind: type[np.integer[Any]]) -> _Stepped:
    steps = np.rint(values * plan.scale[:, None]) - plan.base[:, None]
    return _Stepped(steps.astype(kind), plan.base, None if (plan.scale == 1.0).all() else plan.scale)


def _plan(values: Floats, moving: Indices) -> _Plan:
    pieces = [_Plan(np.empty(0), np.empty(0), np.empty(0))]
    for start in range(0, len(moving), _TOGETHER):
        some = values[moving[start : start + _TOGETHER]]
        plan = _weighed(some, _scale(some[:, _SAMPLED]))
        again = np.flatnonzero(plan.span == np.inf)
        second = _weighed(some[again], _scale(some[again]))
        for kept, better in zip(plan, second, strict=True):
            kept[again] = better
        pieces.append(plan)
    return _Plan(*(np.concatenate(each) for each in zip(*pieces, strict=True)))


def _scale(values: Floats) -> Floats:
    """The least power of ten that makes all values of a column whole; 1 where none does."""
    scale = np.ones(len(values))
    left = np.arange(len(values))
    with np.errstate(invalid="ignore", over="ignore"):
        for digits in range(_DIGITS + 1):
            some, power = values[left], 10.0**digits
            whole = (np.rint(some * power) / power == some).all(axis=1)
            scale[left[whole]] = power
            left = left[~whole]
    return scale


def _weighed(values: Floats, scale: Floats) -> _Plan:
    """Base and span of each column by the bits that it would unpack to."""
    with np.errstate(invalid="ignore", over="ignore"):
        units = np.rint(values * scale[:, None])
        base = units.min(axis=1, initial=np.inf)
        units -= base[:, None]
        span = units.max(axis=1, initial=-np.inf)
        units += base[:, None]
        units /= scale[:, None]
    same = (units.view(np.int64) == values.view(np.int64)).all(axis=1)
    return _Plan(base, np.where(same & (span < _WIDTHS[-1][0]), span, np.inf), scale)


def picked(table: npt.NDArray[Any], places: Places | Indices, rows: slice | Indices) -> npt.NDArray[Any]:
    """Some columns of a table [columns, rows] at some rows, copied."""
    if not isinstance(rows, slice):
        return table[places[:, None], rows]
    if len(places) < len(table) // 4:
        return table.take(places, axis=0)[:, rows]
    # Several times faster than one index of both kinds, where most columns are wanted anyway.
    return table[:, rows].take(places, axis=0)
