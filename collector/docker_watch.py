"""Which containers there are: a list, an inspection of each, and what events say in between.

One thread, woken by a look that finds the list old and by events; it asks the daemon one thing at a time.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from collector.deadline import Deadline
from collector.docker_containers import Container, ContainerEvent, Inspected, Listed
from collector.round import ErrorKind
from collector.source import ScrapeError

LIST_EVERY_SECONDS = 60.0  # in case an event was lost; the inspection of what looks the same can wait longer
INSPECT_EVERY_SECONDS = 300.0
LIST_WITHOUT_EVENTS_SECONDS = 5.0
INSPECT_WITHOUT_EVENTS_SECONDS = 60.0
LIST_UNANSWERED_SECONDS = 30.0
BETWEEN_LISTS_SECONDS = 0.5  # a container that is restarted all the while must not keep the daemon busy
GONE_ACTIONS = frozenset({"destroy"})
OOM_ACTION = "oom"


class Daemon(Protocol):
    """What is asked of the daemon; ``collector.docker_client`` does it with the SDK."""

    def containers(self) -> dict[str, Listed]:
        """Every container by id. Raises ScrapeError."""

    def inspect(self, container: str) -> Inspected | None:
        """One container, None when it is gone. Raises ScrapeError."""

    def close(self) -> None:
        """Drop connections."""


@dataclass(frozen=True, slots=True)
class View:
    """What is known now.

    Attributes:
        containers: by id.
        oom_kills: by id, of those that had any.
        problem: an inspection that failed, if one did.
    """

    containers: Mapping[str, Container]
    oom_kills: Mapping[str, int]
    problem: ScrapeError | None


@dataclass(frozen=True, slots=True)
class _Inspection:
    facts: Inspected
    at: float


class ContainerWatch:
    """The thread, and what it found.

    Args:
        daemon: makes the client, on the thread.
        changed: told which containers there are after each list, on the thread.
    """

    def __init__(self, daemon: Callable[[], Daemon], changed: Callable[[Collection[Listed]], None]) -> None:
        self._make, self._changed = daemon, changed
        self._change = threading.Condition()
        self._listed: dict[str, Listed] = {}
        self._inspections: dict[str, _Inspection] = {}
        self._oom_kills: dict[str, int] = {}
        self._dirty: set[str] = set()
        self._gone: set[str] = set()
        self._last_event = 0
        self._asked = self._stopping = self._ended = False
        self._inspect_every = INSPECT_EVERY_SECONDS
        self._listed_at = self._due_since = 0.0
        self._error: ScrapeError | None = None
        self._problem: ScrapeError | None = None
        self._known: View | None = None
        self._thread = threading.Thread(target=self._run, name="docker-watch", daemon=True)

    def start(self) -> None:
        """Begin with a first list."""
        self._due_since = time.monotonic()
        self._asked = True
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """End after what is being asked now; waits at most so many seconds."""
        with self._change:
            self._stopping = True
            self._change.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def alive(self) -> bool:
        """Whether the thread runs; what ended it is said by the look that saw it."""
        return not self._ended

    def view(self, deadline: Deadline, events: bool = True) -> View:
        """What is known; a first list is waited for. Has an old one renewed, sooner where no events come.

        Raises:
            ScrapeError: the last list failed, or one that was due has not come for long.
        """
        now, known = time.monotonic(), self._known
        every = LIST_EVERY_SECONDS if events else LIST_WITHOUT_EVENTS_SECONDS
        self._inspect_every = INSPECT_EVERY_SECONDS if events else INSPECT_WITHOUT_EVENTS_SECONDS
        if known is not None and self._error is None and now - self._listed_at <= every:
            return known
        with self._change:
            if self._error is not None or now - self._listed_at > every:
                self._due_since, self._asked = self._due_since or now, True
                self._change.notify_all()
            if not self._listed_at and self._error is None:
                self._change.wait_for(lambda: self._listed_at or self._error, deadline.left() * 0.9)
            if self._error is not None:
                raise self._error
            self._check_waiting(time.monotonic())
            return self._view()

    def heard(self, event: ContainerEvent) -> None:
        """An event. One that was heard already, as after a new connection, counts for nothing."""
        with self._change:
            if event.time and event.time <= self._last_event:
                return
            self._last_event = max(self._last_event, event.time)
            self._known = None
            if event.action == OOM_ACTION:
                self._oom_kills[event.id] = self._oom_kills.get(event.id, 0) + 1
            if event.action in GONE_ACTIONS:
                self._gone.add(event.id)
                self._listed.pop(event.id, None)
            self._dirty.add(event.id)
            self._asked = True
            self._change.notify_all()

    def suspect(self, container: str) -> None:
        """A container's stats have ended: it may be gone."""
        with self._change:
            self._dirty.add(container)
            self._asked = True
            self._change.notify_all()

    @property
    def last_event(self) -> int:
        """Nanoseconds since 1970 by the daemon's clock, 0 before the first."""
        return self._last_event

    def _check_waiting(self, now: float) -> None:
        waiting = now - self._due_since if self._due_since else 0.0
        if not self._listed_at or waiting > LIST_UNANSWERED_SECONDS:
            text = f"the daemon answers, but the list of its containers has not come for {waiting:.1f} s"
            raise ScrapeError(ErrorKind.TIMEOUT, text)

    def _view(self) -> View:
        """The very same object until something has changed."""
        if self._known is None:
            self._known = self._made_view()
        return self._known

    def _made_view(self) -> View:
        containers = {
            key: Container(listed, found.facts if (found := self._inspections.get(key)) else None)
            for key, listed in self._listed.items()
        }
        return View(containers, dict(self._oom_kills), self._problem)

    def _run(self) -> None:
        daemon = None
        try:
            daemon = self._make()
            while self._wait():
                self._refresh(daemon)
        except ScrapeError as error:
            self._fail(error)
        except Exception as error:  # it must be seen, and every look says so
            structlog.get_logger().exception("docker.watch.fault")
            text = f"fault in Showcall: {type(error).__name__} (see its log)"
            self._fail(ScrapeError(ErrorKind.INTERNAL, text))
        finally:
            self._ended = True
            if daemon is not None:
                daemon.close()

    def _fail(self, error: ScrapeError) -> None:
        with self._change:
            self._error = error
            self._change.notify_all()

    def _wait(self) -> bool:
        """Until there is something to ask; whether to go on."""
        with self._change:
            self._change.wait_for(lambda: self._stopping, BETWEEN_LISTS_SECONDS if self._listed_at else 0)
            self._change.wait_for(lambda: self._asked or self._stopping)
            self._asked = False
            self._gone.clear()
            return not self._stopping

    def _refresh(self, daemon: Daemon) -> None:
        try:
            found = daemon.containers()
        except ScrapeError as error:
            self._fail(error)
            return
        due = self._take(found)
        self._changed(tuple(found.values()))
        self._inspect(daemon, due)

    def _take(self, found: dict[str, Listed]) -> list[str]:
        """Keep a list; which of its containers are to be inspected."""
        now = time.monotonic()
        with self._change:
            dirty, self._dirty = self._dirty, set()
            due = [
                key
                for key, listed in found.items()
                if key in dirty or listed != self._listed.get(key) or self._old(key, now)
            ]
            self._listed = {key: listed for key, listed in found.items() if key not in self._gone}
            self._inspections = {key: each for key, each in self._inspections.items() if key in found}
            self._oom_kills = {key: count for key, count in self._oom_kills.items() if key in found}
            self._listed_at, self._due_since, self._error, self._known = now, 0.0, None, None
            self._change.notify_all()
        return due

    def _old(self, key: str, now: float) -> bool:
        known = self._inspections.get(key)
        return known is None or now - known.at > self._inspect_every

    def _inspect(self, daemon: Daemon, due: list[str]) -> None:
        """Look closer at some; one that fails keeps what was known of it and is tried with the next list."""
        problem = None
        for key in due:
            if self._stopping:
                return
            try:
                facts = daemon.inspect(key)
            except ScrapeError as error:
                problem = error
                self._dirty.add(key)
                continue
            if facts is not None:
                with self._change:
                    self._inspections[key] = _Inspection(facts, time.monotonic())
                    self._known = None
        with self._change:
            self._problem, self._known = problem, None
