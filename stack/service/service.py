"""One concert service, wired: the parts, the two listeners, the order of starting and stopping."""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import anyio
import psycopg
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from sqlalchemy import create_engine, make_url
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError

from stack.service.actuator import Actuator
from stack.service.breaker import BreakerRules, BreakerState
from stack.service.breaker_guard import BreakerGuard
from stack.service.concerts_cache import ConcertsCache
from stack.service.config import Profile, ServiceConfig
from stack.service.health import ComponentHealth, DatabaseProbe
from stack.service.http_meters import HttpMeters
from stack.service.journey import Journey
from stack.service.lever_board import Bounds, HeldLever, LeverBoard
from stack.service.levers import Lever, LeverValue
from stack.service.listener import Listener, bind
from stack.service.log_file import logger
from stack.service.metrics_page import MetricsPage, ThreadReading
from stack.service.pool import POOL_NAME, FairPool
from stack.service.presence import Presence
from stack.service.public_api import EXPECTED, PublicApi
from stack.service.queue import Queue, QueueDesk
from stack.service.queue_loop import QueueLoop
from stack.service.redis_outage import RedisOutage
from stack.service.replies import Failures
from stack.service.script_batch import ScriptBatch

BREAKER_NAME = "database"
BREAKER_RULES = BreakerRules(minimum_calls=20, slow_seconds=2.5, slow_rate=80.0, open_seconds=10.0)
BASELINE_STATES = {
    Profile.PUBLISHED: BreakerState.METRICS_ONLY,
    Profile.IMPROVED: BreakerState.CLOSED,
}
"""The original had no breaker, so ``published`` only records."""

REQUEST_THREAD_NAME = "AnyIO worker thread"
SPARE_REDIS_CONNECTIONS = 16
STOP_SECONDS = 1.5
START_PAUSE_SECONDS = 0.3


class StartError(Exception):
    """Valkey or the database cannot be reached; ``str()`` says which, where and why."""


