"""What a message about an incident says, whoever shows it: Slack, or the console's preview.

Pure wording over values. Times stay numbers (``At``), so that each reader sees them in their own time zone;
nothing here is escaped: that is for whoever renders.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

from alerts.incident import Incident, IncidentState
from alerts.quantity import quantity
from alerts.running_action import RunningAction
from alerts.timeline import TimelineRow

ACTIONS_SHOWN = 5
PEAKS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class At:
    """A moment in a text, Unix seconds."""

    seconds: float


Part: TypeAlias = str | At


@dataclass(frozen=True, slots=True)
class Line:
    """One labelled line."""

    label: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class RootMessage:
    """The one message of an incident.

    Attributes:
        state: ``open``, ``mitigated`` or ``resolved``.
        summary: one plain line, for notifications.
        link: the incident's page in the console.
        can_acknowledge: whether the button is shown.
        headline: a digest of what is worth an edit at once (state, severity, owner, actions, their values).
        body: a digest of everything.
    """

    incident_id: int
    title: str
    state: str
    severity: str
    summary: str
    lines: tuple[Line, ...]
    link: str
    can_acknowledge: bool
    headline: str
    body: str


def root_message(
    incident: Incident, actions: Sequence[RunningAction], resolution: TimelineRow | None, console: str
) -> RootMessage:
    """The message as it stands now.

    Args:
        actions: levers held for the incident.
        resolution: the row that resolved it, if it is resolved.
        console: address of the console, without a slash at its end.
    """
    over = incident.state is IncidentState.RESOLVED
    details = resolution.details if over and resolution is not None else {}
    lines = (
        Line("State", _state(incident)),
        Line("Owner", _owner(incident)),
        *(Line("Doing now", _action(action)) for action in actions[:ACTIONS_SHOWN]),
        *_more(len(actions) - ACTIONS_SHOWN),
        *_impact(incident, details),
        *_fixed_by(details),
        *_why(incident),
    )
    levers = [[action.lever, action.value] for action in actions]
    head = [incident.title, incident.state, incident.severity, incident.acknowledged_by, levers]
    return RootMessage(
        incident_id=incident.id,
        title=incident.title,
        state=incident.state.value,
        severity=incident.severity,
        summary=f"Incident {incident.id} {incident.state}: {incident.title} ({incident.severity})",
        lines=lines,
        link=f"{console}/incidents/{incident.id}",
        can_acknowledge=not over and incident.acknowledged_by is None,
        headline=_digest(head),
        body=_digest([head, [asdict(line) for line in lines]]),
    )


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, ensure_ascii=False).encode()).hexdigest()[:16]


def _state(incident: Incident) -> tuple[Part, ...]:
    since = (" · since ", At(incident.opened_at))
    if incident.state is IncidentState.RESOLVED and incident.resolved_at is not None:
        lasted = quantity(incident.resolved_at - incident.opened_at, "s")
        return (f"resolved · {incident.severity} · ", At(incident.resolved_at), f" after {lasted}")
    if incident.state is IncidentState.MITIGATED and incident.mitigated_at is not None:
        quiet = (", no alert fires since ", At(incident.mitigated_at))
        return (f"mitigated · {incident.severity}", *since, *quiet)
    return (f"{incident.state} · {incident.severity}", *since)


def _owner(incident: Incident) -> tuple[Part, ...]:
    if incident.acknowledged_by is None:
        return ("nobody" if incident.state is IncidentState.RESOLVED else "nobody yet",)
    if incident.acknowledged_at is None:
        return (incident.acknowledged_by,)
    return (f"{incident.acknowledged_by}, since ", At(incident.acknowledged_at))


def _action(action: RunningAction) -> tuple[Part, ...]:
    held = f"{action.title} at {action.value} (baseline {action.baseline}) until "
    return (held, At(action.until), f" unless renewed: {action.doing}")


def _more(number: int) -> tuple[Line, ...]:
    return (Line("Doing now", (f"and {number} more levers",)),) if number > 0 else ()


def _impact(incident: Incident, details: Mapping[str, object]) -> tuple[Line, ...]:
    """The worst figures, and beside them what they are now when the incident is over."""
    now = details.get("now")
    values = now if isinstance(now, Mapping) else {}
    told = [
        f"{key.replace('.', ' ')} {peak.text}{_now(values.get(key))}"
        for key, peak in list(incident.peak.items())[:PEAKS_SHOWN]
    ]
    return (Line("Peak", ("; ".join(told),)),) if told else ()


def _now(value: object) -> str:
    return f" (now {value.get('text')})" if isinstance(value, Mapping) else ""


def _fixed_by(details: Mapping[str, object]) -> tuple[Line, ...]:
    if not details:
        return ()
    by = details.get("fixed_by")
    text = str(by.get("text")) if isinstance(by, Mapping) else "nothing that Showcall did"
    return (Line("Fixed by", (text,)),)


def _why(incident: Incident) -> tuple[Line, ...]:
    chain = incident.why.chain if incident.why is not None else ""
    return (Line("Why", (chain,)),) if chain else ()
