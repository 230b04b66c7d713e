"""The fair pool: order of service, waits that end, and a database that breaks."""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError

from stack.service.log_file import LOGGER_NAME
from stack.service.pool import FairPool, PoolClosedError, PoolReading, PoolTimeoutError
from tests.stack.service_rig import eventually


def open_sqlite() -> Any:
    return sqlite3.connect(":memory:", check_same_thread=False)


def pooled(
    size: int, timeout: float = 10.0, creator: Callable[[], Any] = open_sqlite
) -> tuple[FairPool, Engine]:
    pool = FairPool(creator, size, timeout)
    return pool, create_engine("sqlite://", pool=pool)


class Line:
    """Threads that ask for a connection one after the other, and in which order they were served."""

    def __init__(self, pool: FairPool, engine: Engine) -> None:
        self.served: list[int] = []
        self.failed: list[Exception] = []
        self._pool, self._engine = pool, engine
        self._threads: list[threading.Thread] = []

    def join(self, number: int) -> None:
        before = self._pool.reading().waiting
        thread = threading.Thread(target=self._ask, args=(number,), daemon=True)
        self._threads.append(thread)
        thread.start()
        eventually(lambda: self._pool.reading().waiting == before + 1)

    def finish(self) -> None:
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _ask(self, number: int) -> None:
        try:
            with self._engine.connect():
                self.served.append(number)
                time.sleep(0.005)
        except Exception as error:
            self.failed.append(error)


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the service's log says."""
    seen: list[str] = []

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(record.getMessage())

    handler = Listening()
    log = logging.getLogger(LOGGER_NAME)
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    yield seen
    log.removeHandler(handler)


def test_connections_are_handed_over_in_the_order_of_asking() -> None:
    pool, engine = pooled(2)
    line = Line(pool, engine)
    first, second = engine.connect(), engine.connect()
    for number in range(12):
        line.join(number)
    first.close()
    line.finish()
    second.close()
    assert line.served == list(range(12))


def test_a_newcomer_does_not_pass_those_who_wait() -> None:
    pool, engine = pooled(1)
    line = Line(pool, engine)
    held = engine.connect()
    for number in range(5):
        line.join(number)
    held.close()
    with engine.connect():
        line.served.append(99)
    line.finish()
    assert line.served == [0, 1, 2, 3, 4, 99]


def test_the_gauges_are_live() -> None:
    pool, engine = pooled(2)
    line = Line(pool, engine)
    with engine.connect():
        assert pool.reading() == PoolReading(total=1, active=1, idle=0, waiting=0, maximum=2)
        with engine.connect():
            line.join(0)
            assert pool.reading() == PoolReading(total=2, active=2, idle=0, waiting=1, maximum=2)
    line.finish()
    assert pool.reading() == PoolReading(total=2, active=0, idle=2, waiting=0, maximum=2)


def test_a_wait_that_is_too_long_ends_with_hikaricps_words(lines: list[str]) -> None:
    _, engine = pooled(1, timeout=0.2)
    with engine.connect(), pytest.raises(PoolTimeoutError) as failed:
        engine.connect()
    said = (
        "HikariPool-1 - Connection is not available, request timed out after 200ms "
        "(total=1, active=1, idle=0, waiting=0)"
    )
    assert str(failed.value) == said
    assert said in lines


def test_the_original_text_appears_for_the_original_numbers() -> None:
    reading = PoolReading(total=10, active=10, idle=0, waiting=27, maximum=10)
    assert str(reading) == "(total=10, active=10, idle=0, waiting=27)"


def test_who_gave_up_waiting_takes_no_connection_with_them() -> None:
    pool, engine = pooled(1, timeout=0.1)
    line = Line(pool, engine)
    with engine.connect():
        line.join(0)
        line.finish()
    assert isinstance(line.failed[0], PoolTimeoutError)
    assert pool.meters.timeouts.value == 1
    assert pool.reading() == PoolReading(total=1, active=0, idle=1, waiting=0, maximum=1)


def test_saturation_is_told_once_per_episode_at_the_moment_it_begins(lines: list[str]) -> None:
    pool, engine = pooled(2)
    for _ in range(2):
        line = Line(pool, engine)
        with engine.connect(), engine.connect():
            line.join(0)
            assert not [text for text in lines if "saturated" in text]
            for number in range(1, 4):
                line.join(number)
            told = [text for text in lines if "saturated" in text]
            assert told == ["HikariPool-1 - Pool saturated (total=2, active=2, idle=0, waiting=2)"]
        line.finish()
        lines.clear()


def test_acquire_usage_and_creation_are_timed() -> None:
    pool, engine = pooled(1)
    with engine.connect():
        time.sleep(0.02)
    now = time.monotonic()
    assert pool.meters.acquire.read(now).count == 1
    assert pool.meters.creation.read(now).count == 1
    usage = pool.meters.usage.read(now)
    assert usage.count == 1
    assert 0.02 <= usage.total == usage.longest


def test_a_larger_pool_serves_the_line_at_once_and_a_smaller_one_closes_what_it_has_too_many() -> None:
    pool, engine = pooled(1)
    line = Line(pool, engine)
    with engine.connect():
        line.join(0)
        line.join(1)
        pool.resize(3)
        line.finish()
    assert sorted(line.served) == [0, 1]
    pool.resize(1)
    assert pool.reading() == PoolReading(total=1, active=0, idle=1, waiting=0, maximum=1)


def test_a_shrunk_pool_closes_connections_as_they_come_back() -> None:
    pool, engine = pooled(2)
    line = Line(pool, engine)
    with engine.connect():
        with engine.connect():
            pool.resize(1)
            line.join(0)
        assert pool.reading() == PoolReading(total=1, active=1, idle=0, waiting=1, maximum=1)
    line.finish()
    assert line.served == [0]


def test_a_closed_pool_tells_everybody_in_the_line_at_once() -> None:
    pool, engine = pooled(1, timeout=30.0)
    line = Line(pool, engine)
    with engine.connect():
        for number in range(3):
            line.join(number)
        pool.close()
        line.finish()
    assert [type(error) for error in line.failed] == [PoolClosedError] * 3
    with pytest.raises(PoolClosedError):
        engine.connect()
    assert pool.reading().total == 0


def test_a_database_that_refuses_fails_everybody_quickly_and_loses_no_place() -> None:
    refusing = threading.Event()

    def creator() -> Any:
        if refusing.is_set():
            raise sqlite3.OperationalError("connection refused")
        return open_sqlite()

    pool, engine = pooled(2, timeout=30.0, creator=creator)
    refusing.set()
    for _ in range(5):
        with pytest.raises(OperationalError, match="connection refused"):
            engine.connect()
    assert pool.reading() == PoolReading(total=0, active=0, idle=0, waiting=0, maximum=2)
    refusing.clear()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1


def test_a_line_before_a_broken_database_does_not_wait_for_its_time_to_run_out() -> None:
    refusing = threading.Event()

    def creator() -> Any:
        if refusing.is_set():
            raise sqlite3.OperationalError("connection refused")
        return open_sqlite()

    pool, engine = pooled(1, timeout=30.0, creator=creator)
    line = Line(pool, engine)
    with engine.connect() as connection:
        for number in range(4):
            line.join(number)
        refusing.set()
        connection.invalidate()
    line.finish()
    assert [type(error) for error in line.failed] == [OperationalError] * 4
    refusing.clear()
    with engine.connect():
        assert pool.reading().active == 1
