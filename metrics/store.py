"""The embedded store: what was scraped, kept in memory and asked in PromQL."""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from metrics import sealing
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.shelf import Shelf
from metrics.errors import ErrorKind, QueryError
from metrics.feed import Feed, Write, both
from metrics.grid import Grid
from metrics.history import History, LongSnapshot
from metrics.promql import answers, inputs
from metrics.promql.ast import Expr
from metrics.promql.context import Budget, Context
from metrics.promql.extent import Extent, extent
from metrics.promql.frame import Times
from metrics.promql.label_sets import LabelSets
from metrics.promql.limits import Limits, check_steps
from metrics.promql.notes import Notes
from metrics.promql.parser import parse_selector
from metrics.series_index import SeriesIndex
from metrics.snapshot import Snapshot
from metrics.values import (
    PLAIN,
    Answer,
    Appended,
    Batch,
    Labels,
    Matrix,
    Metadata,
    QueryResult,
    Terms,
    label,
)

_SWEEP_MS = 10_000
"""How often grids that nobody appends to are looked at for old samples."""
_EDGE_SECONDS = 9e12
_GRACE_MS = 60_000
"""How long after its end a block waits for rows of slow looks before it is sealed."""
_SEAL_AGAIN_SECONDS = 30.0
_UNSEALED_MS = 3_600_000
"""How much longer than ``keep`` rows stay in memory that could not be sealed."""


