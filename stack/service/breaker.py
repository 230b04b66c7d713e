"""A circuit breaker as a pure state machine, with Resilience4j's states and its count-based window.

Two departures from the original, both on purpose. Half-open lets exactly one probe through at a time instead
of everybody who waits. Every change of state begins a new generation, and an answer that belongs to an older
one is dropped, so a late answer cannot corrupt the state that came after it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class BreakerState(StrEnum):
    """Resilience4j's states, in its spelling."""

    CLOSED = "CLOSED"
    OPEN = "OPEN"
    HALF_OPEN = "HALF_OPEN"
    FORCED_OPEN = "FORCED_OPEN"
    DISABLED = "DISABLED"
    METRICS_ONLY = "METRICS_ONLY"


class PermitReason(StrEnum):
    """Why a call may pass or not."""

    PASSES = "passes"
    PROBE = "probe"
    OPEN = "open"
    PROBE_TAKEN = "probe_taken"
    FORCED_OPEN = "forced_open"


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """Thresholds; rates in percent, times in seconds. The defaults are Resilience4j's."""

    window: int = 100
    minimum_calls: int = 100
    failure_rate: float = 50.0
    slow_rate: float = 100.0
    slow_seconds: float = 60.0
    open_seconds: float = 60.0
    probes: int = 3
    """Probes in a row that must go well before half-open closes."""
    probe_seconds: float = 60.0
    """A probe that has not answered by then is given up, and another one may go."""


@dataclass(frozen=True, slots=True)
class Call:
    """What the window keeps of a finished call."""

    failed: bool
    slow: bool


@dataclass(frozen=True, slots=True)
class Breaker:
    """One breaker. ``probe_since``: when the one probe left, None while the token is here."""

    state: BreakerState
    generation: int = 0
    since: float = 0.0
    window: tuple[Call, ...] = ()
    probe_since: float | None = None
    probes_passed: int = 0


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call; its answer must carry the same generation."""

    generation: int


@dataclass(frozen=True, slots=True)
class Asked:
    """The breaker after it was asked; ``permit`` is None when the call may not pass."""

    breaker: Breaker
    permit: Permit | None
    reason: PermitReason


def moved(breaker: Breaker, state: BreakerState, now: float) -> Breaker:
    """Enter ``state`` with an empty window and a new generation."""
    return Breaker(state=state, generation=breaker.generation + 1, since=now)


def ask(breaker: Breaker, rules: BreakerRules, now: float) -> Asked:
    """May a call pass? An open breaker whose time is over turns half-open by being asked."""
    if breaker.state is BreakerState.OPEN and now - breaker.since >= rules.open_seconds:
        breaker = moved(breaker, BreakerState.HALF_OPEN, now)
    match breaker.state:
        case BreakerState.OPEN:
            return Asked(breaker, None, PermitReason.OPEN)
        case BreakerState.FORCED_OPEN:
            return Asked(breaker, None, PermitReason.FORCED_OPEN)
        case BreakerState.HALF_OPEN:
            return _asked_half_open(breaker, rules, now)
        case BreakerState.CLOSED | BreakerState.DISABLED | BreakerState.METRICS_ONLY:
            return Asked(breaker, Permit(breaker.generation), PermitReason.PASSES)


def answered(breaker: Breaker, rules: BreakerRules, permit: Permit, call: Call, now: float) -> Breaker:
    """Take the result of a permitted call; a late one, of an older generation, changes nothing."""
    if permit.generation != breaker.generation or breaker.state is BreakerState.DISABLED:
        return breaker
    breaker = replace(breaker, window=(*breaker.window, call)[-rules.window :])
    match breaker.state:
        case BreakerState.HALF_OPEN:
            return _answered_half_open(breaker, rules, call, now)
        case BreakerState.CLOSED if _trips(breaker, rules):
            return moved(breaker, BreakerState.OPEN, now)
        case _:
            return breaker


def failure_rate(breaker: Breaker, rules: BreakerRules) -> float:
    """Failed calls in percent of the window, -1 while it has too few calls to say."""
    return _rate(breaker, rules, sum(call.failed for call in breaker.window))


def slow_rate(breaker: Breaker, rules: BreakerRules) -> float:
    """Slow calls in percent of the window, -1 while it has too few calls to say."""
    return _rate(breaker, rules, sum(call.slow for call in breaker.window))


def _asked_half_open(breaker: Breaker, rules: BreakerRules, now: float) -> Asked:
    out = breaker.probe_since
    if out is not None and now - out < rules.probe_seconds:
        return Asked(breaker, None, PermitReason.PROBE_TAKEN)
    # A probe given up may still answer: the next one gets a generation of its own.
    generation = breaker.generation + (out is not None)
    breaker = replace(breaker, probe_since=now, generation=generation)
    return Asked(breaker, Permit(generation), PermitReason.PROBE)


def _answered_half_open(breaker: Breaker, rules: BreakerRules, call: Call, now: float) -> Breaker:
    if call.failed or call.slow:
        return moved(breaker, BreakerState.OPEN, now)
    passed = breaker.probes_passed + 1
    if passed >= rules.probes:
        return moved(breaker, BreakerState.CLOSED, now)
    return replace(breaker, probes_passed=passed, probe_since=None)


def _trips(breaker: Breaker, rules: BreakerRules) -> bool:
    return failure_rate(breaker, rules) >= rules.failure_rate or slow_rate(breaker, rules) >= rules.slow_rate


def _rate(breaker: Breaker, rules: BreakerRules, count: int) -> float:
    calls = len(breaker.window)
    enough = min(rules.minimum_calls, rules.window)
    return 100.0 * count / calls if calls >= max(1, enough) else -1.0
