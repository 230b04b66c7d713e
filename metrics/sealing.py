"""From the rows in memory to a sealed block."""

from collections.abc import Iterator, Mapping

import numpy as np

from metrics.chunks import ROWS
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.shelf import Shelf
from metrics.disk.stretch import Stretch, packed_series
from metrics.feed import Feed
from metrics.grid import GridView
from metrics.promql.source import ABSENT
from metrics.series_index import Members, SeriesIndex
from metrics.snapshot import GridPart
from metrics.values import Labels

_AT_ONCE = 500
"""Series that are unfolded side by side."""


def seal(shelf: Shelf, block: int, feeds: Mapping[str, Feed], index: SeriesIndex) -> bool:
    """Seal the rows of these origins within a block; False when the disk does not take it."""
    return shelf.seal(block, _stretches(shelf, block, feeds, index))


def _stretches(shelf: Shelf, block: int, feeds: Mapping[str, Feed], index: SeriesIndex) -> Iterator[Stretch]:
    for origin, feed in tuple(feeds.items()):
        # Sealing takes seconds where there are many series; rows must not wait so long for their fsync.
        shelf.write_ahead.sync()
        found = stretch(origin, feed.grid.view, index, block)
        if found is not None:
            yield found


def seal_rows_before(shelf: Shelf, at: int) -> None:
    """Seal what lies in write-ahead files of blocks before ``at`` milliseconds alone, and delete them.

    Such files are left by a disk that was full for long, or a clock that was set back.
    """
    index = SeriesIndex()
    feeds: dict[str, Feed] = {}
    unsealed = sorted(block for block in shelf.unsealed() if block < at)
    for row in shelf.recall(last=at) if unsealed else ():
        feeds.setdefault(row.origin, Feed(row.origin, index)).recall(row)
    for block in unsealed:
        if seal(shelf, block, feeds, index):
            shelf.write_ahead.forget(block)


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
        members = Members(origin, np.arange(len(some)), tuple(number for _, number in some))
        values, states = GridPart(members, view).cells(first, last)
        for row in np.flatnonzero((states != ABSENT).any(axis=1)):
            labels.append(some[int(row)][0])
            packed.append(packed_series(values[row], states[row]))
    return Stretch(origin, view.times[first:last].copy(), labels, packed)
