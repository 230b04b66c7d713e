"""The remote wired to the rest: what is sent, what is read from it, and what people are shown of both."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from metrics.promql.limits import Limits
from metrics.remote.endpoint import Endpoint, read_url, write_url
from metrics.remote.http_call import Caller
from metrics.remote.intake import Bounds
from metrics.remote.long_range import LongRange, Spans
from metrics.remote.reading import RemoteReading
from metrics.remote.seam import Holdings
from metrics.remote.sender import Pace
from metrics.remote.writing import RemoteWrite, WriteStatus
from metrics.store import Store
from metrics.values import AnnotatedAsker
from settings.schema import MetricsSettings, Settings
from web.parts import LoopHealth, RemoteHealth

FOLDER = "remote"
BEHIND_SECONDS = 60.0
"""Samples that wait for longer than this are worth a warning, and so is a remote that was silent so long."""


class Remote:
    """A remote that is configured. Raises OSError when its queue cannot be used."""

    def __init__(self, url: str, settings: Settings, clock: Callable[[], float]) -> None:
        self._settings, self._clock = settings.metrics, clock
        self.writing = RemoteWrite(
            _endpoint(self._settings, write_url(url)),
            settings.data_dir / FOLDER,
            Bounds(self._settings.remote_queue_bytes, self._settings.remote_queue_age),
            Pace(self._settings.remote_batch_samples, self._settings.remote_batch_wait),
            clock,
        )
        asked = read_url(url, self._settings.remote_read_url)
        self._reading = RemoteReading(Caller(_endpoint(self._settings, asked)), time.monotonic)
        self.numbers = RemoteNumbers(self.writing.status)

    def start(self) -> None:
        """Begin to send."""
        self.writing.start()

    def stop(self, within: float) -> None:
        """End; what waits is sent after the next start."""
        self.writing.stop(within)

    def long_range(self, store: Store, asker: AnnotatedAsker) -> LongRange:
        """An asker for pages: the store by its ``asker``, and the remote for what lies before it."""

        def holdings() -> Holdings:
            return Holdings(_ms(store.holds_from), _ms(self.writing.acknowledged_until()))

        limits = Limits(self._settings.max_steps, self._settings.max_samples)
        return LongRange(asker, self._reading, holdings, Spans(self._settings.lookback, limits=limits))

    def loop(self) -> LoopHealth:
        """Whether its threads run; an outage of the remote is no fault of theirs."""
        return LoopHealth("remote", self.writing.status().alive)

    def health(self) -> RemoteHealth:
        """How it does, for the console."""
        status, now = self.writing.status(), self._clock()
        since = status.since if status.trouble else None
        return RemoteHealth(
            host=status.host,
            queue_bytes=status.queue_bytes,
            queue_most_bytes=self._settings.remote_queue_bytes,
            behind=status.behind,
            sent=status.sent,
            lost={reason: count for reason, count in status.lost.items() if count},
            since=since,
            trouble=status.trouble,
            read_trouble=self._reading.trouble,
            late=status.behind > BEHIND_SECONDS or (since is not None and now - since > BEHIND_SECONDS),
        )


class RemoteNumbers(Collector):
    """What was sent, what waits, and what was lost."""

    def __init__(self, status: Callable[[], WriteStatus]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        """Every metric family."""
        now = self._status()
        up = GaugeMetricFamily("showcall_remote_up", "0 while it acknowledges nothing.", labels=["host"])
        up.add_metric([now.host], float(not now.trouble))
        lost = CounterMetricFamily(
            "showcall_remote_samples_lost", "Samples that the remote has not got.", labels=["reason"]
        )
        for reason, count in now.lost.items():
            lost.add_metric([reason], count)
        requests = CounterMetricFamily("showcall_remote_requests", "By outcome.", labels=["outcome"])
        for outcome, count in now.requests.items():
            requests.add_metric([outcome], count)
        yield from (up, lost, requests)
        yield CounterMetricFamily("showcall_remote_samples_sent", "Acknowledged.", value=now.sent)
        yield CounterMetricFamily("showcall_remote_bytes_sent", "Compressed.", value=now.sent_bytes)
        yield CounterMetricFamily("showcall_remote_queue_damaged", "Unreadable pieces.", value=now.damaged)
        yield GaugeMetricFamily("showcall_remote_queue_bytes", "On disk, to send.", value=now.queue_bytes)
        yield GaugeMetricFamily("showcall_remote_behind_seconds", "Of the first waiting.", value=now.behind)


def of(settings: Settings, clock: Callable[[], float]) -> Remote | None:
    """The remote of ``metrics.remote_url``, if there is one. Raises OSError."""
    url = settings.metrics.remote_url
    return None if url is None else Remote(url, settings, clock)


def _endpoint(settings: MetricsSettings, url: str) -> Endpoint:
    return Endpoint(
        url,
        token_file=_absolute(settings.remote_token_file),
        user=settings.remote_user,
        password_file=_absolute(settings.remote_password_file),
        ca_file=_absolute(settings.remote_ca_file),
        timeout=settings.remote_timeout,
        headers=dict(settings.remote_headers),
    )


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
