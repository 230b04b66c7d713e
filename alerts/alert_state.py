"""Alerts and their states. Everything that moves an alert from one state to another stands in this file.

    from      condition                                to        reason
    inactive  true, `for` is 0 or over, unstored       firing    for_elapsed
    inactive  true                                     pending   condition_true
    inactive  unknown                                  inactive  (a stale input starts nothing)
    pending   true for at least `for`                  firing    for_elapsed
    pending   false                                    inactive  condition_false
    pending   unknown                                  unknown   inputs_stale
    firing    false, `keep_firing_for` not yet over    firing    kept_firing
    firing    false, `clear_if` not yet true           firing    (the second threshold holds it)
    firing    false                                    inactive  condition_false, cleared, series_gone
    firing    unknown                                  unknown   inputs_stale
    unknown   unknown                                  unknown   (it holds what was)
    unknown   anything else                            what was held, reason inputs_fresh, then judged as that
    any       its rule is gone from the configuration  inactive  rule_gone

`for` counts only time in which the condition could be seen: time without evaluations, time of unknown inputs
and time that a clock jumped over are left out. The rest is as in Prometheus.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from metrics.values import Labels


class AlertState(StrEnum):
    """State of one label set of a rule."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    UNKNOWN = "unknown"


class Condition(StrEnum):
    """What one evaluation says about one label set."""

    TRUE = "true"
    FALSE = "false"
    """The expression has no such sample, and the rule has no second threshold."""
    CLEARED = "cleared"
    """As false, and the rule's ``clear_if`` is true."""
    NOT_CLEARED = "not_cleared"
    """As false, but the rule's ``clear_if`` is not true yet."""
    GONE = "gone"
    """As false, and the series that ``clear_if`` looks at are gone while their target is up."""
    UNKNOWN = "unknown"
    """A target behind the expression has been down or late for more than one evaluation."""


class AlertReason(StrEnum):
    """Why an alert changed."""

    CONDITION_TRUE = "condition_true"
    FOR_ELAPSED = "for_elapsed"
    CONDITION_FALSE = "condition_false"
    CLEARED = "cleared"
    SERIES_GONE = "series_gone"
    KEPT_FIRING = "kept_firing"
    TRUE_AGAIN = "true_again"
    INPUTS_STALE = "inputs_stale"
    INPUTS_FRESH = "inputs_fresh"
    TIME_JUMPED = "time_jumped"
    RULE_GONE = "rule_gone"


@dataclass(frozen=True, slots=True)
class Alert:
    """One episode of one label set of a rule, from the first true evaluation to the last.

    Attributes:
        rule: the alert's name, e.g. ``PoolExhausted``.
        labels: the sample's and the rule's labels, with ``alertname``.
        state: ``inactive`` once it has resolved.
        held: what it was when it became unknown; the same as ``state`` otherwise.
        active_at: Unix seconds from which ``for`` counts; the first evaluation at which the condition held.
        fired_at: when it began to fire, None while pending.
        resolved_at: when it stopped firing, None before.
        value: the value of the rule's expression, newest in memory, of the last change in SQL.
        component: place in the topology, None when it has none there.
        severity: ``critical``, ``warning`` or ``info``.
        incident_id: the incident it belongs to, None before it fires and for ``info`` alone.
        expected: it fired on a component behind an active lease: it joins that incident and starts nothing.
        id: key of the stored episode, 0 before it is stored.
        unknown_at: since when the state is unknown.
        keep_firing_since: when the condition went away while ``keep_firing_for`` holds it.
        rule_key: which rule of all, e.g. ``pool/PoolExhausted`` (group and name).
    """

    rule: str
    labels: Labels
    annotations: Mapping[str, str]
    state: AlertState
    held: AlertState
    active_at: float
    fired_at: float | None
    resolved_at: float | None
    value: float
    component: str | None
    severity: str
    incident_id: int | None
    expected: bool = False
    id: int = 0
    unknown_at: float | None = None
    keep_firing_since: float | None = None
    rule_key: str = ""

    @property
    def fires(self) -> bool:
        """Whether it is firing as far as anybody knows."""
        return AlertState.FIRING in {self.state, self.held}


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one alert; ``kept_firing``, ``true_again``, ``time_jumped`` leave the state as it is."""

    before: AlertState
    after: Alert
    reason: AlertReason


@dataclass(frozen=True, slots=True)
class Timing:
    """A rule's ``for`` and ``keep_firing_for``, seconds."""

    for_: float
    keep_firing_for: float


