"""One asker over both: long ranges from the remote and the embedded store, joined at one instant.

For pages and the HTTP API alone. Rules, guards and verification are given the store itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from metrics.errors import QueryError
from metrics.promql.answers import parsed
from metrics.promql.limits import Limits, check_steps
from metrics.remote.reach import Reach, reach
from metrics.remote.reading import RemoteReading
from metrics.remote.seam import Holdings, seam
from metrics.values import (
    PLAIN,
    AnnotatedAsker,
    Answer,
    Labels,
    Matrix,
    Points,
    QueryResult,
    Terms,
)


@dataclass(frozen=True, slots=True)
class Seam:
    """Before ``at`` (Unix seconds) a page shows what the remote ``host`` has, from then on our own."""

    at: float
    host: str


@dataclass(frozen=True, slots=True)
class Spans:
    """How the store looks back (seconds), and how many steps a range may have."""

    lookback: float = 300.0
    subquery_step: float = 60.0
    limits: Limits = field(default_factory=Limits)


class LongRange:
    """Asks the store for what it holds and the remote for what lies before.

    Where the remote does not answer, the store's part is given with a warning; where nothing of a question is
    the store's, QueryError is raised.

    Args:
        holdings: what each side has now.
    """

    def __init__(
        self,
        store: AnnotatedAsker,
        remote: RemoteReading,
        holdings: Callable[[], Holdings],
        spans: Spans | None = None,
    ) -> None:
        self._store, self._remote, self._holdings = store, remote, holdings
        self._spans = spans or Spans()

    def query(self, expr: str, at: float) -> QueryResult:
        """Ask at one time. Raises QueryError."""
        return self.ask(expr, at).result

    def query_range(self, expr: str, start: float, end: float, step: float) -> Matrix:
        """Ask at start, start + step, ... end. Raises QueryError."""
        return self.ask_range(expr, start, end, step).result

    def ask(self, expr: str, at: float, terms: Terms = PLAIN) -> Answer[QueryResult]:
        """As ``query``, with warnings and infos."""
        if self._seam([expr], at, terms) <= _ms(at):
            return self._store.ask(expr, at, terms)
        return self._remote.at(expr, _ms(at), self._lookback(terms))

    def ask_range(
        self, expr: str, start: float, end: float, step: float, terms: Terms = PLAIN
    ) -> Answer[Matrix]:
        """As ``query_range``, with warnings and infos."""
        return self.joined(expr, start, end, step, seam_ms=self._seam([expr], start, terms), terms=terms)

    def freshness(self, expr: str, at: float) -> float | None:
        """The store's alone."""
        return self._store.freshness(expr, at)

    def origins(self, expr: str, at: float) -> frozenset[str]:
        """The store's alone."""
        return self._store.origins(expr, at)

    def page(self, exprs: Sequence[str], start: float, end: float) -> "Page":
        """What a page asks that shows all of these from ``start`` to ``end``: one seam for all of them."""
        return Page(self, self._seam(exprs, start, PLAIN), start, end, self._remote.host)

    def joined(
        self, expr: str, start: float, end: float, step: float, *, seam_ms: int, terms: Terms = PLAIN
    ) -> Answer[Matrix]:
        """A range with a given seam (milliseconds)."""
        first, last, step_ms = _ms(start), _ms(end), _ms(step)
        if seam_ms <= first or step_ms <= 0 or last < first:
            return self._store.ask_range(expr, start, end, step, terms)
        check_steps((last - first) // step_ms, self._spans.limits)
        ours = first + -(-(seam_ms - first) // step_ms) * step_ms
        if ours > last:
            return self._remote.over(expr, first, last, step_ms, self._lookback(terms))
        try:
            theirs = self._remote.over(expr, first, ours - step_ms, step_ms, self._lookback(terms))
        except QueryError as error:
            return _without(self._store.ask_range(expr, start, end, step, terms), error, seam_ms)
        return _both(theirs, self._store.ask_range(expr, ours / 1000.0, end, step, terms))

    def _seam(self, exprs: Sequence[str], start: float, terms: Terms) -> int:
        reaches = [self._reach(expr, self._lookback(terms)) for expr in exprs]
        return seam(reaches, _ms(start), self._holdings())

    def _lookback(self, terms: Terms) -> float:
        return self._spans.lookback if terms.lookback is None else terms.lookback

    def _reach(self, expr: str, lookback: float) -> Reach:
        return reach(parsed(expr), _ms(lookback), _ms(self._spans.subquery_step))


class Page:
    """An asker for the ranges of one page; ``troubles`` tells once each what the remote could not answer."""

    def __init__(self, asker: LongRange, seam_ms: int, start: float, end: float, host: str) -> None:
        self._asker, self._seam_ms = asker, seam_ms
        self.troubles: list[str] = []
        within = _ms(start) < seam_ms
        self.seam = Seam(min(seam_ms / 1000.0, end), host) if within else None

    def query(self, expr: str, at: float) -> QueryResult:
        """As the long range."""
        return self._asker.query(expr, at)

    def query_range(self, expr: str, start: float, end: float, step: float) -> Matrix:
        """As the long range, with the page's seam."""
        try:
            found = self._asker.joined(expr, start, end, step, seam_ms=self._seam_ms)
        except QueryError as error:
            self._tell(error.message)
            raise
        for warning in found.warnings:
            if warning.startswith("remote: "):
                self._tell(warning)
        return found.result

    def freshness(self, expr: str, at: float) -> float | None:
        """As the long range."""
        return self._asker.freshness(expr, at)

    def origins(self, expr: str, at: float) -> frozenset[str]:
        """As the long range."""
        return self._asker.origins(expr, at)

    def _tell(self, text: str) -> None:
        if text not in self.troubles:
            self.troubles.append(text)


def _both(theirs: Answer[Matrix], ours: Answer[Matrix]) -> Answer[Matrix]:
    parts: dict[Labels, list[Points]] = {}
    for points in (*theirs.result.series, *ours.result.series):
        parts.setdefault(points.labels, []).append(points)
    series = tuple(_end_to_end(labels, found) for labels, found in sorted(parts.items()))
    return Answer(
        Matrix(series),
        tuple(dict.fromkeys((*theirs.warnings, *ours.warnings))),
        tuple(dict.fromkeys((*theirs.infos, *ours.infos))),
    )


def _end_to_end(labels: Labels, found: Sequence[Points]) -> Points:
    if len(found) == 1:
        return found[0]
    at, values = [points.at for points in found], [points.values for points in found]
    return Points(labels, np.concatenate(at), np.concatenate(values))


def _without(ours: Answer[Matrix], error: QueryError, seam_ms: int) -> Answer[Matrix]:
    """What the store has, and what is missing."""
    since = datetime.fromtimestamp(seam_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    text = f"{error.message}; before {since} only what the store holds is shown"
    return Answer(ours.result, (text, *ours.warnings), ours.infos)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
