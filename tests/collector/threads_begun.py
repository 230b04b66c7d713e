"""Which threads a test began itself, whatever the tests before it have left to end."""

import threading
from typing import Final


class ThreadsBegun:
    """Remembers the threads there are when it is made; all later ones count as begun since."""

    def __init__(self) -> None:
        self._before: Final = frozenset(threading.enumerate())

    def alive(self, prefix: str = "") -> tuple[str, ...]:
        """Names, sorted, of the threads begun since that still run and whose name starts with `prefix`."""
        begun = (each for each in threading.enumerate() if each not in self._before)
        return tuple(sorted(each.name for each in begun if each.name.startswith(prefix)))
