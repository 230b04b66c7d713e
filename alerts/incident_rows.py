"""What the timeline says of incidents."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from alerts.held_lease import HeldLease
from alerts.incident import Incident, IncidentReason, IncidentStep, Peak
from alerts.quantity import quantity
from alerts.timeline import JsonValue, NewTimelineRow, TimelineKind, TimelineRow

_KINDS = {
    IncidentReason.ALERTS_CLEAR: TimelineKind.INCIDENT_MITIGATED,
    IncidentReason.ALERT_AGAIN: TimelineKind.INCIDENT_REOPENED,
    IncidentReason.QUIET: TimelineKind.INCIDENT_RESOLVED,
    IncidentReason.DEEPER_CAUSE: TimelineKind.INCIDENT_CAUSE,
}
_NOTHING_OF_OURS = "nothing that Showcall did"


@dataclass(frozen=True, slots=True)
class Told:
    """What a row of an incident needs besides the incident.

    Attributes:
        held: levers away from their baseline.
        firing: names of its alerts that fire.
        now: the effects at this moment, by the keys of ``Incident.peak``.
        fixed_by: the timeline row of the first lever that was set for it, if any.
    """

    held: tuple[HeldLease, ...] = ()
    firing: tuple[str, ...] = ()
    now: Mapping[str, Peak] | None = None
    fixed_by: TimelineRow | None = None


def opened_row(incident: Incident, at: float) -> NewTimelineRow:
    """The incident opens, with the chain of its why card."""
    chain = incident.why.chain if incident.why is not None else ""
    return NewTimelineRow(
        at=at,
        kind=TimelineKind.INCIDENT_OPENED,
        reason=IncidentReason.FIRST_ALERT.value,
        text=f"Incident opened: {incident.title}" + (f" ({chain})" if chain else ""),
        incident_id=incident.id,
        details={"severity": incident.severity, "cause": incident.cause, "chain": chain},
    )


def step_row(step: IncidentStep, told: Told, at: float) -> NewTimelineRow | None:
    """The row of one change; None when only marks of time moved."""
    if step.reason is None:
        return None
    incident = step.after
    text, details = _worded(step.reason, incident, told, at)
    return NewTimelineRow(
        at=at,
        kind=_KINDS[step.reason],
        reason=step.reason.value,
        text=text,
        incident_id=incident.id,
        run_key=told.fixed_by.run_key if told.fixed_by and step.reason is IncidentReason.QUIET else None,
        details=details,
    )


def _worded(
    reason: IncidentReason, incident: Incident, told: Told, at: float
) -> tuple[str, Mapping[str, JsonValue]]:
    match reason:
        case IncidentReason.ALERTS_CLEAR:
            levers = ", ".join(_held(lease) for lease in told.held)
            return f"Mitigated: no alert fires while {levers}", {
                "levers": [_json(lease) for lease in told.held]
            }
        case IncidentReason.ALERT_AGAIN:
            return f"Reopened, firing again: {', '.join(told.firing)}", {"alerts": list(told.firing)}
        case IncidentReason.DEEPER_CAUSE:
            return f"The cause lies deeper: {incident.cause}", {"cause": incident.cause}
    return _resolved(incident, told, at)


def _held(lease: HeldLease) -> str:
    value, baseline = (
        level if isinstance(level, str) else quantity(level, lease.unit)
        for level in (lease.value, lease.baseline)
    )
    return f"{lease.lever} is held at {value} (baseline {baseline})"


def _json(lease: HeldLease) -> JsonValue:
    return asdict(lease)


def _resolved(incident: Incident, told: Told, at: float) -> tuple[str, Mapping[str, JsonValue]]:
    lasted = at - incident.opened_at
    now = told.now or {}
    peaks = "; ".join(_peak(key, peak, now.get(key)) for key, peak in incident.peak.items())
    by = told.fixed_by
    fixed = by.text if by is not None else _NOTHING_OF_OURS
    text = f"Resolved after {quantity(lasted, 's')}; fixed by: {fixed}" + (f"; {peaks}" if peaks else "")
    return text, {
        "duration": lasted,
        "peak": {key: asdict(peak) for key, peak in incident.peak.items()},
        "now": {key: asdict(peak) for key, peak in now.items()},
        "fixed_by": None if by is None else {"actor": by.actor, "run_key": by.run_key, "text": by.text},
    }


def _peak(key: str, peak: Peak, now: Peak | None) -> str:
    return f"{key} peaked at {peak.text}" + ("" if now is None else f", now {now.text}")