class ConcertService:
    """All parts of one service.

    Args:
        config: checked values.
        clock: Unix seconds that never jump.

    Raises:
        PortInUseError: a port is taken.
    """

    def __init__(self, config: ServiceConfig, clock: Callable[[], float]) -> None:
        self._config = config
        self._ended = threading.Event()
        with ExitStack() as bound:
            sockets = [
                bound.enter_context(bind(config.host, port, key))
                for port, key in (
                    (config.service_port, "servicePort"),
                    (config.management_port, "managementPort"),
                )
            ]
            bound.pop_all()
        self._redis = _redis(config)
        self._pool, self._engine = _database(config)
        self._wire(sockets, clock)

    def _wire(self, sockets: list[socket.socket], clock: Callable[[], float]) -> None:
        config = self._config
        state = BASELINE_STATES[config.profile]
        guard = BreakerGuard(BREAKER_NAME, BREAKER_RULES, state)
        board = _board(config, self._pool, guard, version=int(clock()))
        outage, presence = RedisOutage(clock), Presence()
        queue = Queue(self._redis)
        cache = ConcertsCache(self._redis, whole_list=config.profile is Profile.PUBLISHED)
        http_meters = HttpMeters(time.monotonic, EXPECTED)
        threads = anyio.CapacityLimiter(config.request_threads)
        self._loop = QueueLoop(
            queue=queue,
            board=board,
            pool_reading=self._pool.reading,
            presence=presence,
            outage=outage,
            silence=config.silence_seconds,
            clock=clock,
        )
        self._probe = DatabaseProbe(lambda: psycopg.connect(**_connect_options(config)), clock)
        public = PublicApi(
            desk=QueueDesk(ScriptBatch(_async_redis(config)), config.waiting_limit),
            journey=Journey(self._engine, guard, queue, cache, clock),
            presence=presence,
            threads=threads,
            failures=Failures(outage),
            http_meters=http_meters,
            queue_meters=self._loop.meters,
            stopwatch=time.monotonic,
            clock=clock,
        )
        self._public = Listener("http", public.app(), sockets[0], self._ended.set)

        def thread_reading() -> ThreadReading:
            alive = sum(thread.name.startswith(REQUEST_THREAD_NAME) for thread in threading.enumerate())
            busy = int(threads.borrowed_tokens)
            return ThreadReading(busy, alive, config.request_threads, self._public.connections)

        def health() -> tuple[ComponentHealth, ...]:
            return (
                ComponentHealth("db", self._probe.trouble(), {"database": "PostgreSQL"}),
                ComponentHealth("redis", outage.error, {"port": str(config.valkey_port)}),
                ComponentHealth("queue", None if self._loop.alive else "the scheduler has ended", {}),
            )

        page = MetricsPage(
            http_meters=http_meters,
            pool=self._pool,
            guard=guard,
            loop=self._loop,
            board=board,
            cache=cache,
            threads=thread_reading,
            clock=clock,
        )
        actuator = Actuator(
            page=page,
            health=health,
            board=board,
            loop=self._loop,
            guard=guard,
            pool=self._pool,
            cache=cache,
            clock=clock,
        )
        self._management = Listener("management", actuator.app(), sockets[1], self._ended.set)

    def start(self) -> None:
        """Reach Valkey and the database, then open both ports.

        Raises:
            StartError: one of them did not answer within the configured patience.
        """
        deadline = time.monotonic() + self._config.start_patience_seconds
        _patiently(deadline, lambda: _check_redis(self._redis, self._config))
        _patiently(deadline, lambda: _check_database(self._engine, self._config))
        self._loop.start()
        self._probe.start()
        self._management.start()
        self._public.start()
        logger().info(
            "Concert service started: profile %s, ports %d and %d, %d request threads, pool of %d",
            self._config.profile,
            self._config.service_port,
            self._config.management_port,
            self._config.request_threads,
            self._config.pool_size,
        )

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until `stop_soon` is called or a listener ends; False if neither did in time."""
        return self._ended.wait(seconds)

    def stop_soon(self) -> None:
        """Let `wait` return; safe in a signal handler."""
        self._ended.set()

    def stop(self) -> None:
        """Stop within about `STOP_SECONDS`: who waits for a connection is told at once; queries are left."""
        logger().info("%s - Shutdown initiated...", POOL_NAME)
        deadline = time.monotonic() + STOP_SECONDS
        self._public.stop()
        self._management.stop()
        self._loop.stop()
        self._probe.stop()
        self._pool.close()
        for listener in (self._public, self._management):
            listener.join(deadline - time.monotonic())
        logger().info("%s - Shutdown completed.", POOL_NAME)


def _redis(config: ServiceConfig) -> Redis:
    return Redis(
        host=config.valkey_host,
        port=config.valkey_port,
        socket_timeout=config.redis_timeout_seconds,
        socket_connect_timeout=config.redis_timeout_seconds,
        retry=Retry(NoBackoff(), 0),
        max_connections=config.request_threads + SPARE_REDIS_CONNECTIONS,
    )


def _async_redis(config: ServiceConfig) -> AsyncRedis:
    return AsyncRedis(
        host=config.valkey_host,
        port=config.valkey_port,
        socket_timeout=config.redis_timeout_seconds,
        socket_connect_timeout=config.redis_timeout_seconds,
        retry=AsyncRetry(NoBackoff(), 0),
    )


def _connect_options(config: ServiceConfig) -> dict[str, Any]:
    url = make_url(config.database_url).set(drivername="postgresql")
    return {
        "conninfo": url.render_as_string(hide_password=False),
        "connect_timeout": config.database_connect_timeout_seconds,
        "client_encoding": "utf8",
        "application_name": "concert",
    }


def _database(config: ServiceConfig) -> tuple[FairPool, Engine]:
    options = _connect_options(config)
    pool = FairPool(
        lambda: psycopg.connect(**options),
        config.pool_size,
        config.pool_timeout_seconds,
        pre_ping=True,
    )
    return pool, create_engine("postgresql+psycopg://", pool=pool)


def _board(config: ServiceConfig, pool: FairPool, guard: BreakerGuard, version: int) -> LeverBoard:
    # Versions go on from the time of the start, so a write that is older than a restart is refused too.
    def lever(value: LeverValue) -> Lever:
        return Lever(value, baseline=value, version=version)

    return LeverBoard(
        active_users=HeldLever("active-users", lever(config.active_users_cap), Bounds(0, 100_000, "users")),
        admission=HeldLever(
            "admission", lever(config.admission_per_10_seconds), Bounds(0, 100_000, "users per 10 s")
        ),
        pool_size=HeldLever(
            "hikaricp",
            lever(config.pool_size),
            Bounds(1, 200, "connections"),
            lambda size: pool.resize(int(size)),
        ),
        breaker=HeldLever(
            f"circuit breaker {guard.name}",
            lever(guard.breaker.state.value),
            put_in_force=lambda state: guard.move(BreakerState(str(state))),
        ),
    )


def _patiently(deadline: float, check: Callable[[], None]) -> None:
    while True:
        try:
            check()
        except StartError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(START_PAUSE_SECONDS)
        else:
            return


def _check_redis(client: Redis, config: ServiceConfig) -> None:
    try:
        client.ping()
    except RedisError as error:
        raise StartError(
            f"Valkey at {config.valkey_host}:{config.valkey_port} (valkeyPort) does not answer: {error}"
        ) from None


def _check_database(engine: Engine, config: ServiceConfig) -> None:
    """Fill the pool, as HikariCP does, so that the first users need not wait for connections to open."""
    with ExitStack() as opened:
        try:
            for _ in range(config.pool_size):
                opened.enter_context(engine.connect())
        except DBAPIError as error:
            where = make_url(config.database_url).render_as_string(hide_password=True)
            reason = " ".join(str(error.orig).split())
            raise StartError(f"database at {where} (databaseUrl) cannot be used: {reason}") from None
