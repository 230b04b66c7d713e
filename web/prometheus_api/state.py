"""What Showcall itself is doing: /rules, /alerts, /targets, /status/buildinfo."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from flask import Blueprint, Response

from alerts.alert_state import Alert, AlertState
from alerts.rule import AlertingRule
from alerts.rule_outcome import RuleHealth, RuleStatus
from collector.round import TargetReport
from settings.durations import format_duration
from settings.schema import Settings, TargetSettings
from web import wording
from web.parts import parts
from web.prometheus_api import encoding, parameters
from web.prometheus_api.answering import answered, success
from web.prometheus_api.failure import invalid
from web.security import machine

Json = Mapping[str, object]

RULE_TYPES = {"": None, "alert": "alerting", "record": "recording"}
TARGET_STATES = {"", "active", "dropped", "any"}

blueprint = Blueprint("prometheus_state", __name__, url_prefix="/api/v1")


@blueprint.get("/rules")
@machine
@answered
def rules() -> Response:
    """Every rule by group, with its state and its alerts."""
    asked = parameters.value("type")
    if asked not in RULE_TYPES:
        raise invalid("type", f'not supported value "{asked}"')
    chosen = [status for status in parts().rules() if _is_wanted(status, RULE_TYPES[asked])]
    by_group = groupby(chosen, key=lambda status: (status.group.file, status.group.name))
    return success({"groups": [_group(list(found)) for _, found in by_group]})


@blueprint.get("/alerts")
@machine
@answered
def alerts() -> Response:
    """Alerts that are pending or firing."""
    found = [_alert(alert) for status in parts().rules() for alert in _active(status)]
    return success({"alerts": found})


@blueprint.get("/targets")
@machine
@answered
def targets() -> Response:
    """Every target with its last look. Targets are never dropped."""
    state = parameters.value("state").lower()
    if state not in TARGET_STATES:
        raise invalid("state", f'not supported value "{state}"')
    part = parts()
    reports = {report.target: report for report in part.targets()}
    active = [
        _target(each, reports.get(each.name), part.settings) for each in part.settings.collector.targets
    ]
    shown = [] if state == "dropped" else active
    return success({"activeTargets": shown, "droppedTargets": [], "droppedTargetCounts": {}})


@blueprint.get("/status/buildinfo")
@machine
@answered
def buildinfo() -> Response:
    """Which Prometheus this behaves as: clients choose their requests by it."""
    return success(
        {
            "version": "3.5.0",
            "revision": "showcall",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        }
    )


def _is_wanted(status: RuleStatus, kind: str | None) -> bool:
    names = {"rule_name[]": status.rule.name, "rule_group[]": status.group.name, "file[]": status.group.file}
    if any((asked := parameters.texts(key)) and found not in asked for key, found in names.items()):
        return False
    return kind is None or kind == _type(status)


def _type(status: RuleStatus) -> str:
    return "alerting" if isinstance(status.rule, AlertingRule) else "recording"


def _group(found: Sequence[RuleStatus]) -> Json:
    group = found[0].group
    return {
        "name": group.name,
        "file": group.file,
        "rules": [_rule(status) for status in found],
        "interval": group.interval,
        "limit": group.limit,
        "evaluationTime": sum(status.seconds for status in found),
        "lastEvaluation": wording.iso(max(status.at or 0.0 for status in found)),
    }


def _rule(status: RuleStatus) -> Json:
    """One rule; ``no_data`` is a word of ours, and ``ok`` for Prometheus."""
    health = "ok" if status.health is RuleHealth.NO_DATA else status.health.value
    error = {"lastError": status.error} if status.error else {}
    told = {"health": health, **error, "evaluationTime": status.seconds, "type": _type(status)}
    last = {"lastEvaluation": wording.iso(status.at or 0.0)}
    return {**_written(status), **told, **last}


def _written(status: RuleStatus) -> Json:
    rule = status.rule
    if not isinstance(rule, AlertingRule):
        return {"name": rule.name, "query": rule.expr, "labels": dict(rule.labels)}
    found = list(_active(status))
    return {
        "state": _worst(found),
        "name": rule.name,
        "query": rule.expr,
        "duration": rule.timing.for_,
        "keepFiringFor": rule.timing.keep_firing_for,
        "labels": {name: text.text for name, text in rule.labels.items()},
        "annotations": {name: text.text for name, text in rule.annotations.items()},
        "alerts": [_alert(alert) for alert in found],
    }


def _worst(found: Sequence[Alert]) -> str:
    states = {_state(alert) for alert in found}
    return next((state for state in ("firing", "pending") if state in states), "inactive")


def _active(status: RuleStatus) -> Iterator[Alert]:
    return (alert for alert in status.alerts if _state(alert) != "inactive")


def _state(alert: Alert) -> str:
    """Prometheus knows no unknown alerts: they are what they were when their target went down."""
    return (alert.held if alert.state is AlertState.UNKNOWN else alert.state).value


def _alert(alert: Alert) -> Json:
    return {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": _state(alert),
        "activeAt": wording.iso(alert.active_at),
        "value": encoding.exponential(alert.value),
    }


def _target(target: TargetSettings, report: TargetReport | None, settings: Settings) -> Json:
    url = target.url or f"{target.kind.value}://{target.name}"
    looked = _looked(report) if report else {"health": "unknown", "lastError": "", "lastScrapeDuration": 0}
    return {
        "discoveredLabels": {"job": target.name},
        "labels": {**target.labels, "job": target.name},
        "scrapePool": target.name,
        "scrapeUrl": url,
        "globalUrl": url,
        "scrapeInterval": format_duration(target.interval or settings.collector.interval),
        "scrapeTimeout": format_duration(target.timeout or settings.collector.timeout),
        "lastScrape": wording.iso(report.at if report else 0.0),
        **looked,
    }


def _looked(report: TargetReport) -> Json:
    return {
        "health": "up" if report.up else "down",
        "lastError": report.error or "",
        "lastScrapeDuration": report.duration,
    }
