"""The ways to Valkey and to the database, and the patience a start has with both."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

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

from stack.service.config import ServiceConfig
from stack.service.pool import FairPool

SPARE_REDIS_CONNECTIONS = 16
START_PAUSE_SECONDS = 0.3


class StartError(Exception):
    """Valkey or the database cannot be reached; ``str()`` says which, where and why."""


def thread_redis(config: ServiceConfig) -> Redis:
    """The client of request threads and the scheduler; a failed command is not tried again."""
    most = config.request_threads + SPARE_REDIS_CONNECTIONS
    return Redis(**_redis_options(config), retry=Retry(NoBackoff(), 0), max_connections=most)


def loop_redis(config: ServiceConfig) -> AsyncRedis:
    """The client of the public port's event loop; a failed command is not tried again."""
    return AsyncRedis(**_redis_options(config), retry=AsyncRetry(NoBackoff(), 0))


def database_connection(config: ServiceConfig) -> "psycopg.Connection[Any]":
    """A new connection, outside the pool.

    Raises:
        psycopg.Error: the database refuses, or does not answer within the configured time.
    """
    url = make_url(config.database_url).set(drivername="postgresql")
    return psycopg.connect(
        url.render_as_string(hide_password=False),
        connect_timeout=config.database_connect_timeout_seconds,
        client_encoding="utf8",
        application_name="concert",
    )


def pooled_engine(config: ServiceConfig) -> tuple[FairPool, Engine]:
    """The pool and SQLAlchemy's engine on top of it."""
    pool = FairPool(
        lambda: database_connection(config), config.pool_size, config.pool_timeout_seconds, pre_ping=True
    )
    return pool, create_engine("postgresql+psycopg://", pool=pool)


def wait_for_servers(client: Redis, engine: Engine, config: ServiceConfig) -> None:
    """Try both until they answer.

    Raises:
        StartError: one of them did not within the configured patience.
    """
    deadline = time.monotonic() + config.start_patience_seconds
    _patiently(deadline, lambda: _check_redis(client, config))
    _patiently(deadline, lambda: _fill_pool(engine, config))


def _redis_options(config: ServiceConfig) -> dict[str, Any]:
    return {
        "host": config.valkey_host,
        "port": config.valkey_port,
        "socket_timeout": config.redis_timeout_seconds,
        "socket_connect_timeout": config.redis_timeout_seconds,
    }


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
        where = f"{config.valkey_host}:{config.valkey_port}"
        raise StartError(f"Valkey at {where} (valkeyPort) does not answer: {error}") from None


def _fill_pool(engine: Engine, config: ServiceConfig) -> None:
    """Open every connection, as HikariCP does, so that the first users need not wait for it."""
    with ExitStack() as opened:
        try:
            for _ in range(config.pool_size):
                opened.enter_context(engine.connect())
        except DBAPIError as error:
            where = make_url(config.database_url).render_as_string(hide_password=True)
            reason = " ".join(str(error.orig).split())
            raise StartError(f"database at {where} (databaseUrl) cannot be used: {reason}") from None
