"""Guards: what must be true, on fresh facts, before a lever is moved. They fail closed.

A guard is PromQL that returns something while acting is allowed, as an alerting rule does while it fires; a
scalar must not be zero. Facts that are missing, older than the guard allows, or cannot be asked for are a
"no" with its own reason, never a "yes".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from metrics.values import QueryResult, Scalar, Vector


class GuardReason(StrEnum):
    """Why a guard says what it says."""

    PASSED = "passed"
    FALSE = "false"
    STALE = "stale"
    MISSING = "missing"
    ERROR = "error"
    LATE_LOOP = "late_loop"


@dataclass(frozen=True, slots=True)
class Guard:
    """One condition.

    Attributes:
        fresh: the oldest newest-sample over its selectors may be this many seconds old.
        why: a sentence for the person who reads the plan.
    """

    name: str
    expr: str
    fresh: float
    why: str


@dataclass(frozen=True, slots=True)
class GuardResult:
    """A guard's answer at one time; ``value`` and ``age`` are None when there was none."""

    name: str
    why: str
    expr: str
    passed: bool
    reason: GuardReason
    text: str
    value: float | None = None
    age: float | None = None


@dataclass(frozen=True, slots=True)
class GuardFacts:
    """What was asked for one guard: the answer, its age in seconds, or the error's text."""

    result: QueryResult | None
    age: float | None
    error: str | None = None


def judge(guard: Guard, facts: GuardFacts, lag: float, lag_limit: float) -> GuardResult:
    """One guard's verdict. ``lag`` is how many seconds our own loop was late."""
    value = None if facts.result is None else first_value(facts.result)
    if lag > lag_limit:
        reason, text = GuardReason.LATE_LOOP, f"our own loop was {lag:.1f} s late (at most {lag_limit:g} s)"
    else:
        reason, text = _unusable(guard, facts) or _answer(guard, facts.result, value)
    return GuardResult(
        guard.name, guard.why, guard.expr, reason is GuardReason.PASSED, reason, text, value, facts.age
    )


def first_refusal(results: Sequence[GuardResult]) -> GuardResult | None:
    """The first guard that says no, or None."""
    return next((result for result in results if not result.passed), None)


def first_value(result: QueryResult) -> float | None:
    """The number of a scalar, or of a vector's first sample; None when there is none."""
    match result:
        case Scalar(value=value):
            return value
        case Vector(samples=samples) if samples:
            return samples[0].value
    return None


def _unusable(guard: Guard, facts: GuardFacts) -> tuple[GuardReason, str] | None:
    if facts.error is not None:
        return GuardReason.ERROR, f"cannot be asked: {facts.error}"
    if facts.age is None:
        return GuardReason.MISSING, f"no sample for {guard.expr}"
    if facts.age > guard.fresh:
        return GuardReason.STALE, f"facts are {facts.age:.1f} s old (at most {guard.fresh:g} s)"
    return None


def _answer(guard: Guard, result: QueryResult | None, value: float | None) -> tuple[GuardReason, str]:
    if value is None:
        return GuardReason.FALSE, f"{guard.expr} returned nothing"
    if math.isnan(value) or (isinstance(result, Scalar) and value == 0):
        return GuardReason.FALSE, f"{guard.expr} is {value:g}"
    return GuardReason.PASSED, f"{guard.expr} is {value:g}"
