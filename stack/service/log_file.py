"""The service's own log: ``2026-11-22T16:00:00.123Z INFO  text``, UTC, one line per event."""

import logging
from datetime import UTC, datetime
from pathlib import Path

LOGGER_NAME = "concert"

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
        return f"{stamp}Z {level:<5} {' '.join(record.getMessage().split())}"


def open_log(path: Path) -> logging.Handler:
    """Append to ``path``, making its folder; the caller closes the handler.

    Raises:
        OSError: the file cannot be opened.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(LineFormat())
    log = logger()
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    return handler
