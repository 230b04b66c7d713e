"""Who goes first: while rules are evaluated, the questions of people wait between two steps of their work."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST_WAIT = 0.5
"""Seconds after which a question goes on all the same, so that slow rules do not stop it for ever."""


class Precedence:
    """One side evaluates rules, the other asks whether it may go on."""

    def __init__(self) -> None:
        self._idle = threading.Event()
        self._idle.set()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Rules are evaluated for as long as the block lasts."""
        self._idle.clear()
        try:
            yield
        finally:
            self._idle.set()

    @property
    def is_taken(self) -> bool:
        """Whether rules are evaluated now."""
        return not self._idle.is_set()

    def give_way(self) -> None:
        """Return when no rules are evaluated, or after ``LONGEST_WAIT``."""
        if not self._idle.is_set():
            self._idle.wait(LONGEST_WAIT)
