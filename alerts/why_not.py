"""Why a rule does not fire: one line over facts that were gathered before.

The questions are asked in the order in which the evaluation itself is stopped: can it be evaluated, are its
inputs there, does its condition hold, has it held for long enough.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from alerts.alert_state import Alert, AlertState
from alerts.clause import ClauseReading
from alerts.quantity import quantity
from alerts.rule import AlertingRule
from alerts.rule_outcome import RuleHealth, RuleStatus
from metrics.values import Labels

LATE_AFTER = 5.0
"""Seconds beyond its interval after which a rule's last evaluation is called late."""

OLD_AFTER = 5.0
"""Seconds after which the oldest input is named even in a line that is about something else."""

TEXT_SHOWN = 90
LABELS_SHOWN = 3


class NotFiringReason(StrEnum):
    """What keeps a rule from firing, the first that does."""

    RECORDS = "records"
    BROKEN = "broken"
    NOT_EVALUATED = "not_evaluated"
    LATE = "late"
    TARGET_DOWN = "target_down"
    NO_DATA = "no_data"
    PENDING = "pending"
    CANNOT_ASK = "cannot_ask"
    NO_SERIES = "no_series"
    THRESHOLD = "threshold"
    DIFFERENT_SERIES = "different_series"
    TRUE_NOW = "true_now"


@dataclass(frozen=True, slots=True)
class WhyNotFiring:
    """The reason, and a line for a person."""

    reason: NotFiringReason
    text: str


@dataclass(frozen=True, slots=True)
class DownTarget:
    """A target that is down or late, and what is known of why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """What was seen of a rule at one time.

    Attributes:
        now: Unix seconds.
        clauses: the parts of its expression; empty when they could not be asked, ``problem`` says why then.
        returned: series that the whole expression returns now.
        missing: selectors without a single series.
        age: seconds since the oldest newest-sample of those that have one.
        down: targets behind the expression that are down or late.
    """

    status: RuleStatus
    now: float
    clauses: tuple[ClauseReading, ...] = ()
    returned: int = 0
    missing: tuple[str, ...] = ()
    age: float | None = None
    down: tuple[DownTarget, ...] = ()
    problem: str = ""


def why_not(facts: RuleFacts) -> WhyNotFiring | None:
    """The line, or None while one of its alerts fires."""
    if any(alert.fires for alert in facts.status.alerts):
        return None
    reason, text = _of_evaluation(facts) or _of_inputs(facts) or _of_condition(facts)
    return WhyNotFiring(reason, text)


def about_alert(alert: Alert, facts: RuleFacts) -> str:
    """How long an alert must still hold, or what holds it; empty when there is nothing to add."""
    rule = facts.status.rule
    if not isinstance(rule, AlertingRule):
        return ""
    match alert.state:
        case AlertState.PENDING:
            return _hold_left(alert, rule, facts.now)
        case AlertState.UNKNOWN:
            return _held_unknown(alert, facts)
        case AlertState.FIRING:
            return "; ".join(_held_firing(alert, rule, facts.now))
    return ""


_Said = tuple[NotFiringReason, str]


def _of_evaluation(facts: RuleFacts) -> _Said | None:
    status = facts.status
    if status.health is RuleHealth.ERR:
        first = (status.error or "").split("\n", maxsplit=1)[0]
        return NotFiringReason.BROKEN, f"its last evaluation failed, so nothing is known: {first}"
    if status.at is None:
        return NotFiringReason.NOT_EVALUATED, "it was not evaluated yet"
    since, interval = facts.now - status.at, status.group.interval
    if since > interval + LATE_AFTER:
        text = f"it was last evaluated {_seconds(since)} ago instead of every {_seconds(interval)}"
        return NotFiringReason.LATE, text
    if not isinstance(status.rule, AlertingRule):
        return NotFiringReason.RECORDS, _records(status)
    return None


def _records(status: RuleStatus) -> str:
    if status.health is RuleHealth.NO_DATA:
        return "it records nothing: its expression returns no series"
    return "it records a series and never fires"


def _of_inputs(facts: RuleFacts) -> _Said | None:
    rule = facts.status.rule
    if facts.down and isinstance(rule, AlertingRule) and rule.may_be_unknown:
        text = f"{_downs(facts.down)}; until it reports again this rule starts nothing and resolves nothing"
        return NotFiringReason.TARGET_DOWN, text
    if facts.status.health is RuleHealth.NO_DATA:
        missing = _listed(facts.missing) or _shortened(facts.status.rule.expr)
        return NotFiringReason.NO_DATA, f"shows no data, not OK: no series for {missing}"
    if facts.problem:
        return NotFiringReason.CANNOT_ASK, f"its parts cannot be asked now: {facts.problem}"
    return None


def _of_condition(facts: RuleFacts) -> _Said:
    pending = [alert for alert in facts.status.alerts if alert.state is AlertState.PENDING]
    rule = facts.status.rule
    if pending and isinstance(rule, AlertingRule):
        first = min(pending, key=lambda alert: alert.active_at)
        return NotFiringReason.PENDING, _hold_left(first, rule, facts.now)
    failing = [reading for reading in facts.clauses if not reading.holding]
    empty = [reading for reading in failing if not reading.compared]
    if empty:
        return NotFiringReason.NO_SERIES, _with_age(_returns_nothing(empty[0], facts), facts)
    if failing:
        text = "; ".join(compared_text(reading) for reading in failing)
        return NotFiringReason.THRESHOLD, _with_age(_among(failing, facts) + text, facts)
    if not facts.returned:
        text = "each of its conditions holds, but not for the same series"
        return NotFiringReason.DIFFERENT_SERIES, _with_age(text, facts)
    series = "series" if facts.returned == 1 else "different series"
    text = f"its condition holds now for {facts.returned} {series}; the next evaluation counts it"
    return NotFiringReason.TRUE_NOW, _with_age(text, facts)


def compared_text(reading: ClauseReading) -> str:
    """``hikaricp_connections_pending is 3, wanted >= 10``, with units where the metrics' names tell them."""
    clause = reading.clause
    value, threshold = (number_text(each, clause.unit) for each in (reading.value, reading.threshold))
    named = "" if clause.constant is not None else f" ({_shortened(clause.right)})"
    where = _labels(reading.labels) if reading.compared > 1 else ""
    nearest = f", the nearest of {reading.compared} series{where}" if reading.compared > 1 else ""
    return f"{_shortened(clause.left)} is {value}, wanted {clause.op} {threshold}{named}{nearest}"


