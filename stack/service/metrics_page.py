"""The page at ``/actuator/prometheus``; everything on it is read at the moment it is asked for."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from stack.service.breaker import BreakerState, failure_rate, slow_rate
from stack.service.breaker_guard import BreakerGuard
from stack.service.concerts_cache import ConcertsCache
from stack.service.exposition import Page, labels_text
from stack.service.http_meters import HttpMeters
from stack.service.lever_board import LeverBoard
from stack.service.pool import POOL_NAME, FairPool
from stack.service.queue_loop import QueueLoop

POOL_LABELS = labels_text({"pool": POOL_NAME})
CONNECTOR_LABELS = labels_text({"name": "http-nio"})
MAXIMUM_CONNECTIONS = 8192


@dataclass(frozen=True, slots=True)
class ThreadReading:
    """Request threads: at work, alive, at most; and open connections of the public port."""

    busy: int
    current: int
    maximum: int
    connections: int


class MetricsPage:
    """Writes the page from the live parts."""

    def __init__(
        self,
        *,
        http_meters: HttpMeters,
        pool: FairPool,
        guard: BreakerGuard,
        loop: QueueLoop,
        board: LeverBoard,
        cache: ConcertsCache,
        threads: Callable[[], ThreadReading],
        clock: Callable[[], float],
    ) -> None:
        self._http_meters = http_meters
        self._pool = pool
        self._guard = guard
        self._loop = loop
        self._board = board
        self._cache = cache
        self._threads = threads
        self._clock = clock
        self._process = ProcessMeters(clock)

    def text(self) -> str:
        """The page in the Prometheus text format."""
        page = Page()
        self._http_meters.write(page)
        self._write_threads(page)
        write_pool(page, self._pool)
        write_breaker(page, self._guard)
        write_queue(page, self._loop, self._board, self._clock())
        self._write_cache(page)
        self._process.write(page)
        return page.text()

    def _write_threads(self, page: Page) -> None:
        reading = self._threads()
        for name, value, explained in (
            ("tomcat_threads_busy_threads", reading.busy, "Request threads at work."),
            ("tomcat_threads_current_threads", reading.current, "Request threads alive."),
            ("tomcat_threads_config_max_threads", reading.maximum, "Request threads at most."),
            ("tomcat_connections_current_connections", reading.connections, "Open connections."),
            ("tomcat_connections_config_max_connections", MAXIMUM_CONNECTIONS, "Open connections at most."),
        ):
            page.gauge(name, value, explained, CONNECTOR_LABELS)

    def _write_cache(self, page: Page) -> None:
        reading = self._cache.reading()
        page.family("cache_gets_total", "counter", "Look-ups in the cache by result.")
        for result, count in (("hit", reading.hits), ("miss", reading.misses)):
            page.sample("cache_gets_total", count, labels_text({"cache": reading.name, "result": result}))


def write_pool(page: Page, pool: FairPool) -> None:
    """HikariCP's meters."""
    reading = pool.reading()
    for suffix, value, explained in (
        ("", reading.total, "Connections open."),
        ("_active", reading.active, "Connections in use."),
        ("_idle", reading.idle, "Connections open and free."),
        ("_pending", reading.waiting, "Requests waiting for a connection."),
        ("_max", reading.maximum, "Connections at most."),
        ("_min", reading.maximum, "Connections at least."),
    ):
        page.gauge(f"hikaricp_connections{suffix}", value, explained, POOL_LABELS)
    meters = pool.meters
    now = time.monotonic()
    for suffix, timer, explained in (
        ("acquire", meters.acquire, "Wait for a connection, recorded when it ends."),
        ("usage", meters.usage, "Time a connection was in use."),
        ("creation", meters.creation, "Time to open a connection."),
    ):
        page.timers(f"hikaricp_connections_{suffix}_seconds", explained, {POOL_LABELS: timer.read(now)})
    page.counter(
        "hikaricp_connections_timeout_total",
        meters.timeouts.value,
        "Waits that ended without one.",
        POOL_LABELS,
    )


