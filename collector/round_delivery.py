"""Rounds to their listener, on a thread of its own, so that a slow evaluation never moves a scrape."""

import threading
from collections.abc import Callable
from dataclasses import replace

import structlog

from collector.round import Round

OnRound = Callable[[Round], None]


class RoundDelivery:
    """Hands over one round at a time.

    While the listener works, only the newest round waits; older ones are skipped and counted. What the
    listener raises is logged and counted, and ends nothing.
    """

    def __init__(self, on_round: OnRound, monotonic: Callable[[], float]) -> None:
        self._on_round = on_round
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._waiting: tuple[Round, float] | None = None
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)
        self.skipped = 0
        self.errors = 0
        self.beat = monotonic()
        """When the thread last showed that it lives, monotonic seconds."""

    def start(self) -> None:
        """Begin to hand over."""
        self._thread.start()

    def offer(self, whole: Round) -> None:
        """Give the next round; returns at once."""
        with self._changed:
            if self._waiting is not None:
                self.skipped += 1
            self._waiting = (whole, self._monotonic())
            self._changed.notify()

    def stop(self, timeout: float) -> bool:
        """End after the round in hand; whether it did within ``timeout`` seconds."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while (taken := self._take()) is not None:
            whole, offered = taken
            waited = self._monotonic() - offered
            try:
                self._on_round(replace(whole, lag=whole.lag + waited))
            except Exception:  # one bad round must not end all evaluation
                self.errors += 1
                structlog.get_logger().exception("round.fault", tick=whole.tick)
            self.beat = self._monotonic()

    def _take(self) -> tuple[Round, float] | None:
        with self._changed:
            while self._waiting is None and not self._stopping:
                self._changed.wait(1.0)
                self.beat = self._monotonic()
            taken, self._waiting = self._waiting, None
            return None if self._stopping else taken
