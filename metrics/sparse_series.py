"""The points of one series with timestamps of its own, as of one push.

A view never changes. The arrays of its open end have room behind what the view uses, so that the next point
costs no copy; a point that comes late is put in its place in a copy of the open end, which is short.
"""

from typing import NamedTuple

import numpy as np

from metrics.acceptance import LATE_MS
from metrics.track import NOTHING, Track, between, span, union

_ROOM = 8
_LONG = 256


class SeriesView(NamedTuple):
    """Points of one series, at least one.

    Attributes:
        full: pieces that late points are not to be expected for, oldest first.
        open: arrays whose first ``used`` places are the points after those.
        first, newest: times of the first and the last point.
        pattern: equal for series that have their points at the same times and in the same pieces.
    """

    full: tuple[Track, ...]
    open: Track
    used: int
    first: int
    newest: int
    pattern: int


def begun(at: int, value: float, state: int) -> SeriesView:
    """A series with one point."""
    room = _with_room(NOTHING, _ROOM)
    _put(room, 0, at, value, state)
    return SeriesView((), room, 1, at, at, hash((at,)))


def pieces(view: SeriesView) -> tuple[Track, ...]:
    """All points, oldest first."""
    return (*view.full, _used(view))


def track(view: SeriesView) -> Track:
    """All points in one piece."""
    return _joined(pieces(view))


def at_time(view: SeriesView, at: int) -> tuple[float, int] | None:
    """Value and state of the point at a time; None where there is none."""
    for piece in reversed(pieces(view)):
        if len(piece.times) and piece.times[0] <= at:
            place = int(np.searchsorted(piece.times, at))
            if place == len(piece.times) or piece.times[place] != at:
                return None
            return float(piece.values[place]), int(piece.states[place])
    return None


def appended(view: SeriesView, at: int, value: float, state: int) -> SeriesView:
    """With a point later than all others. Only the newest view of a series may be appended to."""
    if view.used == len(view.open.times):
        view = _with_more_room(view, at)
    _put(view.open, view.used, at, value, state)
    return view._replace(used=view.used + 1, newest=at, pattern=hash((view.pattern, at)))


def brought(view: SeriesView | None, points: Track) -> SeriesView:
    """With points anywhere among the others, if there are any; theirs stand where both have one."""
    if view is None:
        return _made((), points)
    at = int(points.times[0])
    if view.full and at <= view.full[-1].times[-1]:
        return _made((), union(track(view), points))
    return _made(view.full, union(_used(view), points))


def without_before(view: SeriesView, at: int) -> SeriesView | None:
    """Without pieces that end before ``at``; None where nothing is left."""
    if view.newest < at:
        return None
    full = tuple(piece for piece in view.full if piece.times[-1] >= at)
    used = _used(view)
    old = int(np.searchsorted(used.times, at))
    if not full and 2 * old > view.used:
        return _made((), between(used, at, view.newest + 1))
    if len(full) == len(view.full):
        return view
    first = int((full[0] if full else used).times[0])
    return view._replace(full=full, first=first, pattern=hash((view.pattern, first)))


def without_after(view: SeriesView, at: int) -> SeriesView | None:
    """Without points later than ``at``; None where nothing is left."""
    if view.newest <= at:
        return view
    left = between(track(view), view.first, at + 1)
    return _made((), left) if len(left.times) else None


def _made(full: tuple[Track, ...], end: Track) -> SeriesView:
    """A view whose open end is a copy of ``end``."""
    used = len(end.times)
    first = int((full[0] if full else end).times[0])
    pattern = hash((tuple([hash(piece.times.tobytes()) for piece in full]), end.times.tobytes()))
    return SeriesView(full, _with_room(end, used + _ROOM), used, first, int(end.times[-1]), pattern)


def _with_more_room(view: SeriesView, at: int) -> SeriesView:
    """With room for more points; many that are old enough to be let alone become a piece of their own."""
    used = _used(view)
    settled = int(np.searchsorted(used.times, at - LATE_MS))
    if view.used < _LONG or 2 * settled < view.used:
        return view._replace(open=_with_room(used, 2 * view.used))
    full = (*view.full, _with_room(span(used, 0, settled), settled))
    rest = span(used, settled, view.used)
    return view._replace(full=full, open=_with_room(rest, max(_LONG, view.used)), used=len(rest.times))


def _with_room(points: Track, room: int) -> Track:
    used = len(points.times)
    made = Track(np.empty(room, dtype=np.int64), np.empty(room), np.empty(room, dtype=np.uint8))
    made.times[:used], made.values[:used], made.states[:used] = points
    return made


def _put(room: Track, place: int, at: int, value: float, state: int) -> None:
    room.times[place], room.values[place], room.states[place] = at, value, state


def _used(view: SeriesView) -> Track:
    return span(view.open, 0, view.used)


def _joined(parts: tuple[Track, ...]) -> Track:
    if len(parts) == 1:
        return parts[0]
    return Track(
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.values for part in parts]),
        np.concatenate([part.states for part in parts]),
    )