class Store:
    """Grids of samples by origin, an index over their labels, and the questions that are asked of them.

    Every method may be called from any thread. A query sees whole batches only, and never blocks an append
    of series that are already known.

    Args:
        keep: seconds that samples stay in memory, at least.
        lookback: seconds after which a series without a new sample is gone for an instant selector.
        limits: how much one question may load.
        subquery_step: seconds between the points of ``[5m:]``.
        delayed_name_removal: drop metric names only at the very end, as Prometheus does behind a flag.
        shelf: the files that samples are written to, and read back from at once; None for memory only.
        outlet: is handed every row that is kept, on the appending thread, for a remote.
    """

    def __init__(
        self,
        *,
        keep: float = 900.0,
        lookback: float = 300.0,
        limits: Limits | None = None,
        subquery_step: float = 60.0,
        delayed_name_removal: bool = False,
        shelf: Shelf | None = None,
        outlet: Write | None = None,
    ) -> None:
        self._keep_ms = _ms(keep)
        self._lookback_ms = _ms(lookback)
        self._limits = limits or Limits()
        self._subquery_step_ms = _ms(subquery_step)
        self._delayed = delayed_name_removal
        self._lock = threading.Lock()
        self._feeds: dict[str, Feed] = {}
        self._index = SeriesIndex()
        self._metadata: dict[str, Metadata] = {}
        self._swept_ms = 0
        self._newest_ms = 0
        self._shelf = shelf
        self._write = both(None if shelf is None else shelf.write_ahead.write, outlet)
        self._history = None if shelf is None else History(shelf.blocks)
        self._unsealed: set[int] = set()
        self._sealing: set[int] = set()
        self._given_up: set[int] = set()
        self._seal_at = 0.0
        # Every row from here on is in memory.
        self._memory_since = -(2**62)
        if shelf is not None:
            self._recall(shelf)

    def append(self, batch: Batch) -> Appended:
        """Keep one look at one origin; a batch that is not newer than the origin's last one is refused."""
        at = _ms(batch.at)
        appended = self._feed(batch.origin).append(batch, at, self._write)
        if batch.metadata:
            self._metadata.update(batch.metadata)
        if not appended.out_of_order:
            self._newest_ms = at
            self._unsealed.add(at // BLOCK_MS * BLOCK_MS)
        self._sweep(at)
        return appended

    def query(self, expr: str, at: float) -> QueryResult:
        """Evaluate at one time (Unix seconds). Raises QueryError."""
        return self.ask(expr, at).result

    def query_range(self, expr: str, start: float, end: float, step: float) -> Matrix:
        """Evaluate at start, start+step, ... end (seconds). Raises QueryError."""
        return self.ask_range(expr, start, end, step).result

    def ask(self, expr: str, at: float, terms: Terms = PLAIN) -> Answer[QueryResult]:
        """As ``query``, with warnings and infos."""
        tree = answers.parsed(expr)
        context = self._reaching(tree, self._context(np.array([_ms(at)]), terms=terms))
        return answers.annotated(answers.instant(tree, context), context, expr)

    def ask_range(
        self, expr: str, start: float, end: float, step: float, terms: Terms = PLAIN
    ) -> Answer[Matrix]:
        """As ``query_range``, with warnings and infos."""
        first, last, step_ms = _ms(start), _ms(end), _ms(step)
        if step_ms <= 0:
            text = "zero or negative query resolution step widths are not accepted. Try a positive integer"
            raise QueryError(ErrorKind.BAD_DATA, text)
        if last < first:
            raise QueryError(ErrorKind.BAD_DATA, "end timestamp must not be before start time")
        check_steps((last - first) // step_ms, self._limits)
        tree = answers.parsed(expr)
        context = self._reaching(tree, self._context(np.arange(first, last + 1, step_ms), last, terms))
        return answers.annotated(answers.over_range(tree, context), context, expr)

    def freshness(self, expr: str, at: float) -> float | None:
        """Age in seconds of the oldest newest-sample over the selectors; see ``Asker.freshness``.

        A selector is as old as the oldest of the series that it gives now; where all of its series are stale
        or gone, as old as the newest sample of any of them.
        """
        tree = answers.parsed(expr)
        return inputs.freshness(tree, self._reaching(tree, self._context(np.array([_ms(at)]))))

    def origins(self, expr: str, at: float) -> frozenset[str]:
        """The origins whose series the selectors matched within the lookback; see ``Asker.origins``."""
        tree = answers.parsed(expr)
        return inputs.origins(tree, self._reaching(tree, self._context(np.array([_ms(at)]))))

    def series(self, selectors: Sequence[str], start: float, end: float) -> tuple[Labels, ...]:
        """Label sets with a sample in [start, end] that match any of the selector texts, sorted."""
        snapshot = self._long_snapshot((_edge_ms(start), _edge_ms(end)))
        found: set[Labels] = set()
        for matchers in [parse_selector(text) for text in selectors]:
            selection = snapshot.select(matchers)
            found.update(inputs.with_samples(selection, _edge_ms(start) - 1, _edge_ms(end)))
        return tuple(sorted(found))

    def label_names(
        self, selectors: Sequence[str] = (), start: float = -math.inf, end: float = math.inf
    ) -> tuple[str, ...]:
        """Label names in use, sorted; of the series that match, when selectors are given.

        Names go with their series, so a time only decides whether anything was kept then at all.
        """
        chosen = self._matched(selectors)
        if not self._reaches(start, end):
            return ()
        if not selectors:
            return tuple(self._index.names())
        return tuple(sorted({name for sets in chosen for labels in sets.labels for name, _ in labels}))

    def label_values(
        self, name: str, selectors: Sequence[str] = (), start: float = -math.inf, end: float = math.inf
    ) -> tuple[str, ...]:
        """Values of one label, sorted; of the series that match, when selectors are given."""
        chosen = self._matched(selectors)
        if not self._reaches(start, end):
            return ()
        if not selectors:
            return tuple(self._index.values(name))
        found = {label(labels, name) for sets in chosen for labels in sets.labels}
        return tuple(sorted(found - {""}))

    def metadata(self) -> Mapping[str, Metadata]:
        """What the last expositions said of each metric, by metric name."""
        return dict(self._metadata)

    @property
    def series_count(self) -> int:
        """Series in memory."""
        return len(self._index)

    @property
    def holds_from(self) -> float | None:
        """Since when every row is here, in memory or on disk (Unix seconds); None before the first one."""
        views = [feed.grid.view.times for feed in tuple(self._feeds.values())]
        firsts = [int(times[0]) for times in views if len(times)]
        begins = [max(min(firsts), self._swept_ms - self._keep_ms)] if firsts else []
        if self._shelf is not None:
            # The first block may begin with the first row that there ever was, anywhere in it.
            begins += [start + BLOCK_MS for start in self._shelf.blocks.starts[:1]]
        return min(begins) / 1000.0 if begins else None

    @property
    def clock_set_back(self) -> int:
        """How often an origin's clock was found to have been set back."""
        return sum(feed.set_back for feed in tuple(self._feeds.values()))

    def keep(self) -> None:
        """One turn of the store's own thread: make rows safe, seal a block, forget files. Raises OSError."""
        if self._shelf is not None:
            self._shelf.write_ahead.sync()
            if self._seal_next(self._shelf):
                self._shelf.retain(self._newest_ms)
            self._shelf.forget_rows(self._newest_ms - self._keep_ms, self._unsealed)

    def _seal_next(self, shelf: Shelf) -> bool:
        """Seal the oldest block that no row is to be expected for any more."""
        now = self._newest_ms
        due = [
            block
            for block in tuple(self._unsealed)
            if block + BLOCK_MS + _GRACE_MS <= now and block not in self._given_up
        ]
        if not due or time.monotonic() < self._seal_at:
            return False
        block = min(due)
        # A row that comes from now on puts it back among the unsealed.
        self._sealing = {block}
        self._unsealed.discard(block)
        done = sealing.seal(shelf, block, self._feeds, self._index)
        if not done:
            self._unsealed.add(block)
            self._seal_at = time.monotonic() + _SEAL_AGAIN_SECONDS
        self._sealing = set()
        return done

    def _recall(self, shelf: Shelf) -> None:
        sealed = shelf.sealed_without_rows()
        if sealed is not None:
            # Memory has no holes: what is older than rows that are sealed alone is sealed now, or later.
            sealing.seal_rows_before(shelf, sealed)
            self._memory_since = sealed
        for row in shelf.recall(self._memory_since):
            self._feed(row.origin).recall(row)
            self._newest_ms = row.at
        self._unsealed = shelf.unsealed()
        self._given_up = {block for block in self._unsealed if block < self._memory_since}

    def _reaching(self, expr: Expr, context: Context) -> Context:
        """The context with sealed blocks in its source, if the expression looks at times before memory."""
        if self._history is None:
            return context
        touched = extent(expr, context)
        if touched[0] >= self._memory_since:
            return context
        return replace(context, source=self._long_snapshot(touched))

    def _long_snapshot(self, touched: Extent) -> Snapshot:
        if self._history is None or touched[0] >= self._memory_since:
            return self._snapshot()
        return LongSnapshot(self._index, self._grid, self._history, touched)

    def _grid(self, origin: str) -> Grid:
        feed = self._feeds.get(origin)
        return feed.grid if feed is not None else Grid()

    def _feed(self, origin: str) -> Feed:
        feed = self._feeds.get(origin)
        if feed is None:
            with self._lock:
                feed = self._feeds.setdefault(origin, Feed(origin, self._index))
        return feed

    def _sweep(self, at: int) -> None:
        """Drop old chunks of every origin, now and then; batches bring the time along."""
        if abs(at - self._swept_ms) < _SWEEP_MS or not self._lock.acquire(blocking=False):
            return
        try:
            self._swept_ms = at
            feeds = list(self._feeds.values())
        finally:
            self._lock.release()
        floor = at - self._keep_ms
        if self._shelf is not None:
            waiting = (self._unsealed | self._sealing) - self._given_up
            floor = min(floor, max(min(waiting, default=floor), floor - _UNSEALED_MS))
            # These are sealed from their write-ahead files at the next start.
            self._given_up |= {block for block in waiting if block < floor}
            self._memory_since = max(self._memory_since, floor)
        for feed in feeds:
            feed.drop_before(floor)

    def _snapshot(self) -> Snapshot:
        return Snapshot(self._index, self._grid)

    def _context(self, times: Times, end_ms: int | None = None, terms: Terms = PLAIN) -> Context:
        """What stays the same during a question; its end may lie behind its last step."""
        return Context(
            source=self._snapshot(),
            times=times,
            start_ms=int(times[0]),
            end_ms=int(times[-1]) if end_ms is None else end_ms,
            lookback_ms=self._lookback_ms if terms.lookback is None else _ms(terms.lookback),
            subquery_step_ms=self._subquery_step_ms,
            delayed=self._delayed,
            budget=Budget(self._limits.max_samples, terms.goes_on),
            notes=Notes(),
        )

    def _matched(self, selectors: Sequence[str]) -> list[LabelSets]:
        snapshot = self._snapshot()
        return [snapshot.select(matchers).sets for matchers in [parse_selector(text) for text in selectors]]

    def _reaches(self, start: float, end: float) -> bool:
        """Whether any row lies in [start, end]."""
        first, last = _edge_ms(start), _edge_ms(end)
        views = [feed.grid.view.times for feed in list(self._feeds.values())]
        return any(len(at) and int(at[0]) <= last and first <= int(at[-1]) for at in views) and first <= last


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _edge_ms(seconds: float) -> int:
    """The same for an edge of time, which may be infinite."""
    return _ms(max(-_EDGE_SECONDS, min(seconds, _EDGE_SECONDS)))
