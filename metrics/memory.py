"""What is in memory: the rows and points of every origin, over one index."""

import threading
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar

from metrics.feed import Feed
from metrics.grid import Grid, GridView
from metrics.push_feed import PushFeed
from metrics.series_index import SeriesIndex
from metrics.sparse import SparseView

_EMPTY = Grid().view
_NO_POINTS: SparseView = MappingProxyType({})

Made = TypeVar("Made")


class Memory:
    """Feeds by origin, made when they are first asked for. Any thread may call any method.

    Args:
        keep_ms: how long samples are kept.
    """

    def __init__(self, keep_ms: int) -> None:
        self.index = SeriesIndex()
        self._keep_ms = keep_ms
        self._lock = threading.Lock()
        self._feeds: dict[str, Feed] = {}
        self._pushes: dict[str, PushFeed] = {}

    @property
    def feeds(self) -> Mapping[str, Feed]:
        """What brings rows, by origin."""
        return self._feeds

    @property
    def pushes(self) -> Mapping[str, PushFeed]:
        """What brings points, by origin."""
        return self._pushes

    def feed(self, origin: str) -> Feed:
        """What takes the rows of an origin."""
        return self._made(self._feeds, origin, lambda: Feed(origin, self.index))

    def push_feed(self, origin: str) -> PushFeed:
        """What takes the points of an origin."""
        return self._made(self._pushes, origin, lambda: PushFeed(origin, self.index, self._keep_ms))

    def rows(self, origin: str) -> GridView:
        """The rows of an origin now."""
        feed = self._feeds.get(origin)
        return _EMPTY if feed is None else feed.grid.view

    def points(self, origin: str) -> SparseView:
        """The points of an origin now."""
        feed = self._pushes.get(origin)
        return _NO_POINTS if feed is None else feed.sparse.view

    def spans(self) -> Iterator[tuple[int, int]]:
        """First and last millisecond of what each origin has, apart for rows and points."""
        for feed in tuple(self._feeds.values()):
            times = feed.grid.view.times
            if len(times):
                yield int(times[0]), int(times[-1])
        for pushes in tuple(self._pushes.values()):
            series = pushes.sparse.view.values()
            if series:
                yield min(each.first for each in series), max(each.newest for each in series)

    @property
    def set_back(self) -> int:
        """How often an origin's clock was found to have been set back."""
        rows = sum(feed.set_back for feed in tuple(self._feeds.values()))
        return rows + sum(feed.set_back for feed in tuple(self._pushes.values()))

    def drop_before(self, rows: int, points: int) -> None:
        """Drop rows and points that are older than these milliseconds, as far as whole pieces are."""
        for feed in tuple(self._feeds.values()):
            feed.drop_before(rows)
        for pushes in tuple(self._pushes.values()):
            pushes.drop_before(points)

    def _made(self, known: dict[str, Made], origin: str, make: Callable[[], Made]) -> Made:
        found = known.get(origin)
        if found is None:
            with self._lock:
                found = known.setdefault(origin, make())
        return found