def judge(alert: Alert, condition: Condition, timing: Timing, at: float, missed: float = 0.0) -> list[Step]:
    """The changes of an alert at one evaluation, in order; none when nothing changes.

    Args:
        alert: as it was; a label set seen for the first time comes as inactive, active since now, or since
            it was first seen where that could not be stored.
        at: time of the evaluation, Unix seconds.
        missed: seconds before this evaluation in which there should have been others; less than 0 for a clock
            that was set back.
    """
    steps = _timed(alert, at, missed)
    alert = steps[-1].after if steps else alert
    if alert.state is AlertState.UNKNOWN and condition is not Condition.UNKNOWN:
        steps.append(_known_again(alert, at))
        alert = steps[-1].after
    match alert.state:
        case AlertState.INACTIVE:
            steps += _of_inactive(alert, condition, timing, at)
        case AlertState.PENDING:
            steps += _of_pending(alert, condition, timing, at)
        case AlertState.FIRING:
            steps += _of_firing(alert, condition, timing, at)
    return steps


def without_rule(alert: Alert, at: float) -> Step:
    """The end of an alert whose rule is gone from the configuration."""
    return _ended(alert, AlertReason.RULE_GONE, at)


def _timed(alert: Alert, at: float, missed: float) -> list[Step]:
    """``for`` never counts time that nobody saw, and a clock set back never makes it wait for the old one.

    ``missed`` is less than 0 where the clock was set back by as much.
    """
    changed = alert
    if alert.held is AlertState.PENDING:
        changed = replace(changed, active_at=min(alert.active_at + missed, at))
    if alert.keep_firing_since is not None:
        changed = replace(changed, keep_firing_since=min(alert.keep_firing_since + min(missed, 0.0), at))
    if alert.unknown_at is not None:
        changed = replace(changed, unknown_at=min(alert.unknown_at + missed, at))
    return [] if changed == alert else [Step(alert.state, changed, AlertReason.TIME_JUMPED)]


def _known_again(alert: Alert, at: float) -> Step:
    unseen = 0.0 if alert.unknown_at is None else at - alert.unknown_at
    waits = alert.held is AlertState.PENDING
    known = replace(
        alert,
        state=alert.held,
        unknown_at=None,
        active_at=min(alert.active_at + unseen, at) if waits else alert.active_at,
    )
    return Step(AlertState.UNKNOWN, known, AlertReason.INPUTS_FRESH)


def _of_inactive(alert: Alert, condition: Condition, timing: Timing, at: float) -> list[Step]:
    if condition is not Condition.TRUE:
        return []
    begun = replace(alert, active_at=min(alert.active_at, at), resolved_at=None)
    if _elapsed(begun.active_at, timing.for_, at):
        return [_fired(begun, at)]
    return [_moved(begun, AlertState.PENDING, AlertReason.CONDITION_TRUE)]


def _of_pending(alert: Alert, condition: Condition, timing: Timing, at: float) -> list[Step]:
    if condition is Condition.UNKNOWN:
        return [_unknown(alert, at)]
    if condition is not Condition.TRUE:
        return [_ended(alert, AlertReason.CONDITION_FALSE, at)]
    return [_fired(alert, at)] if _elapsed(alert.active_at, timing.for_, at) else []


def _of_firing(alert: Alert, condition: Condition, timing: Timing, at: float) -> list[Step]:
    if condition is Condition.UNKNOWN:
        return [_unknown(alert, at)]
    if condition is Condition.TRUE:
        return _no_longer_kept(alert)
    since = at if alert.keep_firing_since is None else alert.keep_firing_since
    if not _elapsed(since, timing.keep_firing_for, at):
        kept = replace(alert, keep_firing_since=since)
        return [] if kept == alert else [Step(alert.state, kept, AlertReason.KEPT_FIRING)]
    if condition is Condition.NOT_CLEARED:
        return []
    reasons = {Condition.CLEARED: AlertReason.CLEARED, Condition.GONE: AlertReason.SERIES_GONE}
    return [_ended(alert, reasons.get(condition, AlertReason.CONDITION_FALSE), at)]


def _no_longer_kept(alert: Alert) -> list[Step]:
    if alert.keep_firing_since is None:
        return []
    return [Step(alert.state, replace(alert, keep_firing_since=None), AlertReason.TRUE_AGAIN)]


def _elapsed(since: float, wanted: float, at: float) -> bool:
    # Whole milliseconds, as in Prometheus: 1.7e9 + 0.3 and the like must not miss a `for` by one float step.
    return round((at - since) * 1000) >= round(wanted * 1000)


def _moved(alert: Alert, state: AlertState, reason: AlertReason) -> Step:
    return Step(alert.state, replace(alert, state=state, held=state), reason)


def _fired(alert: Alert, at: float) -> Step:
    return _moved(replace(alert, fired_at=at), AlertState.FIRING, AlertReason.FOR_ELAPSED)


def _unknown(alert: Alert, at: float) -> Step:
    stale = replace(alert, state=AlertState.UNKNOWN, held=alert.state, unknown_at=at)
    return Step(alert.state, stale, AlertReason.INPUTS_STALE)


def _ended(alert: Alert, reason: AlertReason, at: float) -> Step:
    ended = replace(
        alert,
        state=AlertState.INACTIVE,
        held=AlertState.INACTIVE,
        resolved_at=at,
        unknown_at=None,
        keep_firing_since=None,
    )
    return Step(alert.state, ended, reason)
