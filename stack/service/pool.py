"""A database pool that waits as HikariCP does: strictly first come, first served, and never for ever.

SQLAlchemy's own queue pool lets a newcomer take a connection that was meant for somebody who already waits.
Here a returned connection goes straight into the hands of the first waiter, so nobody can barge.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import TimeoutError as WaitTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from stack.service.log_file import logger
from stack.service.meters import Counter, Timer

POOL_NAME = "HikariPool-1"


class PoolTimeoutError(WaitTimeoutError):
    """No connection within the wait; the text is HikariCP's."""


class PoolClosedError(RuntimeError):
    """The service is stopping: nobody gets a connection any more."""

    def __init__(self) -> None:
        super().__init__(f"{POOL_NAME} has been closed")


@dataclass(frozen=True, slots=True)
class PoolReading:
    """The pool at one moment; connections, and requests that wait for one."""

    total: int
    active: int
    idle: int
    waiting: int
    maximum: int

    def __str__(self) -> str:
        return f"(total={self.total}, active={self.active}, idle={self.idle}, waiting={self.waiting})"


class PoolMeters:
    """What HikariCP counts and times."""

    def __init__(self) -> None:
        self.acquire = Timer()
        self.usage = Timer()
        self.creation = Timer()
        self.timeouts = Counter()


class _Waiter:
    """One request in the line. ``record`` is what it was handed; None means: open a connection yourself."""

    __slots__ = ("called", "record", "served")

    def __init__(self) -> None:
        self.called = threading.Event()
        self.served = False
        self.record: ConnectionPoolEntry | None = None

    def serve(self, record: ConnectionPoolEntry | None) -> None:
        self.record = record
        self.served = True
        self.called.set()


class FairPool(Pool):
    """At most ``size`` connections, handed over in the order of asking.

    A place in the pool outlives its connection: when the database breaks, opening fails at once for whoever
    holds the place, and the place goes to the next in line.

    Raises (from ``connect``):
        PoolTimeoutError: nothing came free within ``timeout`` seconds.
        PoolClosedError: `close` was called.
    """

    def __init__(
        self,
        creator: Callable[[], Any],
        size: int,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        **options: Any,
    ) -> None:
        self.meters = PoolMeters()
        self._clock = clock
        super().__init__(self._timed(creator), **options)
        self._size = size
        self._timeout = timeout
        self._lock = threading.Lock()
        self._idle: list[ConnectionPoolEntry] = []
        self._waiters: deque[_Waiter] = deque()
        self._in_use = 0
        self._taken_at: dict[ConnectionPoolEntry, float] = {}
        self._saturation_told = False
        self._closed = False

    @property
    def maximum(self) -> int:
        """Connections at most."""
        return self._size

    def reading(self) -> PoolReading:
        """The gauges, as they are now."""
        with self._lock:
            return self._reading()

    def resize(self, size: int) -> None:
        """Grow or shrink at run time: growing serves the line, shrinking closes what is or comes free."""
        with self._lock:
            self._size = size
            while self._waiters and self._in_use < size:
                self._in_use += 1
                self._waiters.popleft().serve(None)
            surplus = max(0, min(len(self._idle), self._in_use + len(self._idle) - size))
            closing, self._idle = self._idle[:surplus], self._idle[surplus:]
        for record in closing:
            record.close()

    def close(self) -> None:
        """Refuse everybody from now on, those in the line too, and close what is idle."""
        with self._lock:
            self._closed = True
            for waiter in self._waiters:
                waiter.called.set()
        self.dispose()

    def dispose(self) -> None:
        """Close the idle connections; those in use stay."""
        with self._lock:
            closing, self._idle = self._idle, []
        for record in closing:
            record.close()

    def recreate(self) -> "FairPool":
        """The same pool goes on: its line and its meters must survive ``Engine.dispose``."""
        return self

    def status(self) -> str:
        """HikariCP's short form."""
        return f"{POOL_NAME} {self.reading()}"

    def _do_get(self) -> ConnectionPoolEntry:
        asked = self._clock()
        record = self._take()
        self.meters.acquire.add(self._clock() - asked, self._clock())
        if record is None:
            record = self._opened()
        self._taken_at[record] = self._clock()
        return record

    def _take(self) -> ConnectionPoolEntry | None:
        with self._lock:
            if self._closed:
                raise PoolClosedError
            if self._in_use < self._size:
                self._in_use += 1
                return self._idle.pop() if self._idle else None
            waiter = _Waiter()
            self._waiters.append(waiter)
            saturated = self._newly_saturated()
        if saturated is not None:
            logger().warning("%s - Pool saturated %s", POOL_NAME, saturated)
        waiter.called.wait(self._timeout)
        return self._outcome(waiter)

    def _outcome(self, waiter: _Waiter) -> ConnectionPoolEntry | None:
        with self._lock:
            if not waiter.served:
                self._waiters.remove(waiter)
            self._saturation_told = self._saturation_told and bool(self._waiters)
            if waiter.served:
                return waiter.record
            if self._closed:
                raise PoolClosedError
            reading = self._reading()
        self.meters.timeouts.add()
        text = (
            f"{POOL_NAME} - Connection is not available, "
            f"request timed out after {round(self._timeout * 1000)}ms {reading}"
        )
        logger().error("%s", text)
        raise PoolTimeoutError(text)

    def _opened(self) -> ConnectionPoolEntry:
        try:
            return self._create_connection()
        except BaseException:
            self._pass_on(None)
            raise

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        taken = self._taken_at.pop(record, None)
        # A place whose connection broke served nobody; counting it would fake throughput.
        if taken is not None and record.dbapi_connection is not None:
            now = self._clock()
            self.meters.usage.add(now - taken, now)
        self._pass_on(record)

    def _pass_on(self, record: ConnectionPoolEntry | None) -> None:
        """Give the place to the first in line; with nobody there, keep the connection for later."""
        with self._lock:
            fits = self._in_use <= self._size and not self._closed
            if fits and self._waiters:
                self._waiters.popleft().serve(record)
                return
            self._in_use -= 1
            if record is not None and fits:
                self._idle.append(record)
                return
        if record is not None:
            record.close()

    def _newly_saturated(self) -> PoolReading | None:
        if self._saturation_told or len(self._waiters) < self._size:
            return None
        self._saturation_told = True
        return self._reading()

    def _reading(self) -> PoolReading:
        connected = sum(1 for record in self._idle if record.dbapi_connection is not None)
        return PoolReading(self._in_use + connected, self._in_use, connected, len(self._waiters), self._size)

    def _timed(self, creator: Callable[[], Any]) -> Callable[[], Any]:
        def create() -> Any:
            started = self._clock()
            connection = creator()
            self.meters.creation.add(self._clock() - started, self._clock())
            return connection

        return create