def write_breaker(page: Page, guard: BreakerGuard) -> None:
    """Resilience4j's meters."""
    prefix, breaker, name = "resilience4j_circuitbreaker", guard.breaker, {"name": guard.name}
    page.family(f"{prefix}_state", "gauge", "1 for the state the breaker is in.")
    for state in BreakerState:
        labels = labels_text({**name, "state": state.lower()})
        page.sample(f"{prefix}_state", breaker.state is state, labels)
    failed = sum(call.failed for call in breaker.window)
    slow = [call.failed for call in breaker.window if call.slow]
    _by_kind(page, f"{prefix}_buffered_calls", name, len(breaker.window) - failed, failed)
    _by_kind(page, f"{prefix}_slow_calls", name, len(slow) - sum(slow), sum(slow))
    labels = labels_text(name)
    page.gauge(
        f"{prefix}_failure_rate", failure_rate(breaker, guard.rules), "Percent, -1: too few calls.", labels
    )
    page.gauge(
        f"{prefix}_slow_call_rate", slow_rate(breaker, guard.rules), "Percent, -1: too few calls.", labels
    )
    not_permitted = labels_text({"kind": "not_permitted", **name})
    page.counter(
        f"{prefix}_not_permitted_calls_total", guard.not_permitted.value, "Refused calls.", not_permitted
    )
    now = time.monotonic()
    kinds = {"successful": guard.successful, "failed": guard.failed}
    readings = {labels_text({"kind": kind, **name}): timer.read(now) for kind, timer in kinds.items()}
    page.timers(f"{prefix}_calls_seconds", "Calls that were let through.", readings)


def _by_kind(page: Page, name: str, labels: dict[str, str], successful: int, failed: int) -> None:
    page.family(name, "gauge", "Calls in the window by result.")
    page.sample(name, successful, labels_text({"kind": "successful", **labels}))
    page.sample(name, failed, labels_text({"kind": "failed", **labels}))


def write_queue(page: Page, loop: QueueLoop, board: LeverBoard, now: float) -> None:
    """The waiting queue; how many wait and act is unknown, hence absent, while Valkey is away."""
    meters, crowd = loop.meters, loop.crowd
    for name, counter, explained in (
        ("queue_issued_total", meters.issued, "Tokens issued."),
        ("queue_admitted_total", meters.admitted, "Users let in."),
        (
            "queue_abandoned_total",
            meters.abandoned,
            "Waiting tokens dropped because nobody asked about them.",
        ),
        ("queue_rejected_total", meters.rejected, "Tokens refused because the line was full."),
        ("queue_put_back_total", meters.put_back, "Active users sent back to the head of the line."),
        ("queue_silent_total", meters.silent, "Slots that ended by silence."),
    ):
        page.counter(name, counter.value, explained)
    page.gauge("queue_admission_limit", board.admission.number, "Users let in per 10 s at most.")
    page.gauge("queue_active_cap", board.active_users.number, "Active users at most.")
    page.gauge(
        "queue_admitted_last_period", loop.admitted_last_period, "Users let in during the last 10 s period."
    )
    if crowd is None:
        return
    oldest = 0.0 if crowd.oldest_since is None else max(0.0, now - crowd.oldest_since)
    page.gauge("queue_waiting", crowd.waiting, "Users waiting to be let in.")
    page.gauge("queue_active", crowd.active, "Users let in and not done.")
    page.gauge("queue_oldest_wait_seconds", oldest, "How long the first in line has waited.")


class ProcessMeters:
    """The process and its host, as Micrometer names them; usage is since the last reading."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._process = psutil.Process()
        self._started = self._process.create_time()
        self._lock = threading.Lock()
        self._last = (time.monotonic(), time.process_time())
        psutil.cpu_percent(None)

    def write(self, page: Page) -> None:
        """Write the family of each."""
        for name, value, explained in (
            ("process_cpu_usage", self._usage(), "Share of all processors used by this process."),
            ("system_cpu_usage", psutil.cpu_percent(None) / 100, "Share of all processors used by all."),
            ("system_cpu_count", os.cpu_count() or 1, "Processors."),
            ("system_load_average_1m", os.getloadavg()[0], "Load average of the last minute."),
            ("process_uptime_seconds", self._clock() - self._started, "Age of the process."),
            ("process_start_time_seconds", self._started, "Start of the process, Unix time."),
            ("process_resident_memory_bytes", self._process.memory_info().rss, "Resident memory."),
            ("process_files_open_files", self._process.num_fds(), "Open file descriptors."),
            ("jvm_threads_live_threads", threading.active_count(), "Threads alive."),
        ):
            page.gauge(name, value, explained)

    def _usage(self) -> float:
        with self._lock:
            wall, cpu = time.monotonic(), time.process_time()
            passed, used = wall - self._last[0], cpu - self._last[1]
            self._last = (wall, cpu)
        return used / passed / (os.cpu_count() or 1) if passed > 0 else 0.0
