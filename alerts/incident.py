"""Incidents: alerts that share one failure path. Everything that moves an incident stands in this file.

    from       facts                                                        to         reason
    -          an alert fires that no unresolved incident explains          open       first_alert
    open       none of its alerts fires, a lease is held                    mitigated  alerts_clear
    mitigated  one of its alerts fires                                      open       alert_again
    open, mitigated
               no alert pending or firing, no lease, all that for `quiet`   resolved   quiet

After three reopenings within an hour an incident stays open until its alerts have been clear for `quiet`:
a flapping alert is one trouble, not many.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from alerts.why import WhyCard

REOPENINGS_AT_MOST = 3
REOPENINGS_WITHIN_SECONDS = 3600.0


class IncidentState(StrEnum):
    """``mitigated``: alerts clear while a lease is still held. Acknowledged is a mark, not a state."""

    OPEN = "open"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"


class IncidentReason(StrEnum):
    """Why an incident changed."""

    FIRST_ALERT = "first_alert"
    ALERTS_CLEAR = "alerts_clear"
    ALERT_AGAIN = "alert_again"
    QUIET = "quiet"
    DEEPER_CAUSE = "deeper_cause"


@dataclass(frozen=True, slots=True)
class Peak:
    """The worst value of one effect during the incident, and when (Unix seconds)."""

    title: str
    value: float
    unit: str
    text: str
    at: float


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as stored.

    Attributes:
        title: what is wrong, for a person.
        cause: the deepest saturated component, None when its alerts have no place in the topology.
        severity: the highest of its alerts.
        why: the why card frozen at the opening.
        peak: by ``component.title`` of the topology's effects, e.g. ``pool.waiting``.
        rules: names of the rules whose alerts it has had, in the order of joining.
        clear_since: since when none of its alerts fires, None while one does.
        quiet_since: since when nothing holds it open (no alert, no lease), None while something does.
        reopened_at: the times at which alerts came back after a mitigation.
    """

    id: int
    title: str
    state: IncidentState
    cause: str | None
    severity: str
    opened_at: float
    mitigated_at: float | None = None
    resolved_at: float | None = None
    acknowledged_by: str | None = None
    acknowledged_at: float | None = None
    why: WhyCard | None = None
    peak: Mapping[str, Peak] = field(default_factory=dict)
    rules: tuple[str, ...] = ()
    clear_since: float | None = None
    quiet_since: float | None = None
    reopened_at: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds an incident at one evaluation.

    Attributes:
        fires: one of its alerts fires, or fired when it became unknown; ``info`` alerts do not count.
        waits: an alert is pending that would join it.
        leased: a lever is held for it, or one on its path is away from its baseline.
    """

    fires: bool
    waits: bool
    leased: bool


@dataclass(frozen=True, slots=True)
class IncidentStep:
    """One change of one incident; a reason of None moves only its marks of time."""

    before: IncidentState
    after: Incident
    reason: IncidentReason | None


def progress(incident: Incident, standing: Standing, quiet: float, at: float) -> IncidentStep | None:
    """The change of an unresolved incident at one evaluation, or None.

    Args:
        quiet: seconds that must be quiet before it is resolved.
        at: Unix seconds.
    """
    marked = _marked(incident, standing, at)
    state, reason = _next_state(marked, standing, quiet, at)
    moved = _moved(marked, state, reason, at)
    return None if moved == incident else IncidentStep(incident.state, moved, reason)


def _marked(incident: Incident, standing: Standing, at: float) -> Incident:
    held = standing.fires or standing.waits or standing.leased
    return replace(
        incident,
        clear_since=None if standing.fires else _since(incident.clear_since, at),
        quiet_since=None if held else _since(incident.quiet_since, at),
    )


def _since(mark: float | None, at: float) -> float:
    # A clock set back must not make the wait longer than it is.
    return at if mark is None else min(mark, at)


def _next_state(
    incident: Incident, standing: Standing, quiet: float, at: float
) -> tuple[IncidentState, IncidentReason | None]:
    if standing.fires and incident.state is IncidentState.MITIGATED:
        return IncidentState.OPEN, IncidentReason.ALERT_AGAIN
    if incident.quiet_since is not None and at - incident.quiet_since >= quiet:
        return IncidentState.RESOLVED, IncidentReason.QUIET
    if standing.leased and incident.state is IncidentState.OPEN and _may_mitigate(incident, quiet, at):
        return IncidentState.MITIGATED, IncidentReason.ALERTS_CLEAR
    return incident.state, None


def _may_mitigate(incident: Incident, quiet: float, at: float) -> bool:
    if incident.clear_since is None:
        return False
    lately = [when for when in incident.reopened_at if at - when < REOPENINGS_WITHIN_SECONDS]
    return len(lately) < REOPENINGS_AT_MOST or at - incident.clear_since >= quiet


def _moved(incident: Incident, state: IncidentState, reason: IncidentReason | None, at: float) -> Incident:
    match reason:
        case IncidentReason.ALERTS_CLEAR:
            return replace(incident, state=state, mitigated_at=at)
        case IncidentReason.ALERT_AGAIN:
            return replace(incident, state=state, reopened_at=(*incident.reopened_at, at))
        case IncidentReason.QUIET:
            return replace(incident, state=state, resolved_at=at)
    return incident
