"""Asking the metrics what guards, laws and verification look at, and refusing what is stale or missing."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from metrics.errors import QueryError
from metrics.values import Asker
from runbooks.admission_law import Control, Facts
from runbooks.guards import Guard, GuardFacts, GuardResult, first_value, judge
from runbooks.runbook import WINDOW, Signals, Verify
from runbooks.step import StepReason, Unusable
from runbooks.verification import Before, Measured

SHORTEST_WINDOW = 3
LONGEST_WINDOW = 30
TREND_SECONDS = 5.0
OF_REQUESTS = ("latency", "requests")
"""Signals about requests; without requests they have no answer, which is no reason to call facts missing."""


@dataclass(frozen=True, slots=True)
class FactReader:
    """Questions to the metrics.

    Attributes:
        stale_after: seconds after which a signal's newest sample is too old to move anything.
        lag_limit: seconds by which our own loop may be late before its picture counts as stale.
    """

    asker: Asker
    stale_after: float
    lag_limit: float = 0.5

    def guards(self, guards: Sequence[Guard], now: float, lag: float) -> tuple[GuardResult, ...]:
        """Every guard judged, in the order of the runbook."""
        return tuple(judge(guard, self._guard_facts(guard, now), lag, self.lag_limit) for guard in guards)

    def control(self, signals: Signals, control: Control, now: float, lag: float) -> Facts | Unusable:
        """What the admission law looks at."""
        if lag > self.lag_limit:
            return _late(lag, self.lag_limit)
        found: dict[str, float] = {}
        for name in (field.name for field in fields(signals) if field.name not in OF_REQUESTS):
            value = self._fresh(getattr(signals, name), now)
            if isinstance(value, Unusable):
                return value
            found[name] = value
        latency, requests = self._of_requests(signals, control, now)
        return Facts(**found, latency=latency, requests=requests)

    def condition(self, expr: str, now: float, lag: float) -> bool | Unusable:
        """Whether a condition holds: it returns something, on fresh facts."""
        if lag > self.lag_limit:
            return _late(lag, self.lag_limit)
        guard = Guard("condition", expr, self.stale_after, "")
        facts = self._guard_facts(guard, now)
        if facts.error is not None:
            return Unusable(StepReason.MISSING_FACTS, f"{expr}: {facts.error}")
        stale = self._stale(expr, facts.age)
        return stale if stale is not None else judge(guard, facts, lag, self.lag_limit).passed

    def measured(self, verify: Verify, now: float) -> Measured:
        """The effect now; None for what has no fresh answer."""
        return Measured(
            signal=_known(self._fresh(verify.expr, now)),
            throughput=self._optional(verify.throughput, now),
            waiting=self._optional(verify.waiting, now),
        )

    def before(self, verify: Verify, now: float) -> Before:
        """How things stand right before the lever is moved, with the trend of the last seconds."""
        signal = _known(self._fresh(verify.expr, now)) or 0.0
        earlier = _known(self._value(verify.expr, now - TREND_SECONDS))
        slope = 0.0 if earlier is None else (signal - earlier) / TREND_SECONDS
        return Before(now, signal, slope, self._optional(verify.throughput, now))

    def _of_requests(self, signals: Signals, control: Control, now: float) -> tuple[float | None, float]:
        """p95 and count of the requests issued since ``measured_from``.

        A histogram counts a request when it ends. ``measured_from`` lies so long after the change that what
        was issued before it has ended by then; what is issued after it and still runs is not counted yet.
        """
        window = min(int(now - control.measured_from), LONGEST_WINDOW)
        if window < SHORTEST_WINDOW:
            return None, 0.0
        latency, requests = (
            _known(self._value(getattr(signals, name).replace(WINDOW, f"{window}s"), now))
            for name in OF_REQUESTS
        )
        return latency, requests or 0.0

    def _optional(self, expr: str | None, now: float) -> float | None:
        return None if expr is None else _known(self._fresh(expr, now))

    def _guard_facts(self, guard: Guard, now: float) -> GuardFacts:
        try:
            return GuardFacts(self.asker.query(guard.expr, now), self.asker.freshness(guard.expr, now))
        except QueryError as error:
            return GuardFacts(None, None, error.message)

    def _fresh(self, expr: str, now: float) -> float | Unusable:
        """A number on fresh facts."""
        try:
            stale = self._stale(expr, self.asker.freshness(expr, now))
        except QueryError as error:
            stale = Unusable(StepReason.MISSING_FACTS, f"{expr}: {error.message}")
        return stale if stale is not None else self._value(expr, now)

    def _value(self, expr: str, now: float) -> float | Unusable:
        try:
            value = first_value(self.asker.query(expr, now))
        except QueryError as error:
            return Unusable(StepReason.MISSING_FACTS, f"{expr}: {error.message}")
        if value is None or math.isnan(value):
            return Unusable(StepReason.MISSING_FACTS, f"{expr} has no value")
        return value

    def _stale(self, expr: str, age: float | None) -> Unusable | None:
        if age is None:
            return Unusable(StepReason.MISSING_FACTS, f"no sample for {expr}")
        if age > self.stale_after:
            text = f"{expr} is {age:.1f} s old (at most {self.stale_after:g} s)"
            return Unusable(StepReason.STALE_FACTS, text)
        return None


def _late(lag: float, limit: float) -> Unusable:
    return Unusable(StepReason.LATE_LOOP, f"our own loop was {lag:.1f} s late (at most {limit:g} s)")


def _known(value: float | Unusable) -> float | None:
    return None if isinstance(value, Unusable) else value
