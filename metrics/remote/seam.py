"""Where the remote's part of a range ends and the embedded store's begins: a pure decision."""

from collections.abc import Sequence
from dataclasses import dataclass

from metrics.remote.reach import Reach

MARGIN_MS = 10_000
"""Targets report after one another: so long after a sample was acknowledged all of its time are."""

NEVER = 1 << 62
"""A time after every range: the store answers nothing of it."""

ALWAYS = -NEVER
"""A time before every range: the store answers all of it."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """What each side has (milliseconds).

    Attributes:
        held_from: since when the store has everything, None while it is empty.
        told_until: up to when the remote has acknowledged everything, None when that is not known.
    """

    held_from: int | None
    told_until: int | None


def seam(reaches: Sequence[Reach], start_ms: int, has: Holdings) -> int:
    """The time from which on the store answers; earlier steps are the remote's. One for all questions."""
    return max((_seam(reach, start_ms, has) for reach in reaches), default=ALWAYS)


def _seam(reach: Reach, start_ms: int, has: Holdings) -> int:
    if reach.back_ms is None and reach.fixed_ms is None:
        return ALWAYS
    if has.held_from is None:
        return NEVER
    if reach.fixed_ms is not None and reach.fixed_ms < has.held_from:
        return NEVER
    if reach.back_ms is None:
        return ALWAYS
    found = _moving(reach.back_ms, has.held_from, has.told_until)
    if reach.whole and start_ms < found:
        return NEVER
    return found


def _moving(back_ms: int, held_from: int, told_until: int | None) -> int:
    """The first time whose whole past is in the store, or that the remote does not know yet."""
    told = ALWAYS if told_until is None else told_until - MARGIN_MS
    return min(held_from + back_ms, max(held_from, told))
