"""Passwords that stand in files; never part of a text that anybody sees."""

from pathlib import Path

from collector.round import ErrorKind
from collector.source import ScrapeError


def read_secret(path: Path | None) -> str | None:
    """The file's text without the line end, or None without a file. Raises ScrapeError (auth)."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ScrapeError(ErrorKind.AUTH, f"password_file {path} cannot be read: {reason}") from None
