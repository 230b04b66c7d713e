"""Asking the remote by Prometheus' HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias
from urllib.parse import urlencode

import numpy as np

from metrics.errors import ErrorKind, QueryError
from metrics.remote.endpoint import CredentialsError
from metrics.remote.http_call import Caller, CallError, Reply
from metrics.values import (
    Answer,
    Matrix,
    Points,
    QueryResult,
    Sample,
    Scalar,
    String,
    Vector,
    labels_of,
)

_MOST_BYTES = 64 * 2**20
_REST_SECONDS = 10.0
_TOGETHER = 2
_PATIENCE_SECONDS = 2.0
_REMEMBERED_SECONDS = 30.0
_REMEMBERED = 64
USUAL_LOOKBACK = 300.0
"""What a server takes that is not told otherwise, in seconds."""
_HEADERS = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Showcall"}

Json: TypeAlias = Any
_Asked: TypeAlias = tuple[str, int, int, int, float]


class RemoteReading:
    """Asks a server with Prometheus' API. Every question has the caller's deadline.

    After a call that got no answer the same is said for ten seconds without another call, so that a page with
    many questions is held up once; two questions are asked at a time, and the same range is asked again after
    half a minute only. Raises QueryError; its text names the host.
    """

    def __init__(self, caller: Caller, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._caller, self._monotonic = caller, monotonic
        self._rest: tuple[float, QueryError] | None = None
        self._turns = threading.BoundedSemaphore(_TOGETHER)
        self._known: OrderedDict[_Asked, tuple[float, Answer[Matrix]]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def host(self) -> str:
        """Host and port."""
        return self._caller.endpoint.host

    @property
    def trouble(self) -> str:
        """Why the last question within the last ten seconds got no answer; empty when it did."""
        rest = self._resting()
        return "" if rest is None else rest.message

    def at(self, expr: str, at_ms: int, lookback: float = USUAL_LOOKBACK) -> Answer[QueryResult]:
        """Ask at one time; ``lookback`` in seconds."""
        form = {"query": expr, "time": _seconds(at_ms), **_looking_back(lookback)}
        return _answer(self._asked("query", form), self.host)

    def over(
        self, expr: str, start_ms: int, end_ms: int, step_ms: int, lookback: float = USUAL_LOOKBACK
    ) -> Answer[Matrix]:
        """Ask at start, start + step, ... end; ``lookback`` in seconds."""
        key = expr, start_ms, end_ms, step_ms, lookback
        with self._lock:
            known = self._known.get(key)
        if known is not None and self._monotonic() < known[0]:
            return known[1]
        found = self._over(*key)
        with self._lock:
            self._known[key] = (self._monotonic() + _REMEMBERED_SECONDS, found)
            self._known.move_to_end(key)
            while len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

    def _over(self, expr: str, start_ms: int, end_ms: int, step_ms: int, lookback: float) -> Answer[Matrix]:
        times = {"start": _seconds(start_ms), "end": _seconds(end_ms), "step": _seconds(step_ms)}
        form = {"query": expr, **times, **_looking_back(lookback)}
        found = _answer(self._asked("query_range", form), self.host)
        if not isinstance(found.result, Matrix):
            raise _failed(self.host, "no matrix in its answer")
        return Answer(found.result, found.warnings, found.infos)

    def _asked(self, call: str, form: Mapping[str, str]) -> Json:
        if not self._turns.acquire(timeout=_PATIENCE_SECONDS):
            raise _failed(self.host, f"{_TOGETHER} questions wait for its answers already", ErrorKind.TIMEOUT)
        try:
            return self._answered(call, form)
        finally:
            self._turns.release()

    def _answered(self, call: str, form: Mapping[str, str]) -> Json:
        rest = self._resting()
        if rest is not None:
            raise QueryError(rest.kind, rest.message)
        try:
            reply = self._caller.post(f"/api/v1/{call}", urlencode(form).encode(), _HEADERS, _MOST_BYTES)
        except CallError as error:
            raise self._rested(str(error), timed_out=error.timed_out) from None
        except CredentialsError as error:
            raise self._rested(str(error), timed_out=False) from None
        self._rest = None
        return _document(reply, self.host)

    def _rested(self, reason: str, *, timed_out: bool) -> QueryError:
        kind = ErrorKind.TIMEOUT if timed_out else ErrorKind.EXECUTION
        error = QueryError(kind, f"remote: {reason}")
        self._rest = (self._monotonic() + _REST_SECONDS, error)
        return error

    def _resting(self) -> QueryError | None:
        rest = self._rest
        return None if rest is None or self._monotonic() >= rest[0] else rest[1]


def _document(reply: Reply, host: str) -> Json:
    try:
        document = json.loads(reply.body)
        if document["status"] == "success":
            return document
        kind = ErrorKind.TIMEOUT if document.get("errorType") == "timeout" else ErrorKind.EXECUTION
        raise _failed(host, str(document["error"])[:500], kind)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise _failed(host, f"HTTP {reply.status}: {reply.text or 'no answer of Prometheus API'}") from None


def _answer(document: Json, host: str) -> Answer[QueryResult]:
    try:
        data = document["data"]
        result = _result(data["resultType"], data["result"])
        return Answer(result, _notes(document, "warnings"), _notes(document, "infos"))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise _failed(host, "its answer has not the form of Prometheus' API") from None


def _result(kind: str, found: Json) -> QueryResult:
    match kind:
        case "matrix":
            series = [_points(labels_of(row["metric"]), row["values"]) for row in found]
            return Matrix(tuple(sorted(series, key=lambda points: points.labels)))
        case "vector":
            rows = [(labels_of(row["metric"]), row["value"]) for row in found]
            return Vector(tuple(Sample(labels, float(value), float(at)) for labels, (at, value) in rows))
        case "scalar":
            return Scalar(float(found[1]), float(found[0]))
        case "string":
            return String(str(found[1]), float(found[0]))
        case _:
            raise ValueError(kind)


def _points(labels: Any, values: Sequence[Json]) -> Points:
    at = np.array([pair[0] for pair in values], dtype=np.float64)
    return Points(labels, at, np.array([float(pair[1]) for pair in values], dtype=np.float64))


def _notes(document: Json, key: str) -> tuple[str, ...]:
    return tuple(str(note)[:500] for note in document.get(key) or ())


def _failed(host: str, reason: str, kind: ErrorKind = ErrorKind.EXECUTION) -> QueryError:
    return QueryError(kind, f"remote: {host}: {reason}")


def _looking_back(lookback: float) -> dict[str, str]:
    return {} if lookback == USUAL_LOOKBACK else {"lookback_delta": f"{lookback:.3f}"}


def _seconds(at_ms: int) -> str:
    return f"{at_ms // 1000}.{at_ms % 1000:03d}"
