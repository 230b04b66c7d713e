"""What Showcall itself is doing: /rules, /alerts, /targets, /status/buildinfo."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

from flask import Blueprint, Response

from alerts.alert_state import Alert, AlertState
from alerts.rule import AlertingRule
from alerts.rule_outcome import RuleHealth, RuleStatus
from collector.round import TargetReport
from collector.sources import target_labels
from metrics.promql import printer
from metrics.promql.parser import parse
from settings.durations import format_duration
from settings.schema import Settings, TargetSettings
from web import wording
from web.parts import parts
from web.prometheus_api import encoding, parameters, rule_choice
from web.prometheus_api.answering import answered, success
from web.security import machine

Json = Mapping[str, object]

blueprint = Blueprint("prometheus_state", __name__, url_prefix="/api/v1")


@blueprint.get("/rules")
@machine
@answered
def rules() -> Response:
    """Every rule by group, with its state and its alerts."""
    wanted = rule_choice.asked()
    chosen = [status for status in parts().rules() if rule_choice.is_wanted(status, wanted)]
    by_group = groupby(chosen, key=lambda status: (status.group.file, status.group.name))
    found, following = rule_choice.page([list(each) for _, each in by_group], wanted)
    more = {"groupNextToken": following} if following else {}
    return success({"groups": [_group(each, wanted.alerts) for each in found], **more})


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
    state, pool = parameters.value("state").lower(), parameters.value("scrapePool")
    part = parts()
    reports = {report.target: report for report in part.targets()}
    wanted = [
        each
        for each in part.settings.collector.targets
        if state in {"", "any", "active"} and pool in {"", each.name}
    ]
    active = [_target(each, reports.get(each.name), part.settings) for each in wanted]
    counts = {each.name: 0 for each in wanted} if state != "active" else {}
    return success({"activeTargets": active, "droppedTargets": [], "droppedTargetCounts": counts})


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


def _group(found: Sequence[RuleStatus], with_alerts: bool) -> Json:
    group = found[0].group
    return {
        "name": group.name,
        "file": group.file,
        "rules": [_rule(status, with_alerts) for status in found],
        "interval": group.interval,
        "limit": group.limit,
        "evaluationTime": sum(status.seconds for status in found),
        "lastEvaluation": wording.iso(max(status.at or 0.0 for status in found)),
    }


def _rule(status: RuleStatus, with_alerts: bool) -> Json:
    """One rule; ``no_data`` is a word of ours, and ``ok`` for Prometheus."""
    health = "ok" if status.health is RuleHealth.NO_DATA else status.health.value
    return {
        **_written(status, with_alerts),
        "health": health,
        **({"lastError": status.error} if status.error else {}),
        "evaluationTime": status.seconds,
        "lastEvaluation": wording.iso(status.at or 0.0),
        "type": rule_choice.kind(status),
    }


def _written(status: RuleStatus, with_alerts: bool) -> Json:
    rule = status.rule
    if not isinstance(rule, AlertingRule):
        labels = {"labels": rule_choice.labels_of(status)} if rule.labels else {}
        return {"name": rule.name, "query": _canonical(rule.expr), **labels}
    found = list(_active(status))
    return {
        "state": _worst(found),
        "name": rule.name,
        "query": _canonical(rule.expr),
        "duration": rule.timing.for_,
        "keepFiringFor": rule.timing.keep_firing_for,
        "labels": rule_choice.labels_of(status),
        "annotations": {name: text.text for name, text in rule.annotations.items()},
        "alerts": [_alert(alert) for alert in found] if with_alerts else [],
    }


@lru_cache(maxsize=1024)
def _canonical(expr: str) -> str:
    return printer.to_text(parse(expr))


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
        "labels": dict(target_labels(target)),
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
