"""Rounds to their listener, on a thread of its own, so that a slow evaluation never moves a scrape."""

import threading
from collections.abc import Callable
from dataclasses import replace

import structlog

from collector.round import Round

OnRound = Callable[[Round], None]


class RoundDelivery:
    """Hands over one round at a time.

    While the listener works, only the newest round waits; older ones are skipped and counted. A round is kept
    back until its own time, so that nothing is ever dated ahead of the clock. What the listener raises is
    logged and counted, and ends nothing.
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

    def offer(self, whole: Round, not_before: float) -> None:
        """Give the next round, to be handed over at ``not_before`` (monotonic seconds); returns at once."""
        with self._changed:
            if self._waiting is not None:
                self.skipped += 1
            self._waiting = (whole, max(self._monotonic(), not_before))
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
            whole, wanted = taken
            waited = self._monotonic() - wanted
            try:
                self._on_round(replace(whole, lag=whole.lag + waited))
            except Exception:  # one bad round must not end all evaluation
                self.errors += 1
                structlog.get_logger().exception("round.fault", tick=whole.tick)
            self.beat = self._monotonic()

    def _take(self) -> tuple[Round, float] | None:
        with self._changed:
            while not self._stopping and (left := self._left()) > 0:
                self._changed.wait(left)
                self.beat = self._monotonic()
            taken, self._waiting = self._waiting, None
            return None if self._stopping else taken

    def _left(self) -> float:
        """Seconds until there can be something to hand over, at most one."""
        if self._waiting is None:
            return 1.0
        return min(self._waiting[1] - self._monotonic(), 1.0)
