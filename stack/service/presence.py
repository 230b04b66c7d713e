"""Tokens that speak: their request is being served right now, or was a moment ago."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Presence:
    """Any request with a token is a sign of life, for as long as it is being served too.

    A user whose request hangs for half a minute is not silent: the queue asks here who was heard.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._spoke: set[str] = set()

    @contextmanager
    def of(self, token: str | None) -> Iterator[None]:
        """Count a request of ``token``, waiting for a thread or a connection included."""
        if token is None:
            yield
            return
        with self._lock:
            self._requests[token] += 1
        try:
            yield
        finally:
            with self._lock:
                self._spoke.add(token)
                self._requests[token] -= 1
                if not self._requests[token]:
                    del self._requests[token]

    def heard(self) -> tuple[str, ...]:
        """Everybody present, and everybody whose request ended since the last call."""
        with self._lock:
            heard = (*self._requests, *(self._spoke - self._requests.keys()))
            self._spoke.clear()
        return heard
