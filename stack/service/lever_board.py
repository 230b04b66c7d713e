"""The service's levers as they stand, shared by the management endpoints and the scheduler."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from stack.service import levers
from stack.service.levers import Answer, Change, Lever, LeverReading, LeverValue, Outcome, Release
from stack.service.log_file import logger

QUIET = frozenset({Outcome.UNCHANGED, Outcome.PAUSED, Outcome.RENEWED, Outcome.REPEATED})


@dataclass(frozen=True, slots=True)
class Bounds:
    """The smallest and the greatest number a lever accepts, and what it counts."""

    minimum: int
    maximum: int
    unit: str


class HeldLever:
    """One lever: the pure state machine behind a lock, and what a new value does."""

    def __init__(
        self,
        name: str,
        lever: Lever,
        bounds: Bounds | None = None,
        put_in_force: Callable[[LeverValue], None] | None = None,
    ) -> None:
        self.name = name
        self.bounds = bounds
        self._lever = lever
        self._put_in_force = put_in_force
        self._lock = threading.Lock()

    @property
    def number(self) -> int:
        """The value of a lever that counts something."""
        value = self._lever.value
        if not isinstance(value, int):
            raise TypeError(f"lever {self.name} holds the state {value!r}, not a number")
        return value

    def reading(self) -> LeverReading:
        """What GET shows."""
        return self._lever.reading()

    def change(self, wanted: Change, now: float) -> Answer:
        """Set, renew, or refuse; see `levers.change`."""
        return self._apply(lambda lever: levers.change(lever, wanted, now))

    def release(self, wanted: Release, now: float) -> Answer:
        """Let go by ramp; see `levers.release`."""
        return self._apply(lambda lever: levers.release(lever, wanted, now))

    def step(self, now: float, line_waits: bool) -> Answer:
        """Let time pass; see `levers.step`."""
        return self._apply(lambda lever: levers.step(lever, now, line_waits))

    def _apply(self, act: Callable[[Lever], Answer]) -> Answer:
        with self._lock:
            before = self._lever
            answer = act(before)
            self._lever = answer.lever
            # A breaker may have moved on by itself, so even the same value is put in force again.
            ordered = answer.outcome in {Outcome.CHANGED, Outcome.RENEWED}
            if self._put_in_force is not None and (ordered or answer.lever.value != before.value):
                self._put_in_force(answer.lever.value)
        if answer.outcome not in QUIET:
            self._tell(before, answer)
        return answer

    def _tell(self, before: Lever, answer: Answer) -> None:
        lease = answer.lever.lease
        held = f", leased by {lease.owner} (run {lease.run_id})" if lease is not None else ""
        logger().info(
            "Lever %s: %s, %s -> %s, version %d%s",
            self.name,
            answer.outcome,
            before.value,
            answer.lever.value,
            answer.lever.version,
            held,
        )


@dataclass(frozen=True, slots=True)
class LeverBoard:
    """Every lever of the service."""

    active_users: HeldLever
    admission: HeldLever
    pool_size: HeldLever
    breaker: HeldLever

    def step(self, now: float, line_waits: bool) -> None:
        """Let time pass for all of them."""
        for lever in (self.active_users, self.admission, self.pool_size, self.breaker):
            lever.step(now, line_waits)
