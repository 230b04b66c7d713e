"""The service's own log: ``2026-11-22T16:00:00.123Z INFO  text``, UTC, one line per event."""

import logging
import traceback
from datetime import UTC, datetime
from pathlib import Path

LOGGER_NAME = "concert"
SERVER_LOGGER_NAME = "uvicorn.error"
LIBRARIES = (SERVER_LOGGER_NAME, "asyncio", "sqlalchemy.pool")
"""Others whose warnings belong into the log."""

_LEVELS = {logging.WARNING: "WARN", logging.CRITICAL: "ERROR"}


def logger() -> logging.Logger:
    """The logger every part of the service writes to."""
    return logging.getLogger(LOGGER_NAME)


class LineFormat(logging.Formatter):
    """Stamp in UTC with milliseconds, level in five columns, the message on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; line breaks inside a driver's error text become spaces."""
        stamp = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        level = _LEVELS.get(record.levelno, record.levelname)
        message = " ".join(record.getMessage().split())
        return f"{stamp}Z {level:<5} {message}{_cause(record)}"


def _cause(record: logging.LogRecord) -> str:
    """What was raised, and where, for a record that carries an exception."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return ""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f": {type(error).__name__}: {' '.join(str(error).split())}{where}"


def open_log(path: Path) -> logging.Handler:
    """Append to ``path``, making its folder; the caller closes the handler.

    Raises:
        OSError: the file cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(LineFormat())
    for name, level in ((LOGGER_NAME, logging.INFO), *((name, logging.WARNING) for name in LIBRARIES)):
        log = logging.getLogger(name)
        log.setLevel(level)
        log.propagate = False
        log.addHandler(handler)
    return handler
