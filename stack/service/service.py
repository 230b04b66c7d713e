"""One concert service, wired: the parts, the two listeners, the order of starting and stopping."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import anyio
from starlette.types import ASGIApp

from stack.service.actuator import Actuator
from stack.service.breaker import BreakerRules, BreakerState
from stack.service.breaker_guard import BreakerGuard
from stack.service.concerts_cache import ConcertsCache
from stack.service.config import Profile, ServiceConfig
from stack.service.connections import (
    database_connection,
    loop_redis,
    pooled_engine,
    thread_redis,
    wait_for_servers,
)
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
STOP_SECONDS = 1.5

Clock = Callable[[], float]


class ConcertService:
    """All parts of one service.

    Args:
        config: checked values.
        clock: Unix seconds that never jump.

    Raises:
        PortInUseError: a port is taken.
    """

    def __init__(self, config: ServiceConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._ended = threading.Event()
        with ExitStack() as bound:
            public = bound.enter_context(bind(config.host, config.service_port, "servicePort"))
            management = bound.enter_context(bind(config.host, config.management_port, "managementPort"))
            bound.pop_all()
        self._redis = thread_redis(config)
        self._pool, self._engine = pooled_engine(config)
        self._guard = BreakerGuard(BREAKER_NAME, BREAKER_RULES, BASELINE_STATES[config.profile])
        self._board = _board(config, self._pool, self._guard, version=int(clock()))
        self._outage, self._presence = RedisOutage(clock), Presence()
        self._queue = Queue(self._redis)
        self._cache = ConcertsCache(self._redis, whole_list=config.profile is Profile.PUBLISHED)
        self._http_meters = HttpMeters(time.monotonic, EXPECTED)
        self._threads = anyio.CapacityLimiter(config.request_threads)
        self._loop = self._queue_loop()
        self._probe = DatabaseProbe(lambda: database_connection(config), clock)
        self._public = Listener("http", self._public_app(), public, self._ended.set)
        self._management = Listener("management", self._actuator_app(), management, self._ended.set)

    def start(self) -> None:
        """Reach Valkey and the database, then open both ports.

        Raises:
            StartError: one of them did not answer within the configured patience.
        """
        config = self._config
        wait_for_servers(self._redis, self._engine, config)
        # The management port last: whoever sees it healthy may send users to the other one.
        for part in (self._loop, self._probe, self._public, self._management):
            part.start()
        logger().info(
            "Concert service started: profile %s, ports %d and %d, %d request threads, pool of %d",
            config.profile,
            config.service_port,
            config.management_port,
            config.request_threads,
            config.pool_size,
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
        for part in (self._public, self._management, self._loop, self._probe):
            part.stop()
        self._pool.close()
        for listener in (self._public, self._management):
            listener.join(deadline - time.monotonic())
        logger().info("%s - Shutdown completed.", POOL_NAME)

    def _queue_loop(self) -> QueueLoop:
        return QueueLoop(
            queue=self._queue,
            board=self._board,
            pool_reading=self._pool.reading,
            presence=self._presence,
            outage=self._outage,
            silence=self._config.silence_seconds,
            clock=self._clock,
        )

    def _public_app(self) -> ASGIApp:
        batch = ScriptBatch(loop_redis(self._config))
        return PublicApi(
            desk=QueueDesk(batch, self._config.waiting_limit),
            journey=Journey(self._engine, self._guard, self._queue, self._cache, self._clock),
            presence=self._presence,
            threads=self._threads,
            failures=Failures(self._outage),
            http_meters=self._http_meters,
            queue_meters=self._loop.meters,
            stopwatch=time.monotonic,
            clock=self._clock,
        ).app()

    def _actuator_app(self) -> ASGIApp:
        page = MetricsPage(
            http_meters=self._http_meters,
            pool=self._pool,
            guard=self._guard,
            loop=self._loop,
            board=self._board,
            cache=self._cache,
            threads=self._thread_reading,
            clock=self._clock,
        )
        return Actuator(
            page=page,
            health=self._health,
            board=self._board,
            loop=self._loop,
            guard=self._guard,
            pool=self._pool,
            cache=self._cache,
            clock=self._clock,
        ).app()

    def _thread_reading(self) -> ThreadReading:
        alive = sum(thread.name.startswith(REQUEST_THREAD_NAME) for thread in threading.enumerate())
        busy = int(self._threads.borrowed_tokens)
        return ThreadReading(busy, alive, self._config.request_threads, self._public.connections)

    def _health(self) -> tuple[ComponentHealth, ...]:
        scheduler = None if self._loop.alive else "the scheduler has ended"
        return (
            ComponentHealth("db", self._probe.trouble(), {"database": "PostgreSQL"}),
            ComponentHealth("redis", self._outage.error, {"port": str(self._config.valkey_port)}),
            ComponentHealth("queue", scheduler, {}),
        )


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
