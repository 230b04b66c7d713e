"""From the rows and points in memory to a sealed block."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

import numpy as np

from metrics import sparse_series
from metrics.chunks import ROWS
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.pushes import Push
from metrics.disk.shelf import Shelf
from metrics.disk.sparse_stretch import SparseStretch, packed_points, sparse_stretch
from metrics.disk.stretch import Stretch, packed_series
from metrics.grid import GridView
from metrics.memory import Memory
from metrics.promql.source import ABSENT
from metrics.push_feed import PushFeed
from metrics.series_index import Holder, Members, SeriesIndex
from metrics.snapshot import GridPart
from metrics.sparse import SparseView
from metrics.track import between
from metrics.values import Labels


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """The points of one origin, and whose they are."""

    origin: str
    view: SparseView
    index: SeriesIndex


Came: TypeAlias = Callable[[int], None]
_AT_ONCE = 100
"""Series that are unfolded side by side."""


def seal(shelf: Shelf, block: int, memory: Memory) -> bool:
    """Seal the rows and points within a block; False when the disk does not take it."""
    return shelf.seal(block, chain(_stretches(shelf, block, memory), points_within(block, _points(memory))))


def seal_points(shelf: Shelf, block: int, memory: Memory) -> bool:
    """Seal points that came after their block was sealed; False when the disk does not take it."""
    return shelf.seal(block, points_within(block, _points(memory)))


def _stretches(shelf: Shelf, block: int, memory: Memory) -> Iterator[Stretch]:
    for origin, feed in tuple(memory.feeds.items()):
        # Sealing takes seconds where there are many series; rows must not wait so long for their fsync.
        shelf.write_ahead.sync()
        found = stretch(origin, feed.grid.view, memory.index, block)
        if found is not None:
            yield found


def _points(memory: Memory) -> list[Points]:
    return [Points(origin, memory.points(origin), memory.index) for origin in tuple(memory.pushes)]


def seal_rows_before(shelf: Shelf, at: int) -> None:
    """Seal what lies in write-ahead files of blocks before ``at`` milliseconds alone, and delete them.

    Such files are left by a disk that was full for long, or a clock that was set back. Those with points that
    belong into later blocks stay.
    """
    unsealed = {block for block in shelf.unsealed() if block < at}
    if not unsealed:
        return
    memory = Memory(0)
    pushes = recall(shelf, memory, last=at)
    wanted = unsealed | {block for push in pushes for block in blocks_of(push) if block < at}
    sealed = {block for block in sorted(wanted) if seal(shelf, block, memory)}
    spare = {push.received // BLOCK_MS * BLOCK_MS for push in pushes if not blocks_of(push) <= sealed}
    for block in sorted(unsealed & sealed - spare):
        shelf.write_ahead.forget(block)


def seal_points_before(shelf: Shelf, at: int) -> set[int]:
    """Seal the points in write-ahead files of blocks before ``at`` milliseconds, as far as those take them.

    Returns:
        The blocks whose files have points that are not sealed by that.
    """
    pushes = [found for found in shelf.recall(last=at) if isinstance(found, Push)]
    points = alone(pushes)
    wanted = {block for push in pushes for block in blocks_of(push) if block < at}
    sealed = {block for block in sorted(wanted) if shelf.seal(block, points_within(block, points))}
    return {push.received // BLOCK_MS * BLOCK_MS for push in pushes if not blocks_of(push) <= sealed}


def recall(
    shelf: Shelf, memory: Memory, first: int = -(2**62), last: int = 2**62, came: Came = lambda _: None
) -> list[Push]:
    """Read rows and pushes of blocks in [first, last) milliseconds back into memory; the pushes.

    ``came`` is told when each of them came, in their order.
    """
    pushed: list[Push] = []
    for found in shelf.recall(first, last):
        if isinstance(found, Push):
            pushed.append(found)
            came(found.received)
        else:
            memory.feed(found.origin).recall(found)
            came(found.at)
    _recall(pushed, memory)
    return pushed


def recall_points(shelf: Shelf, memory: Memory, last: int) -> list[Push]:
    """Read the pushes of blocks before ``last`` milliseconds back into memory, and no rows; the pushes."""
    pushes = [found for found in shelf.recall(last=last) if isinstance(found, Push)]
    _recall(pushes, memory)
    return pushes


def _recall(pushes: Iterable[Push], memory: Memory) -> None:
    for origin, some in _by_origin(pushes).items():
        memory.push_feed(origin).recall(some)


def alone(pushes: Iterable[Push]) -> list[Points]:
    """The points of pushes in the order in which they came, every origin by itself."""
    found = []
    for origin, some in _by_origin(pushes).items():
        index = SeriesIndex()
        feed = PushFeed(origin, index, 0)
        feed.recall(some)
        found.append(Points(origin, feed.sparse.view, index))
    return found


def _by_origin(pushes: Iterable[Push]) -> dict[str, list[Push]]:
    found: dict[str, list[Push]] = {}
    for push in pushes:
        found.setdefault(push.origin, []).append(push)
    return found


def blocks_of(push: Push) -> set[int]:
    """The blocks (milliseconds) that the samples of a push belong into."""
    return set((np.unique(push.times // BLOCK_MS) * BLOCK_MS).tolist())


def points_within(block: int, points: Iterable[Points]) -> Iterator[SparseStretch]:
    """The points of origins within a block that begins at ``block`` milliseconds."""
    for each in points:
        packed: list[tuple[Labels, bytes]] = []
        for number, labels in each.index.labels_of(each.view):
            found = between(sparse_series.track(each.view[number]), block, block + BLOCK_MS)
            if len(found.times):
                packed.append((labels, packed_points(*found)))
        if packed:
            yield sparse_stretch(each.origin, packed)


def stretch(origin: str, view: GridView, index: SeriesIndex, block: int) -> Stretch | None:
    """The rows of an origin within a block that begins at ``block`` milliseconds; None without any."""
    first, last = (int(at) for at in np.searchsorted(view.times, (block, block + BLOCK_MS)))
    if first >= last:
        return None
    chunks = view.chunks[first // ROWS : -(-last // ROWS)]
    ids = {number for chunk in chunks for number in chunk.layout.ids[: chunk.width]}
    known = sorted((labels, number) for number, labels in index.labels_of(ids))
    labels: list[Labels] = []
    packed: list[bytes] = []
    for begin in range(0, len(known), _AT_ONCE):
        some = known[begin : begin + _AT_ONCE]
        members = Members(Holder(origin), np.arange(len(some)), tuple(number for _, number in some))
        values, states = GridPart(members, view).cells(first, last)
        for row in np.flatnonzero((states != ABSENT).any(axis=1)):
            labels.append(some[int(row)][0])
            packed.append(packed_series(values[row], states[row]))
    return Stretch(origin, view.times[first:last].copy(), labels, packed)
