"""Reading the stack's logs: the last lines, and what is added from then on."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from stack.local.errors import Fault, StackError
from stack.local.layout import Layout

NAMES = ("concert", "concert-output", "redis", "database", "supervisor")
_LOOK_EVERY = 0.2
_TAIL_BYTES = 262_144


def logs(run_dir: Path, name: str, lines: int = 50, follow: bool = False) -> Iterator[str]:
    """The last lines of one part's log, and with ``follow`` every further line, without end.

    Raises:
        StackError: there is no such log.
    """
    path = _path_of(Layout(run_dir.resolve()), name)
    return _follow(path, lines) if follow else iter(last_lines(path, lines))


def _path_of(layout: Layout, name: str) -> Path:
    if name not in NAMES:
        raise StackError(
            Fault("log", f"there is no part '{name}'", f"one of {', '.join(NAMES)}", "Name one of them.")
        )
    path = layout.log(name)
    if not path.exists():
        raise StackError(Fault(str(path), "there is no such file", "a log", "Start the stack first."))
    return path


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a file without their ends; none when there is no file."""
    if count <= 0 or not path.exists():
        return []
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _TAIL_BYTES))
        return file.read().decode("utf-8", errors="replace").splitlines()[-count:]


def _follow(path: Path, lines: int) -> Iterator[str]:
    with path.open(encoding="utf-8", errors="replace") as file:
        # What is written between these two lines is shown twice rather than never.
        file.seek(0, os.SEEK_END)
        yield from last_lines(path, lines)
        yield from _lines_until_replaced(file, path)
    while True:
        if path.exists():
            with path.open(encoding="utf-8", errors="replace") as file:
                yield from _lines_until_replaced(file, path)
        time.sleep(_LOOK_EVERY)


def _lines_until_replaced(file: TextIO, path: Path) -> Iterator[str]:
    """Lines as they come, until a new start has put a new file in the log's place."""
    inode = os.fstat(file.fileno()).st_ino
    replaced = False
    while not replaced:
        replaced = path.exists() and path.stat().st_ino != inode
        yield from _whole_lines(file)
        time.sleep(0 if replaced else _LOOK_EVERY)


def _whole_lines(file: TextIO) -> Iterator[str]:
    while True:
        before = file.tell()
        line = file.readline()
        if not line.endswith("\n"):
            file.seek(before)
            return
        yield line.rstrip("\n")


def set_aside(layout: Layout) -> None:
    """Keep the logs of the run before as ``*.log.1``, so that each run's logs begin with it."""
    layout.logs.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        log = layout.log(name)
        if log.exists():
            log.replace(log.with_name(f"{log.name}.1"))
