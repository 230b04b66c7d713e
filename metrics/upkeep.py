"""The work of the store's own thread: which blocks wait to be sealed, and since when memory is whole."""

import threading
import time

from metrics import sealing
from metrics.disk.block_time import BLOCK_MS
from metrics.disk.pushes import Push
from metrics.disk.shelf import Shelf
from metrics.memory import Memory

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
        memory: what is sealed from it.
    """

    def __init__(self, shelf: Shelf, memory: Memory) -> None:
        self._shelf, self._memory = shelf, memory
        self._unsealed: set[int] = set()
        self._lock = threading.Lock()
        # Blocks with points that came after them, and when those are sealed; by the block in which they came
        # the blocks that they belong into.
        self._late: dict[int, int] = {}
        self._elsewhere: dict[int, set[int]] = {}
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

    def begin(self, came: sealing.Came) -> None:
        """Read memory back after a start; ``came`` is told when each row and push came.

        Memory has no holes: what is older than rows that are sealed alone is sealed too.
        """
        sealed = self._shelf.sealed_without_rows()
        if sealed is not None:
            sealing.seal_rows_before(self._shelf, sealed)
            self._memory_since = sealed
        self._unsealed = self._shelf.unsealed()
        self._given_up = {block for block in self._unsealed if block < self._memory_since}
        # Older files are left where points wait for a block other than the file's own.
        pushes = sealing.recall_points(self._shelf, self._memory, self._memory_since)
        pushes += sealing.recall(self._shelf, self._memory, self._memory_since, came=came)
        for push in pushes:
            self.recalled(push)

    def appended(self, at: int) -> None:
        """A row of this time (milliseconds) was kept."""
        self._unsealed.add(at // BLOCK_MS * BLOCK_MS)

    def pushed(self, push: Push) -> None:
        """A push was kept."""
        self._unsealed.add(push.received // BLOCK_MS * BLOCK_MS)
        self.recalled(push)

    def recalled(self, push: Push) -> None:
        """A push was read back: blocks other than its own wait for its points, and its file for them."""
        own = push.received // BLOCK_MS * BLOCK_MS
        others = sealing.blocks_of(push) - {own}
        if not others:
            return
        with self._lock:
            self._elsewhere.setdefault(own, set()).update(others)
            for block in others - self._unsealed:
                self._late.setdefault(block, max(own, block) + BLOCK_MS + _GRACE_MS)

    def turn(self, now: int, keep_ms: int) -> None:
        """Make rows safe, seal a block, forget files, merge old blocks for a moment. Raises OSError.

        Args:
            now: the newest row, milliseconds.
            keep_ms: how long rows stay in memory.
        """
        self._shelf.write_ahead.sync()
        self._turned_at = time.monotonic()
        if self._seal_next(now) or time.monotonic() >= self._retain_at:
            self._shelf.retain(now)
            self._retain_at = time.monotonic() + _RETAIN_SECONDS
        self._shelf.forget_rows(now - keep_ms, self._needed())
        self._shelf.merging.turn(now, self._ahead)

    def may_forget(self, before: int) -> tuple[int, int]:
        """Up to where memory may forget rows, and points, if it wants to forget what is older."""
        rows = self._forgettable(before, self._unsealed | self._sealing)
        self._memory_since = max(self._memory_since, rows)
        with self._lock:
            late = {*self._late}
        return rows, min(rows, self._forgettable(before, late | self._sealing))

    def _forgettable(self, before: int, waiting: set[int]) -> int:
        waiting -= self._given_up
        floor = min(before, min(waiting, default=before))
        if self._cannot_seal:
            floor = max(floor, before - _UNSEALED_MS)
        # These are sealed from their write-ahead files at the next start.
        self._given_up |= {block for block in waiting if block < floor}
        return floor

    @property
    def _cannot_seal(self) -> bool:
        """Else blocks wait only for their turn, however far the clock was set forward meanwhile."""
        now = time.monotonic()
        return now < self._seal_at or now - self._turned_at > _STUCK_SECONDS

    def _seal_next(self, now: int) -> bool:
        """Seal the oldest block that nothing is to be expected for any more, or what came late for one."""
        due = self._due(now)
        if not due or time.monotonic() < self._seal_at:
            return False
        block = min(due)
        # What comes from now on puts it back; memory keeps what is there until it is sealed.
        self._sealing = {block}
        with self._lock:
            with_rows, late = block in self._unsealed, self._late.pop(block, None)
        self._unsealed.discard(block)
        seal = sealing.seal if with_rows else sealing.seal_points
        done = seal(self._shelf, block, self._memory)
        if not done:
            self._seal_at = time.monotonic() + _SEAL_AGAIN_SECONDS
            self._put_back(block, with_rows, late)
        self._sealing = set()
        return done

    def _due(self, now: int) -> list[int]:
        with self._lock:
            due = dict(self._late)
        due.update((block, block + BLOCK_MS + _GRACE_MS) for block in tuple(self._unsealed))
        return [block for block, at in due.items() if at <= now and block not in self._given_up]

    def _put_back(self, block: int, with_rows: bool, late: int | None) -> None:
        if with_rows:
            self._unsealed.add(block)
        if late is not None:
            with self._lock:
                self._late.setdefault(block, late)

    def _ahead(self) -> frozenset[int]:
        """Blocks that may have to be sealed anew."""
        with self._lock:
            waiting = self._unsealed | self._late.keys()
        return frozenset(waiting | self._shelf.ahead())

    def _needed(self) -> set[int]:
        """Blocks whose write-ahead files have something that is not sealed yet."""
        with self._lock:
            waiting = self._unsealed | self._late.keys()
            self._elsewhere = {own: others for own, others in self._elsewhere.items() if others & waiting}
            return self._unsealed | self._elsewhere.keys()
