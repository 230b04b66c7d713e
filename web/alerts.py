"""Alerts and rules: what fires, waits or cannot be judged, and why every other rule does not fire."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, abort, jsonify, render_template, request
from werkzeug.wrappers import Response

from alerts.alert_state import Alert, AlertState
from alerts.clause import ClauseReading
from alerts.quantity import quantity
from alerts.rule import AlertingRule, RuleGroup
from alerts.rule_outcome import RuleStatus
from alerts.unit import unit_of
from alerts.why_not import RuleFacts, WhyNotFiring, about_alert, number_text, why_not
from metrics.promql.parser import parse
from web.mirror import mirror, status_of
from web.parts import ConsoleParts, parts

PAGES = Path(__file__).parents[1] / "docs" / "rules"
LONGEST_PAGE = 64 * 1024
LINKED = ("runbook_url", "dashboard_url", "docs", "documentation")

blueprint = Blueprint("alerts", __name__, url_prefix="/alerts")

_ORDER = (AlertState.FIRING, AlertState.UNKNOWN, AlertState.PENDING)


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """An alert with its value in words and a line about what it waits for."""

    alert: Alert
    labels: str
    value: str
    since: float
    note: str


@dataclass(frozen=True, slots=True)
class ShownRule:
    """A rule with the line that says why it does not fire; ``asked`` is False before its first turn."""

    status: RuleStatus
    fires: bool
    asked: bool
    line: WhyNotFiring | None

    @property
    def state(self) -> str:
        """The worst state of its alerts, else ``inactive``; a recording rule is ``recording``."""
        if not isinstance(self.status.rule, AlertingRule):
            return "recording"
        states = {alert.state for alert in self.status.alerts}
        return next((state.value for state in _ORDER if state in states), AlertState.INACTIVE.value)


@dataclass(frozen=True, slots=True)
class ShownCondition:
    """A clause of a rule now; ``value`` and ``wanted`` are empty where it is no comparison."""

    text: str
    holds: bool
    holding: int
    compared: int
    value: str
    wanted: str
    labels: str


@dataclass(frozen=True, slots=True)
class ShownGroup:
    """A group of rules."""

    group: RuleGroup
    rules: tuple[ShownRule, ...]


@dataclass(frozen=True, slots=True)
class AlertsView:
    """Everything on the page, seen at one time (Unix seconds)."""

    at: float
    alerts: tuple[ShownAlert, ...]
    groups: tuple[ShownGroup, ...]


@dataclass(frozen=True, slots=True)
class RuleView:
    """One rule's page. ``links`` are annotations that lead somewhere, ``page`` the shipped page's text."""

    at: float
    rule: ShownRule
    facts: RuleFacts
    alerts: tuple[ShownAlert, ...]
    conditions: tuple[ShownCondition, ...]
    annotations: Mapping[str, str]
    links: Mapping[str, str]
    page: str


@blueprint.get("")
def listing() -> str:
    """Active alerts, then all rules by group."""
    return render_template("alerts.html", view=view(parts()))


@blueprint.get("/rule")
def rule() -> str:
    """One rule, by its key."""
    found = rule_view(parts(), request.args.get("key", ""))
    if found is None:
        abort(404, "There is no such rule.")
    return render_template("rule.html", view=found)


@blueprint.get("/rule/chart.json")
def chart_data() -> Response:
    """The rule's values and thresholds over the last 15 minutes."""
    try:
        return jsonify(mirror().chart_of(request.args.get("key", "")))
    except KeyError:
        abort(404, "There is no such rule.")


def view(part: ConsoleParts) -> AlertsView:
    """The page as it stands."""
    now, statuses = part.clock(), part.rules()
    facts = mirror().facts(statuses)
    active = [
        shown_alert(alert, status, facts.get(status.rule.key))
        for status in statuses
        for alert in status.alerts
    ]
    shown = [shown_rule(status, facts.get(status.rule.key)) for status in statuses]
    return AlertsView(now, tuple(sorted(active, key=_rank)), tuple(_grouped(shown)))


def rule_view(part: ConsoleParts, key: str) -> RuleView | None:
    """One rule's page; None when there is no such rule."""
    try:
        status, facts = status_of(part, key), mirror().facts_of(key)
    except KeyError:
        return None
    found = status.rule
    annotations = found.annotations if isinstance(found, AlertingRule) else {}
    texts = {name: template.text for name, template in annotations.items()}
    return RuleView(
        at=part.clock(),
        rule=shown_rule(status, facts),
        facts=facts,
        alerts=tuple(shown_alert(alert, status, facts) for alert in status.alerts),
        conditions=tuple(shown_condition(reading) for reading in facts.clauses),
        annotations=texts,
        links={name: texts[name] for name in LINKED if name in texts and is_link(texts[name])},
        page=page_text(PAGES, found.name),
    )


def shown_alert(alert: Alert, status: RuleStatus, facts: RuleFacts | None) -> ShownAlert:
    """An alert in words."""
    hidden = {"alertname", "severity"}
    labels = ", ".join(f'{name}="{value}"' for name, value in alert.labels if name not in hidden)
    return ShownAlert(
        alert=alert,
        labels=labels,
        value=quantity(alert.value, unit_of(parse(status.rule.expr))),
        since=alert.fired_at or alert.active_at,
        note="" if facts is None else about_alert(alert, facts),
    )


def shown_rule(status: RuleStatus, facts: RuleFacts | None) -> ShownRule:
    """A rule with its line; the alerts in the line are those of the same moment as the facts."""
    fires = any(alert.fires for alert in status.alerts)
    line = None if facts is None or fires else why_not(facts)
    return ShownRule(status, fires, facts is not None, line)


def shown_condition(reading: ClauseReading) -> ShownCondition:
    """A clause in words; the series that is nearest to its threshold is named where there are several."""
    clause = reading.clause
    wanted = f"{clause.op} {number_text(reading.threshold, clause.unit)}" if clause.compares else ""
    several = reading.compared > 1
    return ShownCondition(
        text=clause.text,
        holds=reading.holding > 0,
        holding=reading.holding,
        compared=reading.compared,
        value=number_text(reading.value, clause.unit) if clause.compares else "",
        wanted=wanted,
        labels=", ".join(f'{name}="{value}"' for name, value in reading.labels) if several else "",
    )


def is_link(text: str) -> bool:
    """Whether a text is a web address that may be followed."""
    try:
        return urlsplit(text).scheme in {"http", "https"} and "{{" not in text
    except ValueError:
        return False


def page_text(folder: Path, name: str) -> str:
    """The Markdown page of that name as text; empty when there is none."""
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        return ""
    try:
        with (folder / f"{name}.md").open(encoding="utf-8") as page:
            return page.read(LONGEST_PAGE)
    except (OSError, UnicodeDecodeError):
        return ""


def _grouped(rules: Sequence[ShownRule]) -> Iterator[ShownGroup]:
    by_group: dict[int, list[ShownRule]] = {}
    for each in rules:
        by_group.setdefault(id(each.status.group), []).append(each)
    for members in by_group.values():
        yield ShownGroup(members[0].status.group, tuple(members))


def _rank(shown: ShownAlert) -> tuple[int, float]:
    return _ORDER.index(shown.alert.state), shown.since
