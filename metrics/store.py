"""The embedded store: what was scraped, kept in memory and asked in PromQL."""

import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from metrics.acceptance import LATE_MS
from metrics.disk.shelf import Shelf
from metrics.errors import ErrorKind, QueryError
from metrics.feed import Write, both
from metrics.history import History, LongSnapshot
from metrics.listing import Listing
from metrics.memory import Memory
from metrics.promql import answers, inputs
from metrics.promql.ast import Expr
from metrics.promql.context import Budget, Check, Context
from metrics.promql.extent import Extent, extent
from metrics.promql.frame import Times
from metrics.promql.limits import Limits, check_steps
from metrics.promql.notes import Notes
from metrics.push_feed import WritePush
from metrics.snapshot import Snapshot
from metrics.upkeep import Upkeep
from metrics.values import (
    PLAIN,
    Answer,
    Appended,
    Batch,
    Labels,
    Matrix,
    Metadata,
    Pushed,
    QueryResult,
    Terms,
    always,
)

REFUSALS = ("duplicates", "claimed_elsewhere", "out_of_order", "out_of_bounds")
"""Why pushed samples are not taken; see ``Appended``."""
_SWEEP_MS = 10_000
"""How often grids that nobody appends to are looked at for old samples."""
_EDGE_SECONDS = 9e12
GoesOn = Callable[[], bool]
"""As in ``Terms``."""


