"""The process that owns the stack's processes: ``python -m stack.local.supervisor RUN_FOLDER``.

It starts them, writes ``stack.json``, and stops them in order when it is told to, when the process it was
started for is gone, or when anything fails while starting. It never starts one again: a stack in which
something died is there to be looked at. It has one thread, because the kernel ties a child's death signal to
the thread that started the child.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

from stack.local import state
from stack.local.bring_up import Site, bring_up
from stack.local.child import end
from stack.local.cpu import available_cpus, child_pids, lower_autogroups, plan
from stack.local.errors import Fault, StackError
from stack.local.launch import Announcement, AnnouncementKind, Launch, read
from stack.local.layout import Layout
from stack.local.process_identity import ProcessIdentity, identify, is_alive
from stack.local.progress import Step
from stack.local.state import ProcessRecord, StackState, Stage

_LOOK_EVERY = 0.25
_STOP_ORDER = ("concert", "redis", "database")
# PostgreSQL: SIGINT ends sessions and writes everything out, SIGQUIT leaves at once.
_STOP_SIGNALS: dict[str, Sequence[tuple[signal.Signals, float]]] = {
    "concert": ((signal.SIGTERM, 6.0),),
    "redis": ((signal.SIGTERM, 4.0),),
    "database": ((signal.SIGINT, 10.0), (signal.SIGQUIT, 4.0)),
}


class StopRequestedError(BaseException):
    """Somebody wants the stack to end; no handler of ordinary errors may swallow it."""


class Supervisor:
    """Owns the processes of one stack."""

    def __init__(self, layout: Layout, launch: Launch, clock: Callable[[], datetime]) -> None:
        self._layout = layout
        self._clock = clock
        self._starter = _starter(launch)
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._lowered: frozenset[int] = frozenset()
        cpus = plan(available_cpus())
        if cpus.others is not None:
            os.sched_setaffinity(0, cpus.others)
        self._site = Site(layout, launch, cpus, self._say, clock)
        self._state = StackState(
            profile=launch.config.profile,
            started_at=state.iso(clock()),
            stage=Stage.STARTING,
            supervisor=identify(os.getpid()) or ProcessIdentity(os.getpid(), 0.0),
            notes=(cpus.note,) if cpus.note else (),
        )

    def run(self) -> int:
        """Start, watch until told to stop, stop; returns the exit code."""
        try:
            self._start()
            self._watch()
        except StopRequestedError as request:
            self._note(f"stopping: {request}")
            return 0
        except Exception as error:
            self._note(traceback.format_exc())
            self._fail(error)
            return 1
        finally:
            self._stop()

    def _start(self) -> None:
        self._publish(self._state)
        for note in self._state.notes:
            self._say(Step("stack", note))
        capacity = bring_up(self._site, self._started)
        self._lower_database()
        self._publish(replace(self._state, stage=Stage.RUNNING, capacity=capacity))
        self._announce(Announcement(AnnouncementKind.RUNNING))
        # Nobody reads from here on.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)

    def _started(self, process: subprocess.Popen[bytes], record: ProcessRecord) -> None:
        self._children[record.name] = process
        self._publish(self._state.with_process(record))

    def _watch(self) -> NoReturn:
        ended: set[str] = set()
        while True:
            if self._starter is not None and not is_alive(self._starter):
                raise StopRequestedError(
                    f"the process that wanted the stack, pid {self._starter.pid}, is gone"
                )
            for name, process in self._children.items():
                if name not in ended and process.poll() is not None:
                    ended.add(name)
                    self._note(f"{name} ended by itself, exit code {process.returncode}")
            self._lower_database()
            time.sleep(_LOOK_EVERY)

    def _lower_database(self) -> None:
        backends = child_pids(self._children["database"].pid)
        done = self._lowered & backends
        self._lowered = done | lower_autogroups(backends - done)

    def _stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        self._publish(replace(self._state, stage=Stage.STOPPING))
        for name in _STOP_ORDER:
            if name in self._children:
                self._note(f"{name} {end(self._children[name], _STOP_SIGNALS[name])}")
        self._layout.state.unlink(missing_ok=True)

    def _publish(self, new: StackState) -> None:
        self._state = new
        state.write(self._layout, new)

    def _say(self, step: Step) -> None:
        self._note(str(step))
        self._announce(Announcement(AnnouncementKind.PROGRESS, step.part, step.text))

    def _fail(self, error: Exception) -> None:
        text = str(error) if isinstance(error, StackError) else f"{type(error).__name__}: {error}"
        with suppress(StopRequestedError):
            self._announce(Announcement(AnnouncementKind.FAILED, text=text))

    def _announce(self, announcement: Announcement) -> None:
        try:
            sys.stdout.write(announcement.line())
            sys.stdout.flush()
        except BrokenPipeError:
            raise StopRequestedError("the process that started the stack is gone") from None

    def _note(self, text: str) -> None:
        sys.stderr.write(f"{state.iso(self._clock())} {text}\n")
        sys.stderr.flush()


def _starter(launch: Launch) -> ProcessIdentity | None:
    if launch.supervised_by is None:
        return None
    # Gone already: a pid that no process can have, so that the first look ends the stack.
    return identify(launch.supervised_by) or ProcessIdentity(launch.supervised_by, 0.0)


def _raise_stop(number: int, _frame: FrameType | None) -> NoReturn:
    raise StopRequestedError(f"got {signal.Signals(number).name}")


def _take_lock(layout: Layout) -> int:
    """Keep a second supervisor out of the run folder for as long as this process lives."""
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        advice = "Wait for it, or stop it with `showcall stack down`."
        fault = Fault(str(layout.root), "another start or stop is under way", "one at a time", advice)
        raise StackError(fault) from None
    return descriptor


def main(arguments: Sequence[str]) -> int:
    """Run the supervisor of a run folder until the stack ends."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _raise_stop)
    layout = Layout(Path(arguments[0]))
    try:
        _take_lock(layout)
        supervisor = Supervisor(layout, read(layout), lambda: datetime.now(UTC))
    except StackError as error:
        sys.stdout.write(Announcement(AnnouncementKind.FAILED, text=str(error)).line())
        return 1
    except StopRequestedError:
        return 0
    return supervisor.run()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
