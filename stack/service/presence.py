"""Tokens whose request is being served right now, waiting for a thread or for a connection included."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Presence:
    """A user whose request hangs for half a minute is not silent: the queue asks here who is with us."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()

    @contextmanager
    def of(self, token: str | None) -> Iterator[None]:
        """Count a request of ``token`` for as long as the block runs."""
        if token is None:
            yield
            return
        with self._lock:
            self._requests[token] += 1
        try:
            yield
        finally:
            with self._lock:
                self._requests[token] -= 1
                if not self._requests[token]:
                    del self._requests[token]

    def tokens(self) -> tuple[str, ...]:
        """Everybody present."""
        with self._lock:
            return tuple(self._requests)
