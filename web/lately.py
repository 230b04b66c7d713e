"""Answers that cost something, kept for a moment and shared by all who look: no page can ask too much."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Value = TypeVar("Value")

KEPT_SECONDS = 1.0
BUDGET_SECONDS = 0.05
"""What asking anew may take in one look; the rest keep their older answer until the next look."""

FIRST_BUDGET_SECONDS = 1.0
"""What asking for the first time may take in one look: a page without its answers says nothing."""


@dataclass(frozen=True, slots=True)
class KeptAnswer(Generic[Value]):
    """An answer and when it was asked for, Unix seconds."""

    value: Value
    at: float


class Lately(Generic[Value]):
    """Answers by key.

    Args:
        ask: gives the answer for a key at a time (Unix seconds).
        clock: Unix seconds; elapsed: a clock for durations only.
    """

    def __init__(
        self,
        ask: Callable[[str, float], Value],
        clock: Callable[[], float],
        elapsed: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._elapsed = elapsed
        self._kept: dict[str, KeptAnswer[Value]] = {}
        self._lock = threading.Lock()

    def one(self, key: str) -> Value:
        """The answer for one key, at most a second old."""
        with self._lock:
            now = self._clock()
            if self._is_old(key, now):
                self._kept[key] = KeptAnswer(self._ask(key, now), now)
            return self._kept[key].value

    def all(self, keys: Sequence[str]) -> Mapping[str, Value]:
        """The answers there are: asked for the first time, then the oldest anew, while the budgets last."""
        with self._lock:
            now, begun = self._clock(), self._elapsed()
            wanted = set(keys)
            self._kept = {key: kept for key, kept in self._kept.items() if key in wanted}
            for key in sorted((key for key in keys if self._is_old(key, now)), key=self._asked_at):
                budget = BUDGET_SECONDS if key in self._kept else FIRST_BUDGET_SECONDS
                if self._elapsed() - begun > budget:
                    break
                self._kept[key] = KeptAnswer(self._ask(key, now), now)
            return {key: kept.value for key, kept in self._kept.items()}

    def _is_old(self, key: str, now: float) -> bool:
        kept = self._kept.get(key)
        return kept is None or not 0 <= now - kept.at < KEPT_SECONDS

    def _asked_at(self, key: str) -> float:
        return self._kept[key].at if key in self._kept else float("-inf")