def number_text(value: float | None, unit: str) -> str:
    """A value with its unit, ``no data`` without one."""
    # What divides by nothing, as a rate without events does, is an answer of its own: data there is.
    return "not a number" if value is not None and math.isnan(value) else quantity(value, unit)


def _among(failing: Sequence[ClauseReading], facts: RuleFacts) -> str:
    count = len(facts.clauses)
    return f"{count - len(failing)} of {count} conditions hold: " if count > 1 else ""


def _returns_nothing(reading: ClauseReading, facts: RuleFacts) -> str:
    if facts.missing:
        return f"no series for {_listed(facts.missing)}"
    if not reading.clause.compares:
        return f"{_shortened(reading.clause.text)} returns no series"
    return f"nothing to compare: {_shortened(reading.clause.text)} has no series on one side"


def _with_age(text: str, facts: RuleFacts) -> str:
    if facts.age is None:
        return text
    old = "oldest input is" if facts.age > OLD_AFTER else "oldest input"
    return f"{text}; {old} {_seconds(facts.age)} old"


def _hold_left(alert: Alert, rule: AlertingRule, now: float) -> str:
    held = max(0.0, now - alert.active_at)
    left = max(0.0, rule.timing.for_ - held)
    return (
        f"its condition holds for {_seconds(held)} of {_seconds(rule.timing.for_)}; "
        f"it fires in {_seconds(left)} if it stays so"
    )


def _held_unknown(alert: Alert, facts: RuleFacts) -> str:
    since = "" if alert.unknown_at is None else f" for {_seconds(facts.now - alert.unknown_at)}"
    behind = _downs(facts.down) if facts.down else "a target behind it did not report in time"
    return f"was {alert.held.value}, cannot be judged{since}: {behind}; it starts and resolves nothing"


def _held_firing(alert: Alert, rule: AlertingRule, now: float) -> Iterator[str]:
    if alert.keep_firing_since is not None:
        over = max(0.0, now - alert.keep_firing_since)
        left = max(0.0, rule.timing.keep_firing_for - over)
        yield f"its condition is over for {_seconds(over)}; keep_firing_for holds it {_seconds(left)} more"
    if rule.clear_if is not None:
        yield f"clears when {_shortened(rule.clear_if)}"


def _downs(down: Sequence[DownTarget]) -> str:
    return ", ".join(f"target {each.name} {each.why}" for each in down)


def _listed(selectors: Sequence[str]) -> str:
    return ", ".join(_shortened(selector) for selector in selectors)


def _labels(labels: Labels) -> str:
    shown = ", ".join(f'{name}="{value}"' for name, value in labels[:LABELS_SHOWN])
    return f" ({_shortened(shown)})" if shown else ""


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= TEXT_SHOWN else f"{line[: TEXT_SHOWN - 1]}…"


def _seconds(seconds: float) -> str:
    return quantity(seconds, "s")
