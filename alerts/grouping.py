"""Which incident an alert belongs to, what the cause is, and how incidents move: pure over one evaluation.

Alerts are grouped by failure path: an alert joins the oldest unresolved incident whose cause lies on one way
of calls with the alert's component. The cause is the deepest component that is saturated or alerts. What is
behind an active lease is expected. ``info`` alerts join incidents but neither open nor hold them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from alerts import severity
from alerts.alert_state import Alert, AlertState
from alerts.held_lease import HeldLease
from alerts.incident import Incident, IncidentReason, IncidentState, IncidentStep, Standing, progress
from alerts.topology import Topology


class PlacementReason(StrEnum):
    """Why an alert is in its incident."""

    FIRST_ALERT = "first_alert"
    SAME_PATH = "same_path"
    SAME_RULE = "same_rule"
    EXPECTED = "expected"


@dataclass(frozen=True, slots=True)
class Placement:
    """An alert with the incident it has joined; a new incident has a negative id until it is stored."""

    alert: Alert
    reason: PlacementReason


@dataclass(frozen=True, slots=True)
class Grouped:
    """The outcome for one evaluation: new incidents as they open, and changes of those there were.

    ``alerts`` are those that were given, in their incidents.
    """

    alerts: tuple[Alert, ...]
    opened: tuple[Incident, ...]
    placements: tuple[Placement, ...]
    steps: tuple[IncidentStep, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What grouping looks at, apart from the alerts.

    Attributes:
        incidents: the unresolved ones.
        held: levers away from their baseline.
        saturated: components whose ``saturated`` query returns something now.
    """

    incidents: tuple[Incident, ...]
    held: tuple[HeldLease, ...]
    saturated: frozenset[str]
    topology: Topology
    quiet: float


def group(alerts: Sequence[Alert], facts: Facts, at: float) -> Grouped:
    """Place the firing alerts that have no incident yet, then move every incident.

    Args:
        alerts: all that are pending, firing or unknown after this evaluation.
    """
    incidents = {incident.id: incident for incident in facts.incidents}
    placements: list[Placement] = []
    for alert in _homeless(alerts, facts.topology):
        placement = _placed(alert, tuple(incidents.values()), facts)
        if placement is None:
            continue
        incident_id = placement.alert.incident_id or -1 - len(incidents)
        placement = replace(placement, alert=replace(placement.alert, incident_id=incident_id))
        incidents[incident_id] = _joined(incidents.get(incident_id), placement.alert, facts, at)
        placements.append(placement)
    alerts = _with_places(alerts, placements)
    before = {incident.id: incident for incident in facts.incidents}
    steps = [
        step
        for incident in before.values()
        for step in _moves(incident, incidents[incident.id], alerts, facts, at)
    ]
    opened = tuple(incident for incident in incidents.values() if incident.id not in before)
    return Grouped(tuple(alerts), opened, tuple(placements), tuple(steps))


def _homeless(alerts: Sequence[Alert], topology: Topology) -> list[Alert]:
    """The most severe and deepest first: the first one opens the incident that the others join."""
    firing = [alert for alert in alerts if alert.state is AlertState.FIRING and alert.incident_id is None]
    return sorted(firing, key=lambda alert: _weight(alert, topology), reverse=True)


def _weight(alert: Alert, topology: Topology) -> tuple[int, int]:
    return severity.rank(alert.severity), topology.depth(alert.component)


def _placed(alert: Alert, incidents: Sequence[Incident], facts: Facts) -> Placement | None:
    """An alert in its incident; without an id where it opens one, None where it has none."""
    related = [incident for incident in incidents if _related(alert, incident, facts.topology)]
    if not related:
        return Placement(alert, PlacementReason.FIRST_ALERT) if severity.holds(alert.severity) else None
    for incident in related:
        if _is_expected(alert, incident, facts):
            joined = replace(alert, incident_id=incident.id, expected=True)
            return Placement(joined, PlacementReason.EXPECTED)
    reason = PlacementReason.SAME_RULE if related[0].cause is None else PlacementReason.SAME_PATH
    return Placement(replace(alert, incident_id=related[0].id), reason)


def _related(alert: Alert, incident: Incident, topology: Topology) -> bool:
    if alert.component is None or incident.cause is None:
        return alert.component == incident.cause and alert.rule in incident.rules
    return topology.on_one_path(alert.component, incident.cause)


def _is_expected(alert: Alert, incident: Incident, facts: Facts) -> bool:
    return alert.component is not None and any(
        lease.incident_id == incident.id and alert.component in facts.topology.behind(lease.component)
        for lease in facts.held
    )


def _joined(incident: Incident | None, alert: Alert, facts: Facts, at: float) -> Incident:
    if incident is None:
        incident = _new(alert, at)
    if severity.rank(alert.severity) > severity.rank(incident.severity):
        incident = replace(incident, severity=alert.severity, title=_title(alert))
    rules = incident.rules if alert.rule in incident.rules else (*incident.rules, alert.rule)
    return replace(incident, rules=rules, cause=_cause(incident, [alert], facts))


def _new(alert: Alert, at: float) -> Incident:
    return Incident(
        id=alert.incident_id or 0,
        title=_title(alert),
        state=IncidentState.OPEN,
        cause=alert.component,
        severity=alert.severity,
        opened_at=at,
    )


def _title(alert: Alert) -> str:
    return alert.annotations.get("summary") or alert.rule


def _cause(incident: Incident, alerts: Sequence[Alert], facts: Facts) -> str | None:
    """The deepest on the path of the present cause; never a shallower one, so it cannot flap."""
    if incident.cause is None:
        return None
    alerting = {alert.component for alert in alerts if alert.component and severity.holds(alert.severity)}
    candidates = {
        name for name in facts.saturated | alerting if name in facts.topology.behind(incident.cause)
    }
    return facts.topology.deepest({incident.cause, *candidates})


def _with_places(alerts: Sequence[Alert], placements: Sequence[Placement]) -> list[Alert]:
    placed = {(place.alert.rule_key, place.alert.labels): place.alert for place in placements}
    return [placed.get((alert.rule_key, alert.labels), alert) for alert in alerts]


def _moves(
    before: Incident, joined: Incident, alerts: Sequence[Alert], facts: Facts, at: float
) -> list[IncidentStep]:
    """The steps of one incident: what joined it and a deeper cause first, then its state."""
    deepened = joined
    if joined.state is IncidentState.OPEN:
        deepened = replace(joined, cause=_cause(joined, [], facts))
    steps = []
    if deepened != before:
        reason = IncidentReason.DEEPER_CAUSE if deepened.cause != before.cause else None
        steps.append(IncidentStep(before.state, deepened, reason))
    moved = progress(deepened, _standing(deepened, alerts, facts), facts.quiet, at)
    return steps if moved is None else [*steps, moved]


def _standing(incident: Incident, alerts: Sequence[Alert], facts: Facts) -> Standing:
    holding = [alert for alert in alerts if severity.holds(alert.severity)]
    return Standing(
        fires=any(alert.fires and alert.incident_id == incident.id for alert in holding),
        waits=any(not alert.fires and _related(alert, incident, facts.topology) for alert in holding),
        leased=any(_is_held_for(lease, incident, facts.topology) for lease in facts.held),
    )


def _is_held_for(lease: HeldLease, incident: Incident, topology: Topology) -> bool:
    if lease.incident_id is not None:
        return lease.incident_id == incident.id
    return incident.cause is not None and topology.on_one_path(lease.component, incident.cause)
