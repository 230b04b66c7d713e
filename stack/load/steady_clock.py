"""Unix time that never jumps: the wall clock read once, then carried on by the monotonic clock."""

import time
from collections.abc import Callable

Clock = Callable[[], float]


def steady(wall: Clock) -> Clock:
    """A clock in Unix seconds that starts at ``wall()`` and is immune to corrections of the wall clock."""
    offset = wall() - time.monotonic()
    return lambda: time.monotonic() + offset
