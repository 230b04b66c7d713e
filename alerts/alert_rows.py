"""What the timeline says of alerts and of rules that fail."""

import math

from alerts.alert_state import Alert, AlertReason, Step
from alerts.quantity import quantity
from alerts.rule import Rule
from alerts.timeline import JsonValue, NewTimelineRow, TimelineKind
from metrics.values import Labels

_NOT_TOLD = frozenset({"alertname", "severity", "job", "instance", "component"})
_ENDINGS = {
    AlertReason.CONDITION_FALSE: "its condition is false",
    AlertReason.CLEARED: "its clear_if is true",
    AlertReason.SERIES_GONE: "its series are gone while their target is up",
    AlertReason.RULE_GONE: "its rule is gone from the configuration",
}


def alert_row(step: Step, at: float) -> NewTimelineRow | None:
    """The row of one change; None for changes that leave the state as it is."""
    told = _told(step, at)
    if told is None:
        return None
    kind, text = told
    alert = step.after
    return NewTimelineRow(
        at=at,
        kind=kind,
        reason=step.reason.value,
        text=text,
        incident_id=alert.incident_id,
        details=_details(alert),
    )


def rule_failed_row(rule: Rule, error: str, at: float) -> NewTimelineRow:
    """A rule that cannot be evaluated; its alerts stay as they are."""
    text = f"Rule {rule.name} ({rule.file}:{rule.line}) fails, its alerts stay as they are: {error}"
    return NewTimelineRow(at, TimelineKind.SHOWCALL, "rule_failed", text, details={"rule": rule.key})


def rule_works_row(rule: Rule, at: float) -> NewTimelineRow:
    """The end of that."""
    text = f"Rule {rule.name} ({rule.file}:{rule.line}) can be evaluated again"
    return NewTimelineRow(at, TimelineKind.SHOWCALL, "rule_works", text, details={"rule": rule.key})


def alert_name(rule: str, labels: Labels) -> str:
    """The rule with the labels that tell its alerts apart, e.g. ``EndpointLatencyHigh{uri="/pay"}``."""
    shown = ", ".join(f'{name}="{value}"' for name, value in labels if name not in _NOT_TOLD)
    return f"{rule}{{{shown}}}" if shown else rule


def _told(step: Step, at: float) -> tuple[TimelineKind, str] | None:
    alert = step.after
    name = alert_name(alert.rule, alert.labels)
    match step.reason:
        case AlertReason.CONDITION_TRUE:
            return TimelineKind.ALERT_PENDING, f"{name} is pending{_summary(alert)}"
        case AlertReason.FOR_ELAPSED:
            return (
                TimelineKind.ALERT_FIRING,
                f"{name} fires{_since(alert, at)}{_expected(alert)}{_summary(alert)}",
            )
        case AlertReason.INPUTS_STALE:
            text = f"{name} is unknown: its target is down or late; until then it counts as {alert.held}"
            return TimelineKind.ALERT_UNKNOWN, text
        case AlertReason.INPUTS_FRESH:
            return TimelineKind.ALERT_KNOWN, f"{name} is known again: it is still {alert.state}"
    return _ended(step, name, at)


def _ended(step: Step, name: str, at: float) -> tuple[TimelineKind, str] | None:
    ending = _ENDINGS.get(step.reason)
    if ending is None:
        return None
    alert = step.after
    if alert.fired_at is None:
        return TimelineKind.ALERT_CLEARED, f"{name} is no longer pending: {ending}"
    lasted = quantity(at - alert.fired_at, "s")
    return TimelineKind.ALERT_RESOLVED, f"{name} resolved after {lasted}: {ending}"


def _summary(alert: Alert) -> str:
    summary = alert.annotations.get("summary")
    return f": {summary}" if summary else ""


def _since(alert: Alert, at: float) -> str:
    return f" (true for {quantity(at - alert.active_at, 's')})" if at > alert.active_at else ""


def _expected(alert: Alert) -> str:
    return ", as expected behind an active lease" if alert.expected else ""


def _details(alert: Alert) -> dict[str, JsonValue]:
    return {
        "alert": alert.rule,
        "labels": dict(alert.labels),
        "severity": alert.severity,
        "component": alert.component,
        "value": alert.value if math.isfinite(alert.value) else None,
        "active_at": alert.active_at,
        "fired_at": alert.fired_at,
        "expected": alert.expected,
    }
