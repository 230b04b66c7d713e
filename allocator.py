"""How the C library hands out memory to `showcall run`, told once at its start.

Left to itself, glibc gives every thread a heap of its own, up to eight for each processor, so that threads
need not wait for each other. Python's threads seldom work at the same time anyway, and what one of them lets
go is of no use to another: with 20,000 series, 15 heaps held 23 MB of nothing. So there is one heap.

Arrays of a question come from that heap too, not as pages of their own, which the system would fill with
zeros and take back for each of them: that is a third of the time of a long question. Every ten seconds the
heap gives back what is free.

Where the C library is another one nothing is told and nothing is given back. Who told glibc something by its
environment variables is left to it.

Source: mallopt(3), malloc_trim(3); the numbers are those of glibc's malloc.h.
"""

import ctypes
import time
from collections.abc import Callable, Mapping

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_OWN_PAGES_BYTES = 4 * 2**20
"""From here on numpy asks for huge pages, of which a few are enough."""
_KEPT_BYTES = 32 * 2**20
"""What the heap keeps at its end for the next question, until it is asked to give it back."""
_GIVE_BACK_SECONDS = 10.0
"""It takes 0.1 ms where there is nothing to give, 3 ms after a long question."""
_VARIABLES = ("MALLOC_", "GLIBC_TUNABLES")


def configure(environment: Mapping[str, str]) -> bool:
    """Tell the C library, before threads are started; whether it was told everything."""
    tell = _function("mallopt")
    if tell is None or any(name.startswith(_VARIABLES) for name in environment):
        return False
    wanted = (_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _OWN_PAGES_BYTES), (_M_TRIM_THRESHOLD, _KEPT_BYTES)
    told = [tell(number, value) == 1 for number, value in wanted]
    return all(told)


class GivingBack:
    """Gives back what is free, now and then, whoever calls ``turn`` how often."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._trim = _function("malloc_trim")
        self._at = monotonic() + _GIVE_BACK_SECONDS

    def turn(self) -> None:
        """Give back if it is time to."""
        if self._trim is not None and self._monotonic() >= self._at:
            self._trim(0)
            self._at = self._monotonic() + _GIVE_BACK_SECONDS


def _function(name: str) -> Callable[..., int] | None:
    """A function of the C library; None where it has none of that name."""
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
    return found
