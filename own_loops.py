"""The process' own loops: a thread each, woken by work or by time, watched, never silent when it breaks."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import structlog

Work = TypeVar("Work")


class KnownTroubleError(RuntimeError):
    """A turn could not be done, and the text says all there is to know: nobody needs a trace."""


@dataclass(frozen=True, slots=True)
class LoopReport:
    """How a loop does.

    Attributes:
        age: seconds since its last good turn, None before the first.
        error_age: seconds since its last failed turn, None without one.
    """

    name: str
    running: bool
    age: float | None
    turns: int
    missed: int
    errors: int
    last_error: str
    last_seconds: float
    error_age: float | None


class NewestFirstLoop(Generic[Work]):
    """Turns once for the newest work that was handed over; older work that was not begun is missed, counted.

    A turn that raises is logged and counted and the loop goes on: the age of its last good turn tells.

    Args:
        turn: the body.
        idle: seconds after which ``on_idle`` is called when no work came (None: never).
        on_idle: what to do then.
    """

    def __init__(
        self,
        name: str,
        turn: Callable[[Work], None],
        idle: float | None = None,
        on_idle: Callable[[], None] = lambda: None,
    ) -> None:
        self._name, self._turn, self._idle, self._on_idle = name, turn, idle, on_idle
        self._change = threading.Condition()
        self._work: list[Work] = []
        self._stopping = False
        self._last_good: float | None = None
        self._last_failed: float | None = None
        self._turns = self._missed = self._errors = 0
        self._last_error, self._last_seconds = "", 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to turn."""
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Finish the present turn and end; nobody is waited for."""
        with self._change:
            self._stopping = True
            self._change.notify_all()

    def stop(self, within: float) -> None:
        """Finish the present turn and end, or give up waiting after ``within`` seconds."""
        self.ask_to_stop()
        if self._thread.is_alive():
            self._thread.join(within)

    def hand_over(self, work: Work) -> None:
        """Give the loop work; what it had not begun is missed."""
        with self._change:
            self._missed += len(self._work)
            self._work = [work]
            self._change.notify_all()

    def report(self) -> LoopReport:
        """How it does now."""
        return LoopReport(
            self._name, self._thread.is_alive(), _since(self._last_good), self._turns, self._missed,
            self._errors, self._last_error, self._last_seconds, _since(self._last_failed),
        )  # fmt: skip

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._work or self._stopping, timeout=self._idle)
                if self._stopping:
                    return
                work, self._work = self._work, []
            self._guarded(partial(self._turn, work[0]) if work else self._on_idle)

    def _guarded(self, body: Callable[[], None]) -> None:
        began = time.monotonic()
        try:
            body()
        except Exception as error:
            self._errors += 1
            self._last_failed = time.monotonic()
            self._last_error = f"{type(error).__name__}: {error}".splitlines()[0]
            structlog.get_logger().exception("a loop's turn failed", loop=self._name)
            return
        self._turns += 1
        self._last_good = time.monotonic()
        self._last_seconds = self._last_good - began


def _since(then: float | None) -> float | None:
    return None if then is None else time.monotonic() - then
