"""A database that does not answer: one line in the log now and then, whoever asks how often."""

import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy.exc import SQLAlchemyError

EVERY_SECONDS = 30.0


class DatabaseTrouble:
    """Called from any thread.

    Args:
        elapsed: a clock for durations only.
    """

    def __init__(self, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._told: float | None = None
        self._untold = 0

    def tell(self, error: SQLAlchemyError, where: str) -> None:
        """Say it, unless it was said a moment ago."""
        with self._lock:
            now = self._elapsed()
            if self._told is not None and now - self._told < EVERY_SECONDS:
                self._untold += 1
                return
            self._told, untold, self._untold = now, self._untold, 0
        structlog.get_logger().error("database_trouble", where=where, problem=reason(error), untold=untold)


def reason(error: SQLAlchemyError) -> str:
    """What the database said, in one line."""
    return (str(getattr(error, "orig", error)).splitlines() or [type(error).__name__])[0]
