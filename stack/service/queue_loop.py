"""The scheduler: lets users in, drops the silent, and lets time pass for the levers. Its own thread."""

import threading
from collections.abc import Callable

from redis.exceptions import RedisError

from stack.service.lever_board import LeverBoard
from stack.service.log_file import logger
from stack.service.meters import Counter
from stack.service.pool import PoolReading
from stack.service.presence import Presence
from stack.service.queue import Queue
from stack.service.queue_rules import HEARD_SECONDS, Crowd, admission, calls, may_sweep, opening
from stack.service.redis_outage import RedisOutage

TICK_SECONDS = 0.25
SWEEP_SECONDS = 1.0


class QueueMeters:
    """What happened to tokens since the process started."""

    def __init__(self) -> None:
        self.issued = Counter()
        self.admitted = Counter()
        self.abandoned = Counter()
        self.rejected = Counter()
        self.put_back = Counter()
        self.silent = Counter()


class QueueLoop:
    """Ticks every quarter of a second, and at once when `wake` is called."""

    def __init__(
        self,
        *,
        queue: Queue,
        board: LeverBoard,
        pool_reading: Callable[[], PoolReading],
        presence: Presence,
        outage: RedisOutage,
        silence: float,
        clock: Callable[[], float],
    ) -> None:
        self.meters = QueueMeters()
        self._crowd: Crowd | None = None
        self._queue = queue
        self._board = board
        self._pool_reading = pool_reading
        self._presence = presence
        self._outage = outage
        self._silence = silence
        self._clock = clock
        self._admission = opening(clock())
        self._swept_at = clock()
        self._taken = 0
        self._put_back = False
        self._woken = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="queue", daemon=True)

    @property
    def crowd(self) -> Crowd | None:
        """The queue at the last tick; None while Valkey is away."""
        return self._crowd if self._outage.error is None else None

    @property
    def admitted_last_period(self) -> int:
        """Users let in during the last whole period."""
        return self._admission.admitted_last_period

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end; it may still be waiting for Valkey."""
        self._stopping = True
        self._woken.set()

    def wake(self, put_back: bool = False) -> None:
        """Look at the levers now; with ``put_back``, send active users above the cap back to the line."""
        self._put_back = self._put_back or put_back
        self._woken.set()

    def tick(self, now: float) -> None:
        """One round: the levers first, they must move even while Valkey is away."""
        self._board.step(now, self._line_waits())
        try:
            self._tend(now)
        except RedisError as error:
            self._outage.failed(error)

    def _run(self) -> None:
        while not self._stopping:
            try:
                self.tick(self._clock())
            except Exception:
                # The scheduler must outlive a defect in one round; the round is lost, not the queue.
                logger().exception("The queue's scheduler failed in one round and goes on")
            self._woken.wait(TICK_SECONDS)
            self._woken.clear()

    def _line_waits(self) -> bool:
        pool, crowd = self._pool_reading(), self.crowd
        if pool.waiting > 0 or crowd is None:
            return True  # an unknown crowd may be a large one
        cap_binds = crowd.waiting > 0 and crowd.active >= self._board.active_users.number
        return cap_binds and pool.active >= pool.maximum

    def _tend(self, now: float) -> None:
        # A question first: a frozen Valkey would carry out a sweep when it wakes, and drop everybody who
        # could not be heard meanwhile.
        self._queue.crowd(now)
        self._outage.answered()
        if now - self._swept_at >= SWEEP_SECONDS:
            self._sweep(now)
        cap = self._board.active_users.number
        if self._put_back:
            self._put_excess_back(cap, now)
        self._open(self._queue.crowd(now), cap, now)
        self._crowd = self._queue.crowd(now)

    def _put_excess_back(self, cap: int, now: float) -> None:
        # Cleared first: an order that comes while this one runs must not be lost.
        self._put_back = False
        try:
            moved = self._queue.put_back(cap, now)
        except RedisError:
            self._put_back = True
            raise
        self.meters.put_back.add(moved)
        logger().info("Put %d active users back at the head of the queue (cap %d)", moved, cap)

    def _sweep(self, now: float) -> None:
        self._queue.touch(self._presence.heard(), now)
        self._swept_at = now
        if not may_sweep(self._outage.reachable_since, now, self._silence):
            return
        swept = self._queue.sweep(now - self._silence)
        self.meters.abandoned.add(swept.abandoned)
        self.meters.silent.add(swept.silent)

    def _open(self, crowd: Crowd, cap: int, now: float) -> None:
        # Valkey may have lost its memory: what it counted then begins anew.
        self.meters.admitted.add(max(0, crowd.taken - self._taken))
        if crowd.taken < self._taken:
            self._admission = opening(now)
        self._taken = crowd.taken
        decided = admission(self._admission, crowd, self._board.admission.number, cap, now)
        self._admission = decided.clock
        if decided.places is not None:
            self._queue.open(decided.places, calls(decided.places, crowd), now - HEARD_SECONDS)
