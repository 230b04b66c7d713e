"""Counters and timers that many threads write and the metrics page reads, named as Micrometer's meters."""

import threading
from dataclasses import dataclass

MAX_WINDOWS = 3
MAX_WINDOW_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class TimerReading:
    """What a timer shows: calls, their total in seconds, and the longest of the last two minutes or so."""

    count: int
    total: float
    longest: float


class Counter:
    """A number that only grows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value = 0

    def add(self, amount: int = 1) -> None:
        """Count ``amount`` more."""
        with self._lock:
            self._value += amount

    @property
    def value(self) -> int:
        """The count since the process started."""
        return self._value


class DecayingMax:
    """The greatest value of the last 80 to 120 seconds, in three windows of 40 s like Micrometer's ring."""

    def __init__(self) -> None:
        self._windows = [0.0] * MAX_WINDOWS
        self._window = 0

    def add(self, value: float, now: float) -> None:
        """Take one value into the present window."""
        self._turn(now)
        here = self._window % MAX_WINDOWS
        self._windows[here] = max(self._windows[here], value)

    def read(self, now: float) -> float:
        """The greatest value of the windows that still count."""
        self._turn(now)
        return max(self._windows)

    def _turn(self, now: float) -> None:
        window = int(now / MAX_WINDOW_SECONDS)
        for passed in range(max(self._window + 1, window - MAX_WINDOWS + 1), window + 1):
            self._windows[passed % MAX_WINDOWS] = 0.0
        self._window = max(self._window, window)


class Timer:
    """Durations in seconds: how many, their sum, the longest lately."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._total = 0.0
        self._longest = DecayingMax()

    def add(self, seconds: float, now: float) -> None:
        """Record one duration that ended at ``now``."""
        with self._lock:
            self._count += 1
            self._total += seconds
            self._longest.add(seconds, now)

    def read(self, now: float) -> TimerReading:
        """A consistent reading."""
        with self._lock:
            return TimerReading(self._count, self._total, self._longest.read(now))
