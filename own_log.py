"""The log: JSON lines on standard error, times in UTC; nothing a person typed is ever a format."""

import io
import logging
import sys
from collections.abc import MutableMapping
from contextlib import suppress
from typing import Any, TextIO, TypeAlias, cast

import structlog
from sqlalchemy.exc import OperationalError

from own_loops import KnownTroubleError

Event: TypeAlias = MutableMapping[str, Any]


class StandardError(io.TextIOBase):
    """Standard error, which a full disk or a closed pipe never turns into a fault of whoever logs."""

    def write(self, text: str) -> int:
        """Write what can be written."""
        with suppress(OSError):
            sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError):
            sys.stderr.flush()


def configure_logging() -> None:
    """Set it up for the whole process."""
    stream = StandardError()
    logging.basicConfig(level=logging.WARNING, stream=stream, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            in_plain_words,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, stream)),
        cache_logger_on_first_use=True,
    )


def in_plain_words(_logger: object, _method: str, event: Event) -> Event:
    """A disk or a database that takes nothing is one line and no trace: nothing is wrong with the code."""
    error = sys.exc_info()[1] if event.get("exc_info") else None
    if isinstance(error, OperationalError | KnownTroubleError):
        del event["exc_info"]
        reason = str(error.orig if isinstance(error, OperationalError) else error)
        event["problem"] = (reason.splitlines() or [type(error).__name__])[0]
    return event
