"""Says once that Valkey is away, and once that it is back, in the words people search their logs for."""

import threading
from collections.abc import Callable

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from stack.service.log_file import logger

REPEAT_SECONDS = 5.0


def outage_text(error: RedisError) -> str:
    """The log text of a failed command: slow, unreachable, or refused by the server."""
    if isinstance(error, RedisTimeoutError):
        return f"Redis command timed out ({error})"
    if isinstance(error, RedisConnectionError):
        return f"Unable to send PING command ({error})"
    # redis-py takes the first word off, and it is the one that people search for.
    word = "OOM " if isinstance(error, OutOfMemoryError) else ""
    return f"Redis command failed ({word}{error})"


class RedisOutage:
    """Whether Valkey answers, as everybody who talks to it reports here."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._down_since: float | None = None
        self._told_at = float("-inf")
        self._reachable_since = clock()
        self.error: str | None = None
        """What the last command failed with while Valkey is away; None while it answers."""

    @property
    def reachable_since(self) -> float:
        """Since when it has answered, in Unix seconds; meaningful while `error` is None."""
        return self._reachable_since

    def failed(self, error: RedisError) -> None:
        """Note a failed command; written at once, then at most every `REPEAT_SECONDS`."""
        now = self._clock()
        text = outage_text(error)
        away = isinstance(error, RedisConnectionError | RedisTimeoutError)
        if not away:
            self.answered()  # with a refusal, such as of writes while its memory is full
        with self._lock:
            if away:
                self.error = text
                self._down_since = now if self._down_since is None else self._down_since
            tell = now - self._told_at >= REPEAT_SECONDS
            self._told_at = now if tell else self._told_at
        if tell:
            logger().error("%s", text)

    def answered(self) -> None:
        """Note that it answers (again)."""
        if self._down_since is None:
            return
        with self._lock:
            now = self._clock()
            away = now - (self._down_since or now)
            self._down_since, self.error = None, None
            self._told_at = float("-inf")
            self._reachable_since = now
        logger().info("Redis answers again after %.1f s", away)
