"""A process that merges the blocks of a folder, and is killed at one step of it.

    python -m tests.metrics.merging_process FOLDER NOW STEP

NOW is the newest row in milliseconds; STEP is one of ``STEPS``.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from metrics.disk import block_file
from metrics.disk.block_time import merged_span
from metrics.disk.merging import parts_of
from metrics.disk.shelf import Shelf

STEPS = ("begun", "half", "written", "renamed", "first_deleted", "last_but_one_deleted", "deleted")


def killed(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def on_call(owner: Any, name: str, number: int, *, before: bool) -> None:
    """Let the process be killed before or after a call of something, when it is called for the n-th time."""
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def called(*given: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if before and calls == number:
            killed()
        found = real(*given, **named)
        if calls == number:
            killed()
        return found

    setattr(owner, name, called)


def main(folder: Path, now: int, step: str) -> None:
    shelf = Shelf(folder)
    first = merged_span(min(shelf.blocks.files).start)
    parts = len(parts_of(first, shelf.blocks.files))
    match step:
        case "begun":
            on_call(block_file.Writer, "put", 1, before=True)
        case "half":
            on_call(block_file.Writer, "put", 2, before=True)
        case "written":
            on_call(Path, "rename", 1, before=True)
        case "renamed":
            on_call(Path, "rename", 1, before=False)
        case "first_deleted":
            on_call(Path, "unlink", 1, before=False)
        case "last_but_one_deleted":
            on_call(Path, "unlink", parts - 1, before=False)
        case "deleted":
            on_call(Path, "unlink", parts, before=False)
    for _ in range(1000):
        shelf.merging.turn(now, frozenset)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
