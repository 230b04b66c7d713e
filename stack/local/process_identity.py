"""Which process is meant: a pid alone is not enough, the system hands pids out again."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil

# psutil derives the start time from the boot time, which moves a little when the clock is corrected.
_START_TIME_TOLERANCE = 2.0


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process on this machine: its pid and its start time (psutil's ``create_time``, Unix seconds)."""

    pid: int
    start_time: float


def identify(pid: int) -> ProcessIdentity | None:
    """The process that has this pid now; None when there is none, or only its zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return ProcessIdentity(pid, process.create_time())
    except psutil.NoSuchProcess:
        return None


def is_alive(identity: ProcessIdentity) -> bool:
    """Whether that very process still runs; another one with the same pid does not count, nor a zombie."""
    now = identify(identity.pid)
    return now is not None and abs(now.start_time - identity.start_time) <= _START_TIME_TOLERANCE


def tree(identity: ProcessIdentity) -> list[psutil.Process]:
    """The process and all below it; empty when it is gone."""
    if not is_alive(identity):
        return []
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(identity.pid)
        return [process, *process.children(recursive=True)]
    return []


def name_of(pid: int) -> str | None:
    """The program's name as the system shows it, None when that is not known."""
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return None


def kill(processes: Iterable[psutil.Process]) -> None:
    """SIGKILL to each that still runs."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def reap(pid: int) -> None:
    """Take the exit status of an ended child of ours, so that no zombie stays; others' children are left."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
