"""``http_server_requests_seconds`` as Spring Boot exports it: a histogram per method, URI pattern and result.

A request's time runs from its arrival to the end of its answer, the wait for a request thread included:
that is what its user lives through.
"""

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stack.service.exposition import Page, labels_text, number_text
from stack.service.meters import DecayingMax

EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 2.5, 5, 10, 20, 30, 35, 60)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NAME = "http_server_requests_seconds"
ACTIVE_NAME = "http_server_requests_active_seconds"
NO_EXCEPTION = "none"


@dataclass(frozen=True, slots=True)
class RequestKind:
    """The labels of one series. ``uri`` is a pattern such as ``/api/v1/concert/{concertId}/date``."""

    method: str
    uri: str
    status: int
    exception: str = NO_EXCEPTION


@dataclass(slots=True)
class RequestNote:
    """What a handler tells about the request it serves; it travels in the ASGI scope."""

    uri: str | None = None
    exception: str = NO_EXCEPTION


def outcome(status: int) -> str:
    """Spring's word for a class of status codes."""
    names = {1: "INFORMATIONAL", 2: "SUCCESS", 3: "REDIRECTION", 4: "CLIENT_ERROR", 5: "SERVER_ERROR"}
    return names.get(status // 100, "UNKNOWN")


def note_of(scope: Scope) -> RequestNote:
    """The note of the request being served."""
    note: RequestNote = scope["concert.note"]
    return note


@dataclass(slots=True)
class _Series:
    labels: str
    bucket_lines: tuple[str, ...]
    longest: DecayingMax = field(default_factory=DecayingMax)
    buckets: list[int] = field(default_factory=lambda: [0] * (len(EDGES) + 1))
    count: int = 0
    total: float = 0.0


class HttpMeters:
    """All requests since the start, and those being served now.

    Args:
        expected: series that exist with zero from the start, so that a rate sees their first increase.
    """

    def __init__(self, clock: Callable[[], float], expected: tuple[RequestKind, ...] = ()) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._series: dict[RequestKind, _Series] = {kind: _series(kind) for kind in expected}
        self._active: dict[tuple[str, str], dict[int, float]] = {}
        self._serial = 0

    def record(self, kind: RequestKind, seconds: float) -> None:
        """Count one finished request."""
        now = self._clock()
        with self._lock:
            series = self._series.get(kind)
            if series is None:
                series = self._series[kind] = _series(kind)
            series.buckets[bisect_left(EDGES, seconds)] += 1
            series.count += 1
            series.total += seconds
            series.longest.add(seconds, now)

    @contextmanager
    def active(self, method: str, uri: str) -> Iterator[None]:
        """Count a request as being served for as long as the block runs."""
        with self._lock:
            self._serial += 1
            serial = self._serial
            running = self._active.setdefault((method, uri), {})
            running[serial] = self._clock()
        try:
            yield
        finally:
            with self._lock:
                del running[serial]

    def write(self, page: Page) -> None:
        """Write both families."""
        now = self._clock()
        with self._lock:
            lines = [line for series in self._series.values() for line in _histogram_lines(series)]
            longest = [(series.labels, series.longest.read(now)) for series in self._series.values()]
            active = {key: tuple(started.values()) for key, started in self._active.items()}
        page.family(NAME, "histogram", "Time to answer a request, waiting for a thread included.")
        page.lines(lines)
        page.family(f"{NAME}_max", "gauge", "Longest time to answer lately.")
        for labels, value in longest:
            page.sample(f"{NAME}_max", value, labels)
        _write_active(page, active, now)


def _series(kind: RequestKind) -> _Series:
    labels = labels_text(
        {
            "error": kind.exception,
            "exception": kind.exception,
            "method": kind.method,
            "outcome": outcome(kind.status),
            "status": str(kind.status),
            "uri": kind.uri,
        }
    )
    edges = [*(repr(float(edge)) for edge in EDGES), "+Inf"]
    return _Series(labels, tuple(f'{NAME}_bucket{{{labels},le="{edge}"}} ' for edge in edges))


def _histogram_lines(series: _Series) -> Iterator[str]:
    upto = 0
    for line, count in zip(series.bucket_lines, series.buckets, strict=True):
        upto += count
        yield f"{line}{upto}"
    yield f"{NAME}_count{{{series.labels}}} {series.count}"
    yield f"{NAME}_sum{{{series.labels}}} {number_text(series.total)}"


def _write_active(page: Page, active: dict[tuple[str, str], tuple[float, ...]], now: float) -> None:
    waits = {
        labels_text({"method": method, "uri": uri}): [now - moment for moment in started]
        for (method, uri), started in active.items()
    }
    for suffix, explained, measure in (
        ("gcount", "Requests being served now.", len),
        ("gsum", "Seconds spent so far on the requests being served.", sum),
        ("max", "Age of the oldest request being served.", lambda ages: max(ages, default=0.0)),
    ):
        page.family(f"{ACTIVE_NAME}_{suffix}", "gauge", explained)
        for labels, ages in waits.items():
            page.sample(f"{ACTIVE_NAME}_{suffix}", measure(ages), labels)


class MeasuredApp:
    """ASGI: times every request of the application it wraps."""

    def __init__(self, app: ASGIApp, meters: HttpMeters, clock: Callable[[], float]) -> None:
        self._app = app
        self._meters = meters
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event as ASGI asks."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._clock()
        note = scope["concert.note"] = RequestNote()
        status = int(HTTPStatus.INTERNAL_SERVER_ERROR)

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            uri = note.uri or ("NOT_FOUND" if status == HTTPStatus.NOT_FOUND else "UNKNOWN")
            method = scope["method"] if scope["method"] in METHODS else "UNKNOWN"
            kind = RequestKind(method, uri, status, note.exception)
            self._meters.record(kind, self._clock() - started)
