"""``stack.json``: which local process stands for which container."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.round import ErrorKind
from collector.source import ScrapeError


@dataclass(frozen=True, slots=True)
class StandIn:
    """A local process in the place of a container.

    Attributes:
        name: the container's.
        started: Unix seconds, as psutil's ``create_time``.
        cpus, memory: the container's limits; None without one. Memory in bytes.
    """

    name: str
    pid: int
    started: float
    cpus: float | None
    memory: float | None


class StackFile:
    """Reads the file again only when it changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._stand_ins: tuple[StandIn, ...] = ()

    def read(self) -> tuple[StandIn, ...]:
        """What stands in now. Raises ScrapeError (gone, bad_format)."""
        try:
            stat = self._path.stat()
            mark = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
            if mark != self._seen:
                self._stand_ins = parse_stack(self._path.read_text(encoding="utf-8"), str(self._path))
                self._seen = mark
        except FileNotFoundError:
            self._seen = None
            raise ScrapeError(ErrorKind.GONE, f"{self._path} does not exist (is the stack up?)") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ScrapeError(ErrorKind.BAD_FORMAT, f"{self._path} cannot be read: {error}") from None
        return self._stand_ins


def parse_stack(text: str, name: str) -> tuple[StandIn, ...]:
    """The file's text. Raises ScrapeError (bad_format)."""
    try:
        return tuple(_stand_in(entry) for entry in json.loads(text)["processes"])
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__} {error}"
        raise ScrapeError(ErrorKind.BAD_FORMAT, f"{name} is not what the stack writes: {reason}") from None


def _stand_in(entry: dict[str, Any]) -> StandIn:
    limits = entry.get("limits") or {}
    cpus, memory = limits.get("cpus"), limits.get("memoryBytes")
    return StandIn(
        name=str(entry["name"]),
        pid=int(entry["pid"]),
        started=float(entry["startTime"]),
        cpus=None if cpus is None else float(cpus),
        memory=None if memory is None else float(memory),
    )
