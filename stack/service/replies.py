"""Answers of the public API, and which failure gives which one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlalchemy.exc import DBAPIError

from stack.service.breaker_guard import CallNotPermittedError
from stack.service.http_meters import NO_EXCEPTION
from stack.service.log_file import logger
from stack.service.pool import PoolClosedError, PoolTimeoutError
from stack.service.redis_outage import RedisOutage

TRY_AGAIN = "잠시 후 다시 시도해 주세요."
RETRY_AFTER_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, a JSON body, and the exception's name as the request meter shows it."""

    status: int
    body: Any
    exception: str = NO_EXCEPTION

    @property
    def headers(self) -> dict[str, str]:
        """Retry-After where trying again makes sense."""
        return {"Retry-After": str(RETRY_AFTER_SECONDS)} if self.status in {429, 503} else {}


class RefusedError(Exception):
    """A request that is understood and refused: a status and a body that says why."""

    def __init__(self, status: int, message: str, **more: object) -> None:
        super().__init__(message)
        self.reply = Reply(status, {"message": message, **more})


POOL_TIMEOUT = "SQLTransientConnectionException"
NOT_PERMITTED = "CallNotPermittedException"
REDIS_TIMEOUT = "RedisCommandTimeoutException"
REDIS_AWAY = "RedisConnectionFailureException"
REDIS_REFUSED = "RedisSystemException"
DATABASE_AWAY = "DataAccessResourceFailureException"


def unavailable(exception: str) -> Reply:
    """503 with the one message users know."""
    return Reply(503, {"message": TRY_AGAIN}, exception)


def _redis_exception(error: RedisError) -> str:
    if isinstance(error, RedisTimeoutError):
        return REDIS_TIMEOUT
    return REDIS_AWAY if isinstance(error, RedisConnectionError) else REDIS_REFUSED


class Failures:
    """Turns what a request failed with into its reply, and into a log line where nobody wrote one yet."""

    def __init__(self, outage: RedisOutage) -> None:
        self._outage = outage

    def answer(self, work: Callable[[], Reply]) -> Reply:
        """Run the work of one request; it never raises."""
        try:
            return work()
        except Exception as error:  # the last catch of a request thread: every failure becomes an answer
            return self.reply(error)

    def reply(self, error: Exception) -> Reply:
        """The reply for a failure."""
        match error:
            case RefusedError():
                return error.reply
            case PoolTimeoutError() | PoolClosedError():
                return unavailable(POOL_TIMEOUT)
            case CallNotPermittedError():
                return unavailable(NOT_PERMITTED)
            case RedisError():
                self._outage.failed(error)
                return unavailable(_redis_exception(error))
            case DBAPIError():
                logger().error("Database call failed: %s", error.orig)
                return unavailable(DATABASE_AWAY)
        logger().error("Request failed: %s: %s", type(error).__name__, error)
        return Reply(500, {"message": TRY_AGAIN}, type(error).__name__)