class Store:
    """Samples by origin, an index over their labels, and the questions that are asked of them.

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
        push_outlet: the same for pushes.
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
        push_outlet: WritePush | None = None,
    ) -> None:
        self._keep_ms = _ms(keep)
        self._lookback_ms = _ms(lookback)
        self._limits = limits or Limits()
        self._subquery_step_ms = _ms(subquery_step)
        self._delayed = delayed_name_removal
        self._lock = threading.Lock()
        self._memory = Memory(self._keep_ms)
        self._refused: Counter[str] = Counter()
        self._metadata: dict[str, Metadata] = {}
        self._swept_ms = 0
        self._newest_ms = 0
        self._shelf = shelf
        self._write = both(None if shelf is None else shelf.write_ahead.write, outlet)
        self._history = None if shelf is None else History(shelf.blocks)
        self._listing = Listing(self._memory, None if shelf is None else shelf.blocks)
        self._upkeep = None if shelf is None else Upkeep(shelf, self._memory)
        self._push_writes = () if push_outlet is None else (push_outlet,)
        if shelf is not None and self._upkeep is not None:
            self._push_writes = (shelf.write_ahead.write_push, self._upkeep.pushed, *self._push_writes)
            self._upkeep.begin(self._came)

    def append(self, batch: Batch) -> Appended:
        """Keep one look at one origin; a batch that is not newer than the origin's last one is refused."""
        at = _ms(batch.at)
        appended = self._memory.feed(batch.origin).append(batch, at, self._write)
        if batch.metadata:
            self._metadata.update(batch.metadata)
        if not appended.out_of_order:
            self._came(at)
            if self._upkeep is not None:
                self._upkeep.appended(at)
        self._sweep(at)
        return appended

    def push(self, pushed: Pushed) -> Appended:
        """Keep samples with timestamps of their own, as far as ``metrics.acceptance`` takes them.

        Raises:
            ValueError: there are not as many label sets as times and values.
        """
        appended = self._memory.push_feed(pushed.origin).push(pushed, *self._push_writes)
        if pushed.metadata:
            self._metadata.update(pushed.metadata)
        received = _ms(pushed.received)
        self._refuse(appended)
        if appended.stored:
            self._came(received)
        self._sweep(received)
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

    def series(
        self, selectors: Sequence[str], start: float, end: float, goes_on: GoesOn = always
    ) -> tuple[Labels, ...]:
        """Label sets with a sample in [start, end] that match any of the selector texts, sorted."""
        return self._listing.series(selectors, _span(start, end), self._check(goes_on))

    def label_names(
        self,
        selectors: Sequence[str] = (),
        start: float = -math.inf,
        end: float = math.inf,
        goes_on: GoesOn = always,
    ) -> tuple[str, ...]:
        """Label names of what was kept in [start, end], sorted; with selectors, of the series that match."""
        return self._listing.names(selectors, _span(start, end), self._check(goes_on))

    def label_values(
        self,
        name: str,
        selectors: Sequence[str] = (),
        start: float = -math.inf,
        end: float = math.inf,
        goes_on: GoesOn = always,
    ) -> tuple[str, ...]:
        """Values of one label in the same, sorted."""
        return self._listing.values(name, selectors, _span(start, end), self._check(goes_on))

    def metadata(self) -> Mapping[str, Metadata]:
        """What the last expositions said of each metric, by metric name."""
        return dict(self._metadata)

    @property
    def series_count(self) -> int:
        """Series in memory."""
        return len(self._memory.index)

    @property
    def holds_from(self) -> float | None:
        """Since when every row is here, in memory or on disk (Unix seconds); None before the first one."""
        firsts = [first for first, _ in self._memory.spans()]
        begins = [max(min(firsts), self._swept_ms - self._keep_ms)] if firsts else []
        sealed = None if self._shelf is None else self._shelf.blocks.rows_from()
        if sealed is not None:
            begins.append(sealed)
        return min(begins) / 1000.0 if begins else None

    @property
    def refused(self) -> Mapping[str, int]:
        """How many pushed samples were not taken, by reason (``REFUSALS``)."""
        with self._lock:
            return dict(self._refused)

    @property
    def clock_set_back(self) -> int:
        """How often an origin's clock was found to have been set back."""
        return self._memory.set_back

    def keep(self) -> None:
        """One turn of the store's own thread: make rows safe, seal a block, forget files. Raises OSError."""
        if self._upkeep is not None:
            self._upkeep.turn(self._newest_ms, self._keep_ms)

    def _refuse(self, appended: Appended) -> None:
        with self._lock:
            for reason in REFUSALS:
                self._refused[reason] += getattr(appended, reason)

    def _came(self, at: int) -> None:
        self._newest_ms = at

    def _reaching(self, expr: Expr, context: Context) -> Context:
        """The context with all holders in its source, if memory's present ones do not tell everything.

        They do not of times before memory, nor of series that others brought before them.
        """
        if self._history is None or self._upkeep is None:
            return context
        touched = extent(expr, context)
        if touched[0] >= self._upkeep.memory_since and not self._memory.index.has_former:
            return context
        source = LongSnapshot(self._memory, self._history, touched, context.budget)
        return replace(context, source=source, file_ms=source.file_ms)

    def _sweep(self, at: int) -> None:
        """Drop what is old of every origin, now and then; what comes brings the time along."""
        if abs(at - self._swept_ms) < _SWEEP_MS or not self._lock.acquire(blocking=False):
            return
        try:
            self._swept_ms = at
        finally:
            self._lock.release()
        rows = points = at - self._keep_ms
        if self._upkeep is not None:
            rows, points = self._upkeep.may_forget(rows)
        # Points may come that late; what was there already must be known.
        self._memory.drop_before(rows, min(points, at - LATE_MS))

    def _context(self, times: Times, end_ms: int | None = None, terms: Terms = PLAIN) -> Context:
        """What stays the same during a question; its end may lie behind its last step."""
        return Context(
            source=Snapshot(self._memory),
            times=times,
            start_ms=int(times[0]),
            end_ms=int(times[-1]) if end_ms is None else end_ms,
            lookback_ms=self._lookback_ms if terms.lookback is None else _ms(terms.lookback),
            subquery_step_ms=self._subquery_step_ms,
            delayed=self._delayed,
            budget=Budget(self._limits.max_samples, terms.goes_on),
            notes=Notes(),
        )

    def _check(self, goes_on: GoesOn) -> Check:
        return Budget(self._limits.max_samples, goes_on).check_time


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _span(start: float, end: float) -> Extent:
    """Two times in milliseconds, which may be infinite."""
    first, last = (_ms(max(-_EDGE_SECONDS, min(edge, _EDGE_SECONDS))) for edge in (start, end))
    return first, last
