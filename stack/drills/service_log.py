"""The service's own log: when it first could not serve, by its own clock."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from stack.drills.result import LogMark, LogStamp

_LINE = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)\s+\w+\s+(.*)$")
_MARKS = {
    re.compile(r"Pool saturated"): LogMark.POOL_SATURATED,
    re.compile(r"Connection is not available, request timed out"): LogMark.POOL_TIMEOUT,
    re.compile(r"^Lever \S+: changed, "): LogMark.LEVER_CHANGED,
}


def end_of(path: Path | None) -> int:
    """Bytes in the log so far; 0 without one."""
    return path.stat().st_size if path is not None and path.exists() else 0


def read_from(path: Path | None, offset: int) -> tuple[LogStamp, ...]:
    """The lines of interest behind ``offset``; the whole file if a shorter one took its place."""
    if path is None or not path.exists():
        return ()
    with path.open("rb") as log:
        log.seek(offset if offset <= path.stat().st_size else 0)
        return tuple(stamps(line.decode("utf-8", "replace") for line in log))


def stamps(lines: Iterable[str]) -> Iterator[LogStamp]:
    """Stamps of the lines of interest, other lines left out."""
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        for words, mark in _MARKS.items():
            if words.search(match[2]):
                text = match[2].rstrip() if mark is LogMark.POOL_TIMEOUT else ""
                yield LogStamp(datetime.fromisoformat(match[1]).timestamp(), mark, text)
