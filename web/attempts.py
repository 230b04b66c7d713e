"""How often somebody may try to sign in."""

import threading
from collections import deque


class Attempts:
    """Failed attempts per address within a sliding window (seconds); forgets what is older.

    Kept in memory: a restart gives an attacker ten tries more, which a 256-bit code can bear.
    """

    def __init__(self, allowed: int, window: float) -> None:
        self._allowed = allowed
        self._window = window
        self._failures: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def allow(self, address: str, now: float) -> bool:
        """Whether this address may try now."""
        with self._lock:
            self._forget(now)
            return len(self._failures.get(address, ())) < self._allowed

    def failed(self, address: str, now: float) -> None:
        """Note a failed try."""
        with self._lock:
            self._failures.setdefault(address, deque(maxlen=self._allowed)).append(now)

    def _forget(self, now: float) -> None:
        for address in list(self._failures):
            tries = self._failures[address]
            while tries and now - tries[0] > self._window:
                tries.popleft()
            if not tries:
                del self._failures[address]
