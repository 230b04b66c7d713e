"""The work of the store's own thread: which blocks wait to be sealed, and since when memory is whole."""

import time
from collections.abc import Mapping

from metrics import sealing
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.shelf import Shelf
from metrics.feed import Feed
from metrics.series_index import SeriesIndex

_GRACE_MS = 60_000
"""How long after its end a block waits for rows of slow looks before it is sealed."""
_SEAL_AGAIN_SECONDS = 30.0
_RETAIN_SECONDS = 60.0
_UNSEALED_MS = 3_600_000
"""How much longer than usual rows stay in memory that could not be sealed."""
_STUCK_SECONDS = 60.0
"""Without a turn for so long nothing can be sealed."""


class Upkeep:
    """The files of a store as time goes on.

    Args:
        shelf: the files.
        feeds: by origin.
    """

    def __init__(self, shelf: Shelf, feeds: Mapping[str, Feed], index: SeriesIndex) -> None:
        self._shelf, self._feeds, self._index = shelf, feeds, index
        self._unsealed: set[int] = set()
        self._sealing: set[int] = set()
        self._given_up: set[int] = set()
        self._seal_at = 0.0
        self._turned_at = time.monotonic()
        self._retain_at = 0.0
        self._memory_since = -(2**62)

    @property
    def memory_since(self) -> int:
        """Every row from here on is in memory (milliseconds)."""
        return self._memory_since

    def begin(self) -> int:
        """Where memory begins after a start: what is older than rows that are sealed alone is sealed too.

        Memory has no holes. The rows from there on are to be read back next.
        """
        sealed = self._shelf.sealed_without_rows()
        if sealed is not None:
            sealing.seal_rows_before(self._shelf, sealed)
            self._memory_since = sealed
        self._unsealed = self._shelf.unsealed()
        self._given_up = {block for block in self._unsealed if block < self._memory_since}
        return self._memory_since

    def appended(self, at: int) -> None:
        """A row of this time (milliseconds) was kept."""
        self._unsealed.add(at // BLOCK_MS * BLOCK_MS)

    def turn(self, now: int, keep_ms: int) -> None:
        """Make rows safe, seal a block, forget files. Raises OSError.

        Args:
            now: the newest row, milliseconds.
            keep_ms: how long rows stay in memory.
        """
        self._shelf.write_ahead.sync()
        self._turned_at = time.monotonic()
        if self._seal_next(now) or time.monotonic() >= self._retain_at:
            self._shelf.retain(now)
            self._retain_at = time.monotonic() + _RETAIN_SECONDS
        self._shelf.forget_rows(now - keep_ms, self._unsealed)

    def may_forget(self, before: int) -> int:
        """Up to where memory may forget, if it wants to forget what is older than ``before``."""
        waiting = (self._unsealed | self._sealing) - self._given_up
        floor = min(before, min(waiting, default=before))
        if self._cannot_seal:
            floor = max(floor, before - _UNSEALED_MS)
        # These are sealed from their write-ahead files at the next start.
        self._given_up |= {block for block in waiting if block < floor}
        self._memory_since = max(self._memory_since, floor)
        return floor

    @property
    def _cannot_seal(self) -> bool:
        """Else blocks wait only for their turn, however far the clock was set forward meanwhile."""
        now = time.monotonic()
        return now < self._seal_at or now - self._turned_at > _STUCK_SECONDS

    def _seal_next(self, now: int) -> bool:
        """Seal the oldest block that no row is to be expected for any more."""
        due = [
            block
            for block in tuple(self._unsealed)
            if block + BLOCK_MS + _GRACE_MS <= now and block not in self._given_up
        ]
        if not due or time.monotonic() < self._seal_at:
            return False
        block = min(due)
        # A row that comes from now on puts it back among the unsealed.
        self._sealing = {block}
        self._unsealed.discard(block)
        done = sealing.seal(self._shelf, block, self._feeds, self._index)
        if not done:
            self._unsealed.add(block)
            self._seal_at = time.monotonic() + _SEAL_AGAIN_SECONDS
        self._sealing = set()
        return done
