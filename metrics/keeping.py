"""The store's own thread: makes samples safe on disk, so that no append has to wait for it."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import structlog

_TURN_SECONDS = 1.0
_DEAD_AFTER_SECONDS = 120.0


class Keeping:
    """Calls ``turn`` every second on a thread of its own, whatever it raises.

    ``turn`` returns nothing; an error is logged once until it changes.
    """

    def __init__(self, turn: Callable[[], None], monotonic: Callable[[], float] = time.monotonic) -> None:
        self._turn = turn
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store", daemon=True)
        self._good_at: float | None = None
        self._error = ""

    @property
    def error(self) -> str:
        """Why the last turn failed; empty when it did not."""
        return self._error

    def start(self) -> None:
        """Begin."""
        self._good_at = self._monotonic()
        self._thread.start()

    def stop(self, within: float) -> None:
        """End after the present turn."""
        self._stop.set()
        with suppress(RuntimeError):
            self._thread.join(within)

    def alive(self) -> bool:
        """Whether the thread runs and had a good turn lately."""
        age = None if self._good_at is None else self._monotonic() - self._good_at
        return self._thread.is_alive() and age is not None and age < _DEAD_AFTER_SECONDS

    def _run(self) -> None:
        while not self._stop.wait(_TURN_SECONDS):
            try:
                self._turn()
            # The thread must outlive whatever a disk does.
            except Exception as error:
                self._failed(error)
            else:
                self._good_at, self._error = self._monotonic(), ""

    def _failed(self, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"
        if text != self._error:
            structlog.get_logger().error("store_turn_failed", error=text)
        self._error = text
