"""Puts the circuit breaker around the database calls and counts what Resilience4j's meters count."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stack.service import breaker as rules_of
from stack.service.breaker import Breaker, BreakerRules, BreakerState, Call, Permit
from stack.service.log_file import logger
from stack.service.meters import Counter, Timer

MUTE_STATES = frozenset({BreakerState.FORCED_OPEN, BreakerState.DISABLED})
"""In these states Resilience4j publishes no events, so its counters, which hang on them, stand still."""


class CallNotPermittedError(Exception):
    """The breaker is open; nothing was sent to the database."""

    def __init__(self, name: str, state: BreakerState) -> None:
        super().__init__(f"CircuitBreaker '{name}' is {state} and does not permit further calls")


class BreakerGuard:
    """One named breaker that request threads pass through."""

    def __init__(
        self,
        name: str,
        rules: BreakerRules,
        state: BreakerState,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.rules = rules
        self.successful = Timer()
        self.failed = Timer()
        self.not_permitted = Counter()
        self._refused_here = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._breaker = Breaker(state=state, since=clock())

    @property
    def breaker(self) -> Breaker:
        """The state machine as it is now."""
        return self._breaker

    @property
    def refused_here(self) -> int:
        """Calls not permitted since the present state began (``notPermittedCalls`` of the actuator)."""
        return self._refused_here

    def move(self, state: BreakerState) -> None:
        """Put the breaker into a state from outside; its window starts anew unless it is there already."""
        with self._lock:
            if self._breaker.state is not state:
                self._become(rules_of.moved(self._breaker, state, self._clock()))

    @contextmanager
    def call(self) -> Iterator[None]:
        """Run a database call under the breaker; any exception from the block counts as a failure.

        Raises:
            CallNotPermittedError: the breaker does not let the call pass.
        """
        permit = self._permit()
        started = self._clock()
        try:
            yield
        except Exception:
            self._finish(permit, started, failed=True)
            raise
        self._finish(permit, started, failed=False)

    def _permit(self) -> Permit:
        with self._lock:
            asked = rules_of.ask(self._breaker, self.rules, self._clock())
            self._become(asked.breaker)
            if asked.permit is not None:
                return asked.permit
            self._refused_here += 1
        if asked.breaker.state not in MUTE_STATES:
            self.not_permitted.add()
        raise CallNotPermittedError(self.name, asked.breaker.state)

    def _finish(self, permit: Permit, started: float, failed: bool) -> None:
        now = self._clock()
        call = Call(failed, slow=now - started >= self.rules.slow_seconds)
        with self._lock:
            mute = self._breaker.state in MUTE_STATES
            self._become(rules_of.answered(self._breaker, self.rules, permit, call, now))
        if not mute:
            (self.failed if failed else self.successful).add(now - started, now)

    def _become(self, breaker: Breaker) -> None:
        before, self._breaker = self._breaker, breaker
        if breaker.state is not before.state:
            self._refused_here = 0
            logger().warning(
                "CircuitBreaker '%s' changed state from %s to %s", self.name, before.state, breaker.state
            )
