"""From the rows and points in memory to a sealed block."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

import numpy as np

from metrics import sparse_series
from metrics.chunks import ROWS
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.pushes import Push
from metrics.disk.shelf import Shelf
from metrics.disk.sparse_stretch import SparseStretch, packed_points, sparse_stretch
from metrics.disk.stretch import Stretch, packed_series
from metrics.feed import Feed
from metrics.grid import GridView
from metrics.promql.source import ABSENT
from metrics.push_feed import PushFeed
from metrics.series_index import Holder, Members, SeriesIndex
from metrics.snapshot import GridPart
from metrics.sparse import SparseView
from metrics.track import between
from metrics.values import Labels

NO_PUSHES: Mapping[str, PushFeed] = MappingProxyType({})
_AT_ONCE = 500
"""Series that are unfolded side by side."""


def seal(
    shelf: Shelf,
    block: int,
    feeds: Mapping[str, Feed],
    index: SeriesIndex,
    pushes: Mapping[str, PushFeed] = NO_PUSHES,
) -> bool:
    """Seal the rows and points of these origins within a block; False when the disk does not take it."""
    return shelf.seal(block, chain(_stretches(shelf, block, feeds, index), _points(block, pushes, index)))


def seal_points(shelf: Shelf, block: int, pushes: Mapping[str, PushFeed], index: SeriesIndex) -> bool:
    """Seal points that came after their block was sealed; False when the disk does not take it."""
    return shelf.seal(block, _points(block, pushes, index))


def _stretches(shelf: Shelf, block: int, feeds: Mapping[str, Feed], index: SeriesIndex) -> Iterator[Stretch]:
    for origin, feed in tuple(feeds.items()):
        # Sealing takes seconds where there are many series; rows must not wait so long for their fsync.
        shelf.write_ahead.sync()
        found = stretch(origin, feed.grid.view, index, block)
        if found is not None:
            yield found


def _points(block: int, pushes: Mapping[str, PushFeed], index: SeriesIndex) -> Iterator[SparseStretch]:
    for origin, feed in tuple(pushes.items()):
        found = points_stretch(origin, feed.sparse.view, index, block)
        if found is not None:
            yield found


def seal_rows_before(shelf: Shelf, at: int) -> None:
    """Seal what lies in write-ahead files of blocks before ``at`` milliseconds alone, and delete them.

    Such files are left by a disk that was full for long, or a clock that was set back. Those with points that
    belong into later blocks stay.
    """
    unsealed = {block for block in shelf.unsealed() if block < at}
    if not unsealed:
        return
    index = SeriesIndex()
    feeds: dict[str, Feed] = {}
    pushed: dict[str, list[Push]] = {}
    for found in shelf.recall(last=at):
        if isinstance(found, Push):
            pushed.setdefault(found.origin, []).append(found)
        else:
            feeds.setdefault(found.origin, Feed(found.origin, index)).recall(found)
    points = {origin: _recalled(origin, index, some) for origin, some in pushed.items()}
    every = [push for some in pushed.values() for push in some]
    wanted = unsealed | {block for push in every for block in blocks_of(push) if block < at}
    sealed = {block for block in sorted(wanted) if seal(shelf, block, feeds, index, points)}
    spare = {push.received // BLOCK_MS * BLOCK_MS for push in every if not blocks_of(push) <= sealed}
    for block in sorted(unsealed & sealed - spare):
        shelf.write_ahead.forget(block)


def blocks_of(push: Push) -> set[int]:
    """The blocks (milliseconds) that the samples of a push belong into."""
    return set((np.unique(push.times // BLOCK_MS) * BLOCK_MS).tolist())


def _recalled(origin: str, index: SeriesIndex, pushes: Sequence[Push]) -> PushFeed:
    feed = PushFeed(origin, index, 0)
    feed.recall(pushes)
    return feed


def points_stretch(origin: str, view: SparseView, index: SeriesIndex, block: int) -> SparseStretch | None:
    """The points of an origin within a block that begins at ``block`` milliseconds; None without any."""
    packed: list[tuple[Labels, bytes]] = []
    for number, labels in index.labels_of(view):
        found = between(sparse_series.track(view[number]), block, block + BLOCK_MS)
        if len(found.times):
            packed.append((labels, packed_points(*found)))
    return sparse_stretch(origin, packed) if packed else None


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
