"""The incidents' part of an evaluation: grouping, why cards, peaks and rows, ready to be stored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts import severity
from alerts.alert_rows import alert_name
from alerts.alert_state import Alert, AlertState
from alerts.grouping import Facts, Grouped, Placement, group
from alerts.held_lease import HeldLease, HeldLeases
from alerts.incident import Incident, IncidentReason, IncidentStep
from alerts.incident_rows import Told, opened_row, step_row
from alerts.timeline import NewTimelineRow, TimelineRow
from alerts.topology import Topology
from alerts.why_facts import ask_effects, ask_saturated, ask_why, higher
from metrics.values import Asker


@dataclass(frozen=True, slots=True)
class IncidentOutcome:
    """What becomes of incidents in one evaluation; new ones have negative ids.

    Attributes:
        changed: incidents whose row changes, as they are afterwards.
        steps: their changes one by one, for whoever follows along.
    """

    placements: tuple[Placement, ...] = ()
    opened: tuple[Incident, ...] = ()
    changed: tuple[Incident, ...] = ()
    steps: tuple[IncidentStep, ...] = ()
    rows: tuple[NewTimelineRow, ...] = ()


class IncidentWork:
    """Decides by pure functions; asks PromQL, the held levers and the timeline for what they need.

    Args:
        quiet: seconds without alert and lease before an incident is resolved.
        first_lever_set: an incident's timeline row of the first lever that was set, None without one.
    """

    def __init__(
        self,
        topology: Topology,
        asker: Asker,
        held: HeldLeases,
        first_lever_set: Callable[[int], TimelineRow | None],
        *,
        quiet: float,
    ) -> None:
        self._topology = topology
        self._asker = asker
        self._held = held
        self._first_lever_set = first_lever_set
        self._quiet = quiet

    def work(self, alerts: Sequence[Alert], incidents: Mapping[int, Incident], at: float) -> IncidentOutcome:
        """One evaluation.

        Args:
            alerts: all that are pending, firing or unknown now.
            incidents: the unresolved ones.
        """
        if not incidents and not any(_counts(alert) for alert in alerts):
            return IncidentOutcome()
        held = self._held.held()
        saturated = ask_saturated(self._topology.components, self._asker, at)
        facts = Facts(
            incidents=tuple(incidents.values()),
            held=held,
            saturated=frozenset(name for name, is_saturated in saturated.items() if is_saturated),
            topology=self._topology,
            quiet=self._quiet,
        )
        return self._outcome(group(alerts, facts, at), incidents, held, at)

    def _outcome(
        self,
        grouped: Grouped,
        incidents: Mapping[int, Incident],
        held: tuple[HeldLease, ...],
        at: float,
    ) -> IncidentOutcome:
        opened = tuple(self._opened(incident, held, at) for incident in grouped.opened)
        final = {**incidents, **{step.after.id: step.after for step in grouped.steps}}
        changed, rows = [], [opened_row(incident, at) for incident in opened]
        for incident in final.values():
            now = ask_effects(self._topology, incident.cause, self._asker, at)
            worst = replace(incident, peak=higher(incident.peak, now))
            if worst != incidents[incident.id]:
                changed.append(worst)
            told = Told(held=held, firing=_firing(grouped.alerts, incident.id), now=now)
            steps = [replace(step, after=worst) for step in grouped.steps if step.after.id == incident.id]
            rows += [row for step in steps if (row := self._row(step, told, at)) is not None]
        return IncidentOutcome(grouped.placements, opened, tuple(changed), grouped.steps, tuple(rows))

    def _opened(self, incident: Incident, held: tuple[HeldLease, ...], at: float) -> Incident:
        return replace(
            incident,
            why=ask_why(incident.cause, self._asker, at, self._topology, held),
            peak=ask_effects(self._topology, incident.cause, self._asker, at),
        )

    def _row(self, step: IncidentStep, told: Told, at: float) -> NewTimelineRow | None:
        if step.reason is IncidentReason.QUIET:
            told = replace(told, fixed_by=self._first_lever_set(step.after.id))
        return step_row(step, told, at)


def _counts(alert: Alert) -> bool:
    return alert.state is AlertState.FIRING and severity.holds(alert.severity)


def _firing(alerts: Sequence[Alert], incident_id: int) -> tuple[str, ...]:
    return tuple(
        alert_name(alert.rule, alert.labels)
        for alert in alerts
        if alert.incident_id == incident_id and _counts(alert)
    )
